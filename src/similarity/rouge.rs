//! ROUGE-L as Google's `rouge_score` computes it without stemming.

use crate::similarity::{bits, interned::Interned, squad};

pub(super) fn f_measure(actual: &str, expected: &str) -> f64 {
    let (actual, expected) = (actual.to_lowercase(), expected.to_lowercase());
    let mut words = Interned::new();
    let (given, wanted) = (words.all(tokens(&actual)), words.all(tokens(&expected)));
    if given.is_empty() || wanted.is_empty() {
        return 0.0;
    }
    squad::harmonic(bits::common(&given, &wanted), given.len(), wanted.len())
}

pub(super) fn has_tokens(text: &str) -> bool {
    tokens(&text.to_lowercase()).next().is_some()
}

fn tokens(lower: &str) -> impl Iterator<Item = &str> {
    let is_other = |c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit());
    lower.split(is_other).filter(|token| !token.is_empty())
}
