//! Replies that were lost are found again in the provider's run log, and the books are held against its ledger.

use serde_json::{Value, json};

use crate::SERVICE;
use crate::support::hostile::{Hostile, ok, response, succeeded};
use crate::support::money::{amount, sum};
use crate::support::{Bench, Emulator, by_user};

/// The reply of row 2 is lost after it was executed, once.
const LOST: &str = "faults_for: {\"fb-.*-2$\": [reset_after_accept, none]}\n";

fn journal(bench: &Bench) -> String {
    bench.read(bench.run_dir().join("journal.jsonl"))
}

#[test]
fn a_lost_reply_is_found_in_the_run_log_and_paid_once() {
    for mode in ["sync", "async"] {
        let bench = Bench::new();
        let service = Emulator::serve(&bench, &format!("{SERVICE}{LOST}"));
        bench.dataset(4);
        bench.job(&service.url, mode, "");
        let told = bench.run(&["run", "job.yaml", "--json"]).exits(0).json();
        assert_eq!(bench.outcomes(), ["succeeded"; 4], "{mode}");
        assert_eq!(by_user(&service.accepted()).values().max(), Some(&1));
        assert_eq!(amount(told["cost"]["total"].as_str().unwrap()), sum(&service.charged(), "cost"));
        assert_eq!(told["cost"]["unknown_rows"], 0);
        assert!(journal(&bench).contains(r#""via":"run_log""#));
    }
}

#[test]
fn a_row_lost_to_a_kill_is_found_before_it_would_be_sent_again() {
    for delivery in ["at_most_once", "at_least_once"] {
        let bench = Bench::new();
        let service = Emulator::serve(&bench, SERVICE);
        bench.dataset(3);
        bench.job(&service.url, "sync", &format!("limits: {{concurrency: 1, delivery: {delivery}}}\n"));
        bench.run(&["run", "job.yaml", "--id", "r"]).exits(0);
        // As if the process had died between the send of row 3 and its answer.
        let path = bench.run_dir().join("journal.jsonl");
        let lines: Vec<_> = bench.read(&path).lines().map(str::to_owned).collect();
        let answer = |line: &String| line.contains(r#""e":"answered""#) && line.contains(r#""row":3,"#);
        let kept = lines.iter().position(answer).unwrap();
        std::fs::write(&path, format!("{}\n", lines[..kept].join("\n"))).unwrap();
        bench.run(&["resume", "r"]).exits(0);
        assert_eq!(by_user(&service.accepted()).values().max(), Some(&1), "{delivery}");
        assert_eq!(bench.outcomes(), ["succeeded"; 3]);
        let total = bench.report()["cost"]["total"].as_str().unwrap().to_owned();
        assert_eq!(amount(&total), sum(&service.charged(), "cost"));
    }
}

#[test]
fn a_log_that_may_not_be_read_or_lags_leaves_the_row_held() {
    for log in ["access: forbidden", "access: missing", "lag: 1h"] {
        let bench = Bench::new();
        let behaviour = format!("behaviour: {{log: {{{log}}}}}\n");
        let service = Emulator::serve(&bench, &format!("{SERVICE}{LOST}{behaviour}"));
        bench.dataset(3);
        bench.job(&service.url, "sync", "");
        bench.run(&["run", "job.yaml"]).exits(1);
        assert_eq!(bench.outcomes(), ["succeeded", "in_doubt", "succeeded"], "{log}");
        bench.run(&["resume"]).exits(1);
        assert_eq!(service.accepted().len(), 3, "no match proves nothing: it is not sent again");
    }
}

#[test]
fn a_row_without_our_tag_is_not_looked_for() {
    let bench = Bench::new();
    let lost = "faults_for: {\"alice\": [reset_after_accept, none, none]}\n";
    let service = Emulator::serve(&bench, &format!("{SERVICE}{lost}"));
    bench.dataset(2);
    bench.job(&service.url, "sync", "limits: {concurrency: 1}\n");
    let job = bench.read("job.yaml").replace("  mode:", "  user_id: alice\n  mode:");
    bench.write("job.yaml", job);
    bench.run(&["run", "job.yaml"]).exits(1);
    assert_eq!(bench.outcomes(), ["in_doubt"; 2], "the log's entries can't be told apart");
}

#[test]
fn reconcile_finds_what_the_log_had_not_listed_yet() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, &format!("{SERVICE}{LOST}behaviour: {{log: {{lag: 1h}}}}\n"));
    bench.dataset(3);
    bench.job(&service.url, "sync", "");
    bench.run(&["run", "job.yaml"]).exits(1);
    assert_eq!(bench.outcomes(), ["succeeded", "in_doubt", "succeeded"]);
    let told = bench.run(&["reconcile", "--json"]).exits(1).json();
    assert_eq!((&told["in_doubt_rows"], &told["agreed"]), (&1.into(), &2.into()));
    assert_eq!(
        told["strangers"].as_array().unwrap().len(),
        1,
        "charged, and no row's as far as is known: {told}"
    );
    let shown = bench.run(&["reconcile"]).exits(1).stdout;
    assert!(shown.contains("no row of it") && shown.contains("--retry in_doubt"), "{shown}");
    let charged = service.charged();
    let service = service.die_and_come_back(&bench, &format!("{SERVICE}{LOST}"));
    let told = bench.run(&["reconcile", "--json"]).exits(0).json();
    assert_eq!((&told["answered"], &told["agreed"], &told["sound"]), (&1.into(), &3.into(), &true.into()));
    assert_eq!(bench.outcomes(), ["succeeded"; 3]);
    let report = bench.report();
    assert_eq!(amount(report["cost"]["total"].as_str().unwrap()), sum(&charged, "cost"));
    assert_eq!(report["complete"], true);
    bench.run(&["reconcile"]).exits(0);
    bench.run(&["resume"]).exits(0);
    assert_eq!(service.accepted().len(), 3, "nothing was sent again");
}

#[test]
fn reconcile_settles_costs_that_the_answers_did_not_tell() {
    for mode in ["sync", "async"] {
        let bench = Bench::new();
        let service = Emulator::serve(&bench, &format!("{SERVICE}behaviour: {{number: {{cost: absent}}}}\n"));
        bench.dataset(3);
        bench.job(&service.url, mode, "");
        let told = bench.run(&["run", "job.yaml", "--json"]).exits(0).json();
        assert_eq!((&told["cost"]["total"], &told["cost"]["unknown_rows"]), (&"0".into(), &3.into()));
        let told = bench.run(&["reconcile", "--json"]).exits(0).json();
        assert_eq!(told["settled"].as_array().unwrap().len(), 3, "{told}");
        let report = bench.report();
        assert_eq!(amount(report["cost"]["total"].as_str().unwrap()), sum(&service.charged(), "cost"));
        assert_eq!(
            (&report["cost"]["unknown_rows"], &report["tokens"]["unknown_rows"]),
            (&0.into(), &0.into())
        );
        assert_eq!(amount(report["cost"]["total"].as_str().unwrap()), sum(&bench.results(), "cost"));
        let told = bench.run(&["reconcile", "--json"]).exits(0).json();
        assert_eq!((&told["agreed"], told["settled"].as_array().unwrap().len()), (&3.into(), 0));
        bench.run(&["resume"]).exits(0);
    }
}

#[test]
fn reconcile_settles_executions_that_were_lost_and_sent_again() {
    let bench = Bench::new();
    let lost = "faults_for: {\"fb-.*-2$\": [reset_after_accept, none]}\n";
    let service = Emulator::serve(&bench, &format!("{SERVICE}{lost}"));
    bench.dataset(3);
    bench.job(&service.url, "sync", "limits: {delivery: at_least_once, retry: {backoff: 1ms..5ms}}\n");
    let told = bench.run(&["run", "job.yaml", "--json"]).exits(0).json();
    assert_eq!((service.charged().len(), &told["cost"]["unknown_rows"]), (4, &1.into()));
    let told = bench.run(&["reconcile", "--json"]).exits(0).json();
    assert_eq!((&told["settled"][0]["row_number"], &told["agreed"]), (&2.into(), &3.into()));
    let report = bench.report();
    assert_eq!(amount(report["cost"]["total"].as_str().unwrap()), sum(&service.charged(), "cost"));
    assert_eq!(amount(report["cost"]["total"].as_str().unwrap()), sum(&bench.results(), "cost"));
}

#[test]
fn reconcile_lists_what_the_provider_says_otherwise_and_changes_none_of_it() {
    let bench = Bench::new();
    let list =
        |entries: &Value| json!({"list": entries, "total": entries.as_array().unwrap().len(), "page": 1});
    let server = Hostile::serve(move |request| {
        if request.path.contains("/run/credits") {
            return ok(&list(&json!([
                {"run_id": "run-1", "total": 0.25}, {"run_id": "run-2", "total": 0.3}, {"run_id": "else", "total": 7},
            ])));
        }
        if request.path.contains("/run/logs") {
            return ok(&list(&json!([])));
        }
        succeeded(&format!("run-{}", request.row()), &json!({}))
    });
    bench.dataset(3);
    bench.job(&server.url, "sync", "");
    bench.run(&["run", "job.yaml"]).exits(0);
    let told = bench.run(&["reconcile", "--json"]).exits(1).json();
    let difference =
        json!({"row_number": 2, "workflow_run_id": "run-2", "answered": "0.25", "charged": "0.3"});
    assert_eq!(told["differences"], json!([difference]));
    assert_eq!(told["missing"][0]["workflow_run_id"], "run-3");
    assert_eq!(told["strangers"], json!([{"row_number": null, "workflow_run_id": "else", "cost": "7"}]));
    assert_eq!(bench.report()["cost"]["total"], "0.75", "the answers' own costs stay");
    assert_eq!(server.invokes().len(), 3);
}

#[test]
fn reconcile_says_when_the_provider_keeps_no_ledger_that_it_may_read() {
    let bench = Bench::new();
    let server = Hostile::serve(|request| {
        if request.path.contains("/run/") {
            return response("404 Not Found", "", "");
        }
        succeeded(&format!("run-{}", request.row()), &json!({}))
    });
    bench.dataset(1);
    bench.job(&server.url, "sync", "");
    bench.run(&["run", "job.yaml"]).exits(0);
    bench.run(&["reconcile"]).exits(3).says(&["list of charges", "404"]);
    bench.run(&["resume"]).exits(0);
}

#[test]
fn a_row_whose_run_the_provider_denies_for_ever_can_be_asked_again() {
    let bench = Bench::new();
    let server = Hostile::serve(|request| {
        if request.path.ends_with("/query/result") {
            return match request.body["workflowRunId"].as_str() {
                Some("run-1-again") => succeeded("run-1-again", &json!({})),
                _ => response("400 Bad Request", "", r#"{"code":40348,"message":"no such run"}"#),
            };
        }
        let run_id = if request.nth == 0 { "run-1" } else { "run-1-again" };
        ok(&json!({"workflowRunId": run_id, "status": "RUNNING"}))
    });
    bench.dataset(1);
    bench.job(&server.url, "async", "");
    bench.run(&["run", "job.yaml"]).exits(5);
    bench.run(&["resume"]).exits(5);
    assert_eq!(
        (server.invokes().len(), bench.outcomes()),
        (1, vec!["in_doubt".to_owned()]),
        "it is only polled"
    );
    let told = bench.run(&["resume", "--retry", "in_doubt", "--json"]).exits(0).json();
    assert_eq!((server.invokes().len(), &told["cost"]["unknown_rows"]), (2, &1.into()));
}
