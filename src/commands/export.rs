//! `flowbatch export`: a run and what it needs, in one file. Everything is listed with its digest, and no secret can be in it:
//! a run folder has none, and of the files that a manifest names those that hold secrets are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use crate::artifact::Artifact;
use crate::bundle::{self, Content, List, Listed};
use crate::commands::relocated::{self, FILES, GIVEN, INPUTS, PLACE};
use crate::commands::verify::{As, DERIVED, compare_dataset, has_rows};
use crate::commands::{Done, Failure, Host, RunName, derive, judges, judging};
use crate::dataset::Dataset;
use crate::digest::{self, SUMS};
use crate::journal::{self, RunFolder, RunLock, replay};
use crate::manifest::{Manifest, Provider, Secrets};
use crate::model::{Reason, RunEvent, RunState};

/// `export`'s arguments.
#[derive(Clone, Debug, Default)]
pub struct ExportArgs {
    /// Which run.
    pub run: RunName,
    /// `--bundle`: where the file is written.
    pub bundle: PathBuf,
    /// `--without-dataset`.
    pub without_dataset: bool,
}

/// Files that are of this process or machine, and no part of a run.
const PASSING: [&str; 3] = ["journal.lock", "journal.reserve", "control.json"];

/// Writes a run into a bundle.
pub fn export(args: &ExportArgs, host: &mut dyn Host) -> Result<Done, Failure> {
    let folder = args.run.find()?;
    if folder.is_locked() || judging::is_at_work(&folder) {
        return Err(journal::Error::Locked { path: folder.path().to_owned() }.into());
    }
    let history = folder.read()?;
    let state = history.into_state();
    let lock = folder.lock()?;
    let (run_id, manifest) = (lock.run_id.clone(), lock.manifest.clone());
    let mut files = BTreeMap::new();
    run_files(folder.path(), "", &mut files)?;
    if args.without_dataset {
        files.remove("dataset.input");
    }
    if relocated::base(&folder).is_none() {
        let lock = lock.as_changed(state.changed());
        let mut gathered = Gathered { notes: Vec::new(), files: BTreeMap::new() };
        let place = gathered.gather(args, &folder, &lock, &state, host)?;
        gathered.notes.iter().for_each(|note| host.say(note));
        files.extend(listed_inputs(gathered.files, &place)?);
    }
    let mut listed = Vec::new();
    for (path, content) in &files {
        let found = match content {
            Content::Bytes(bytes) => digest::of_bytes(bytes),
            Content::File(at) => digest::of_file(at).map_err(Failure::disk(at))?,
        };
        listed.push(Listed { path: path.clone(), sha256: found.sha256, bytes: found.bytes });
    }
    let (count, bytes) = (listed.len(), listed.iter().map(|file| file.bytes).sum::<u64>());
    let list = List::new(&run_id, &manifest, listed);
    // What could not be opened again is no bundle.
    bundle::check(&list).map_err(|error| {
        Failure::mistake(format!("the run can't be put into a bundle that every system opens: {error}"))
    })?;
    let contents: Vec<_> = files.into_values().collect();
    let mut artifact = Artifact::create(&args.bundle).map_err(Failure::disk(&args.bundle))?;
    bundle::pack(&list, &contents, &mut artifact).map_err(Failure::disk(&args.bundle))?;
    artifact.flush().map_err(Failure::disk(&args.bundle))?;
    artifact.commit().map_err(Failure::disk(&args.bundle))?;
    if !state.is_complete() {
        host.say("the run is not complete: go on with it in one place only, or rows are paid twice");
    }
    let packed = fs::metadata(&args.bundle).map_err(Failure::disk(&args.bundle))?.len();
    let shown = args.bundle.display();
    Ok(Done::with(format!("{shown}: run {run_id}, {count} files of {bytes} bytes, packed to {packed}\n")))
}

/// Lists what is a run's own and not derived: its judges' runs and sets of scores included.
fn run_files(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Content>) -> Result<(), Failure> {
    for entry in fs::read_dir(folder).map_err(Failure::disk(folder))? {
        let entry = entry.map_err(Failure::disk(folder))?;
        let kind = entry.file_type().map_err(Failure::disk(folder))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_run = prefix.is_empty() || (prefix.starts_with("judges/") && prefix.matches('/').count() == 3);
        if kind.is_dir() {
            let is_ours = ["kept", "judges", "scores", INPUTS].contains(&name.as_str());
            if !is_run || is_ours {
                run_files(&entry.path(), &format!("{prefix}{name}/"), files)?;
            }
        } else if kind.is_file() {
            let is_ours =
                ["manifest.yaml", "run.lock.json", "journal.jsonl", "dataset.input", "emulator.jsonl"];
            let is_damaged = name.starts_with("journal.damaged") && has_rows(&name);
            let is_passing = PASSING.contains(&name.as_str()) || DERIVED.contains(&name.as_str());
            if !is_run || ((is_ours.contains(&name.as_str()) || is_damaged) && !is_passing) {
                files.insert(format!("{prefix}{name}"), Content::File(entry.path()));
            }
        }
    }
    Ok(())
}

/// The files that a run needs beside its own, by where they go below `inputs`.
struct Gathered {
    notes: Vec<String>,
    files: BTreeMap<String, PathBuf>,
}

impl Gathered {
    /// Finds them, and gives where the manifest's folder is among them.
    fn gather(
        &mut self,
        args: &ExportArgs,
        folder: &RunFolder,
        lock: &RunLock,
        state: &RunState,
        host: &dyn Host,
    ) -> Result<String, Failure> {
        let manifest = derive::frozen(folder, lock, state.changed(), Secrets::Recorded, host)?;
        let mut around = BTreeSet::new();
        if !args.without_dataset {
            self.dataset(folder, lock, &manifest, &mut around)?;
        }
        self.named(&manifest, &mut around);
        for judge in judges::read(&manifest.checks, host)? {
            self.named(&judge, &mut around);
        }
        self.attachments(folder, &manifest, &mut around)?;
        let base = absolute(&manifest.folder);
        let top = around.iter().fold(base.clone(), |top, file| common(&top, file.parent().unwrap_or(file)));
        for file in around {
            let Some(below) = below(&file, &top) else { continue };
            self.files.insert(format!("{FILES}/{below}"), file);
        }
        Ok(below(&base, &top).unwrap_or_default())
    }

    fn dataset(
        &mut self,
        folder: &RunFolder,
        lock: &RunLock,
        manifest: &Manifest,
        around: &mut BTreeSet<PathBuf>,
    ) -> Result<(), Failure> {
        if lock.dataset.paths == ["-"] {
            return Ok(());
        }
        let refuse = |why: String| {
            let message =
                format!("the run's dataset can't go into the bundle: {why}; --without-dataset leaves it out");
            Failure::environment(Reason::DatasetChanged, message)
        };
        let spool = folder.file("dataset.input");
        let dataset =
            Dataset::open(&manifest.dataset, Some(&spool)).map_err(|error| refuse(error.to_string()))?;
        if !matches!(compare_dataset(&dataset, lock)?, As::Was) {
            return Err(refuse("it is not what it was when the run began".to_owned()));
        }
        let files: Vec<_> = dataset.files().map(absolute).collect();
        match (&lock.overrides.dataset, files.as_slice()) {
            (None, _) => around.extend(files),
            (Some(_), [file]) => {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                self.files.insert(format!("{GIVEN}/{name}"), file.clone());
            }
            (Some(_), _) => return Err(refuse("it was named by a pattern on the command line".to_owned())),
        }
        Ok(())
    }

    /// The files that a manifest names, but for those that hold secrets.
    fn named(&mut self, manifest: &Manifest, around: &mut BTreeSet<PathBuf>) {
        let workflow = &manifest.workflow;
        let definition = match &workflow.provider {
            Provider::Emulator { definition } => Some(definition),
            Provider::Gptbots { .. } => None,
        };
        for path in definition.into_iter().chain(&workflow.flow_file).chain(&workflow.tls.ca) {
            if !path.is_file() {
                self.notes.push(format!("{}: not in the bundle: it is not there any more", path.display()));
            } else if !path.starts_with(&manifest.folder) && path.is_absolute() {
                let why = "the manifest names it by an absolute path, which no other machine has";
                self.notes.push(format!("{}: not in the bundle: {why}", path.display()));
            } else {
                around.insert(absolute(path));
            }
        }
    }

    /// The files that rows named, where they still are what was sent.
    fn attachments(
        &mut self,
        folder: &RunFolder,
        manifest: &Manifest,
        around: &mut BTreeSet<PathBuf>,
    ) -> Result<(), Failure> {
        let mut named = BTreeMap::new();
        replay(&folder.journal(), |_, entry| {
            let input = match entry.event {
                RunEvent::Intended(event) => event.input,
                RunEvent::Reused(event) => event.input,
                _ => None,
            };
            if let Some(input) = input.filter(|input| input.get().contains("\"sha256\""))
                && let Ok(input) = serde_json::from_str::<Value>(input.get())
            {
                attached(&input, &mut named);
            }
            Ok(())
        })?;
        for (file, sha256) in named {
            let path = manifest.folder.join(&file);
            if digest::of_file(&path).is_ok_and(|found| found.sha256 == sha256) {
                around.insert(absolute(&path));
            } else {
                self.notes.push(format!("{file}: not in the bundle: it is not what was sent any more"));
            }
        }
        Ok(())
    }
}

/// Finds the files in an input, as the journal has it.
fn attached(input: &Value, found: &mut BTreeMap<String, String>) {
    match input {
        Value::Object(members) => {
            if let (4, Some(file), Some(sha256)) =
                (members.len(), input["file"].as_str(), input["sha256"].as_str())
            {
                found.insert(file.to_owned(), sha256.to_owned());
            }
            members.values().for_each(|value| attached(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| attached(value, found)),
        _ => {}
    }
}

/// Adds to the files where they were, and their digests.
fn listed_inputs(files: BTreeMap<String, PathBuf>, place: &str) -> Result<Vec<(String, Content)>, Failure> {
    let place = format!("{place}\n").into_bytes();
    let mut sums = BTreeMap::from([(PLACE.to_owned(), digest::of_bytes(&place).sha256)]);
    for (name, path) in &files {
        sums.insert(name.clone(), digest::of_file(path).map_err(Failure::disk(path))?.sha256);
    }
    let mut all: Vec<_> =
        files.into_iter().map(|(name, path)| (format!("{INPUTS}/{name}"), Content::File(path))).collect();
    all.push((format!("{INPUTS}/{PLACE}"), Content::Bytes(place)));
    all.push((format!("{INPUTS}/{SUMS}"), Content::Bytes(digest::write_sums(&sums).into_bytes())));
    Ok(all)
}

/// Makes a path absolute, and takes `.` and `..` out of it.
fn absolute(path: &Path) -> PathBuf {
    let mut whole = PathBuf::new();
    for part in std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).components() {
        match part {
            Component::ParentDir => {
                whole.pop();
            }
            Component::CurDir => {}
            part => whole.push(part),
        }
    }
    whole
}

/// Gives the folder that two paths have in common.
fn common(one: &Path, other: &Path) -> PathBuf {
    let same = one.components().zip(other.components()).take_while(|(one, other)| one == other);
    same.map(|(part, _)| part).collect()
}

/// Writes a path below a folder, with `/`.
fn below(path: &Path, folder: &Path) -> Option<String> {
    let parts = path.strip_prefix(folder).ok()?.components();
    let parts: Vec<_> = parts.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    Some(parts.join("/"))
}
