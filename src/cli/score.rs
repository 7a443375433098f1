//! The arguments of `flowbatch score`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::cli::{Dir, switch};
use crate::commands::{RunName, ScoreArgs};
use crate::report::Style;

#[derive(Debug, Args)]
pub(super) struct Score {
    /// The run: `latest`, an id or its beginning, or a path
    #[arg(value_hint = ValueHint::DirPath)]
    run: Option<String>,
    /// The manifest with the checks and gates; by default the one that the run was made from, as it is now
    #[arg(long, value_name = "FILE", env = "FLOWBATCH_MANIFEST", value_hint = ValueHint::FilePath)]
    manifest: Option<PathBuf>,
    #[command(flatten)]
    dir: Dir,
    /// Prints report.json on standard output
    #[arg(long, env = "FLOWBATCH_JSON", value_parser = switch())]
    json: bool,
}

impl Score {
    pub(super) fn into_args(self, style: Style) -> ScoreArgs {
        let run = RunName { run: self.run, dir: self.dir.dir };
        ScoreArgs { run, manifest: self.manifest, json: self.json, style }
    }
}
