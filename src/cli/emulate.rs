//! `emulate`'s arguments.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::commands::EmulateArgs;

#[derive(Debug, Args)]
pub(super) struct Emulate {
    /// The definition, or a .flow file
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0, env = "FLOWBATCH_PORT")]
    port: u16,
    /// The only key that is taken; without it any key is
    #[arg(long, value_name = "KEY", env = "FLOWBATCH_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
    /// Keeps what was executed and charged in this file, and goes on from it
    #[arg(long, value_name = "FILE", env = "FLOWBATCH_LEDGER", value_hint = ValueHint::FilePath)]
    ledger: Option<PathBuf>,
}

impl Emulate {
    pub(super) fn into_args(self) -> EmulateArgs {
        EmulateArgs { file: self.file, port: self.port, api_key: self.api_key, ledger: self.ledger }
    }
}
