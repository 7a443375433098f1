//! Which rows are selected: range, then where, then limit, then sample.

use crate::dataset::sample;
use crate::manifest::Select;
use crate::model::{RowNumber, RowSet};

/// The selection as it grows, row by row.
pub(super) struct Selection<'s> {
    select: &'s Select,
    rows: RowSet,
}

impl<'s> Selection<'s> {
    pub(super) fn new(select: &'s Select) -> Self {
        Self { select, rows: RowSet::new() }
    }

    /// Says whether a row can still be taken, if its condition holds.
    pub(super) fn is_open_to(&self, row: RowNumber) -> bool {
        let in_range = self.select.range.is_none_or(|(first, last)| (first..=last).contains(&row));
        in_range && self.select.limit.is_none_or(|limit| self.rows.len() < limit)
    }

    /// Takes a row.
    pub(super) fn take(&mut self, row: RowNumber) {
        self.rows.insert(row);
    }

    /// Gives the selection, the sample drawn.
    pub(super) fn finish(self) -> RowSet {
        match self.select.sample {
            Some(sample) => sample::draw(&self.rows, sample),
            None => self.rows,
        }
    }
}
