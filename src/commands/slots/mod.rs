//! `flowbatch schedule …`: what is due is run, each slot by a process of its own.

mod ask;
mod children;
mod follow;
mod keep;
mod list;
mod plans;
mod tell;

pub use ask::{AskArgs, Wish, ask, run_now};
pub use follow::{FollowArgs, serve, tick};
pub use list::{SlotsArgs, slots};

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::commands::Failure;
use crate::model::{ExitCode, Reason};
use crate::schedule::Error;

/// Which schedules: what all commands of `schedule` share.
#[derive(Clone, Debug, Default)]
pub struct Where {
    /// The folder of manifests.
    pub dir: PathBuf,
    /// `--state`; `DIR/.schedule` by default.
    pub state: Option<PathBuf>,
    /// `-o`: where runs are kept; each manifest's `output.dir` by default.
    pub output: Option<PathBuf>,
    /// `--now`: what the clock shows when the command begins, for tests.
    pub now: Option<Timestamp>,
}

impl Where {
    fn state(&self) -> PathBuf {
        absolute(&self.state.clone().unwrap_or_else(|| self.dir.join(".schedule")))
    }

    fn check(&self) -> Result<(), Failure> {
        if self.dir.is_dir() {
            return Ok(());
        }
        Err(Failure::mistake(format!("{}: there is no such folder of manifests", self.dir.display())))
    }

    fn now(&self) -> Timestamp {
        self.now.unwrap_or_else(Timestamp::now)
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Locked { .. } => Self::environment(Reason::Locked, message),
            Error::Io { .. } => {
                let message = format!("{message}; `--state FOLDER` keeps what the scheduler knows elsewhere");
                Self::environment(Reason::Disk, message)
            }
            Error::Damaged { .. } | Error::Foreign { .. } => Self::environment(Reason::Disk, message),
            Error::Impossible(_) => Self::new(ExitCode::Bug, Reason::Bug, message),
        }
    }
}
