//! Two runs compared: real ones, files made by hand, and a gate in a pipeline.

use std::fmt::Write;
use std::fs;

use serde_json::{Value, json};

use crate::SERVICE;
use crate::support::{Bench, Emulator};

/// A row of results.jsonl.
fn row(number: u64, passed: bool) -> Value {
    let word = if passed { "pass" } else { "fail" };
    json!({
        "row_number": number, "row_key": format!("k{number}"), "outcome": "succeeded",
        "input": {"text": number}, "output": {"label": word}, "error": null, "attempts": 1,
        "workflow_run_id": null, "workflow_version": "1.0", "cost": "0.10", "tokens": 10, "latency_ms": 500,
        "server_ms": null, "queue_ms": 0, "backoff_ms": 0, "started_at": null, "finished_at": null,
        "checks": {"label": {"verdict": word, "score": f64::from(u8::from(passed)), "reason": null}},
    })
}

fn lines(rows: impl IntoIterator<Item = Value>) -> String {
    rows.into_iter().fold(String::new(), |mut text, row| {
        let _ = writeln!(text, "{row}");
        text
    })
}

#[test]
fn two_runs_of_one_workflow_do_not_differ_and_a_worse_one_fails_the_gate() {
    let bench = Bench::new();
    bench.dataset(40);
    let service = Emulator::serve(&bench, SERVICE);
    bench.job(&service.url, "sync", "");
    bench.run(&["run", "job.yaml", "--id", "before"]).exits(0);
    bench.run(&["run", "job.yaml", "--id", "again"]).exits(0);
    let same = bench
        .run(&["compare", "before", "again", "--format", "json", "--fail-on-regression"])
        .exits(0)
        .json();
    assert_eq!(same["rows"]["paired"], 40);
    assert_eq!(same["rows"]["input_differs"], 0);
    assert_eq!(same["succeeded"]["verdict"], "no_difference");
    assert_eq!(same["differences"], json!([]));
    assert_eq!(same["cost"]["unit"], "credit");

    let ledger = service.ledger.clone();
    drop(service);
    fs::remove_file(ledger).unwrap();
    let worse = SERVICE.replace("1.2.3", "1.3.0") + "faults: {failed: 60%}\n";
    let service = Emulator::serve(&bench, &worse);
    bench.job(&service.url, "sync", "limits: {halt: none}\n");
    bench.run(&["run", "job.yaml", "--id", "worse"]).exits(1);
    // The latest run is compared when none is named; without the flag a regression is no failure.
    let text = bench.run(&["compare", "before"]).exits(0).stdout;
    assert!(text.starts_with("Worse          succeeded: 100% → "), "{text}");
    for part in
        ["workflow version: 1.2.3 → 1.3.0", "succeeded → failed: ", "Lost: succeeded, the first 10 of "]
    {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    let told = bench
        .run(&["compare", "before", "worse", "--format", "json", "--fail-on-regression"])
        .exits(4)
        .json();
    assert_eq!(told["regressions"], json!(["succeeded"]));
    let told = bench.run(&["compare", "latest-passing", "--format", "json"]).exits(0).json();
    assert_eq!(told["baseline"]["name"], "again");
    let markdown =
        bench.run(&["compare", "before", "worse", "--format", "markdown", "--flips", "1"]).exits(0).stdout;
    assert!(markdown.starts_with("## Worse: succeeded"), "{markdown}");
    assert!(markdown.contains("\n… and "), "{markdown}");
}

#[test]
fn rows_are_paired_by_key_whatever_their_order_and_the_others_are_counted() {
    let bench = Bench::new();
    let before = (1..=30).map(|number| row(number, true));
    bench.write("a/results.jsonl", lines(before.chain([row(30, true)])));
    // In the opposite order, without 1 to 3, with 31 to 35, 30 twice; every other one of those below 20 is lost.
    let mut now: Vec<_> = (4..=35).rev().map(|number| row(number, number >= 20 || number % 2 == 0)).collect();
    now.push(row(30, false));
    let mut nameless = row(36, true);
    nameless["row_key"] = Value::Null;
    nameless["outcome"] = json!("not_run");
    now.push(nameless);
    bench.write("b/results.jsonl", lines(now));
    let told = bench.run(&["compare", "a", "b", "--format", "json", "--fail-on-regression"]).exits(4).json();
    let rows = json!({"paired": 27, "only_baseline": 3, "only_candidate": 5,
        "duplicates": {"baseline": 1, "candidate": 1}, "without_key": {"baseline": 0, "candidate": 1},
        "input_differs": 0});
    assert_eq!(told["rows"], rows);
    assert_eq!(told["checks"]["label"]["lost"], 8);
    assert_eq!(told["checks"]["label"]["flips"]["lost"][0]["row_key"], "k19");
    assert_eq!(told["regressions"], json!(["label"]));
}

#[test]
fn a_baseline_file_is_compared_with_and_what_it_does_not_say_is_unknown() {
    let bench = Bench::new();
    let head = json!({"cost": {"unit": "credit"}});
    let mut text =
        format!("\u{feff}{{\"format\":\"flowbatch-baseline/1\",\"manifest\":\"job\",\"figures\":{head}}}\n");
    for number in 1..=20 {
        let kept = json!({"row_key": format!("k{number}"), "input_sha256": null, "outcome": "succeeded",
            "checks": {"label": "pass"}, "cost": "0.05", "latency_ms": 500});
        let _ = writeln!(text, "{kept}");
    }
    bench.write("evals/baseline.jsonl", text);
    bench.write("b/results.jsonl", lines((1..=20).map(|number| row(number, number > 9))));
    let told = bench
        .run(&["compare", "evals/baseline.jsonl", "b/results.jsonl", "--format", "json"])
        .exits(0)
        .json();
    assert_eq!(told["baseline"]["manifest"], "job");
    assert_eq!(told["checks"]["label"]["verdict"], "worse");
    assert_eq!(told["cost"]["difference"], "1");
    assert_eq!(told["tokens"]["pairs"], 0);
    assert_eq!(told["rows"]["input_differs"], Value::Null);
}

#[test]
fn results_that_are_missing_are_derived_and_current_ones_are_left_as_they_are() {
    let bench = Bench::new();
    bench.dataset(12);
    let service = Emulator::serve(&bench, SERVICE);
    bench.job(&service.url, "sync", "");
    bench.run(&["run", "job.yaml", "--id", "one"]).exits(0);
    let results = bench.run_dir().join("results.jsonl");
    let written = fs::metadata(&results).unwrap().modified().unwrap();
    bench.run(&["compare", "one", "one"]).exits(0);
    assert_eq!(fs::metadata(&results).unwrap().modified().unwrap(), written);
    fs::remove_file(&results).unwrap();
    let told = bench.run(&["compare", "one", "one", "--format", "json"]).exits(0).json();
    assert_eq!(told["rows"]["paired"], 12);
    assert!(results.exists());
}

#[test]
fn nothing_to_compare_is_no_pass_and_what_is_no_run_is_a_mistake() {
    let bench = Bench::new();
    bench.write("a/results.jsonl", lines([row(1, true)]));
    bench.write("b/results.jsonl", lines([row(2, true)]));
    let text = bench.run(&["compare", "a", "b", "--fail-on-regression"]).exits(4).stdout;
    assert!(text.starts_with("Undecided      no row can be compared"), "{text}");
    bench.write("c/results.jsonl", "{\"row_key\":\"k1\",\"outcome\":\"fine\"}\n");
    bench
        .run(&["compare", "a", "c"])
        .exits(2)
        .says(&["c/results.jsonl: the line at byte 0 is no row of results"]);
    bench.run(&["compare", "a", "nowhere"]).exits(2).says(&["no run is called `nowhere`"]);
    bench
        .run(&["compare", "latest-passing", "a"])
        .exits(2)
        .says(&["no other run of `the same manifest` below runs"]);
    bench.run(&["compare", "a"]).exits(2).says(&["there are no runs below runs"]);
}

#[test]
fn checks_of_real_runs_are_compared_with_a_run_and_with_the_baseline_that_report_wrote() {
    let bench = Bench::new();
    bench.dataset(40);
    // The one answers with what it was asked, the other with the beginning of it: `text 1` for `text 10`.
    let worse = SERVICE.replace("{{input.text}}", "{{truncate input.text 6}}").replace("1.2.3", "1.3.0");
    let checks = "checks:\n  same: {value: \"{{output.answer}}\", equals: \"{{row.text}}\"}\n";
    for (id, definition, code) in [("before", SERVICE, 0), ("worse", &worse, 0)] {
        let service = Emulator::serve(&bench, definition);
        bench.job(&service.url, "sync", checks);
        bench.run(&["run", "job.yaml", "--id", id]).exits(code);
        let ledger = service.ledger.clone();
        drop(service);
        fs::remove_file(ledger).unwrap();
    }
    let baseline = bench.run(&["report", "before", "--format", "baseline"]).exits(0).stdout;
    bench.write("baseline.jsonl", baseline);
    for name in ["before", "baseline.jsonl"] {
        let args = ["compare", name, "worse", "--format", "json", "--fail-on-regression"];
        let told = bench.run(&args).exits(4).json();
        assert_eq!(told["regressions"], json!(["same"]), "{name}");
        assert_eq!(told["checks"]["same"]["lost"], 31, "{name}");
        let lost = &told["checks"]["same"]["flips"]["lost"][0];
        assert_eq!(lost["row_key"], "k10");
        assert_eq!(lost["candidate"], r#"{"answer":"text 1"}"#);
        assert_eq!(told["rows"]["paired"], 40);
        assert_eq!(told["cost"]["unit"], "credit");
    }
    // A set of scores of a run is compared with the run itself.
    bench.run(&["score", "before"]).exits(0);
    let run = bench.run_dir().with_file_name("before");
    let set = fs::read_dir(run.join("scores")).unwrap().next().unwrap().unwrap().path();
    let told = bench.run(&["compare", "before", set.to_str().unwrap(), "--format", "json"]).exits(0).json();
    assert_eq!((&told["differences"], &told["checks"]["same"]["pairs"]), (&json!([]), &json!(40)));
}

#[test]
fn a_candidate_that_was_halted_after_good_rows_has_not_been_shown_to_be_as_good() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    bench.dataset(20);
    bench.job(
        &service.url,
        "sync",
        "checks: {there: {value: \"{{output.answer}}\", present: true}}\n\
         limits: {concurrency: 1, budget: {cost: 100, cost_per_row: 1}}\n",
    );
    bench.run(&["run", "job.yaml", "--id", "before"]).exits(0);
    bench.run(&["run", "job.yaml", "--id", "half", "--set", "limits.budget.cost=1"]).exits(4);
    let args = ["compare", "before", "half", "--fail-on-regression", "--format"];
    let told = bench.run(&[&args[..], &["json"]].concat()).exits(4).json();
    assert_eq!((&told["regressions"], &told["undecided"]), (&json!([]), &json!(["rows"])));
    let page = bench.run(&[&args[..], &["text"]].concat()).exits(4).stdout;
    assert!(page.contains("the candidate is not complete: what it lacks can't be compared"), "{page}");
    // Nor is it a baseline for others.
    bench
        .run(&["report", "half", "--format", "baseline"])
        .exits(2)
        .says(&["no baseline", "flowbatch resume"]);
    let half = bench.run_dir().with_file_name("half");
    bench.run(&["resume", half.to_str().unwrap(), "--set", "limits.budget.cost=100"]).exits(0);
    bench.run(&args[..4]).exits(0);
    bench.run(&["report", "half", "--format", "baseline"]).exits(0);
}

#[test]
fn a_row_without_a_key_does_not_take_the_place_of_another_in_a_baseline() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    bench.job(
        &service.url,
        "sync",
        "checks: {there: {value: \"{{output.answer}}\", present: true}}\naccept: {rejected: 100%}\n",
    );
    bench.write("job.yaml", bench.read("job.yaml").replace("rows.csv", "rows.jsonl"));
    // The second line is broken, and its number is the first one's key.
    bench.write("rows.jsonl", "{\"id\":\"2\",\"text\":\"a\"}\n{\"id\":\n{\"id\":\"3\",\"text\":\"c\"}\n");
    bench.run(&["run", "job.yaml", "--id", "a", "--set", "dataset.on_bad_row=reject"]);
    let baseline = bench.run(&["report", "a", "--format", "baseline"]).exits(0).stdout;
    let keys: Vec<_> = baseline.lines().skip(1).map(|line| line.split('"').nth(3).unwrap()).collect();
    assert_eq!(keys, ["2", "3"], "{baseline}");
}
