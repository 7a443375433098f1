//! A row as results.jsonl, a score set or a baseline file has it: of each field what there is.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::model::{Cost, Outcome};

/// One row of one run.
#[derive(Debug, Deserialize)]
pub struct Row<'a> {
    /// Its key, by which it is paired.
    #[serde(default)]
    pub row_key: Option<String>,
    /// Its place in the dataset.
    #[serde(default)]
    pub row_number: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
    #[serde(default, borrow)]
    pub(super) input: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) input_sha256: Option<String>,
    #[serde(default, borrow)]
    pub(super) output: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) error: Option<RowFault>,
    /// The version that ran.
    #[serde(default)]
    pub workflow_version: Option<String>,
    #[serde(default)]
    pub(super) cost: Option<Cost>,
    #[serde(default)]
    pub(super) tokens: Option<u64>,
    #[serde(default)]
    pub(super) latency_ms: Option<u64>,
    #[serde(default)]
    pub(super) checks: Checks,
}

/// Why a row did not succeed.
#[derive(Debug, Deserialize)]
pub(super) struct RowFault {
    #[serde(default)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) message: String,
}

/// What a check said of a row, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Checks(pub(super) Vec<(String, CheckOfRow)>);

/// What one check said of a row.
#[derive(Debug, Default)]
pub(super) struct CheckOfRow {
    /// None for a row that the check does not ask for. An output that can't be judged is no pass.
    pub(super) passed: Option<bool>,
    pub(super) score: Option<f64>,
    pub(super) reason: Option<String>,
    pub(super) expected: Option<String>,
}

impl<'a> Row<'a> {
    /// Reads one line. The error says what is wrong with it.
    pub fn read(line: &'a [u8]) -> Result<Self, String> {
        serde_json::from_slice(line).map_err(|error| error.to_string())
    }

    pub(super) fn check(&self, name: &str) -> Option<&CheckOfRow> {
        self.checks.0.iter().find(|(own, _)| own == name).map(|(_, check)| check)
    }

    /// Says whether two rows were asked the same; none when one does not say.
    pub(super) fn is_asked_as(&self, other: &Row<'_>) -> Option<bool> {
        match (self.input, other.input, &self.input_sha256, &other.input_sha256) {
            (Some(ours), Some(theirs), ..) => Some(ours.get() == theirs.get()),
            (.., Some(ours), Some(theirs)) => Some(ours == theirs),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Pass,
    Fail,
    Error,
    Skipped,
}

/// A verdict with all that results.jsonl has, or the bare word of a baseline.
#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    Word(Word),
    Whole {
        verdict: Word,
        #[serde(default)]
        score: Option<f64>,
        #[serde(default)]
        reason: Option<String>,
        #[serde(default)]
        expected: serde_json::Value,
    },
}

impl From<Said> for CheckOfRow {
    fn from(said: Said) -> Self {
        let (word, score, reason, expected) = match said {
            Said::Word(word) => (word, None, None, serde_json::Value::Null),
            Said::Whole { verdict, score, reason, expected } => (verdict, score, reason, expected),
        };
        let passed = match word {
            Word::Pass => Some(true),
            Word::Fail | Word::Error => Some(false),
            Word::Skipped => None,
        };
        let expected = match expected {
            serde_json::Value::Null => None,
            serde_json::Value::String(text) => Some(text),
            other => Some(other.to_string()),
        };
        Self { passed, score, reason, expected }
    }
}

impl<'de> Deserialize<'de> for Checks {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Checks;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("verdicts by the names of checks")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Checks, A::Error> {
                let mut checks = Vec::new();
                while let Some((name, said)) = map.next_entry::<String, Said>()? {
                    checks.push((name, said.into()));
                }
                Ok(Checks(checks))
            }
        }
        from.deserialize_map(Each)
    }
}
