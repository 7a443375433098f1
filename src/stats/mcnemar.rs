//! Whether two runs' pass rates over the same rows differ: McNemar's exact test.

use crate::stats::moments::real;
use crate::stats::wilson::two_sided_quantile;

/// Gives the two-sided p of McNemar's exact test: how likely a split at least as uneven of the discordant pairs would be
/// if each fell either way with even chance. `only_first` pairs passed in the first run alone, `only_second` in the
/// second. Without discordant pairs it is 1.
pub fn mcnemar(only_first: u64, only_second: u64) -> f64 {
    let (first, second) = within_bounds(only_first, only_second);
    twice_lower(first.min(second), first + second).min(1.0)
}

/// Gives the one-sided p of McNemar's exact test: how likely at least `only_first` of the discordant pairs would fall to the first
/// run if each fell either way with even chance. Without discordant pairs it is 1. With more than half of them it
/// is half of the two-sided p.
pub fn mcnemar_worse(only_first: u64, only_second: u64) -> f64 {
    let (first, second) = within_bounds(only_first, only_second);
    // At least so many fall to the one when at most the others fall to the other.
    if second <= first {
        return (twice_lower(second, first + second) / 2.0).min(1.0);
    }
    first.checked_sub(1).map_or(1.0, |fewer| 1.0 - twice_lower(fewer, first + second) / 2.0)
}

/// Far more pairs than any run has rows are sampled, so that the loop stays short.
fn within_bounds(mut one: u64, mut other: u64) -> (u64, u64) {
    const MOST: u64 = 1 << 32;
    while one.max(other) > MOST {
        (one, other) = (one / 2, other / 2);
    }
    (one, other)
}

/// Gives twice the chance that at most so many of the pairs, no more than half of them, fall to one side.
///
/// The binomial terms are taken relative to the greatest, outward from the middle, so that no count of pairs overflows;
/// a p below the least positive number is 0.
fn twice_lower(at_most: u64, pairs: u64) -> f64 {
    let middle = pairs / 2;
    // The lower half of the distribution; with even pairs the middle is in both halves.
    let (mut term, mut half, mut tail) = (1.0_f64, 0.0_f64, 0.0_f64);
    let mut at = middle;
    loop {
        half += if at == middle && pairs.is_multiple_of(2) { term / 2.0 } else { term };
        if at <= at_most {
            tail += term;
        }
        // Below the least normal number terms no longer shrink as they should.
        if at == 0 || term < f64::MIN_POSITIVE {
            break;
        }
        term *= real(at) / real(pairs - at + 1);
        at -= 1;
    }
    tail / half
}

/// Gives the smallest change of a pass rate that McNemar's test at 5 % would find eight times of ten among so many pairs of
/// which so many are discordant: from 0 to 1, none without pairs, or when not even a change of all would be found. Where
/// pairs are of shares, `discordant` is the sum of the squares of their differences.
///
/// The approximation of Connor, "Sample size for testing differences in proportions for the paired-sample design" (1987).
/// A change of a size makes at least as many pairs discordant.
pub fn smallest_change(pairs: u64, discordant: f64) -> Option<f64> {
    const STEPS: usize = 60;
    let (n, share) = (real(pairs), discordant / real(pairs));
    if pairs == 0 || !(0.0..=1.0).contains(&share) {
        return None;
    }
    // Two-sided at 95 %, and the quantile with 80 % below it.
    let (chance, power) = (two_sided_quantile(0.95), two_sided_quantile(0.6));
    let is_found = |change: f64| {
        let share = share.max(change);
        chance * share.sqrt() + power * (share - change * change).max(0.0).sqrt() <= change * n.sqrt()
    };
    if !is_found(1.0) {
        return None;
    }
    let (mut missed, mut found) = (0.0, 1.0);
    for _ in 0..STEPS {
        let middle = f64::midpoint(missed, found);
        *(if is_found(middle) { &mut found } else { &mut missed }) = middle;
    }
    Some(found)
}
