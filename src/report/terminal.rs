//! The summary on a terminal. Its first four lines are for whoever reads no more: how many rows were answered, how
//! many were not and why, what it cost, and how long it took.

mod scores;

use std::fmt::Write;

use crate::model::ExitCode;
use crate::report::phrases::{Numbers, Phrases};
use crate::report::{GroupSummary, Summary, sentences, words};

/// Columns of the labels at the left.
const LABEL: usize = 14;

/// Columns below which a page is not made narrower.
const NARROWEST: usize = 56;

/// Errors shown; all are in report.json.
const MAX_ERRORS: usize = 8;

/// Groups of one name shown.
const MAX_GROUPS: usize = 10;

/// The longest example of an error, in columns; it goes over as many lines as it needs.
const EXAMPLE: usize = 400;

/// Versions shown.
const MAX_VERSIONS: usize = 4;

/// How a summary is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// With ANSI colours.
    pub colour: bool,
    /// In so many columns; at least 56 are taken.
    pub width: usize,
}

#[derive(Clone, Copy)]
enum Ink {
    Bold,
    Dim,
    Red,
    Yellow,
    Green,
}

struct Page {
    style: Style,
    text: String,
}

/// Shows a summary as text; `run_dir` is where its files are. Texts from outside are made harmless.
pub fn render_text(summary: &Summary, style: Style, run_dir: &str) -> String {
    let style = Style { width: style.width.max(NARROWEST), ..style };
    let mut page = Page { style, text: String::new() };
    let phrases = Phrases::new(summary, Numbers::Grouped);
    head(&mut page, summary, &phrases);
    details(&mut page, summary, &phrases);
    scores::gates(&mut page, summary);
    scores::checks(&mut page, summary);
    scores::judges(&mut page, summary);
    times(&mut page, &phrases);
    errors(&mut page, summary);
    groups(&mut page, summary, &phrases);
    if !summary.notes.is_empty() {
        page.heading("Notes");
        for note in &summary.notes {
            page.hanging("  - ", None, note);
        }
    }
    page.blank();
    page.field("Files", run_dir);
    if let Some(next) = &summary.verdict.next {
        page.verbatim("Next", next);
    }
    page.text
}

fn head(page: &mut Page, summary: &Summary, phrases: &Phrases<'_>) {
    let ink = match summary.verdict.exit_code {
        0 => Ink::Green,
        code if code == ExitCode::Interrupted.code() => Ink::Yellow,
        _ => Ink::Red,
    };
    let room = page.style.width - LABEL;
    page.line(phrases.verdict(), ink, &phrases.answered(room));
    page.line("Not answered", Ink::Dim, &phrases.not_answered(room));
    page.line("Cost", Ink::Dim, &phrases.cost(room));
    page.line("Time", Ink::Dim, &words::time(summary.wall_ms));
}

fn details(page: &mut Page, summary: &Summary, phrases: &Phrases<'_>) {
    page.blank();
    if summary.verdict.exit_code != 0 {
        page.field("Verdict", &summary.verdict.message);
    }
    if let Some(in_doubt) = phrases.in_doubt() {
        page.field("In doubt", &in_doubt);
    }
    if let Some(budget) = phrases.budget() {
        page.field("Budget", &budget);
    }
    page.field("Tokens", &phrases.tokens());
    if let Some(spread) = phrases.cost_per_row() {
        page.field("Cost per row", &spread);
    }
    page.field("Sent", &phrases.sent());
    if let Some(reused) = phrases.reused() {
        page.field("Reused", &reused);
    }
    if let Some(repeats) = &summary.repeats {
        page.field("Repeats", &sentences::run_repeats(repeats));
    }
    if let Some(versions) = phrases.versions(MAX_VERSIONS) {
        page.field("Versions", &versions);
    }
}

fn times(page: &mut Page, phrases: &Phrases<'_>) {
    let rows = phrases.times();
    if rows.is_empty() {
        return;
    }
    page.blank();
    let column = if page.style.width >= 64 { 10 } else { 8 };
    let cells = |cells: [&str; 5]| cells.map(|cell| format!("{cell:>column$}")).concat();
    let titles = format!("{:LABEL$}{}", "", cells(["p50", "p90", "p95", "p99", "max"]));
    page.painted(Ink::Dim, &titles);
    for (name, times) in rows {
        let line = cells(times.each_ref().map(String::as_str));
        page.start(Ink::Dim, name);
        page.end(&line);
    }
}

fn errors(page: &mut Page, summary: &Summary) {
    if summary.errors.is_empty() {
        return;
    }
    page.heading("Errors");
    let shown = &summary.errors[..summary.errors.len().min(MAX_ERRORS)];
    let counts: Vec<_> = shown.iter().map(|error| words::grouped(&error.count)).collect();
    let digits = counts.iter().map(String::len).max().unwrap_or(0);
    for (error, count) in shown.iter().zip(&counts) {
        let kind = words::harmless(&error.kind);
        let outcome = words::outcome(error.outcome);
        page.hanging(&format!("  {count:>digits$} "), Some(Ink::Red), &format!("{outcome}, {kind}"));
        let row = words::grouped(&error.row_number);
        let example = if error.example.is_empty() {
            format!("for instance row {row}")
        } else {
            format!("row {row}: {}", words::harmless(&error.example))
        };
        page.hanging(&" ".repeat(digits + 3), None, &words::fit(&example, EXAMPLE));
    }
    page.more(summary.errors.len(), MAX_ERRORS);
}

fn groups(page: &mut Page, summary: &Summary, phrases: &Phrases<'_>) {
    for groups in summary.groups.chunk_by(|a, b| a.by == b.by) {
        let Some(first) = groups.first() else { continue };
        page.heading(&format!("By {}", words::harmless(&first.by)));
        let lines: Vec<_> = groups.iter().take(MAX_GROUPS).map(|group| group_cells(group, phrases)).collect();
        let titles = ["", "rows", "succeeded", "cost", "latency p95"].map(str::to_owned);
        let titles: Vec<_> = titles.into_iter().chain(scores::titles(first)).collect();
        let widest = |column: usize| {
            lines.iter().chain([&titles]).map(|cells| words::width(&cells[column])).max().unwrap_or(0)
        };
        let widths: Vec<_> = (1..titles.len()).map(|column| widest(column) + 2).collect();
        let room = page.style.width.saturating_sub(2 + widths.iter().sum::<usize>());
        let name = widest(0).min(room).max(8);
        for (index, cells) in [&titles].into_iter().chain(&lines).enumerate() {
            let value = words::fit(&cells[0], name);
            let mut line = format!("  {value}{}", " ".repeat(name - words::width(&value)));
            for (cell, width) in cells[1..].iter().zip(&widths) {
                let _ = write!(line, "{}{cell}", " ".repeat(width - words::width(cell)));
            }
            let line = words::fit(&line, page.style.width);
            if index == 0 { page.painted(Ink::Dim, &line) } else { page.end(&line) }
        }
        page.more(groups.len(), MAX_GROUPS);
    }
}

fn group_cells(group: &GroupSummary, phrases: &Phrases<'_>) -> Vec<String> {
    let value = if group.value.is_empty() { "(empty)" } else { &group.value };
    let cells = [
        words::harmless(value).into_owned(),
        words::grouped(&group.rows),
        words::percent_in_table(group.success_rate),
        words::harmless(&phrases.known_cost(&group.cost)).into_owned(),
        words::time_or_dash(group.latency_ms.p95),
    ];
    cells.into_iter().chain(scores::cells(group)).collect()
}

impl Page {
    fn paint(&self, ink: Ink, text: &str) -> String {
        if !self.style.colour || text.trim().is_empty() {
            return text.to_owned();
        }
        let code = match ink {
            Ink::Bold => "1",
            Ink::Dim => "2",
            Ink::Red => "1;31",
            Ink::Yellow => "1;33",
            Ink::Green => "1;32",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    fn blank(&mut self) {
        self.text.push('\n');
    }

    /// Begins a line with its label.
    fn start(&mut self, ink: Ink, label: &str) {
        let label = self.paint(ink, &format!("{label:LABEL$}"));
        self.text.push_str(&label);
    }

    fn end(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    fn painted(&mut self, ink: Ink, text: &str) {
        let text = self.paint(ink, text.trim_end());
        self.end(&text);
    }

    fn heading(&mut self, title: &str) {
        self.blank();
        let title = words::fit(title, self.style.width).into_owned();
        self.painted(Ink::Bold, &title);
    }

    /// A label and as much of a text as fits beside it: never more than one line.
    fn line(&mut self, label: &str, ink: Ink, text: &str) {
        self.start(ink, label);
        let text = words::harmless(text);
        let text = self.paint(Ink::Bold, &words::fit(&text, self.style.width - LABEL));
        self.end(&text);
    }

    /// A label and a text, broken into lines below each other.
    fn field(&mut self, label: &str, text: &str) {
        self.hanging(&format!("{label:LABEL$}"), Some(Ink::Dim), text);
    }

    fn hanging(&mut self, label: &str, ink: Option<Ink>, text: &str) {
        let indent = words::width(label);
        let label = ink.map_or_else(|| label.to_owned(), |ink| self.paint(ink, label));
        for (index, line) in words::wrap(&words::harmless(text), self.style.width - indent).iter().enumerate()
        {
            let start = if index == 0 { label.clone() } else { " ".repeat(indent) };
            self.end(&format!("{start}{line}"));
        }
    }

    /// A label and a text to be copied, which is therefore never broken.
    fn verbatim(&mut self, label: &str, text: &str) {
        self.start(Ink::Dim, label);
        let text = self.paint(Ink::Bold, &words::harmless(text));
        self.end(&text);
    }

    fn more(&mut self, all: usize, shown: usize) {
        if all > shown {
            self.painted(
                Ink::Dim,
                &format!("  … and {} more in report.json", words::grouped(&(all - shown))),
            );
        }
    }
}
