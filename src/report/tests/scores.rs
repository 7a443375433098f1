//! Checks and gates in everything that is derived.

use super::*;
use crate::checks::{Bounds, Check, Choices, Folding, Rule, RuleSet, Shape};
use crate::gates::{Gate, KnownCheck, Names, TOP_LEVEL};
use crate::mapping::Expression;

fn check(name: &str, value: &str, rule: Rule) -> Check {
    let (value, folding) = (Template::parse(value).unwrap(), Folding::default());
    let rules = RuleSet { value, folding, weight: 1.into(), rules: vec![rule] };
    Check { name: name.into(), weight: 1.into(), when: None, rules }
}

fn shape(text: &str) -> Shape {
    Shape::Text(Template::parse(text).unwrap())
}

fn gate(text: &str) -> Gate {
    let checks =
        ["label", "long", "odd"].map(|name| KnownCheck { name: name.to_owned(), labels: name == "label" });
    let repeats = Repeats::new(4).unwrap();
    Gate::parse(
        text,
        Names { checks: &checks, groups: &[], baseline: true, repeats, money: &|amount, _| Ok(amount) },
    )
    .unwrap()
}

/// Labels are compared, texts of English rows are to be long, and `odd` can't be judged.
fn with_checks(gates: &[&str]) -> ReportContext {
    let label = check("label", "{{output.label}}", Rule::Equals(shape("{{row.expected}}")));
    let long = check("long", "{{output.label}}", Rule::Length(Bounds { min: Some(4), max: None }));
    let odd = check("odd", "{{output.nothing}}", Rule::IsJson(true));
    ReportContext {
        checks: vec![
            Check { weight: 3.into(), ..label },
            Check { when: Some(Expression::parse("row.lang == \"en\"").unwrap()), ..long },
            odd,
        ],
        gates: gates.iter().map(|text| gate(text)).collect(),
        group_by: templates(&[("lang", "{{row.lang}}")]),
        columns: templates(&[("got", "{{output.label}}")]),
        ..context()
    }
}

fn labelled() -> Run {
    let mut run = Run::of(5);
    run.succeed(1, r#"{"lang":"en","expected":"a"}"#, r#"{"label":"a"}"#)
        .succeed(2, r#"{"lang":"en","expected":"a"}"#, r#"{"label":"long one"}"#)
        .succeed(3, r#"{"lang":"de","expected":"b"}"#, r#"{"label":"b"}"#)
        .succeed(4, r#"{"lang":"de","expected":"b"}"#, r#"{"label":null}"#)
        .fail(5, r#"{"lang":"de","expected":"a"}"#, "no");
    run
}

#[test]
fn checks_are_counted_with_their_rates_labels_and_groups() {
    let summary = labelled().summary(&with_checks(&[]));
    let got = serde_json::to_value(&summary).unwrap();
    let label = &got["checks"]["label"];
    assert_eq!((&label["passed"], &label["failed"], &label["error"]), (&json!(2), &json!(2), &json!(1)));
    assert_eq!((&label["pass_rate"], &label["mean_score"]), (&json!(0.4), &json!(0.5)));
    let interval: Vec<f64> = serde_json::from_value(label["pass_rate_interval"].clone()).unwrap();
    assert!(
        interval[0] > 0.11 && interval[0] < 0.12 && interval[1] > 0.76 && interval[1] < 0.77,
        "{interval:?}"
    );
    assert_eq!(label["labels"]["accuracy"], json!(0.4));
    assert_eq!(label["labels"]["confusion"]["labels"], json!(["(none)", "a", "b", "long one", "null"]));
    assert_eq!(
        label["labels"]["confusion"]["counts"][1],
        json!([1, 1, 0, 1, 0]),
        "what was expected to be a"
    );
    let long = &got["checks"]["long"];
    assert_eq!((&long["passed"], &long["failed"], &long["skipped"]), (&json!(1), &json!(1), &json!(3)));
    assert_eq!(long.get("labels"), None);
    assert_eq!(
        long["example"],
        json!({"row_number": 1, "verdict": "fail",
               "message": "output.label is too short: 1 character: expected at least 4 characters, got a"})
    );
    let odd = &got["checks"]["odd"];
    assert_eq!(
        (&odd["error"], &odd["pass_rate"], &odd["mean_score"]),
        (&json!(5), &json!(0.0), &Value::Null)
    );
    // (3·1 + 0)/4, (0 + 1)/4, 1 and 0 of the rows that have a score.
    assert_eq!(got["score"], json!(0.5));
    let de = got["groups"].as_array().unwrap().iter().find(|group| group["value"] == "de").unwrap();
    assert_eq!(de["checks"]["label"], json!({"passed": 1, "failed": 1, "error": 1, "pass_rate": 0.333_333}));
    assert_eq!(serde_json::from_value::<Summary>(got).unwrap(), summary);
}

#[test]
fn a_mean_of_equal_figures_is_that_figure_and_meets_a_gate_of_it() {
    let part = |value: &str, weight: &str| {
        let rules = vec![Rule::Equals(shape("x"))];
        let value = Template::parse(value).unwrap();
        RuleSet { value, folding: Folding::default(), weight: weight.parse().unwrap(), rules }
    };
    let mut run = Run::of(15);
    for (row, at) in (1..=15).zip([1, 2, 0].into_iter().cycle()) {
        let label = ["a", "b", "c"][at];
        let got = if row > 12 { ["b", "c", "a"][at] } else { label };
        run.succeed(row, &format!(r#"{{"expected":"{label}"}}"#), &format!(r#"{{"label":"{got}"}}"#));
    }
    let graded = check("long", "{{output}}", Rule::All(vec![part("x", "0.7"), part("y", "0.3")]));
    let label = check("label", "{{output.label}}", Rule::Equals(shape("{{row.expected}}")));
    let gates = ["long.mean_score >= 70%", "score >= 70%", "label.macro_f1 <= 80%"].map(gate).to_vec();
    let told = |checks, gates| run.summary(&ReportContext { checks, gates, ..context() });
    let summary = told(vec![graded], gates[..2].to_vec());
    assert_eq!((summary.checks[0].1.mean_score, summary.score), (Some(0.7), Some(0.7)));
    assert!(summary.gates.iter().all(|gate| gate.passed == Some(true)), "{:?}", summary.gates);
    let summary = told(vec![label], gates[2..].to_vec());
    assert_eq!(summary.gates[0].passed, Some(true), "{:?}", summary.gates);
}

#[test]
fn a_row_without_an_answer_is_unscored_and_has_no_verdicts() {
    let mut run = Run::of(3);
    run.succeed(1, r#"{"lang":"en","expected":"a"}"#, r#"{"label":"a"}"#)
        .lose(2, r#"{"lang":"en","expected":"a"}"#)
        .reject(3, "{}");
    let derived = run.derive(&with_checks(&[]));
    let (_, label) = &derived.summary().checks[0];
    assert_eq!((label.passed, label.unscored, label.error), (1, 2, 0));
    let rows = json_lines(&derived.results_jsonl);
    assert_eq!(rows[0]["checks"]["label"], json!({"verdict": "pass", "score": 1.0, "reason": null}));
    assert_eq!((&rows[1]["checks"], &rows[2]["checks"]), (&json!({}), &json!({})));
    let lines: Vec<_> = text(&derived.results_csv).lines().collect();
    assert!(lines[0].contains("got,check.label,check.long,check.odd,outcome"), "{}", lines[0]);
    assert!(lines[1].contains("a,pass,fail,error,succeeded"), "{}", lines[1]);
    assert!(lines[2].contains(",,,,in_doubt"), "{}", lines[2]);
}

#[test]
fn a_row_that_failed_says_why_it_could_not_be_judged() {
    let derived = labelled().derive(&with_checks(&[]));
    let rows = json_lines(&derived.results_jsonl);
    let told = &rows[4]["checks"]["label"];
    assert_eq!(told["verdict"], "error");
    assert!(
        told["reason"].as_str().unwrap().starts_with("the row failed: `output.label` is missing"),
        "{told}"
    );
    let told = &rows[1]["checks"]["label"];
    assert_eq!(told["path"], "output.label");
    assert_eq!((&told["expected"], &told["actual"]), (&json!("a"), &json!("long one")));
}

#[test]
fn a_gate_that_fails_decides_the_verdict_of_a_complete_run() {
    let verdict = |run: &Run, gates: &[&str]| run.summary(&with_checks(gates)).verdict;
    let mut good = Run::of(1);
    good.succeed(1, r#"{"lang":"en","expected":"a"}"#, r#"{"label":"a"}"#);
    let passed = verdict(&good, &["label.pass_rate >= 100%", "coverage == 1"]);
    assert_eq!((passed.exit_code, passed.reason), (0, crate::model::Reason::Accepted));
    let failed = verdict(&good, &["label.pass_rate >= 100%", "odd.error == 0"]);
    assert_eq!((failed.exit_code, failed.reason), (4, crate::model::Reason::GateFailed));
    assert_eq!(
        (failed.retry, failed.message.as_str()),
        (crate::model::Retry::None, "1 of 2 gates failed: odd.error == 0")
    );
    let undecided = verdict(&good, &["label.pass_rate >= baseline"]);
    assert_eq!(undecided.exit_code, 4);
    // A gate weighs more than rows that failed, and less than a run that is not complete.
    let both = verdict(&labelled(), &["label.pass_rate >= 90%"]);
    assert_eq!(both.exit_code, 4);
    assert!(
        both.message.ends_with("; and 1 failed of 5 rows: more than `accept` allows"),
        "{}",
        both.message
    );
    let mut open = Run::of(2);
    open.succeed(1, r#"{"lang":"en","expected":"a"}"#, r#"{"label":"b"}"#);
    let summary = open.summary(&with_checks(&["label.pass_rate >= 90%"]));
    assert_eq!((summary.verdict.exit_code, summary.gates[0].passed), (5, None));
    assert_eq!(summary.gates[0].value, json!(0));
}

#[test]
fn pages_show_gates_and_checks_and_texts_of_models_stay_harmless() {
    let mut run = Run::of(2);
    run.succeed(1, r#"{"lang":"en","expected":"a|b<script>"}"#, "{\"label\":\"\\u001b[31m`x`\"}").succeed(
        2,
        r#"{"lang":"en","expected":"a"}"#,
        r#"{"label":"a"}"#,
    );
    let context = with_checks(&["label.pass_rate >= 90%", "label.failed <= 5", "cost.total <= 10"]);
    let summary = run.summary(&context);
    let shown = render_text(&summary, Style { colour: false, width: 100 }, "runs/x");
    for part in [
        "FAIL  label.pass_rate >= 90%: is 50%, against 90%, margin -40%",
        "pass  label.failed <= 5: is 1, against 5, margin 4",
        "pass  cost.total <= 10: is 0.5 credits, against 10 credits, margin 9.5 credits",
        "label  50% passed: 1 of 2, 1 failed",
        "odd    0% passed: 0 of 2, 2 could not be judged",
        "rows  succeeded          cost  latency p95   label    long",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    assert!(!shown.contains('\u{1b}'), "{shown}");
    let page = render_markdown(&summary);
    for part in [
        "| **FAIL** | `label.pass_rate >= 90%` | 50% | 90% | -40% |",
        "| expected \\\\ actual |",
        "`a\\|b<script>`",
        "lowest recall: `a\\|b<script>` 0.0%",
        "| `en` | 2 | 100.00% | 0.50 credits | 200ms | 50.00% | 50.00% |",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
}

#[test]
fn rows_are_held_against_those_of_the_baseline() {
    let line = |row: u64, verdict: &str| {
        format!(
            r#"{{"row_key":"k{row}","outcome":"succeeded","checks":{{"label":"{verdict}"}},"cost":null,"latency_ms":1}}"#
        )
    };
    let before = ["fail", "pass", "error", "pass", "skipped"];
    let rows: Vec<_> = (1..).zip(before).map(|(row, verdict)| line(row, verdict)).collect();
    let head = r#"{"format":"flowbatch-baseline/1","manifest":"m","figures":{}}"#;
    let baseline = crate::gates::Baseline::parse(&format!("{head}\n{}\n", rows.join("\n"))).unwrap();
    let gates = ["label.baseline.p_worse >= 5%", "label.baseline.worse == 0", "long.baseline.worse == 0"];
    let context = ReportContext { baseline: Some(baseline), ..with_checks(&gates) };
    // Of the five, the first got better, the second and the fourth worse, and the last was not judged before.
    let summary = labelled().summary(&context);
    let paired = summary.checks[0].1.baseline.unwrap();
    assert_eq!((paired.rows, paired.better, paired.worse), (4, 2, 2));
    // At least two of four: 11 of 16 ways.
    assert!((paired.p_worse - 0.6875).abs() < 1e-12);
    let succeeded = summary.succeeded.unwrap().baseline;
    assert_eq!((succeeded.rows, succeeded.better, succeeded.worse), (5, 0, 1));
    assert!((succeeded.p_worse - 0.5).abs() < 1e-12);
    let passed: Vec<_> = summary.gates.iter().map(|gate| gate.passed).collect();
    assert_eq!(passed, [Some(true), Some(false), Some(false)]);
    assert!(
        summary.gates[2].reason.as_ref().unwrap().starts_with("undecided"),
        "the baseline lacks the check"
    );
    let shown = render_text(&summary, Style { colour: false, width: 100 }, "runs/x");
    assert!(shown.contains("against the baseline, 2 of 4 rows got better and 2 worse\n"), "{shown}");
}

#[test]
fn a_record_is_one_pair_with_the_baseline_however_often_either_run_invoked_it() {
    let baseline = |repeat: u64, passing: &[u64]| {
        let mut text =
            format!(r#"{{"format":"flowbatch-baseline/1","manifest":"m","repeat":{repeat},"figures":{{}}}}"#);
        for (record, passing) in (1..).zip(passing) {
            for place in 1..=repeat {
                let key = if repeat == 1 { format!("k{record}") } else { format!("k{record}#{place}") };
                let verdict = if place <= *passing { "pass" } else { "fail" };
                text += &format!(
                    "\n{{\"row_key\":\"{key}\",\"outcome\":\"succeeded\",\"checks\":{{\"label\":\"{verdict}\"}}}}"
                );
            }
        }
        crate::gates::Baseline::parse(&text).unwrap()
    };
    // So many of three answers pass now, record by record.
    let now = [0, 1, 3, 2];
    let mut run = Run::of(12);
    for (record, passing) in (0..).zip(now) {
        for place in 1..=3 {
            let label = if place <= passing { "a" } else { "b" };
            run.succeed_as(
                record * 3 + place,
                &format!("k{}#{place}", record + 1),
                r#"{"expected":"a"}"#,
                &format!(r#"{{"label":"{label}"}}"#),
            );
        }
    }
    let check = |repeat: u64, before: &[u64], expected: (u64, u64, u64), p: f64| {
        let context = ReportContext {
            baseline: Some(baseline(repeat, before)),
            repeats: Repeats::new(3).unwrap(),
            ..with_checks(&[])
        };
        let paired = run.summary(&context).checks[0].1.baseline.unwrap();
        assert_eq!((paired.rows, paired.better, paired.worse), expected, "{repeat} {before:?}");
        assert!((paired.p_worse - p).abs() < 1e-12, "{repeat} {before:?}: {}", paired.p_worse);
    };
    // Three of three records that changed got worse: one of eight ways; and no pair for each answer.
    check(3, &[3, 3, 3, 3], (4, 0, 3), 0.125);
    check(3, &[0, 1, 3, 2], (4, 0, 0), 1.0);
    // Against single answers a record is a pair by its share: -1, +1/3, 0, -1/3, and three ways of eight are so low.
    check(1, &[1, 0, 1, 1], (4, 1, 2), 0.375);
    // Against a baseline of two answers: 0, -2/3, 0, +1/6.
    check(2, &[0, 2, 2, 1], (4, 1, 1), 0.5);
}

#[test]
fn texts_of_which_each_is_its_own_are_no_labels() {
    let mut run = Run::of(60);
    for row in 1..=60 {
        run.succeed(
            row,
            &format!(r#"{{"expected":"text {row}"}}"#),
            &format!(r#"{{"label":"answer {row}"}}"#),
        );
    }
    let label = check("label", "{{output.label}}", Rule::Equals(shape("{{row.expected}}")));
    let summary = run.summary(&ReportContext { checks: vec![label], ..context() });
    assert_eq!((summary.checks[0].1.failed, &summary.checks[0].1.labels), (60, &None));
}

#[test]
fn no_check_may_have_the_name_of_a_field_of_a_report() {
    let price = Some(Price { per_unit: "0.01".parse().unwrap(), currency: "USD".to_owned() });
    let context = ReportContext { price, description: Some("d".to_owned()), ..with_checks(&[]) };
    let got = serde_json::to_value(labelled().summary(&context)).unwrap();
    for name in got.as_object().unwrap().keys() {
        assert!(TOP_LEVEL.contains(&name.as_str()), "{name}");
    }
}

#[test]
fn a_choice_among_labels_counts_as_the_one_that_was_given() {
    let rule = Rule::OneOf(Choices::Of(Template::parse("{{row.labels}}").unwrap()));
    let context = ReportContext { checks: vec![check("any", "{{output.label}}", rule)], ..context() };
    let mut run = Run::of(2);
    run.succeed(1, r#"{"labels":["a","b"]}"#, r#"{"label":"b"}"#).succeed(
        2,
        r#"{"labels":["a","b"]}"#,
        r#"{"label":"c"}"#,
    );
    let summary = run.summary(&context);
    let labels = summary.checks[0].1.labels.as_ref().unwrap();
    assert_eq!(labels.confusion.labels, ["a", "b", "c"]);
    assert_eq!(labels.confusion.counts, [[0, 0, 1], [0, 1, 0], [0, 0, 0]]);
}
