//! What rows in doubt may have cost, and how a budget stands.

use super::*;
use crate::model::Reservation;

fn cost(text: &str) -> Cost {
    text.parse().unwrap()
}

fn with_budget(limit: &str, cost_per_row: Option<&str>) -> ReportContext {
    let (limit, cost_per_row) = (Some(cost(limit)), cost_per_row.map(cost));
    let budget = BudgetLimits { cost: limit, tokens: Some(1_000), cost_per_row };
    ReportContext { budget: Some(budget), ..context() }
}

/// Row 1 cost 0.25, row 2 cost 0.1, and the last two are in doubt: one held, one attached.
fn two_in_doubt() -> Run {
    let mut run = Run::of(4);
    run.succeed(1, "{}", "{}").fail(2, "{}", "no").lose(3, "{}").attach(4, "{}");
    run
}

fn check(run: &Run, context: &ReportContext, expected: &Value, said: &str) {
    let summary = run.summary(context);
    let doubtful = summary.cost.in_doubt;
    assert_eq!(doubtful.rows, summary.rows.in_doubt);
    assert_eq!(serde_json::to_value(doubtful).unwrap(), *expected);
    let page = render_text(&summary, Style { colour: false, width: 300 }, "");
    let line = page.lines().find(|line| line.starts_with("In doubt")).unwrap_or_default();
    assert_eq!(line.trim_start_matches("In doubt").trim(), said);
    assert_eq!(render_markdown(&summary).contains("| In doubt |"), !said.is_empty());
}

#[test]
fn without_a_bound_it_is_an_estimate_from_what_other_rows_cost() {
    check(
        &two_in_doubt(),
        &context(),
        &json!({"rows": 2, "executions": 2, "at_most": null, "basis": "known_rows",
                "estimate": {"at_mean": "0.350", "at_max": "0.50"}}),
        "2 rows, which may have cost some 0.35 to 0.5 credits: an estimate from the rows whose cost is known",
    );
}

#[test]
fn with_a_bound_for_a_row_it_is_at_most_that() {
    check(
        &two_in_doubt(),
        &with_budget("9", Some("0.3")),
        &json!({"rows": 2, "executions": 2, "at_most": "0.6", "basis": "cost_per_row",
                "estimate": {"at_mean": "0.350", "at_max": "0.50"}}),
        "2 rows, which may have cost at most 0.6 credits, by the budget's bound for a row",
    );
}

#[test]
fn a_bound_that_an_execution_has_exceeded_bounds_nothing() {
    let summary = two_in_doubt().summary(&with_budget("9", Some("0.2")));
    assert_eq!((summary.cost.in_doubt.at_most, summary.cost.in_doubt.basis), (None, Some(Basis::KnownRows)));
}

#[test]
fn a_bound_that_was_lowered_does_not_lower_what_was_set_aside_before() {
    let mut run = Run::of(1);
    let RunEvent::Intended(mut intended) = Run::of(1).intend(1, "{}").rows[0].begun.clone().unwrap().1 else {
        panic!("it is an intent")
    };
    intended.reserved = Reservation { cost: Some(cost("2")), tokens: None };
    run.tell(RunEvent::Intended(intended));
    let summary = run.summary(&with_budget("9", Some("0.5")));
    assert_eq!(summary.cost.in_doubt.at_most, Some(cost("2")));
}

#[test]
fn where_no_cost_is_known_nothing_is_made_up() {
    let mut run = Run::of(1);
    run.lose(1, "{}");
    check(
        &run,
        &with_budget("9", None),
        &json!({"rows": 1, "executions": 1, "at_most": null, "estimate": null, "basis": null}),
        "1 row, at a cost of which nothing is known",
    );
    let mut run = Run::of(1);
    run.succeed(1, "{}", "{}");
    check(
        &run,
        &with_budget("9", Some("1")),
        &json!({"rows": 0, "executions": 0, "at_most": null, "estimate": null, "basis": null}),
        "",
    );
}

#[test]
fn a_row_that_was_lost_twice_counts_twice() {
    let mut run = Run::of(2);
    run.succeed(1, "{}", "{}").intend(2, "{}");
    for attempt in 1..=2 {
        let (kind, message) = (ErrorKind::TIMEOUT, String::new());
        run.tell(RunEvent::Ambiguous(Ambiguous {
            row: 2,
            attempt,
            kind,
            message,
            http_status: None,
            body: None,
        }));
        let RunEvent::Intended(intended) = run.rows[1].begun.clone().unwrap().1 else { panic!("an intent") };
        run.tell(RunEvent::Intended(Intended {
            attempt: attempt + 1,
            delivery: Delivery::AtLeastOnce,
            ..intended
        }));
    }
    let summary = run.summary(&with_budget("9", Some("0.3")));
    let doubtful = summary.cost.in_doubt;
    assert_eq!((doubtful.rows, doubtful.executions, doubtful.at_most), (1, 3, Some(cost("0.9"))));
    assert_eq!(summary.cost.total, cost("0.25"), "what is in doubt is in no total");
}

#[test]
fn an_amount_that_does_not_fit_is_not_said() {
    let huge = "79228162514264337593543950335";
    let summary = two_in_doubt().summary(&with_budget(huge, Some(huge)));
    assert_eq!((summary.cost.in_doubt.at_most, summary.cost.in_doubt.basis), (None, Some(Basis::KnownRows)));
}

#[test]
fn a_budget_says_what_is_spent_and_what_is_set_aside() {
    let summary = two_in_doubt().summary(&with_budget("2", Some("0.3")));
    assert_eq!(
        serde_json::to_value(summary.budget).unwrap(),
        json!({"cost": {"limit": "2", "spent": "0.35", "reserved": "0.6"},
               "tokens": {"limit": 1000, "spent": 20, "reserved": 20}})
    );
    let said =
        "Budget        0.35 of 2 credits spent, 0.6 set aside; 20 of 1,000 tokens spent, 20 set aside\n";
    let page = render_text(&summary, Style { colour: false, width: 120 }, "");
    assert!(page.contains(said), "{page}");
    assert!(render_markdown(&summary).contains("| Budget | 0.35 of 2 credits spent, 0.6 set aside; "));
    assert_eq!(two_in_doubt().summary(&context()).budget, None);
}
