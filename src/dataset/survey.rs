//! The one pass before anything is sent: how many rows, what digest, which are malformed, which are selected.

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;

use serde_json::{Map, Value};

use crate::dataset::keys::Keys;
use crate::dataset::raw::Tally;
use crate::dataset::reading::{Body, Reading, RecordDigest, Typed};
use crate::dataset::select::Selection;
use crate::dataset::{Dataset, Error, Malformed};
use crate::manifest::{OnBadRow, Select};
use crate::mapping::{Expression, Scope, ScopeParts};
use crate::model::{Record, RowNumber, RowSet, ScheduledFor, row_tag};

/// Malformed records that are kept to be shown.
const SHOWN: usize = 20;

/// Different names that the records of a JSON dataset may have.
const NAMES: usize = 100_000;

/// What `where` can see beside the row. There is no run yet: `run.id` is empty.
#[derive(Clone, Copy, Debug)]
pub struct SurveyContext<'a> {
    /// `vars.*`.
    pub vars: &'a Map<String, Value>,
    /// `manifest.name`.
    pub manifest_name: &'a str,
    /// `schedule.*`.
    pub slot: Option<&'a ScheduledFor>,
    /// What `env` may read.
    pub env: &'a BTreeMap<String, String>,
}

/// What one pass over the dataset found.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    /// All rows, malformed ones included: each record has as many as it is invoked times.
    pub rows: u64,
    /// The SHA-256 of the raw bytes of all files in order, in lower-case hex.
    pub sha256: String,
    /// The number of those bytes.
    pub bytes: u64,
    /// The SHA-256 of all records as parsed, in order: the same for two files that hold the same rows, however they
    /// are packed or end.
    pub records_sha256: String,
    /// A table's columns, or all names that the records have, in the order of first sight. Empty when there is no row
    /// to learn them from.
    pub columns: Vec<String>,
    /// The selected rows: all of a record's, or none. A malformed record in the range is among them, since no condition can be asked of it.
    pub selection: RowSet,
    /// How many records are malformed.
    pub malformed: u64,
    /// The first of them, at most 20.
    pub first_malformed: Vec<Malformed>,
}

/// The names that records have, in the order of first sight.
#[derive(Default)]
pub(super) struct Names {
    seen: HashSet<String>,
    list: Vec<String>,
}

impl Names {
    pub(super) fn take(&mut self, record: &Record) -> Result<(), Error> {
        for name in record.keys() {
            if !self.seen.contains(name) {
                self.seen.insert(name.clone());
                self.list.push(name.clone());
            }
        }
        if self.list.len() > NAMES { Err(Error::TooManyNames { limit: NAMES }) } else { Ok(()) }
    }

    pub(super) fn into_list(self) -> Vec<String> {
        self.list
    }
}

/// The pass while it goes on.
struct Pass<'a> {
    dataset: &'a Dataset,
    condition: Option<&'a Expression>,
    context: &'a SurveyContext<'a>,
    selection: Selection<'a>,
    rows: u64,
    records: RecordDigest,
    keys: Keys,
    names: Names,
    malformed: u64,
    first_malformed: Vec<Malformed>,
}

impl Dataset {
    /// Reads everything once. Fails on what can't be a dataset; with `on_bad_row: stop` also on a malformed record.
    pub fn survey(&self, select: &Select, context: &SurveyContext<'_>) -> Result<Survey, Error> {
        let mut tally = Tally::default();
        let mut pass = Pass {
            dataset: self,
            condition: select.condition.as_ref(),
            context,
            selection: Selection::new(select),
            rows: 0,
            records: RecordDigest::default(),
            keys: Keys::default(),
            names: Names::default(),
            malformed: 0,
            first_malformed: Vec::new(),
        };
        let columns =
            self.scan(Some(&mut tally), &mut |reading| pass.take(reading).map(ControlFlow::Continue))?;
        let (bytes, sha256) = (tally.bytes, tally.sha256());
        if let Some(pinned) = self.spec.sha256.as_ref().filter(|pinned| !pinned.eq_ignore_ascii_case(&sha256))
        {
            return Err(Error::Pin { pinned: pinned.clone(), found: sha256 });
        }
        let Pass { selection, rows, records, keys, names, malformed, first_malformed, .. } = pass;
        if malformed > 0 && self.spec.on_bad_row == OnBadRow::Stop {
            return Err(Error::Malformed { first: first_malformed, count: malformed });
        }
        self.require_unique(keys)?;
        let columns = if columns.is_empty() { names.into_list() } else { columns };
        let (records_sha256, selection) = (records.finish(), selection.finish(self.spec.repeats));
        Ok(Survey { rows, sha256, bytes, records_sha256, columns, selection, malformed, first_malformed })
    }
}

impl Dataset {
    /// Digests the records of the first `rows` rows, as [`Survey::records_sha256`] digests all; none when there are fewer.
    pub fn records_sha256(&self, rows: u64) -> Result<Option<String>, Error> {
        let (mut records, mut left) = (RecordDigest::default(), rows / self.spec.repeats.get());
        if left > 0 {
            self.scan(None, &mut |reading| {
                records.take(&reading.source);
                left -= 1;
                Ok(if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })?;
        }
        Ok((left == 0).then(|| records.finish()))
    }
}

impl Pass<'_> {
    fn take(&mut self, reading: Reading<'_>) -> Result<(), Error> {
        let (number, place) = (reading.number, (reading.label, reading.line));
        self.rows = self.dataset.spec.repeats.rows(number).1;
        self.records.take(&reading.source);
        let open = self.selection.is_open_to(number);
        let condition = self.condition.filter(|_| open);
        let wanted = if condition.is_some() { Typed::Whole } else { Typed::Declared };
        let selected = match reading.examine(&self.dataset.spec, wanted) {
            Ok(sound) => {
                if let Some(key) = &sound.key {
                    self.keys.take(key);
                }
                if let Body::Json(record) = &sound.body {
                    self.names.take(record)?;
                }
                match (condition, &sound.typed) {
                    (Some(condition), Some(typed)) => {
                        self.holds(condition, number, sound.key.as_deref(), typed).map_err(|message| {
                            Error::Condition { place: format!("{}:{}", place.0, place.1), number, message }
                        })?
                    }
                    _ => open,
                }
            }
            Err(malformed) => {
                self.malformed += 1;
                if self.first_malformed.len() < SHOWN {
                    let number = self.dataset.spec.repeats.rows(number).0;
                    self.first_malformed.push(Malformed { number, ..*malformed });
                }
                open
            }
        };
        if selected {
            self.selection.take(number);
        }
        Ok(())
    }

    fn holds(
        &self,
        condition: &Expression,
        number: RowNumber,
        key: Option<&str>,
        row: &Record,
    ) -> Result<bool, String> {
        let number_text = number.to_string();
        let scope = Scope::new(&ScopeParts {
            row,
            row_number: number,
            row_key: key.unwrap_or(&number_text),
            row_tag: &row_tag("", number),
            repeat: 1,
            vars: self.context.vars,
            run_id: "",
            manifest_name: self.context.manifest_name,
            schedule: self.context.slot,
            env: self.context.env,
            reply: None,
        });
        condition.holds(&scope).map_err(|error| error.message)
    }
}
