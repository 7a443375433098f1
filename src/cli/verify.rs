//! `verify`'s arguments.

use clap::{Args, ValueHint};

use crate::cli::{Dir, switch};
use crate::commands::{RunName, VerifyArgs};

#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The run: `latest`, an id or its beginning, or a path
    #[arg(value_hint = ValueHint::DirPath)]
    run: Option<String>,
    #[command(flatten)]
    dir: Dir,
    /// Prints one JSON object on standard output
    #[arg(long, env = "FLOWBATCH_JSON", value_parser = switch())]
    json: bool,
}

impl Verify {
    pub(super) fn into_args(self) -> VerifyArgs {
        VerifyArgs { run: RunName { run: self.run, dir: self.dir.dir }, json: self.json }
    }
}
