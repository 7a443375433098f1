//! The files of a run folder, one kind after the other: what each is held against.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::audit::{self, Audited, Finding};
use crate::commands::derive::frozen;
use crate::commands::judges::JUDGES;
use crate::commands::verify::{Verified, fresh, totals};
use crate::commands::{Failure, Host, judging, relocated};
use crate::dataset::Dataset;
use crate::digest::{self, SUMS};
use crate::emulator;
use crate::journal::{RunFolder, RunLock};
use crate::manifest::{KEPT, Secrets};
use crate::model::Digest;

/// Files that stand in a run folder for a moment, or hold nothing.
const PASSING: [&str; 3] = ["journal.lock", "journal.reserve", "control.json"];

/// Folders of files with a list of their digests, and folders of such folders.
const LISTED: [(&str, bool); 2] = [(relocated::INPUTS, false), ("scores", true)];

/// A run folder that is looked at.
struct Looking<'a> {
    folder: &'a RunFolder,
    /// What stands before its files' names.
    prefix: &'a str,
    verified: &'a mut Verified,
    host: &'a dyn Host,
    /// Files that are known.
    seen: BTreeSet<String>,
    /// Whether everything that its results are derived from is as it was written.
    is_sound: bool,
}

/// Checks a run folder, and says whether what results are derived from is sound.
pub(super) fn verify(
    folder: &RunFolder,
    prefix: &str,
    verified: &mut Verified,
    host: &dyn Host,
) -> Result<bool, Failure> {
    let is_alive = folder.is_locked() || judging::is_at_work(folder);
    let seen = PASSING.iter().map(|name| (*name).to_owned()).collect();
    let mut looking = Looking { folder, prefix, verified, host, seen, is_sound: true };
    let audited = looking.journal(is_alive)?;
    let lock = looking.begun_with(&audited)?;
    if let Some(lock) = &lock {
        looking.kept(lock)?;
    }
    looking.damaged(&audited)?;
    looking.ledger()?;
    looking.judges()?;
    for (name, has_sets) in LISTED {
        looking.listed(name, has_sets)?;
    }
    if let Some(lock) = lock.filter(|_| audited.is_whole) {
        looking.dataset(&lock.as_changed(audited.state.changed()), &audited)?;
    }
    let (is_sound, seen) = (looking.is_sound, looking.seen);
    let seen = fresh::compare(folder, prefix, &audited, is_sound && !is_alive, seen, verified, host)?;
    if is_alive {
        verified.notes.push(format!("{prefix}: a process works on this run; its results are left out"));
    } else if is_sound {
        totals::compare(folder, prefix, &audited, verified)?;
    }
    unexpected(folder.path(), prefix, &seen, verified)?;
    Ok(is_sound)
}

impl Looking<'_> {
    fn name(&self, file: &str) -> String {
        format!("{}{file}", self.prefix)
    }

    fn differs(&mut self, file: &str, what: impl Into<String>) {
        self.is_sound = false;
        let file = self.name(file);
        self.verified.findings.push(Finding::of(file, what));
    }

    fn journal(&mut self, is_alive: bool) -> Result<Audited, Failure> {
        let file = self.name("journal.jsonl");
        let audited = audit::journal(&self.folder.journal(), &file, is_alive)?;
        self.seen.insert("journal.jsonl".to_owned());
        self.is_sound &= audited.findings.is_empty();
        self.verified.findings.extend(audited.findings.iter().cloned());
        self.verified.events += audited.events;
        self.verified.replies += audited.replies;
        self.verified
            .holds(file, "number and checksum of each line, the order of events, and replies read again");
        Ok(audited)
    }

    /// manifest.yaml and run.lock.json against the journal's first event.
    fn begun_with(&mut self, audited: &Audited) -> Result<Option<RunLock>, Failure> {
        self.seen.extend(["manifest.yaml", "run.lock.json"].map(str::to_owned));
        let Some(opened) = audited.state.opened().cloned() else {
            if audited.findings.is_empty() {
                self.differs("journal.jsonl", "it has no first event, so nothing says how the run was begun");
            }
            return Ok(None);
        };
        let mut is_same = self.against(
            "manifest.yaml",
            &opened.manifest.sha256,
            "its digest in the journal's first event",
        )?;
        is_same &=
            self.against("run.lock.json", &opened.lock.sha256, "its digest in the journal's first event")?;
        if !is_same {
            return Ok(None);
        }
        let lock = self.folder.lock()?;
        for (what, same) in [
            ("run_id", lock.run_id == opened.run_id),
            ("manifest_sha256", lock.manifest_sha256 == opened.manifest.sha256),
        ] {
            if !same {
                self.differs("run.lock.json", format!("its `{what}` is another than the journal's"));
            }
        }
        Ok(Some(lock))
    }

    /// Holds a file against the digest that it should have.
    fn against(&mut self, file: &str, sha256: &str, by: &'static str) -> Result<bool, Failure> {
        let path = self.folder.file(file);
        let found = match digest::of_file(&path) {
            Ok(found) => found,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.differs(file, format!("it is missing; it is known by {by}"));
                return Ok(false);
            }
            Err(error) => return Err(Failure::disk(&path)(error)),
        };
        if found.sha256 != sha256 {
            self.differs(file, format!("it is not what {by} says"));
            return Ok(false);
        }
        let name = self.name(file);
        self.verified.holds(name, by);
        Ok(true)
    }

    /// The files beside the manifest against the lock.
    fn kept(&mut self, lock: &RunLock) -> Result<(), Failure> {
        for (name, sha256) in &lock.kept {
            let file = format!("{KEPT}/{name}");
            self.against(&file, sha256, "its digest in run.lock.json")?;
            self.seen.insert(file);
        }
        Ok(())
    }

    /// Journals as they were before they were mended, against what the mended one says of them.
    fn damaged(&mut self, audited: &Audited) -> Result<(), Failure> {
        let names = names_in(self.folder.path())?;
        let is_damaged = |name: &String| name.starts_with("journal.damaged") && fresh::has_rows(name);
        for name in names.into_iter().filter(is_damaged) {
            let path = self.folder.file(&name);
            let found = digest::of_file(&path).map_err(Failure::disk(&path))?;
            if audited.mended.contains(&found.sha256) {
                let name = self.name(&name);
                self.verified.holds(name, "its digest where the journal tells of its repair");
            } else if audited.is_whole {
                // Nothing is derived from it.
                let what = "it is not the journal that a repair tells of";
                self.verified.findings.push(Finding::of(self.name(&name), what));
            }
            self.seen.insert(name);
        }
        Ok(())
    }

    /// The embedded emulator's ledger: a checksum in each line.
    fn ledger(&mut self) -> Result<(), Failure> {
        let path = self.folder.file("emulator.jsonl");
        if !path.exists() {
            return Ok(());
        }
        self.seen.insert("emulator.jsonl".to_owned());
        let file = self.name("emulator.jsonl");
        match emulator::first_damage(&path).map_err(Failure::disk(&path))? {
            Some((line, offset)) => {
                let finding = Finding::of(file, "the line's checksum is wrong or missing").at(line, offset);
                self.verified.findings.push(finding);
            }
            None => self.verified.holds(file, "checksum of each line"),
        }
        Ok(())
    }

    /// The runs of judges, each a run folder like this one.
    fn judges(&mut self) -> Result<(), Failure> {
        let judges = self.folder.file(JUDGES);
        if !judges.is_dir() {
            return Ok(());
        }
        for judge in names_in(&judges)? {
            let below = judges.join(&judge);
            for run in if below.is_dir() { names_in(&below)? } else { Vec::new() } {
                let folder = RunFolder::at(below.join(&run));
                // Subtle: what died before it began is no run, and is begun anew under the same name.
                if !folder.is_begun() {
                    continue;
                }
                let name = format!("{JUDGES}/{judge}/{run}/");
                let prefix = self.name(&name);
                self.is_sound &= verify(&folder, &prefix, self.verified, self.host)?;
                self.seen.insert(name);
            }
        }
        Ok(())
    }

    /// A folder of files with a list of their digests, or of such folders.
    fn listed(&mut self, name: &str, has_sets: bool) -> Result<(), Failure> {
        let folder = self.folder.file(name);
        if !folder.is_dir() {
            return Ok(());
        }
        if !has_sets {
            return self.list(name);
        }
        for set in names_in(&folder)? {
            if folder.join(&set).is_dir() {
                self.list(&format!("{name}/{set}"))?;
            }
        }
        Ok(())
    }

    fn list(&mut self, name: &str) -> Result<(), Failure> {
        let sums_name = format!("{name}/{SUMS}");
        let path = self.folder.file(&sums_name);
        let Ok(text) = fs::read(&path) else {
            let name = self.name(name);
            self.verified.notes.push(format!("{name}: there is no {SUMS} to hold its files against"));
            return Ok(());
        };
        self.seen.insert(sums_name.clone());
        // Subtle: what is no text any more is a line that differs, too.
        let text = String::from_utf8_lossy(&text);
        let sums: BTreeMap<String, String> = match digest::read_sums(&text) {
            Ok(sums) => sums,
            Err(line) => {
                let offset = text.split_inclusive('\n').take(usize::try_from(line - 1).unwrap_or(0));
                let offset = offset.map(|line| line.len() as u64).sum();
                let finding = Finding::of(self.name(&sums_name), "this is no line of such a list");
                self.verified.findings.push(finding.at(line, offset));
                return Ok(());
            }
        };
        let before = self.is_sound;
        let by = "SHA256SUMS beside it";
        for (file, sha256) in sums {
            let file = format!("{name}/{file}");
            self.against(&file, &sha256, by)?;
            self.seen.insert(file);
        }
        // No result of the run is derived from them.
        self.is_sound = before;
        let name = self.name(&sums_name);
        self.verified.holds(name, "the files that it lists");
        Ok(())
    }

    /// The dataset, where it is still there.
    fn dataset(&mut self, lock: &RunLock, audited: &Audited) -> Result<(), Failure> {
        let is_stdin = lock.dataset.paths == ["-"];
        if is_stdin && self.folder.file("dataset.input").exists() {
            self.seen.insert("dataset.input".to_owned());
            let before = self.is_sound;
            self.against("dataset.input", &lock.dataset.sha256, "the dataset's digest in run.lock.json")?;
            self.is_sound = before;
            return Ok(());
        }
        let shown = lock.dataset.paths.join(", ");
        let mut note =
            |what: String| self.verified.notes.push(format!("{}dataset {shown}: {what}", self.prefix));
        let manifest = frozen(self.folder, lock, audited.state.changed(), Secrets::Recorded, self.host);
        let Ok(manifest) = manifest else {
            note("the manifest can't be read any more".to_owned());
            return Ok(());
        };
        let spool = self.folder.file("dataset.input");
        let files = if is_stdin {
            Err("it came on standard input, and is not kept".to_owned())
        } else {
            Dataset::open(&manifest.dataset, Some(&spool)).map_err(|error| error.to_string())
        };
        let dataset = match files {
            Ok(dataset) => dataset,
            Err(why) => {
                note(format!("it is not where it was: {why}"));
                return Ok(());
            }
        };
        match compare_dataset(&dataset, lock)? {
            As::Was => self.verified.checked.push((shown, "the dataset's digest in run.lock.json")),
            As::Grew(bytes) => note(format!("it grew by {bytes} bytes since; what it had is still there")),
            As::Changed(found) => {
                let what = format!(
                    "the dataset is another than when the run began: {} bytes, and it had {}",
                    found.bytes, lock.dataset.bytes
                );
                self.verified.findings.push(Finding::of(shown, what));
            }
        }
        Ok(())
    }
}

/// How a dataset stands.
pub(crate) enum As {
    /// As it was when the run began.
    Was,
    /// So many bytes stand behind what it had.
    Grew(u64),
    /// Otherwise.
    Changed(Digest),
}

/// Holds a dataset against what a run was begun with, or has taken since.
pub(crate) fn compare_dataset(dataset: &Dataset, lock: &RunLock) -> Result<As, Failure> {
    let read = |limit: u64| {
        let mut all: Box<dyn Read> = Box::new(std::io::empty());
        for path in dataset.files() {
            all = Box::new(all.chain(File::open(path).map_err(Failure::disk(path))?));
        }
        digest::of_reader(&mut all.take(limit)).map_err(Failure::disk(Path::new("dataset")))
    };
    let whole = read(u64::MAX)?;
    if whole.sha256 == lock.dataset.sha256 {
        return Ok(As::Was);
    }
    if whole.bytes > lock.dataset.bytes && read(lock.dataset.bytes)?.sha256 == lock.dataset.sha256 {
        return Ok(As::Grew(whole.bytes - lock.dataset.bytes));
    }
    Ok(As::Changed(whole))
}

/// Gives the names in a folder, in their order.
pub(super) fn names_in(folder: &Path) -> Result<Vec<String>, Failure> {
    let entries = fs::read_dir(folder).map_err(Failure::disk(folder))?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<std::io::Result<Vec<_>>>().map_err(Failure::disk(folder))?;
    names.sort();
    Ok(names)
}

/// Says whether a file only carries the turn to begin a judge's run: it is empty.
fn is_turn(name: &str) -> bool {
    name.starts_with(JUDGES) && name.ends_with("/.starting.lock")
}

/// Lists what is in a run folder and is none of its files. `seen` has folders that were gone through with a `/` at the end.
fn unexpected(
    folder: &Path,
    prefix: &str,
    seen: &BTreeSet<String>,
    verified: &mut Verified,
) -> Result<(), Failure> {
    let mut folders = vec![String::new()];
    while let Some(below) = folders.pop() {
        for name in names_in(&folder.join(&below))? {
            let name = format!("{below}{name}");
            let is_folder = fs::symlink_metadata(folder.join(&name)).is_ok_and(|meta| meta.is_dir());
            let inside = format!("{name}/");
            if is_folder && !seen.contains(&inside) {
                folders.push(inside);
            } else if !is_folder && !seen.contains(&name) && !is_turn(&name) {
                verified.unexpected.push(format!("{prefix}{name}"));
            }
        }
    }
    Ok(())
}
