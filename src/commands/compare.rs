//! `flowbatch compare`: two runs over the same rows.

use std::fs;
use std::path::{Path, PathBuf};

use crate::commands::{Done, Failure, Host, RunName, derive};
use crate::compare::{self, Facts, Options, Source};
use crate::journal::{self, Found, Runs};
use crate::model::ExitCode;
use crate::report::Style;

/// The baseline that is found and not named.
const LATEST_PASSING: &str = "latest-passing";

/// `compare`'s arguments.
#[derive(Clone, Debug)]
pub struct CompareArgs {
    /// The baseline: a run, `latest-passing`, a file of rows, or a folder of scores.
    pub baseline: String,
    /// What is compared with it, named the same way; the latest run by default.
    pub candidate: Option<String>,
    /// `-o`.
    pub dir: Option<PathBuf>,
    /// `--format`.
    pub format: CompareFormat,
    /// `--flips`.
    pub flips: Option<usize>,
    /// `--seed`.
    pub seed: u64,
    /// `--fail-on-regression`.
    pub fail_on_regression: bool,
    /// How text is shown.
    pub style: Style,
}

/// `--format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CompareFormat {
    /// For a person at a terminal.
    #[default]
    Text,
    /// One JSON object.
    Json,
    /// For a comment on a pull request.
    Markdown,
    /// One page that needs no network.
    Html,
}

/// Compares two runs, and says what differs.
pub fn compare(args: &CompareArgs, host: &mut dyn Host) -> Result<Done, Failure> {
    let candidate = find(args.candidate.as_deref().unwrap_or("latest"), args.dir.as_ref(), host)?;
    let baseline = match args.baseline.as_str() {
        LATEST_PASSING => {
            let passing = latest_passing(&candidate, args.dir.as_ref())?;
            find(&passing.display().to_string(), None, host)?
        }
        name => find(name, args.dir.as_ref(), host)?,
    };
    let options = match args.format {
        CompareFormat::Html => Options::of_page(),
        _ => Options::default(),
    };
    let options = Options { flips: args.flips.unwrap_or(options.flips), seed: args.seed, ..options };
    let comparison = compare::compare(baseline, candidate, options).map_err(unread)?;
    let output = match args.format {
        CompareFormat::Text => compare::render_text(&comparison, args.style),
        CompareFormat::Json => {
            format!("{}\n", serde_json::to_string_pretty(&comparison).unwrap_or_default())
        }
        CompareFormat::Markdown => compare::render_markdown(&comparison),
        CompareFormat::Html => compare::render_page(&comparison, None),
    };
    let failed = args.fail_on_regression && !comparison.is_without_regression();
    let exit = if failed { ExitCode::Gate } else { ExitCode::Accepted };
    Ok(Done { exit_code: exit.code(), output })
}

/// Finds the newest other run of the candidate's manifest that is complete and was accepted.
fn latest_passing(candidate: &Source, dir: Option<&PathBuf>) -> Result<PathBuf, Failure> {
    let dir = dir.cloned().unwrap_or_else(|| PathBuf::from("runs"));
    let is_passing = |found: &Found| {
        let is_candidate = fs::canonicalize(found.folder.file("results.jsonl")).ok()
            == fs::canonicalize(&candidate.rows).ok();
        !is_candidate
            && Some(&found.manifest) == candidate.side.manifest.as_ref()
            && Facts::of(found.folder.path()).is_passing()
            // A process that works on it again may change what it came to.
            && !found.folder.is_locked()
    };
    let found = Runs::below(&dir).list().into_iter().rev().find(is_passing);
    found.map(|found| found.folder.path().to_owned()).ok_or_else(|| {
        Failure::mistake(format!(
            "no other run of `{}` below {} is complete and was accepted: name the one to compare with",
            candidate.side.manifest.as_deref().unwrap_or("the same manifest"),
            dir.display()
        ))
    })
}

/// Finds rows by the name of a run, as other commands take it, or by the path of a file of rows - a baseline, a
/// results.jsonl - or of a folder that has one, such as a set of scores.
fn find(name: &str, dir: Option<&PathBuf>, host: &mut dyn Host) -> Result<Source, Failure> {
    let path = Path::new(name);
    if path.is_file() {
        return Source::of_file(name, path).map_err(unread);
    }
    if path.join("results.jsonl").is_file() && !path.join("journal.jsonl").exists() {
        return Ok(Source::of_folder(name, path));
    }
    let folder = RunName { run: Some(name.to_owned()), dir: dir.cloned() }.find()?;
    if folder.is_locked() {
        return Err(journal::Error::Locked { path: folder.path().to_owned() }.into());
    }
    if !compare::is_current(&folder) {
        derive::derive(&folder, None, host)?;
    }
    Ok(Source::of_run(&folder)?)
}

fn unread(error: compare::Error) -> Failure {
    match error {
        compare::Error::Disk { path, error } => Failure::disk(&path)(error),
        compare::Error::Row { .. } => Failure::mistake(error.to_string()),
    }
}
