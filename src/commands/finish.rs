//! What a run came to: everything that is derived from its journal, whom it is told, and how it is shown.

use serde_json::{Value, json};

use crate::commands::execute::Ran;
use crate::commands::run::quoted;
use crate::commands::{Done, Failure, Host, derive, notices, step_summary};
use crate::journal::{History, RunFolder};
use crate::manifest::Manifest;
use crate::model::Reason;
use crate::report::{self, Style, Summary};

/// Where else a run's figures are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Page {
    /// On the page of a step in CI.
    #[default]
    OfStep,
    /// Nowhere: it is part of another run.
    None,
}

/// How what a run came to is told.
#[derive(Clone, Copy)]
pub(crate) struct Shown<'a> {
    pub(crate) json: bool,
    pub(crate) style: Option<Style>,
    pub(crate) page: Page,
    /// The manifest that says who else is told; none when nothing was done.
    pub(crate) notify: Option<&'a Manifest>,
}

/// Derives everything from the journal and says what the run came to.
pub(crate) fn finish(
    folder: &RunFolder,
    ran: Ran,
    shown: Shown<'_>,
    host: &mut dyn Host,
) -> Result<Done, Failure> {
    let Ran { state, index } = ran;
    let done = state.counts().finished();
    // Without an index the journal is folded anew: two states of a million rows need not stand side by side.
    let history = index.map(|index| History::known(folder.journal(), state, index));
    let summary = derive::derive(folder, history, host).map_err(|failure| at_full_disk(failure, done))?;
    // What is part of another run is told with that.
    let is_own = shown.page == Page::OfStep;
    if is_own {
        step_summary::append(&summary, host);
    }
    if let Some(manifest) = shown.notify.filter(|_| is_own) {
        notices::after_run(manifest, folder, &from_here(&summary, folder), host);
    }
    let exit_code = summary.verdict.exit_code;
    let output = if shown.json { as_json(&summary, folder)? } else { text(&summary, folder, shown.style) };
    Ok(Done { exit_code, output })
}

/// The rows are safe in the journal even when the files derived from it can't be written.
fn at_full_disk(failure: Failure, done: u64) -> Failure {
    let message = format!(
        "{}\nthe journal is whole ({done} rows): `flowbatch report` rebuilds the rest",
        failure.message
    );
    Failure { message, ..failure }
}

fn text(summary: &Summary, folder: &RunFolder, style: Option<Style>) -> String {
    let summary = from_here(summary, folder);
    let style = style.unwrap_or(Style { colour: false, width: 80 });
    report::render_text(&summary, style, &folder.path().display().to_string())
}

/// Names the run by its path, so that the command to go on with works from where the user stands, whatever the output
/// folder is.
pub(crate) fn from_here(summary: &Summary, folder: &RunFolder) -> Summary {
    let mut summary = summary.clone();
    if let Some(next) = &mut summary.verdict.next {
        let named = |run: &str| format!("flowbatch resume {run}");
        *next = next.replacen(&named(&summary.run_id), &named(&quoted(folder.path())), 1);
    }
    summary
}

fn as_json(summary: &Summary, folder: &RunFolder) -> Result<String, Failure> {
    let Ok(Value::Object(mut all)) = serde_json::to_value(from_here(summary, folder)) else {
        return Err(Failure::new(crate::model::ExitCode::Bug, Reason::Bug, "the summary is no JSON object"));
    };
    all.insert("run_dir".to_owned(), json!(folder.path().display().to_string()));
    all.insert("exit_code".to_owned(), json!(summary.verdict.exit_code));
    Ok(format!("{}\n", Value::Object(all)))
}
