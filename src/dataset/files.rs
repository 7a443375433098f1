//! From the manifest's paths to files: patterns expanded, formats told, standard input spooled.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tempfile::{NamedTempFile, TempPath};

use crate::dataset::Error;
use crate::dataset::format::{self, Format, Packing};
use crate::dataset::raw;
use crate::manifest::DatasetSpec;

/// The manifest's word for standard input.
const STDIN: &str = "-";

/// What messages call it.
const STDIN_LABEL: &str = "stdin";

/// Bytes looked at to tell what a file is.
const START: usize = 4096;

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

/// The files, and the spooled standard input if it is to go with them.
pub(super) type Found = (Vec<DataFile>, Option<TempPath>);

/// Finds the files that the manifest names.
pub(super) fn find(spec: &DatasetSpec, spool: Option<&Path>, stdin: &mut dyn Read) -> Result<Found, Error> {
    let named = spec
        .format
        .as_deref()
        .map(|name| Format::named(name).ok_or_else(|| Error::FormatName { name: name.to_owned() }));
    let named = named.transpose()?;
    if spec.paths.iter().any(|path| is_stdin(path)) {
        if spec.paths.len() > 1 {
            return Err(Error::StdinInList);
        }
        let (path, temporary) = spooled(spool, stdin)?;
        return Ok((vec![stdin_file(path, named)?], temporary));
    }
    let mut paths = Vec::new();
    for path in &spec.paths {
        expand(path, &mut paths)?;
    }
    let files = paths
        .iter()
        .map(|path| data_file(path, label(path, &paths), named))
        .collect::<Result<Vec<_>, _>>()?;
    if let (Some(first), Some(other)) =
        (files.first(), files.iter().find(|file| file.format.is_json() != files[0].format.is_json()))
    {
        return Err(Error::MixedFormats { first: first.label.clone(), other: other.label.clone() });
    }
    Ok((files, None))
}

/// The manifest's folder may stand before the `-`.
fn is_stdin(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == STDIN)
}

/// Adds a path, or what a pattern matches in the order of names.
fn expand(path: &Path, into: &mut Vec<PathBuf>) -> Result<(), Error> {
    let text = path.to_string_lossy();
    let mut found = if text.contains(['*', '?', '[']) && !path.exists() {
        let pattern = || text.clone().into_owned();
        let matches = glob::glob(&text)
            .map_err(|error| Error::Pattern { pattern: pattern(), message: error.msg.to_owned() })?;
        let mut found = Vec::new();
        for path in matches {
            let path =
                path.map_err(|error| Error::Io { path: error.path().to_owned(), source: error.into() })?;
            if path.is_file() {
                found.push(path);
            }
        }
        if found.is_empty() {
            return Err(Error::NoMatch { pattern: pattern() });
        }
        found.sort();
        found
    } else {
        vec![path.to_owned()]
    };
    for path in &found {
        let same = |other: &PathBuf| other == path || same_file(other, path);
        if into.iter().any(same) {
            return Err(Error::Twice { path: path.clone() });
        }
    }
    into.append(&mut found);
    Ok(())
}

fn same_file(one: &Path, other: &Path) -> bool {
    one.file_name() == other.file_name()
        && matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// The file's name, unless another file has the same.
fn label(path: &Path, all: &[PathBuf]) -> String {
    let shared = all.iter().filter(|other| other.file_name() == path.file_name()).count() > 1;
    match path.file_name() {
        Some(name) if !shared => name.to_string_lossy().into_owned(),
        _ => path.display().to_string(),
    }
}

fn data_file(path: &Path, label: String, named: Option<Format>) -> Result<DataFile, Error> {
    let metadata = fs::metadata(path).map_err(|error| Error::io(path, error))?;
    if metadata.is_dir() {
        return Err(Error::Folder { path: path.to_owned() });
    }
    if !metadata.is_file() {
        return Err(Error::Special { path: path.to_owned() });
    }
    let (by_name, packing) = format::of_name(path);
    packing.confirm(&label, &start_of(path, Packing::None)?)?;
    let Some(format) = named.or(by_name) else { return Err(Error::UnknownFormat { label }) };
    Ok(DataFile { path: path.to_owned(), label, format, packing, stamp: stamp(path)? })
}

fn stdin_file(path: PathBuf, named: Option<Format>) -> Result<DataFile, Error> {
    let packing = Packing::of_bytes(&start_of(&path, Packing::None)?);
    packing.confirm(STDIN_LABEL, &start_of(&path, Packing::None)?)?;
    // What can't be unpacked is said when it is read.
    let format = match named {
        Some(format) => format,
        None => Format::of_text(&start_of(&path, packing).unwrap_or_default()),
    };
    let stamp = stamp(&path)?;
    Ok(DataFile { path, label: STDIN_LABEL.to_owned(), format, packing, stamp })
}

fn start_of(path: &Path, packing: Packing) -> Result<Vec<u8>, Error> {
    let mut start = Vec::with_capacity(START);
    let source = raw::open(path, packing, None)?;
    source.take(START as u64).read_to_end(&mut start).map_err(|error| match error.downcast::<Error>() {
        Ok(ours) => ours,
        Err(error) => Error::io(path, error),
    })?;
    Ok(start)
}

/// Writes standard input to a file, whole or not at all. One that is there already is the dataset: an earlier process
/// of the run wrote it.
fn spooled(spool: Option<&Path>, stdin: &mut dyn Read) -> Result<(PathBuf, Option<TempPath>), Error> {
    let Some(spool) = spool else {
        let folder = std::env::temp_dir();
        let file =
            NamedTempFile::new_in(&folder).map_err(|error| Error::Io { path: folder, source: error })?;
        let file = copied(file, stdin)?.into_temp_path();
        return Ok((file.to_path_buf(), Some(file)));
    };
    let fail = |source| Error::Io { path: spool.to_owned(), source };
    if !spool.exists() {
        let folder = spool.parent().unwrap_or_else(|| Path::new("."));
        let file = copied(NamedTempFile::new_in(folder).map_err(fail)?, stdin)?;
        file.persist(spool).map_err(|error| fail(error.error))?;
        // Windows can't open a folder; there the rename is as durable as it gets.
        if let Ok(folder) = File::open(folder) {
            folder.sync_all().map_err(fail)?;
        }
    }
    Ok((spool.to_owned(), None))
}

fn copied(mut file: NamedTempFile, stdin: &mut dyn Read) -> Result<NamedTempFile, Error> {
    let mut copy = || -> io::Result<()> {
        io::copy(stdin, &mut file)?;
        file.flush()?;
        file.as_file().sync_all()
    };
    copy().map_err(|source| Error::Io { path: PathBuf::from(STDIN), source })?;
    Ok(file)
}
