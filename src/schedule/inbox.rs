//! What is asked of a scheduler from outside, while it lives or before the next one does: one file each, written whole.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::artifact::Artifact;

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// Start nothing until it is resumed.
    Pause,
    /// Start slots again.
    Resume,
    /// Start a manual slot.
    RunNow {
        /// Its instant, in whole seconds.
        at: Timestamp,
    },
}

/// What is asked of one schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The schedule.
    pub schedule: String,
    /// What.
    #[serde(flatten)]
    pub request: Request,
}

/// The folder of requests.
#[derive(Clone, Debug)]
pub struct Inbox {
    folder: PathBuf,
}

impl Inbox {
    /// Names the inbox of a state folder.
    pub fn of(state: &Path) -> Self {
        Self { folder: state.join("requests") }
    }

    /// Puts a request in, durably.
    pub fn put(&self, asked: &Asked, now: Timestamp) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let name = format!("{:020}-{:08x}.json", now.as_nanosecond().max(0), fastrand::u32(..));
        let text = serde_json::to_vec(asked).map_err(io::Error::other)?;
        Artifact::write(self.folder.join(name), &text)
    }

    /// Gives what is asked for, oldest first, each with its file. A file that is none is given as an error's text.
    pub fn look(&self) -> Vec<(PathBuf, Result<Asked, String>)> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
        let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
        paths.sort();
        let read = |path: &PathBuf| {
            let text = fs::read(path).map_err(|error| error.to_string())?;
            serde_json::from_slice(&text).map_err(|error| error.to_string())
        };
        paths.into_iter().map(|path| (path.clone(), read(&path))).collect()
    }
}
