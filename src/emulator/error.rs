//! Why a definition can't be read, or an emulator can't start.

use std::io;
use std::path::{Path, PathBuf};

use super::ledger::LedgerError;

/// Why a definition can't be read, or an emulator can't start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The definition's file can't be read.
    #[error("{}: can't be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The definition is wrong.
    #[error("{}{}: {message}", file.as_deref().unwrap_or("definition"), written_place(*place))]
    Wrong {
        /// The file, when it is one.
        file: Option<String>,
        /// Line and column, from 1, when it is one place that is wrong.
        place: Option<(u64, u64)>,
        /// What is wrong.
        message: String,
    },
    /// The port can't be had.
    #[error("127.0.0.1:{port} can't be listened on: {source}")]
    Listen {
        /// The port that was asked for.
        port: u16,
        /// Why.
        source: io::Error,
    },
    /// The ledger can't be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

fn written_place(place: Option<(u64, u64)>) -> String {
    place.map_or_else(String::new, |(line, column)| format!(":{line}:{column}"))
}

impl Error {
    pub(super) fn wrong(place: Option<(u64, u64)>, message: impl Into<String>) -> Self {
        Self::Wrong { file: None, place, message: message.into() }
    }

    /// Names the file of a mistake.
    pub(super) fn in_file(self, path: &Path) -> Self {
        match self {
            Self::Wrong { place, message, .. } => {
                Self::Wrong { file: Some(path.display().to_string()), place, message }
            }
            error => error,
        }
    }
}
