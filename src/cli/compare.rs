//! The arguments of `flowbatch compare`.

use clap::{Args, ValueEnum};

use crate::cli::{Dir, switch};
use crate::commands::{CompareArgs, CompareFormat};
use crate::report::Style;

#[derive(Debug, Args)]
pub(super) struct Compare {
    /// What is compared with: a run (`latest`, an id or its beginning, or a path), `latest-passing` for the newest other run of
    /// the manifest that was accepted, a baseline file, or a folder of scores
    baseline: String,
    /// The run to compare; the latest by default
    candidate: Option<String>,
    /// What is shown
    #[arg(long, value_enum, default_value_t, env = "FLOWBATCH_FORMAT")]
    format: Format,
    /// Rows listed for each check, of those that pass in one run alone: 10 by default, and 100 in a page
    #[arg(long, value_name = "N", env = "FLOWBATCH_FLIPS")]
    flips: Option<usize>,
    /// The seed of what is drawn: the bootstrap, and signs
    #[arg(long, value_name = "S", default_value_t = 1, env = "FLOWBATCH_SEED")]
    seed: u64,
    /// Exits 4 when a check passes significantly less often, fewer rows succeed, or it can't be told
    #[arg(long, env = "FLOWBATCH_FAIL_ON_REGRESSION", value_parser = switch())]
    fail_on_regression: bool,
    #[command(flatten)]
    dir: Dir,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
    Markdown,
    Html,
}

impl Compare {
    pub(super) fn into_args(self, style: Style) -> CompareArgs {
        CompareArgs {
            baseline: self.baseline,
            candidate: self.candidate,
            dir: self.dir.dir,
            format: match self.format {
                Format::Text => CompareFormat::Text,
                Format::Json => CompareFormat::Json,
                Format::Markdown => CompareFormat::Markdown,
                Format::Html => CompareFormat::Html,
            },
            flips: self.flips,
            seed: self.seed,
            fail_on_regression: self.fail_on_regression,
            style,
        }
    }
}
