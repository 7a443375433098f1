//! `report`'s arguments.

use clap::{Args, ValueEnum, ValueHint};

use super::Dir;
use crate::commands::{ReportArgs, ReportFormat, RunName};
use crate::report::Style;

#[derive(Debug, Args)]
pub(super) struct Report {
    /// The run: `latest`, an id or its beginning, or a path
    #[arg(value_hint = ValueHint::DirPath)]
    run: Option<String>,
    /// What is shown
    #[arg(long, value_enum, default_value_t, env = "FLOWBATCH_FORMAT")]
    format: Format,
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
    Junit,
    Openmetrics,
    /// A small file for version control, which `baseline` in a manifest names
    Baseline,
}

impl Report {
    pub(super) fn into_args(self, style: Style) -> ReportArgs {
        let format = match self.format {
            Format::Text => ReportFormat::Text,
            Format::Json => ReportFormat::Json,
            Format::Markdown => ReportFormat::Markdown,
            Format::Html => ReportFormat::Html,
            Format::Junit => ReportFormat::Junit,
            Format::Openmetrics => ReportFormat::Openmetrics,
            Format::Baseline => ReportFormat::Baseline,
        };
        ReportArgs { run: RunName { run: self.run, dir: self.dir.dir }, format, style }
    }
}
