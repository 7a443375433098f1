//! `flowbatch verify`: whether a run's files are what was written. Writes nothing, sends nothing.

mod fresh;
mod run;
mod totals;

use std::fmt::Write as _;

use serde_json::json;

pub(crate) use fresh::{DERIVED, has_rows};
pub(crate) use run::{As, compare_dataset};

use crate::audit::Finding;
use crate::commands::{Done, Failure, Host, RunName};
use crate::journal::RunFolder;

/// `verify`'s arguments.
#[derive(Clone, Debug, Default)]
pub struct VerifyArgs {
    /// Which run.
    pub run: RunName,
    /// `--json`.
    pub json: bool,
}

/// Findings, notes and files that are shown to a person one by one.
const SHOWN: usize = 50;

/// What was looked at, and what was found.
#[derive(Debug, Default)]
pub(crate) struct Verified {
    /// What is not as it was written.
    pub(crate) findings: Vec<Finding>,
    /// What could not be compared, and why.
    notes: Vec<String>,
    /// Files that no run writes.
    unexpected: Vec<String>,
    /// The files that hold, each with how that is known.
    checked: Vec<(String, &'static str)>,
    events: u64,
    replies: u64,
}

/// Checks a run.
pub fn verify(args: &VerifyArgs, host: &mut dyn Host) -> Result<Done, Failure> {
    let folder = args.run.find()?;
    let verified = look_at(&folder, host)?;
    let output = if args.json { verified.as_json(&folder) } else { verified.as_text(&folder) };
    Ok(Done { exit_code: u8::from(!verified.findings.is_empty()), output })
}

/// Checks all of a run folder.
pub(crate) fn look_at(folder: &RunFolder, host: &dyn Host) -> Result<Verified, Failure> {
    let mut verified = Verified::default();
    run::verify(folder, "", &mut verified, host)?;
    verified.checked.retain(|(file, _)| verified.findings.iter().all(|finding| finding.file != *file));
    Ok(verified)
}

impl Verified {
    fn holds(&mut self, file: impl Into<String>, how: &'static str) {
        self.checked.push((file.into(), how));
    }

    fn as_json(&self, folder: &RunFolder) -> String {
        let checked: Vec<_> =
            self.checked.iter().map(|(file, how)| json!({"file": file, "by": how})).collect();
        let value = json!({
            "run_dir": folder.path().display().to_string(),
            "holds": self.findings.is_empty(),
            "findings": self.findings,
            "notes": self.notes,
            "unexpected": self.unexpected,
            "checked": checked,
            "events": self.events,
            "replies": self.replies,
        });
        format!("{value}\n")
    }

    fn as_text(&self, folder: &RunFolder) -> String {
        let mut text = format!(
            "{}: {} files, {} events, {} replies read once more\n",
            folder.path().display(),
            self.checked.len(),
            self.events,
            self.replies,
        );
        let mut list = |title: String, entries: Vec<String>| {
            if entries.is_empty() {
                return;
            }
            let more = entries.len().saturating_sub(SHOWN);
            let _ = writeln!(text, "{title}");
            for entry in entries.iter().take(SHOWN) {
                let _ = writeln!(text, "  {entry}");
            }
            if more > 0 {
                let _ = writeln!(text, "  and {more} more; --json lists them all");
            }
        };
        let found = self.findings.iter().map(ToString::to_string).collect::<Vec<_>>();
        let title = match found.len() {
            1 => "1 thing differs:".to_owned(),
            count => format!("{count} things differ:"),
        };
        list(title, found);
        list("Not compared:".to_owned(), self.notes.clone());
        list("Files that no run writes:".to_owned(), self.unexpected.clone());
        if self.findings.is_empty() {
            let all = if self.notes.is_empty() { "all holds\n" } else { "all that was compared holds\n" };
            text.push_str(all);
        }
        text
    }
}
