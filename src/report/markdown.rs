//! The summary as Markdown (GitHub's): report.md, short enough for a comment on a pull request.

mod repeats;
mod scores;

use std::fmt::Write;

use crate::report::phrases::{Numbers, Phrases};
use crate::report::{Summary, sentences, words};

/// Characters of a text from outside.
const MAX_TEXT: usize = 200;

/// Errors shown; all are in report.json.
const MAX_ERRORS: usize = 20;

/// Groups of one name shown.
const MAX_GROUPS: usize = 20;

/// Different names of groups shown.
const MAX_GROUPINGS: usize = 5;

/// Versions shown.
const MAX_VERSIONS: usize = 10;

/// Notes shown.
const MAX_NOTES: usize = 20;

/// Gives report.md. Texts from outside stand in code spans, so that they format, link and notify nothing.
pub fn render_markdown(summary: &Summary) -> String {
    let phrases = Phrases::new(summary, Numbers::Plain);
    let answered = phrases.answered(usize::MAX);
    let mut page = format!("## {}: {}\n\n", phrases.verdict(), escape(&answered));
    head(&mut page, summary, &phrases);
    scores::gates(&mut page, summary);
    scores::checks(&mut page, summary);
    repeats::repeats(&mut page, summary);
    scores::judges(&mut page, summary);
    times(&mut page, &phrases);
    errors(&mut page, summary);
    groups(&mut page, summary, &phrases);
    if !summary.notes.is_empty() {
        page.push_str("\n### Notes\n\n");
        for note in summary.notes.iter().take(MAX_NOTES) {
            let _ = writeln!(page, "- {}", code(note));
        }
        more(&mut page, summary.notes.len(), MAX_NOTES);
    }
    page
}

fn head(page: &mut String, summary: &Summary, phrases: &Phrases<'_>) {
    let not_answered = phrases.not_answered(usize::MAX);
    let mut rows = vec![
        ("Not answered", escape(&not_answered)),
        ("Cost", escape(&phrases.cost(usize::MAX))),
        ("Time", words::time(summary.wall_ms)),
        ("Tokens", phrases.tokens()),
    ];
    rows.extend(phrases.in_doubt().map(|in_doubt| ("In doubt", escape(&in_doubt))));
    rows.extend(phrases.budget().map(|budget| ("Budget", escape(&budget))));
    rows.extend(phrases.cost_per_row().map(|spread| ("Cost per row", spread)));
    rows.push(("Sent", phrases.sent()));
    rows.extend(phrases.reused().map(|reused| ("Reused", escape(&reused))));
    rows.extend(summary.repeats.as_ref().map(|repeats| ("Repeats", sentences::run_repeats(repeats))));
    rows.extend(phrases.versions(MAX_VERSIONS).map(|versions| ("Versions", code(&versions))));
    rows.push(("Manifest", code(&summary.manifest)));
    rows.extend(summary.description.as_deref().map(|text| ("Description", code(text))));
    if !summary.labels.is_empty() {
        let labels: Vec<_> =
            summary.labels.iter().take(10).map(|(name, value)| code(&format!("{name}: {value}"))).collect();
        rows.push(("Labels", labels.join(" ")));
    }
    rows.push(("Run", code(&summary.run_id)));
    if summary.verdict.exit_code != 0 {
        rows.push(("Verdict", code(&summary.verdict.message)));
    }
    rows.extend(summary.verdict.next.as_deref().map(|next| ("Next", code(next))));
    page.push_str("| | |\n|---|---|\n");
    for (label, text) in rows {
        let _ = writeln!(page, "| {label} | {text} |");
    }
}

fn times(page: &mut String, phrases: &Phrases<'_>) {
    let rows = phrases.times();
    if rows.is_empty() {
        return;
    }
    page.push_str("\n| | p50 | p90 | p95 | p99 | max |\n|---|--:|--:|--:|--:|--:|\n");
    for (name, cells) in rows {
        let _ = writeln!(page, "| {name} | {} |", cells.join(" | "));
    }
}

fn errors(page: &mut String, summary: &Summary) {
    if summary.errors.is_empty() {
        return;
    }
    page.push_str("\n### Errors\n\n| rows | outcome | kind | example |\n|--:|---|---|---|\n");
    for error in summary.errors.iter().take(MAX_ERRORS) {
        let _ = writeln!(
            page,
            "| {} | {} | {} | row {}: {} |",
            error.count,
            words::outcome(error.outcome),
            code(&error.kind),
            error.row_number,
            code(&error.example)
        );
    }
    more(page, summary.errors.len(), MAX_ERRORS);
}

fn groups(page: &mut String, summary: &Summary, phrases: &Phrases<'_>) {
    for groups in summary.groups.chunk_by(|a, b| a.by == b.by).take(MAX_GROUPINGS) {
        let Some(first) = groups.first() else { continue };
        let _ = writeln!(page, "\n### By {}\n", code(&first.by));
        let (titles, rules) = scores::titles(first);
        let _ = writeln!(page, "| value | rows | succeeded | cost | latency p95 |{titles}");
        let _ = writeln!(page, "|---|--:|--:|--:|--:|{rules}");
        for group in groups.iter().take(MAX_GROUPS) {
            let _ = writeln!(
                page,
                "| {} | {} | {} | {} | {} |{}",
                code(&group.value),
                group.rows,
                words::percent_in_table(group.success_rate),
                escape(&phrases.known_cost(&group.cost)),
                words::time_or_dash(group.latency_ms.p95),
                scores::cells(group)
            );
        }
        more(page, groups.len(), MAX_GROUPS);
    }
}

fn more(page: &mut String, all: usize, shown: usize) {
    if all > shown {
        let _ = writeln!(page, "\n… and {} more in report.json", all - shown);
    }
}

/// A text from outside as a code span that fits into a cell of a table.
pub(crate) fn code(text: &str) -> String {
    let text = words::harmless(text);
    let text = words::fit(text.trim(), MAX_TEXT);
    if text.is_empty() {
        return String::new();
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = if longest > 0 { " " } else { "" };
    // A table ends a cell at a bar even inside a code span, unless a backslash stands before it.
    format!("{fence}{space}{}{space}{fence}", text.replace('|', "\\|"))
}

/// A sentence of ours, in which a word of the manifest's could be taken for markup.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in words::harmless(text).chars() {
        if matches!(character, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '&' | '~') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_from_outside_can_neither_leave_their_cell_nor_format_anything() {
        let check = |text: &str, expected: &str| assert_eq!(code(text), expected);
        check("plain", "`plain`");
        check("a | b", "`a \\| b`");
        check("<img src=x onerror=alert(1)> @team", "`<img src=x onerror=alert(1)> @team`");
        check("two\nlines", "`two lines`");
        check("`ticks` and ``more``", "``` `ticks` and ``more`` ```");
        check("", "");
        check("\u{202e}x", "`\\u{202e}x`");
        assert_eq!(escape("1 <b>_x_ | y"), "1 \\<b\\>\\_x\\_ \\| y");
    }
}
