//! Whether two runs' pass rates over the same rows differ: McNemar's exact test.

use crate::stats::moments::real;

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
