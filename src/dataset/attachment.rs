//! The files that rows name: read from within the manifest's folder only, and put into the input as base64.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::mapping::{FileInput, Rendered};
use crate::model::{ErrorKind, RowError};

/// The largest file that an input may carry, in bytes.
pub(super) const ATTACHMENT_LIMIT: u64 = 32 << 20;

/// An input whose files were read.
#[derive(Clone, Debug, PartialEq)]
pub struct Attached {
    /// For the wire, each file as `{"format", "base64_content"}`.
    pub input: Value,
    /// For the journal, each file as `{"file", "format", "bytes", "sha256"}`; none when there is no file, and the
    /// journal takes the input itself.
    pub journal: Option<Value>,
}

/// Reads the files of a rendered input from the manifest's folder.
///
/// # Errors
/// Of kind [`ErrorKind::MAPPING`], naming the path as the row wrote it: the row is rejected.
pub fn attach(folder: &Path, rendered: Rendered) -> Result<Attached, RowError> {
    let Rendered { value: mut input, files } = rendered;
    if files.is_empty() {
        return Ok(Attached { input, journal: None });
    }
    let mut journal = input.clone();
    for file in &files {
        let bytes = content(folder, &file.path).map_err(|why| refused(file, &why))?;
        let sha256 = hex::encode(Sha256::digest(&bytes));
        let wire = json!({"format": file.format, "base64_content": STANDARD.encode(&bytes)});
        let noted = json!({"file": file.path, "format": file.format, "bytes": bytes.len(), "sha256": sha256});
        for (target, value) in [(&mut input, wire), (&mut journal, noted)] {
            let place = target.pointer_mut(&file.pointer).ok_or_else(|| {
                RowError::new(
                    ErrorKind::BUG,
                    format!("the input has no place `{}` for its file", file.pointer),
                )
            })?;
            *place = value;
        }
    }
    Ok(Attached { input, journal: Some(journal) })
}

fn refused(file: &FileInput, why: &str) -> RowError {
    RowError::new(ErrorKind::MAPPING, format!("file `{}`: {why}", file.path))
}

fn content(folder: &Path, written: &str) -> Result<Vec<u8>, String> {
    let path = inside(folder, written)?;
    let metadata = fs::metadata(&path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("is no regular file".to_owned());
    }
    let too_large = || format!("is over the limit of {} MiB", ATTACHMENT_LIMIT >> 20);
    if metadata.len() > ATTACHMENT_LIMIT {
        return Err(too_large());
    }
    let file = File::open(&path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(ATTACHMENT_LIMIT + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > ATTACHMENT_LIMIT { Err(too_large()) } else { Ok(bytes) }
}

/// Resolves a path, links included, and refuses one that leaves the folder: rows are data, and may not choose to send
/// the machine's other files.
fn inside(folder: &Path, written: &str) -> Result<PathBuf, String> {
    const LEAVES: &str = "leaves the manifest's folder; files that rows name must lie in it";
    if written.trim().is_empty() {
        return Err("the path is empty".to_owned());
    }
    let path = Path::new(written);
    if path.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err(LEAVES.to_owned());
    }
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let folder = folder.canonicalize().map_err(|error| format!("the manifest's folder: {error}"))?;
    let found = folder.join(path).canonicalize().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file in the manifest's folder".to_owned(),
        _ => error.to_string(),
    })?;
    if found.starts_with(&folder) { Ok(found) } else { Err(LEAVES.to_owned()) }
}
