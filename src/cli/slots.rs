//! The arguments of the commands of `flowbatch schedule` that run what is due.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};
use jiff::Timestamp;

use crate::cli::{Dir, switch};
use crate::commands::{self, AskArgs, Done, Failure, FollowArgs, Host, SlotsArgs, Where, Wish};

#[derive(Debug, Subcommand)]
pub(super) enum Slots {
    /// Follows the schedules of a folder's manifests until it is stopped; one such process works on a folder
    Serve(Follow),
    /// Runs what is due and ends: for cron, every minute
    Tick(Follow),
    /// Lists schedules: what is due next, what runs, and what became of earlier slots
    List(List),
    /// Starts nothing of a schedule until it is resumed; what runs goes on
    Pause(Ask),
    /// Starts slots of a paused schedule again
    Resume(Ask),
    /// Starts a slot of a schedule now, under an id of its own
    RunNow(Ask),
}

/// The slot that a run is of.
#[derive(Debug, Args)]
pub(super) struct OfSlot {
    /// The slot of a schedule that the run is of: `schedule.slot` in templates
    #[arg(long, value_name = "INSTANT", env = "FLOWBATCH_SLOT")]
    pub(super) slot: Option<Timestamp>,
    /// The slot before it, `schedule.previous_slot`; by the manifest's calendar unless given
    #[arg(long, value_name = "INSTANT", requires = "slot", env = "FLOWBATCH_PREVIOUS_SLOT")]
    pub(super) previous_slot: Option<Timestamp>,
}

#[derive(Debug, Args)]
struct At {
    /// The folder of manifests
    #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    manifests: PathBuf,
    #[command(flatten)]
    shared: Shared,
}

#[derive(Debug, Args)]
struct Shared {
    /// Where the scheduler keeps what it knows; DIR/.schedule unless given
    #[arg(long, value_name = "FOLDER", env = "FLOWBATCH_STATE", value_hint = ValueHint::DirPath)]
    state: Option<PathBuf>,
    #[command(flatten)]
    output: Dir,
    /// What the clock shows when the command begins
    #[arg(long, value_name = "INSTANT", hide = true)]
    now: Option<Timestamp>,
}

impl Shared {
    fn at(self, dir: PathBuf) -> Where {
        Where { dir, state: self.state, output: self.output.dir, now: self.now }
    }
}

#[derive(Debug, Args)]
pub(super) struct Follow {
    #[command(flatten)]
    at: At,
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    at: At,
    /// Prints one JSON object on standard output
    #[arg(long, env = "FLOWBATCH_JSON", value_parser = switch())]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Ask {
    /// The schedule: its manifest's name
    name: String,
    #[command(flatten)]
    at: At,
}

impl Ask {
    fn into_args(self) -> AskArgs {
        AskArgs { name: self.name, at: self.at.shared.at(self.at.manifests) }
    }
}

impl Slots {
    pub(super) fn run(self, host: &mut dyn Host) -> Result<Done, Failure> {
        let follow = |Follow { at }| FollowArgs { at: Shared::at(at.shared, at.manifests) };
        match self {
            Self::Serve(args) => commands::schedule_serve(&follow(args), host),
            Self::Tick(args) => commands::schedule_tick(&follow(args), host),
            Self::List(List { at, json }) => {
                commands::schedule_list(&SlotsArgs { at: at.shared.at(at.manifests), json }, host)
            }
            Self::Pause(args) => commands::schedule_ask(&args.into_args(), Wish::Pause, host),
            Self::Resume(args) => commands::schedule_ask(&args.into_args(), Wish::Resume, host),
            Self::RunNow(args) => commands::schedule_run_now(&args.into_args(), host),
        }
    }
}
