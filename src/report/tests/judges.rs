//! What judges came to, in everything that is derived, and in gates.

use super::*;
use crate::checks::Judgement;
use crate::gates::{Gate, Names};
use crate::model::Counts;

fn judge(name: &str, unit: &str, total: &str) -> JudgeReport {
    let rows = Counts { total: 3, succeeded: 2, failed: 1, ..Counts::default() };
    let summary = JudgeSummary {
        checks: vec![name.to_owned()],
        manifest: Some("politeness".to_owned()),
        runs: vec!["j1".to_owned()],
        complete: false,
        waiting: 0,
        errors: 0,
        calls: 4,
        rows,
        cost: JudgeCost { total: total.parse().ok(), unit: unit.to_owned(), unknown_rows: 0 },
        tokens: KnownTokens { total: 70, unknown_rows: 1 },
    };
    JudgeReport { checks: vec![name.into()], summary, open: None }
}

fn gates(texts: &[&str]) -> Vec<Gate> {
    let repeats = Repeats::default();
    let names = Names { checks: &[], groups: &[], baseline: false, repeats, money: &|amount, _| Ok(amount) };
    texts.iter().map(|text| Gate::parse(text, names).unwrap()).collect()
}

/// A run of two rows, of which the judge gave no usable answer about the second.
fn judged(judges: Vec<JudgeReport>, texts: &[&str]) -> Summary {
    let mut run = Run::of(2);
    run.succeed(1, "{}", "{}").succeed(2, "{}", "{}");
    let said = [Judgement::Scored(1.0, None), Judgement::Unusable("no score".to_owned())];
    let rows = || {
        run.rows.iter().zip(&said).map(|(facts, said)| {
            let told = vec![("polite".into(), said.clone())];
            Ok::<_, Infallible>(JudgedRow { facts: facts.clone(), judged: told })
        })
    };
    let context = ReportContext { judges, gates: gates(texts), ..context() };
    derive(&context, &run.state, rows, Targets::default()).unwrap()
}

#[test]
fn the_bill_has_what_a_run_and_its_judges_cost_together_exactly() {
    let judges = vec![judge("polite", "credit", "0.1000001"), judge("short", "credit", "0.2")];
    let summary =
        judged(judges, &["judges.cost.total <= 0.3", "bill.cost.total <= 0.8000001", "judges.errors == 1"]);
    let bill = &serde_json::to_value(&summary).unwrap()["bill"];
    assert_eq!(
        bill,
        &json!({
            "cost": {"total": "0.8000001", "unit": "credit", "unknown_rows": 0},
            "judges": {"cost": {"total": "0.3000001", "unit": "credit", "unknown_rows": 0},
                "tokens": {"total": 140, "unknown_rows": 2}, "calls": 8, "errors": 1},
        })
    );
    let passed: Vec<_> = summary.gates.iter().map(|gate| gate.passed).collect();
    assert_eq!(passed, [Some(false), Some(true), Some(true)], "{:?}", summary.gates);
    assert_eq!(serde_json::from_value::<Summary>(serde_json::to_value(&summary).unwrap()).unwrap(), summary);
}

#[test]
fn judges_that_cost_in_another_unit_have_no_sum_and_a_gate_on_it_fails_and_says_why() {
    let judges = vec![judge("polite", "USD", "0.1")];
    let summary =
        judged(judges, &["judges.cost.total <= 100", "bill.cost.total <= 100", "judges.calls <= 4"]);
    let bill = summary.bill.as_ref().unwrap();
    assert_eq!((bill.cost.total, bill.judges.cost.total), (None, None));
    let told: Vec<_> = summary.gates.iter().map(|gate| (gate.passed, gate.reason.as_deref())).collect();
    assert!(
        told[0].1.unwrap().contains("`judges.cost.total` has no value: judges cost in another unit"),
        "{told:?}"
    );
    assert_eq!((told[0].0, told[1].0, told[2].0), (Some(false), Some(false), Some(true)));
    assert!(
        summary.notes.iter().any(|note| note.contains("judge `polite` costs in USD, and the run in credit"))
    );
    let page = render_text(&summary, Style { colour: false, width: 200 }, "runs/x");
    assert!(page.contains("Run and judges together: a cost that can't be added up exactly"), "{page}");
    assert!(!render_openmetrics(&summary).contains("flowbatch_bill_cost"));
}

#[test]
fn a_run_without_judges_has_a_bill_of_its_own_cost() {
    let summary = judged(Vec::new(), &["judges.cost.total == 0", "bill.cost.total == 0.5"]);
    assert!(summary.gates.iter().all(|gate| gate.passed == Some(true)), "{:?}", summary.gates);
    assert!(!render_markdown(&summary).contains("Judges"));
}

#[test]
fn judges_stand_in_every_report() {
    let summary = judged(vec![judge("polite", "credit", "0.1")], &[]);
    let told =
        "2 judged, 1 without a usable answer, 0.1 credits, 70 tokens, tokens unknown for 1 row, 4 calls";
    let page = render_text(&summary, Style { colour: false, width: 200 }, "runs/x");
    assert!(page.contains(&format!("  polite  {told}\n  Run and judges together: 0.60 credits")), "{page}");
    let page = render_markdown(&summary);
    assert!(
        page.contains(&format!("| `polite` | {told} |\n\nRun and judges together: 0.60 credits")),
        "{page}"
    );
    let page = render_openmetrics(&summary);
    for line in [
        r#"flowbatch_judge_cost{manifest="support-triage",judge="polite",unit="credit"} 0.1"#,
        r#"flowbatch_judge_calls{manifest="support-triage",judge="polite"} 4"#,
        r#"flowbatch_judge_errors{manifest="support-triage",judge="polite"} 1"#,
        r#"flowbatch_judge_tokens_unknown_rows{manifest="support-triage",judge="polite"} 1"#,
        r#"flowbatch_bill_cost{manifest="support-triage",unit="credit"} 0.60"#,
    ] {
        assert!(page.lines().any(|it| it == line), "{line}\n{page}");
    }
    let mut spool = Cursor::new(Vec::new());
    let mut junit = Vec::new();
    JunitWriter::begin(&mut spool, "m").finish(&summary, &mut junit).unwrap();
    for property in [
        r#"<property name="judges.polite.calls" value="4"/>"#,
        r#"<property name="judges.polite.cost" value="0.1 credits"/>"#,
        r#"<property name="bill.cost" value="0.60 credits"/>"#,
    ] {
        assert!(text(&junit).contains(property), "{property}\n{}", text(&junit));
    }
}
