//! junit.xml holds to the schema of the form, whatever texts a run has. Needs `xmllint` (Debian: libxml2-utils); without it
//! the tests say so and pass.

#![recursion_limit = "512"]
#![expect(clippy::unwrap_used, reason = "a test says what it expects")]
#![expect(clippy::print_stderr, reason = "a word on what is skipped")]

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;

use flowbatch::checks::Checks;
use flowbatch::model::{Outcome, RowKey};
use flowbatch::report::{JunitWriter, ResultError, ResultRow, Summary};
use serde_json::{Map, Value, json};

const ODD: [&str; 9] = [
    "]]> <!-- \"' & <x> </testsuite>",
    "\u{0}\u{1}\u{8}\u{b}\u{1b}[31m\u{7f}\u{85}\u{9b}",
    "\u{fffe}\u{ffff}\u{feff}\u{202e}\u{2066}",
    "two\r\nlines\tand\rmore\u{2028}",
    "&#0; &amp;lt; %xx; <?php ?> <![CDATA[x]]>",
    "订单 😀 é עברית",
    " leading and trailing ",
    "\u{1fffe}\u{10ffff}\u{e000}",
    "javascript:alert(1)",
];

fn named(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("junit");
    fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

/// Whether a file is of the form; nothing where that can't be asked.
fn validated(file: &Path) -> Option<Result<(), String>> {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/junit/junit.xsd");
    let asked =
        Command::new("xmllint").args(["--noout", "--nonet", "--schema"]).arg(schema).arg(file).output();
    let Ok(output) = asked else {
        eprintln!("skipped: no xmllint (on Debian: apt-get install libxml2-utils)");
        return None;
    };
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    Some(if output.status.success() { Ok(()) } else { Err(told) })
}

/// A run with these names of manifest and checks, and these members of its report beside what every report has.
fn summary(text: &str, more: Value) -> Summary {
    let none = json!({"p50": null, "p90": null, "p95": null, "p99": null, "max": null});
    let mut all = json!({
        "run_id": "20261124T060000Z-7f3a", "manifest": text, "labels": {}, "complete": true,
        "verdict": {"exit_code": 4, "reason": "gate_failed", "retry": "none", "message": text, "next": null},
        "coverage": 1.0, "success_rate": 1.0,
        "rows": {"total": 1, "succeeded": 1, "failed": 0, "in_doubt": 0, "rejected": 0, "not_run": 0},
        "attempts": 1, "invokes": 1, "polls": 0, "throttled": 0,
        "cost": {"total": "0.25", "unit": text, "known_rows": 1, "unknown_rows": 1,
            "per_row": {"mean": null, "p50": null, "p95": null, "max": null},
            "in_doubt": {"rows": 0, "executions": 0, "at_most": null, "estimate": null, "basis": null}},
        "tokens": {"total": 0, "known_rows": 0, "unknown_rows": 0}, "budget": null,
        "latency_ms": none, "server_ms": none, "queue_ms": none, "backoff_ms": none, "wall_ms": 90_061,
        "errors": [], "groups": [], "checks": {}, "gates": [], "versions": {}, "notes": [],
    });
    if let (Value::Object(all), Value::Object(more)) = (&mut all, more) {
        all.extend(more);
    }
    serde_json::from_value(all).unwrap()
}

/// Gates of every outcome, repeats and judges.
fn evaluation(text: &str) -> Value {
    let gate = |passed: Value| json!({"gate": format!("{text} {passed}"), "unit": "cost", "value": "1.5", "bound": "1", "margin": "-0.5", "passed": passed, "reason": text});
    let figures = json!({"1": 0.5, "5": null});
    let within = json!({"rows": 3, "mean": 0.25, "variance": 0.001, "cv": null});
    let check = json!({"passed": 1, "failed": 0, "error": 0, "skipped": 0, "unscored": 0, "pass_rate": 1.0,
        "pass_rate_interval": [0.2, 1.0], "mean_score": 1.0,
        "repeats": {"n": 5, "rows": 3, "flaky_rows": 1, "pass_at_1": 0.5, "pass_at_k": figures, "pass_hat_k": figures, "agreement": 0.75}});
    let cost = json!({"total": "3.5", "unit": text, "unknown_rows": 1});
    let tokens = json!({"total": 5, "unknown_rows": 1});
    json!({
        "gates": [gate(json!(true)), gate(json!(false)), gate(json!(null))],
        "repeats": {"n": 5, "cost": within, "latency_ms": within},
        "checks": {text: check},
        "judges": {text: {"checks": [text], "manifest": text, "runs": [text], "complete": true, "waiting": 1, "errors": 1, "calls": 4,
            "rows": {"total": 1, "succeeded": 1, "failed": 0, "in_doubt": 0, "rejected": 0, "not_run": 0}, "cost": cost, "tokens": tokens}},
        "bill": {"cost": cost, "judges": {"cost": cost, "tokens": tokens, "calls": 4, "errors": 1}},
    })
}

/// Rows of every outcome with verdicts of every kind, all of whose texts are this one.
fn write(text: &str, rows: bool, summary: &Summary) -> Vec<u8> {
    let mut spool = Cursor::new(Vec::new());
    let mut writer = JunitWriter::begin(&mut spool, &summary.manifest);
    let key = RowKey(text.to_owned());
    for (number, outcome) in (1..).zip(Outcome::ALL).filter(|_| rows) {
        let mut checks = Map::new();
        for verdict in ["pass", "fail", "error", "skipped"].iter().filter(|_| outcome == Outcome::Succeeded) {
            checks.insert(
                format!("{text} {verdict}"),
                json!({"verdict": verdict, "score": null, "reason": text, "path": text, "expected": text, "actual": text}),
            );
        }
        let read = |(name, result): (String, Value)| (name.into(), serde_json::from_value(result).unwrap());
        writer
            .add(&ResultRow {
                row_number: number,
                row_key: Some(&key),
                repeat: Some(number),
                reused: None,
                outcome,
                input: None,
                output: None,
                error: (outcome != Outcome::Succeeded).then_some(ResultError {
                    kind: text,
                    message: text,
                    http_status: Some(500),
                    code: Some(text),
                }),
                attempts: 1,
                workflow_run_id: None,
                workflow_version: None,
                cost: None,
                tokens: None,
                latency_ms: Some(number * 1_111),
                server_ms: None,
                queue_ms: None,
                backoff_ms: None,
                started_at: None,
                finished_at: None,
                started_ms: None,
                finished_ms: None,
                checks: Checks(checks.into_iter().map(read).collect()),
            })
            .unwrap();
    }
    let mut target = Vec::new();
    writer.finish(summary, &mut target).unwrap();
    target
}

fn check(name: &str, text: &str, rows: bool, more: Value) {
    let file = named(name);
    fs::write(&file, write(text, rows, &summary(text, more))).unwrap();
    let Some(valid) = validated(&file) else { return };
    assert_eq!(valid, Ok(()), "{}:\n{}", file.display(), fs::read_to_string(&file).unwrap());
}

#[test]
fn a_file_of_no_rows_holds_to_the_schema() {
    check("empty.xml", "m", false, json!({}));
}

#[test]
fn rows_gates_repeats_and_judges_hold_to_the_schema() {
    check("plain.xml", "m", true, evaluation("label"));
}

#[test]
fn odd_texts_and_control_characters_hold_to_the_schema() {
    for (at, text) in ODD.iter().enumerate() {
        check(&format!("odd-{at}.xml"), text, true, evaluation(text));
    }
    let all = ODD.concat().repeat(200);
    check("long.xml", &all, true, evaluation(&all));
}

#[test]
fn the_schema_refuses_what_is_not_of_the_form() {
    let sound = String::from_utf8(write("a", true, &summary("m", evaluation("label")))).unwrap();
    for (at, (from, to)) in [
        ("<testcase classname", "<testcase class"),
        (" tests=\"", " tests=\"-"),
        ("time=\"90.061\"", "time=\"1m\""),
        ("<skipped", "<ignored"),
        ("</testsuites>", ""),
        ("name=\"run_id\"", "name=\"verdict\""),
        ("<properties>", "<properties>\u{1}"),
    ]
    .into_iter()
    .enumerate()
    {
        let file = named(&format!("wrong-{at}.xml"));
        let wrong = sound.replacen(from, to, 1);
        assert_ne!(wrong, sound, "{from}");
        fs::write(&file, wrong).unwrap();
        let Some(valid) = validated(&file) else { return };
        assert!(valid.is_err(), "{from} -> {to}");
    }
}
