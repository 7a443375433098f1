//! The seeded sample: the same rows for a seed on every machine and with every version.
//!
//! Each row has a rank: output number `row` of `SplitMix64` (Steele, Lea, Flood 2014) started at the first output for the
//! seed. The sample is the `n` rows of lowest rank. The ranks of different rows differ, so it has exactly `n` rows; and a
//! row's rank depends on nothing but seed and number, so a larger sample with the same seed holds the smaller one, and
//! a pilot is not paid for twice.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::manifest::{Sample, SampleSize};
use crate::model::{RowNumber, RowSet};

/// Draws the sample from the rows that are left. Takes 8 bytes a row while it draws.
pub(super) fn draw(rows: &RowSet, sample: Sample) -> RowSet {
    let size = size(rows.len(), sample.size);
    if size >= rows.len() {
        return rows.clone();
    }
    let mut ranks: Vec<u64> = rows.iter().map(|row| rank(sample.seed, row)).collect();
    let Some(last) = usize::try_from(size).ok().and_then(|size| size.checked_sub(1)) else {
        return RowSet::new();
    };
    let (_, highest, _) = ranks.select_nth_unstable(last);
    rows.iter().filter(|row| rank(sample.seed, *row) <= *highest).collect()
}

/// A share is taken of the exact count, and half a row is a row.
fn size(rows: u64, size: SampleSize) -> u64 {
    match size {
        SampleSize::Rows(rows) => rows,
        SampleSize::Share(share) => Decimal::from(rows)
            .checked_mul(share)
            .map(|part| part.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero))
            .and_then(|part| u64::try_from(part).ok())
            .unwrap_or(0),
    }
}

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

fn rank(seed: u64, row: RowNumber) -> u64 {
    mix(mix(seed.wrapping_add(STEP)).wrapping_add(row.wrapping_mul(STEP)))
}

/// `SplitMix64`'s output function, a bijection.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
