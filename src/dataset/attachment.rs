//! The files that rows name: read from within the manifest's folder only, and put into the input as base64.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::machine;
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
/// Of kind [`ErrorKind::MAPPING`], naming the path as the row wrote it: the row is rejected. Of kind
/// [`ErrorKind::MACHINE`] when it is not the row's fault.
pub fn attach(folder: &Path, rendered: Rendered) -> Result<Attached, RowError> {
    let Rendered { value: mut input, files } = rendered;
    if files.is_empty() {
        return Ok(Attached { input, journal: None });
    }
    let mut journal = input.clone();
    for file in &files {
        let bytes = content(folder, &file.path).map_err(|why| refused(file, why))?;
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

/// Why a file can't be taken.
enum Why {
    Wrong(String),
    /// Another row's file would meet the same.
    OutOfFiles,
}

impl From<io::Error> for Why {
    fn from(error: io::Error) -> Self {
        if machine::is_out_of_files(&error) { Self::OutOfFiles } else { Self::Wrong(error.to_string()) }
    }
}

fn refused(file: &FileInput, why: Why) -> RowError {
    let (kind, why) = match why {
        Why::Wrong(why) => (ErrorKind::MAPPING, why),
        Why::OutOfFiles => (ErrorKind::MACHINE, machine::OUT_OF_FILES.to_owned()),
    };
    RowError::new(kind, format!("file `{}`: {why}", file.path))
}

fn content(folder: &Path, written: &str) -> Result<Vec<u8>, Why> {
    let path = inside(folder, written)?;
    let metadata = fs::metadata(&path)?;
    if !metadata.is_file() {
        return Err(Why::Wrong("is no regular file".to_owned()));
    }
    let too_large = || Why::Wrong(format!("is over the limit of {} MiB", ATTACHMENT_LIMIT >> 20));
    if metadata.len() > ATTACHMENT_LIMIT {
        return Err(too_large());
    }
    let file = File::open(&path)?;
    let mut bytes = Vec::new();
    file.take(ATTACHMENT_LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > ATTACHMENT_LIMIT { Err(too_large()) } else { Ok(bytes) }
}

/// Resolves a path, links included, and refuses one that leaves the folder: rows are data, and may not choose to send
/// the machine's other files.
fn inside(folder: &Path, written: &str) -> Result<PathBuf, Why> {
    const LEAVES: &str = "leaves the manifest's folder; files that rows name must lie in it";
    if written.trim().is_empty() {
        return Err(Why::Wrong("the path is empty".to_owned()));
    }
    let path = Path::new(written);
    if path.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err(Why::Wrong(LEAVES.to_owned()));
    }
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let folder =
        folder.canonicalize().map_err(|error| Why::Wrong(format!("the manifest's folder: {error}")))?;
    let found = folder.join(path).canonicalize().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Why::Wrong("there is no such file in the manifest's folder".to_owned()),
        _ => error.into(),
    })?;
    if found.starts_with(&folder) { Ok(found) } else { Err(Why::Wrong(LEAVES.to_owned())) }
}
