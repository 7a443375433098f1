//! run.lock.json: what identifies a run, so that it can be resumed, repeated and checked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{Repeats, ScheduledFor, SettingsChanged};

/// What identifies a run. Holds no secret, and no fact that a resume may change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLock {
    /// The version of this file's form.
    pub format: u32,
    /// The run's id.
    pub run_id: String,
    /// The manifest's name.
    pub manifest: String,
    /// The manifest's path as the user gave it, and the folder that its relative paths start from.
    pub manifest_path: String,
    /// The absolute folder that the manifest's relative paths start from.
    pub folder: String,
    /// SHA-256 of manifest.yaml.
    pub manifest_sha256: String,
    /// The files that the manifest rests on and that change it, lowest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerIdentity>,
    /// SHA-256 of what the mapping means: input, `user_id` and vars.
    pub mapping_sha256: String,
    /// What is invoked, where and how.
    pub workflow: Value,
    /// The dataset.
    pub dataset: DatasetIdentity,
    /// What the command line changed in the manifest.
    pub overrides: Overridden,
    /// The slot of a schedule that the run is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduledFor>,
    /// The variables that the manifest names outside of secret fields, with the values that the run was begun with.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// SHA-256 of the files that the run keeps beside its manifest, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kept: BTreeMap<String, String>,
    /// The run that this one repeats, when it was begun by `reproduce`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reproduces: Option<String>,
    /// The resolved settings, without secrets.
    pub settings: Value,
    /// The manifest's labels.
    pub labels: Value,
    /// Who started the run, as the system names them.
    pub started_by: Option<String>,
    /// When, RFC 3339 in UTC.
    pub started_at: String,
    /// The version of flowbatch.
    pub flowbatch: String,
    /// The runs whose results are taken where they may be: one, but for a judge, which may have been asked in several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reuse: Vec<ReuseSource>,
    /// The state of the version control that the manifest stands in.
    pub git: Option<GitState>,
}

/// The run that results are reused from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReuseSource {
    /// Its id.
    pub run_id: String,
    /// Its folder, absolute.
    pub folder: String,
}

impl RunLock {
    /// A lock for tests, of a run over so many rows; it names nothing real.
    #[cfg(test)]
    pub(crate) fn example(run_id: &str, rows: u64) -> Self {
        Self {
            format: 1,
            run_id: run_id.to_owned(),
            manifest: "m".into(),
            manifest_path: "m.yaml".into(),
            folder: "/".into(),
            manifest_sha256: String::new(),
            layers: Vec::new(),
            mapping_sha256: String::new(),
            workflow: Value::Null,
            dataset: DatasetIdentity {
                paths: vec!["d.csv".into()],
                sha256: String::new(),
                bytes: 0,
                rows,
                repeat: Repeats::default(),
                records_sha256: String::new(),
                columns: vec![],
                selected: rows,
            },
            overrides: Overridden::default(),
            schedule: None,
            environment: BTreeMap::new(),
            kept: BTreeMap::new(),
            reproduces: None,
            settings: Value::Null,
            labels: Value::Null,
            started_by: None,
            started_at: String::new(),
            flowbatch: "0".into(),
            reuse: Vec::new(),
            git: None,
        }
    }

    /// Puts in what the journal says has changed since: the dataset that grew, or was mended.
    #[must_use]
    pub fn as_changed(mut self, changed: &[SettingsChanged]) -> Self {
        let latest = changed.iter().rev().find(|change| change.key == SettingsChanged::DATASET);
        if let Some(dataset) = latest.and_then(|change| serde_json::from_str(change.to.get()).ok()) {
            self.dataset = dataset;
        }
        self
    }
}

/// What identifies a layer of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerIdentity {
    /// The file, relative to the lock's folder where it lies below that.
    pub path: String,
    /// The name of the run's own copy in `kept/`.
    pub copy: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
}

/// What identifies a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetIdentity {
    /// The files, as written in the manifest or on the command line.
    pub paths: Vec<String>,
    /// SHA-256 of their bytes in order.
    pub sha256: String,
    /// Their length together.
    pub bytes: u64,
    /// Their rows: as many for each record as it is invoked times.
    pub rows: u64,
    /// How often each record is invoked; left out for once.
    #[serde(default, skip_serializing_if = "Repeats::is_once")]
    pub repeat: Repeats,
    /// SHA-256 of those rows as parsed, by which a dataset that only grew is known.
    #[serde(default)]
    pub records_sha256: String,
    /// Their columns, in order; for JSON the names that the records had.
    pub columns: Vec<String>,
    /// Rows that belong to the run.
    pub selected: u64,
}

/// What the command line changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overridden {
    /// `--set`, with flags such as `-j` in the same form.
    pub set: Vec<(String, String)>,
    /// `--var`.
    pub vars: Vec<(String, String)>,
    /// `--dataset`.
    pub dataset: Option<String>,
    /// `--overlay`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overlays: Vec<String>,
}

/// The state of a version control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitState {
    /// The commit checked out.
    pub commit: String,
    /// Whether tracked files differ from it; none when that could not be told.
    pub dirty: Option<bool>,
}
