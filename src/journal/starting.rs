//! The turn to begin a run of a manifest: of several processes that look for an unfinished run at once, each sees what
//! the one before it began.

use std::fs::{self, File, OpenOptions};

use crate::journal::{Error, Runs};

/// The turn, held.
#[derive(Debug)]
pub struct Starting(#[expect(dead_code, reason = "the lock lasts as long as the file is open")] File);

impl Runs {
    /// Waits for the turn to begin a run of a manifest.
    pub fn start(&self, manifest: &str) -> Result<Starting, Error> {
        let folder = self.of(manifest);
        fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
        let path = folder.join(".starting.lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(Error::io(&path))?;
        file.lock().map_err(Error::io(&path))?;
        Ok(Starting(file))
    }
}
