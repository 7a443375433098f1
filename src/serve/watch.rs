//! Runs as they are on the disk, each read again only when its journal has grown.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::journal::{Found, RunFolder, Runs};
use crate::serve::progress::{Progress, has_report};

/// A run is read at most so often, however many look at it.
const PAUSE: Duration = Duration::from_millis(900);

/// Reading takes at most this part of the time: a large journal is read less often.
const SHARE: u32 = 10;

/// The runs below a folder.
#[derive(Debug)]
pub(super) struct Watch {
    dir: PathBuf,
    seen: Mutex<HashMap<PathBuf, Seen>>,
}

#[derive(Clone, Debug)]
struct Seen {
    bytes: u64,
    locked: bool,
    next: Instant,
    progress: Progress,
}

impl Watch {
    pub(super) fn below(dir: PathBuf) -> Self {
        Self { dir, seen: Mutex::default() }
    }

    /// Says whether the folder can be read.
    pub(super) fn is_ready(&self) -> bool {
        fs::read_dir(&self.dir).is_ok()
    }

    /// Gives every run, the newest first.
    pub(super) fn all(&self) -> Vec<Progress> {
        let mut all = Runs::below(&self.dir).list();
        all.reverse();
        all.iter().map(|found| self.progress(found)).collect()
    }

    /// Finds a run by its names. Subtle: among those that are there, so that no name leads out of the folder.
    pub(super) fn find(&self, manifest: &str, run_id: &str) -> Option<Found> {
        let all = Runs::below(&self.dir).list();
        all.into_iter().find(|found| found.manifest == manifest && found.run_id == run_id)
    }

    /// Gives how a run stands, as read now or a moment ago.
    pub(super) fn progress(&self, found: &Found) -> Progress {
        let key = found.folder.path().to_owned();
        let (bytes, locked) = (bytes_of(&found.folder), found.folder.is_locked());
        let now = Instant::now();
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(seen) = seen
            && seen.locked == locked
            && (seen.bytes == bytes || now < seen.next)
        {
            let report = !locked && has_report(&found.folder);
            return Progress { report, ..seen.progress };
        }
        let progress = Progress::of(found);
        let next = Instant::now() + PAUSE.max(now.elapsed() * SHARE);
        let seen = Seen { bytes, locked, next, progress: progress.clone() };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(key, seen);
        progress
    }
}

fn bytes_of(folder: &RunFolder) -> u64 {
    fs::metadata(folder.journal()).map_or(0, |file| file.len())
}
