//! Schedules: what they mean, shown and written for others.

use std::process::Command;

use serde_json::json;

use crate::SERVICE;
use crate::support::{Bench, Emulator};

const DAILY: &str = "schedule: {cron: '30 2 * * *', time_zone: Europe/Rome}\n";

#[test]
fn a_preview_shows_the_slots_and_both_changes_of_the_clock() {
    let bench = Bench::new();
    bench.dataset(1);
    bench.job("http://127.0.0.1:1", "sync", DAILY);
    let preview = ["schedule", "preview", "job.yaml", "--from", "2026-10-24T00:30:00Z", "--count", "3"];
    let shown = bench.run(&[&preview[..], &["--json"]].concat()).exits(0).json();
    let slot = |slot: &str, local: &str, note: Option<&str>| json!({"slot": slot, "local": local, "note": note, "manifest": "job", "time_zone": "Europe/Rome"});
    let once = Some("this time comes twice: runs the first time only");
    assert_eq!(
        shown["slots"],
        json!([
            slot("2026-10-24T00:30:00Z", "2026-10-24T02:30:00+02:00", None),
            slot("2026-10-25T00:30:00Z", "2026-10-25T02:30:00+02:00", once),
            slot("2026-10-26T01:30:00Z", "2026-10-26T02:30:00+01:00", None),
        ])
    );
    let changes = &shown["clock_changes"];
    assert_eq!(changes[0]["slots"][0]["slot"], "2026-10-25T00:30:00Z");
    assert_eq!(changes[0]["note"], "02:30 comes twice, and runs the first time only");
    assert_eq!(changes[1]["at"], "2027-03-28T01:00:00Z");
    assert_eq!(changes[1]["note"], "02:30 does not exist, and runs at 03:00");
    let text = bench.run(&preview).exits(0).stdout;
    for part in [
        "SLOT                  LOCAL TIME                   NOTE\n",
        "2026-10-25T00:30:00Z  Sun 2026-10-25 02:30 +02:00  this time comes twice",
        "Europe/Rome 2027-03-28 03:00: the clock is put forward by 1h, from +01:00 to +02:00\n  02:30 does not exist, and runs at 03:00\n",
    ] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    bench.job("http://127.0.0.1:1", "sync", &DAILY.replace('}', ", dst: literal}"));
    let text = bench.run(&preview).exits(0).stdout;
    assert!(text.contains("02:30 comes twice, and runs both times"), "{text}");
    assert!(text.contains("02:30 does not exist, and is left out"), "{text}");
}

#[test]
fn several_manifests_are_shown_in_the_order_of_time() {
    let bench = Bench::new();
    bench.dataset(1);
    bench.job(
        "http://127.0.0.1:1",
        "sync",
        "schedule: {cron: '0 6 * * *', time_zone: Asia/Tokyo, ends: 2026-12-02}\n",
    );
    let first = bench.read("job.yaml").replace("name: job", "name: tokyo");
    bench.write("tokyo.yaml", first);
    bench.job("http://127.0.0.1:1", "sync", "schedule: {cron: '0 */6 * * *', time_zone: UTC, jitter: 5m}\n");
    let preview = [
        "schedule",
        "preview",
        "job.yaml",
        "tokyo.yaml",
        "--from",
        "2026-12-01T00:00:00Z",
        "--count",
        "4",
        "--json",
    ];
    let shown = bench.run(&preview).exits(0).json();
    let names: Vec<_> = shown["slots"]
        .as_array()
        .unwrap()
        .iter()
        .map(|slot| (slot["manifest"].as_str().unwrap(), slot["slot"].as_str().unwrap()))
        .collect();
    assert_eq!(
        names,
        [
            ("job", "2026-12-01T00:00:00Z"),
            ("job", "2026-12-01T06:00:00Z"),
            ("job", "2026-12-01T12:00:00Z"),
            ("job", "2026-12-01T18:00:00Z"),
        ]
    );
    assert!(shown["slots"][0]["start"].as_str().unwrap() < "2026-12-01T00:05:00Z");
    let text = bench.run(&[
        "schedule",
        "preview",
        "tokyo.yaml",
        "job.yaml",
        "--from",
        "2026-12-01T20:00:00Z",
        "--count",
        "3",
    ]);
    let text = text.exits(0).stdout;
    assert!(text.contains("2026-12-01T21:00:00Z  Wed 2026-12-02 06:00 +09:00"), "{text}");
    assert!(text.contains("none in Asia/Tokyo"), "{text}");
    // A schedule that ends has no more slots than it has.
    bench
        .run(&["schedule", "preview", "tokyo.yaml", "--from", "2026-12-01T20:00:00Z"])
        .exits(0)
        .says(&["tokyo: ends at 2026-12-02T23:59:59+09:00"]);
}

#[test]
fn a_manifest_without_a_schedule_or_with_a_wrong_one_is_a_mistake() {
    let bench = Bench::new();
    bench.dataset(1);
    bench.job("http://127.0.0.1:1", "sync", "");
    for command in [
        &["schedule", "preview", "job.yaml"][..],
        &["schedule", "export", "job.yaml", "--to", "systemd"],
        &["schedule", "slot", "job.yaml"],
    ] {
        bench.run(command).exits(2).says(&["job.yaml: the manifest has no `schedule`"]);
    }
    bench.job("http://127.0.0.1:1", "sync", "schedule: {cron: '0 0 30 2 *', time_zone: Europe/Rom}\n");
    let wrong = ["no such date ever comes", "did you mean `Europe/Rome`?", "2 errors in job.yaml"];
    bench.run(&["schedule", "preview", "job.yaml"]).exits(2).says(&wrong);
    bench.run(&["check", "job.yaml"]).exits(2).says(&wrong);
}

#[test]
fn the_run_of_a_slot_is_sent_once_however_often_it_is_started() {
    let bench = Bench::new();
    bench.dataset(3);
    let service = Emulator::serve(&bench, SERVICE);
    bench.job(&service.url, "sync", DAILY);
    let slot = |at: &str| bench.run(&["schedule", "slot", "job.yaml", "--at", at]).exits(0).stdout;
    assert_eq!(slot("2026-10-25T00:30:00Z"), "job-20261025T003000Z\n");
    assert_eq!(slot("2026-10-26T01:29:59Z"), "job-20261025T003000Z\n");
    let id = slot("2026-10-26T01:29:59Z");
    for _ in 0..2 {
        bench.run(&["run", "job.yaml", "--id", id.trim()]).exits(0);
    }
    assert_eq!(service.executed().len(), 3);
}

#[test]
fn units_for_systemd_stand_up_to_its_own_check() {
    let bench = Bench::new();
    bench.dataset(1);
    bench.job("http://127.0.0.1:1", "sync", &DAILY.replace('}', ", jitter: 10m}"));
    let written =
        bench.run(&["schedule", "export", "job.yaml", "--to", "systemd", "--into", "units"]).exits(0).stdout;
    let units: Vec<_> = written.lines().map(|path| bench.path(path)).collect();
    assert_eq!(units.len(), 2, "{written}");
    let Ok(checked) = Command::new("systemd-analyze").arg("verify").args(&units).output() else { return };
    let told = String::from_utf8_lossy(&checked.stderr).into_owned();
    let ours: Vec<_> = told.lines().filter(|line| line.contains("flowbatch-job")).collect();
    assert!(ours.is_empty(), "{told}");
}

#[test]
fn an_export_holds_no_secret() {
    let bench = Bench::new();
    bench.dataset(1);
    bench.job("http://127.0.0.1:1", "sync", DAILY);
    for target in ["systemd", "crontab", "kubernetes", "github"] {
        let export = ["schedule", "export", "job.yaml", "--to", target];
        let text = bench.run_with(&[("KEY", "sk-hidden")], &export).exits(0).stdout;
        assert!(!text.contains("sk-hidden"), "{text}");
        assert!(text.contains("job.yaml"), "{text}");
    }
}
