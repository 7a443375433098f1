//! Rows whose texts try to become a part of the page.

use std::borrow::Cow;
use std::fs::File;
use std::path::Path;

use crate::scene::judged;
use flowbatch::model::{Cost, Outcome, RowKey};
use flowbatch::report::{HtmlWriter, ResultError, ResultRow, Summary};
use serde_json::json;
use serde_json::value::RawValue;

pub(crate) const TEXTS: [&str; 9] = [
    "<script>window.hit = 1</script>",
    "</script><script>window.hit = 1</script><!--",
    "<img src=x onerror=\"window.hit = 1\"><iframe srcdoc='<script>parent.hit = 1</script>'></iframe>",
    "[click](javascript:window.hit=1) <a href=\"javascript:window.hit=1\">click</a> javascript:window.hit=1",
    "invoice\u{202e}fdp.exe\u{2066}isolate\u{200b}\u{feff}",
    "\u{0}\u{7}\u{1b}[31mred\u{9b}\u{2028}\u{2029}",
    "\"><svg onload=window.hit=1><style>*{display:none}</style>",
    "@@data@@ {{constructor.constructor('window.hit=1')()}} ${window.hit=1}",
    "txt.exe\u{202e}",
];

/// Rows of the page: the texts above, and one of a megabyte.
pub(crate) const ROWS: usize = TEXTS.len() + 1;

/// Writes a page in which each text stands wherever a text can stand.
pub(crate) fn write(path: &Path) {
    let mut spool = tempfile::tempfile().unwrap();
    let mut page = HtmlWriter::begin(&mut spool);
    let long = format!("{} {}", "<b>x</b>".repeat(60), "é".repeat(500_000));
    for (index, text) in TEXTS.iter().copied().chain([long.as_str()]).enumerate() {
        let value =
            json!({text: text, "text": text, "list": [text, {text: 1}], "n": 12_345_678_901_234_567_u64});
        let value = RawValue::from_string(value.to_string()).unwrap();
        let key = RowKey(text.to_owned());
        let check = json!({"verdict": "fail", "score": 0.5, "reason": text, "path": text, "expected": text, "actual": format!("{text} {text}")});
        page.add(&ResultRow {
            row_number: index as u64 + 1,
            row_key: Some(&key),
            repeat: None,
            outcome: Outcome::Failed,
            input: Some(&value),
            output: Some(Cow::Borrowed(&*value)),
            error: Some(ResultError {
                kind: "workflow_failed",
                message: text,
                http_status: Some(200),
                code: Some(text),
            }),
            attempts: 1,
            workflow_run_id: Some(text),
            workflow_version: Some(text),
            cost: Some(Cost::ZERO),
            tokens: None,
            latency_ms: Some(1),
            server_ms: None,
            queue_ms: None,
            backoff_ms: None,
            started_at: None,
            finished_at: None,
            started_ms: Some(1),
            finished_ms: Some(2),
            checks: judged([(text.chars().take(60).collect::<String>(), check)].into_iter().collect()),
            reused: None,
        })
        .unwrap();
    }
    page.finish(&summary(), &mut File::create(path).unwrap()).unwrap();
}

fn summary() -> Summary {
    let none = json!({"p50": null, "p90": null, "p95": null, "p99": null, "max": null});
    let text = TEXTS[1];
    serde_json::from_value(json!({
        "run_id": text, "manifest": "<img src=x onerror=hit=1>", "description": TEXTS[2], "labels": {TEXTS[0]: TEXTS[3]}, "complete": true,
        "verdict": {"exit_code": 0, "reason": "accepted", "retry": "none", "message": text, "next": text},
        "coverage": 1.0, "success_rate": 0.0,
        "rows": {"total": ROWS, "succeeded": 0, "failed": ROWS, "in_doubt": 0, "rejected": 0, "not_run": 0},
        "attempts": ROWS, "invokes": ROWS, "polls": 0, "throttled": 0,
        "cost": {"total": "0", "unit": TEXTS[6], "known_rows": ROWS, "unknown_rows": 0,
            "per_row": {"mean": "0", "p50": "0", "p95": "0", "max": "0"},
            "in_doubt": {"rows": 0, "executions": 0, "at_most": null, "estimate": null, "basis": null}},
        "tokens": {"total": 0, "known_rows": 0, "unknown_rows": ROWS},
        "budget": null, "latency_ms": none, "server_ms": none, "queue_ms": none, "backoff_ms": none, "wall_ms": 1,
        "errors": [{"kind": text, "outcome": "failed", "count": 1, "example": TEXTS[4], "row_number": 1}],
        "groups": [{"by": text, "value": TEXTS[2], "rows": 1, "succeeded": 0, "success_rate": 0.0,
            "cost": {"total": "0", "unknown_rows": 0}, "tokens": {"total": 0, "unknown_rows": 0}, "latency_ms": none}],
        "checks": {text: {"passed": 0, "failed": 1, "error": 0, "skipped": 0, "unscored": 0, "pass_rate": 0.0, "pass_rate_interval": [0.0, 0.3],
            "labels": {"accuracy": 0.0, "macro_f1": 0.0, "classes": [{"label": text, "precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}],
                "confusion": {"labels": [text, TEXTS[0]], "counts": [[0, 1], [0, 0]]}}}},
        "gates": [{"gate": text, "unit": "count", "value": text, "bound": text, "margin": text, "passed": false, "reason": text}],
        "versions": {text: 1}, "notes": [text, TEXTS[3]],
    }))
    .unwrap()
}
