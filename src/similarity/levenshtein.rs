//! The Levenshtein ratio.

use crate::similarity::{bits, interned::Interned};

pub(super) fn ratio(actual: &str, expected: &str) -> f64 {
    if actual == expected {
        return 1.0;
    }
    let mut letters = Interned::new();
    let (a, b) = (letters.all(actual.chars()), letters.all(expected.chars()));
    let longer = a.len().max(b.len());
    // Subtle: of whole numbers, so that 1 of 10 is 0.1, and meets a bound of 0.1.
    real(longer.saturating_sub(bits::distance(&a, &b))) / real(longer)
}

#[expect(clippy::cast_precision_loss, reason = "lengths of texts are far below 2^53")]
pub(super) fn real(length: usize) -> f64 {
    length as f64
}
