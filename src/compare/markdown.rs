//! A comparison as Markdown (GitHub's), for a comment on a pull request.

use std::fmt::Write;

use crate::compare::summary::{CheckChange, Comparison, Flip};
use crate::report::{code, escape, grouped};

/// Gives a page. Texts from outside stand in code spans, so that they format, link and notify nothing.
pub fn render_markdown(comparison: &Comparison) -> String {
    let (word, said) = comparison.verdict();
    let mut page = format!("## {word}: {}\n\n", escape(&said.join("; ")));
    page.push_str("| | |\n|---|---|\n");
    let mut head = vec![
        ("Baseline", code(&comparison.baseline.name)),
        ("Candidate", code(&comparison.candidate.name)),
        ("Rows", comparison.rows_said()),
    ];
    head.extend(comparison.cost_said().map(|cost| ("Cost", escape(&cost))));
    for (label, text) in head {
        let _ = writeln!(page, "| {label} | {text} |");
    }
    if !comparison.differences.is_empty() {
        page.push_str("\n### Differences\n\n| | baseline | candidate |\n|---|---|---|\n");
        for difference in &comparison.differences {
            let [baseline, candidate] = [&difference.baseline, &difference.candidate].map(|text| code(text));
            let _ = writeln!(page, "| {} | {baseline} | {candidate} |", difference.what);
        }
    }
    if !comparison.notes.is_empty() {
        page.push_str("\n### Notes\n\n");
        for note in &comparison.notes {
            let _ = writeln!(page, "- {}", escape(note));
        }
    }
    page.push_str(
        "\n### Checks\n\n| | baseline | candidate | lost | won | p | detectable | |\n|---|--:|--:|--:|--:|--:|--:|---|\n",
    );
    for [name, cells @ ..] in comparison.check_cells() {
        let _ = writeln!(page, "| {} | {} |", code(&name), cells.join(" | "));
    }
    let _ = writeln!(page, "\n{}", comparison.test_said());
    let numbers = comparison.number_cells();
    if !numbers.is_empty() {
        let _ = writeln!(page, "\n### Numbers per {}\n", comparison.unit_said());
        page.push_str("| | baseline | candidate | difference | 95% interval |\n|---|--:|--:|--:|--:|\n");
        for [name, cells @ ..] in numbers {
            let _ = writeln!(page, "| {} | {} |", escape(&name), cells.join(" | "));
        }
    }
    if !comparison.outcomes.is_empty() {
        page.push_str("\n### Outcomes that changed\n\n");
        for said in comparison.outcomes_said() {
            let _ = writeln!(page, "- {said}");
        }
    }
    for check in std::iter::once(&comparison.succeeded).chain(&comparison.checks) {
        flips(&mut page, check);
    }
    page
}

fn flips(page: &mut String, check: &CheckChange) {
    let kinds = [("Lost", check.lost, &check.flips.lost), ("Won", check.won, &check.flips.won)];
    for (word, count, listed) in kinds {
        if listed.is_empty() {
            continue;
        }
        let _ = writeln!(page, "\n### {word}: {}\n", code(&check.name));
        page.push_str("| row | expected | baseline | candidate |\n|---|---|---|---|\n");
        for Flip { row_key, passed, expected, baseline, candidate, .. } in listed {
            let [expected, baseline, candidate] =
                [expected, baseline, candidate].map(|text| code(text.as_deref().unwrap_or_default()));
            let [before, now] = passed.map_or([const { String::new() }; 2], |sides| {
                sides.map(|[passed, judged]| format!("{passed} of {judged}: "))
            });
            let key = code(row_key);
            let _ = writeln!(page, "| {key} | {expected} | {before}{baseline} | {now}{candidate} |");
        }
        if count > listed.len() as u64 {
            let _ = writeln!(page, "\n… and {} more", grouped(&(count - listed.len() as u64)));
        }
    }
}
