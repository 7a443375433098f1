//! The sentences about checks and gates that terminal and Markdown share.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::Value;

use crate::gates::{FigureKind, GateResult};
use crate::report::{
    CheckRepeats, CheckSummary, JudgeCost, JudgeSummary, LabelSummary, PairedSummary, RunRepeats, Summary,
    words,
};

/// What a judge came to, and what it cost.
pub(super) fn judge(judge: &JudgeSummary) -> String {
    let mut told = vec![format!("{} judged", judge.rows.succeeded)];
    for (count, what) in [(judge.errors, "without a usable answer"), (judge.waiting, "still to be judged")] {
        told.extend((count > 0).then(|| format!("{count} {what}")));
    }
    told.push(cost(&judge.cost));
    told.push(format!("{} tokens", judge.tokens.total));
    if judge.tokens.unknown_rows > 0 {
        told.push(format!("tokens unknown for {}", rows(judge.tokens.unknown_rows)));
    }
    told.push(format!("{} calls", judge.calls));
    told.join(", ")
}

/// What a run and its judges cost together; none without judges.
pub(super) fn bill(summary: &Summary) -> Option<String> {
    let bill = summary.bill.as_ref().filter(|_| !summary.judges.is_empty())?;
    Some(format!("Run and judges together: {}", cost(&bill.cost)))
}

fn rows(count: u64) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}

fn cost(cost: &JudgeCost) -> String {
    let mut told = match cost.total.map(|total| total.to_string()) {
        Some(total) => format!("{total} {}", words::unit(&total, &cost.unit)),
        None => "a cost that can't be added up exactly".to_owned(),
    };
    if cost.unknown_rows > 0 {
        told.push_str(&format!(", cost unknown for {}", rows(cost.unknown_rows)));
    }
    told
}

/// What a check came to.
pub(super) fn check(check: &CheckSummary) -> String {
    let judged = check.passed + check.failed + check.error;
    let mut text = match check.pass_rate {
        None => "no row was judged".to_owned(),
        Some(rate) => format!("{} passed: {} of {judged}", words::percent(Some(rate)), check.passed),
    };
    let others = [
        (check.failed, "failed"),
        (check.error, "could not be judged"),
        (check.skipped, "skipped"),
        (check.unscored, "without an answer"),
    ];
    for (count, what) in others.into_iter().filter(|(count, _)| *count > 0) {
        text.push_str(&format!(", {count} {what}"));
    }
    if let Some([low, high]) = check.pass_rate_interval {
        text.push_str(&format!(" (95% interval {} to {})", share(low), share(high)));
    }
    match check.mean_score {
        // A check that only passes or fails has the same figure twice.
        Some(score)
            if check
                .pass_rate
                .is_none_or(|rate| (f64::from(rate.millionths()) / 1e6 - score).abs() > 5e-4) =>
        {
            text.push_str(&format!(", mean score {score:.3}"));
        }
        _ => {}
    }
    text
}

/// How steadily a check is passed.
pub(super) fn repeats(repeats: &CheckRepeats) -> String {
    let last = |figures: &[(String, Option<f64>)]| {
        let figure = figures.last().and_then(|(_, figure)| *figure);
        figure.map_or_else(|| "-".to_owned(), share)
    };
    let mut text = format!(
        "of {n} repeats one passes: {}, each: {}; {} of {} rows neither always pass nor always fail",
        last(&repeats.pass_at_k),
        last(&repeats.pass_hat_k),
        repeats.flaky_rows,
        repeats.rows,
        n = repeats.n,
    );
    if let Some(agreement) = repeats.agreement {
        text.push_str(&format!("; agreement {}", share(agreement)));
    }
    text
}

/// How much the invocations of one row differ.
pub(super) fn run_repeats(repeats: &RunRepeats) -> String {
    let mut text = format!("each row of the dataset {} times", repeats.n);
    for (what, within) in [("cost", &repeats.cost), ("latency", &repeats.latency_ms)] {
        if let Some(cv) = within.cv {
            text.push_str(&format!("; its {what} varies by {} of the mean", share(cv)));
        }
    }
    text
}

/// How the rows do against those of the baseline.
pub(super) fn paired(paired: &PairedSummary) -> String {
    let PairedSummary { rows, better, worse, p_worse } = paired;
    let chance = match *p_worse {
        p if p >= 0.05 => format!(": no more than chance would do (one-sided p = {p:.2})"),
        p if p >= 0.001 => format!(": more than chance would do (one-sided p = {p:.3})"),
        _ => ": more than chance would do (one-sided p < 0.001)".to_owned(),
    };
    let chance = if worse > better { chance } else { String::new() };
    format!("against the baseline, {better} of {rows} rows got better and {worse} worse{chance}")
}

/// How well labels were given, with the labels that were given worst.
/// `named` writes a label, which is a text from outside.
pub(super) fn labels(labels: &LabelSummary, named: impl Fn(&str) -> String) -> String {
    const SHOWN: usize = 3;
    let figure = |figure: Option<f64>| figure.map_or_else(|| "-".to_owned(), share);
    let mut text = format!("accuracy {}, macro-F1 {}", figure(labels.accuracy), figure(labels.macro_f1));
    let mut worst: Vec<_> =
        labels.classes.iter().filter(|class| class.support > 0 && class.recall < 1.0).collect();
    worst.sort_by(|a, b| a.recall.total_cmp(&b.recall));
    if !worst.is_empty() {
        let told =
            worst.iter().take(SHOWN).map(|class| format!("{} {}", named(&class.label), share(class.recall)));
        text.push_str(&format!("; lowest recall: {}", told.collect::<Vec<_>>().join(", ")));
    }
    text
}

/// A gate's value, bound and margin.
pub(super) fn gate(gate: &GateResult, unit: &str) -> String {
    let mut text = match (figure(&gate.value, gate.unit, unit), figure(&gate.bound, gate.unit, unit)) {
        (Some(value), Some(bound)) => format!("is {value}, against {bound}"),
        (Some(value), None) => format!("is {value}"),
        _ => "has no value".to_owned(),
    };
    if let Some(margin) = figure(&gate.margin, gate.unit, unit) {
        text.push_str(&format!(", margin {margin}"));
    }
    if let Some(reason) = &gate.reason {
        text.push_str(&format!(" ({reason})"));
    }
    text
}

/// Writes a figure of a gate in its unit; none for null.
pub(super) fn figure(value: &Value, kind: FigureKind, unit: &str) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(match kind {
        FigureKind::Share => format!("{}%", percent(&text)?),
        FigureKind::Count => text,
        FigureKind::Cost => format!("{text} {}", words::unit(&text, unit)),
        FigureKind::Ms => match text.strip_prefix('-') {
            Some(ms) => format!("-{}", words::time(whole(ms)?)),
            None => words::time(whole(&text)?),
        },
    })
}

/// A bound such as `baseline + 10%` is seldom a whole number of milliseconds.
fn whole(text: &str) -> Option<u64> {
    let number: Decimal = Decimal::from_scientific(text).or_else(|_| text.parse()).ok()?;
    number.round().to_u64()
}

/// A share as percent, with two digits behind the point where they say something.
fn percent(text: &str) -> Option<Decimal> {
    let share: Decimal = Decimal::from_scientific(text).or_else(|_| text.parse()).ok()?;
    let percent = share.checked_mul(Decimal::ONE_HUNDRED)?;
    // Not rounded over a bound that it does not reach.
    Some(percent.trunc_with_scale(2).normalize())
}

/// A share with one digit behind the point.
pub(super) fn share(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}
