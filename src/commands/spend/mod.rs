//! `flowbatch spend`: what the runs of a folder have cost, added up exactly. Writes nothing.

mod bill;
mod period;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::audit::Sum;
use crate::commands::spend::bill::{Bill, Line};
use crate::commands::spend::period::Period;
use crate::commands::{Done, Failure, Host, derive, identity, judging};
use crate::journal::{RunFolder, RunLock};
use crate::model::ExitCode;
use crate::report::Summary;

/// `spend`'s arguments.
#[derive(Clone, Debug, Default)]
pub struct SpendArgs {
    /// Folders of runs; `runs` by default.
    pub dirs: Vec<PathBuf>,
    /// `--since`.
    pub since: Option<String>,
    /// `--until`.
    pub until: Option<String>,
    /// `--by`.
    pub by: SpendBy,
    /// `--format`.
    pub format: SpendFormat,
}

/// What makes a line of the bill.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SpendBy {
    /// The manifest's name.
    #[default]
    Manifest,
    /// A label of the manifest.
    Label(String),
    /// What was invoked: its address, or the emulator's definition.
    Workflow,
    /// The month in which the run began, in UTC.
    Month,
    /// Who started the run, as the system names them.
    User,
}

/// `--format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SpendFormat {
    /// A table for a person.
    #[default]
    Text,
    /// A table for a spreadsheet.
    Csv,
    /// One JSON object.
    Json,
}

/// How deep runs may lie below a folder: `DIR/MANIFEST/RUN`.
const DEPTH: u32 = 2;

/// Adds up what runs have cost.
pub fn spend(args: &SpendArgs, host: &mut dyn Host) -> Result<Done, Failure> {
    let period = Period::read(args.since.as_deref(), args.until.as_deref())?;
    let dirs = if args.dirs.is_empty() { vec![PathBuf::from("runs")] } else { args.dirs.clone() };
    let mut folders = BTreeMap::new();
    for dir in &dirs {
        if !dir.is_dir() {
            return Err(Failure::mistake(format!("{}: there is no such folder", dir.display())));
        }
        find(dir, DEPTH, &mut folders);
    }
    let mut bill = Bill::default();
    for path in without_copies(folders.into_values(), host) {
        match spent(&path, &args.by, &period, host) {
            Ok(Some((of, line))) => bill.add(&of, &line),
            Ok(None) => {}
            Err(failure) => {
                bill.unreadable += 1;
                host.say(&format!("{}: not counted: {}", path.display(), failure.message));
            }
        }
    }
    if bill.is_empty() {
        let names: Vec<_> = dirs.iter().map(|dir| dir.display().to_string()).collect();
        host.say(&format!("there are no such runs below {}", names.join(", ")));
    }
    let output = match args.format {
        SpendFormat::Text => bill.as_text(&args.by),
        SpendFormat::Csv => bill.as_csv(&args.by),
        SpendFormat::Json => bill.as_json(&args.by, &period),
    };
    // What is missing in a bill must not go unseen.
    let exit = if bill.unreadable > 0 { ExitCode::Environment } else { ExitCode::Accepted };
    Ok(Done { exit_code: exit.code(), output })
}

/// Finds run folders: what was begun, whether or not more than its lock and report is left.
fn find(dir: &Path, depth: u32, found: &mut BTreeMap<PathBuf, PathBuf>) {
    let has = |name: &str| fs::metadata(dir.join(name)).is_ok_and(|meta| meta.is_file() && meta.len() > 0);
    if has("journal.jsonl") || (has("run.lock.json") && has("report.json")) {
        // One that is named twice counts once.
        let own = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        found.entry(own).or_insert_with(|| dir.to_owned());
        return;
    }
    let entries = if depth > 0 { fs::read_dir(dir).ok() } else { None };
    for path in entries.into_iter().flatten().flatten().map(|entry| entry.path()) {
        // What begins with a dot is work that was not finished, as of an import that was killed.
        let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_dir() && !path.is_symlink() && !is_hidden {
            find(&path, depth - 1, found);
        }
    }
}

/// Leaves out copies of a run, as `import` makes them: what was paid once counts once. The one that went furthest counts.
fn without_copies(paths: impl Iterator<Item = PathBuf>, host: &mut dyn Host) -> Vec<PathBuf> {
    let mut kept: Vec<PathBuf> = Vec::new();
    let mut seen: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    let length = |run: &Path| fs::metadata(run.join("journal.jsonl")).map_or(0, |file| file.len());
    for path in paths {
        let known = fs::read(path.join("run.lock.json")).ok().map(|lock| identity::sha256(lock).into_bytes());
        let Some(at) = known.as_ref().and_then(|lock| seen.get(lock)).copied() else {
            seen.extend(known.map(|lock| (lock, kept.len())));
            kept.push(path);
            continue;
        };
        let (less, more) = if length(&path) > length(&kept[at]) {
            (kept[at].clone(), path)
        } else {
            (path, kept[at].clone())
        };
        host.say(&format!("{}: a copy of {}, and counted with it", less.display(), more.display()));
        kept[at] = more;
    }
    kept
}

/// Gives what a run has cost, and under which line it counts; none when it was begun at another time.
fn spent(
    path: &Path,
    by: &SpendBy,
    period: &Period,
    host: &dyn Host,
) -> Result<Option<(String, Line)>, Failure> {
    let folder = RunFolder::at(path);
    let lock = folder.lock()?;
    if !period.holds(&lock.started_at)? {
        return Ok(None);
    }
    let is_alive = folder.is_locked() || judging::is_at_work(&folder);
    let summary = match told(&folder, is_alive) {
        Some(summary) => summary,
        None => derive::summary(&folder, host)?,
    };
    let bills = summary.judges.iter().map(|(_, judge)| &judge.cost);
    let judged = bills.clone().map(|cost| cost.total.and_then(|total| Sum::read(&total.to_string())));
    let doubt = &summary.cost.in_doubt;
    let bound = doubt.at_most.or_else(|| doubt.estimate.and_then(|estimate| estimate.at_max));
    let sum = |text: &str| Sum::read(text);
    let line = Line {
        unit: summary.cost.unit.clone(),
        currency: summary.cost.money.as_ref().map(|money| money.currency.clone()),
        runs: 1,
        alive: u64::from(is_alive),
        rows: summary.rows.total,
        cost: sum(&summary.cost.total.to_string()),
        failed: summary.cost.failed.and_then(|cost| sum(&cost.to_string())).or_else(|| {
            // A report of an older flowbatch does not tell; without failed rows there is nothing to tell.
            (summary.rows.failed == 0).then(Sum::default)
        }),
        in_doubt_rows: doubt.rows,
        in_doubt: match bound {
            None if doubt.rows == 0 => Some(Sum::default()),
            bound => bound.and_then(|cost| sum(&cost.to_string())),
        },
        // A judge with a unit of its own can't be added to the others.
        judges: if bills.clone().all(|cost| cost.unit == summary.cost.unit) {
            { judged }.try_fold(Sum::default(), |all, one| all.plus(one?))
        } else {
            None
        },
        unknown_rows: summary.cost.unknown_rows + bills.map(|cost| cost.unknown_rows).sum::<u64>(),
        money: summary.cost.money.as_ref().and_then(|money| sum(&money.amount)),
    };
    Ok(Some((name_of(by, &lock), line)))
}

/// Reads report.json where it says all that the journal says: it is not older, or there is no journal any more.
fn told(folder: &RunFolder, is_alive: bool) -> Option<Summary> {
    let written = |path: PathBuf| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let report = written(folder.file("report.json"))?;
    let is_current = written(folder.journal()).is_none_or(|journal| report >= journal);
    if is_alive || !is_current {
        return None;
    }
    serde_json::from_slice(&fs::read(folder.file("report.json")).ok()?).ok()
}

fn name_of(by: &SpendBy, lock: &RunLock) -> String {
    const NONE: &str = "(none)";
    match by {
        SpendBy::Manifest => lock.manifest.clone(),
        SpendBy::Label(name) => lock.labels[name].as_str().unwrap_or(NONE).to_owned(),
        SpendBy::Workflow => {
            let place = |key: &str| lock.workflow[key].as_str();
            place("base_url").or_else(|| place("definition")).unwrap_or(NONE).to_owned()
        }
        SpendBy::Month => lock.started_at.get(..7).unwrap_or(NONE).to_owned(),
        SpendBy::User => lock.started_by.clone().unwrap_or_else(|| NONE.to_owned()),
    }
}

impl SpendBy {
    /// Names it as it is asked for.
    fn word(&self) -> String {
        match self {
            Self::Manifest => "manifest".to_owned(),
            Self::Label(name) => format!("label.{name}"),
            Self::Workflow => "workflow".to_owned(),
            Self::Month => "month".to_owned(),
            Self::User => "user".to_owned(),
        }
    }
}
