//! The arguments of `export` and `import`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::cli::{Dir, switch};
use crate::commands::{ExportArgs, ImportArgs, RunName};

#[derive(Debug, Args)]
pub(super) struct Export {
    /// The run: `latest`, an id or its beginning, or a path
    #[arg(value_hint = ValueHint::DirPath)]
    run: Option<String>,
    /// The file to write, by custom `NAME.tar.zst`
    #[arg(long, value_name = "FILE", env = "FLOWBATCH_BUNDLE", value_hint = ValueHint::FilePath)]
    bundle: PathBuf,
    /// Leaves the dataset out; the journal still holds the record of each row that was begun
    #[arg(long, env = "FLOWBATCH_WITHOUT_DATASET", value_parser = switch())]
    without_dataset: bool,
    #[command(flatten)]
    dir: Dir,
}

#[derive(Debug, Args)]
pub(super) struct Import {
    /// The file that `export` wrote
    #[arg(value_hint = ValueHint::FilePath)]
    bundle: PathBuf,
    /// The folder that runs are kept in; `runs` by default
    #[arg(long, value_name = "DIR", env = "FLOWBATCH_INTO", value_hint = ValueHint::DirPath)]
    into: Option<PathBuf>,
}

impl Export {
    pub(super) fn into_args(self) -> ExportArgs {
        let run = RunName { run: self.run, dir: self.dir.dir };
        ExportArgs { run, bundle: self.bundle, without_dataset: self.without_dataset }
    }
}

impl Import {
    pub(super) fn into_args(self) -> ImportArgs {
        ImportArgs { bundle: self.bundle, into: self.into }
    }
}
