//! `flowbatch reproduce`: a run once more, from its own manifest and on the same rows; then both, row by row. It pays again.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::bundle;
use crate::commands::execute::{Session, cost_unit, execute};
use crate::commands::finish::{Page, Shown, finish};
use crate::commands::identity::{self, Git};
use crate::commands::prepare::{Sound, prepare};
use crate::commands::resume::{Continue, check_digests, go_on};
use crate::commands::run::{announce, begin, confirm, quoted};
use crate::commands::verify::{As, compare_dataset};
use crate::commands::{Done, Failure, Host, RunName, derive, judging, room};
use crate::compare::{Answer, Repeated, Volatile};
use crate::dataset::Dataset;
use crate::digest;
use crate::journal::{History, Overridden, RunFolder, RunLock, Runs};
use crate::manifest::{Manifest, Overrides, Secrets};
use crate::model::{Outcome, Reason, RunState};
use crate::report::{ResultRow, Style};

/// `reproduce`'s arguments.
#[derive(Clone, Debug, Default)]
pub struct ReproduceArgs {
    /// Which run.
    pub run: RunName,
    /// `--id` of the new run.
    pub id: Option<String>,
    /// `--dataset`: where the run's dataset is now.
    pub dataset: Option<PathBuf>,
    /// `--volatile`.
    pub volatile: Vec<String>,
    /// `--yes`.
    pub yes: bool,
    /// `--json`.
    pub json: bool,
    /// How the summary is shown.
    pub style: Option<Style>,
}

/// A run that is to be repeated.
struct Original {
    folder: RunFolder,
    lock: RunLock,
    history: History,
    overrides: Overrides,
    manifest: Manifest,
}

/// Repeats a run, and compares.
pub fn reproduce(args: &ReproduceArgs, host: &mut dyn Host) -> Result<Done, Failure> {
    let volatile = Volatile::read(&args.volatile).map_err(|path| {
        Failure::mistake(format!("--volatile {path}: that is no field of an output, such as `output.at`"))
    })?;
    if let Some(id) = &args.id {
        identity::check_run_id(id)?;
    }
    let original = Original::read(args, host)?;
    let runs = Runs::below(root_of(args, &original.folder));
    let run_id = args.id.clone().unwrap_or_else(identity::new_run_id);
    let folder = runs.folder(&original.lock.manifest, &run_id);
    let ended = if folder.is_begun() {
        original.go_on(args, &folder, host)?
    } else {
        let found = original.require_dataset(args, &runs, host)?;
        original.run_again(args, &runs, &folder, found.as_deref(), host)?
    };
    let again = folder.read()?;
    let compared = compare(&original, &again, volatile)?;
    let exit_code = if again.state().is_complete() {
        u8::from(!compared.is_same())
    } else {
        // What stopped it is told as by `run`.
        ended.exit_code
    };
    let told = Told { original: &original, folder: &folder, again: again.state(), compared, exit_code };
    let output = if args.json { told.as_json() } else { format!("{}\n{}", ended.output, told.as_text()) };
    Ok(Done { exit_code, output })
}

/// The folder that runs are kept in: by default the one that has the original.
fn root_of(args: &ReproduceArgs, original: &RunFolder) -> PathBuf {
    let beside = || Some(original.path().parent()?.parent()?.to_owned()).filter(|root| root.is_dir());
    args.run.dir.clone().or_else(beside).unwrap_or_else(|| PathBuf::from("runs"))
}

impl Original {
    fn read(args: &ReproduceArgs, host: &dyn Host) -> Result<Self, Failure> {
        let folder = args.run.find()?;
        let history = folder.read()?;
        check_digests(&folder, &history)?;
        let changed = history.state().changed();
        let lock = folder.lock()?.as_changed(changed);
        let mut overrides = derive::overrides_of(&folder, &lock);
        overrides.set.extend(derive::set_since(changed));
        if let Some(dataset) = &args.dataset {
            overrides.dataset = Some(dataset.clone());
        }
        let manifest = derive::frozen(&folder, &lock, changed, Secrets::Recorded, host)?;
        Ok(Self { folder, lock, history, overrides, manifest })
    }

    /// Refuses another dataset than the run's, and says where that one is. Gives the one on standard input, as it was kept.
    fn require_dataset(
        &self,
        args: &ReproduceArgs,
        runs: &Runs,
        host: &mut dyn Host,
    ) -> Result<Option<PathBuf>, Failure> {
        let was = &self.lock.dataset;
        let spool = self.folder.file("dataset.input");
        let is_kept = was.paths == ["-"] && args.dataset.is_none();
        let mut spec = self.manifest.dataset.clone();
        if let Some(dataset) = &args.dataset {
            spec.paths = vec![dataset.clone()];
        }
        let why = if is_kept && !spool.exists() {
            "it came on standard input, and was not kept".to_owned()
        } else {
            match Dataset::open(&spec, Some(&spool)) {
                Err(error) => error.to_string(),
                Ok(dataset) => match compare_dataset(&dataset, &self.lock)? {
                    As::Was => return Ok(is_kept.then_some(spool)),
                    As::Grew(bytes) => format!("it grew by {bytes} bytes since"),
                    As::Changed(found) => format!("it has {} bytes now", found.bytes),
                },
            }
        };
        let mut message = format!(
            "run {} was made from another dataset, of {} bytes with the SHA-256 {}: {why}.",
            self.lock.run_id, was.bytes, was.sha256
        );
        let found = self.elsewhere(runs);
        if found.is_empty() {
            message
                .push_str("\nIt is not found in other runs, nor in bundles here; --dataset FILE names it.");
        }
        for place in found {
            message.push_str(&format!("\n{place}"));
        }
        host.say("nothing was sent");
        Err(Failure::environment(Reason::DatasetChanged, message))
    }

    /// Looks for the dataset by its digest: in other runs, and in bundles beside them and in the working directory.
    fn elsewhere(&self, runs: &Runs) -> Vec<String> {
        let sha256 = &self.lock.dataset.sha256;
        let mut found = Vec::new();
        for run in runs.list() {
            let Ok(lock) = run.folder.lock() else { continue };
            if lock.dataset.sha256 != *sha256 {
                continue;
            }
            let base = crate::commands::relocated::base(&run.folder);
            let base = base.unwrap_or_else(|| PathBuf::from(&lock.folder));
            let named = lock.overrides.dataset.iter().chain(&lock.dataset.paths).map(|path| base.join(path));
            let given = lock.overrides.dataset.as_ref();
            let given = given.and_then(|named| crate::commands::relocated::given(&run.folder, named));
            let places = [run.folder.file("dataset.input")].into_iter().chain(given).chain(named);
            for path in places {
                if digest::of_file(&path).is_ok_and(|digest| digest.sha256 == *sha256) {
                    found.push(format!("Run {} has it: --dataset {}", run.run_id, quoted(&path)));
                    break;
                }
            }
        }
        for folder in [Path::new("."), runs.root()] {
            for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
                let is_bundle = path.to_string_lossy().ends_with(".tar.zst");
                let Some(list) = is_bundle.then(|| bundle::list(&path).ok()).flatten() else { continue };
                if list.files.iter().any(|file| file.sha256 == *sha256) {
                    found.push(format!("A bundle has it: flowbatch import {}", quoted(&path)));
                }
            }
        }
        found
    }

    /// Goes on with a repetition that was begun before; of a complete one nothing is left to do.
    fn go_on(&self, args: &ReproduceArgs, folder: &RunFolder, host: &mut dyn Host) -> Result<Done, Failure> {
        if folder.lock()?.reproduces.as_ref() != Some(&self.lock.run_id) {
            let message = format!("{} is no repetition of run {}", folder.path().display(), self.lock.run_id);
            return Err(Failure::mistake(message));
        }
        let on = Continue { yes: args.yes, ..Continue::default() };
        go_on(folder, &on, None, false, args.style, host).map_err(|failure| failure.within(folder))
    }

    fn run_again(
        &self,
        args: &ReproduceArgs,
        runs: &Runs,
        folder: &RunFolder,
        kept: Option<&Path>,
        host: &mut dyn Host,
    ) -> Result<Done, Failure> {
        let git = Git::ask(&self.manifest.folder);
        let path = self.folder.file("manifest.yaml");
        let mut sound = prepare(&path, &self.overrides, Secrets::Needed, kept, host)?;
        self.require_same(&sound)?;
        // Rows that were added to the run since it began are among them.
        sound.survey.selection = self.history.state().selected().clone();
        let mut lock = identity::lock(&sound, &self.run_id(folder), self.overridden(args), git, host);
        lock.manifest_path.clone_from(&self.lock.manifest_path);
        lock.reproduces = Some(self.lock.run_id.clone());
        host.say(&format!("again, as run {}:", self.lock.run_id));
        announce(&sound, runs, host);
        confirm(args.yes, &sound, host)?;
        room::check_files(&sound.manifest, &path, host)?;
        let starting = runs.start(&lock.manifest)?;
        let claim = folder.claim()?;
        let (writer, state) = begin(&mut sound, folder, claim, &lock, starting)?;
        let run_id = lock.run_id;
        let session = Session { sound, folder: folder.clone(), run_id, writer, state, changes: Vec::new() };
        let ran = execute(session, host).map_err(|failure| failure.resumed_by(folder))?;
        let judged = judging::after(folder, &ran.state, host);
        // A repetition is no news of the job: nobody else is told.
        let shown = Shown { json: false, style: args.style, page: Page::OfStep, notify: None };
        let done = finish(folder, ran, shown, host).map_err(|failure| failure.within(folder));
        judged.and(done)
    }

    fn run_id(&self, folder: &RunFolder) -> String {
        let name = folder.path().file_name().and_then(|name| name.to_str());
        name.unwrap_or(&self.lock.run_id).to_owned()
    }

    /// What was changed in the manifest when the run began, and since.
    fn overridden(&self, args: &ReproduceArgs) -> Overridden {
        let absolute = |path: &PathBuf| {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            path.display().to_string()
        };
        let set = self.overrides.set.clone();
        let given = self.overrides.dataset.as_ref().filter(|path| **path != *Path::new("-"));
        let dataset = given.map(absolute).or_else(|| self.lock.overrides.dataset.clone());
        let dataset = if args.dataset.is_some() { args.dataset.as_ref().map(absolute) } else { dataset };
        let overlays = self.overrides.overlays.clone();
        Overridden { overlays, set, vars: self.overrides.vars.clone(), dataset }
    }

    /// The same manifest may mean something else where its variables or the folder are others.
    fn require_same(&self, sound: &Sound) -> Result<(), Failure> {
        let settings = sound.manifest.settings();
        let workflow = identity::identity_of(settings.get("workflow").unwrap_or_default());
        let mut differs = Vec::new();
        if identity::sha256(sound.manifest.mapping_text()) != self.lock.mapping_sha256 {
            differs.push("the mapping (`input`, `user_id` or `vars`)".to_owned());
        }
        if workflow != self.lock.workflow {
            differs.push(format!("the workflow ({workflow} against {})", self.lock.workflow));
        }
        if sound.survey.sha256 != self.lock.dataset.sha256 {
            differs.push("the dataset".to_owned());
        }
        if differs.is_empty() {
            return Ok(());
        }
        let message = format!("run {} can't be repeated as it was: {}", self.lock.run_id, differs.join("; "));
        Err(Failure::environment(Reason::DatasetChanged, message))
    }
}

/// Goes through both runs side by side: they have the same rows.
fn compare(original: &Original, again: &History, volatile: Volatile) -> Result<Repeated, Failure> {
    let mut compared = Repeated::new(volatile, original.manifest.output.redact.is_empty());
    let mut later = again.rows()?.peekable();
    for was in original.history.rows()? {
        let was = was?;
        // Of a run in which rows were added meanwhile, those count that both have.
        while later.next_if(|now| now.as_ref().is_ok_and(|now| now.number < was.number)).is_some() {}
        let now =
            later.next_if(|now| now.as_ref().map_or(true, |now| now.number == was.number)).transpose()?;
        let (was_row, now_row) = (ResultRow::of(&was), now.as_ref().map(ResultRow::of));
        let nothing =
            Answer { outcome: Outcome::NotRun.as_str(), is_definite: false, output: None, error: None };
        let now = now_row.as_ref().map_or(nothing, answer);
        compared.add(was.number, was_row.row_key.map(|key| key.0.as_str()), &answer(&was_row), &now);
    }
    Ok(compared)
}

fn answer<'r>(row: &'r ResultRow<'_>) -> Answer<'r> {
    Answer {
        outcome: row.outcome.as_str(),
        is_definite: matches!(row.outcome, Outcome::Succeeded | Outcome::Failed | Outcome::Rejected),
        output: row.output.as_deref(),
        error: row.error.as_ref().map(|error| (error.kind, error.code)),
    }
}

/// What is told in the end.
struct Told<'a> {
    original: &'a Original,
    folder: &'a RunFolder,
    again: &'a RunState,
    compared: Repeated,
    exit_code: u8,
}

impl Told<'_> {
    fn sides(&self) -> [(&str, String, &RunState); 2] {
        let again = self.original.run_id(self.folder);
        [
            ("was", self.original.lock.run_id.clone(), self.original.history.state()),
            ("now", again, self.again),
        ]
    }

    fn as_json(&self) -> String {
        let unit = cost_unit(&self.original.manifest);
        let mut value = json!({
            "run_dir": self.folder.path().display().to_string(),
            "exit_code": self.exit_code,
            "complete": self.again.is_complete(),
            "rows": self.compared.rows,
            "differences": self.compared.differences,
        });
        for (side, run_id, state) in self.sides() {
            let (total, unknown_rows) = (state.tally().cost, state.cost_unknown_rows());
            value[side] = json!({
                "run_id": run_id,
                "versions": state.tally().versions,
                "cost": {"total": total, "unit": unit, "unknown_rows": unknown_rows},
            });
        }
        format!("{value}\n")
    }

    fn as_text(&self) -> String {
        let rows = self.compared.rows;
        let mut text = format!(
            "Again         {} of {} rows answered identically, {} the same but for volatile fields, {} differently",
            rows.identical, rows.total, rows.equal, rows.different
        );
        if rows.unknown > 0 {
            text.push_str(&format!(", {} without an answer in one of the runs", rows.unknown));
        }
        text.push('\n');
        let unit = cost_unit(&self.original.manifest);
        for (side, run_id, state) in self.sides() {
            let versions: Vec<_> = state.tally().versions.keys().map(String::as_str).collect();
            let versions = if versions.is_empty() { "not said".to_owned() } else { versions.join(", ") };
            let (cost, unknown) = (state.tally().cost, state.cost_unknown_rows());
            let unknown =
                if unknown > 0 { format!(" and {unknown} rows of unknown cost") } else { String::new() };
            text.push_str(&format!("  {side}  run {run_id}: version {versions}; {cost} {unit}{unknown}\n"));
        }
        for varied in &self.compared.differences {
            let key = varied.row_key.as_deref().unwrap_or("-");
            let told = |value: &Option<String>| value.clone().unwrap_or_else(|| "(not shown)".to_owned());
            let (was, now) = (told(&varied.was), told(&varied.now));
            text.push_str(&format!("  row {} ({key}), {}: {was} → {now}\n", varied.row_number, varied.path));
        }
        let more = rows.different.saturating_sub(self.compared.differences.len() as u64);
        if more > 0 {
            text.push_str(&format!("  and {more} more\n"));
        }
        text
    }
}
