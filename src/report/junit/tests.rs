use std::io::Cursor;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::*;
use crate::checks::Checks;
use crate::model::RowKey;
use crate::report::ResultError;

fn row<'a>(key: &'a RowKey, outcome: Outcome, error: Option<(&'a str, &'a str)>) -> ResultRow<'a> {
    ResultRow {
        row_number: 1,
        row_key: Some(key),
        repeat: None,
        outcome,
        input: None::<&RawValue>,
        output: None,
        error: error.map(|(kind, message)| ResultError { kind, message, http_status: None, code: None }),
        attempts: 1,
        workflow_run_id: None,
        workflow_version: None,
        cost: None,
        tokens: None,
        latency_ms: Some(1_250),
        server_ms: None,
        queue_ms: None,
        backoff_ms: None,
        started_at: None,
        finished_at: None,
        started_ms: None,
        finished_ms: None,
        checks: Checks::default(),
        reused: None,
    }
}

fn written(add: impl FnOnce(&mut JunitWriter<'_>)) -> String {
    let mut spool = Cursor::new(Vec::new());
    let mut writer = JunitWriter::begin(&mut spool, "triage & \"co\"");
    add(&mut writer);
    let mut target = Vec::new();
    writer.finish(&crate::report::tests::every_kind_summary(), &mut target).unwrap();
    String::from_utf8(target).unwrap()
}

/// Verdicts as results.jsonl has them.
fn judged(checks: &Value) -> Checks {
    let checks = checks.as_object().unwrap().iter();
    let read = |(name, result): (&String, &Value)| {
        (name.as_str().into(), serde_json::from_value(result.clone()).unwrap())
    };
    Checks(checks.map(read).collect())
}

fn key(text: &str) -> RowKey {
    RowKey(text.to_owned())
}

#[test]
fn a_row_without_checks_is_a_case_and_each_check_of_a_row_is_one() {
    let keys = ["a", "b", "c", "d", "e", "f"].map(key);
    let text = written(|file| {
        file.add(&row(&keys[0], Outcome::Succeeded, None)).unwrap();
        file.add(&row(&keys[1], Outcome::Failed, Some(("workflow_failed", "no")))).unwrap();
        file.add(&row(&keys[2], Outcome::InDoubt, Some(("timeout", "late")))).unwrap();
        file.add(&row(&keys[3], Outcome::Rejected, Some(("mapping", "gone")))).unwrap();
        file.add(&row(&keys[4], Outcome::NotRun, None)).unwrap();
        let checks = json!({
            "label": {"verdict": "pass", "score": 1.0, "reason": null},
            "short": {"verdict": "fail", "score": 0.0, "reason": "900 > 800", "path": "output.reply", "expected": "<800", "actual": "x\ny"},
            "polite": {"verdict": "error", "score": null, "reason": "no reply"},
            "tone": {"verdict": "skipped", "score": null, "reason": null},
        });
        file.add(&ResultRow { checks: judged(&checks), ..row(&keys[5], Outcome::Succeeded, None) }).unwrap();
    });
    let cases: Vec<_> = text.lines().filter(|line| !line.starts_with("<prop")).collect();
    assert_eq!(
        cases.join("\n"),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"triage &amp; &quot;co&quot;\" tests=\"9\" failures=\"2\" errors=\"3\" time=\"0.000\">\n\
         <testsuite name=\"triage &amp; &quot;co&quot;\" tests=\"9\" failures=\"2\" errors=\"3\" skipped=\"2\" time=\"0.000\">\n\
         </properties>\n\
         <testcase classname=\"triage &amp; &quot;co&quot;\" name=\"a\" time=\"1.250\"/>\n\
         <testcase classname=\"triage &amp; &quot;co&quot;\" name=\"b\" time=\"1.250\"><failure type=\"workflow_failed\" message=\"no\"></failure></testcase>\n\
         <testcase classname=\"triage &amp; &quot;co&quot;\" name=\"c\" time=\"1.250\"><error type=\"timeout\" message=\"late\"/></testcase>\n\
         <testcase classname=\"triage &amp; &quot;co&quot;\" name=\"d\" time=\"1.250\"><error type=\"mapping\" message=\"gone\"/></testcase>\n\
         <testcase classname=\"triage &amp; &quot;co&quot;\" name=\"e\" time=\"1.250\"><skipped message=\"not run\"/></testcase>\n\
         <testcase classname=\"triage &amp; &quot;co&quot;.label\" name=\"f\" time=\"1.250\"/>\n\
         <testcase classname=\"triage &amp; &quot;co&quot;.short\" name=\"f\"><failure type=\"check\" message=\"900 &gt; 800\">path: output.reply\nexpected: &lt;800\nactual: x y</failure></testcase>\n\
         <testcase classname=\"triage &amp; &quot;co&quot;.polite\" name=\"f\"><error type=\"check\" message=\"no reply\"/></testcase>\n\
         <testcase classname=\"triage &amp; &quot;co&quot;.tone\" name=\"f\"><skipped message=\"\"/></testcase>\n\
         </testsuite>\n\
         </testsuites>"
    );
}

#[test]
fn no_text_can_break_the_file_or_its_line() {
    let hostile = "]]> <!-- \"' & \u{0}\u{1b}\u{b}\u{ffff}\u{202e}\r\n</testsuite>";
    let name = key(hostile);
    let text = written(|file| {
        let row = row(&name, Outcome::Failed, Some((hostile, hostile)));
        let checks =
            json!({hostile: {"verdict": "fail", "reason": hostile, "expected": hostile, "actual": hostile}});
        file.add(&ResultRow { checks: judged(&checks), ..row }).unwrap();
    });
    assert!(text.contains("\\u{ffff}"), "{text}");
    let forbidden = |c: char| (c < ' ' && c != '\n') || matches!(c, '\u{fffe}' | '\u{ffff}' | '\u{202e}');
    assert!(!text.contains(forbidden), "{text:?}");
    assert_eq!((text.matches("</testsuite>").count(), text.matches("<!--").count()), (1, 0));
    assert!(text.contains("name=\"]]&gt; &lt;!-- &quot;' &amp; \\u{0}\\u{1b}\\u{b}"), "{text}");
}
