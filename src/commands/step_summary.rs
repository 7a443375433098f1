//! The page of a step in GitHub Actions: report.md is appended to the file that `GITHUB_STEP_SUMMARY` names.

use std::fs::OpenOptions;
use std::io::Write;

use crate::commands::Host;
use crate::report::{Summary, render_markdown};

/// Appends the run's figures, where such a page is asked for. A page that can't be written is said, and changes nothing
/// about the run.
pub(crate) fn append(summary: &Summary, host: &mut dyn Host) {
    let Some(path) = host.variable("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) else { return };
    let page = format!("{}\n", render_markdown(summary));
    let written = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(page.as_bytes()));
    if let Err(error) = written {
        host.say(&format!("the figures could not be appended to {path} (GITHUB_STEP_SUMMARY): {error}"));
    }
}
