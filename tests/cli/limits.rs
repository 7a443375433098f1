//! `flowbatch limits`: a run is slowed down while it lives, and stays so when it is resumed.
#![cfg(unix)]

use serde_json::{Value, json};

use crate::SERVICE;
use crate::support::{Bench, Emulator, Running, rows_of, until};

/// The most rows in flight once what was on the wire at a change has ended: from where they are `limit` on.
fn most_in_flight_after(events: &[Value], change: usize, limit: usize) -> usize {
    let (mut in_flight, mut most) = (0_usize, None);
    for (place, event) in events.iter().enumerate() {
        match event["e"].as_str().unwrap() {
            "intended" => in_flight += 1,
            "answered" => in_flight -= 1,
            _ => {}
        }
        if most.is_some() || (place > change && in_flight <= limit) {
            most = most.max(Some(in_flight));
        }
    }
    most.unwrap()
}

#[test]
fn a_run_is_slowed_down_while_it_lives() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, &SERVICE.replace("1ms..15ms", "150ms"));
    bench.dataset(400);
    bench.job(&service.url, "sync", "limits: {concurrency: 16}\n");
    let running = Running::start(bench.command(["run", "job.yaml", "--json"]));
    until("rows are at the service", || service.accepted().len() >= 16);
    let changed = bench.run(&["limits", "latest", "--concurrency", "2"]).exits(0);
    assert_eq!(changed.stdout, "concurrency 2 is in force\n");
    let so_far = service.accepted().len();
    until("some more are sent", || service.accepted().len() >= so_far + 24);
    running.signal("INT");
    let told = running.end().exits(5).json();
    let journal = bench.run_dir().join("journal.jsonl");
    let events = rows_of(&journal);
    let change = events.iter().position(|event| event["e"] == "settings_changed").unwrap();
    let said = ["by", "key", "from", "to"].map(|field| events[change][field].clone());
    assert_eq!(said, [json!("limits"), json!("limits.concurrency"), json!(16), json!("2")]);
    assert_eq!(most_in_flight_after(&events, change, 2), 2);
    assert!(!bench.run_dir().join("control.json").exists());
    let dead = bench.run(&["limits", "latest", "-j", "400"]).exits(2);
    dead.says(&["no process works on this run", "--set limits.concurrency=400"]);
    bench.run(&["resume", "--set", "limits.concurrency={max: 64, adaptive: true}"]).exits(0);
    let events = rows_of(&journal);
    let started: Vec<_> = events.iter().filter(|event| event["e"] == "process_started").collect();
    assert_eq!(told["verdict"]["reason"], "interrupted");
    assert_eq!(started[1]["settings"]["limits"]["concurrency"], json!({"max": 64, "adaptive": true}));
    let report = bench.report();
    assert_eq!((&report["concurrency"]["max"], &report["concurrency"]["lowest"]), (&json!(64), &json!(8)));
    assert_eq!(bench.outcomes(), ["succeeded"; 400]);
}

#[test]
fn a_runs_rate_is_lowered_while_it_lives_and_no_window_holds_more() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    bench.dataset(60);
    bench.job(&service.url, "sync", "limits: {rate: {invoke: 60/2s, poll: 100/s}, concurrency: 8}\n");
    let running = Running::start(bench.command(["run", "job.yaml", "--json"]));
    until("rows are at the service", || service.accepted().len() >= 10);
    let changed = bench.run(&["limits", "latest", "--rate", "10/2s"]).exits(0);
    assert_eq!(changed.stdout, "rate 10/2s is in force\n");
    // One of these may have been on its way.
    let before = service.accepted().len() + 1;
    until("some more are sent", || service.accepted().len() >= before + 4);
    running.signal("INT");
    running.end().exits(5);
    bench.run(&["limits", "latest", "--rate", "9/s"]).exits(2).says(&["--set limits.rate.invoke=9/s"]);
    let stopped = service.accepted().len();
    bench.run(&["resume", "--set", "limits.deadline=3s"]).exits(5);
    let at: Vec<_> = service.accepted().iter().map(|line| line["t_ms"].as_u64().unwrap()).collect();
    assert!(stopped < at.len() && at.len() < 60, "{stopped}, {}", at.len());
    for last in before..at.len() {
        // A busy machine may delay one request by more than another.
        let within = at[..=last].iter().filter(|t| **t + 1_800 > at[last]).count();
        assert!(within <= 10, "{within} in a window of 10/2s");
    }
    let events = rows_of(&bench.run_dir().join("journal.jsonl"));
    let change = events.iter().find(|event| event["e"] == "settings_changed").unwrap();
    assert_eq!(change["from"], json!({"invoke": "60/2s", "poll": "100/s"}));
    let resumed = events.iter().rfind(|event| event["e"] == "process_started").unwrap();
    assert_eq!(resumed["settings"]["limits"]["rate"], json!({"invoke": "10/2s", "poll": "100/s"}));
}

#[test]
fn limits_asks_for_what_is_to_be_changed() {
    let bench = Bench::new();
    for wrong in [
        &["limits"][..],
        &["limits", "-j", "0"],
        &["limits", "-j", "10001"],
        &["limits", "--rate", "0/min"],
        &["limits", "--rate", "many"],
    ] {
        bench.run(wrong).exits(2);
    }
    bench.run(&["limits", "-j", "5"]).exits(2).says(&["no run"]);
}

#[test]
fn a_service_that_is_never_reached_stops_the_run_and_fails_no_row() {
    let bench = Bench::new();
    bench.dataset(30);
    // Taken, and let go: nobody listens there.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let limits = "limits: {concurrency: 8, retry: {backoff: 1ms..5ms}}\n";
    bench.job(&format!("http://{address}"), "sync", limits);
    let told = bench.run(&["run", "job.yaml", "--json"]).exits(3).json();
    assert_eq!((&told["verdict"]["reason"], &told["rows"]["not_run"]), (&json!("network"), &json!(30)));
    assert!(told["verdict"]["message"].as_str().unwrap().contains("workflow.base_url"));
    assert!(told["invokes"].as_u64().unwrap() <= 15 + 8, "{}", told["invokes"]);
    // It was mended: the same run goes on, with every attempt still there.
    let service = Emulator::serve_with(&bench, SERVICE, &["--port", &address.port().to_string()]);
    bench.run(&["resume"]).exits(0);
    assert_eq!(service.executed().len(), 30);
}
