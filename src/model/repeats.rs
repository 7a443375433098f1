//! How often each record of a dataset is invoked, as rows of their own, and which row is whose.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use crate::model::{RowKey, RowNumber};

/// How often each record is invoked: once, unless the manifest has `repeat`. Record `r`, counted from 1, has the rows
/// `(r - 1) n + 1` to `r n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Repeats(NonZeroU64);

/// The `k` of figures about k answers, as far as there are so many; all of them are a further one.
const STEPS: [u64; 10] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000];

impl Default for Repeats {
    fn default() -> Self {
        Self(NonZeroU64::MIN)
    }
}

impl Repeats {
    /// So many; none for 0.
    pub fn new(times: u64) -> Option<Self> {
        NonZeroU64::new(times).map(Self)
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0.get()
    }

    /// Says whether each record is one row.
    pub fn is_once(&self) -> bool {
        self.get() == 1
    }

    /// Gives the rows of a record, the first and the last.
    pub fn rows(self, record: RowNumber) -> (RowNumber, RowNumber) {
        let before = record.saturating_sub(1).saturating_mul(self.get());
        (before.saturating_add(1), before.saturating_add(self.get()))
    }

    /// Gives the number of the record that a row is of.
    pub fn record(self, row: RowNumber) -> RowNumber {
        row.saturating_sub(1) / self.0 + 1
    }

    /// Gives which of its record's rows a row is, from 1.
    pub fn repeat(self, row: RowNumber) -> u64 {
        row.saturating_sub(1) % self.0 + 1
    }

    /// Gives the `k` for which figures about k answers are told: 1, 2, 5, 10 and so on, and all.
    pub fn steps(self) -> impl Iterator<Item = u64> {
        let n = self.get();
        STEPS.into_iter().filter(move |k| *k < n).chain([n])
    }

    /// Gives a row's key from its record's: `KEY#2`, and the same where each record is one row.
    pub fn key(self, of_record: String, row: RowNumber) -> RowKey {
        RowKey(if self.is_once() { of_record } else { format!("{of_record}#{}", self.repeat(row)) })
    }

    /// Gives the key of a row's record from the row's own.
    pub fn record_key(self, key: &str, row: RowNumber) -> &str {
        let of_repeat = |place: &str| place.parse() == Ok(self.repeat(row));
        match key.rsplit_once('#') {
            Some((record, place)) if !self.is_once() && of_repeat(place) => record,
            _ => key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_of_one_record_and_each_record_has_its_rows() {
        let check = |times: u64, record: u64, rows: &[(u64, &str)]| {
            let repeats = Repeats::new(times).unwrap();
            let (first, last) = repeats.rows(record);
            assert_eq!((first, last), (rows[0].0, rows[rows.len() - 1].0));
            for (at, (row, key)) in (1..).zip(rows) {
                assert_eq!((repeats.record(*row), repeats.repeat(*row)), (record, at));
                assert_eq!(repeats.key("k".to_owned(), *row).0, *key);
                assert_eq!(repeats.record_key(key, *row), "k");
            }
        };
        check(1, 7, &[(7, "k")]);
        check(3, 1, &[(1, "k#1"), (2, "k#2"), (3, "k#3")]);
        check(3, 2, &[(4, "k#1"), (5, "k#2"), (6, "k#3")]);
        let steps = |times| Repeats::new(times).unwrap().steps().collect::<Vec<_>>();
        assert_eq!((steps(1), steps(2), steps(3)), (vec![1], vec![1, 2], vec![1, 2, 3]));
        assert_eq!((steps(10), steps(12)), (vec![1, 2, 5, 10], vec![1, 2, 5, 10, 12]));
        assert_eq!(Repeats::new(0), None);
        assert_eq!(Repeats::new(1_000).unwrap().rows(u64::MAX).1, u64::MAX);
    }
}
