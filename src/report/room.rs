//! How many rows a file holds that people and their tools open whole: the first ones, and of the others those that
//! somebody will look for.

use std::io::{Read, Seek, Write};

use crate::checks::CheckVerdict;
use crate::model::Outcome;
use crate::report::ResultRow;

/// Rows that report.html and junit.xml hold, from the first on.
pub const PAGE_ROWS: u64 = 100_000;

/// Rows beyond these that they hold as well, since they did not succeed or a check failed on them.
pub const PAGE_FURTHER_ROWS: u64 = 10_000;

/// Where rows wait until what stands before them in a file is known.
pub trait Spool: Read + Write + Seek {}

impl<T: Read + Write + Seek> Spool for T {}

/// What has been let in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    most: u64,
    held: u64,
    further: u64,
    left_out: u64,
}

impl Default for Room {
    fn default() -> Self {
        Self::of(PAGE_ROWS)
    }
}

impl Room {
    pub(super) fn of(most: u64) -> Self {
        Self { most, held: 0, further: 0, left_out: 0 }
    }

    /// Says whether a row is let in. One that is not is counted.
    pub(super) fn admits(&mut self, row: &ResultRow<'_>) -> bool {
        let further = self.held >= self.most;
        if further && !(self.further < PAGE_FURTHER_ROWS && is_wanted(row)) {
            self.left_out += 1;
            return false;
        }
        self.held += 1;
        self.further += u64::from(further);
        true
    }

    /// Counts a row that another bound kept out.
    pub(super) fn leave_out(&mut self) {
        self.left_out += 1;
    }

    /// Rows let in.
    pub(super) fn held(self) -> u64 {
        self.held
    }

    /// Of these, those beyond the first.
    pub(super) fn further(self) -> u64 {
        self.further
    }

    /// Rows not let in.
    pub(super) fn left_out(self) -> u64 {
        self.left_out
    }
}

/// Somebody will look for a row that did not succeed, or on which a check failed or could not be judged.
fn is_wanted(row: &ResultRow<'_>) -> bool {
    let bad = |verdict| matches!(verdict, CheckVerdict::Fail | CheckVerdict::Error);
    row.outcome != Outcome::Succeeded || row.checks.0.iter().any(|(_, result)| bad(result.verdict))
}
