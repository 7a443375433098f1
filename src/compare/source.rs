//! Where the rows of one of two runs come from, what is known of the run, and how the rows of both are brought together.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::compare::lines::{Error, Lines};
use crate::compare::row::{Head, Row, record_key};
use crate::compare::{Comparison, Keys, Options, Pairs, Side};
use crate::gates::Identity;
use crate::journal::{self, RunFolder, RunLock};
use crate::model::{ExitCode, Repeats};

/// Where rows come from, and what is known of their run.
#[derive(Debug)]
pub struct Source {
    /// What is known of the run.
    pub side: Side,
    /// The file of its rows.
    pub rows: PathBuf,
}

/// What a baseline's first line says; report.json has the same at its top.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Facts {
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

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Exit {
    exit_code: Option<u8>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Figures {
    cost: Unit,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Unit {
    unit: Option<String>,
}

impl Facts {
    /// Reads what a run's report says of it; nothing where there is none.
    pub fn of(folder: &Path) -> Self {
        let text = fs::read(folder.join("report.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Says whether the run is complete and was accepted.
    pub fn is_passing(&self) -> bool {
        self.complete == Some(true) && self.verdict.exit_code == Some(ExitCode::Accepted.code())
    }
}

impl Source {
    /// Takes a file of rows: a baseline, or a results.jsonl.
    pub fn of_file(name: &str, path: &Path) -> Result<Self, Error> {
        let first = Lines::open(path)?.first()?;
        let facts = serde_json::from_slice(&first).unwrap_or_default();
        Ok(Self::of(name, None, facts, path.to_owned()))
    }

    /// Takes a folder that has a results.jsonl and is no run's, such as a set of scores.
    pub fn of_folder(name: &str, path: &Path) -> Self {
        // A set of scores lies two folders below its run's.
        let near = [path.to_owned(), path.join("../..")];
        let lock = near.iter().find_map(|folder| RunFolder::at(folder).lock().ok());
        Self::of(name, lock, Facts::of(path), path.join("results.jsonl"))
    }

    /// Takes a run, as its results have it.
    pub fn of_run(folder: &RunFolder) -> Result<Self, journal::Error> {
        let history = folder.read()?;
        let lock = folder.lock()?.as_changed(history.state().changed());
        let name = lock.run_id.clone();
        Ok(Self::of(&name, Some(lock), Facts::of(folder.path()), folder.file("results.jsonl")))
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

    /// Takes note of a row, and of where it stands.
    fn note(&mut self, row: &Head, keys: &mut Keys, offset: u64) {
        if let Some(version) = &row.workflow_version {
            self.side.ran(version);
        }
        let Some(key) = row.row_key.as_deref() else {
            self.side.rows_without_key += 1;
            return;
        };
        self.side.rows += 1;
        let repeats = self.side.repeat.and_then(Repeats::new).unwrap_or_default();
        let number = row.row_number.map(|row| repeats.key(repeats.record(row).to_string(), row).0);
        self.side.keyed_by_number &= number.is_none_or(|number| number == key);
        keys.add(record_key(key, row.repeat, self.side.repeat), key, offset);
    }

    /// Reads where the rows of each record stand.
    fn index(&mut self) -> Result<Keys, Error> {
        let mut keys = Keys::default();
        let mut lines = Lines::open(&self.rows)?;
        while let Some(offset) = lines.next()? {
            if let Some(row) = lines.read::<Head>()? {
                self.note(&row, &mut keys, offset);
            }
        }
        keys.seal();
        Ok(keys)
    }

    fn record_key<'r>(&self, row: &'r Row<'_>) -> &'r str {
        record_key(row.row_key.as_deref().unwrap_or_default(), row.repeat, self.side.repeat)
    }

    /// Of rows, those of a record, each key once.
    fn of_record<'r>(&self, record: &str, rows: Vec<Row<'r>>) -> Vec<Row<'r>> {
        let mut seen = HashSet::new();
        let several = rows.len() > 1;
        let is_first = |row: &Row<'_>| !several || seen.insert(row.row_key.clone());
        rows.into_iter().filter(|row| self.record_key(row) == record).filter(is_first).collect()
    }
}

/// Says whether a run's results are there and not older than its journal.
pub fn is_current(folder: &RunFolder) -> bool {
    let written = |path: PathBuf| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    match (written(folder.file("results.jsonl")), written(folder.journal())) {
        (Some(results), Some(journal)) => results >= journal && folder.file("report.json").is_file(),
        _ => false,
    }
}

/// Reads where the rows of either run stand, then those of each record of the candidate with its partners.
pub fn compare(mut baseline: Source, mut candidate: Source, options: Options) -> Result<Comparison, Error> {
    let (before, now) = (baseline.index()?, candidate.index()?);
    let mut pairs = Pairs::new(options);
    let mut paired = 0;
    let (mut partners, mut lines) = (Lines::open(&baseline.rows)?, Lines::open(&candidate.rows)?);
    for offsets in now.records() {
        let mut rest = lines.rows(&offsets, options.text)?;
        // Nearly always these are the rows of one record; those of two may have the same hash.
        while let Some(record) = rest.first().map(|row| candidate.record_key(row).to_owned()) {
            let (rows, others): (Vec<_>, Vec<_>) =
                rest.into_iter().partition(|row| candidate.record_key(row) == record);
            rest = others;
            let found = partners.rows(&before.find(&record), options.text)?;
            let found = baseline.of_record(&record, found);
            if !found.is_empty() {
                paired += 1;
                pairs.add(&record, &found, &candidate.of_record(&record, rows));
            }
        }
    }
    Ok(pairs.finish(baseline.side, candidate.side, before.seen(paired), now.seen(paired)))
}
