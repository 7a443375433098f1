//! The arguments of `flowbatch diff`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::cli::{Changes, Dir, switch};
use crate::commands::DiffArgs;
use crate::manifest::Overrides;

#[derive(Debug, Args)]
pub(super) struct Diff {
    /// A manifest, or a run: what it was begun with
    #[arg(value_hint = ValueHint::FilePath)]
    first: PathBuf,
    /// What it is compared with; without it the first, so that only what --overlay and --set change is shown
    #[arg(value_hint = ValueHint::FilePath)]
    second: Option<PathBuf>,
    /// Puts an overlay onto the first manifest; --overlay, --set, --var and --dataset change the second
    #[arg(long, value_name = "NAME", env = "FLOWBATCH_FIRST_OVERLAY", value_delimiter = ',')]
    first_overlay: Vec<String>,
    #[command(flatten)]
    changes: Changes,
    #[command(flatten)]
    dir: Dir,
    /// Prints one JSON object on standard output
    #[arg(long, env = "FLOWBATCH_JSON", value_parser = switch())]
    json: bool,
}

impl Diff {
    pub(super) fn into_args(self) -> DiffArgs {
        let Changes { overlays, set, vars, dataset } = self.changes;
        DiffArgs {
            first: self.first,
            second: self.second,
            first_overlays: self.first_overlay,
            changes: Overrides { overlays, set, vars, dataset, ..Overrides::default() },
            dir: self.dir.dir,
            json: self.json,
        }
    }
}
