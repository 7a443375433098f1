//! The dataset's tests: files in a temporary folder, surveyed and read.

mod attachments;
mod formats;
mod malformed;
mod packing;
mod properties;
mod repeats;
mod selection;
mod sources;
mod text;

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;

use serde_json::Map;
use tempfile::TempDir;

use super::*;
use crate::manifest::{DatasetSpec, Encoding, OnBadRow, Select};
use crate::mapping::ColumnTypes;
use crate::model::{Repeats, RowSet};

#[test]
fn a_dataset_can_be_read_on_another_thread() {
    fn check<T: Send + Sync>() {}
    check::<Dataset>();
    check::<Error>();
}

/// Files by name, and what is written in them.
type Files<'a> = &'a [(&'a str, &'a [u8])];

fn spec() -> DatasetSpec {
    DatasetSpec {
        paths: Vec::new(),
        span: None,
        format: None,
        encoding: Encoding::Auto,
        delimiter: None,
        key: None,
        key_span: None,
        types: ColumnTypes::default(),
        sha256: None,
        on_bad_row: OnBadRow::Stop,
        repeats: Repeats::default(),
        select: Select::default(),
    }
}

/// Writes the files and opens them, in the order given unless `change` sets other paths.
fn opened(
    files: Files<'_>,
    change: impl FnOnce(&mut DatasetSpec, &TempDir),
) -> (TempDir, Result<Dataset, Error>) {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = spec();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        spec.paths.push(path);
    }
    change(&mut spec, &folder);
    let dataset = Dataset::open(&spec, None);
    (folder, dataset)
}

fn surveyed(dataset: &Dataset, select: &Select) -> Result<Survey, Error> {
    let (vars, env) = (Map::new(), BTreeMap::new());
    dataset.survey(select, &SurveyContext { vars: &vars, manifest_name: "m", slot: None, env: &env })
}

/// Rows as `NUMBER KEY JSON`, malformed ones as `NUMBER! PLACE: MESSAGE`.
fn listed(dataset: &Dataset, wanted: &RowSet) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    dataset.read(wanted, &mut |item| {
        found.push(match item {
            Item::Row(row) => {
                format!("{} {} {}", row.number, row.key, serde_json::to_string(&row.record).unwrap())
            }
            Item::Malformed(bad) => format!("{}! {}: {}", bad.number, bad.place, bad.error.message),
        });
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// Everything in the files, as `listed` gives it; or the message, with the folder's name taken out.
fn read_with(
    files: Files<'_>,
    change: impl FnOnce(&mut DatasetSpec, &TempDir),
) -> Result<Vec<String>, String> {
    let (folder, dataset) = opened(files, change);
    let read = dataset.and_then(|dataset| {
        let survey = surveyed(&dataset, &Select::default())?;
        let rows = listed(&dataset, &survey.selection)?;
        assert_eq!(rows.len() as u64, survey.rows, "read gives what the survey counted");
        Ok(rows)
    });
    read.map_err(|error| plain(&error, &folder))
}

fn read(name: &str, bytes: &[u8]) -> Result<Vec<String>, String> {
    read_with(&[(name, bytes)], |_, _| ())
}

/// A message without the temporary folder.
fn plain(error: &Error, folder: &TempDir) -> String {
    let folder = format!("{}{}", folder.path().display(), std::path::MAIN_SEPARATOR);
    error.to_string().replace(&folder, "")
}
