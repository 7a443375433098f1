//! What differs between two runs before any row is looked at: dataset, workflow, mapping.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// What is known of one of the two runs. What is none is not said by where it was read from.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Side {
    /// The run's id, or the file that it was read from.
    pub name: String,
    /// The manifest's name.
    pub manifest: Option<String>,
    /// Whether nothing remains of the run.
    pub complete: Option<bool>,
    /// SHA-256 of the manifest.
    pub manifest_sha256: Option<String>,
    /// SHA-256 of what the mapping means.
    pub mapping_sha256: Option<String>,
    /// SHA-256 of the dataset's files.
    pub dataset_sha256: Option<String>,
    /// SHA-256 of its records as parsed, which a baseline file has alone.
    pub records_sha256: Option<String>,
    /// How often each record was invoked.
    pub repeat: Option<u64>,
    /// The dataset's files.
    pub dataset: Option<Vec<String>>,
    /// What is invoked, and how.
    pub workflow: Option<Value>,
    /// The versions of the workflow that ran, with the number of rows.
    pub workflow_versions: BTreeMap<String, u64>,
    /// The unit of cost.
    pub cost_unit: Option<String>,
    /// The version of flowbatch.
    pub flowbatch: Option<String>,
    /// Rows with a key.
    pub rows: u64,
    /// Rows without: never begun, or with a record too broken to have one. They can't be paired.
    pub rows_without_key: u64,
    /// Whether every key is the row's number, as without `dataset.key`.
    #[serde(skip)]
    pub keyed_by_number: bool,
}

/// Something that is not the same in both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What.
    pub what: &'static str,
    /// What it is in the baseline.
    pub baseline: String,
    /// What it is in the other run.
    pub candidate: String,
}

/// Versions told apart; a workflow has few.
const MAX_VERSIONS: usize = 50;

/// Digits of a digest that are shown.
const DIGITS: usize = 12;

impl Side {
    /// Takes a version in.
    pub fn ran(&mut self, version: &str) {
        if let Some(count) = self.workflow_versions.get_mut(version) {
            *count += 1;
        } else if self.workflow_versions.len() < MAX_VERSIONS {
            self.workflow_versions.insert(version.to_owned(), 1);
        }
    }

    /// Gives what differs, what matters most first.
    pub fn differences(&self, candidate: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        let mut note = |what, a: Option<String>, b: Option<String>| {
            if let (Some(baseline), Some(candidate)) = (a, b)
                && baseline != candidate
            {
                found.push(Difference { what, baseline, candidate });
            }
        };
        if self.dataset_sha256.is_some() && candidate.dataset_sha256.is_some() {
            note("dataset", self.dataset_shown(), candidate.dataset_shown());
        } else {
            note("dataset", digits(self.records_sha256.as_ref()), digits(candidate.records_sha256.as_ref()));
        }
        let repeat = |side: &Self| side.repeat.map(|times| times.to_string());
        note("repeat", repeat(self), repeat(candidate));
        note("workflow version", self.versions_shown(), candidate.versions_shown());
        note("workflow", self.workflow_shown(), candidate.workflow_shown());
        note("mapping", digits(self.mapping_sha256.as_ref()), digits(candidate.mapping_sha256.as_ref()));
        note("manifest", self.manifest.clone(), candidate.manifest.clone());
        note(
            "manifest file",
            digits(self.manifest_sha256.as_ref()),
            digits(candidate.manifest_sha256.as_ref()),
        );
        note("unit of cost", self.cost_unit.clone(), candidate.cost_unit.clone());
        note("flowbatch", self.flowbatch.clone(), candidate.flowbatch.clone());
        found
    }

    fn dataset_shown(&self) -> Option<String> {
        let digest = digits(self.dataset_sha256.as_ref())?;
        Some(match &self.dataset {
            Some(paths) => format!("{} ({digest})", paths.join(", ")),
            None => digest,
        })
    }

    fn versions_shown(&self) -> Option<String> {
        let versions: Vec<_> = self.workflow_versions.keys().map(String::as_str).collect();
        (!versions.is_empty()).then(|| versions.join(", "))
    }

    fn workflow_shown(&self) -> Option<String> {
        let identity = self.workflow.as_ref()?.as_object()?;
        let part = |(name, value): (&String, &Value)| match value {
            Value::String(text) => format!("{name} {text}"),
            other => format!("{name} {other}"),
        };
        Some(identity.iter().map(part).collect::<Vec<_>>().join(", "))
    }
}

fn digits(digest: Option<&String>) -> Option<String> {
    digest.map(|digest| digest.chars().take(DIGITS).collect())
}
