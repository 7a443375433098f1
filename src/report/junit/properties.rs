//! The figures of a run that have no test case, as properties of the suite: by their names in report.json.

use crate::report::{Summary, Within, words};

/// Characters of a check's name, so that what stands behind it in a property's name is never cut.
const MAX_NAME: usize = 200;

/// Gives names and values, neither of them escaped.
pub(super) fn of(summary: &Summary) -> Vec<(String, String)> {
    let mut all = vec![
        ("run_id".to_owned(), summary.run_id.clone()),
        ("verdict".to_owned(), summary.verdict.message.clone()),
        ("cost".to_owned(), amount(&summary.cost.total.to_string(), &summary.cost.unit)),
    ];
    if summary.cost.unknown_rows > 0 {
        all.push(("cost.unknown_rows".to_owned(), summary.cost.unknown_rows.to_string()));
    }
    repeats(&mut all, summary);
    judges(&mut all, summary);
    all
}

fn amount(amount: &str, unit: &str) -> String {
    format!("{amount} {}", words::unit(amount, unit))
}

fn repeats(all: &mut Vec<(String, String)>, summary: &Summary) {
    let Some(run) = &summary.repeats else { return };
    all.push(("repeats.n".to_owned(), run.n.to_string()));
    let within = |name: &'static str, told: &Within| {
        let figures = [("mean", told.mean), ("variance", told.variance), ("cv", told.cv)];
        figures.map(|(figure, value)| (format!("repeats.{name}.{figure}"), value))
    };
    let within = within("cost", &run.cost).into_iter().chain(within("latency_ms", &run.latency_ms));
    all.extend(within.filter_map(|(name, value)| Some((name, value?.to_string()))));
    for (check, told) in
        summary.checks.iter().filter_map(|(name, check)| Some((name, check.repeats.as_ref()?)))
    {
        let check: String = check.chars().take(MAX_NAME).collect();
        let by_k = |of: &'static str, figures: &[(String, Option<f64>)]| {
            let named = figures.iter().map(|(k, value)| (format!("{of}_{k}"), *value));
            named.collect::<Vec<_>>()
        };
        let figures = by_k("pass_at", &told.pass_at_k).into_iter().chain(by_k("pass_hat", &told.pass_hat_k));
        let figures = figures.chain([("agreement".to_owned(), told.agreement)]);
        let named = |(name, value): (String, Option<f64>)| {
            Some((format!("checks.{check}.repeats.{name}"), value?.to_string()))
        };
        all.extend(figures.filter_map(named));
        all.push((format!("checks.{check}.repeats.flaky_rows"), told.flaky_rows.to_string()));
    }
}

fn judges(all: &mut Vec<(String, String)>, summary: &Summary) {
    for (name, judge) in &summary.judges {
        let name: String = name.chars().take(MAX_NAME).collect();
        let mut push = |figure: &str, value: String| all.push((format!("judges.{name}.{figure}"), value));
        push("judged", judge.rows.succeeded.to_string());
        push("errors", judge.errors.to_string());
        push("waiting", judge.waiting.to_string());
        push("calls", judge.calls.to_string());
        if let Some(total) = judge.cost.total {
            push("cost", amount(&total.to_string(), &judge.cost.unit));
        }
        if judge.cost.unknown_rows > 0 {
            push("cost.unknown_rows", judge.cost.unknown_rows.to_string());
        }
    }
    let bill = summary.bill.as_ref().filter(|_| !summary.judges.is_empty()).map(|bill| &bill.cost);
    if let Some((cost, total)) = bill.and_then(|cost| Some((cost, cost.total?))) {
        all.push(("bill.cost".to_owned(), amount(&total.to_string(), &cost.unit)));
    }
}
