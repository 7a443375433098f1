//! A baseline: what an earlier run came to, in a small file fit for version control. It holds no texts.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::Cost;

/// The format's name, in the first line.
const FORMAT: &str = "flowbatch-baseline/1";

/// The name under which a baseline has whether rows succeeded, beside those of its checks; none of these may have it.
pub const SUCCEEDED: &str = "succeeded";

/// The longest label that is kept, in characters.
const LABEL: usize = 64;

/// What of a report is kept.
const KEPT: [&str; 16] = [
    "coverage",
    "success_rate",
    "score",
    "rows",
    "attempts",
    "invokes",
    "polls",
    "throttled",
    "cost",
    "bill",
    "tokens",
    "latency_ms",
    "server_ms",
    "wall_ms",
    "repeats",
    "checks",
];

/// What an earlier run came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    /// The name of its manifest.
    pub manifest: String,
    /// Figures, as report.json has them.
    pub figures: Value,
    /// Of what it was made.
    pub identity: Identity,
    /// The verdicts of its rows.
    verdicts: Arc<Verdicts>,
}

/// What a baseline's run was made of, by which `compare` tells what is not the same. Files of earlier versions lack it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Identity {
    /// SHA-256 of the dataset's records as parsed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset_sha256: Option<String>,
    /// SHA-256 of what the mapping means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mapping_sha256: Option<String>,
    /// How often each record was invoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat: Option<u64>,
    /// Answers by the version of the workflow that gave them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub workflow_versions: BTreeMap<String, u64>,
}

/// The verdicts of rows by their keys, a byte each, in the order of the checks' names. The first is whether they succeeded.
#[derive(Debug, Default, PartialEq, Eq)]
struct Verdicts {
    names: Vec<String>,
    rows: HashMap<Box<str>, Box<[u8]>>,
}

/// Repeats that are looked for: a manifest has no more.
const MOST_REPEATS: u64 = 1_000;

const PASSED: u8 = b'p';
const NOT_PASSED: u8 = b'n';
const NOT_JUDGED: u8 = b'-';

/// What is kept of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BaselineRow {
    /// Its key.
    pub row_key: String,
    /// The digest of the input as it was sent.
    pub input_sha256: Option<String>,
    /// How it ended.
    pub outcome: String,
    /// The verdicts of its checks.
    pub checks: Map<String, Value>,
    /// What it cost.
    pub cost: Option<Cost>,
    /// How long it took.
    pub latency_ms: Option<u64>,
}

/// Why a file is no baseline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaselineError {
    /// Another file.
    #[error("its first line is not that of a baseline")]
    NotOne,
    /// A line that is no row.
    #[error("its line {0} is no row of a baseline")]
    Row(usize),
    /// Of another version.
    #[error("it is of the format `{0}`, and this flowbatch reads `{FORMAT}`")]
    Version(String),
}

/// What is read of a row.
#[derive(Deserialize)]
struct RowVerdicts {
    row_key: String,
    #[serde(default)]
    outcome: Option<String>,
    checks: Map<String, Value>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    format: String,
    manifest: String,
    #[serde(flatten)]
    identity: Identity,
    figures: Value,
}

impl Baseline {
    /// Takes what is kept of a report.
    pub fn of(report: &Value, identity: Identity) -> Self {
        let kept = KEPT.iter().filter_map(|name| Some(((*name).to_owned(), report.get(name)?.clone())));
        let mut figures: Map<String, Value> = kept.collect();
        if let Some(checks) = figures.get_mut("checks").and_then(Value::as_object_mut) {
            checks.values_mut().filter_map(Value::as_object_mut).for_each(without_texts);
        }
        let manifest = report["manifest"].as_str().unwrap_or_default().to_owned();
        Self { manifest, figures: Value::Object(figures), identity, verdicts: Arc::default() }
    }

    /// Reads a baseline's file.
    pub fn parse(text: &str) -> Result<Self, BaselineError> {
        let mut lines = text.trim_start_matches('\u{feff}').lines();
        let first = lines.next().unwrap_or_default();
        let head: Head = serde_json::from_str(first).map_err(|_| BaselineError::NotOne)?;
        if head.format != FORMAT {
            return Err(BaselineError::Version(head.format));
        }
        let mut verdicts = Verdicts::default();
        for (at, line) in lines.enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let row: RowVerdicts = serde_json::from_str(line).map_err(|_| BaselineError::Row(at + 2))?;
            verdicts.take(row);
        }
        let Head { manifest, identity, figures, .. } = head;
        Ok(Self { manifest, figures, identity, verdicts: Arc::new(verdicts) })
    }

    /// Gives the place of a check among those of the rows.
    pub fn place(&self, check: &str) -> Option<usize> {
        self.verdicts.names.iter().position(|name| name == check)
    }

    /// Gives how many rows of a record were judged by the check at a place, and how many of them pass.
    pub fn of_record(&self, record_key: &str, place: usize) -> (u64, u64) {
        let verdict = |key: &str| self.verdicts.rows.get(key).and_then(|codes| codes.get(place)).copied();
        let times = self.identity.repeat.unwrap_or(1);
        let mut found = (0, 0);
        let mut add = |verdict: Option<u8>| {
            found.0 += u64::from(matches!(verdict, Some(PASSED | NOT_PASSED)));
            found.1 += u64::from(verdict == Some(PASSED));
        };
        if times < 2 {
            add(verdict(record_key));
        } else {
            (1..=times.min(MOST_REPEATS)).for_each(|repeat| add(verdict(&format!("{record_key}#{repeat}"))));
        }
        found
    }

    /// Writes the file: the figures, then a line for each row.
    pub fn write(&self, rows: &[BaselineRow]) -> String {
        let head = Head {
            format: FORMAT.to_owned(),
            manifest: self.manifest.clone(),
            identity: self.identity.clone(),
            figures: self.figures.clone(),
        };
        let mut text = serde_json::to_string(&head).unwrap_or_default();
        text.push('\n');
        for row in rows {
            let _ = writeln!(text, "{}", serde_json::to_string(row).unwrap_or_default());
        }
        text
    }
}

impl Verdicts {
    fn take(&mut self, row: RowVerdicts) {
        if self.names.is_empty() {
            self.names.push(SUCCEEDED.to_owned());
        }
        let mut codes = vec![NOT_JUDGED; self.names.len()];
        codes[0] = match row.outcome.as_deref() {
            Some("succeeded") => PASSED,
            None | Some("not_run") => NOT_JUDGED,
            Some(_) => NOT_PASSED,
        };
        for (name, verdict) in row.checks {
            let place = self.names.iter().position(|known| *known == name).unwrap_or_else(|| {
                self.names.push(name);
                codes.push(NOT_JUDGED);
                self.names.len() - 1
            });
            codes[place] = match verdict.as_str() {
                Some("pass") => PASSED,
                Some("fail" | "error") => NOT_PASSED,
                _ => NOT_JUDGED,
            };
        }
        self.rows.insert(row.row_key.into(), codes.into());
    }
}

/// Takes off what holds texts. Labels stay where they are expected ones: those that a workflow makes up may be anything.
fn without_texts(check: &mut Map<String, Value>) {
    check.remove("example");
    check.remove("baseline");
    let Some(labels) = check.get_mut("labels").and_then(Value::as_object_mut) else { return };
    labels.remove("confusion");
    if let Some(classes) = labels.get_mut("classes").and_then(Value::as_array_mut) {
        let is_short =
            |class: &Value| class["label"].as_str().is_some_and(|label| label.chars().count() <= LABEL);
        classes.retain(|class| class["support"].as_u64() > Some(0) && is_short(class));
    }
}

impl BaselineRow {
    /// Gives verdicts as a baseline has them.
    pub fn verdicts<'a>(results: impl Iterator<Item = (&'a str, &'a str)>) -> Map<String, Value> {
        results.map(|(name, verdict)| (name.to_owned(), verdict.into())).collect()
    }
}
