//! Schedules with real processes on the embedded emulator: a slot starts once, whatever dies between.
#![cfg(unix)]

use std::fs;

use serde_json::Value;

use crate::SERVICE;
use crate::support::{Bench, Emulator, Ended, Running, by_user, until};

/// A folder `jobs` with one manifest that is due each hour, for a service that speaks the API.
fn scheduled(url: &str, rows: usize, rest: &str) -> Bench {
    let bench = Bench::new();
    write(&bench, url, rows, rest);
    bench
}

fn write(bench: &Bench, url: &str, rows: usize, rest: &str) {
    bench.dataset(rows);
    fs::create_dir_all(bench.path("jobs")).unwrap();
    fs::rename(bench.path("rows.csv"), bench.path("jobs/rows.csv")).unwrap();
    bench.write(
        "jobs/job.yaml",
        format!(
            "version: 1\nname: job\nworkflow:\n  provider: gptbots\n  base_url: {url}\n  mode: sync\n\
             dataset: {{path: rows.csv, key: id}}\n\
             input: {{text: \"{{{{row.text}}}} {{{{schedule.slot}}}} {{{{schedule.previous_slot}}}}\"}}\n\
             schedule: {{cron: \"0 * * * *\", time_zone: UTC{rest}}}\n"
        ),
    );
}

fn tick(bench: &Bench, now: &str) -> Ended {
    bench.run(&["schedule", "tick", "jobs", "--now", now])
}

fn list(bench: &Bench, now: &str) -> Value {
    bench.run(&["schedule", "list", "jobs", "--json", "--now", now]).exits(0).json()["schedules"][0].clone()
}

fn ledger(bench: &Bench) -> String {
    fs::read_to_string(bench.path("jobs/.schedule/ledger.jsonl")).unwrap_or_default()
}

fn started(bench: &Bench) -> usize {
    ledger(bench).matches("\"e\":\"started\"").count()
}

const BEFORE: &str = "2026-11-24T05:30:00Z";
const DUE: &str = "2026-11-24T06:00:05Z";

#[test]
fn two_ticks_for_one_instant_start_its_slot_once() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    write(&bench, &service.url, 3, "");
    tick(&bench, BEFORE).exits(0);
    assert_eq!(service.accepted().len(), 0, "a schedule counts from when it is first seen");
    tick(&bench, DUE).exits(0);
    tick(&bench, DUE).exits(0);
    tick(&bench, "2026-11-24T06:01:05Z").exits(0);
    assert_eq!(service.executed().len(), 3);
    assert_eq!(started(&bench), 1);
    let run = bench.path("runs/job/job-20261124T060000Z");
    let lock: Value = serde_json::from_slice(&fs::read(run.join("run.lock.json")).unwrap()).unwrap();
    assert_eq!(lock["schedule"]["slot"], "2026-11-24T06:00:00Z");
    assert_eq!(lock["schedule"]["previous_slot"], "2026-11-24T05:00:00Z");
    let rows = fs::read_to_string(run.join("results.jsonl")).unwrap();
    assert!(rows.contains("text 1 2026-11-24T06:00:00Z 2026-11-24T05:00:00Z"), "{rows}");
    let listed = list(&bench, "2026-11-24T06:02:00Z");
    assert_eq!(listed["counts"]["succeeded"], 1);
    assert_eq!(listed["recent"][0]["run_id"], "job-20261124T060000Z");
    assert_eq!(listed["next"][0]["slot"], "2026-11-24T07:00:00Z");
    bench.run(&["report", "job-20261124T060000Z"]).exits(0);
}

#[test]
fn a_scheduler_that_dies_between_claim_and_start_or_behind_it_starts_the_slot_once() {
    for point in ["slot-claimed", "slot-started"] {
        let bench = Bench::new();
        let service = Emulator::serve(&bench, SERVICE);
        write(&bench, &service.url, 4, "");
        tick(&bench, BEFORE).exits(0);
        let dead =
            bench.run_with(&[("FLOWBATCH_FAIL_POINT", point)], &["schedule", "tick", "jobs", "--now", DUE]);
        assert_eq!(dead.code, None, "{point}: it died");
        let claimed = ledger(&bench);
        assert!(claimed.contains("\"e\":\"claimed\"") && !claimed.contains("\"e\":\"finished\""));
        // The process that the dead one may have left goes on by itself, and holds its run's lock.
        until("the slot is finished", || {
            tick(&bench, "2026-11-24T06:03:00Z").exits(0);
            ledger(&bench).contains("\"e\":\"finished\"")
        });
        assert_eq!(by_user(&service.executed()).len(), 4, "{point}");
        assert_eq!(service.executed().len(), 4, "{point}: nothing is paid for twice");
        assert_eq!(list(&bench, DUE)["counts"]["succeeded"], 1);
        let entries = fs::read_dir(bench.path("runs/job")).unwrap();
        let names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        let runs = names.iter().filter(|name| name.starts_with("job-"));
        assert_eq!(runs.collect::<Vec<_>>(), ["job-20261124T060000Z"]);
    }
}

#[test]
fn serve_runs_a_manual_slot_drains_when_it_is_stopped_and_the_next_tick_goes_on() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, &SERVICE.replace("1ms..15ms", "300ms"));
    write(&bench, &service.url, 30, "");
    let serve = Running::start(bench.command(["schedule", "serve", "jobs"]));
    until("it has taken the schedule in", || ledger(&bench).contains("registered"));
    bench.run(&["schedule", "serve", "jobs"]).exits(3).says(&["another scheduler works on"]);
    tick(&bench, DUE).exits(0);
    let asked = bench.run(&["schedule", "run-now", "job", "jobs"]).exits(0);
    assert!(asked.stdout.contains("asked of the scheduler"), "{}", asked.stdout);
    until("rows are at the service", || service.accepted().len() >= 2);
    serve.signal("TERM");
    serve.end().exits(0);
    let sent = service.executed().len();
    assert!(sent < 30, "it was stopped on the way");
    assert!(ledger(&bench).contains("\"e\":\"interrupted\""));
    bench.run(&["schedule", "tick", "jobs"]).exits(0);
    assert_eq!(service.executed().len(), 30);
    assert_eq!(by_user(&service.executed()).len(), 30);
    assert!(ledger(&bench).contains("\"e\":\"finished\""));
}

#[test]
fn a_paused_schedule_misses_what_comes_due_and_says_so() {
    let bench = scheduled("http://127.0.0.1:9", 1, "");
    let ask = |what: &str, now: &str| bench.run(&["schedule", what, "job", "jobs", "--now", now]).exits(0);
    assert!(ask("pause", BEFORE).stdout.contains("job is paused"));
    assert!(ask("pause", BEFORE).stdout.contains("paused already"));
    tick(&bench, DUE).exits(0).says(&["2026-11-24T06:00:00Z missed: the schedule was paused"]);
    ask("resume", "2026-11-24T07:30:00Z");
    tick(&bench, "2026-11-24T07:30:01Z").exits(0).says(&["2026-11-24T07:00:00Z missed"]);
    assert_eq!(started(&bench), 0);
    let text = bench.run(&["schedule", "list", "jobs", "--now", "2026-11-24T07:31:00Z"]).exits(0).stdout;
    assert!(text.contains("2 missed") && text.contains("next      2026-11-24T08:00:00Z"), "{text}");
    bench.run(&["schedule", "pause", "nobody", "jobs"]).exits(2).says(&["there are: job"]);
}

#[test]
fn old_runs_make_room_and_leave_behind_what_they_cost() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    write(&bench, &service.url, 1, ", keep: {succeeded: 1}");
    for now in [BEFORE, DUE, "2026-11-24T07:00:05Z", "2026-11-24T08:00:05Z"] {
        tick(&bench, now).exits(0);
    }
    let files = |run: &str| {
        let entries = fs::read_dir(bench.path("runs/job").join(run)).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    for old in ["job-20261124T060000Z", "job-20261124T070000Z"] {
        assert_eq!(files(old), ["report.json", "run.lock.json"]);
    }
    assert!(files("job-20261124T080000Z").contains(&"journal.jsonl".to_owned()));
    // Its id is taken for ever: what was paid for is not begun anew.
    bench
        .run(&["run", "jobs/job.yaml", "--id", "job-20261124T060000Z", "--slot", "2026-11-24T06:00:00Z"])
        .exits(3);
    assert_eq!(service.executed().len(), 3);
}

#[test]
fn a_manifest_that_breaks_keeps_the_schedule_it_had_and_is_told() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    write(&bench, &service.url, 1, "");
    let good = bench.read("jobs/job.yaml");
    tick(&bench, BEFORE).exits(0);
    bench.write("jobs/job.yaml", format!("{good}oops: 1\n"));
    tick(&bench, DUE).exits(2).says(&["oops"]);
    assert_eq!(started(&bench), 0);
    bench.write("jobs/job.yaml", &good);
    tick(&bench, "2026-11-24T06:30:05Z").exits(0);
    assert!(ledger(&bench).contains("caught_up"), "its slot is late, and not lost");
    assert_eq!(service.executed().len(), 1);
}

#[test]
fn a_run_outside_of_a_schedule_is_told_how_to_name_a_slot() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    write(&bench, &service.url, 1, "");
    bench.run(&["check", "jobs/job.yaml"]).exits(0);
    bench
        .run(&["run", "jobs/job.yaml"])
        .exits(2)
        .says(&["known only in a run of a schedule's slot", "--slot"]);
    bench.run(&["run", "jobs/job.yaml", "--slot", "2026-01-01T00:00:00Z"]).exits(0);
    assert!(bench.results()[0]["input"]["text"].as_str().unwrap().ends_with("2025-12-31T23:00:00Z"));
}

#[test]
fn keep_leaves_a_run_alone_that_a_person_began_for_a_slot() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    write(&bench, &service.url, 1, ", keep: {succeeded: 1}");
    bench.run(&["run", "jobs/job.yaml", "--id", "mine", "--slot", "2026-11-24T04:00:00Z"]).exits(0);
    for now in [BEFORE, DUE, "2026-11-24T07:00:05Z"] {
        tick(&bench, now).exits(0);
    }
    assert!(!bench.path("runs/job/job-20261124T060000Z/journal.jsonl").exists());
    assert!(bench.path("runs/job/mine/journal.jsonl").exists());
}

#[test]
fn keep_does_not_count_a_copy_of_a_run_as_the_run() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    write(&bench, &service.url, 1, ", keep: {succeeded: 2}");
    for now in [BEFORE, DUE] {
        tick(&bench, now).exits(0);
    }
    let (run, copy) = (bench.path("runs/job/job-20261124T060000Z"), bench.path("runs/job/copy"));
    fs::create_dir(&copy).unwrap();
    for name in ["journal.jsonl", "report.json", "run.lock.json"] {
        fs::copy(run.join(name), copy.join(name)).unwrap();
    }
    tick(&bench, "2026-11-24T07:00:05Z").exits(0);
    assert!(run.join("journal.jsonl").exists() && copy.join("journal.jsonl").exists());
}

#[test]
fn keep_leaves_a_run_alone_whose_judges_are_at_work() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    write(&bench, &service.url, 1, ", keep: {succeeded: 1}");
    for now in [BEFORE, DUE] {
        tick(&bench, now).exits(0);
    }
    let run = bench.path("runs/job/job-20261124T060000Z");
    let judge = run.join("judges/kind/asked");
    fs::create_dir_all(&judge).unwrap();
    fs::write(judge.join("journal.jsonl"), "begun\n").unwrap();
    let held = fs::File::open(judge.join("journal.jsonl")).unwrap();
    held.lock().unwrap();
    tick(&bench, "2026-11-24T07:00:05Z").exits(0);
    assert!(run.join("journal.jsonl").exists() && judge.exists());
    drop(held);
    tick(&bench, "2026-11-24T08:00:05Z").exits(0);
    assert!(!run.join("journal.jsonl").exists());
}

#[test]
fn what_is_asked_for_during_a_drain_stays_for_the_next_scheduler() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, &SERVICE.replace("1ms..15ms", "3s"));
    write(&bench, &service.url, 1, "");
    let serve = Running::start(bench.command(["schedule", "serve", "jobs"]));
    until("it has taken the schedule in", || ledger(&bench).contains("registered"));
    bench.run(&["schedule", "run-now", "job", "jobs"]).exits(0);
    until("a row is at the service", || !service.accepted().is_empty());
    serve.signal("TERM");
    bench.run(&["schedule", "pause", "job", "jobs"]).exits(0);
    serve.end();
    bench.run(&["schedule", "tick", "jobs"]);
    assert!(ledger(&bench).contains("\"e\":\"paused\""));
}

/// A second schedule beside the first.
fn add_other(bench: &Bench) {
    let other = bench.read("jobs/job.yaml").replace("name: job", "name: other");
    bench.write("jobs/other.yaml", other);
}

#[test]
fn run_now_leaves_what_is_asked_of_other_schedules() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    write(&bench, &service.url, 1, "");
    add_other(&bench);
    fs::create_dir_all(bench.path("jobs/.schedule/requests")).unwrap();
    let at = "2026-11-24T05:10:00Z";
    let asked = format!("{{\"schedule\":\"other\",\"request\":\"run_now\",\"at\":\"{at}\"}}");
    bench.write("jobs/.schedule/requests/1.json", asked);
    bench.run(&["schedule", "run-now", "job", "jobs", "--now", BEFORE]).exits(0);
    tick(&bench, BEFORE).exits(0);
    assert!(bench.path("runs/other/other-20261124T051000Z-manual/journal.jsonl").exists());
}

#[test]
fn a_folder_that_cannot_be_read_for_a_while_removes_no_schedule() {
    let bench = scheduled("http://127.0.0.1:9", 1, "");
    let ledger = || fs::read_to_string(bench.path("state/ledger.jsonl")).unwrap_or_default();
    let serve = Running::start(bench.command(["schedule", "serve", "jobs", "--state", "state"]));
    until("it has taken the schedule in", || ledger().contains("registered"));
    fs::rename(bench.path("jobs"), bench.path("away")).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(2_500));
    fs::rename(bench.path("away"), bench.path("jobs")).unwrap();
    assert_eq!(ledger().matches("registered").count(), 1, "{}", ledger());
    fs::remove_file(bench.path("jobs/job.yaml")).unwrap();
    until("what is gone for good is removed", || ledger().matches("registered").count() == 2);
    serve.signal("TERM");
    serve.end();
}

#[test]
fn run_now_holds_no_other_schedule_up() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, &SERVICE.replace("1ms..15ms", "4s"));
    write(&bench, &service.url, 1, "");
    add_other(&bench);
    tick(&bench, BEFORE).exits(0);
    bench.run(&["schedule", "run-now", "job", "jobs", "--now", "2026-11-24T05:59:59Z"]).exits(0);
    assert!(bench.path("runs/other/other-20261124T060000Z/journal.jsonl").exists());
}
