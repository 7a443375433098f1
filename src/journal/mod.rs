//! The journal: the only thing written while a run lives, and the source of everything derived from it.
//!
//! Append-only lines of JSON, one writer, durable in groups. Knows events, not what they mean: that is the fold's.

mod blocks;
mod clock;
mod committer;
mod folder;
mod format;
mod history;
mod lock_file;
mod lost;
mod reader;
mod repair;
mod starting;
mod writer;

pub use crate::model::Durability;
pub use committer::{Batch, Committer};
pub use folder::{Claim, Found, RunFolder, Runs};
pub use format::{Entry, FORMAT, LineError};
pub use history::{History, Index, Lookups};
pub use lock_file::{DatasetIdentity, GitState, Overridden, ReuseSource, RunLock};
pub use lost::{Lost, lost, owners};
pub(crate) use reader::replay_brief;
pub use reader::{Replay, Torn, replay};
pub use repair::{Damage, Repair};
pub use starting::Starting;
pub use writer::{Appended, Writer};

use std::io;
use std::path::{Path, PathBuf};

use crate::model::Impossible;

/// What can go wrong with a run folder or its journal: all of it the environment's, none of it a row's.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file can't be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line other than the last is not what was written.
    #[error("{}: damaged at byte {offset} (event {n}): {why}", path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// Where the line begins.
        offset: u64,
        /// The number the line should have.
        n: u64,
        /// What is wrong with it.
        why: LineError,
    },
    /// The lines are whole, but they can't have happened in this order.
    #[error("{}: damaged at byte {offset}: {source}", path.display())]
    Impossible {
        /// The journal.
        path: PathBuf,
        /// Where the line begins.
        offset: u64,
        /// Which event, and why not.
        source: Impossible,
    },
    /// The damage stands where nothing can be made of what comes after.
    #[error("{}: damaged at byte {offset}, in the run's first events, without which the rest has no meaning: it can't be mended", path.display())]
    Beyond {
        /// The journal.
        path: PathBuf,
        /// Where the damage begins.
        offset: u64,
    },
    /// Another process works on the run.
    #[error("{}: another process is working on this run", path.display())]
    Locked {
        /// The run folder.
        path: PathBuf,
    },
    /// No journal, or one without its first event.
    #[error("{}: this is no run folder: it has no journal with a beginning", path.display())]
    NoRun {
        /// The folder.
        path: PathBuf,
    },
    /// run.lock.json can't be read.
    #[error("{}: {why}", path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Nothing, or too much, goes by this name.
    #[error("{0}")]
    NotFound(String),
    /// The journal could not be made durable: nothing that came after can be believed.
    #[error("{}: could not be made durable: {source}", path.display())]
    NotDurable {
        /// The journal.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Error {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_owned(), source }
    }
}
