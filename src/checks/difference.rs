//! Where two JSON values first differ.

use serde_json::Value;

use crate::checks::Folding;
use crate::mapping::{is_equal, show};

/// Where two values first differ, and in what.
#[derive(Debug, PartialEq)]
pub(super) struct Difference<'a> {
    /// The way down, such as `.items[0].price`; empty for the values themselves.
    pub(super) path: String,
    /// None when only the actual value has it.
    pub(super) expected: Option<&'a Value>,
    /// None when only the expected value has it.
    pub(super) actual: Option<&'a Value>,
}

impl Folding {
    /// Gives the text that stands for all that are taken for the same.
    pub(super) fn fold(self, text: &str) -> String {
        let text =
            if self.space { text.split_whitespace().collect::<Vec<_>>().join(" ") } else { text.to_owned() };
        if self.case { text.to_lowercase() } else { text }
    }

    /// Says whether two texts are taken for the same.
    pub(super) fn same_text(self, left: &str, right: &str) -> bool {
        left == right || (self != Self::default() && self.fold(left) == self.fold(right))
    }

    /// Says whether two values are taken for the same.
    pub(super) fn same(self, left: &Value, right: &Value) -> bool {
        difference(left, right, self).is_none()
    }
}

/// Finds the first place in which two values differ; numbers are compared as numbers, and the order of members counts
/// for nothing.
pub(super) fn difference<'a>(
    expected: &'a Value,
    actual: &'a Value,
    folding: Folding,
) -> Option<Difference<'a>> {
    let here = || Difference { path: String::new(), expected: Some(expected), actual: Some(actual) };
    match (expected, actual) {
        (Value::String(left), Value::String(right)) => (!folding.same_text(left, right)).then(here),
        (Value::Array(left), Value::Array(right)) => (0..left.len().max(right.len())).find_map(|at| {
            between(left.get(at), right.get(at), folding).map(|found| found.below(&format!("[{at}]")))
        }),
        (Value::Object(left), Value::Object(right)) => {
            let added = right.keys().filter(|name| !left.contains_key(*name));
            left.keys().chain(added).find_map(|name| {
                between(left.get(name), right.get(name), folding).map(|found| found.below(&member(name)))
            })
        }
        _ => (!is_equal(expected, actual)).then(here),
    }
}

fn between<'a>(
    expected: Option<&'a Value>,
    actual: Option<&'a Value>,
    folding: Folding,
) -> Option<Difference<'a>> {
    match (expected, actual) {
        (Some(expected), Some(actual)) => difference(expected, actual, folding),
        _ => Some(Difference { path: String::new(), expected, actual }),
    }
}

/// Writes a member's step down as templates do.
pub(super) fn member(name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$'));
    if plain { format!(".{name}") } else { format!(".[{name}]") }
}

impl Difference<'_> {
    fn below(self, step: &str) -> Self {
        Self { path: format!("{step}{}", self.path), ..self }
    }

    /// Says in what the values differ.
    pub(super) fn in_words(&self) -> String {
        let (expected, actual) = match (self.expected, self.actual) {
            (Some(expected), Some(actual)) => (expected, actual),
            (Some(_), None) => return "is missing".to_owned(),
            _ => return "is not expected".to_owned(),
        };
        let (wanted, found) = (crate::mapping::kind(expected), crate::mapping::kind(actual));
        if wanted == found {
            "is not equal".to_owned()
        } else if show(expected) == show(actual) {
            format!(
                "is {found}, and {wanted} is expected: `types`, or a helper such as `int`, makes them alike"
            )
        } else {
            format!("is {found}, and {wanted} is expected")
        }
    }
}
