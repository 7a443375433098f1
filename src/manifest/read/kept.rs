//! Files that reports need: a run keeps a copy of each, so that what is derived of it later is derived from the same.

use std::fs;
use std::path::{Path, PathBuf};

use crate::manifest::read::reader::Reader;
use crate::manifest::read::section::Entry;
use crate::manifest::{KeptFile, files};

/// The largest file of this kind, in bytes.
const LIMIT: usize = 64 * 1024 * 1024;

/// What reports need of other files.
#[derive(Debug, Default)]
pub(in crate::manifest) struct Kept {
    /// The folder with a run's copies, when it is a run's manifest that is read.
    pub(in crate::manifest) folder: Option<PathBuf>,
    /// The files, by their names in the run folder.
    pub(super) files: Vec<KeptFile>,
    /// How many schemas there are among them.
    pub(super) schemas: usize,
    /// How many manifests of judges.
    pub(super) judges: usize,
}

/// Reads a file that must be there: the run's own copy, when there is one.
pub(super) fn read(reader: &mut Reader<'_>, entry: &Entry, name: String) -> Option<Vec<u8>> {
    let path = reader.path(entry)?;
    if let Some(bytes) = copy(reader, &name) {
        return Some(bytes);
    }
    match files::read_bounded(&path, LIMIT, "64 MiB") {
        Ok(bytes) => {
            reader.kept.files.push(KeptFile { name, path, bytes: bytes.clone() });
            Some(bytes)
        }
        Err((message, help)) => {
            let mut diagnostic = entry.node.place.error(message);
            diagnostic.help = help;
            reader.diagnostics.push(diagnostic);
            None
        }
    }
}

/// Reads a file that may be missing.
pub(super) fn read_if_there(
    reader: &mut Reader<'_>,
    entry: &Entry,
    path: &Path,
    name: &str,
) -> Option<Vec<u8>> {
    if let Some(bytes) = copy(reader, name) {
        return Some(bytes);
    }
    // A run that had none when it was begun has none.
    if reader.kept.folder.is_some() || !path.exists() {
        return None;
    }
    read(reader, entry, name.to_owned())
}

fn copy(reader: &mut Reader<'_>, name: &str) -> Option<Vec<u8>> {
    let path = reader.kept.folder.as_ref()?.join(name);
    let bytes = fs::read(&path).ok()?;
    reader.kept.files.push(KeptFile { name: name.to_owned(), path, bytes: bytes.clone() });
    Some(bytes)
}
