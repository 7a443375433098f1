//! `resume --repair`: a damaged journal is made whole, and nobody pays for a row twice because of it.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::hostile::{Act, Hostile, Request, ok, response, succeeded};
use crate::support::{Bench, rows_of};

fn mixed(request: &Request) -> Act {
    match request.row() {
        2 => ok(&json!({"workflowRunId": "f", "status": "FAILED", "totalCost": "0.125"})),
        3 => Act::Reset,
        4 if request.nth == 0 => response("503 Busy", "Retry-After: 0", ""),
        row => succeeded(&format!("r{row}"), &json!({"n": row})),
    }
}

fn run() -> (Bench, Hostile, Vec<String>) {
    let bench = Bench::new();
    let server = Hostile::serve(mixed);
    bench.dataset(6);
    bench.job(
        &server.url,
        "sync",
        "limits: {concurrency: 2, halt: none, retry: {attempts: 3, backoff: 1ms..2ms}}\n",
    );
    bench.run(&["run", "job.yaml", "--id", "r"]).exits(1);
    let lines = bench.read("runs/job/r/journal.jsonl").lines().map(|line| format!("{line}\n")).collect();
    (bench, server, lines)
}

/// A copy of the run whose process died after some lines, and of which one line was damaged since.
fn damaged(bench: &Bench, lines: &[String], end: usize, line: usize) -> PathBuf {
    let copy = bench.path(format!("damaged/{end}-{line}"));
    fs::create_dir_all(&copy).unwrap();
    for name in ["manifest.yaml", "run.lock.json"] {
        fs::copy(bench.path("runs/job/r").join(name), copy.join(name)).unwrap();
    }
    let mut lines = lines[..end].to_vec();
    let (middle, _) = lines[line].split_at(lines[line].len() / 2);
    let mut bytes = middle.as_bytes().to_vec();
    let rest = &lines[line].as_bytes()[middle.len() + 1..];
    bytes.push(b'\x01');
    bytes.extend_from_slice(rest);
    lines[line] = String::from_utf8_lossy(&bytes).into_owned();
    fs::write(copy.join("journal.jsonl"), lines.concat()).unwrap();
    copy
}

/// The name of the last event of a row.
fn last_of(lines: &[String], row: u64) -> Option<String> {
    let mut events = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let last = events.rfind(|event| event["row"] == row)?;
    last["e"].as_str().map(str::to_owned)
}

#[test]
fn whichever_line_is_damaged_no_row_that_was_sent_is_sent_again() {
    let (bench, server, lines) = run();
    // The first two lines are the run's beginning; behind the last of `end` the process died.
    for end in (6..=lines.len()).step_by(3) {
        for line in (2..end - 1).step_by(2) {
            let copy = damaged(&bench, &lines, end, line);
            let path = copy.to_str().unwrap();
            let before = server.invokes().len();
            bench.run(&["resume", path]).exits(3).says(&["damaged at byte", "--repair"]);
            assert_eq!(server.invokes().len(), before);
            let ended = bench.run(&["resume", path, "--repair"]);
            assert!(matches!(ended.code, Some(0 | 1)), "{end}-{line}: {ended:?}");
            assert!(ended.stderr.contains("journal.damaged.jsonl"), "{}", ended.stderr);
            for request in &server.invokes()[before..] {
                let row = request.row();
                let last = last_of(&lines[..end], row);
                let may_be_sent = matches!(last.as_deref(), None | Some("refused" | "withdrawn"));
                assert!(may_be_sent, "{end}-{line}: row {row}, {last:?}, was sent again: {}", ended.stderr);
            }
            assert_eq!(rows_of(&copy.join("results.jsonl")).len(), 6);
        }
    }
}

#[test]
fn what_is_sound_behind_the_damage_is_kept_and_the_damage_is_told() {
    let (bench, server, lines) = run();
    let answered =
        lines.iter().position(|line| line.contains("\"answered\"") && line.contains("\"row\":1,")).unwrap();
    let copy = damaged(&bench, &lines, lines.len(), answered);
    let before = server.invokes().len();
    let path = copy.to_str().unwrap();
    let ended = bench.run(&["resume", path, "--repair", "--json"]).exits(1);
    let ended = ended.says(&["can't be read any more: 1", "dropped", &format!("event {answered}")]);
    assert_eq!(
        ended.json()["rows"],
        json!({"total": 6, "succeeded": 3, "failed": 1, "in_doubt": 2, "rejected": 0, "not_run": 0})
    );
    let outcomes: Vec<_> =
        rows_of(&copy.join("results.jsonl")).iter().map(|row| row["outcome"].clone()).collect();
    assert_eq!(outcomes, ["in_doubt", "failed", "in_doubt", "succeeded", "succeeded", "succeeded"]);
    assert_eq!(server.invokes().len(), before);
    assert_eq!(fs::read(copy.join("journal.damaged.jsonl")).unwrap().len(), lines.concat().len());
    bench.run(&["report", path]).exits(0);
    // Who means to pay again says so.
    bench.run(&["resume", path, "--repair", "--retry", "in_doubt"]).exits(1).says(&["the journal is sound"]);
    assert_eq!(server.invokes().len(), before + 2);
}

#[test]
fn damage_in_the_beginning_is_not_mended() {
    let (bench, server, lines) = run();
    let copy = damaged(&bench, &lines, lines.len(), 1);
    let before = fs::read(copy.join("journal.jsonl")).unwrap();
    bench.run(&["resume", copy.to_str().unwrap(), "--repair"]).exits(3).says(&["can't be mended"]);
    assert_eq!(fs::read(copy.join("journal.jsonl")).unwrap(), before);
    assert_eq!(server.invokes().len(), 7);
}

#[test]
fn rows_are_not_added_to_a_run_that_may_have_had_more() {
    let (bench, server, lines) = run();
    let mut spoiled = lines.clone();
    for line in [3, 4] {
        spoiled[line] = spoiled[line].replacen("\"t_ms\"", "\"t-ms\"", 1);
    }
    bench.write("runs/job/r/journal.jsonl", spoiled.concat());
    let sent = server.invokes().len();
    bench
        .run(&["resume", "r", "--repair"])
        .exits(1)
        .says(&["can't be read any more: 2", "no rows can be added"]);
    bench.run(&["resume", "r", "--all"]).exits(3).says(&["by a run of their own"]);
    assert_eq!(server.invokes().len(), sent);
}
