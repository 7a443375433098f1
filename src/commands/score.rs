//! `flowbatch score`: applies a manifest's checks and gates as they are now to the replies that a run has. Sends nothing, but to judges.

use std::fs;
use std::path::{Path, PathBuf};

use crate::artifact::Artifact;
use crate::commands::interrupt::Interrupt;
use crate::commands::{Done, Failure, Host, RunName, derive, identity, judges, judging, quoted, relocated};
use crate::digest::{self, SUMS};
use crate::journal::{RunFolder, RunLock};
use crate::manifest::{self, Manifest, Secrets};
use crate::model::SettingsChanged;
use crate::report::{self, Style, Targets};

/// `score`'s arguments.
#[derive(Clone, Debug)]
pub struct ScoreArgs {
    /// Which run.
    pub run: RunName,
    /// `--manifest`: by default the one that the run was made from, as it is now.
    pub manifest: Option<PathBuf>,
    /// `--yes`: asks nothing before rows are sent to judges.
    pub yes: bool,
    /// `--json`: shows report.json.
    pub json: bool,
    /// How text is shown.
    pub style: Style,
}

/// Scores a run again. The new set of results lies below `scores` in the run's folder; the run's own files stay.
pub fn score(args: &ScoreArgs, host: &mut dyn Host) -> Result<Done, Failure> {
    let folder = args.run.find()?;
    let history = folder.read()?;
    let lock = folder.lock()?.as_changed(history.state().changed());
    let mut manifest = present(args, &folder, &lock, history.state().changed(), host)?;
    let begun_by = derive::frozen(&folder, &lock, history.state().changed(), Secrets::Recorded, host)?;
    keep_out(&mut manifest, begun_by);
    if manifest.checks.is_empty() && manifest.gates.is_empty() {
        let message =
            format!("{}: there are neither `checks` nor `gates` to score with", manifest.path.display());
        return Err(Failure::mistake(message));
    }
    if !history.state().is_complete() {
        host.say("the run is not complete: its gates are left open");
    }
    let from = manifest.path.display().to_string();
    judges::load(&manifest.checks, Secrets::NotNeeded, host)?;
    let context = derive::context(manifest, &lock.run_id, &lock);
    let judged = if history.state().is_complete() {
        judging::judge(&folder, &context, &history, !args.yes, host)?
    } else {
        0
    };
    let scores = new_set(&folder)?;
    let results = scores.join("results.jsonl");
    let mut artifact = Artifact::create(&results).map_err(Failure::disk(&results))?;
    let targets = Targets { results_jsonl: Some(&mut artifact), ..Targets::default() };
    let interrupt = Interrupt::watch(&folder.file("manifest.yaml"), host);
    let mut summary = derive::summarize(context, &folder, &history, targets, &interrupt, host)?;
    if history.state().is_complete() && !summary.complete {
        let manifest = args.manifest.as_ref().map(|path| format!(" --manifest {}", quoted(path)));
        let next = format!("flowbatch score {}{}", quoted(folder.path()), manifest.unwrap_or_default());
        summary.verdict.next = Some(next);
    }
    artifact.commit().map_err(Failure::disk(&results))?;
    let mut json = Vec::new();
    let path = scores.join("report.json");
    report::write_json(&summary, &mut json).map_err(Failure::disk(&path))?;
    Artifact::write(&path, &json).map_err(Failure::disk(&path))?;
    let path = scores.join("report.md");
    Artifact::write(&path, report::render_markdown(&summary).as_bytes()).map_err(Failure::disk(&path))?;
    let names = ["report.json", "report.md", "results.jsonl"];
    let sum = |name: &str| Ok((name.to_owned(), digest::of_file(&scores.join(name))?.sha256));
    let sums = names.into_iter().map(sum).collect::<std::io::Result<_>>().map_err(Failure::disk(&scores))?;
    let path = scores.join(SUMS);
    Artifact::write(&path, digest::write_sums(&sums).as_bytes()).map_err(Failure::disk(&path))?;
    let sent = match judged {
        0 => "nothing was sent".to_owned(),
        1 => "1 request was sent to a judge".to_owned(),
        several => format!("{several} requests were sent to judges"),
    };
    host.say(&format!("scored by {from}; {sent}"));
    let output = if args.json {
        String::from_utf8_lossy(&json).into_owned()
    } else {
        let shown = crate::commands::finish::from_here(&summary, &folder);
        report::render_text(&shown, args.style, &scores.display().to_string())
    };
    Ok(Done { exit_code: summary.verdict.exit_code, output })
}

/// Reads the manifest as it is now, with what the run's command lines changed in it.
fn present(
    args: &ScoreArgs,
    folder: &RunFolder,
    lock: &RunLock,
    changed: &[SettingsChanged],
    host: &dyn Host,
) -> Result<Manifest, Failure> {
    let mut overrides = derive::overrides_of(folder, lock);
    overrides.set.extend(derive::set_since(changed));
    let name = Path::new(&lock.manifest_path).file_name().unwrap_or_default();
    let path = match &args.manifest {
        // An imported run has no manifest but its own.
        None if relocated::base(folder).is_some() => folder.file("manifest.yaml"),
        given => {
            overrides.folder = None;
            given.clone().unwrap_or_else(|| Path::new(&lock.folder).join(name))
        }
    };
    let variable = |name: &str| host.variable(name);
    let (manifest, warnings) = manifest::load(&path, &overrides, Secrets::Recorded, &variable)
        .map_err(|diagnostics| Failure::of_manifest(&diagnostics, host))?;
    let columns = Some(lock.dataset.columns.as_slice()).filter(|columns| !columns.is_empty());
    let mut mistakes = manifest.check_columns(columns, is_text(&manifest, lock));
    mistakes.extend(warnings.items);
    let diagnostics = manifest.diagnostics(mistakes);
    if diagnostics.has_errors() { Err(Failure::of_manifest(&diagnostics, host)) } else { Ok(manifest) }
}

/// What the run keeps out stays out, whatever the other manifest says of it; its inputs are those of its own mapping.
fn keep_out(manifest: &mut Manifest, begun_by: Manifest) {
    manifest.output.redact.extend(begun_by.output.redact);
    manifest.input = begun_by.input;
}

/// Says whether the dataset's columns are text unless declared, as in CSV.
fn is_text(manifest: &Manifest, lock: &RunLock) -> bool {
    let first = lock.dataset.paths.first().map_or("", String::as_str).to_ascii_lowercase();
    let name = first.trim_end_matches(".gz").trim_end_matches(".zst");
    let format =
        manifest.dataset.format.as_deref().or_else(|| name.rsplit_once('.').map(|(_, format)| format));
    matches!(format, Some("csv" | "tsv"))
}

/// Makes a folder for a new set of scores, named by the time.
fn new_set(folder: &RunFolder) -> Result<PathBuf, Failure> {
    const TRIES: u32 = 1_000;
    let scores = folder.file("scores");
    fs::create_dir_all(&scores).map_err(Failure::disk(&scores))?;
    let name = identity::now_compact();
    let mut path = scores.join(&name);
    for number in 2..TRIES {
        match fs::create_dir(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                path = scores.join(format!("{name}-{number}"));
            }
            made => return made.map(|()| path.clone()).map_err(Failure::disk(&path)),
        }
    }
    Err(Failure::disk(&path)(std::io::ErrorKind::AlreadyExists.into()))
}
