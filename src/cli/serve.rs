//! `serve`'s arguments.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::commands::ServeArgs;

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// The folder that runs are kept in
    #[arg(default_value = "runs", value_hint = ValueHint::DirPath)]
    dir: PathBuf,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7080", env = "FLOWBATCH_LISTEN")]
    listen: SocketAddr,
    /// A name that the server goes by beside `localhost` and its address
    #[arg(long = "name", value_name = "HOST")]
    names: Vec<String>,
}

impl Serve {
    pub(super) fn into_args(self) -> ServeArgs {
        ServeArgs { dir: self.dir, listen: self.listen, names: self.names }
    }
}
