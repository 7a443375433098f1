//! A comparison on a terminal.

use crate::compare::summary::{CheckChange, Comparison, Flip};
use crate::report::{Style, fit, grouped, harmless, width, wrap};

/// Columns of the labels at the left.
const LABEL: usize = 15;

/// Columns below which a page is not made narrower.
const NARROWEST: usize = 56;

/// Columns of a table's first cell.
const NAME: usize = 28;

/// Shows a comparison as text. Texts from outside are made harmless.
pub fn render_text(comparison: &Comparison, style: Style) -> String {
    let mut page = Page { text: String::new(), width: style.width.max(NARROWEST), colour: style.colour };
    let (word, said) = comparison.verdict();
    let ink = match word {
        "Worse" => "1;31",
        "Undecided" => "1;33",
        "Better" => "1;32",
        _ => "1",
    };
    for (at, sentence) in said.iter().enumerate() {
        page.field(if at == 0 { word } else { "" }, ink, sentence);
    }
    page.field("Baseline", "2", &comparison.baseline.name);
    page.field("Candidate", "2", &comparison.candidate.name);
    page.field("Rows", "2", &comparison.rows_said());
    if let Some(cost) = comparison.cost_said() {
        page.field("Cost", "2", &cost);
    }
    if !comparison.differences.is_empty() {
        page.heading("Differences");
        for difference in &comparison.differences {
            let said = format!("{} → {}", difference.baseline, difference.candidate);
            page.hanging(&format!("  {}: ", difference.what), &said);
        }
    }
    if !comparison.notes.is_empty() {
        page.heading("Notes");
        comparison.notes.iter().for_each(|note| page.hanging("  - ", note));
    }
    page.heading("Checks");
    let titles = ["", "baseline", "candidate", "lost", "won", "p", "detectable", ""].map(str::to_owned);
    page.table(&titles, comparison.check_cells());
    page.hanging("  ", comparison.test_said());
    let numbers = comparison.number_cells();
    if !numbers.is_empty() {
        page.heading(&format!("Numbers per {}", comparison.unit_said()));
        let titles = ["", "baseline", "candidate", "difference", "95% interval"].map(str::to_owned);
        page.table(&titles, numbers);
    }
    if !comparison.outcomes.is_empty() {
        page.heading("Outcomes that changed");
        comparison.outcomes_said().iter().for_each(|said| page.hanging("  ", said));
    }
    for check in std::iter::once(&comparison.succeeded).chain(&comparison.checks) {
        flips(&mut page, check);
    }
    page.text
}

fn flips(page: &mut Page, check: &CheckChange) {
    let kinds = [("Lost", check.lost, &check.flips.lost), ("Won", check.won, &check.flips.won)];
    for (word, count, listed) in kinds {
        if listed.is_empty() {
            continue;
        }
        let shown = if count > listed.len() as u64 {
            format!(", the first {} of {}", listed.len(), grouped(&count))
        } else {
            String::new()
        };
        page.heading(&format!("{word}: {}{shown}", harmless(&check.name)));
        for flip in listed {
            page.flip(flip);
        }
    }
}

struct Page {
    text: String,
    width: usize,
    colour: bool,
}

impl Page {
    fn line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    fn painted(&self, ink: &str, text: &str) -> String {
        if self.colour && !text.trim().is_empty() {
            format!("\x1b[{ink}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn heading(&mut self, title: &str) {
        let title = self.painted("1", &fit(title, self.width));
        self.line(&format!("\n{title}"));
    }

    fn field(&mut self, label: &str, ink: &str, text: &str) {
        for (at, part) in wrap(&harmless(text), self.width - LABEL).iter().enumerate() {
            let label = self.painted(ink, &format!("{:LABEL$}", if at == 0 { label } else { "" }));
            self.line(&format!("{label}{part}"));
        }
    }

    fn hanging(&mut self, label: &str, text: &str) {
        let indent = width(label);
        for (at, part) in wrap(&harmless(text), self.width.saturating_sub(indent)).iter().enumerate() {
            let start = if at == 0 { label.to_owned() } else { " ".repeat(indent) };
            self.line(&format!("{start}{part}"));
        }
    }

    /// The first column at the left, the others at the right but a verdict, which is the last of eight.
    fn table<const N: usize>(&mut self, titles: &[String; N], lines: Vec<[String; N]>) {
        let clean = |cells: [String; N]| {
            let mut cells = cells;
            if let Some(name) = cells.first_mut() {
                *name = fit(&harmless(name), NAME).into_owned();
            }
            cells
        };
        let lines: Vec<_> = std::iter::once(titles.clone()).chain(lines).map(clean).collect();
        let widths: Vec<usize> =
            (0..N).map(|column| lines.iter().map(|cells| width(&cells[column])).max().unwrap_or(0)).collect();
        for (at, cells) in lines.iter().enumerate() {
            let mut text = String::from("  ");
            for (column, cell) in cells.iter().enumerate() {
                let gap = " ".repeat(widths[column] - width(cell));
                let is_left = column == 0 || (N == 8 && column == N - 1);
                text.push_str(&if is_left { format!("{cell}{gap}") } else { format!("{gap}{cell}") });
                text.push_str("  ");
            }
            let ink = match cells.last().map(String::as_str) {
                _ if at == 0 => "2",
                Some("worse") => "31",
                Some("better") => "32",
                _ => "0",
            };
            let text = text.trim_end();
            let text = if ink == "0" { text.to_owned() } else { self.painted(ink, text) };
            self.line(&text);
        }
    }

    fn flip(&mut self, flip: &Flip) {
        let number = flip.row_number.map_or(String::new(), |number| format!(" (row {})", grouped(&number)));
        let passed = flip.passed.map_or(String::new(), |sides| {
            let [before, now] = sides.map(|[passed, judged]| format!("{passed} of {judged}"));
            format!(": {before} → {now} pass")
        });
        self.hanging("  ", &format!("{}{number}{passed}", flip.row_key));
        let parts = [
            ("expected", &flip.expected),
            ("baseline", &flip.baseline),
            ("candidate", &flip.candidate),
            ("because", &flip.reason),
        ];
        for (label, text) in parts {
            if let Some(text) = text {
                self.hanging(&format!("    {label:10}"), text);
            }
        }
    }
}
