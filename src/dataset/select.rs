//! Which records are selected: range, then where, then limit, then sample; and so, which rows.

use crate::dataset::sample;
use crate::manifest::Select;
use crate::model::{Repeats, RowNumber, RowSet};

/// The selection as it grows, record by record.
pub(super) struct Selection<'s> {
    select: &'s Select,
    records: RowSet,
}

impl<'s> Selection<'s> {
    pub(super) fn new(select: &'s Select) -> Self {
        Self { select, records: RowSet::new() }
    }

    /// Says whether a record can still be taken, if its condition holds.
    pub(super) fn is_open_to(&self, record: RowNumber) -> bool {
        let in_range = self.select.range.is_none_or(|(first, last)| (first..=last).contains(&record));
        in_range && self.select.limit.is_none_or(|limit| self.records.len() < limit)
    }

    /// Takes a record.
    pub(super) fn take(&mut self, record: RowNumber) {
        self.records.insert(record);
    }

    /// Gives the rows of the selected records, the sample drawn.
    pub(super) fn finish(self, repeats: Repeats) -> RowSet {
        let records = match self.select.sample {
            Some(sample) => sample::draw(&self.records, sample),
            None => self.records,
        };
        if repeats.is_once() {
            return records;
        }
        let mut rows = RowSet::new();
        for (first, last) in records.ranges() {
            rows.insert_range(repeats.rows(first).0..=repeats.rows(last).1);
        }
        rows
    }
}
