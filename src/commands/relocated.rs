//! The files that a run needs beside its own, where an imported run has them: below its own folder.

use std::fs;
use std::path::{Path, PathBuf};

use crate::journal::RunFolder;

/// The folder of an imported run in which the files lie that its manifest names, as they lay around the manifest.
pub(crate) const INPUTS: &str = "inputs";

/// The file in it that says where the manifest's folder was among them.
pub(crate) const PLACE: &str = "FOLDER";

/// The folder in it for the files around the manifest.
pub(crate) const FILES: &str = "files";

/// The folder in it for a dataset that the command line named.
pub(crate) const GIVEN: &str = "dataset";

/// Gives the folder that the relative paths of an imported run start from; none for a run that was made here.
pub(crate) fn base(folder: &RunFolder) -> Option<PathBuf> {
    let inputs = folder.file(INPUTS);
    let place = fs::read_to_string(inputs.join(PLACE)).ok()?;
    let place = place.trim_end_matches('\n');
    let files = inputs.join(FILES);
    Some(if place.is_empty() { files } else { files.join(place) })
}

/// Gives the dataset that the command line named, as an imported run has it.
pub(crate) fn given(folder: &RunFolder, named: &str) -> Option<PathBuf> {
    let name = Path::new(named).file_name()?;
    Some(folder.file(INPUTS).join(GIVEN).join(name)).filter(|path| path.is_file())
}
