//! `spend`'s arguments.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use crate::commands::{SpendArgs, SpendBy, SpendFormat};

#[derive(Debug, Args)]
pub(super) struct Spend {
    /// Folders of runs; `runs` by default
    #[arg(value_hint = ValueHint::DirPath)]
    dirs: Vec<PathBuf>,
    /// Only runs that were begun at or after this instant: `2026-11`, `2026-11-24` or RFC 3339; days are days of UTC
    #[arg(long, value_name = "WHEN", env = "FLOWBATCH_SINCE")]
    since: Option<String>,
    /// Only runs that were begun until then; a day and a month count whole
    #[arg(long, value_name = "WHEN", env = "FLOWBATCH_UNTIL")]
    until: Option<String>,
    /// What makes a line: manifest, workflow, month (of UTC), user, or label.NAME
    #[arg(long, value_name = "WHAT", default_value = "manifest", env = "FLOWBATCH_BY", value_parser = by)]
    by: SpendBy,
    /// What is shown
    #[arg(long, value_enum, default_value_t, env = "FLOWBATCH_FORMAT")]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Format {
    #[default]
    Text,
    Csv,
    Json,
}

fn by(text: &str) -> Result<SpendBy, String> {
    Ok(match text {
        "manifest" => SpendBy::Manifest,
        "workflow" => SpendBy::Workflow,
        "month" => SpendBy::Month,
        "user" => SpendBy::User,
        other => match other.strip_prefix("label.") {
            Some(name) if !name.is_empty() => SpendBy::Label(name.to_owned()),
            _ => return Err("one of `manifest`, `workflow`, `month`, `user`, `label.NAME`".to_owned()),
        },
    })
}

impl Spend {
    pub(super) fn into_args(self) -> SpendArgs {
        SpendArgs {
            dirs: self.dirs,
            since: self.since,
            until: self.until,
            by: self.by,
            format: match self.format {
                Format::Text => SpendFormat::Text,
                Format::Csv => SpendFormat::Csv,
                Format::Json => SpendFormat::Json,
            },
        }
    }
}
