//! Ctrl-C, SIGTERM, deadlines and halts: what is on its way is finished or kept, and the run goes on later.
#![cfg(unix)]

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::SERVICE;
use crate::support::hostile::{Act, Hostile, ok, response, succeeded};
use crate::support::{Bench, Emulator, Running, by_user, until};

fn events(bench: &Bench, name: &str) -> usize {
    let Ok(runs) = fs::read_dir(bench.path("runs/job")) else { return 0 };
    let dirs = runs.flatten().map(|entry| entry.path()).filter(|path| !path.ends_with("latest"));
    let texts = dirs.filter_map(|dir| fs::read_to_string(dir.join("journal.jsonl")).ok());
    texts.map(|text| text.matches(&format!("\"e\":\"{name}\"")).count()).sum()
}

fn slow(latency: &str) -> String {
    SERVICE.replace("1ms..15ms", latency)
}

fn is_interrupted(told: &Value) {
    assert_eq!(
        (&told["verdict"]["reason"], &told["verdict"]["retry"]),
        (&"interrupted".into(), &"resume".into())
    );
    assert_eq!((&told["exit_code"], &told["complete"]), (&5.into(), &false.into()));
}

#[test]
fn ctrl_c_lets_sync_rows_on_the_wire_finish_and_resume_does_the_rest() {
    for signal in ["INT", "TERM", "HUP"] {
        let bench = Bench::new();
        let service = Emulator::serve(&bench, &slow("300ms"));
        bench.dataset(12);
        bench.job(&service.url, "sync", "limits: {concurrency: 4}\n");
        let running = Running::start(bench.command(["run", "job.yaml", "--json"]));
        until("rows are at the service", || service.accepted().len() >= 4);
        running.signal(signal);
        let told = running.end().exits(5).json();
        is_interrupted(&told);
        let sent = service.accepted().len();
        assert_eq!(
            (&told["rows"]["succeeded"], &told["rows"]["in_doubt"]),
            (&sent.into(), &0.into()),
            "{signal}"
        );
        assert!(sent < 12);
        let ended = bench.run_next(told["verdict"]["next"].as_str().unwrap());
        ended.exits(0);
        assert_eq!(by_user(&service.executed()).len(), 12);
        assert_eq!(service.executed().len(), 12);
    }
}

#[test]
fn ctrl_c_leaves_accepted_rows_to_resume_which_only_asks_for_them() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, &slow("900ms"));
    bench.dataset(9);
    bench.job(&service.url, "async", "limits: {concurrency: 4}\n");
    let running = Running::start(bench.command(["run", "job.yaml", "--json"]));
    until("rows are accepted", || events(&bench, "attached") >= 4);
    running.signal("INT");
    let told = running.end().exits(5).json();
    is_interrupted(&told);
    assert_eq!(told["rows"]["succeeded"], 0, "it did not wait for them");
    let sent = service.accepted().len();
    assert_eq!(sent, 4);
    bench.run_next(told["verdict"]["next"].as_str().unwrap()).exits(0);
    assert_eq!(bench.outcomes(), ["succeeded"; 9]);
    assert_eq!(service.accepted().len(), 9);
    assert_eq!(by_user(&service.accepted()).len(), 9);
}

fn hangs() -> Hostile {
    Hostile::serve(|request| if request.row() <= 3 { Act::Hang } else { succeeded("r", &json!({})) })
}

#[test]
fn a_second_ctrl_c_stops_at_once_and_leaves_rows_in_doubt() {
    let bench = Bench::new();
    let server = hangs();
    bench.dataset(6);
    bench.job(&server.url, "sync", "limits: {concurrency: 3, drain: 50s}\n");
    let running = Running::start(bench.command(["run", "job.yaml", "--json"]));
    until("rows are at the service", || server.invokes().len() == 3);
    running.signal("INT");
    until("it has heard", || events(&bench, "stopped") == 1);
    running.signal("INT");
    let told = running.end().exits(5).json();
    is_interrupted(&told);
    assert_eq!((&told["rows"]["in_doubt"], &told["rows"]["not_run"]), (&3.into(), &3.into()));
    bench.run(&["resume"]).exits(1);
    assert_eq!(server.sends(6), [1; 6], "what may have run is not sent again");
    // In doubt is a word that the user may settle.
    let told = bench.run(&["report", "--format", "json"]).exits(0).json();
    assert_eq!(told["rows"]["in_doubt"], 3);
}

#[test]
fn a_drain_has_an_end_off_a_terminal() {
    let bench = Bench::new();
    let server = hangs();
    bench.dataset(6);
    bench.job(&server.url, "sync", "limits: {concurrency: 3, drain: 100ms}\n");
    let running = Running::start(bench.command(["run", "job.yaml", "--json"]));
    until("rows are at the service", || server.invokes().len() == 3);
    running.signal("TERM");
    let told = running.end().exits(5).json();
    assert_eq!((&told["rows"]["in_doubt"], &told["rows"]["not_run"]), (&3.into(), &3.into()));
}

#[test]
fn ctrl_c_is_heard_while_the_key_is_being_verified() {
    let bench = Bench::new();
    let server = Hostile::serve_all(|_| Act::Hang);
    bench.dataset(2);
    bench.job(&server.url, "sync", "");
    let mut running = Running::start(bench.command(["run", "job.yaml"]));
    until("the key is asked for", || server.requests("/verify").len() == 1);
    running.signal("INT");
    let ended = running.end_within(Duration::from_secs(10));
    assert_eq!(ended.code, Some(5), "{ended:?}");
    assert!(server.invokes().is_empty());
}

#[test]
fn a_deadline_ends_the_process_and_the_run_goes_on_later() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, &slow("300ms"));
    bench.dataset(12);
    bench.job(&service.url, "sync", "limits: {concurrency: 2, deadline: 1s}\n");
    let told = bench.run(&["run", "job.yaml", "--json"]).exits(5).json();
    assert_eq!(
        (&told["verdict"]["reason"], &told["verdict"]["retry"]),
        (&"deadline".into(), &"resume".into())
    );
    assert_eq!(told["rows"]["in_doubt"], 0);
    bench.run(&["resume", "--set", "limits.deadline=1h"]).exits(0);
    assert_eq!(service.executed().len(), 12);
}

#[test]
fn a_halt_rule_exits_4_and_says_how_to_go_on() {
    let bench = Bench::new();
    let server = Hostile::serve(|request| {
        if request.row() <= 4 {
            ok(&json!({"code": 40000, "message": "no"}))
        } else {
            succeeded("r", &json!({}))
        }
    });
    bench.dataset(9);
    bench.job(&server.url, "sync", "limits: {concurrency: 1, halt: {failures: 2, after: 0}}\n");
    let told = bench.run(&["run", "job.yaml", "--json"]).exits(4).json();
    assert_eq!((&told["verdict"]["reason"], &told["verdict"]["retry"]), (&"halt".into(), &"fix".into()));
    assert!(told["rows"]["not_run"].as_u64().unwrap() > 0);
    let ended = bench.run(&["resume", "--set", "limits.halt=none"]).exits(1);
    assert!(ended.stdout.contains('4'), "{}", ended.stdout);
    assert_eq!(server.sends(9), [1; 9]);
}

#[test]
fn ctrl_c_is_heard_while_the_run_only_waits() {
    for status in ["429 Slow", "503 Busy"] {
        let bench = Bench::new();
        let server = Hostile::serve(move |_| response(status, "Retry-After: 50", ""));
        bench.dataset(6);
        bench.job(&server.url, "sync", "limits: {concurrency: 2, halt: none}\n");
        let mut running = Running::start(bench.command(["run", "job.yaml", "--json"]));
        until("a row is refused", || events(&bench, "refused") >= 1);
        running.signal("INT");
        let told = running.end_within(Duration::from_secs(10)).exits(5).json();
        is_interrupted(&told);
        assert_eq!((&told["rows"]["not_run"], &told["rows"]["failed"]), (&6.into(), &0.into()), "{status}");
    }
}

#[test]
fn a_deadline_passes_while_the_run_only_waits() {
    let bench = Bench::new();
    let server = Hostile::serve(|_| response("429 Slow", "Retry-After: 50", ""));
    bench.dataset(6);
    bench.job(&server.url, "sync", "limits: {concurrency: 2, deadline: 1s}\n");
    let mut running = Running::start(bench.command(["run", "job.yaml", "--json"]));
    let told = running.end_within(Duration::from_secs(10)).exits(5).json();
    assert_eq!(told["verdict"]["reason"], "deadline");
    assert_eq!(told["rows"]["not_run"], 6);
}

#[test]
fn accepted_rows_survive_a_second_ctrl_c_and_are_asked_for_later() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, &slow("1500ms"));
    bench.dataset(4);
    bench.job(&service.url, "async", "limits: {concurrency: 4}\n");
    let mut running = Running::start(bench.command(["run", "job.yaml", "--json"]));
    until("rows are accepted", || events(&bench, "attached") >= 4);
    running.signal("INT");
    running.signal("INT");
    let ended = running.end_within(Duration::from_secs(10));
    assert_eq!(ended.code, Some(5), "{ended:?}");
    bench.run(&["resume"]).exits(0);
    assert_eq!((service.accepted().len(), bench.outcomes()), (4, vec!["succeeded".to_owned(); 4]));
}

#[test]
fn ctrl_c_while_results_are_derived_leaves_them_whole() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    bench.dataset(400);
    bench.job(&service.url, "sync", "limits: {concurrency: 32}\n");
    bench.run(&["run", "job.yaml"]).exits(0);
    let whole = std::fs::read(bench.run_dir().join("results.jsonl")).unwrap();
    let left = || {
        let names = std::fs::read_dir(bench.run_dir()).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().ends_with(".tmp")).count()
    };
    for _ in 0..8 {
        let mut running = Running::start(bench.command(["report"]));
        until("files are being written", || left() > 0 || running.is_over());
        running.signal("INT");
        let ended = running.end();
        assert!(matches!(ended.code, Some(0 | 5)), "{ended:?}");
        assert_eq!(std::fs::read(bench.run_dir().join("results.jsonl")).unwrap(), whole);
        assert_eq!(left(), 0);
    }
}
