//! From the manifest's paths to files: patterns expanded, formats told.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tempfile::TempPath;

use crate::dataset::format::{self, Format, Packing};
use crate::dataset::{Error, raw, spool};
use crate::manifest::DatasetSpec;

/// The manifest's word for standard input.
const STDIN: &str = "-";

/// What messages call it.
const STDIN_LABEL: &str = "stdin";

/// Bytes looked at to tell what a file is.
const START: u64 = 4096;

/// One file of the dataset.
#[derive(Debug)]
pub(super) struct DataFile {
    pub(super) path: PathBuf,
    /// How messages name it.
    pub(super) label: String,
    pub(super) format: Format,
    pub(super) packing: Packing,
    stamp: Stamp,
}

/// What changes when a file is edited.
type Stamp = (u64, Option<SystemTime>);

fn stamp(path: &Path) -> Result<Stamp, Error> {
    let metadata = fs::metadata(path).map_err(|error| Error::io(path, error))?;
    Ok((metadata.len(), metadata.modified().ok()))
}

impl DataFile {
    /// Refuses a file that was edited since it was opened: the rows read later would not be the rows surveyed.
    pub(super) fn require_unchanged(&self) -> Result<(), Error> {
        if stamp(&self.path)? == self.stamp {
            Ok(())
        } else {
            Err(Error::Changed { path: self.path.clone() })
        }
    }
}

/// Finds the files that the manifest names, and spools standard input. What is to be deleted with the dataset comes
/// with them.
pub(super) fn find(
    spec: &DatasetSpec,
    spool: Option<&Path>,
    stdin: &mut dyn Read,
) -> Result<(Vec<DataFile>, Option<TempPath>), Error> {
    let unknown = |name: &String| Error::FormatName { name: name.clone() };
    let named =
        spec.format.as_ref().map(|name| Format::named(name).ok_or_else(|| unknown(name))).transpose()?;
    if spec.paths.iter().any(|path| is_stdin(path)) {
        if spec.paths.len() > 1 {
            return Err(Error::StdinInList);
        }
        let (path, temporary) = spool::fill(spool, stdin)?;
        return Ok((vec![stdin_file(path, named)?], temporary));
    }
    let mut paths = Vec::new();
    for path in &spec.paths {
        paths.extend(expanded(path)?);
    }
    require_different(&paths)?;
    let labels = labels(&paths);
    let files = paths.into_iter().zip(labels).map(|(path, label)| data_file(path, label, named));
    let files = files.collect::<Result<Vec<_>, _>>()?;
    let mixed = files.windows(2).find(|pair| pair[0].format.is_json() != pair[1].format.is_json());
    match mixed {
        Some(pair) => Err(Error::MixedFormats { first: pair[0].label.clone(), other: pair[1].label.clone() }),
        None => Ok((files, None)),
    }
}

/// The manifest's folder may stand before the `-`.
fn is_stdin(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == STDIN)
}

/// Gives the files that a pattern matches, in the order of names; a path that is there stands for itself.
fn expanded(path: &Path) -> Result<Vec<PathBuf>, Error> {
    if !path.to_string_lossy().contains(['*', '?', '[']) || path.exists() {
        return Ok(vec![path.to_owned()]);
    }
    // The folders that are there are no part of the pattern, whatever their names.
    let folder = path.ancestors().skip(1).find(|folder| folder.is_dir()).unwrap_or(Path::new(""));
    let below = path.strip_prefix(folder).unwrap_or(path);
    let pattern = Path::new(&glob::Pattern::escape(&folder.to_string_lossy())).join(below);
    // As in a shell, `*` passes over hidden files (a Mac leaves some beside each file on a foreign disk).
    let options = glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::new() };
    let wrong = |error: glob::PatternError| Error::Pattern {
        pattern: path.display().to_string(),
        message: error.msg.to_owned(),
    };
    let mut found = Vec::new();
    for path in glob::glob_with(&pattern.to_string_lossy(), options).map_err(wrong)? {
        let path = path.map_err(|error| Error::Io { path: error.path().to_owned(), source: error.into() })?;
        if path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(Error::NoMatch { pattern: path.display().to_string() });
    }
    Ok(found)
}

fn require_different(paths: &[PathBuf]) -> Result<(), Error> {
    let mut seen = HashSet::new();
    for path in paths {
        // What is not there is said when it is opened.
        if path.canonicalize().is_ok_and(|found| !seen.insert(found)) {
            return Err(Error::Twice { path: path.clone() });
        }
    }
    Ok(())
}

/// A file is labelled with its name; with its path where another file has the same name.
fn labels(paths: &[PathBuf]) -> Vec<String> {
    let mut counts: HashMap<Option<&OsStr>, u32> = HashMap::new();
    for path in paths {
        *counts.entry(path.file_name()).or_default() += 1;
    }
    let label = |path: &PathBuf| match path.file_name() {
        Some(name) if counts.get(&Some(name)) == Some(&1) => name.to_string_lossy().into_owned(),
        _ => path.display().to_string(),
    };
    paths.iter().map(label).collect()
}

fn data_file(path: PathBuf, label: String, named: Option<Format>) -> Result<DataFile, Error> {
    let metadata = fs::metadata(&path).map_err(|error| Error::io(&path, error))?;
    if metadata.is_dir() {
        return Err(Error::Folder { path });
    }
    if !metadata.is_file() {
        return Err(Error::Special { path });
    }
    let (by_name, packing) = format::of_name(&path);
    packing.confirm(&label, &start_of(&path, Packing::None)?)?;
    let Some(format) = named.or(by_name) else { return Err(Error::UnknownFormat { label }) };
    Ok(DataFile { stamp: stamp(&path)?, path, label, format, packing })
}

fn stdin_file(path: PathBuf, named: Option<Format>) -> Result<DataFile, Error> {
    let start = start_of(&path, Packing::None)?;
    let packing = Packing::of_bytes(&start);
    packing.confirm(STDIN_LABEL, &start)?;
    // An archive that can't be unpacked is reported when it is read.
    let guessed = || Format::of_text(&start_of(&path, packing).unwrap_or_default());
    let format = named.unwrap_or_else(guessed);
    Ok(DataFile { stamp: stamp(&path)?, path, label: STDIN_LABEL.to_owned(), format, packing })
}

fn start_of(path: &Path, packing: Packing) -> Result<Vec<u8>, Error> {
    let mut start = Vec::new();
    let source = raw::open(path, packing, None)?;
    match source.take(START).read_to_end(&mut start) {
        Ok(_) => Ok(start),
        Err(error) => Err(error.downcast::<Error>().unwrap_or_else(|error| Error::io(path, error))),
    }
}
