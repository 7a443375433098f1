//! `flowbatch report`: rebuilds everything from the journal, and shows it.

use serde_json::Value;

use crate::commands::derive::Page;
use crate::commands::finish::from_here;
use crate::commands::{Done, Failure, Host, RunName, baseline, derive, step_summary};
use crate::report::{self, Style};

/// `report`'s arguments.
#[derive(Clone, Debug)]
pub struct ReportArgs {
    /// Which run.
    pub run: RunName,
    /// `--format`.
    pub format: ReportFormat,
    /// How text is shown.
    pub style: Style,
}

/// `--format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReportFormat {
    /// For a person at a terminal.
    #[default]
    Text,
    /// report.json.
    Json,
    /// report.md.
    Markdown,
    /// report.html.
    Html,
    /// junit.xml.
    Junit,
    /// Metrics, for the textfile collector of a node exporter.
    Openmetrics,
    /// The figures and verdicts, without any text.
    Baseline,
}

/// Rebuilds a run's results and reports, and gives one of them. A run that another process works on is only shown.
pub fn report(args: &ReportArgs, host: &mut dyn Host) -> Result<Done, Failure> {
    let folder = args.run.find()?;
    if args.format == ReportFormat::Baseline {
        return baseline::baseline(&folder, host).map(Done::with);
    }
    let summary = if folder.is_locked() {
        host.say(
            "a process is working on this run: this is how it stands. Rows on their way \
             count as in doubt, and its files are left to that process",
        );
        derive::summary(&folder, host)?
    } else {
        derive::derive(&folder, None, host)?
    };
    step_summary::append(&summary, host);
    Ok(Done::with(match args.format {
        ReportFormat::Text => {
            let shown = from_here(&summary, &folder);
            report::render_text(&shown, args.style, &folder.path().display().to_string())
        }
        ReportFormat::Json => {
            let value = serde_json::to_value(&summary).unwrap_or(Value::Null);
            format!("{}\n", serde_json::to_string_pretty(&value).unwrap_or_default())
        }
        ReportFormat::Markdown | ReportFormat::Baseline => report::render_markdown(&summary),
        ReportFormat::Html => derive::page(&folder, Page::Html, host)?,
        ReportFormat::Junit => derive::page(&folder, Page::Junit, host)?,
        ReportFormat::Openmetrics => report::render_openmetrics(&summary),
    }))
}
