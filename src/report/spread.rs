//! How times are spread: exact percentiles by counting.

use std::collections::BTreeMap;

use crate::report::Percentiles;

/// Counts of whole milliseconds. Memory follows the number of different values, not of rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Spread {
    counts: BTreeMap<u64, u64>,
    rows: u64,
}

impl Spread {
    /// Takes a row in, when it has a value.
    pub(super) fn add(&mut self, value: Option<u64>) {
        if let Some(value) = value {
            *self.counts.entry(value).or_default() += 1;
            self.rows += 1;
        }
    }

    /// Gives the percentiles over the rows that have a value.
    pub(super) fn percentiles(&self) -> Percentiles {
        Percentiles {
            p50: self.nearest(50),
            p90: self.nearest(90),
            p95: self.nearest(95),
            p99: self.nearest(99),
            max: self.counts.keys().next_back().copied(),
        }
    }

    fn nearest(&self, percent: u64) -> Option<u64> {
        let rank = nearest_rank(percent, self.rows)?;
        let mut seen = 0;
        let reached = self.counts.iter().find(|(_, count)| {
            seen += *count;
            seen >= rank
        });
        reached.map(|(value, _)| *value)
    }
}

/// The nearest rank of a percentile among `rows` values in order, from 1: the smallest rank with at least so many
/// per cent of the values at or below it.
pub(super) fn nearest_rank(percent: u64, rows: u64) -> Option<u64> {
    (rows > 0).then(|| (rows * percent).div_ceil(100).clamp(1, rows))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn percentiles_are_those_of_the_sorted_values(mut values in proptest::collection::vec(0_u64..50, 0..300)) {
            let mut spread = Spread::default();
            for value in &values {
                spread.add(Some(*value));
                spread.add(None);
            }
            values.sort_unstable();
            // By the definition: the first value that has at least p per cent of all values at or below it.
            let oracle = |p: usize| {
                values.iter().copied().find(|v| values.iter().filter(|w| *w <= v).count() * 100 >= p * values.len())
            };
            let got = spread.percentiles();
            prop_assert_eq!(
                [got.p50, got.p90, got.p95, got.p99, got.max],
                [oracle(50), oracle(90), oracle(95), oracle(99), values.last().copied()]
            );
        }
    }
}
