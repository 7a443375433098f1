//! Sums of money worked out apart from the program: exact, over whole numbers of 1e-28.

use serde_json::Value;

/// The decimals that are kept.
const PLACES: usize = 28;

/// Reads a decimal, written as a string, in units of 1e-28.
pub(crate) fn amount(text: &str) -> i128 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    assert!(part.len() <= PLACES, "{text} has more decimals than this test can add up");
    format!("{whole}{part:0<PLACES$}").parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// Adds up a member of objects; those that are null count as nothing.
pub(crate) fn sum(objects: &[Value], member: &str) -> i128 {
    let texts = objects.iter().filter_map(|object| object[member].as_str());
    texts.map(amount).sum()
}

/// Adds up a member that is a whole number.
pub(crate) fn count(objects: &[Value], member: &str) -> u64 {
    objects.iter().filter_map(|object| object[member].as_u64()).sum()
}
