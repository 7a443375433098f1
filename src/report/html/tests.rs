use std::borrow::Cow;
use std::io::{Cursor, Read};

use flate2::read::GzDecoder;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::*;
use crate::checks::Checks;
use crate::model::{Cost, Outcome, RowKey};
use crate::report::ResultError;

fn summary() -> Summary {
    let none = json!({"p50": null, "p90": null, "p95": null, "p99": null, "max": null});
    let per_row = json!({"mean": null, "p50": null, "p95": null, "max": null});
    let doubt = json!({"rows": 0, "executions": 0, "at_most": null, "estimate": null, "basis": null});
    let cost = json!({"total": "0", "unit": "credit", "known_rows": 0, "unknown_rows": 0, "per_row": per_row, "in_doubt": doubt});
    let verdict = json!({"exit_code": 0, "reason": "accepted", "retry": "none", "message": "</script><!--", "next": null});
    let rows = json!({"total": 1, "succeeded": 1, "failed": 0, "in_doubt": 0, "rejected": 0, "not_run": 0});
    let mut all = json!({"run_id": "r", "manifest": "<title> & \"more\"", "labels": {}, "complete": true});
    let tokens = json!({"total": 0, "known_rows": 0, "unknown_rows": 0});
    for (name, value) in [
        ("verdict", verdict),
        ("rows", rows),
        ("cost", cost),
        ("tokens", tokens),
        ("coverage", json!(1.0)),
        ("success_rate", json!(1.0)),
        ("budget", Value::Null),
        ("latency_ms", none.clone()),
        ("server_ms", none.clone()),
        ("queue_ms", none.clone()),
        ("backoff_ms", none),
        ("errors", json!([])),
        ("groups", json!([])),
        ("checks", json!({})),
        ("gates", json!([])),
        ("versions", json!({})),
        ("notes", json!([])),
    ] {
        all[name] = value;
    }
    for name in ["attempts", "invokes", "polls", "throttled", "wall_ms"] {
        all[name] = json!(1);
    }
    serde_json::from_value(all).unwrap()
}

fn page(most: u64, rows: &[(Outcome, String)]) -> String {
    let mut spool = Cursor::new(Vec::new());
    let mut page = HtmlWriter { room: Room::of(most), ..HtmlWriter::begin(&mut spool) };
    for (index, (outcome, output)) in rows.iter().enumerate() {
        let key = RowKey(format!("k{index}"));
        let output = RawValue::from_string(output.clone()).unwrap();
        let failed = *outcome != Outcome::Succeeded;
        let row = ResultRow {
            row_number: index as u64 + 1,
            row_key: Some(&key),
            repeat: None,
            outcome: *outcome,
            input: None,
            output: Some(Cow::Borrowed(&*output)),
            error: failed.then_some(ResultError {
                kind: "timeout",
                message: "late",
                http_status: None,
                code: None,
            }),
            attempts: 1,
            workflow_run_id: None,
            workflow_version: None,
            cost: Some(Cost::ZERO),
            tokens: Some(1),
            latency_ms: Some(5),
            server_ms: None,
            queue_ms: None,
            backoff_ms: None,
            started_at: None,
            finished_at: None,
            started_ms: Some(1_000),
            finished_ms: Some(1_005),
            checks: Checks::default(),
            reused: None,
        };
        page.add(&row).unwrap();
    }
    let mut target = Vec::new();
    page.finish(&summary(), &mut target).unwrap();
    String::from_utf8(target).unwrap()
}

/// What stands in the elements of a class, unpacked.
fn unpacked(page: &str, class: &str) -> Vec<String> {
    let begin = format!("<script type=\"application/octet-stream-base64\" class=\"{class}\">");
    let parts = page.split(&begin).skip(1);
    parts
        .map(|part| {
            let bytes = STANDARD.decode(part.split("</script>").next().unwrap()).unwrap();
            let mut text = String::new();
            GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
            text
        })
        .collect()
}

fn data(page: &str) -> Value {
    let json = page.split("id=\"data\">").nth(1).unwrap().split("</script>").next().unwrap();
    serde_json::from_str(json).unwrap()
}

#[test]
fn the_frame_is_small_and_whatever_comes_from_outside_is_data() {
    let page =
        page(10, &[(Outcome::Succeeded, r#"{"reply":"</script><script>x()</script><!--"}"#.to_owned())]);
    assert!(page.len() < 300 * 1024, "{}", page.len());
    assert_eq!(page.matches("</script").count(), 4, "data, script, index, bodies");
    assert_eq!(page.matches("<!--").count(), 0);
    assert!(
        page.contains("<title>Accepted: &lt;title&gt; &amp; &quot;more&quot;</title>"),
        "{}",
        &page[..900]
    );
    assert_eq!(data(&page)["report"]["verdict"]["message"], "</script><!--");
    assert!(unpacked(&page, "bodies")[0].contains("</script><script>x()"));
}

#[test]
fn the_policy_lets_this_script_and_this_style_in_and_nothing_else() {
    let page = page(10, &[]);
    let between =
        |from: &str, to: &str| page.split(from).nth(1).unwrap().split(to).next().unwrap().to_owned();
    let script = page.split("</script>\n<script>").nth(1).unwrap().split("</script>").next().unwrap();
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; img-src data:; base-uri 'none'; form-action 'none'",
        hash(script),
        hash(&between("<style>", "</style>")),
    );
    assert_eq!(between("http-equiv=\"Content-Security-Policy\" content=\"", "\">"), policy);
    assert!(!page.contains('\r'));
    let addresses = page.replace("http://www.w3.org/2000/svg", "");
    assert!(!addresses.contains("http:") && !addresses.contains("https:"), "only the name of SVG's elements");
    for word in ["innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "href", "setHTML"] {
        assert!(!script.contains(word), "{word}");
    }
}

#[test]
fn rows_are_found_again_whole_and_in_order_however_many_chunks_they_take() {
    let outputs: Vec<_> = (0..2_500).map(|n| (Outcome::Succeeded, format!("\"reply {n}\""))).collect();
    let written = page(10_000, &outputs);
    let index = unpacked(&written, "index");
    let bodies = unpacked(&written, "bodies");
    assert_eq!((index.len(), bodies.len()), (3, 3));
    let numbers = index.iter().flat_map(|index| {
        let index: Value = serde_json::from_str(index).unwrap();
        index["n"].as_array().unwrap().iter().map(|it| it.as_u64().unwrap()).collect::<Vec<_>>()
    });
    assert!(numbers.eq(1..=2_500));
    let lines: Vec<_> = bodies.iter().flat_map(|body| body.lines()).collect();
    let last: Value = serde_json::from_str(lines[2_499]).unwrap();
    assert_eq!((lines.len(), &last["o"]), (2_500, &json!([[null, "reply 2499", "s", null]])));
    assert_eq!(written, page(10_000, &outputs), "the same rows give the same bytes");
}

#[test]
fn beyond_its_bound_the_page_holds_what_did_not_succeed_and_counts_the_rest() {
    let outcome = |n| if n % 3 == 0 { Outcome::InDoubt } else { Outcome::Succeeded };
    let rows: Vec<_> = (0..30).map(|n| (outcome(n), "1".to_owned())).collect();
    let page = page(10, &rows);
    let held = &data(&page)["rows"];
    assert_eq!(
        [&held["held"], &held["further"], &held["left_out"], &held["full"]],
        [&json!(16), &json!(6), &json!(14), &json!(false)]
    );
    let bars = &data(&page)["bars"]["latency_ms"];
    assert_eq!(bars, &json!([[5.0, 5.0625, 30]]), "pictures are of all rows");
}

#[test]
fn a_row_of_any_size_takes_no_more_than_its_room() {
    let long = format!("\"{}\"", "x y ".repeat(1_000_000));
    let page = page(10, &[(Outcome::Succeeded, long)]);
    let body = &unpacked(&page, "bodies")[0];
    assert!(body.len() < PAGE_CELL_BYTES + 200, "{}", body.len());
    assert!(body.contains(",\"s\",4000000]"), "{}", &body[body.len() - 100..]);
}
