//! Checks and gates on a terminal.

use crate::report::terminal::{Ink, Page};
use crate::report::{GroupSummary, Summary, sentences, words};

/// Checks whose pass rates stand in the table of groups.
const IN_GROUPS: usize = 2;

pub(super) fn checks(page: &mut Page, summary: &Summary) {
    if summary.checks.is_empty() {
        return;
    }
    page.heading("Checks");
    let widest =
        summary.checks.iter().map(|(name, _)| words::width(&words::harmless(name))).max().unwrap_or(0);
    for (name, check) in &summary.checks {
        let name = words::harmless(name);
        let label = format!("  {name}{}  ", " ".repeat(widest - words::width(&name)));
        let ink = if check.failed + check.error == 0 { Ink::Green } else { Ink::Yellow };
        page.hanging(&label, Some(ink), &sentences::check(check));
        let indent = " ".repeat(widest + 4);
        if let Some(repeats) = &check.repeats {
            page.hanging(&indent, None, &sentences::repeats(repeats));
        }
        if let Some(labels) = &check.labels {
            page.hanging(&indent, None, &sentences::labels(labels, str::to_owned));
        }
        if let Some(paired) = &check.baseline {
            page.hanging(&indent, None, &sentences::paired(paired));
        }
        if let Some(example) = &check.example {
            page.hanging(
                &indent,
                None,
                &format!("row {}: {}", words::grouped(&example.row_number), example.message),
            );
        }
    }
}

/// What judges came to, and their bills.
pub(super) fn judges(page: &mut Page, summary: &Summary) {
    if summary.judges.is_empty() {
        return;
    }
    page.heading("Judges (not in the cost above)");
    for (name, judge) in &summary.judges {
        let ink = if judge.complete { Ink::Green } else { Ink::Yellow };
        page.hanging(&format!("  {}  ", words::harmless(name)), Some(ink), &sentences::judge(judge));
    }
    if let Some(bill) = sentences::bill(summary) {
        page.hanging("  ", None, &bill);
    }
}

/// The titles of the pass rates in a table of groups.
pub(super) fn titles(group: &GroupSummary) -> impl Iterator<Item = String> {
    group.checks.iter().take(IN_GROUPS).map(|(name, _)| words::harmless(name).into_owned())
}

/// A group's pass rates.
pub(super) fn cells(group: &GroupSummary) -> impl Iterator<Item = String> {
    group.checks.iter().take(IN_GROUPS).map(|(_, check)| words::percent_in_table(check.pass_rate))
}

pub(super) fn gates(page: &mut Page, summary: &Summary) {
    if summary.gates.is_empty() {
        return;
    }
    page.heading("Gates");
    for gate in &summary.gates {
        let (word, ink) = match gate.passed {
            Some(true) => ("  pass  ", Ink::Green),
            Some(false) => ("  FAIL  ", Ink::Red),
            None => ("  open  ", Ink::Dim),
        };
        let told = format!("{}: {}", gate.gate, sentences::gate(gate, &summary.cost.unit));
        page.hanging(word, Some(ink), &told);
    }
}
