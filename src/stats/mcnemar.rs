//! Whether two runs' pass rates over the same rows differ: McNemar's exact test.

use crate::stats::moments::real;
use crate::stats::wilson::two_sided_quantile;

/// Gives the two-sided p of McNemar's exact test: how likely a split at least as uneven of the discordant pairs would be
/// if each fell either way with even chance. `only_first` pairs passed in the first run alone, `only_second` in the
/// second. Without discordant pairs it is 1.
///
/// The binomial terms are taken relative to the greatest, outward from the middle, so that no count of pairs overflows;
/// a p below the least positive number is 0.
pub fn mcnemar(only_first: u64, only_second: u64) -> f64 {
    // Far more pairs than any run has rows; beyond it, a sample of them will do, and the loop stays short.
    const MOST: u64 = 1 << 32;
    let (mut fewer, mut more) = (only_first.min(only_second), only_first.max(only_second));
    while more > MOST {
        (fewer, more) = (fewer / 2, more / 2);
    }
    let pairs = fewer + more;
    let middle = pairs / 2;
    if fewer == middle {
        return 1.0;
    }
    // The lower half of the distribution; with even pairs the middle is in both halves.
    let (mut term, mut half, mut tail) = (1.0_f64, 0.0_f64, 0.0_f64);
    let mut at = middle;
    loop {
        half += if at == middle && pairs.is_multiple_of(2) { term / 2.0 } else { term };
        if at <= fewer {
            tail += term;
        }
        // Below the least normal number terms no longer shrink as they should.
        if at == 0 || term < f64::MIN_POSITIVE {
            break;
        }
        term *= real(at) / real(pairs - at + 1);
        at -= 1;
    }
    (tail / half).min(1.0)
}

/// Gives the smallest change of a pass rate that McNemar's test at 5 % would find eight times of ten among so many pairs of
/// which so many are discordant: from 0 to 1, none without pairs, or when not even a change of all would be found.
///
/// The approximation of Connor, "Sample size for testing differences in proportions for the paired-sample design" (1987).
/// A change of a size makes at least as many pairs discordant.
pub fn smallest_change(pairs: u64, discordant: u64) -> Option<f64> {
    const STEPS: usize = 60;
    if pairs == 0 || discordant > pairs {
        return None;
    }
    let (n, share) = (real(pairs), real(discordant) / real(pairs));
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
