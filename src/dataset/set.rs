//! The dataset, opened: what it is made of, its columns, and its rows in order.

use std::borrow::Cow;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use tempfile::TempPath;

use crate::dataset::files::{self, DataFile};
use crate::dataset::header::{Table, delimiter_note};
use crate::dataset::reading::{Source, Typed};
use crate::dataset::scan::{Raw, walk};
use crate::dataset::survey::Names;
use crate::dataset::{Error, Malformed, json};
use crate::manifest::DatasetSpec;
use crate::model::{Repeats, Row, RowKey, RowNumber, RowSet};

/// Records of a JSON dataset that [`Dataset::columns`] looks at.
const LOOKED_AT: u64 = 100;

/// A dataset whose files are found and whose formats are known.
#[derive(Debug)]
pub struct Dataset {
    pub(super) spec: DatasetSpec,
    pub(super) files: Vec<DataFile>,
    /// Deletes the spooled standard input with the dataset.
    _spool: Option<TempPath>,
}

/// What is known of the columns without reading everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// Their names, in the order of the file; empty when there is no row to learn them from.
    pub names: Vec<String>,
    /// Whether a name that is not among them is a mistake: a table's header was read, or every record was looked at.
    /// Never when `names` is empty.
    pub complete: bool,
    /// Whether values have types of their own (JSON); cells of a table are text.
    pub typed: bool,
    /// What looks wrong but need not be: a table that seems to have another delimiter.
    pub note: Option<String>,
}

/// What [`Dataset::read`] gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A row.
    Row(Row),
    /// A record that is to be rejected.
    Malformed(Malformed),
}

impl Item {
    /// Makes a record one of its rows.
    fn into_row(self, row: RowNumber, repeats: Repeats) -> Self {
        match self {
            Self::Row(Row { key, record, .. }) => {
                Self::Row(Row { number: row, key: repeats.key(key.0, row), record })
            }
            Self::Malformed(malformed) => Self::Malformed(Malformed {
                number: row,
                key: malformed.key.map(|key| repeats.key(key.0, row)),
                ..malformed
            }),
        }
    }
}

impl Dataset {
    /// Finds the files and tells their formats; reads no row.
    ///
    /// Standard input (`-`) is written to `spool` (the run folder's `dataset.input`) and is that file from then on; a
    /// spool that is there already is used and standard input left alone. With no `spool` it goes to a temporary file
    /// that lives as long as the dataset.
    pub fn open(spec: &DatasetSpec, spool: Option<&Path>) -> Result<Self, Error> {
        Self::open_with(spec, spool, &mut io::stdin())
    }

    pub(super) fn open_with(
        spec: &DatasetSpec,
        spool: Option<&Path>,
        stdin: &mut dyn io::Read,
    ) -> Result<Self, Error> {
        let (files, spool) = files::find(spec, spool, stdin)?;
        Ok(Self { spec: spec.clone(), files, _spool: spool })
    }

    /// Gives the files in the order in which they are read.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|file| &*file.path)
    }

    /// Reads only what is needed to know the columns: a table's headers, the first records of JSON.
    pub fn columns(&self) -> Result<Columns, Error> {
        if self.files.first().is_some_and(|file| file.format.is_json()) {
            return self.json_columns();
        }
        let mut table = Table::default();
        let mut note = None;
        for file in &self.files {
            // Breaks off after the header.
            let _flow = walk(file, &self.spec, None, &mut |raw| {
                if let Raw::Header { cells, delimiter } = raw {
                    table.take(&file.label, cells)?;
                    note = note.take().or_else(|| delimiter_note(&file.label, cells, delimiter));
                }
                Ok(ControlFlow::Break(()))
            })?;
        }
        let complete = !table.columns.is_empty();
        Ok(Columns { names: table.columns, complete, typed: false, note })
    }

    fn json_columns(&self) -> Result<Columns, Error> {
        let mut names = Names::default();
        let (mut looked_at, mut all) = (0, true);
        self.scan(None, &mut |reading| {
            if looked_at == LOOKED_AT {
                all = false;
                return Ok(ControlFlow::Break(()));
            }
            looked_at += 1;
            // A malformed record is the survey's to report.
            if let Source::Json(text) = reading.source
                && let Ok(record) = json::record(text)
            {
                names.take(&record)?;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let names = names.into_list();
        Ok(Columns { complete: all && !names.is_empty(), names, typed: true, note: None })
    }

    /// Gives each wanted row to `f`, in order, until it says to break. Memory does not follow the size.
    pub fn read(&self, wanted: &RowSet, f: &mut dyn FnMut(Item) -> ControlFlow<()>) -> Result<(), Error> {
        let mut left = wanted.len();
        if left == 0 {
            return Ok(());
        }
        self.scan(None, &mut |reading| {
            let (number, repeats) = (reading.number, self.spec.repeats);
            let (first, last) = repeats.rows(number);
            let mut rows = (first..=last).filter(|row| wanted.contains(*row)).peekable();
            if rows.peek().is_none() {
                return Ok(ControlFlow::Continue(()));
            }
            let item = match reading.examine(&self.spec, Typed::Declared) {
                Ok(sound) => {
                    let key = sound.key.map_or_else(|| number.to_string(), Cow::into_owned);
                    Item::Row(Row { number, key: RowKey(key), record: sound.body.into_record() })
                }
                Err(malformed) => Item::Malformed(*malformed),
            };
            // Records may be long: they are copied only where there are repeats.
            let mut give = |item: Item| {
                left -= 1;
                let flow = f(item);
                if left == 0 { ControlFlow::Break(()) } else { flow }
            };
            if repeats.is_once() {
                return Ok(give(item));
            }
            for row in rows {
                if give(item.clone().into_row(row, repeats)).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(())
    }
}
