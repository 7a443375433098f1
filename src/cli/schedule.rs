//! The arguments of `flowbatch schedule`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use jiff::Timestamp;

use crate::cli::slots::Slots;
use crate::commands::{self, Done, ExportTarget, Failure, Host, ScheduleExportArgs, SchedulePreviewArgs};

#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(super) struct Schedule {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows when manifests would be run, with what changes of the clock do. Sends nothing
    Preview(Preview),
    /// Prints the id of the run of the slot that was due last, for `run --id`
    Slot(Slot),
    /// Writes a schedule for another scheduler, with what that one can't say. Sends nothing
    Export(Export),
    #[command(flatten)]
    Slots(Slots),
}

#[derive(Debug, Args)]
struct Preview {
    /// The manifests
    #[arg(required = true, value_name = "MANIFEST", value_hint = ValueHint::FilePath)]
    manifests: Vec<PathBuf>,
    /// From this instant on, itself included; now by default
    #[arg(long, value_name = "INSTANT")]
    from: Option<Timestamp>,
    /// So many slots
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    count: u32,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Slot {
    /// The manifest
    #[arg(value_name = "MANIFEST", value_hint = ValueHint::FilePath)]
    manifest: PathBuf,
    /// Up to this instant, itself included; now by default
    #[arg(long, value_name = "INSTANT")]
    at: Option<Timestamp>,
}

#[derive(Debug, Args)]
struct Export {
    /// The manifests
    #[arg(required = true, value_name = "MANIFEST", value_hint = ValueHint::FilePath)]
    manifests: Vec<PathBuf>,
    /// The scheduler
    #[arg(long, value_enum)]
    to: Target,
    /// Writes files into this folder, rather than all on standard output
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    into: Option<PathBuf>,
    /// Kubernetes: the container image
    #[arg(long, value_name = "IMAGE", default_value = "flowbatch:latest")]
    image: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Target {
    /// A service and a timer
    Systemd,
    /// Lines of a crontab
    Crontab,
    /// A `CronJob`
    Kubernetes,
    /// A workflow of GitHub Actions
    Github,
}

impl Schedule {
    pub(super) fn run(self, host: &mut dyn Host) -> Result<Done, Failure> {
        match self.command {
            Command::Slots(slots) => slots.run(host),
            Command::Preview(Preview { manifests, from, count, json }) => {
                let from = from.unwrap_or_else(Timestamp::now);
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                commands::schedule_preview(&SchedulePreviewArgs { manifests, from, count, json }, host)
            }
            Command::Slot(Slot { manifest, at }) => {
                commands::schedule_slot(&manifest, at.unwrap_or_else(Timestamp::now), host)
            }
            Command::Export(Export { manifests, to, into, image }) => {
                let to = match to {
                    Target::Systemd => ExportTarget::Systemd,
                    Target::Crontab => ExportTarget::Crontab,
                    Target::Kubernetes => ExportTarget::Kubernetes,
                    Target::Github => ExportTarget::Github,
                };
                commands::schedule_export(&ScheduleExportArgs { manifests, to, into, image }, host)
            }
        }
    }
}
