//! In Markdown, how steady the answers to one row are.

use std::fmt::Write;

use crate::report::markdown::code;
use crate::report::markdown::scores::MAX_CHECKS;
use crate::report::{RunRepeats, Summary, sentences, words};

pub(super) fn repeats(page: &mut String, summary: &Summary) {
    let Some(run) = &summary.repeats else { return };
    let _ = writeln!(page, "\n### Repeats\n\nEach row of the dataset was invoked {} times.", run.n);
    steadiness(page, summary);
    within(page, run, &summary.cost.unit);
}

fn steadiness(page: &mut String, summary: &Summary) {
    let repeated: Vec<_> =
        summary.checks.iter().filter_map(|(name, check)| Some((name, check.repeats.as_ref()?))).collect();
    let Some((_, first)) = repeated.first() else { return };
    let percent = |figure: Option<f64>| figure.map_or_else(|| "-".to_owned(), sentences::share);
    let steps: Vec<_> = first.pass_hat_k.iter().map(|(k, _)| k.as_str()).collect();
    let title =
        |of: char| steps.iter().skip(1).map(|k| format!(" pass{of}{k} |")).collect::<Vec<_>>().concat();
    let _ = writeln!(page, "\n| check | pass@1 |{}{} agreement | flaky rows |", title('@'), title('^'));
    let _ = writeln!(page, "|---|{}--:|--:|--:|", "--:|".repeat(2 * (steps.len() - 1)));
    for (name, repeats) in repeated.into_iter().take(MAX_CHECKS) {
        let cells = |figures: &[(String, Option<f64>)]| {
            let cells = figures.iter().skip(1).map(|(_, figure)| format!(" {} |", percent(*figure)));
            cells.collect::<Vec<_>>().concat()
        };
        let _ = writeln!(
            page,
            "| {} | {} |{}{} {} | {} of {} |",
            code(name),
            percent(repeats.pass_at_1),
            cells(&repeats.pass_at_k),
            cells(&repeats.pass_hat_k),
            percent(repeats.agreement),
            repeats.flaky_rows,
            repeats.rows,
        );
    }
}

fn within(page: &mut String, run: &RunRepeats, unit: &str) {
    if run.cost.rows + run.latency_ms.rows == 0 {
        return;
    }
    page.push_str("\n| within a row | rows | mean | variance | varies by |\n|---|--:|--:|--:|--:|\n");
    let cost = format!("cost, {}", words::unit("", unit));
    for (what, within) in [(cost.as_str(), &run.cost), ("latency, ms", &run.latency_ms)] {
        let figure = |figure: Option<f64>| figure.map_or_else(|| "-".to_owned(), words::short);
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} |",
            super::escape(what),
            within.rows,
            figure(within.mean),
            figure(within.variance),
            within.cv.map_or_else(|| "-".to_owned(), sentences::share),
        );
    }
}
