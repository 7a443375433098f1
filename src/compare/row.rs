//! A row as results.jsonl, a score set or a baseline file has it: of each field what there is.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::compare::record::hash_of;
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
    /// Which of its record's rows it is, from 1, where a run repeats.
    #[serde(default)]
    pub repeat: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
    #[serde(default, borrow)]
    input: Option<&'a RawValue>,
    /// The hash of the input, when that itself is not kept.
    #[serde(skip)]
    input_hash: Option<u64>,
    #[serde(default)]
    pub(super) input_sha256: Option<String>,
    #[serde(default, borrow)]
    output: Option<&'a RawValue>,
    /// The beginning of the output, when that itself is not kept.
    #[serde(skip)]
    output_kept: Option<String>,
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
    /// What the result took, when an earlier run has paid for it.
    #[serde(default)]
    reused: Option<Took>,
}

/// What a result took.
#[derive(Debug, Deserialize)]
struct Took {
    cost: Option<Cost>,
    tokens: Option<u64>,
    latency_ms: Option<u64>,
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
        serde_json::from_slice(line).map(Self::with_taken).map_err(|error| error.to_string())
    }

    /// Gives it with what its result took, whichever run paid for that: a comparison asks about answers.
    pub(super) fn with_taken(mut self) -> Self {
        if let Some(Took { cost, tokens, latency_ms }) = self.reused.take() {
            (self.cost, self.tokens, self.latency_ms) = (cost, tokens, latency_ms);
        }
        self
    }

    pub(super) fn check(&self, name: &str) -> Option<&CheckOfRow> {
        self.checks.0.iter().find(|(own, _)| own == name).map(|(_, check)| check)
    }

    /// Says whether two rows were asked the same; none when one does not say.
    pub(super) fn is_asked_as(&self, other: &Row<'_>) -> Option<bool> {
        match (self.asked(), other.asked(), &self.input_sha256, &other.input_sha256) {
            (Some(ours), Some(theirs), ..) => Some(ours == theirs),
            (.., Some(ours), Some(theirs)) => Some(ours == theirs),
            _ => None,
        }
    }

    /// The hash of the input; none when a part of it is kept out of sight, and could be anything.
    fn asked(&self) -> Option<u64> {
        let of = |input: &RawValue| (!input.get().contains("[redacted]")).then(|| hash_of(input.get()));
        self.input_hash.or_else(|| self.input.and_then(of))
    }

    /// The output as it is written in the file, or its beginning; none for null.
    pub(super) fn output(&self) -> Option<Cow<'_, str>> {
        let whole = self.output.map(RawValue::get).filter(|output| *output != "null");
        self.output_kept.as_deref().or(whole).map(Cow::Borrowed)
    }

    /// Which of its record's rows it is, from 1; told by the key where the file has no field for it.
    pub(super) fn place(&self) -> u64 {
        let by_key = || self.row_key.as_ref()?.rsplit_once('#')?.1.parse().ok();
        self.repeat.or_else(by_key).unwrap_or(1)
    }

    /// Keeps of it what a comparison needs: of the output so many characters, and of the input whether it is the same as
    /// another, so that many rows take little room.
    pub(super) fn kept(self, most: usize) -> Row<'static> {
        let output_kept = self.output().map(|output| output.chars().take(most.saturating_add(1)).collect());
        let input_hash = self.asked();
        Row { input: None, input_hash, output: None, output_kept, ..self.without_texts() }
    }

    fn without_texts<'b>(self) -> Row<'b> {
        let Row { row_key, row_number, repeat, outcome, input_sha256, error, workflow_version, .. } = self;
        let Row { cost, tokens, latency_ms, checks, .. } = self;
        let (input, input_hash, output, output_kept) = (None, None, None, None);
        Row {
            row_key,
            row_number,
            repeat,
            outcome,
            input,
            input_hash,
            input_sha256,
            output,
            output_kept,
            error,
            workflow_version,
            cost,
            tokens,
            latency_ms,
            reused: None,
            checks,
        }
    }
}

/// Gives the key of a record from that of one of its rows: without its `#2`. A row of results.jsonl says itself which repeat it is;
/// of a baseline's rows only the number of `repeats` is known, and what follows `#` must be one of these.
pub(super) fn record_key(key: &str, repeat: Option<u64>, repeats: Option<u64>) -> &str {
    let Some((record, place)) = key.rsplit_once('#') else { return key };
    let Ok(place) = place.parse::<u64>() else { return key };
    let is_place = match (repeat, repeats) {
        (Some(repeat), _) => place == repeat,
        (None, Some(times)) if times > 1 => (1..=times).contains(&place),
        (None, _) => false,
    };
    if is_place { record } else { key }
}

/// What of a row is needed to find its partner.
#[derive(Debug, Deserialize)]
pub(super) struct Head {
    #[serde(default)]
    pub(super) row_key: Option<String>,
    #[serde(default)]
    pub(super) row_number: Option<u64>,
    #[serde(default)]
    pub(super) repeat: Option<u64>,
    #[expect(dead_code, reason = "a line without an outcome is no row")]
    outcome: Outcome,
    #[serde(default)]
    pub(super) workflow_version: Option<String>,
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
