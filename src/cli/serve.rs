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

/// A page beside a living run.
#[derive(Debug, Args)]
pub(super) struct Live {
    /// Serves a page that follows the run while it lives; on a free port of 127.0.0.1 unless an address is given
    #[arg(
        long,
        value_name = "ADDRESS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "127.0.0.1:0",
        env = "FLOWBATCH_SERVE"
    )]
    pub(super) serve: Option<SocketAddr>,
}

impl Serve {
    pub(super) fn into_args(self) -> ServeArgs {
        ServeArgs { dir: self.dir, listen: self.listen, names: self.names }
    }
}
