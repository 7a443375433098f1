//! One record as the parser gave it, and whether it is a row or malformed.

use std::borrow::Cow;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::dataset::csv::Cells;
use crate::dataset::header::Table;
use crate::dataset::json;
use crate::manifest::DatasetSpec;
use crate::mapping::ColumnType;
use crate::model::{ErrorKind, Record, RowError, RowKey, RowNumber};

/// A record that could not be read as a row. It has a number like any other.
#[derive(Clone, Debug, PartialEq)]
pub struct Malformed {
    /// Its place in the dataset, from 1.
    pub number: RowNumber,
    /// Its key, where it could be read; the row number when the dataset has no `key`.
    pub key: Option<RowKey>,
    /// Its cells, as far as they could be read.
    pub record: Record,
    /// Its file and line: `tickets.csv:17`.
    pub place: String,
    /// What is wrong, of kind [`ErrorKind::MALFORMED`].
    pub error: RowError,
}

/// Gives the first 64 bits of the SHA-256 of a record's compact JSON, in hex: what tells that a row was edited.
pub fn row_sha(record: &Record) -> String {
    // A map of strings to values can always be written; an empty text would only make the row look edited.
    let json = serde_json::to_vec(record).unwrap_or_default();
    hex::encode(&Sha256::digest(json)[..8])
}

pub(super) enum Source<'a> {
    Cells { cells: &'a Cells, table: &'a Table, fault: Option<String> },
    Json(&'a str),
}

/// A digest of records as parsed, one after the other.
#[derive(Default)]
pub(super) struct RecordDigest(Sha256);

impl RecordDigest {
    pub(super) fn take(&mut self, source: &Source<'_>) {
        match source {
            // Lengths stand before what they measure, so that no two records digest alike.
            Source::Cells { cells, .. } => {
                self.0.update((cells.len() as u64).to_le_bytes());
                cells.iter().for_each(|cell| self.text(cell));
            }
            Source::Json(text) => self.text(text.trim()),
        }
    }

    fn text(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
    }

    pub(super) fn finish(self) -> String {
        hex::encode(self.0.finalize())
    }
}

/// One record, not yet judged.
pub(super) struct Reading<'a> {
    /// Which record of the dataset it is, from 1.
    pub(super) number: RowNumber,
    pub(super) label: &'a str,
    pub(super) line: u64,
    pub(super) source: Source<'a>,
}

/// How much of a row is wanted in the manifest's `types`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Typed {
    /// Only whether the declared columns can be read.
    Declared,
    /// All of it.
    Whole,
}

/// The cells of a row.
pub(super) enum Body<'a> {
    Cells(&'a Cells, &'a Table),
    Json(Record),
}

/// A record that is a row.
pub(super) struct Sound<'a> {
    pub(super) body: Body<'a>,
    /// The value of the key column, where there is one.
    pub(super) key: Option<Cow<'a, str>>,
    /// With [`Typed::Whole`], the record in the manifest's `types`.
    pub(super) typed: Option<Record>,
}

impl<'a> Reading<'a> {
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.label, self.line)
    }

    /// Says whether the record is a row.
    pub(super) fn examine(self, spec: &DatasetSpec, wanted: Typed) -> Result<Sound<'a>, Box<Malformed>> {
        let Self { number, label, line, source } = self;
        let (body, fault) = match source {
            Source::Cells { cells, table, fault } => {
                (Body::Cells(cells, table), fault.or_else(|| ragged(cells, table)))
            }
            Source::Json(text) => match json::record(text) {
                Ok(record) => (Body::Json(record), None),
                Err(fault) => (Body::Json(fault.record), Some(fault.message)),
            },
        };
        let (key, unusable) = match spec.key.as_deref().map(|column| body.key(column)) {
            None => (None, None),
            Some(Ok(key)) => (Some(key), None),
            Some(Err(message)) => (None, Some(message)),
        };
        match fault.or(unusable).map_or_else(|| body.typed(spec, wanted), Err) {
            Ok(typed) => Ok(Sound { body, key, typed }),
            Err(message) => Err(Box::new(Malformed {
                number,
                key: match spec.key {
                    Some(_) => key.map(|key| RowKey(key.into_owned())),
                    None => Some(RowKey(number.to_string())),
                },
                record: body.into_record(),
                place: format!("{label}:{line}"),
                error: RowError::new(ErrorKind::MALFORMED, message),
            })),
        }
    }
}

fn ragged(cells: &Cells, table: &Table) -> Option<String> {
    let (found, expected) = (cells.len(), table.columns.len());
    (found != expected).then(|| {
        let cells = if found == 1 { "cell" } else { "cells" };
        format!("{found} {cells}, but the header has {expected} columns")
    })
}

impl<'a> Body<'a> {
    fn record(&self) -> Record {
        match self {
            Body::Cells(cells, table) => record_of(cells, table, &|_| true),
            Body::Json(record) => record.clone(),
        }
    }

    pub(super) fn into_record(self) -> Record {
        match self {
            Body::Json(record) => record,
            Body::Cells(..) => self.record(),
        }
    }

    /// Gives the key: the text of a cell, a number or a boolean as JSON writes it.
    fn key(&self, column: &str) -> Result<Cow<'a, str>, String> {
        let key = match self {
            Body::Cells(cells, table) => {
                let cell = table.find(column).and_then(|at| table.cell(cells, at));
                Cow::Borrowed(cell.ok_or_else(|| format!("the key `{column}` is missing"))?)
            }
            Body::Json(record) => match record.get(column) {
                None => return Err(format!("the key `{column}` is missing")),
                Some(Value::String(text)) => Cow::Owned(text.clone()),
                Some(value @ (Value::Number(_) | Value::Bool(_))) => Cow::Owned(value.to_string()),
                Some(other) => {
                    let kind = json::kind(other);
                    return Err(format!(
                        "the key `{column}` is {kind}; a text, a number or a boolean is expected"
                    ));
                }
            },
        };
        if key.trim().is_empty() { Err(format!("the key `{column}` is empty")) } else { Ok(key) }
    }

    fn typed(&self, spec: &DatasetSpec, wanted: Typed) -> Result<Option<Record>, String> {
        let declared = &spec.types;
        if declared.0.is_empty() {
            return Ok((wanted == Typed::Whole).then(|| self.record()));
        }
        let typed = match self {
            Body::Cells(cells, table) if wanted == Typed::Declared => {
                declared.apply(&record_of(cells, table, &|column| declared.0.contains_key(column)))?
            }
            Body::Cells(..) => declared.apply(&self.record())?,
            Body::Json(record) => declared.apply(record)?,
        };
        for (column, _) in declared.0.iter().filter(|(_, kind)| **kind == ColumnType::Json) {
            self.require_exact(column)?;
        }
        Ok((wanted == Typed::Whole).then_some(typed))
    }

    /// Holds a cell of JSON text to what a JSON record is held to.
    fn require_exact(&self, column: &str) -> Result<(), String> {
        let text = match self {
            Body::Cells(cells, table) => table.find(column).and_then(|at| table.cell(cells, at)),
            Body::Json(record) => record.get(column).and_then(Value::as_str),
        };
        let Some(text) = text.filter(|text| !text.trim().is_empty()) else { return Ok(()) };
        match json::value(text) {
            Ok(_) => Ok(()),
            Err(message) => Err(format!("column `{column}`: {message}")),
        }
    }
}

fn record_of(cells: &Cells, table: &Table, wanted: &dyn Fn(&str) -> bool) -> Record {
    let columns = table.columns.iter().enumerate().filter(|(_, column)| wanted(column));
    columns
        .filter_map(|(at, column)| Some((column.clone(), Value::String(table.cell(cells, at)?.to_owned()))))
        .collect()
}
