//! From a path to a manifest, or to all of its mistakes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::manifest::layers::{self, Layered};
use crate::manifest::read::Context;
use crate::manifest::{Diagnostic, Diagnostics, Manifest, Texts, environment, files, overrides, read};
use crate::model::ScheduledFor;

/// Looks up an environment variable.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Whether the command needs the secrets that the manifest names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// An unset variable in a secret field is a mistake.
    Needed,
    /// It is not (`check`, `plan`, `--dry-run`).
    NotNeeded,
    /// Nor is any file that the manifest names: what is asked for stands in the run's journal (`report`).
    Recorded,
}

/// What the command line changes in a manifest before it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--overlay NAME`: the overlays beside the manifest, the later above the earlier.
    pub overlays: Vec<String>,
    /// `--set key.path=value`: the value is read as YAML.
    pub set: Vec<(String, String)>,
    /// `--var k=v`.
    pub vars: Vec<(String, String)>,
    /// `--dataset FILE`, relative to the working directory.
    pub dataset: Option<PathBuf>,
    /// The folder that relative paths start from, when it is not the manifest's own (a frozen manifest).
    pub folder: Option<PathBuf>,
    /// Values of variables outside of secret fields that go before the environment's: those that a run was begun with.
    pub recorded: BTreeMap<String, String>,
    /// The slot of a schedule that it is read for.
    pub schedule: Option<ScheduledFor>,
}

/// A manifest that was read, with all that is wrong with it.
#[derive(Clone, Debug)]
pub struct Reading {
    /// What could be read; where something is wrong, a default stands in its place. It is there so that more mistakes
    /// can be found (columns that the dataset lacks), and is sound only when the diagnostics have no error.
    pub manifest: Option<Manifest>,
    /// Every mistake and warning.
    pub diagnostics: Diagnostics,
}

/// Reads a manifest. The `Ok` side carries the warnings; the `Err` side has at least one error.
pub fn load(
    path: &Path,
    overrides: &Overrides,
    secrets: Secrets,
    environment: Environment<'_>,
) -> Result<(Manifest, Diagnostics), Diagnostics> {
    match read_whole(path, overrides, secrets, environment) {
        Reading { manifest: Some(manifest), diagnostics } if !diagnostics.has_errors() => {
            Ok((manifest, diagnostics))
        }
        Reading { diagnostics, .. } => Err(diagnostics),
    }
}

/// Reads a manifest as far as it goes.
pub fn read_whole(
    path: &Path,
    overrides: &Overrides,
    secrets: Secrets,
    environment: Environment<'_>,
) -> Reading {
    read_bytes(path, overrides, secrets, environment)
        .unwrap_or_else(|diagnostics| Reading { manifest: None, diagnostics })
}

fn read_bytes(
    path: &Path,
    overrides: &Overrides,
    secrets: Secrets,
    environment: Environment<'_>,
) -> Result<Reading, Diagnostics> {
    let shown = path.display().to_string();
    let wrong = |(message, help): files::Wrong| {
        let message = format!("{shown}: {message}");
        let item = Diagnostic { help, ..Diagnostic::error(None, message) };
        Diagnostics::new(shown.clone(), Texts::default(), vec![item])
    };
    let bytes = files::read_manifest(path).map_err(wrong)?;
    let source = files::decode(&bytes).map_err(wrong)?;
    let folder = overrides.folder.clone().unwrap_or_else(|| folder_of(path));
    let Layered { mut root, texts, masked, layers, mistakes: mut items, written } =
        layers::read(path, source, &folder, overrides)?;

    for (key_path, value) in &overrides.set {
        items.extend(overrides::set(&mut root, key_path, value).err());
    }
    let known = |name: &str| overrides.recorded.get(name).cloned().or_else(|| environment(name));
    let (env, unset) = environment::replace(&mut root, &known);
    items.extend(unset);
    let context = Context {
        path,
        folder: &folder,
        bytes: &bytes,
        texts: &texts,
        layers: &layers,
        overrides,
        secrets,
        environment,
    };
    let (manifest, mistakes) = read::read(root, env, &context);
    items.extend(mistakes);
    // What the merged manifest has is told by those who read it.
    let more: Vec<_> =
        written.into_iter().filter(|one| items.iter().all(|item| item.span != one.span)).collect();
    items.extend(more);
    let diagnostics = Diagnostics::new(shown, masked, items);
    Ok(Reading { manifest, diagnostics })
}

/// Gives the folder that a file lies in, from which its relative paths start.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}
