//! The Levenshtein ratio.

use crate::similarity::{bits, interned::Interned};

pub(super) fn ratio(actual: &str, expected: &str) -> f64 {
    if actual == expected {
        return 1.0;
    }
    let mut letters = Interned::new();
    let (a, b) = (letters.all(actual.chars()), letters.all(expected.chars()));
    1.0 - real(bits::distance(&a, &b)) / real(a.len().max(b.len()))
}

#[expect(clippy::cast_precision_loss, reason = "lengths of texts are far below 2^53")]
pub(super) fn real(length: usize) -> f64 {
    length as f64
}
