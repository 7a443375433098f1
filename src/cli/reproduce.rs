//! `reproduce`'s arguments.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::cli::{Dir, switch};
use crate::commands::{ReproduceArgs, RunName};
use crate::report::Style;

#[derive(Debug, Args)]
pub(super) struct Reproduce {
    /// The run: `latest`, an id or its beginning, or a path
    #[arg(value_hint = ValueHint::DirPath)]
    run: Option<String>,
    /// Creates the new run with this id, or goes on with it; a complete one is only compared
    #[arg(long, value_name = "ID", env = "FLOWBATCH_ID")]
    id: Option<String>,
    /// The run's dataset, when it is not where it was; its digest must be the same
    #[arg(long, value_name = "FILE", env = "FLOWBATCH_DATASET", value_hint = ValueHint::FilePath)]
    dataset: Option<PathBuf>,
    /// Fields of the output that may differ, for instance `output.at` or `output.items.*.id`
    #[arg(long, value_name = "PATH", value_delimiter = ',', env = "FLOWBATCH_VOLATILE")]
    volatile: Vec<String>,
    /// Asks nothing
    #[arg(short, long, env = "FLOWBATCH_YES", value_parser = switch())]
    yes: bool,
    #[command(flatten)]
    dir: Dir,
    /// Prints one JSON object on standard output
    #[arg(long, env = "FLOWBATCH_JSON", value_parser = switch())]
    json: bool,
}

impl Reproduce {
    pub(super) fn into_args(self, style: Style) -> ReproduceArgs {
        ReproduceArgs {
            run: RunName { run: self.run, dir: self.dir.dir },
            id: self.id,
            dataset: self.dataset,
            volatile: self.volatile,
            yes: self.yes,
            json: self.json,
            style: Some(style),
        }
    }
}
