//! From a path to a manifest, or to all of its mistakes.

use std::path::{Path, PathBuf};

use crate::manifest::{Diagnostics, Manifest};

/// Looks up an environment variable.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Whether the command needs the secrets that the manifest names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// An unset variable in a secret field is a mistake.
    Needed,
    /// It is not (`check`, `plan`, `report`, `--dry-run`).
    NotNeeded,
}

/// What the command line changes in a manifest before it is read.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--set key.path=value`: the value is read as YAML.
    pub set: Vec<(String, String)>,
    /// `--var k=v`.
    pub vars: Vec<(String, String)>,
    /// `--dataset FILE`, relative to the working directory.
    pub dataset: Option<PathBuf>,
    /// The folder that relative paths start from, when it is not the manifest's own (a frozen manifest).
    pub folder: Option<PathBuf>,
}

/// Reads a manifest. The `Ok` side carries the warnings; the `Err` side has at least one error.
pub fn load(
    _path: &Path,
    _overrides: &Overrides,
    _secrets: Secrets,
    _environment: Environment<'_>,
) -> Result<(Manifest, Diagnostics), Diagnostics> {
    unimplemented!()
}
