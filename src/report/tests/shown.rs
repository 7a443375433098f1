//! What may be shown of texts from outside, in everything that is derived.

use super::*;
use crate::checks::{Check, Folding, Rule, RuleSet, Shape};
use crate::gates::{Baseline, Gate, Identity, Names};
use crate::mapping::InputTemplate;

fn labels() -> Vec<Check> {
    let (value, folding) = (Template::parse("{{output.label}}").unwrap(), Folding::default());
    let rules = vec![Rule::Equals(Shape::Text(Template::parse("{{row.expected}}").unwrap()))];
    let rules = RuleSet { value, folding, weight: 1.into(), rules };
    vec![Check { name: "label".into(), weight: 1.into(), when: None, rules }]
}

fn gates(texts: &[&str]) -> Vec<Gate> {
    let names = Names {
        checks: &[],
        groups: &[],
        baseline: false,
        repeats: Repeats::default(),
        money: &|amount, _| Ok(amount),
    };
    texts.iter().map(|text| Gate::parse(text, names).unwrap()).collect()
}

#[test]
fn a_label_of_a_model_notifies_nobody_on_a_pull_request() {
    let mut run = Run::of(1);
    run.succeed(1, r#"{"expected":"@team <b>"}"#, r#"{"label":"https://example.com"}"#);
    let page = render_markdown(&run.summary(&ReportContext { checks: labels(), ..context() }));
    assert!(page.contains("lowest recall: `@team <b>` 0.0%"), "{page}");
    let outside_code: String = page.split('`').step_by(2).collect();
    assert!(!outside_code.contains('@') && !outside_code.contains("example.com"), "{page}");
}

#[test]
fn a_series_of_metrics_stands_once_and_an_open_gate_has_none() {
    let mut run = Run::of(2);
    run.succeed(1, "{}", "{}");
    let context = ReportContext { gates: gates(&["coverage >= 99%", "coverage >= 99%"]), ..context() };
    let open = render_openmetrics(&run.summary(&context));
    assert!(open.contains("# TYPE flowbatch_gate_passed gauge"), "{open}");
    assert!(!open.contains("flowbatch_gate_passed{"), "{open}");
    let done = render_openmetrics(&run.succeed(2, "{}", "{}").summary(&context));
    let gates = done.lines().filter(|line| line.starts_with("flowbatch_gate_passed{"));
    assert_eq!(
        gates.collect::<Vec<_>>(),
        [r#"flowbatch_gate_passed{manifest="support-triage",gate="coverage >= 99%"} 1"#]
    );
}

#[test]
fn a_rejected_row_s_message_quotes_nothing_where_something_of_the_row_is_kept_out() {
    let rejected = |path: &str| {
        let mut run = Run::of(1);
        run.tell(RunEvent::Rejected(crate::model::Rejected {
            row: 1,
            key: None,
            row_sha: String::new(),
            error: RowError::new(
                ErrorKind::MALFORMED,
                "column `phone`, declared integer: \"ann\" is no number",
            ),
            record: raw(r#"{"phone":"ANN","empty":null}"#),
        }));
        let paths = [vec!["row".to_owned(), path.to_owned()]];
        let redact = Redaction::new(&paths, &InputTemplate::Literal(Value::Null), &[]);
        json_lines(&run.derive(&ReportContext { redact, ..context() }).results_jsonl)[0]["error"]["message"]
            .clone()
    };
    assert_eq!(rejected("phone"), "column `phone`, declared integer: [redacted]");
    assert_eq!(rejected("empty"), "column `phone`, declared integer: \"ann\" is no number");
}

#[test]
fn a_gate_in_fractions_of_a_millisecond_is_shown_and_one_that_is_undecided_is_an_error() {
    let mut report = serde_json::to_value(Run::of(1).succeed(1, "{}", "{}").summary(&context())).unwrap();
    report["latency_ms"]["p95"] = json!(1234);
    let known = Baseline::of(&report, Identity::default());
    let names = Names {
        checks: &[],
        groups: &[],
        baseline: true,
        repeats: Repeats::default(),
        money: &|amount, _| Ok(amount),
    };
    let gate = |text: &str| Gate::parse(text, names).unwrap();
    let gates = vec![gate("latency.p95 <= baseline + 10%"), gate("score >= 10%")];
    let context = ReportContext { gates, baseline: Some(known), ..context() };
    let mut run = Run::of(1);
    run.succeed(1, "{}", "{}");
    let derived = run.derive(&context);
    let page = render_text(derived.summary(), Style { colour: false, width: 200 }, "runs/x");
    assert!(page.contains("against 1.36s"), "{page}");
    let junit = text(&derived.junit);
    assert!(junit.contains("errors=\"1\"") && junit.contains("failures=\"0\""), "{junit}");
}

#[test]
fn a_message_that_shows_the_beginning_of_what_is_kept_out_shows_none_of_it() {
    let long = format!("Ann Smith, 12 High Street, {}", "Leeds ".repeat(20));
    let mut run = Run::of(1);
    let record = json!({"id": "a", "address": long}).to_string();
    run.fail(1, &record, &format!("\"{}… is no number", &long[..39]));
    let paths = [vec!["row".to_owned(), "address".to_owned()]];
    let redact = Redaction::new(&paths, &InputTemplate::Literal(Value::Null), &[]);
    let context = ReportContext { redact, ..context() };
    let derived = run.derive(&context);
    let summary = derived.summary();
    let text_page = render_text(summary, Style { colour: false, width: 200 }, "runs/x");
    for file in [
        text(&derived.results_jsonl),
        text(&derived.failures_jsonl),
        text(&derived.results_csv),
        text(&derived.failures_csv),
        text(&derived.html),
        text(&derived.junit),
        &render_markdown(summary),
        &render_openmetrics(summary),
        &text_page,
        &serde_json::to_string(summary).unwrap(),
    ] {
        assert!(!file.contains("Ann Smith"), "{file}");
    }
    assert_eq!(summary.errors[0].example, "\"[redacted] is no number");
}
