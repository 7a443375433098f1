//! Standard input as a file, since a dataset is read more than once.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempPath};

use crate::artifact::sync_name;
use crate::dataset::Error;

/// Writes standard input to a file, whole or not at all. One that is there already is the dataset: an earlier process
/// of the run wrote it. With no place named, the file is a temporary one, which the second part deletes when dropped.
pub(super) fn fill(spool: Option<&Path>, stdin: &mut dyn Read) -> Result<(PathBuf, Option<TempPath>), Error> {
    let Some(spool) = spool else {
        let folder = std::env::temp_dir();
        let file = NamedTempFile::new_in(&folder).map_err(|source| Error::Io { path: folder, source })?;
        let file = copied(file, stdin)?.into_temp_path();
        return Ok((file.to_path_buf(), Some(file)));
    };
    let fail = |source| Error::Io { path: spool.to_owned(), source };
    if !spool.exists() {
        let folder = spool.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new("."));
        let file = copied(NamedTempFile::new_in(folder).map_err(fail)?, stdin)?;
        file.persist(spool).map_err(|error| fail(error.error))?;
        sync_name(spool).map_err(fail)?;
    }
    Ok((spool.to_owned(), None))
}

fn copied(mut file: NamedTempFile, stdin: &mut dyn Read) -> Result<NamedTempFile, Error> {
    let mut copy = || -> io::Result<()> {
        io::copy(stdin, &mut file)?;
        file.flush()?;
        file.as_file().sync_all()
    };
    copy().map_err(|source| Error::Io { path: PathBuf::from("standard input"), source })?;
    Ok(file)
}
