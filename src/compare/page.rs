//! A comparison as a page: one file that needs no network, with the look of report.html.
//!
//! Nothing from outside becomes markup: figures and texts are data, which the page's script puts into text nodes.

use serde::Serialize;

use crate::compare::summary::{CheckChange, Comparison, Flip, Verdict};
use crate::report::data_page;
use crate::stats::Interval;

const SCRIPT: &str = include_str!("page.js");

/// Characters of a name, and of what a difference is between.
const NAME: usize = 300;

/// What the page's script is given.
#[derive(Serialize)]
struct Page<'a> {
    verdict: &'static str,
    said: Vec<String>,
    rows: String,
    cost: Option<String>,
    unit: &'static str,
    test: &'static str,
    /// What stands above each side's column: labels, and what either says.
    sides: Vec<[String; 3]>,
    notes: &'a [String],
    checks: Vec<Line<'a>>,
    numbers: Vec<Number>,
    outcomes: Vec<String>,
    /// Where a server has the pages of both.
    paths: Option<[String; 2]>,
}

#[derive(Serialize)]
struct Line<'a> {
    name: String,
    verdict: Verdict,
    cells: Vec<String>,
    rates: Option<[f64; 2]>,
    intervals: Option<[Interval; 2]>,
    lost: Flips<'a>,
    won: Flips<'a>,
}

#[derive(Serialize)]
struct Flips<'a> {
    count: u64,
    listed: &'a [Flip],
}

#[derive(Serialize)]
struct Number {
    cells: Vec<String>,
    became: Option<Verdict>,
}

/// Gives the page. `paths` are those of the runs' own pages, where a server has them.
pub fn render_page(comparison: &Comparison, paths: Option<[String; 2]>) -> String {
    let (verdict, said) = comparison.verdict();
    let checks = std::iter::once(&comparison.succeeded).chain(&comparison.checks);
    let page = Page {
        verdict,
        said: said.iter().map(|text| cut(text)).collect(),
        rows: comparison.rows_said(),
        cost: comparison.cost_said(),
        unit: comparison.unit_said(),
        test: comparison.test_said(),
        sides: sides(comparison),
        notes: &comparison.notes,
        checks: checks.zip(comparison.check_cells()).map(|(check, cells)| line(check, &cells)).collect(),
        numbers: comparison
            .number_lines()
            .into_iter()
            .map(|(cells, became)| Number { cells: cells.iter().map(|cell| cut(cell)).collect(), became })
            .collect(),
        outcomes: comparison.outcomes_said(),
        paths,
    };
    let title =
        format!("{verdict}: {} and {}", cut(&comparison.baseline.name), cut(&comparison.candidate.name));
    data_page(&title, SCRIPT, &page).unwrap_or_default()
}

/// Which runs these are, and what is not the same in both.
fn sides(comparison: &Comparison) -> Vec<[String; 3]> {
    let (before, now) = (&comparison.baseline, &comparison.candidate);
    let mut sides = vec![["run".to_owned(), cut(&before.name), cut(&now.name)]];
    let differences = comparison.differences.iter();
    sides.extend(differences.map(|it| [it.what.to_owned(), cut(&it.baseline), cut(&it.candidate)]));
    sides
}

fn line<'a>(check: &'a CheckChange, [_, cells @ ..]: &[String; 8]) -> Line<'a> {
    Line {
        name: cut(&check.name),
        verdict: check.verdict,
        cells: cells.to_vec(),
        rates: check.pass_rate,
        intervals: check.pass_rate_interval,
        lost: Flips { count: check.lost, listed: &check.flips.lost },
        won: Flips { count: check.won, listed: &check.flips.won },
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(NAME) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
