//! What identifies a run: ids and digests, and what stands in run.lock.json.

use std::path::Path;
use std::process::Command;
use std::thread::JoinHandle;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::commands::prepare::Sound;
use crate::commands::{Failure, Host};
use crate::journal::{DatasetIdentity, FORMAT, GitState, LayerIdentity, Overridden, RunLock};
use crate::manifest::{KeptFile, Layer, Manifest};

/// Makes an id for a run: its start in UTC, and four random hex digits.
pub(crate) fn new_run_id() -> String {
    let now = now_compact();
    format!("{now}-{:04x}", fastrand::u16(..))
}

/// Checks an id of the user's own: it becomes a folder and a part of each `userId`.
pub(crate) fn check_run_id(id: &str) -> Result<(), Failure> {
    let sound = !id.is_empty()
        && id.len() <= 64
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        && !id.starts_with('.')
        && !id.ends_with('.')
        && id != "latest";
    if sound {
        Ok(())
    } else {
        Err(Failure::mistake(format!(
            "`{id}` can't be a run's id: letters, digits, `-`, `_` and `.`, at most 64, not beginning or ending with `.`, and \
             not `latest`"
        )))
    }
}

pub(crate) fn sha256(bytes: impl AsRef<[u8]>) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The time as it can stand in a file's name.
pub(crate) fn now_compact() -> String {
    Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string()
}

pub(crate) fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A digest that tells two machines apart without naming them.
pub(crate) fn host_hash() -> String {
    sha256(gethostname::gethostname().as_encoded_bytes())[..16].to_owned()
}

/// Writes down what identifies a run.
pub(crate) fn lock(sound: &Sound, run_id: &str, overrides: Overridden, git: Git, host: &dyn Host) -> RunLock {
    let Sound { manifest, survey, .. } = sound;
    let mut settings = manifest.settings();
    let workflow = settings.get_mut("workflow").map(Value::take).unwrap_or_default();
    let folder = std::path::absolute(&manifest.folder).unwrap_or_else(|_| manifest.folder.clone());
    RunLock {
        format: FORMAT,
        run_id: run_id.to_owned(),
        manifest: manifest.name.clone(),
        manifest_path: manifest.path.display().to_string(),
        folder: folder.display().to_string(),
        manifest_sha256: sha256(&manifest.source),
        layers: manifest.layers.iter().map(|layer| layer_of(layer, manifest)).collect(),
        mapping_sha256: sha256(manifest.mapping_text()),
        workflow: identity_of(&workflow),
        dataset: dataset(sound, survey.selection.len()),
        overrides,
        schedule: manifest.slot.clone(),
        environment: manifest.env.clone(),
        kept: manifest.kept.iter().map(|file| (file.name.clone(), sha256(&file.bytes))).collect(),
        reproduces: None,
        settings: settings.get_mut("limits").map(Value::take).unwrap_or_default(),
        labels: manifest
            .labels
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect::<Map<_, _>>()
            .into(),
        started_by: host.variable("USER").or_else(|| host.variable("USERNAME")),
        started_at: now(),
        flowbatch: env!("CARGO_PKG_VERSION").to_owned(),
        reuse: Vec::new(),
        git: git.state(),
    }
}

fn layer_of(layer: &Layer, manifest: &Manifest) -> LayerIdentity {
    let KeptFile { name, path, bytes } = &layer.file;
    LayerIdentity { path: shown(path, manifest), copy: name.clone(), sha256: sha256(bytes) }
}

/// Writes down what identifies the dataset of a run of so many rows.
pub(crate) fn dataset(sound: &Sound, selected: u64) -> DatasetIdentity {
    let Sound { manifest, survey, .. } = sound;
    DatasetIdentity {
        paths: manifest.dataset.paths.iter().map(|path| shown(path, manifest)).collect(),
        sha256: survey.sha256.clone(),
        bytes: survey.bytes,
        rows: survey.rows,
        repeat: manifest.dataset.repeats,
        records_sha256: survey.records_sha256.clone(),
        columns: survey.columns.clone(),
        selected,
    }
}

/// Of the workflow's settings, those that say what is invoked: how it is asked may change between two processes.
pub(crate) fn identity_of(workflow: &Value) -> Value {
    let kept = ["provider", "definition", "base_url", "mode", "user_id"];
    let kept = kept.iter().filter_map(|key| Some(((*key).to_owned(), workflow.get(key)?.clone())));
    Value::Object(kept.collect())
}

/// Writes a path as it can be found again from the manifest's folder, with `/` on every system.
pub(crate) fn shown(path: &Path, manifest: &Manifest) -> String {
    path.strip_prefix(&manifest.folder).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

/// Asks the version control about the manifest's folder, while other work goes on.
pub(crate) struct Git(Option<JoinHandle<Option<GitState>>>);

impl Git {
    /// Starts to ask.
    pub(crate) fn ask(folder: &Path) -> Self {
        let folder = folder.to_owned();
        Self(std::thread::Builder::new().name("git".to_owned()).spawn(move || ask(&folder)).ok())
    }

    fn state(self) -> Option<GitState> {
        self.0?.join().ok()?
    }
}

fn ask(folder: &Path) -> Option<GitState> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut command = Command::new("git");
    command.args(["status", "--porcelain=v2", "--branch", "--untracked-files=no"]).current_dir(folder);
    // Reading must not take locks that a person's own git may need.
    command.env("GIT_OPTIONAL_LOCKS", "0");
    let output = command.output().ok().filter(|output| output.status.success())?;
    read_status(&String::from_utf8_lossy(&output.stdout))
}

fn read_status(text: &str) -> Option<GitState> {
    let commit = text.lines().find_map(|line| line.strip_prefix("# branch.oid "))?;
    if commit == "(initial)" {
        return None;
    }
    let dirty = text.lines().any(|line| !line.starts_with('#'));
    Some(GitState { commit: commit.to_owned(), dirty: Some(dirty) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_names_of_folders() {
        assert!(check_run_id(&new_run_id()).is_ok());
        assert!(check_run_id("nightly-2026.11_24").is_ok());
        for id in ["", ".", "..", ".hidden", "a/b", "a\\b", "latest", "a b", "é", "v2.", &"x".repeat(65)] {
            assert!(check_run_id(id).is_err(), "{id}");
        }
    }

    #[test]
    fn the_state_of_a_repository_is_read() {
        let clean = "# branch.oid 0123abcd\n# branch.head main\n";
        let state = |dirty| Some(GitState { commit: "0123abcd".into(), dirty: Some(dirty) });
        assert_eq!(read_status(clean), state(false));
        assert_eq!(read_status(&format!("{clean}1 .M N... 100644 100644 100644 a b m.yaml\n")), state(true));
        assert_eq!(read_status("# branch.oid (initial)\n"), None);
        assert_eq!(read_status(""), None);
    }
}
