//! A set of rows, a bit each, so that a million rows cost 125 kB.

use std::ops::RangeInclusive;

use crate::model::RowNumber;

/// A set of row numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowSet {
    words: Vec<u64>,
    count: u64,
}

impl RowSet {
    /// Makes the empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a row (from 1) and says whether it is new.
    pub fn insert(&mut self, row: RowNumber) -> bool {
        let (word, bit) = place(row);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        self.count += u64::from(new);
        new
    }

    /// Adds all rows of a range, both ends included.
    pub fn insert_range(&mut self, range: RangeInclusive<RowNumber>) {
        for row in range {
            self.insert(row);
        }
    }

    /// Takes a row out and says whether it was there.
    pub fn remove(&mut self, row: RowNumber) -> bool {
        let (word, bit) = place(row);
        let Some(slot) = self.words.get_mut(word) else { return false };
        let there = *slot & bit != 0;
        *slot &= !bit;
        self.count -= u64::from(there);
        there
    }

    /// Says whether a row is in the set; there is no row 0.
    pub fn contains(&self, row: RowNumber) -> bool {
        if row == 0 {
            return false;
        }
        let (word, bit) = place(row);
        self.words.get(word).is_some_and(|w| w & bit != 0)
    }

    /// Gives how many rows the set holds.
    pub fn len(&self) -> u64 {
        self.count
    }

    /// Says whether the set holds no row.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Gives the rows in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = RowNumber> + '_ {
        self.words.iter().enumerate().flat_map(|(index, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                if rest == 0 {
                    return None;
                }
                let bit = rest.trailing_zeros();
                rest &= rest - 1;
                Some(index as u64 * 64 + u64::from(bit) + 1)
            })
        })
    }

    /// Gives the rows as ascending ranges, both ends included, none touching the next.
    pub fn ranges(&self) -> Vec<(RowNumber, RowNumber)> {
        let mut ranges: Vec<(RowNumber, RowNumber)> = Vec::new();
        for row in self.iter() {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == row => *last = row,
                _ => ranges.push((row, row)),
            }
        }
        ranges
    }
}

impl FromIterator<RowNumber> for RowSet {
    fn from_iter<I: IntoIterator<Item = RowNumber>>(rows: I) -> Self {
        let mut set = Self::new();
        for row in rows {
            set.insert(row);
        }
        set
    }
}

fn place(row: RowNumber) -> (usize, u64) {
    debug_assert!(row > 0, "rows are counted from 1");
    let index = row.saturating_sub(1);
    (usize::try_from(index / 64).unwrap_or(usize::MAX), 1 << (index % 64))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_row_set_is_a_set(rows in proptest::collection::vec((1_u64..300, any::<bool>()), 0..200)) {
            let mut set = RowSet::new();
            let mut oracle = BTreeSet::new();
            for (row, add) in rows {
                if add {
                    prop_assert_eq!(set.insert(row), oracle.insert(row));
                } else {
                    prop_assert_eq!(set.remove(row), oracle.remove(&row));
                }
            }
            prop_assert_eq!(set.len(), oracle.len() as u64);
            prop_assert_eq!(set.iter().collect::<Vec<_>>(), oracle.iter().copied().collect::<Vec<_>>());
            let mut again = RowSet::new();
            for (first, last) in set.ranges() {
                again.insert_range(first..=last);
            }
            prop_assert_eq!(again.iter().collect::<Vec<_>>(), set.iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn ranges_join_neighbours() {
        let set: RowSet = [1, 2, 3, 64, 65, 100].into_iter().collect();
        assert_eq!(set.ranges(), vec![(1, 3), (64, 65), (100, 100)]);
        assert!(set.contains(64) && !set.contains(66));
    }
}
