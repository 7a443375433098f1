//! What a check says of a row, in the form of results.jsonl.

use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::mapping::show;

/// Characters of an expected or an actual value that are shown.
const SHOWN: usize = 200;

/// A check's verdict on a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckVerdict {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail,
    /// It could not be judged: a template can't be rendered, a value is no number.
    Error,
    /// Its `when` does not ask for the row.
    Skipped,
}

impl CheckVerdict {
    /// Gives the word that stands in results.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Error => "error",
            Self::Skipped => "skipped",
        }
    }
}

/// What a check says of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// Its verdict.
    pub verdict: CheckVerdict,
    /// How well it holds, from 0 to 1; none when it could not be judged, or was skipped.
    pub score: Option<f64>,
    /// Why it does not hold, or could not be judged.
    pub reason: Option<String>,
    /// What was looked at, as a path such as `output.items[0].price`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What was wanted, cut to 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What was there, cut to 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual: Option<String>,
    /// The labels, when the check compares labels.
    #[serde(skip)]
    pub labels: Option<Labels>,
}

/// The label that was expected of a row, and the one that it has; none when that could not be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// Expected.
    pub expected: String,
    /// Actual.
    pub actual: Option<String>,
}

impl CheckResult {
    /// Makes a result without details.
    pub(super) fn of(verdict: CheckVerdict, score: Option<f64>) -> Self {
        Self { verdict, score, reason: None, path: None, expected: None, actual: None, labels: None }
    }

    pub(super) fn pass() -> Self {
        Self::of(CheckVerdict::Pass, Some(1.0))
    }

    pub(super) fn fail(reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..Self::of(CheckVerdict::Fail, Some(0.0)) }
    }

    pub(super) fn error(reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..Self::of(CheckVerdict::Error, None) }
    }

    pub(super) fn expected(self, expected: impl AsRef<str>) -> Self {
        Self { expected: Some(cut(expected.as_ref())), ..self }
    }

    pub(super) fn actual(self, actual: &Value) -> Self {
        Self { actual: Some(written(actual)), ..self }
    }

    pub(super) fn at(self, path: impl Into<String>) -> Self {
        Self { path: Some(path.into()), ..self }
    }
}

impl CheckResult {
    /// Says in one sentence what is wrong.
    pub fn in_words(&self) -> String {
        const SHOWN: usize = 60;
        let short = |text: &str| match text.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text.to_owned(),
        };
        let reason = self.reason.as_deref().unwrap_or_default();
        let told = match &self.path {
            // A name that is missing is what the reason begins with.
            Some(path) if reason.starts_with(&format!("`{path}`")) => reason.to_owned(),
            Some(path) => format!("{path} {reason}"),
            None => reason.to_owned(),
        };
        match (&self.expected, &self.actual) {
            (Some(expected), Some(actual)) => {
                format!("{told}: expected {}, got {}", short(expected), short(actual))
            }
            (Some(expected), None) => format!("{told}: expected {}", short(expected)),
            (None, Some(actual)) => format!("{told}: got {}", short(actual)),
            (None, None) => told,
        }
    }
}

/// Writes a value as details have it: text as it is, null as `null`, all else as JSON.
pub(super) fn written(value: &Value) -> String {
    if value.is_null() { "null".to_owned() } else { cut(&show(value)) }
}

/// Cuts a text to what is shown.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => text.to_owned(),
        Some(_) => text.chars().take(SHOWN - 1).chain(['…']).collect(),
    }
}

/// The results of a row's checks, in the order of the manifest; none for a row without an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checks(pub Vec<(Arc<str>, CheckResult)>);

impl Serialize for Checks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, result) in &self.0 {
            map.serialize_entry(&**name, result)?;
        }
        map.end()
    }
}
