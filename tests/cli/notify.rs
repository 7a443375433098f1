//! Telling someone of a run: what is told, how often, and that a receiver can't harm a run.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::hostile::{Act, Hostile, Request, ok, response, succeeded};
use crate::support::{Bench, CANARY, Ended};

/// A job of three rows that tells `receiver`; `rest` is further YAML.
fn job(receiver: &str, notify: &str, rest: &str) -> (Bench, Hostile) {
    let bench = Bench::new();
    let server = Hostile::serve(|request| succeeded("r", &request.body["input"]));
    bench.dataset(3);
    bench.job(&server.url, "sync", &format!("notify: {{url: '{receiver}/hook', {notify}}}\n{rest}"));
    (bench, server)
}

fn fine(_: &Request) -> Act {
    ok(&json!({}))
}

fn hooks(receiver: &Hostile) -> Vec<Value> {
    receiver.requests("/hook").into_iter().map(|request| request.body).collect()
}

fn run(bench: &Bench, gate: &str, code: i32) -> Ended {
    bench.run(&["run", "job.yaml", "--new", "--set", &format!("gates=['{gate}']")]).exits(code)
}

const BAD: &str = "rows.succeeded >= 9";
const GOOD: &str = "rows.succeeded >= 1";

#[test]
fn what_lasts_is_told_once_and_its_end_once() {
    let receiver = Hostile::serve_all(fine);
    let (bench, _server) = job(&receiver.url, &format!("heartbeat: '{}/beat'", receiver.url), "");
    run(&bench, GOOD, 0);
    assert!(hooks(&receiver).is_empty());
    assert_eq!(receiver.requests("/beat").len(), 1);
    run(&bench, BAD, 4);
    run(&bench, BAD, 4);
    let told = hooks(&receiver);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(receiver.requests("/beat").len(), 1);
    let first = &told[0];
    assert_eq!(
        (&first["event"], &first["manifest"], &first["exit_code"]),
        (&json!("gate_failed"), &json!("job"), &json!(4))
    );
    assert_eq!((&first["rows"]["succeeded"], &first["cost"]["total"]), (&json!(3), &json!("0.75")));
    assert!(first["text"].as_str().unwrap().contains(BAD), "{first}");
    run(&bench, GOOD, 0);
    run(&bench, GOOD, 0);
    let told = hooks(&receiver);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert_eq!((&told[1]["event"], &told[1]["reason"]), (&json!("recovered"), &json!("accepted")));
    assert!(told[1]["text"].as_str().unwrap().contains("before: gate_failed"));
    assert_eq!(receiver.requests("/beat").len(), 3);
    run(&bench, BAD, 4);
    assert_eq!(hooks(&receiver).len(), 3, "after its end it is news again");
}

#[test]
fn nothing_is_silent_when_repeat_is_zero_or_the_memory_is_damaged() {
    let receiver = Hostile::serve_all(fine);
    let (bench, _server) = job(&receiver.url, "repeat: 0s", "");
    run(&bench, BAD, 4);
    run(&bench, BAD, 4);
    assert_eq!(hooks(&receiver).len(), 2);
    let (bench, _server) = job(&receiver.url, "repeat: 1h", "");
    run(&bench, BAD, 4);
    fs::write(bench.path("runs/job/.notify.json"), "{\"format\": 1, \"open\": {\"ga").unwrap();
    run(&bench, BAD, 4);
    assert_eq!(hooks(&receiver).len(), 4);
    assert_eq!(bench.run(&["runs"]).exits(0).stdout.lines().filter(|line| line.contains("job")).count(), 2);
}

#[test]
fn a_receiver_that_fails_changes_nothing_about_the_run() {
    let moved = || response("302 Found", "Location: http://127.0.0.1:9/x", "");
    let answers: [(Act, &str); 2] = [
        (response("403 Forbidden", "", CANARY), "HTTP 403"),
        (moved(), "HTTP 302 (redirects are not followed)"),
    ];
    for (answer, told) in answers {
        let receiver = Hostile::serve_all(move |_| answer.clone());
        let (bench, _server) = job(&receiver.url, "when: [gate_failed]", "");
        for _ in 0..2 {
            let ended =
                run(&bench, BAD, 4).says(&["the notification (gate_failed) could not be delivered", told]);
            assert!(
                !ended.stderr.contains(&receiver.url) && !ended.stderr.contains(CANARY),
                "{}",
                ended.stderr
            );
        }
        assert_eq!(hooks(&receiver).len(), 2, "what was not delivered is told again");
        assert_eq!(bench.report()["rows"]["succeeded"], 3);
    }
    let receiver = Hostile::serve_all(|request| match request.nth {
        0 => response("503 Busy", "", ""),
        _ => ok(&json!({})),
    });
    let (bench, _server) = job(&receiver.url, "", "");
    let ended = run(&bench, BAD, 4);
    assert!(!ended.stderr.contains("notification"), "{}", ended.stderr);
    assert_eq!(hooks(&receiver).len(), 2);
}

#[test]
fn a_stop_is_told_with_its_cause_and_the_way_on() {
    let receiver = Hostile::serve_all(fine);
    let (bench, _server) = job(&receiver.url, "", "limits: {budget: {cost: 0.5, cost_per_row: 0.25}}\n");
    bench.run(&["run", "job.yaml", "--id", "r"]).exits(4);
    let told = hooks(&receiver);
    assert_eq!((told.len(), &told[0]["event"], &told[0]["reason"]), (1, &json!("stopped"), &json!("budget")));
    assert!(told[0]["next"].as_str().unwrap().contains("resume"));
    bench.run(&["resume", "r", "--set", "limits.budget.cost=9"]).exits(0);
    let told = hooks(&receiver);
    assert_eq!((told.len(), &told[1]["event"]), (2, &json!("recovered")));
}

#[test]
fn a_run_that_could_not_begin_is_told() {
    let receiver = Hostile::serve_all(fine);
    let (bench, _server) = job(&receiver.url, "", "require_clean: true\n");
    bench.run(&["run", "job.yaml"]).exits(3);
    let told = hooks(&receiver);
    assert_eq!((told.len(), &told[0]["reason"], &told[0]["run_id"]), (1, &json!("not_clean"), &Value::Null));
}

#[test]
fn a_body_has_the_shape_that_the_receiver_wants() {
    let receiver = Hostile::serve_all(fine);
    let body = "body: {text: '*{{notice.title}}* {{notice.text}}', n: '{{report.rows.succeeded}}', of: '{{vars.team}}', k: [1, '{{run.id}}']}";
    let (bench, _server) = job(&receiver.url, body, "vars: {team: support}\n");
    bench.run(&["run", "job.yaml", "--id", "r", "--set", &format!("gates=['{BAD}']")]).exits(4);
    let told = hooks(&receiver).remove(0);
    assert!(told["text"].as_str().unwrap().starts_with("*job: a gate failed* "), "{told}");
    assert_eq!((&told["n"], &told["of"], &told["k"]), (&json!(3), &json!("support"), &json!([1, "r"])));
    // What is not in this report: the general body goes out.
    let (bench, _server) = job(&receiver.url, "body: {text: '{{report.nowhere.at_all}}'}", "");
    run(&bench, BAD, 4).says(&["`notify.body` can't be rendered, and the general one is sent"]);
    assert_eq!(hooks(&receiver)[1]["event"], "gate_failed");
}

#[test]
fn the_address_and_the_headers_of_a_receiver_stand_nowhere() {
    let receiver = Hostile::serve_all(|_| response("403 Forbidden", "", ""));
    let bench = Bench::new();
    let server = Hostile::serve(|request| succeeded("r", &request.body["input"]));
    bench.dataset(2);
    let notify = format!(
        "notify: {{url: '{}/${{TOKEN}}/hook', headers: {{Authorization: 'Bearer ${{TOKEN}}'}}, heartbeat: '${{BEAT}}'}}\n\
         gates: ['rows.succeeded >= 9']\n",
        receiver.url
    );
    bench.job(&server.url, "sync", &notify);
    let beat = format!("http://127.0.0.1:1/{CANARY}");
    let variables = [("TOKEN", CANARY), ("BEAT", beat.as_str())];
    let bad = bench.run_with(&variables, &["run", "job.yaml", "--id", "r", "-vvv"]).exits(4);
    assert_eq!(receiver.requests("/hook")[0].authorization, format!("Bearer {CANARY}"));
    let report = bench.run_with(&variables, &["report", "r", "--format", "json"]);
    let plan = bench.run_with(&variables, &["check", "job.yaml"]).exits(0);
    for text in [&bad.stdout, &bad.stderr, &report.stdout, &report.stderr, &plan.stdout, &plan.stderr] {
        assert!(!text.contains("CANARY"), "{text}");
    }
    nowhere(&bench.path("runs"));
    assert!(bench.run(&["run", "job.yaml"]).exits(2).stderr.contains("`TOKEN` is not set"));
}

/// Checks that no file below a folder holds the canary.
fn nowhere(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            nowhere(&path);
        } else {
            let bytes = fs::read(&path).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains("CANARY"), "{}", path.display());
        }
    }
}

#[test]
fn mistakes_in_notify_are_told_where_they_stand() {
    let bench = Bench::new();
    bench.dataset(1);
    for (notify, parts) in [
        ("{url: 'https://x.example/?token=canary'}", &["may hold a secret, and may not be written out"][..]),
        ("{url: 'https://x.example/a', when: [gate_faild]}", &["did you mean `gate_failed`?"]),
        ("{url: 'https://x.example/a', when: []}", &["`notify.when` is empty"]),
        ("{repeat: 1h}", &["`notify` tells nobody", "needs `notify.url` beside it"]),
        ("{url: 'https://x.example/a', body: {t: '{{row.text}}'}}", &["no `row.text` in a notification"]),
        ("{url: 'https://x.example/a', body: {t: '{{vars.x}}'}}", &["`vars` has no `x`"]),
        ("{url: 'https://x.example/a', headers: {X: canary}}", &["may not be written out"]),
        ("{url: 'ftp://x', hook: y}", &["unknown key `hook` in `notify`"]),
        ("{heartbeat: 'https://u:canary@x.example/'}", &["may not be written out"]),
    ] {
        bench.job("http://127.0.0.1:1", "sync", &format!("notify: {notify}\n"));
        let told = bench.run(&["check", "job.yaml"]).exits(2).says(parts);
        assert!(!told.stderr.contains("canary"), "{}", told.stderr);
    }
}

#[test]
fn a_slot_that_was_missed_is_told_and_the_next_run_that_is_accepted_recovers() {
    let receiver = Hostile::serve_all(fine);
    let schedule = "schedule: {cron: '0 * * * *', time_zone: UTC, catch_up: none}\n";
    let (bench, _server) = job(&receiver.url, "", schedule);
    let tick = |now: &str| bench.run(&["schedule", "tick", ".", "--now", now]);
    tick("2026-11-24T05:30:00Z").exits(0);
    tick("2026-11-24T08:30:00Z").exits(0);
    let told = hooks(&receiver);
    assert_eq!((told.len(), &told[0]["event"], &told[0]["manifest"]), (1, &json!("missed"), &json!("job")));
    assert!(
        told[0].to_string().contains("3 slots from 2026-11-24T06:00:00Z to 2026-11-24T08:00:00Z missed"),
        "{told:?}"
    );
    tick("2026-11-24T09:00:05Z").exits(0);
    let told = hooks(&receiver);
    assert_eq!((told.len(), &told[1]["event"]), (2, &json!("recovered")), "{told:?}");
}
