//! `flowbatch compare`: two runs over the same rows.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::commands::{Done, Failure, Host, RunName, derive};
use crate::compare::{self, Comparison, Keys, Options, Pairs, Row, Seen, Side};
use crate::gates::Identity;
use crate::journal::{self, Found, RunFolder, RunLock, Runs};
use crate::model::{ExitCode, Repeats};
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
    pub flips: usize,
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
}

/// Compares two runs, and says what differs.
pub fn compare(args: &CompareArgs, host: &mut dyn Host) -> Result<Done, Failure> {
    let candidate = Source::find(args.candidate.as_deref().unwrap_or("latest"), args.dir.as_ref(), host)?;
    let baseline = match args.baseline.as_str() {
        LATEST_PASSING => {
            let passing = latest_passing(&candidate, args.dir.as_ref())?;
            Source::find(&passing.display().to_string(), None, host)?
        }
        name => Source::find(name, args.dir.as_ref(), host)?,
    };
    let comparison = compared(baseline, candidate, Options { flips: args.flips, seed: args.seed })?;
    let output = match args.format {
        CompareFormat::Text => compare::render_text(&comparison, args.style),
        CompareFormat::Json => {
            format!("{}\n", serde_json::to_string_pretty(&comparison).unwrap_or_default())
        }
        CompareFormat::Markdown => compare::render_markdown(&comparison),
    };
    let failed = args.fail_on_regression && !comparison.is_without_regression();
    let exit = if failed { ExitCode::Gate } else { ExitCode::Accepted };
    Ok(Done { exit_code: exit.code(), output })
}

/// Finds the newest other run of the candidate's manifest that is complete and was accepted.
fn latest_passing(candidate: &Source, dir: Option<&PathBuf>) -> Result<PathBuf, Failure> {
    let dir = dir.cloned().unwrap_or_else(|| PathBuf::from("runs"));
    let is_passing = |found: &Found| {
        let facts = facts_of(found.folder.path());
        let is_candidate = fs::canonicalize(found.folder.file("results.jsonl")).ok()
            == fs::canonicalize(&candidate.rows).ok();
        !is_candidate
            && Some(&found.manifest) == candidate.side.manifest.as_ref()
            && facts.complete == Some(true)
            && facts.verdict.exit_code == Some(ExitCode::Accepted.code())
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

/// Reads the baseline's keys, then the candidate's rows, and looks up the partner of each.
fn compared(mut baseline: Source, mut candidate: Source, options: Options) -> Result<Comparison, Failure> {
    let mut keys = Keys::default();
    let mut lines = Lines::open(&baseline.rows)?;
    while let Some(offset) = lines.next()? {
        let Some(row) = lines.row()? else { continue };
        if let Some(key) = baseline.note(&row) {
            keys.add(key, offset);
        }
    }
    keys.seal();
    let mut pairs = Pairs::new(options);
    let mut seen = Seen::default();
    let mut partners = Lines::open(&baseline.rows)?;
    let mut lines = Lines::open(&candidate.rows)?;
    while lines.next()?.is_some() {
        let Some(row) = lines.row()? else { continue };
        let Some(key) = candidate.note(&row) else { continue };
        let mut found = None;
        for (place, offset) in keys.find(key) {
            partners.go_to(offset)?;
            if partners.row()?.is_some_and(|other| other.row_key.as_deref() == Some(key)) {
                found = Some(place);
                break;
            }
        }
        match found {
            None => seen.alone += 1,
            Some(place) if !keys.take(place) => seen.again += 1,
            // The partner is the row that was read last.
            Some(_) => {
                if let Some(partner) = partners.row()? {
                    pairs.add(&partner, &row);
                }
            }
        }
    }
    Ok(pairs.finish(baseline.side, candidate.side, keys.seen(), seen))
}

/// Where rows come from, and what is known of their run.
struct Source {
    side: Side,
    rows: PathBuf,
}

/// What a baseline's first line says; report.json has the same at its top.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Facts {
    /// Only a baseline has it.
    format: Option<String>,
    manifest: Option<String>,
    complete: Option<bool>,
    verdict: Exit,
    cost: Unit,
    figures: Figures,
    #[serde(flatten)]
    identity: Identity,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Exit {
    exit_code: Option<u8>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Figures {
    cost: Unit,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Unit {
    unit: Option<String>,
}

impl Source {
    /// Finds rows by the name of a run, as other commands take it, or by the path of a file of rows - a baseline, a
    /// results.jsonl - or of a folder that has one, such as a set of scores.
    fn find(name: &str, dir: Option<&PathBuf>, host: &mut dyn Host) -> Result<Self, Failure> {
        let path = Path::new(name);
        if path.is_file() {
            let first = Lines::open(path)?.first()?;
            let facts = serde_json::from_slice(&first).unwrap_or_default();
            return Ok(Self::of(name, None, facts, path.to_owned()));
        }
        let results = path.join("results.jsonl");
        if results.is_file() && !path.join("journal.jsonl").exists() {
            // A set of scores lies two folders below its run's.
            let near = [path.to_owned(), path.join("../..")];
            let lock = near.iter().find_map(|folder| RunFolder::at(folder).lock().ok());
            return Ok(Self::of(name, lock, facts_of(path), results));
        }
        let folder = RunName { run: Some(name.to_owned()), dir: dir.cloned() }.find()?;
        if folder.is_locked() {
            return Err(journal::Error::Locked { path: folder.path().to_owned() }.into());
        }
        if !is_current(&folder) {
            derive::derive(&folder, None, host)?;
        }
        let history = folder.read()?;
        let lock = folder.lock()?.as_changed(history.state().changed());
        let name = lock.run_id.clone();
        Ok(Self::of(&name, Some(lock), facts_of(folder.path()), folder.file("results.jsonl")))
    }

    fn of(name: &str, lock: Option<RunLock>, facts: Facts, rows: PathBuf) -> Self {
        let side = Side {
            name: name.to_owned(),
            manifest: lock.as_ref().map(|lock| lock.manifest.clone()).or(facts.manifest),
            complete: facts.complete,
            cost_unit: facts.cost.unit.or(facts.figures.cost.unit),
            keyed_by_number: true,
            ..Side::default()
        };
        let Some(lock) = lock else {
            let is_baseline = facts.format.is_some();
            let identity = Some(facts.identity).filter(|_| is_baseline).unwrap_or_default();
            let Identity { dataset_sha256, mapping_sha256, repeat, workflow_versions } = identity;
            let records_sha256 = dataset_sha256;
            // Those that say what they were made of leave out a `repeat` of one.
            let repeat = repeat.or(mapping_sha256.as_ref().map(|_| 1));
            return Self {
                side: Side { mapping_sha256, records_sha256, repeat, workflow_versions, ..side },
                rows,
            };
        };
        let side = Side {
            records_sha256: Some(lock.dataset.records_sha256).filter(|digest| !digest.is_empty()),
            repeat: Some(lock.dataset.repeat.get()),
            manifest_sha256: Some(lock.manifest_sha256),
            mapping_sha256: Some(lock.mapping_sha256),
            dataset_sha256: Some(lock.dataset.sha256),
            dataset: Some(lock.dataset.paths),
            workflow: Some(lock.workflow).filter(Value::is_object),
            flowbatch: Some(lock.flowbatch),
            ..side
        };
        Self { side, rows }
    }

    /// Takes note of a row of it, and gives its key.
    fn note<'r>(&mut self, row: &'r Row<'_>) -> Option<&'r str> {
        if let Some(version) = &row.workflow_version {
            self.side.ran(version);
        }
        let key = row.row_key.as_deref();
        match key {
            Some(key) => {
                self.side.rows += 1;
                let repeats = self.side.repeat.and_then(Repeats::new).unwrap_or_default();
                let number = row.row_number.map(|row| repeats.key(repeats.record(row).to_string(), row).0);
                self.side.keyed_by_number &= number.is_none_or(|number| number == key);
            }
            None => self.side.rows_without_key += 1,
        }
        key
    }
}

fn facts_of(folder: &Path) -> Facts {
    let text = fs::read(folder.join("report.json")).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Says whether the results are not older than the journal.
fn is_current(folder: &RunFolder) -> bool {
    let written = |path: PathBuf| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    match (written(folder.file("results.jsonl")), written(folder.journal())) {
        (Some(results), Some(journal)) => results >= journal && folder.file("report.json").is_file(),
        _ => false,
    }
}

/// A file of rows, a line at a time. A line without an outcome at the top of a file is a baseline's head.
struct Lines {
    path: PathBuf,
    file: BufReader<File>,
    line: Vec<u8>,
    /// Where the line begins, and where the next one does.
    offset: u64,
    next: u64,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, Failure> {
        let file = File::open(path).map_err(Failure::disk(path))?;
        let file = BufReader::with_capacity(1 << 16, file);
        Ok(Self { path: path.to_owned(), file, line: Vec::new(), offset: 0, next: 0 })
    }

    /// Reads the next line, and gives where it begins; none at the end.
    fn next(&mut self) -> Result<Option<u64>, Failure> {
        self.line.clear();
        self.offset = self.next;
        let read = self.file.read_until(b'\n', &mut self.line).map_err(Failure::disk(&self.path))?;
        self.next += read as u64;
        Ok((read > 0).then_some(self.offset))
    }

    /// Reads the line that begins there. In the order of the file it costs no more than reading on.
    fn go_to(&mut self, offset: u64) -> Result<(), Failure> {
        if offset == self.offset && !self.line.is_empty() {
            return Ok(());
        }
        self.seek(offset).map_err(Failure::disk(&self.path))?;
        self.next = offset;
        self.next().map(|_| ())
    }

    fn seek(&mut self, offset: u64) -> io::Result<()> {
        match (i64::try_from(offset), i64::try_from(self.next)) {
            (Ok(to), Ok(from)) => self.file.seek_relative(to - from),
            _ => self.file.seek(SeekFrom::Start(offset)).map(|_| ()),
        }
    }

    fn first(mut self) -> Result<Vec<u8>, Failure> {
        self.next()?;
        Ok(self.line.strip_prefix(b"\xef\xbb\xbf").map_or(self.line.clone(), <[u8]>::to_vec))
    }

    /// Reads the line as a row; none for an empty line, and for a baseline's head.
    fn row(&self) -> Result<Option<Row<'_>>, Failure> {
        let line = self.line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.line).trim_ascii();
        if line.is_empty() || (self.offset == 0 && line.starts_with(b"{\"format\":")) {
            return Ok(None);
        }
        Row::read(line).map(Some).map_err(|why| {
            Failure::mistake(format!(
                "{}: the line at byte {} is no row of results: {why}",
                self.path.display(),
                self.offset
            ))
        })
    }
}
