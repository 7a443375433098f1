//! The arguments of `flowbatch limits`.

use clap::Args;

use crate::cli::Dir;
use crate::commands::{LimitsArgs, RunName};

#[derive(Debug, Args)]
#[group(id = "what", required = true, multiple = true, args = ["concurrency"])]
pub(super) struct Limits {
    /// The run: `latest`, an id or the beginning of one, or a path
    run: Option<String>,
    /// Rows in flight at most; the ceiling, when concurrency is adaptive
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    concurrency: Option<u16>,
    #[command(flatten)]
    dir: Dir,
}

impl Limits {
    pub(super) fn into_args(self) -> LimitsArgs {
        let run = RunName { run: self.run, dir: self.dir.dir };
        LimitsArgs { run, concurrency: self.concurrency.map(usize::from) }
    }
}
