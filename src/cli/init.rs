//! `init`'s arguments.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::commands::InitArgs;

#[derive(Debug, Args)]
pub(super) struct Init {
    /// The folder to write into
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    folder: PathBuf,
}

impl Init {
    pub(super) fn into_args(self) -> InitArgs {
        InitArgs { folder: self.folder }
    }
}
