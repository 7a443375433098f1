//! The files that a run's reports need beside its manifest - schemas, the baseline - as the run keeps them.

use std::fs;

use crate::artifact::Artifact;
use crate::commands::Failure;
use crate::journal::RunFolder;
use crate::manifest::{KEPT, KeptFile};

/// Writes copies of the files into the folder of a run that is about to begin. What another process left that died
/// before it began goes first: it could be another manifest's.
pub(crate) fn keep(folder: &RunFolder, files: &[KeptFile]) -> Result<(), Failure> {
    let kept = folder.file(KEPT);
    if kept.exists() {
        fs::remove_dir_all(&kept).map_err(Failure::disk(&kept))?;
    }
    if files.is_empty() {
        return Ok(());
    }
    fs::create_dir(&kept).map_err(Failure::disk(&kept))?;
    for KeptFile { name, bytes, .. } in files {
        let path = kept.join(name);
        Artifact::write(&path, bytes).map_err(Failure::disk(&path))?;
    }
    Ok(())
}
