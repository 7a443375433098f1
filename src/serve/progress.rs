//! How a run stands, in the few figures that a journal alone tells.

use std::fs;

use serde::Serialize;

use crate::journal::{Error, Found, RunFolder};
use crate::model::{Cost, Counts, RunState};

/// How a run stands.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Progress {
    pub(super) manifest: String,
    pub(super) run_id: String,
    /// `running`, `complete`, `stopped`, `unfinished` or `unreadable`.
    pub(super) status: &'static str,
    pub(super) rows: Counts,
    pub(super) cost: Cost,
    pub(super) cost_unknown_rows: u64,
    pub(super) tokens: u64,
    pub(super) throttled: u64,
    pub(super) wall_ms: u64,
    /// Why it stopped, or can't be read.
    pub(super) detail: Option<String>,
    /// Whether report.html is there and the run does not go on.
    pub(super) report: bool,
}

/// Says whether a run's report.html tells of all that its journal holds, and not of a time before a resume.
pub(super) fn has_report(folder: &RunFolder) -> bool {
    let modified = |path| fs::metadata(path).and_then(|file| file.modified()).ok();
    match (modified(folder.file("report.html")), modified(folder.journal())) {
        (Some(report), Some(journal)) => report >= journal,
        _ => false,
    }
}

impl Progress {
    /// Reads a run's journal.
    pub(super) fn of(found: &Found) -> Self {
        let locked = found.folder.is_locked();
        match found.folder.read() {
            Ok(history) => Self::told(found, &history.into_state(), locked),
            Err(error) => Self::unreadable(found, &error),
        }
    }

    fn told(found: &Found, state: &RunState, locked: bool) -> Self {
        let status = state.status(locked);
        let tally = state.tally();
        Self {
            status,
            rows: state.counts(),
            cost: tally.cost,
            cost_unknown_rows: state.cost_unknown_rows(),
            tokens: tally.tokens,
            throttled: tally.throttled,
            wall_ms: state.wall_ms(),
            detail: state.stopped().filter(|_| !locked).map(|stopped| stopped.detail.clone()),
            report: !locked && has_report(&found.folder),
            ..Self::unknown(found)
        }
    }

    fn unreadable(found: &Found, error: &Error) -> Self {
        Self { detail: Some(error.to_string()), ..Self::unknown(found) }
    }

    fn unknown(found: &Found) -> Self {
        Self {
            manifest: found.manifest.clone(),
            run_id: found.run_id.clone(),
            status: "unreadable",
            rows: Counts::default(),
            cost: Cost::ZERO,
            cost_unknown_rows: 0,
            tokens: 0,
            throttled: 0,
            wall_ms: 0,
            detail: None,
            report: false,
        }
    }
}
