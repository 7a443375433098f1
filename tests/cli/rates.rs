//! Rates and pauses, with the service's own books as the witness: across processes, storms, resumes.

use std::path::Path;

use serde_json::{Value, json};

use crate::SERVICE;
use crate::support::hostile::{Hostile, response, succeeded};
use crate::support::{Bench, Emulator, Running, by_user};

/// A job over `rows` rows with these limits.
fn job(bench: &Bench, url: &str, mode: &str, rows: usize, limits: &str) {
    bench.dataset(rows);
    bench.job(url, mode, &format!("limits: {{{limits}}}\n"));
}

/// The most that the service accepted in any window of so many ms, by its own clock.
fn most_in(accepted: &[Value], window_ms: u64) -> usize {
    let mut at: Vec<_> = accepted.iter().map(|line| line["t_ms"].as_u64().unwrap()).collect();
    at.sort_unstable();
    let within = |(index, start)| at[index..].iter().take_while(|t| **t < start + window_ms).count();
    at.iter().copied().enumerate().map(within).max().unwrap_or(0)
}

/// How many rate files there are, and whether one of them shows the key.
fn rate_files(bench: &Bench) -> usize {
    let Ok(files) = bench.path("state/flowbatch/rates").read_dir() else { return 0 };
    let paths = files.map(|file| file.unwrap().path());
    let shows_key = |path: &Path| {
        format!("{}{}", path.display(), std::fs::read_to_string(path).unwrap()).contains("app-test-key")
    };
    paths.inspect(|path| assert!(!shows_key(path), "{}", path.display())).count()
}

#[test]
fn the_service_sees_no_window_above_the_rate_across_two_runs_of_a_key_a_storm_and_a_resume() {
    let bench = Bench::new();
    let storm = "faults_for: {\"fb-.*-5\": [throttled, throttled, none]}\n\
                 behaviour: {fault: {retry_after: 1s}}\n";
    let service = Emulator::serve(&bench, &format!("{SERVICE}{storm}"));
    job(&bench, &service.url, "sync", 14, "rate: 20/10s");
    let other = Running::start(bench.command(["run", "job.yaml", "--id", "other", "-o", "elsewhere"]));
    bench.run(&["run", "job.yaml", "--id", "r", "--set", "limits.deadline=3s"]).exits(5);
    bench.run(&["resume", "r", "--set", "limits.deadline=1h"]).exits(0);
    other.end().exits(0);
    let accepted = service.accepted();
    assert_eq!((by_user(&accepted).len(), accepted.len()), (28, 28), "each row once");
    let most = most_in(&accepted, 10_000);
    assert!(most <= 20, "{most} requests in ten seconds, and 20 are allowed");
    assert_eq!(rate_files(&bench), 1);
}

#[test]
fn what_one_process_has_used_up_no_other_of_its_key_is_given() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    // Three requests, and then one in half an hour: the first of them asks whether the key is taken.
    job(&bench, &service.url, "async", 9, "rate: {shared: 2/h, burst: 4}, deadline: 1s");
    bench
        .run(&["run", "job.yaml", "--id", "r"])
        .exits(5)
        .says(&["at 2/h of all requests at most (9 h 0 min or more)"]);
    assert!(!service.accepted().is_empty());
    for command in
        [&["resume", "r"][..], &["run", "job.yaml", "--id", "s", "-o", "elsewhere"], &["resume", "r"]]
    {
        bench.run(command).exits(5);
    }
    let sent = service.accepted().len();
    assert!(sent <= 3, "{sent} rows: a resume or another run has been given a burst of its own");
    let key = [("GPTBOTS_API_KEY", "app-test-key-0002")];
    bench.run_with(&key, &["run", "job.yaml", "--id", "t", "-o", "elsewhere"]).exits(5);
    assert!(service.accepted().len() > sent, "another key has a rate of its own");
    assert_eq!(rate_files(&bench), 2);
}

#[test]
fn without_a_folder_for_it_a_run_keeps_its_own_rate_and_a_resume_sends_nothing_at_once() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    job(&bench, &service.url, "sync", 9, "rate: {invoke: 2/h, burst: 4}, deadline: 2s");
    bench.write("state", "a file, not a folder");
    let said = &["`limits.rate` is kept by this run alone"];
    bench.run(&["run", "job.yaml", "--id", "r"]).exits(5).says(said);
    assert!(!service.accepted().is_empty());
    bench.run(&["resume", "r"]).exits(5).says(said);
    let sent = service.accepted().len();
    assert!(sent <= 3, "{sent} rows: the resume has been given a burst of its own");
}

#[test]
fn without_a_rate_nothing_is_kept_outside_of_the_run_folder() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    job(&bench, &service.url, "sync", 3, "concurrency: 2");
    let ended = bench.run(&["run", "job.yaml"]).exits(0);
    assert!(!bench.path("state").exists() && !ended.stderr.contains("at most"), "{}", ended.stderr);
}

#[test]
fn the_report_names_the_rate() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    job(&bench, &service.url, "sync", 3, "rate: {invoke: 9000/min, poll: 100/s}");
    bench.run(&["run", "job.yaml"]).exits(0).says(&["at 9000/min, polls 100/s at most (a second or more)"]);
    let notes = bench.report()["notes"].to_string();
    assert!(notes.contains("requests were held to 9000/min, polls 100/s (`limits.rate`)"), "{notes}");
    let journal = bench.read(bench.run_dir().join("journal.jsonl"));
    assert!(journal.contains(r#""rate":{"invoke":"9000/min","poll":"100/s"}"#));
}

/// A service that asks to slow down at row 2, once, with these headers.
fn slow(headers: &'static str) -> Hostile {
    let asked = std::sync::atomic::AtomicBool::new(false);
    Hostile::serve(move |request| {
        if request.row() == 2 && !asked.swap(true, std::sync::atomic::Ordering::SeqCst) {
            return response("429 Too Many Requests", headers, r#"{"code":40001,"message":"slow down"}"#);
        }
        succeeded(&format!("r{}", request.row()), &json!({"n": request.row()}))
    })
}

#[test]
fn a_pause_beyond_the_bound_suspends_the_run_and_says_when_to_resume() {
    for (headers, allowed, told) in [
        ("Retry-After: 601\r\n", "10m", "for 601 s on end, and `limits.throttle` allows 600 s: resume at 2"),
        ("Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n", "10m", "for 86400 s on end"),
        ("Retry-After: 3\r\n", "2s", "for 3 s on end, and `limits.throttle` allows 2 s"),
        ("RateLimit: \"day\";r=0;t=7200\r\n", "1h", "for 7200 s on end"),
        ("X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 4000\r\n", "1h", "for 4000 s on end"),
    ] {
        let bench = Bench::new();
        let server = slow(headers);
        job(&bench, &server.url, "sync", 5, &format!("concurrency: 1, throttle: {{longest: {allowed}}}"));
        let report = bench.run(&["run", "job.yaml", "--id", "r", "--json"]).exits(5).json();
        let verdict = &report["verdict"];
        assert_eq!((&verdict["reason"], &verdict["retry"]), (&"throttled".into(), &"resume".into()));
        assert!(verdict["message"].as_str().unwrap().contains(told), "{headers}: {verdict}");
        assert_eq!((&report["throttled"], &report["attempts"]), (&1.into(), &1.into()), "{headers}");
        let report = bench.run(&["resume", "r", "--json"]).exits(0).json();
        assert_eq!((&report["attempts"], server.sends(5)), (&5.into(), vec![1, 2, 1, 1, 1]), "{headers}");
    }
}

#[test]
fn a_pause_within_the_bound_is_waited_for_and_is_no_attempt() {
    for headers in
        ["Retry-After: 1\r\n", "retry-after-ms: 1000\r\n", "RateLimit: limit=9, remaining=0, reset=1\r\n"]
    {
        let bench = Bench::new();
        let server = slow(headers);
        job(&bench, &server.url, "sync", 5, "concurrency: 1, retry: {attempts: 1}");
        let report = bench.run(&["run", "job.yaml", "--json"]).exits(0).json();
        assert_eq!((&report["throttled"], &report["attempts"]), (&1.into(), &5.into()), "{headers}");
        assert!(report["wall_ms"].as_u64().unwrap() >= 1_000, "{headers}: {}", report["wall_ms"]);
    }
}
