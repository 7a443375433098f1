//! Token F1 as SQuAD's evaluation computes it.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use crate::similarity::levenshtein::real;

pub(super) fn f1(actual: &str, expected: &str) -> f64 {
    let (actual, expected) = (normalised(actual), normalised(expected));
    let (given, wanted): (Vec<_>, Vec<_>) = (tokens(&actual).collect(), tokens(&expected).collect());
    if given.is_empty() || wanted.is_empty() {
        return f64::from(given.is_empty() && wanted.is_empty());
    }
    let mut left: HashMap<&str, usize> = HashMap::new();
    for token in &wanted {
        *left.entry(token).or_default() += 1;
    }
    let same = given.iter().filter(|token| match left.get_mut(*token) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    });
    harmonic(same.count(), given.len(), wanted.len())
}

/// The harmonic mean of precision and recall, of whole numbers as long as can be, so that it meets a bound that it equals.
pub(super) fn harmonic(same: usize, given: usize, wanted: usize) -> f64 {
    real(2 * same) / real(given + wanted)
}

/// Lower case, without ASCII punctuation, and with a space for each article that stands alone.
fn normalised(text: &str) -> String {
    let lower = text.to_lowercase();
    let plain: String = lower.chars().filter(|c| !c.is_ascii_punctuation()).collect();
    let mut without = String::with_capacity(plain.len());
    let mut rest = plain.as_str();
    while !rest.is_empty() {
        let word = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
        let (now, after) = rest.split_at(word);
        without.push_str(if matches!(now, "a" | "an" | "the") { " " } else { now });
        let between = after.find(is_of_word).unwrap_or(after.len());
        let (now, after) = after.split_at(between);
        without.push_str(now);
        rest = after;
    }
    without
}

/// What Python's `\w` takes, `_` aside, which is punctuation and gone: letters and numbers, but not the marks that Unicode
/// calls alphabetic, as vowel signs of Indic scripts are.
fn is_of_word(c: char) -> bool {
    static MARK: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[\p{M}\p{So}]").ok());
    let is_mark = || MARK.as_ref().is_some_and(|mark| mark.is_match(c.encode_utf8(&mut [0; 4])));
    c.is_alphanumeric() && (c.is_ascii() || !is_mark())
}

/// Splits where Python's `split` does: at white space, and at ASCII's four separators.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_space).filter(|token| !token.is_empty())
}

/// What Python takes for white space.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}
