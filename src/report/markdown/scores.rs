//! Checks and gates in Markdown.

use std::fmt::Write;

use crate::gates::FigureKind;
use crate::report::markdown::{code, escape, more};
use crate::report::{GroupSummary, LabelSummary, Summary, sentences, words};

/// Checks shown; all are in report.json.
pub(super) const MAX_CHECKS: usize = 50;

/// Checks whose pass rates stand in the tables of groups.
const IN_GROUPS: usize = 4;

/// Labels up to which a confusion matrix is shown.
const MAX_LABELS: usize = 12;

/// Confusion matrices shown.
const MAX_MATRICES: usize = 3;

pub(super) fn gates(page: &mut String, summary: &Summary) {
    if summary.gates.is_empty() {
        return;
    }
    page.push_str("\n### Gates\n\n| | gate | value | bound | margin | |\n|---|---|--:|--:|--:|---|\n");
    for gate in &summary.gates {
        let word = match gate.passed {
            Some(true) => "pass",
            Some(false) => "**FAIL**",
            None => "open",
        };
        let unit = if gate.unit == FigureKind::Cost { summary.cost.unit.as_str() } else { "" };
        let figure = |value| {
            let figure = sentences::figure(value, gate.unit, unit);
            figure.map_or_else(|| "-".to_owned(), |figure| escape(&figure))
        };
        let reason = gate.reason.as_deref().map(escape).unwrap_or_default();
        let (value, bound, margin) = (figure(&gate.value), figure(&gate.bound), figure(&gate.margin));
        let _ = writeln!(page, "| {word} | {} | {value} | {bound} | {margin} | {reason} |", code(&gate.gate));
    }
}

pub(super) fn judges(page: &mut String, summary: &Summary) {
    if summary.judges.is_empty() {
        return;
    }
    page.push_str("\n### Judges\n\nTheir cost is not in the run's own.\n\n| judge | |\n|---|---|\n");
    for (name, judge) in summary.judges.iter().take(MAX_CHECKS) {
        let _ = writeln!(page, "| {} | {} |", code(name), escape(&sentences::judge(judge)));
    }
    more(page, summary.judges.len(), MAX_CHECKS);
    if let Some(bill) = sentences::bill(summary) {
        let _ = writeln!(page, "\n{}", escape(&bill));
    }
}

pub(super) fn checks(page: &mut String, summary: &Summary) {
    if summary.checks.is_empty() {
        return;
    }
    page.push_str("\n### Checks\n\n| check | pass rate | passed | failed | error | skipped | 95% interval | mean score |\n");
    page.push_str("|---|--:|--:|--:|--:|--:|--:|--:|\n");
    for (name, check) in summary.checks.iter().take(MAX_CHECKS) {
        let interval = check.pass_rate_interval.map_or_else(
            || "-".to_owned(),
            |[low, high]| format!("{:.1}% to {:.1}%", low * 100.0, high * 100.0),
        );
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} | {interval} | {} |",
            code(name),
            words::percent_in_table(check.pass_rate),
            check.passed,
            check.failed,
            check.error,
            check.skipped,
            check.mean_score.map_or_else(|| "-".to_owned(), |score| format!("{score:.3}")),
        );
    }
    more(page, summary.checks.len(), MAX_CHECKS);
    let paired = summary.checks.iter().filter_map(|(name, check)| Some((name, check.baseline.as_ref()?)));
    for (at, (name, paired)) in paired.take(MAX_CHECKS).enumerate() {
        let blank = if at == 0 { "\n" } else { "" };
        let _ = writeln!(page, "{blank}- {}: {}", code(name), escape(&sentences::paired(paired)));
    }
    let examples = summary.checks.iter().filter_map(|(name, check)| Some((name, check.example.as_ref()?)));
    for (at, (name, example)) in examples.take(MAX_CHECKS).enumerate() {
        let blank = if at == 0 { "\n" } else { "" };
        let _ =
            writeln!(page, "{blank}- {}, row {}: {}", code(name), example.row_number, code(&example.message));
    }
    let labelled = summary.checks.iter().filter_map(|(name, check)| Some((name, check.labels.as_ref()?)));
    for (name, labels) in labelled.take(MAX_MATRICES) {
        let _ = writeln!(page, "\n{}: {}", code(name), sentences::labels(labels, code));
        matrix(page, labels);
    }
}

/// The titles of the pass rates in a table of groups, and the line below them.
pub(super) fn titles(group: &GroupSummary) -> (String, String) {
    let names = group.checks.iter().take(IN_GROUPS);
    names.map(|(name, _)| (format!(" {} |", code(name)), "--:|")).unzip()
}

/// A group's pass rates.
pub(super) fn cells(group: &GroupSummary) -> String {
    let rates = group.checks.iter().take(IN_GROUPS);
    rates
        .flat_map(|(_, check)| [" ".to_owned(), words::percent_in_table(check.pass_rate), " |".to_owned()])
        .collect()
}

/// What was taken for what: a line for each expected label.
fn matrix(page: &mut String, labels: &LabelSummary) {
    let names = &labels.confusion.labels;
    if names.is_empty() || names.len() > MAX_LABELS {
        return;
    }
    let names: Vec<_> = names.iter().map(|name| code(name)).collect();
    let _ = writeln!(page, "\n| expected \\\\ actual | {} |", names.join(" | "));
    let _ = writeln!(page, "|---|{}", "--:|".repeat(names.len()));
    for (name, counts) in names.iter().zip(&labels.confusion.counts) {
        let counts: Vec<_> = counts.iter().map(u64::to_string).collect();
        let _ = writeln!(page, "| {name} | {} |", counts.join(" | "));
    }
}
