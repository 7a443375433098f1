//! Sentence BLEU as sacrebleu computes it by default: 13a tokeniser, exponential smoothing, effective order.

use std::collections::HashMap;

use crate::similarity::{interned::Interned, levenshtein::real, squad};

const ORDER: usize = 4;

/// Gives BLEU between 0 and 1.
pub(super) fn score(actual: &str, expected: &str) -> f64 {
    let (actual, expected) = (tokenised(actual), tokenised(expected));
    let mut words = Interned::new();
    let (given, wanted) = (words.all(squad::tokens(&actual)), words.all(squad::tokens(&expected)));
    let matches: Vec<(usize, usize)> = (1..=ORDER).map(|order| matching(&given, &wanted, order)).collect();
    if matches.iter().all(|(same, _)| *same == 0) {
        return 0.0;
    }
    let (mut logarithms, mut orders, mut smoothing) = (0.0, 0, 1.0);
    for (same, total) in matches {
        if total == 0 {
            break;
        }
        orders += 1;
        let precision = if same == 0 {
            smoothing *= 2.0;
            1.0 / (smoothing * real(total))
        } else {
            real(same) / real(total)
        };
        logarithms += precision.ln();
    }
    let penalty = if given.len() < wanted.len() { 1.0 - real(wanted.len()) / real(given.len()) } else { 0.0 };
    (penalty + logarithms / real(orders)).exp().clamp(0.0, 1.0)
}

/// How many n-grams are in both, counted as often as the expected text has them, and how many there are.
fn matching(given: &[u32], wanted: &[u32], order: usize) -> (usize, usize) {
    let mut left: HashMap<&[u32], usize> = HashMap::new();
    wanted.windows(order).for_each(|gram| *left.entry(gram).or_default() += 1);
    let mut same = 0;
    for gram in given.windows(order) {
        if let Some(count) = left.get_mut(gram)
            && *count > 0
        {
            *count -= 1;
            same += 1;
        }
    }
    (same, (given.len() + 1).saturating_sub(order))
}

/// Puts spaces between tokens, as mteval-v13a does. The steps are its steps, one after the other.
fn tokenised(text: &str) -> String {
    let mut line =
        text.trim_end_matches(squad::is_space).replace("<skipped>", "").replace("-\n", "").replace('\n', " ");
    if line.contains('&') {
        for (entity, sign) in [("&quot;", "\""), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")] {
            line = line.replace(entity, sign);
        }
    }
    let mut apart = String::with_capacity(line.len() + 2);
    for c in format!(" {line} ").chars() {
        if is_sign(c) {
            apart.extend([' ', c, ' ']);
        } else {
            apart.push(c);
        }
    }
    let stop = |c: char| c == '.' || c == ',';
    let digit = |c: char| c.is_ascii_digit();
    let apart = pairs(&apart, |a, b| !digit(a) && stop(b), |a, b| [a, ' ', b, ' ']);
    let apart = pairs(&apart, |a, b| stop(a) && !digit(b), |a, b| [' ', a, ' ', b]);
    pairs(&apart, |a, b| digit(a) && b == '-', |a, b| [a, ' ', b, ' '])
}

/// Rewrites each pair of characters that is meant, from the left, each character in one pair at most.
fn pairs(text: &str, meant: impl Fn(char, char) -> bool, write: impl Fn(char, char) -> [char; 4]) -> String {
    let mut written = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(a) = chars.next() {
        match chars.next_if(|b| meant(a, *b)) {
            Some(b) => written.extend(write(a, b)),
            None => written.push(a),
        }
    }
    written
}

/// ASCII's signs but `'`, `,`, `-`, `.`: those are told by what is next to them, or left where they are.
fn is_sign(c: char) -> bool {
    c == ' ' || (c.is_ascii_punctuation() && !matches!(c, '\'' | ',' | '-' | '.'))
}
