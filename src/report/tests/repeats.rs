//! Figures of runs that invoke each row of the dataset several times.

use super::*;
use crate::checks::{Check, Folding, Rule, RuleSet, Shape};
use crate::gates::{Gate, KnownCheck, Names};

/// Four answers to each row; the check compares labels.
fn repeating() -> ReportContext {
    let (value, folding) = (Template::parse("{{output.label}}").unwrap(), Folding::default());
    let rules = vec![Rule::Equals(Shape::Text(Template::parse("{{row.expected}}").unwrap()))];
    let rules = RuleSet { value, folding, weight: 1.into(), rules };
    let checks = vec![Check { name: "label".into(), weight: 1.into(), when: None, rules }];
    ReportContext { repeats: Repeats::new(4).unwrap(), checks, ..context() }
}

/// Rows of which the first always passes, the second passes half the time, the third is half lost, and passes once; the
/// fourth never ran.
fn flaky() -> Run {
    let mut run = Run::of(16);
    for (row, label) in (1..).zip(["a", "a", "a", "a", "a", "b", "b", "a", "c", "a"]) {
        run.intend(row, r#"{"expected":"a"}"#);
        run.answer(row, &format!(r#"{{"label":"{label}"}}"#), Some(if row == 5 { "0.75" } else { "0.25" }));
    }
    run.lose(11, r#"{"expected":"a"}"#).reject(12, "{}");
    run
}

#[test]
fn repeats_say_how_steadily_a_check_is_passed() {
    let summary = flaky().summary(&repeating());
    let report = serde_json::to_value(&summary).unwrap();
    let label = &report["checks"]["label"];
    assert_eq!((&label["passed"], &label["failed"], &label["unscored"]), (&json!(7), &json!(3), &json!(6)));
    // 1, 2/4 and 1/2; of two answers 1, 5/6 and 1 have one that passes, and 1, 1/6 and 0 only such; the third row has no four.
    assert_eq!(
        label["repeats"],
        json!({
            "n": 4, "rows": 3, "flaky_rows": 2, "pass_at_1": 0.666_666_666_667,
            "pass_at_k": {"1": 0.666_666_666_667, "2": 0.944_444_444_444, "4": 1.0},
            "pass_hat_k": {"1": 0.666_666_666_667, "2": 0.388_888_888_889, "4": 0.5},
            "agreement": 0.666_666_666_667,
        })
    );
    let interval: Vec<f64> = serde_json::from_value(label["pass_rate_interval"].clone()).unwrap();
    let of_rows = crate::stats::wilson_of_share(0.7, 3, 0.95).unwrap();
    assert!((interval[0] - of_rows.low).abs() < 1e-12 && (interval[1] - of_rows.high).abs() < 1e-12);
    let cost = &report["repeats"]["cost"];
    // Variances 0, 0.0625 and 0; the mean of ten.
    assert_eq!((&cost["rows"], &cost["mean"]), (&json!(3), &json!(0.3)));
    assert_eq!((&cost["variance"], &cost["cv"]), (&json!(0.020_833_333_333), &json!(0.481_125_224_325)));
    assert_eq!(serde_json::from_value::<Summary>(report).unwrap(), summary);
    let page = render_text(&summary, Style { colour: false, width: 200 }, "runs/x");
    assert!(page.contains("each row of the dataset 4 times; its cost varies by 48.1% of the mean"), "{page}");
    let told = "of 4 repeats one passes: 100.0%, each: 50.0%; 2 of 3 rows neither always pass nor always fail; \
                agreement 66.7%";
    assert!(page.contains(told), "{page}");
    let page = render_markdown(&summary);
    let header = "| check | pass@1 | pass@2 | pass@4 | pass^2 | pass^4 | agreement | flaky rows |";
    assert!(page.contains(header), "{page}");
    assert!(page.contains("| `label` | 66.7% | 94.4% | 100.0% | 38.9% | 50.0% | 66.7% | 2 of 3 |"), "{page}");
    assert!(page.contains("| cost, credits | 3 | 0.3 | 0.0208333 | 48.1% |"), "{page}");
    let page = render_openmetrics(&summary);
    for line in [
        r#"flowbatch_repeats{manifest="support-triage"} 4"#,
        r#"flowbatch_check_pass_at_k_ratio{manifest="support-triage",check="label",k="4"} 1"#,
        r#"flowbatch_check_pass_hat_k_ratio{manifest="support-triage",check="label",k="4"} 0.5"#,
        r#"flowbatch_check_agreement_ratio{manifest="support-triage",check="label"} 0.666666666667"#,
        r#"flowbatch_check_flaky_rows{manifest="support-triage",check="label"} 2"#,
        r#"flowbatch_repeat_variance{manifest="support-triage",of="cost"} 0.020833333333"#,
    ] {
        assert!(page.lines().any(|it| it == line), "{line}\n{page}");
    }
    let derived = flaky().derive(&repeating());
    for property in [
        r#"<property name="repeats.cost.variance" value="0.020833333333"/>"#,
        r#"<property name="checks.label.repeats.pass_hat_4" value="0.5"/>"#,
    ] {
        assert!(text(&derived.junit).contains(property), "{property}");
    }
}

#[test]
fn labels_that_are_kept_out_are_not_said_to_agree() {
    let context = repeating();
    let paths = [vec!["output".to_owned(), "label".to_owned()]];
    let input = crate::mapping::InputTemplate::Literal(Value::Null);
    let redact = Redaction::new(&paths, &input, &context.checks);
    let summary = flaky().summary(&ReportContext { redact, ..context });
    let repeats = summary.checks[0].1.repeats.clone().unwrap();
    assert_eq!((repeats.agreement, repeats.rows, repeats.flaky_rows), (None, 3, 2));
}

#[test]
fn rows_say_which_repeat_they_are_and_failures_can_be_run_again() {
    let mut run = flaky();
    run.fail(13, r#"{"expected":"d"}"#, "no").fail(14, r#"{"expected":"d"}"#, "no");
    let derived = run.derive(&repeating());
    let rows = json_lines(&derived.results_jsonl);
    let repeats: Vec<_> = rows.iter().map(|row| row["repeat"].as_u64().unwrap()).collect();
    assert_eq!(repeats, [1, 2, 3, 4].repeat(4));
    let lines: Vec<_> = text(&derived.results_csv).lines().collect();
    assert!(lines[0].ends_with(",row_number,row_key,repeat"), "{}", lines[0]);
    assert!(lines[6].ends_with(",6,k6,2"), "{}", lines[6]);
    let failures: Vec<_> = text(&derived.failures_csv).lines().collect();
    let of = |text: &str| failures.iter().filter(|line| line.contains(text)).count();
    assert_eq!((of(",13,k13,1"), of(",14,k14,2")), (1, 0), "{failures:#?}");
    let once = run.derive(&ReportContext { repeats: Repeats::default(), ..repeating() });
    assert_eq!(json_lines(&once.results_jsonl)[0].get("repeat"), None);
    assert!(text(&once.results_csv).lines().next().unwrap().ends_with(",row_key"));
    assert_eq!(serde_json::to_value(once.summary()).unwrap().get("repeats"), None);
}

#[test]
fn gates_may_ask_for_steadiness() {
    let checks = [KnownCheck { name: "label".to_owned(), labels: true }];
    let repeats = Repeats::new(4).unwrap();
    let names =
        Names { checks: &checks, groups: &[], baseline: false, repeats, money: &|amount, _| Ok(amount) };
    let mut run = Run::of(4);
    for row in 1..=4 {
        run.succeed(
            row,
            r#"{"expected":"a"}"#,
            if row == 1 { r#"{"label":"b"}"# } else { r#"{"label":"a"}"# },
        );
    }
    let check = |text: &str, passed: bool| {
        let gates = vec![Gate::parse(text, names).unwrap_or_else(|error| panic!("{text}: {error:?}"))];
        let gate = run.summary(&ReportContext { gates, ..repeating() }).gates.remove(0);
        assert_eq!(gate.passed, Some(passed), "{gate:?}");
    };
    check("label.repeats.pass_at_1 >= 75%", true);
    check("label.repeats.pass_at_4 >= 100%", true);
    check("label.repeats.pass_hat_2 >= 50%", true);
    check("label.repeats.pass_hat_4 > 0", false);
    check("label.repeats.flaky_rows <= 1", true);
    check("checks.label.repeats.agreement >= 75%", true);
    check("repeats.cost.cv <= 10%", true);
    check("repeats.latency.cv >= 10%", true);
    for wrong in ["label.repeats.pass_at_3 >= 0", "label.repeats.n >= 1", "repeats.cost.mean <= 1"] {
        assert!(Gate::parse(wrong, names).is_err(), "{wrong}");
    }
    let once = Names { repeats: Repeats::default(), ..names };
    assert!(Gate::parse("label.repeats.pass_at_1 >= 75%", once).is_err());
    assert!(Gate::parse("repeats.cost.cv <= 10%", once).is_err());
}
