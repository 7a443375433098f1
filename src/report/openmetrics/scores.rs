//! Repeats and judges as metrics.

use crate::report::openmetrics::Page;
use crate::report::{CheckRepeats, Summary};

pub(super) fn repeats(page: &mut Page, summary: &Summary) {
    let Some(run) = &summary.repeats else { return };
    page.single("repeats", "How often each row of the dataset was invoked.", None, &run.n);
    let repeated: Vec<_> =
        summary.checks.iter().filter_map(|(name, check)| Some((name, check.repeats.as_ref()?))).collect();
    let by_k = |at: bool| {
        move |told: &CheckRepeats| if at { told.pass_at_k.clone() } else { told.pass_hat_k.clone() }
    };
    for (name, help, figures) in [
        ("check_pass_at_k_ratio", "The chance that one of k answers to a row passes.", by_k(true)),
        ("check_pass_hat_k_ratio", "The chance that all of k answers to a row pass.", by_k(false)),
    ] {
        page.family(name, help, Some("ratio"));
        for (check, told) in &repeated {
            for (k, figure) in figures(told) {
                if let Some(figure) = figure {
                    page.sample(name, &[("check", check), ("k", &k)], &figure.to_string());
                }
            }
        }
    }
    let help = "The share of the most frequent answer to a row.";
    page.family("check_agreement_ratio", help, Some("ratio"));
    for (check, told) in &repeated {
        if let Some(agreement) = told.agreement {
            page.sample("check_agreement_ratio", &[("check", check)], &agreement.to_string());
        }
    }
    let help = "Rows of the dataset that neither always pass nor always fail.";
    page.family("check_flaky_rows", help, None);
    for (check, told) in &repeated {
        page.sample("check_flaky_rows", &[("check", check)], &told.flaky_rows.to_string());
    }
    let within = [("cost", &run.cost, 1.0), ("latency_seconds", &run.latency_ms, 1e6)];
    page.family("repeat_variance", "The mean variance within a row, in the square of the unit.", None);
    for (of, told, square) in within {
        if let Some(variance) = told.variance {
            page.sample("repeat_variance", &[("of", of)], &(variance / square).to_string());
        }
    }
    let help = "The root of that variance as a share of the mean.";
    page.family("repeat_variation_ratio", help, Some("ratio"));
    for (of, told, _) in within {
        if let Some(cv) = told.cv {
            page.sample("repeat_variation_ratio", &[("of", of)], &cv.to_string());
        }
    }
}

pub(super) fn judges(page: &mut Page, summary: &Summary) {
    if summary.judges.is_empty() {
        return;
    }
    let counts = [
        ("judge_calls", "Calls of a judge's workflow."),
        ("judge_errors", "Rows that a judge gave no usable answer about."),
        ("judge_judged_rows", "Rows that a judge answered for."),
        ("judge_waiting_rows", "Rows that are still to be judged."),
        ("judge_tokens", "Tokens of a judge's runs."),
        ("judge_tokens_unknown_rows", "Rows of a judge's runs whose tokens are unknown."),
        ("judge_cost_unknown_rows", "Rows of a judge's runs whose cost is unknown."),
    ];
    for (at, (name, help)) in counts.into_iter().enumerate() {
        page.family(name, help, None);
        for (judge, told) in &summary.judges {
            let counts = [
                told.calls,
                told.errors,
                told.rows.succeeded,
                told.waiting,
                told.tokens.total,
                told.tokens.unknown_rows,
                told.cost.unknown_rows,
            ];
            page.sample(name, &[("judge", judge)], &counts[at].to_string());
        }
    }
    page.family("judge_cost", "The exact sum of what a judge's runs cost, not in the run's own cost.", None);
    for (judge, told) in &summary.judges {
        if let Some(total) = told.cost.total {
            page.sample("judge_cost", &[("judge", judge), ("unit", &told.cost.unit)], &total.to_string());
        }
    }
    if let Some((cost, total)) = summary.bill.as_ref().and_then(|bill| Some((&bill.cost, bill.cost.total?))) {
        page.family("bill_cost", "What the run and its judges cost together.", None);
        page.sample("bill_cost", &[("unit", &cost.unit)], &total.to_string());
    }
}
