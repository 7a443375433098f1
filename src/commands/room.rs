//! Whether there is room for a run on this machine: told before anything is begun.

use std::path::Path;

use crate::commands::{Failure, Host};
use crate::machine;
use crate::manifest::Manifest;
use crate::model::Reason;

/// Files that a run needs beside its connections: the dataset, the journal, what is derived, and what the runtime has
/// for itself.
const FILES: usize = 16;

/// Files that are open at a time while a manifest and what it names are read.
const READ: usize = 3;

/// Refuses to read a manifest where that would fail for want of files: it would be taken for a mistake in it.
pub(crate) fn check_reading(manifest: &Path) -> Result<(), Failure> {
    if machine::can_open(manifest, READ) {
        return Ok(());
    }
    Err(Failure::environment(Reason::Disk, machine::OUT_OF_FILES))
}

/// Refuses to begin where the run could not even open its own files, and says so when there may be too few for as many
/// connections as rows in flight.
pub(crate) fn check_files(manifest: &Manifest, any: &Path, host: &mut dyn Host) -> Result<(), Failure> {
    if !machine::can_open(any, FILES) {
        return Err(Failure::environment(Reason::Disk, machine::OUT_OF_FILES));
    }
    let concurrency = manifest.limits.concurrency.max;
    if !machine::can_open(any, FILES + concurrency) {
        host.say(&format!(
            "this process may open too few files for {concurrency} connections at a time: the run stops if they run out; \
             `ulimit -n {}` is enough",
            (FILES + concurrency).next_multiple_of(256)
        ));
    }
    Ok(())
}
