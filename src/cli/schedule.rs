//! The arguments of `flowbatch schedule`.

use clap::{Args, Subcommand};

use crate::cli::slots::Slots;
use crate::commands::{Done, Failure, Host};

#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(super) struct Schedule {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Slots(Slots),
}

impl Schedule {
    pub(super) fn run(self, host: &mut dyn Host) -> Result<Done, Failure> {
        match self.command {
            Command::Slots(slots) => slots.run(host),
        }
    }
}
