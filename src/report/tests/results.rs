//! results.jsonl, failures.jsonl and the figures of the summary.

use super::*;

#[test]
fn a_results_row_has_the_fields_of_the_contract_in_their_order() {
    let derived = every_kind().derive(&context());
    let first = text(&derived.results_jsonl).lines().next().unwrap();
    assert_eq!(
        first,
        concat!(
            r#"{"row_number":1,"row_key":"k1","outcome":"succeeded","input":{"text":"in"},"#,
            r#""output":{"label":"refund","score":0.90},"error":null,"attempts":1,"workflow_run_id":"wf-1","#,
            r#""workflow_version":"1.0.1","cost":"0.25","tokens":10,"latency_ms":100,"server_ms":10,"queue_ms":2,"#,
            r#""backoff_ms":0,"started_at":"2026-11-24T06:00:00.002Z","finished_at":"2026-11-24T06:00:00.003Z","#,
            r#""checks":{}}"#
        )
    );
}

#[test]
fn every_row_is_there_once_in_order_with_its_outcome() {
    let derived = every_kind().derive(&context());
    let rows = json_lines(&derived.results_jsonl);
    let told: Vec<_> = rows
        .iter()
        .map(|row| {
            (row["row_number"].as_u64().unwrap(), row["outcome"].as_str().unwrap(), row["cost"].clone())
        })
        .collect();
    assert_eq!(
        told,
        [
            (1, "succeeded", json!("0.25")),
            (2, "failed", json!("0.1")),
            (3, "in_doubt", Value::Null),
            (4, "rejected", json!("0")),
            (5, "succeeded", Value::Null),
            (6, "in_doubt", Value::Null),
            (7, "not_run", json!("0")),
        ]
    );
    assert_eq!(
        rows[6],
        json!({
            "row_number": 7, "row_key": null, "outcome": "not_run", "input": null, "output": null, "error": null,
            "attempts": 0, "workflow_run_id": null, "workflow_version": null, "cost": "0", "tokens": 0,
            "latency_ms": null, "server_ms": null, "queue_ms": null, "backoff_ms": null, "started_at": null,
            "finished_at": null, "checks": {},
        })
    );
    assert_eq!(rows[5]["workflow_run_id"], "wf-6");
    assert_eq!(rows[5]["error"]["kind"], "interrupted");
    assert_eq!(
        rows[3]["error"],
        json!({"kind": "mapping", "message": "`row.subject` is missing", "http_status": null, "code": null})
    );
}

#[test]
fn failures_are_the_rows_that_did_not_succeed_with_their_records() {
    let derived = every_kind().derive(&context());
    let rows = json_lines(&derived.failures_jsonl);
    let told: Vec<_> =
        rows.iter().map(|row| (row["row_number"].as_u64().unwrap(), &row["record"]["id"])).collect();
    assert_eq!(
        told,
        [(2, &json!("b")), (3, &json!("c")), (4, &json!("d")), (6, &json!("f")), (7, &Value::Null)]
    );
    assert_eq!(rows[4]["record"], Value::Null);
}

#[test]
fn an_output_keeps_every_digit_of_the_reply() {
    let mut run = Run::of(1);
    run.succeed(1, "{}", r#"{"id":12345678901234567890123,"price":1.10}"#);
    let derived = run.derive(&context());
    assert!(text(&derived.results_jsonl).contains(r#""output":{"id":12345678901234567890123,"price":1.10}"#));
    assert_eq!(
        text(&derived.results_csv).lines().next().unwrap().split(',').take(2).collect::<Vec<_>>(),
        ["output.id", "output.price"]
    );
    assert!(text(&derived.results_csv).contains("12345678901234567890123,1.10,"));
}

#[test]
fn a_reply_on_several_lines_has_its_output_too_and_each_row_stays_one_line() {
    let mut run = Run::of(1);
    let raw_text = "{\"status\":\"SUCCEED\",\n\"output\":{\n\"label\":\"a\\nb\"}}".to_owned();
    let answer = Answered { raw: None, raw_text: Some(raw_text), ..answered(1, "null", Some("1")) };
    run.intend(1, "{\n\"id\":1}").tell(RunEvent::Answered(answer));
    let rows = json_lines(&run.derive(&context()).results_jsonl);
    assert_eq!((rows.len(), &rows[0]["output"]["label"]), (1, &json!("a\nb")));
}

#[test]
fn an_old_ending_no_longer_counts_once_its_row_was_reopened() {
    let mut run = Run::of(1);
    run.fail(1, "{}", "no");
    let (from, by) = (Outcome::Failed, "resume --retry".to_owned());
    run.tell(RunEvent::Reopened(crate::model::Reopened { row: 1, from, by }));
    let rows = json_lines(&run.derive(&context()).results_jsonl);
    assert_eq!(
        (&rows[0]["outcome"], &rows[0]["error"], &rows[0]["latency_ms"]),
        (&json!("not_run"), &Value::Null, &Value::Null)
    );
    assert_eq!(
        (&rows[0]["row_key"], &rows[0]["cost"]),
        (&json!("k1"), &json!("0.1")),
        "what was paid stays paid"
    );
}

#[test]
fn the_summary_counts_and_sums_what_the_rows_say() {
    let summary = every_kind().summary(&context());
    let got = serde_json::to_value(&summary).unwrap();
    assert_eq!(
        got["rows"],
        json!({"total": 7, "succeeded": 2, "failed": 1, "in_doubt": 2, "rejected": 1, "not_run": 1})
    );
    assert_eq!(
        (&got["coverage"], &got["success_rate"], &got["complete"]),
        (&json!(0.428_571), &json!(0.285_714), &json!(false))
    );
    assert_eq!(
        got["cost"],
        json!({"total": "0.35", "unit": "credit", "known_rows": 2, "unknown_rows": 3, "failed": "0.1",
               "per_row": {"mean": "0.175", "p50": "0.1", "p95": "0.25", "max": "0.25"},
               "in_doubt": {"rows": 2, "executions": 2, "at_most": null, "basis": "known_rows",
                            "estimate": {"at_mean": "0.350", "at_max": "0.50"}}})
    );
    assert_eq!(got["tokens"], json!({"total": 20, "known_rows": 2, "unknown_rows": 3}));
    assert_eq!(got["latency_ms"], json!({"p50": 200, "p90": 500, "p95": 500, "p99": 500, "max": 500}));
    assert_eq!(got["queue_ms"]["max"], 12, "rows that were sent");
    assert_eq!(got["backoff_ms"]["max"], 4);
    assert_eq!((&got["verdict"]["reason"], &got["verdict"]["exit_code"]), (&json!("halt"), &json!(4)));
    assert_eq!(got["versions"], json!({"1.0.1": 3}));
    assert_eq!((&got["groups"], &got["checks"], &got["gates"]), (&json!([]), &json!({}), &json!([])));
    let errors: Vec<_> =
        summary.errors.iter().map(|e| (e.kind.as_str(), e.outcome, e.count, e.row_number)).collect();
    assert_eq!(
        errors,
        [
            ("connection_lost", Outcome::InDoubt, 1, 3),
            ("interrupted", Outcome::InDoubt, 1, 6),
            ("mapping", Outcome::Rejected, 1, 4),
            ("workflow_failed", Outcome::Failed, 1, 2),
        ]
    );
}

#[test]
fn report_json_has_the_fields_of_the_contract_in_their_order_and_can_be_read_back() {
    let labels = vec![("team".to_owned(), "support".to_owned())];
    let price = Some(Price { per_unit: "0.01".parse().unwrap(), currency: "USD".to_owned() });
    let context = ReportContext { labels, price, ..context() };
    let summary = every_kind().summary(&context);
    let mut bytes = Vec::new();
    write_json(&summary, &mut bytes).unwrap();
    let read: Map<String, Value> = serde_json::from_slice(&bytes).unwrap();
    let names: Vec<_> = read.keys().map(String::as_str).collect();
    assert_eq!(
        names.join(" "),
        "run_id manifest labels complete verdict coverage success_rate rows attempts invokes polls throttled concurrency reused cost bill \
         tokens budget latency_ms server_ms queue_ms backoff_ms wall_ms errors groups checks gates versions notes"
    );
    assert_eq!(read["cost"]["money"], json!({"amount": "0.0035", "currency": "USD"}));
    assert_eq!(serde_json::from_slice::<Summary>(&bytes).unwrap(), summary);
}

#[test]
fn a_run_of_no_rows_is_a_finished_one_without_figures() {
    let derived = Run::of(0).derive(&context());
    let summary = derived.summary();
    assert_eq!((summary.complete, summary.verdict.exit_code), (true, 0));
    assert_eq!(
        (summary.coverage, summary.success_rate, summary.latency_ms),
        (None, None, Percentiles::default())
    );
    assert_eq!((summary.cost.total, summary.cost.per_row.mean), (Cost::ZERO, None));
    assert_eq!((derived.results_jsonl.len(), text(&derived.results_csv).lines().count()), (0, 1));
}

#[test]
fn groups_have_their_own_figures() {
    let group_by = templates(&[("lang", "{{row.lang}}"), ("label", "{{output.label}}")]);
    let summary = every_kind().summary(&ReportContext { group_by, ..context() });
    let told: Vec<_> = summary
        .groups
        .iter()
        .map(|g| {
            format!(
                "{} {} {} {} {} {}",
                g.by, g.value, g.rows, g.succeeded, g.cost.total, g.cost.unknown_rows
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "lang de 2 1 0 2",
            "lang en 2 1 0.35 0",
            "lang fr 1 0 0 1",
            "lang (unknown) 2 0 0 0",
            "label other 1 1 0 1",
            "label refund 1 1 0.25 0",
            "label (unknown) 5 0 0.1 2",
        ]
    );
}

#[test]
fn a_group_by_of_too_many_values_counts_the_rest_together_and_says_so() {
    let mut run = Run::of(1_501);
    run.reject(1_501, "{}");
    for row in 1..=1_500 {
        run.succeed(row, "{}", &format!(r#"{{"n":{row}}}"#));
    }
    let summary = run.summary(&ReportContext { group_by: templates(&[("n", "{{output.n}}")]), ..context() });
    assert_eq!(summary.groups.len(), 1_000 + 2, "the values, those of no value, and the others");
    let other = &summary.groups[1_000];
    assert_eq!((other.value.as_str(), other.rows), ("(other)", 500));
    assert_eq!(summary.groups.iter().map(|group| group.rows).sum::<u64>(), 1_501);
    assert_eq!(summary.notes.len(), 1);
}

#[test]
fn rows_that_are_not_those_of_the_events_are_refused() {
    let check = |change: fn(&mut Vec<RowFacts>), expected: &str| {
        let run = every_kind();
        let mut rows = run.rows.clone();
        change(&mut rows);
        let rows = || rows.iter().cloned().map(Ok::<_, Infallible>);
        let error = derive(&context(), &run.state, rows, Targets::default()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    };
    check(|rows| rows.swap(0, 1), "row 1 comes after row 2");
    check(|rows| rows[1].number = 1, "row 1 comes after row 1");
    check(|rows| drop(rows.pop()), "not_run: 0");
}

#[test]
fn an_error_of_the_source_or_of_a_file_ends_it() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    impl crate::artifact::Restart for Full {
        fn restart(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let run = every_kind();
    let rows = || run.rows.iter().cloned().map(Ok::<_, std::fmt::Error>);
    let bad = || rows().chain([Err(std::fmt::Error)]);
    assert!(matches!(derive(&context(), &run.state, bad, Targets::default()), Err(Error::Rows(_))));
    let check = |targets: Targets<'_>, name: &str| match derive(&context(), &run.state, rows, targets) {
        Err(Error::Write { file, .. }) => assert_eq!(file, name),
        other => panic!("{other:?}"),
    };
    check(Targets { results_jsonl: Some(&mut Full), ..Targets::default() }, "results.jsonl");
    check(Targets { failures_jsonl: Some(&mut Full), ..Targets::default() }, "failures.jsonl");
    check(Targets { results_csv: Some(&mut Full), ..Targets::default() }, "results.csv");
    check(Targets { failures_csv: Some(&mut Full), ..Targets::default() }, "failures.csv");
}

proptest! {
    #[test]
    fn totals_equal_an_independent_sum(costs in proptest::collection::vec(proptest::option::of(0_u64..1_000_000), 0..60)) {
        let mut run = Run::of(costs.len() as u64);
        for (row, cost) in (1..).zip(&costs) {
            let cost = cost.map(|c| format!("{}.{:04}", c / 10_000, c % 10_000));
            run.intend(row, "{}").answer(row, "{}", cost.as_deref());
        }
        let summary = run.summary(&context());
        let sum: u64 = costs.iter().flatten().sum();
        prop_assert_eq!(summary.cost.total, format!("{}.{:04}", sum / 10_000, sum % 10_000).parse().unwrap());
        let known = costs.iter().flatten().count() as u64;
        prop_assert_eq!(summary.cost.known_rows, known);
        prop_assert_eq!(summary.cost.unknown_rows, costs.len() as u64 - known);
        prop_assert_eq!(summary.tokens.total, known * 10);
    }
}
