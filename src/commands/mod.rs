//! One file a command: wiring only. Commands print nothing and read no environment; the [`Host`] does that for them.

mod ahead;
mod baseline;
mod changed;
mod check;
mod clean;
mod compare;
mod derive;
mod diff;
mod earlier;
mod emulate;
mod estimate;
mod execute;
mod export;
mod finish;
mod identity;
mod import;
mod init;
mod interrupt;
mod judges;
mod judging;
mod kept;
mod limits;
mod list;
mod mend;
mod notices;
mod plan;
mod prepare;
mod rates;
mod reconcile;
mod rehearse;
mod relocated;
mod report;
mod reproduce;
mod resume;
mod reuse;
mod room;
mod run;
mod schedule;
mod score;
mod serve;
mod slots;
mod spend;
mod step_summary;
mod unfinished;
mod verify;
mod webhooks;
mod widen;

pub use check::{CheckArgs, check};
pub use compare::{CompareArgs, CompareFormat, compare};
pub use diff::{DiffArgs, diff};
pub use emulate::{EmulateArgs, emulate};
pub use export::{ExportArgs, export};
pub use import::{ImportArgs, import};
pub use init::{InitArgs, init};
pub use limits::{LimitsArgs, limits};
pub use list::{ListArgs, list};
pub use notices::missed;
pub use plan::{PlanArgs, plan};
pub use reconcile::{ReconcileArgs, reconcile};
pub use report::{ReportArgs, ReportFormat, report};
pub use reproduce::{ReproduceArgs, reproduce};
pub use resume::{ResumeArgs, Widening, resume};
pub use run::{RunArgs, quoted, run};
pub use schedule::{
    ExportTarget, ScheduleExportArgs, SchedulePreviewArgs, schedule_export, schedule_preview, schedule_slot,
};
pub use score::{ScoreArgs, score};
pub use serve::{ServeArgs, serve};
pub use slots::{
    AskArgs, FollowArgs, SlotsArgs, Where, Wish, ask as schedule_ask, run_now as schedule_run_now,
    serve as schedule_serve, slots as schedule_list, tick as schedule_tick,
};
pub use spend::{SpendArgs, SpendBy, SpendFormat, spend};
pub use verify::{VerifyArgs, verify};

use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use crate::journal::LineError;
use crate::manifest::Diagnostics;
use crate::model::{ExitCode, Reason, Retry, Verdict};
use crate::runner::{Observer, Signal};
use crate::{dataset, emulator, journal, machine, runner, workflow};

/// What a command needs of the process around it.
pub trait Host {
    /// Tells the user something, on standard error.
    fn say(&mut self, text: &str);
    /// Asks a yes-or-no question; none when nobody is there to answer.
    fn confirm(&mut self, question: &str) -> Option<bool>;
    /// Looks up an environment variable.
    fn variable(&self, name: &str) -> Option<String>;
    /// Says whether standard error is a terminal with someone before it.
    fn is_interactive(&self) -> bool;
    /// Says whether mistakes may be shown in colour.
    fn in_colour(&self) -> bool;
    /// Watches a run of so many rows.
    fn observer(&mut self, watched: &Watched) -> Box<dyn Observer>;
    /// Sends a signal for each Ctrl-C, SIGTERM and SIGHUP. Called inside the run's runtime.
    fn watch_signals(&self, signals: mpsc::Sender<Signal>);
}

/// What an observer is told before it begins.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Rows of the run.
    pub rows: u64,
    /// Rows that had ended before this process.
    pub done: u64,
    /// The unit of cost.
    pub cost_unit: String,
}

/// A command that ended as it should.
#[derive(Clone, Debug)]
pub struct Done {
    /// For the process.
    pub exit_code: u8,
    /// For standard output.
    pub output: String,
}

impl Done {
    fn with(output: impl Into<String>) -> Self {
        Self { exit_code: ExitCode::Accepted.code(), output: output.into() }
    }
}

/// A command that could not do its work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The exit code and its reason.
    pub exit: ExitCode,
    /// The word for `--json`.
    pub reason: Reason,
    /// What is wrong and what to do, ready to be shown.
    pub message: String,
    /// Commands to go on with.
    pub next: Vec<String>,
    /// The run's id and folder, when it was begun.
    pub run: Option<(String, PathBuf)>,
}

impl Failure {
    fn new(exit: ExitCode, reason: Reason, message: impl Into<String>) -> Self {
        Self { exit, reason, message: message.into(), next: Vec::new(), run: None }
    }

    fn mistake(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Mistake, Reason::Manifest, message)
    }

    fn environment(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(ExitCode::Environment, reason, message)
    }

    fn disk(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |error| Self::environment(Reason::Disk, advised(format!("{}: {error}", path.display()), &error))
    }

    /// Names the run that is begun already, and the way on with it.
    fn resumed_by(self, folder: &journal::RunFolder) -> Self {
        let failure = self.within(folder);
        match &failure.run {
            Some((_, dir)) => {
                Self { next: vec![format!("flowbatch resume {}", run::quoted(dir))], ..failure }
            }
            // It was deleted meanwhile.
            None => failure,
        }
    }

    /// Names the run that it befell, when that was begun.
    fn within(self, folder: &journal::RunFolder) -> Self {
        let begun = || folder.lock().ok().filter(|_| folder.is_begun());
        let run = self.run.clone().or_else(|| Some((begun()?.run_id, folder.path().to_owned())));
        Self { run, ..self }
    }

    /// Gives the verdict for `--json`.
    pub fn verdict(&self) -> Verdict {
        let retry = if self.exit == ExitCode::Interrupted { Retry::Resume } else { Retry::Fix };
        Verdict::new(self.exit, self.reason, retry, &self.message, self.next.first().cloned())
    }

    fn of_manifest(diagnostics: &Diagnostics, host: &dyn Host) -> Self {
        Self::mistake(diagnostics.render(host.in_colour()))
    }
}

impl From<journal::Error> for Failure {
    fn from(error: journal::Error) -> Self {
        let reason = match &error {
            journal::Error::Locked { .. } => Reason::Locked,
            journal::Error::Impossible { .. }
            | journal::Error::Damaged {
                why: LineError::Short | LineError::Checksum | LineError::Gap { .. },
                ..
            } => {
                let message = format!("{error}; `flowbatch resume RUN --repair` keeps what can be read");
                return Self::environment(Reason::Disk, message);
            }
            journal::Error::NotFound(_) | journal::Error::NoRun { .. } => {
                return Self::mistake(error.to_string());
            }
            journal::Error::Io { source, .. } | journal::Error::NotDurable { source, .. } => {
                return Self::environment(Reason::Disk, advised(error.to_string(), source));
            }
            journal::Error::Beyond { .. } | journal::Error::Damaged { .. } | journal::Error::Lock { .. } => {
                Reason::Disk
            }
        };
        Self::environment(reason, error.to_string())
    }
}

/// Adds to a message what can be done about the machine's error behind it.
fn advised(message: String, error: &std::io::Error) -> String {
    match machine::advice(error) {
        Some(advice) => format!("{message}; {advice}"),
        None => message,
    }
}

impl From<dataset::Error> for Failure {
    fn from(error: dataset::Error) -> Self {
        match &error {
            _ if error.is_mistake() => Self::mistake(error.to_string()),
            _ if error.is_out_of_files() => {
                Self::environment(Reason::Disk, format!("{error}; {}", machine::OUT_OF_FILES))
            }
            dataset::Error::Io { .. } => Self::environment(Reason::Disk, error.to_string()),
            _ => Self::environment(Reason::DatasetChanged, error.to_string()),
        }
    }
}

impl From<workflow::Error> for Failure {
    fn from(error: workflow::Error) -> Self {
        Self::environment(Reason::Network, error.to_string())
    }
}

impl From<emulator::Error> for Failure {
    fn from(error: emulator::Error) -> Self {
        match error {
            emulator::Error::Wrong { .. } => Self::mistake(error.to_string()),
            other => Self::environment(Reason::Disk, other.to_string()),
        }
    }
}

impl From<runner::Error> for Failure {
    fn from(error: runner::Error) -> Self {
        match error {
            runner::Error::Journal(error) => error.into(),
            runner::Error::Thread(error) => Self::environment(Reason::Disk, error.to_string()),
            runner::Error::Bug(error) => Self::new(ExitCode::Bug, Reason::Bug, error.to_string()),
        }
    }
}

/// Where runs are kept, and how one is named: what several commands share.
#[derive(Clone, Debug, Default)]
pub struct RunName {
    /// `latest`, an id or its prefix, or a path.
    pub run: Option<String>,
    /// `-o DIR`; `runs` by default.
    pub dir: Option<PathBuf>,
}

impl RunName {
    fn find(&self) -> Result<journal::RunFolder, Failure> {
        let dir = self.dir.clone().unwrap_or_else(|| PathBuf::from("runs"));
        Ok(journal::Runs::below(dir).find(self.run.as_deref().unwrap_or("latest"))?)
    }
}
