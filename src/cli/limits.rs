//! The arguments of `flowbatch limits`.

use clap::Args;

use crate::cli::Dir;
use crate::commands::{LimitsArgs, RunName};
use crate::manifest::PerTime;

#[derive(Debug, Args)]
#[group(id = "what", required = true, multiple = true, args = ["concurrency", "rate"])]
pub(super) struct Limits {
    /// The run: `latest`, an id or the beginning of one, or a path
    run: Option<String>,
    /// Rows in flight at most; the ceiling, when concurrency is adaptive
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    concurrency: Option<u16>,
    /// Invokes in a time at most, such as 30/min; of all requests, where the run counts them together
    #[arg(long, value_name = "RATE")]
    rate: Option<PerTime>,
    #[command(flatten)]
    dir: Dir,
}

impl Limits {
    pub(super) fn into_args(self) -> LimitsArgs {
        let run = RunName { run: self.run, dir: self.dir.dir };
        LimitsArgs { run, concurrency: self.concurrency.map(usize::from), rate: self.rate }
    }
}
