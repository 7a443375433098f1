//! junit.xml: a test case for each check of a row, for each row without checks, and for each gate, in the form that
//! CI systems read (Jenkins' schema of `JUnit`'s results).

mod properties;

use std::fmt;
use std::io::{self, SeekFrom, Write};
use std::sync::Arc;

use crate::checks::{CheckResult, CheckVerdict};
use crate::model::Outcome;
use crate::report::room::Room;
use crate::report::{ResultRow, Spool, Summary, sentences, words};

/// Characters of a text from outside.
const MAX_TEXT: usize = 1_000;

/// A file being written.
pub struct JunitWriter<'a> {
    spool: io::BufWriter<&'a mut dyn Spool>,
    suite: String,
    /// The classes of checks by their places, written once: a row has a case for each.
    classes: Vec<(Arc<str>, String)>,
    room: Room,
    counts: Counts,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    tests: u64,
    failures: u64,
    errors: u64,
    skipped: u64,
}

/// How a test case ended.
#[derive(Clone, Copy, Debug)]
enum Ending<'a> {
    Passed,
    Failure { kind: &'a str, message: &'a str, text: &'a str },
    Error { kind: &'a str, message: &'a str },
    Skipped { message: &'a str },
}

impl fmt::Debug for JunitWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JunitWriter").finish_non_exhaustive()
    }
}

impl<'a> JunitWriter<'a> {
    /// Begins a file for the runs of a manifest; `spool` is empty, and nobody else's.
    pub fn begin(spool: &'a mut dyn Spool, manifest: &str) -> Self {
        Self {
            spool: io::BufWriter::new(spool),
            suite: manifest.to_owned(),
            classes: Vec::new(),
            room: Room::default(),
            counts: Counts::default(),
        }
    }

    /// Takes a row in.
    pub fn add(&mut self, row: &ResultRow<'_>) -> io::Result<()> {
        if !self.room.admits(row) {
            return Ok(());
        }
        let number = row.row_number.to_string();
        // A case without a name is refused by readers.
        let key = row.row_key.map(|key| key.0.as_str()).filter(|key| !key.trim().is_empty());
        let name = attribute(key.unwrap_or(&number));
        // The row's time stands once, or the sum over its checks would be a multiple of it.
        let mut latency = row.latency_ms;
        if row.outcome != Outcome::Succeeded || row.checks.0.is_empty() {
            let class = attribute(&self.suite);
            self.case(&class, &name, latency.take(), ending_of(row))?;
        }
        for (at, (check, result)) in row.checks.0.iter().enumerate() {
            let text = compared(result);
            let told = result.reason.as_deref().unwrap_or_default();
            let ending = match result.verdict {
                CheckVerdict::Pass => Ending::Passed,
                CheckVerdict::Fail => Ending::Failure { kind: "check", message: told, text: &text },
                CheckVerdict::Skipped => Ending::Skipped { message: told },
                CheckVerdict::Error => Ending::Error { kind: "check", message: told },
            };
            let class = self.class_of(at, check);
            let written = self.case(&class, &name, latency.take(), ending);
            self.classes[at].1 = class;
            written?;
        }
        Ok(())
    }

    /// Takes the class of the check at a place, to be put back.
    fn class_of(&mut self, at: usize, check: &Arc<str>) -> String {
        if self.classes.len() <= at {
            self.classes.resize_with(at + 1, Default::default);
        }
        let (there, class) = &mut self.classes[at];
        if there != check || class.is_empty() {
            *class = attribute(&format!("{}.{check}", self.suite));
            *there = Arc::clone(check);
        }
        std::mem::take(class)
    }

    /// Writes a case; class and name are attributes already.
    fn case(&mut self, class: &str, name: &str, time_ms: Option<u64>, ending: Ending<'_>) -> io::Result<()> {
        write!(self.spool, "<testcase classname=\"{class}\" name=\"{name}\"")?;
        if let Some(ms) = time_ms {
            write!(self.spool, " time=\"{}\"", seconds(ms))?;
        }
        self.counts.tests += 1;
        match ending {
            Ending::Passed => writeln!(self.spool, "/>"),
            Ending::Failure { kind, message, text } => {
                self.counts.failures += 1;
                let (kind, message, text) = (attribute(kind), attribute(message), content(text));
                writeln!(
                    self.spool,
                    "><failure type=\"{kind}\" message=\"{message}\">{text}</failure></testcase>"
                )
            }
            Ending::Error { kind, message } => {
                self.counts.errors += 1;
                let (kind, message) = (attribute(kind), attribute(message));
                writeln!(self.spool, "><error type=\"{kind}\" message=\"{message}\"/></testcase>")
            }
            Ending::Skipped { message } => {
                self.counts.skipped += 1;
                writeln!(self.spool, "><skipped message=\"{}\"/></testcase>", attribute(message))
            }
        }
    }

    /// Writes the file.
    pub fn finish(mut self, summary: &Summary, target: &mut dyn Write) -> io::Result<()> {
        let class = attribute(&format!("{}.gates", self.suite));
        for gate in &summary.gates {
            let told = sentences::gate(gate, &summary.cost.unit);
            let ending = match gate.passed {
                Some(true) => Ending::Passed,
                Some(false) if !gate.is_undecided() => {
                    Ending::Failure { kind: "gate", message: &told, text: "" }
                }
                Some(false) | None => Ending::Error { kind: "gate", message: &told },
            };
            self.case(&class, &attribute(&gate.gate), None, ending)?;
        }
        self.spool.flush()?;
        let Self { spool, suite, room, counts: Counts { tests, failures, errors, skipped }, .. } = self;
        let totals = format!(
            "name=\"{}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\" time=\"{}\"",
            attribute(&suite),
            seconds(summary.wall_ms)
        );
        // Some readers want `skipped` on a suite alone.
        let all = totals.replace(&format!(" skipped=\"{skipped}\""), "");
        writeln!(
            target,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {all}>\n<testsuite {totals}>"
        )?;
        writeln!(target, "<properties>")?;
        let mut property = |name: &str, value: &str| {
            writeln!(target, "<property name=\"{}\" value=\"{}\"/>", attribute(name), attribute(value))
        };
        for (name, value) in properties::of(summary) {
            property(&name, &value)?;
        }
        if room.left_out() > 0 {
            let (held, left_out) = (room.held(), room.left_out());
            property(
                "rows_left_out",
                &format!("{left_out}: this file holds {held} rows; results.jsonl has all"),
            )?;
        }
        writeln!(target, "</properties>")?;
        let spool = spool.into_inner().map_err(io::IntoInnerError::into_error)?;
        spool.seek(SeekFrom::Start(0))?;
        io::copy(spool, target)?;
        writeln!(target, "</testsuite>\n</testsuites>")
    }
}

fn ending_of<'a>(row: &ResultRow<'a>) -> Ending<'a> {
    let (kind, message) = row.error.map_or(("", ""), |error| (error.kind, error.message));
    match row.outcome {
        Outcome::Succeeded => Ending::Passed,
        Outcome::Failed => Ending::Failure { kind, message, text: "" },
        Outcome::InDoubt | Outcome::Rejected => Ending::Error { kind, message },
        Outcome::NotRun => Ending::Skipped { message: "not run" },
    }
}

/// What was wanted and what there was, a line each.
fn compared(result: &CheckResult) -> String {
    let parts = [("path", &result.path), ("expected", &result.expected), ("actual", &result.actual)];
    let lines = parts.into_iter().filter_map(|(name, value)| {
        let text = value.as_deref()?;
        Some(format!("{name}: {}", words::harmless(text)))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

/// A text from outside as the value of an attribute: on one line, and cut.
fn attribute(text: &str) -> String {
    let short: String = text.chars().take(MAX_TEXT).collect();
    content(&words::harmless(&short)).replace('"', "&quot;")
}

/// A text as an element's content. Characters that XML 1.0 (section 2.2) has no way to write stand as their codes.
fn content(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => written.push_str("&amp;"),
            '<' => written.push_str("&lt;"),
            '>' => written.push_str("&gt;"),
            '\u{0}'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                written.push_str(&format!("\\u{{{:x}}}", u32::from(character)));
            }
            _ => written.push(character),
        }
    }
    written
}

#[cfg(test)]
mod tests;
