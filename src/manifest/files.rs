//! Reads a manifest's bytes within bounds, and says which files that it names are missing.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::manifest::names::{listed, nearest};
use crate::manifest::tree::MAX_BYTES;

/// A file that reports need beside the manifest, of which a run keeps a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptFile {
    /// The copy's name in the run's folder of such files.
    pub name: String,
    /// Where it was read.
    pub path: PathBuf,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Names of a folder that are looked at for one that was meant.
const LOOKED_AT: usize = 1_000;

/// What is wrong with a file, and what to do.
pub(super) type Wrong = (String, Option<String>);

/// Reads a file of at most `limit` bytes, without trusting its size to stay what it was.
pub(super) fn read_bounded(path: &Path, limit: usize, limit_text: &str) -> Result<Vec<u8>, Wrong> {
    let too_large = || (format!("it is larger than {limit_text}"), None);
    let failed = |error: std::io::Error| match missing(path) {
        Some(wrong) => wrong,
        None => (format!("it can't be read: {error}"), None),
    };
    let bound = u64::try_from(limit).unwrap_or(u64::MAX);
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(("it is a folder, not a file".to_owned(), None));
    }
    if metadata.len() > bound {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    file.take(bound.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > limit { Err(too_large()) } else { Ok(bytes) }
}

/// Reads a manifest's bytes.
pub(super) fn read_manifest(path: &Path) -> Result<Vec<u8>, Wrong> {
    read_bounded(path, MAX_BYTES, "1 MiB, the most that a manifest may have")
}

/// Decodes a manifest: UTF-8, with or without a byte order mark, which is left out of the text.
pub(super) fn decode(bytes: &[u8]) -> Result<&str, Wrong> {
    let help = "save the file as UTF-8".to_owned();
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err(("it is UTF-16, and a manifest is UTF-8".to_owned(), Some(help)));
    }
    match str::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let at = error.valid_up_to();
            let line = str::from_utf8(&bytes[..at]).map_or(1, |text| text.matches('\n').count() + 1);
            Err((
                format!("it is not UTF-8: the byte at offset {at} (line {line}) begins no character"),
                Some(help),
            ))
        }
    }
}

/// Says what is wrong when a path is no file: that it does not exist, and which name is close to it.
pub(super) fn missing(path: &Path) -> Option<Wrong> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            Some((format!("`{}` is a folder, not a file", path.display()), None))
        }
        Ok(_) => None,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Some((format!("no such file: `{}`", path.display()), close_names(path)))
        }
        Err(error) => Some((format!("`{}` can't be read: {error}", path.display()), None)),
    }
}

fn close_names(path: &Path) -> Option<String> {
    let folder = match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => return None,
    };
    let Ok(entries) = fs::read_dir(folder) else {
        return Some(format!("there is no folder `{}` either", folder.display()));
    };
    let mut names: Vec<_> = entries
        .take(LOOKED_AT)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort_unstable();
    let wanted = path.file_name()?.to_str()?;
    let stem = |name: &str| Path::new(name).file_stem().map(std::ffi::OsStr::to_ascii_lowercase);
    let meant = nearest(wanted, names.iter().map(String::as_str))
        .or_else(|| names.iter().map(String::as_str).find(|name| stem(name) == stem(wanted)));
    match meant {
        Some(meant) => Some(format!("did you mean `{meant}`?")),
        None if names.is_empty() => Some(format!("the folder `{}` is empty", folder.display())),
        None => Some(format!("`{}` has {}", folder.display(), listed(&names))),
    }
}

/// Resolves a path of a manifest against its folder.
pub(super) fn resolve(folder: &Path, path: &str) -> PathBuf {
    if folder == Path::new(".") { PathBuf::from(path) } else { folder.join(path) }
}
