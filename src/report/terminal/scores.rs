//! Checks and gates on a terminal.

use crate::report::terminal::{Ink, Page};
use crate::report::{Summary, sentences, words};

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
        if let Some(labels) = &check.labels {
            page.hanging(&" ".repeat(widest + 4), None, &sentences::labels(labels));
        }
    }
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
