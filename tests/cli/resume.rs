//! Going on: what `resume` and `run --id` send again, what they never do, and how a pilot grows.

use std::fs;
use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::SERVICE;
use crate::support::hostile::{Act, Hostile, Request, ok, succeeded};
use crate::support::money::amount;
use crate::support::{Bench, Emulator, Ended, Running, until};

fn fine(request: &Request) -> Act {
    succeeded(&format!("r{}", request.row()), &json!({"n": request.row()}))
}

fn finished(rows: usize) -> (Bench, Hostile) {
    let bench = Bench::new();
    let server = Hostile::serve(fine);
    bench.dataset(rows);
    bench.job(&server.url, "sync", "");
    (bench, server)
}

#[test]
fn a_finished_run_sends_nothing_and_exits_as_it_did() {
    let (bench, server) = finished(3);
    bench.run(&["run", "job.yaml", "--id", "r"]).exits(0);
    let before = fs::read(bench.run_dir().join("report.json")).unwrap();
    for command in
        [&["resume"][..], &["resume", "r"], &["run", "job.yaml", "--id", "r"], &["resume", "latest", "--all"]]
    {
        bench.run(command).exits(0);
    }
    let told = bench.run(&["resume", "r", "--json"]).exits(0).json();
    assert_eq!((&told["verdict"]["reason"], &told["run_id"]), (&"accepted".into(), &"r".into()));
    assert_eq!(server.invokes().len(), 3);
    let after = fs::read(bench.run_dir().join("report.json")).unwrap();
    let wall = |bytes: &[u8]| {
        let mut report: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        report["wall_ms"].take();
        report
    };
    assert_eq!(wall(&after), wall(&before));
}

#[test]
fn resuming_a_finished_run_needs_no_key() {
    let (bench, _server) = finished(2);
    bench.run(&["run", "job.yaml", "--id", "r"]).exits(0);
    let mut command = bench.command(["resume", "r"]);
    command.env_remove("GPTBOTS_API_KEY");
    crate::support::finish(command).exits(0);
}

#[test]
fn failed_rows_are_sent_again_only_when_asked_for_and_paid_sums_stay() {
    let mended = Arc::new(AtomicBool::new(false));
    let is_mended = Arc::clone(&mended);
    let bench = Bench::new();
    let server = Hostile::serve(move |request| match request.row() {
        2 | 3 if !is_mended.load(Ordering::SeqCst) => {
            ok(&json!({"workflowRunId": "f", "status": "FAILED", "totalCost": 0.1}))
        }
        4 if !is_mended.load(Ordering::SeqCst) => Act::Reset,
        _ => fine(request),
    });
    bench.dataset(5);
    bench.job(&server.url, "sync", "");
    let told = bench.run(&["run", "job.yaml", "--id", "r", "--json"]).exits(1).json();
    let cost = |told: &serde_json::Value| amount(told["cost"]["total"].as_str().unwrap());
    assert_eq!(cost(&told), amount("0.7"));
    mended.store(true, Ordering::SeqCst);
    bench.run(&["resume"]).exits(1);
    assert_eq!(server.sends(5), [1; 5]);
    let told = bench.run(&["resume", "--retry", "failed", "--json"]).exits(1).json();
    assert_eq!(server.sends(5), [1, 2, 2, 1, 1]);
    // What the first executions cost was paid and stays.
    assert_eq!(cost(&told), amount("1.2"));
    assert_eq!(told["rows"]["in_doubt"], 1);
    let told = bench.run(&["resume", "--retry", "in_doubt", "--json"]).exits(0).json();
    assert_eq!(server.sends(5), [1, 2, 2, 2, 1]);
    assert_eq!((cost(&told), &told["cost"]["unknown_rows"]), (amount("1.45"), &1.into()));
    assert_eq!(told["invokes"], 8);
    bench.run(&["resume", "--retry", "failed,in_doubt,rejected"]).exits(0);
    assert_eq!(server.invokes().len(), 8);
}

#[cfg(unix)]
#[test]
fn the_way_on_that_is_printed_works_as_it_stands() {
    let bench = Bench::new();
    let server =
        Hostile::serve(
            |request| if request.nth == 0 && request.row() == 2 { Act::Reset } else { fine(request) },
        );
    bench.dataset(3);
    bench.job(&server.url, "sync", "");
    let told = bench.run(&["run", "job.yaml", "--json"]).exits(1).json();
    assert_eq!(told["verdict"]["retry"], "fix");
    bench.run_next(told["verdict"]["next"].as_str().unwrap()).exits(0);
}

#[test]
fn a_pilot_is_paid_once() {
    let (bench, server) = finished(12);
    let rows = |ended: Ended| {
        let told = ended.exits(0).json();
        (told["rows"]["total"].as_u64().unwrap(), server.invokes().len())
    };
    assert_eq!(rows(bench.run(&["run", "job.yaml", "--limit", "3", "--json"])), (3, 3));
    assert_eq!(rows(bench.run(&["resume", "--json"])), (3, 3));
    assert_eq!(rows(bench.run(&["resume", "--limit", "5", "--json"])), (5, 5));
    assert_eq!(rows(bench.run(&["resume", "--limit", "2", "--json"])), (5, 5));
    assert_eq!(rows(bench.run(&["resume", "--range", "9..10", "--json"])), (7, 7));
    assert_eq!(rows(bench.run(&["resume", "--all", "--json"])), (12, 12));
    assert_eq!(rows(bench.run(&["resume", "--all", "--json"])), (12, 12));
    assert_eq!(server.sends(12), [1; 12]);
    let numbers: Vec<_> = bench.results().iter().map(|row| row["row_number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=12).collect::<Vec<_>>());
}

#[test]
fn a_rejected_row_is_asked_again_once_its_reason_is_gone() {
    let bench = Bench::new();
    let server = Hostile::serve(fine);
    bench.write(
        "rows.jsonl",
        "{\"id\":\"a\",\"text\":\"1\"}\n{\"id\":\"b\"}\n{\"id\":\"c\",\"text\":\"3\"}\n",
    );
    bench.job(&server.url, "sync", "");
    bench.write("job.yaml", bench.read("job.yaml").replace("rows.csv", "rows.jsonl"));
    bench.run(&["run", "job.yaml"]).exits(1);
    assert_eq!(bench.outcomes(), ["succeeded", "rejected", "succeeded"]);
    assert_eq!(server.sends(3), [1, 0, 1]);
    // Nothing changed, so it is rejected again, and nothing is sent.
    bench.run(&["resume", "--retry", "rejected"]).exits(1);
    assert_eq!(bench.outcomes(), ["succeeded", "rejected", "succeeded"]);
    assert_eq!(server.sends(3), [1, 0, 1]);
    let row = &bench.results()[1];
    assert!(row["error"]["message"].as_str().unwrap().contains("text"), "{row}");
    assert_eq!((&row["attempts"], &row["row_key"]), (&0.into(), &"b".into()));
}

fn unfinished() -> (Bench, Hostile, Arc<AtomicBool>) {
    let hangs = Arc::new(AtomicBool::new(true));
    let does_hang = Arc::clone(&hangs);
    let bench = Bench::new();
    let server = Hostile::serve(move |request| {
        if request.row() == 3 && does_hang.load(Ordering::SeqCst) { Act::Hang } else { fine(request) }
    });
    bench.dataset(4);
    bench.job(&server.url, "sync", "limits: {concurrency: 1}\n");
    let running = Running::start(bench.command(["run", "job.yaml"]));
    until("the third row is at the service", || server.sends(3) == [1, 1, 1]);
    running.kill();
    hangs.store(false, Ordering::SeqCst);
    (bench, server, hangs)
}

#[test]
fn run_never_silently_starts_over() {
    let (bench, server, _hangs) = unfinished();
    let ended =
        bench.run(&["run", "job.yaml"]).exits(3).says(&["2 of 4", "0.5", "flowbatch resume", "--new"]);
    assert_eq!(server.invokes().len(), 3);
    let told = bench.run(&["run", "job.yaml", "--json"]).exits(3).json();
    assert!(told["verdict"]["next"].as_str().unwrap().starts_with("flowbatch resume "), "{told}");
    // Another dataset, mapping or name is another job.
    bench.write("other.csv", "id,text\nz,1\n");
    bench.run(&["run", "job.yaml", "--dataset", "other.csv"]).exits(0);
    #[cfg(unix)]
    {
        let ways: Vec<_> =
            ended.stderr.lines().map(str::trim).filter(|line| line.starts_with("flowbatch ")).collect();
        assert_eq!(ways.len(), 2, "{}", ended.stderr);
        bench.run_next(ways[1]).exits(0);
        bench.run_next(ways[0]).exits(1);
    }
}

#[test]
fn a_run_that_is_finished_is_no_reason_not_to_begin_another() {
    let (bench, server) = finished(2);
    bench.run(&["run", "job.yaml"]).exits(0);
    bench.run(&["run", "job.yaml"]).exits(0);
    assert_eq!(server.invokes().len(), 4);
}

#[test]
fn limits_may_be_changed_on_resume_and_identity_may_not() {
    let (bench, _server, _hangs) = unfinished();
    bench.run(&["resume", "--set", "workflow.mode=async"]).exits(2).says(&["workflow.mode"]);
    bench.run(&["resume", "--set", "input.text=x"]).exits(2);
    bench.run(&["resume", "--set", "limits.concurency=2"]).exits(2).says(&["concurrency"]);
    bench.run(&["resume", "-j", "2", "--set", "accept.in_doubt=1"]).exits(0);
    let journal = fs::read_to_string(bench.run_dir().join("journal.jsonl")).unwrap();
    assert!(journal.contains("settings_changed"), "{journal}");
}

#[test]
fn a_changed_setting_is_journalled_with_what_it_was_before() {
    let (bench, _server, _hangs) = unfinished();
    bench.run(&["resume", "-j", "2", "--set", "accept.in_doubt=1"]).exits(0);
    bench.run(&["resume", "-j", "3", "--set", "accept.in_doubt=50%"]).exits(0);
    let changes: Vec<_> = crate::support::rows_of(&bench.run_dir().join("journal.jsonl"))
        .into_iter()
        .filter(|event| event["e"] == "settings_changed")
        .map(|event| format!("{} {} {}", event["key"].as_str().unwrap(), event["from"], event["to"]))
        .collect();
    let before = changes[0].split(' ').nth(1).unwrap();
    assert!(before.parse::<u64>().is_ok(), "{changes:?}");
    assert_eq!(
        changes[1..],
        ["accept.in_doubt null \"1\"", "limits.concurrency 2 \"3\"", "accept.in_doubt \"1\" \"50%\"",]
    );
}

#[test]
fn a_failure_of_a_run_that_is_there_names_the_run() {
    let (bench, _server, _hangs) = unfinished();
    let dir = bench.run_dir();
    let told = bench.run(&["resume", "--set", "workflow.mode=async", "--json"]).exits(2).json();
    assert_eq!(told["run_id"], dir.file_name().unwrap().to_str().unwrap());
    assert_eq!(bench.path(told["run_dir"].as_str().unwrap()), dir);
    let _ = fs::remove_file(dir.join("journal.reserve"));
    fs::create_dir_all(dir.join("journal.reserve/inside")).unwrap();
    let told = bench.run(&["resume", "--json"]).exits(3).json();
    assert_eq!(told["run_id"], dir.file_name().unwrap().to_str().unwrap());
    fs::remove_dir_all(dir.join("journal.reserve")).unwrap();
    bench.run_next(told["verdict"]["next"].as_str().unwrap()).exits(1);
}

#[test]
fn of_processes_that_begin_the_same_job_at_once_one_does() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, &SERVICE.replace("1ms..15ms", "100ms"));
    bench.dataset(60);
    bench.job(&service.url, "sync", "limits: {concurrency: 2}\n");
    let all: Vec<_> = (0..4).map(|_| Running::start(bench.command(["run", "job.yaml", "--json"]))).collect();
    let mut codes: Vec<_> = all.into_iter().map(|running| running.end().code.unwrap()).collect();
    codes.sort_unstable();
    assert_eq!((codes, service.accepted().len()), (vec![0, 3, 3, 3], 60));
}

fn run_on_stdin(bench: &Bench, args: &[&str], input: &str) -> Ended {
    let mut command = bench.command(args);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn standard_input_is_kept_in_the_run_folder_and_the_run_can_be_widened_from_it() {
    let (bench, server) = finished(1);
    let input = "id,text\na,1\nb,2\nc,3\n";
    let ended = run_on_stdin(&bench, &["run", "job.yaml", "--dataset", "-", "--limit", "1"], input);
    ended.exits(0);
    assert_eq!(fs::read_to_string(bench.run_dir().join("dataset.input")).unwrap(), input);
    let left: Vec<_> =
        fs::read_dir(bench.path("runs")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["job"], "the spool has moved");
    bench.run(&["resume", "--all"]).exits(0);
    assert_eq!(server.sends(3), [1; 3]);
    assert_eq!(bench.results()[2]["row_key"], "c");
}

#[test]
fn the_same_input_piped_again_continues_and_another_is_refused() {
    let (bench, server) = finished(1);
    let args = ["run", "job.yaml", "--dataset", "-", "--id", "piped"];
    run_on_stdin(&bench, &args, "id,text\na,1\nb,2\n").exits(0);
    run_on_stdin(&bench, &args, "id,text\na,1\nb,2\n").exits(0);
    assert_eq!(server.invokes().len(), 2);
    let other = run_on_stdin(&bench, &args, "id,text\na,1\nb,2\nc,3\n");
    assert_eq!(server.invokes().len(), 2, "{other:?}");
    let kept = fs::read_to_string(bench.run_dir().join("dataset.input")).unwrap();
    assert_eq!(kept, "id,text\na,1\nb,2\n", "what the run was begun with is not overwritten");
    bench.run(&["resume", "piped"]).exits(0);
}

#[test]
fn what_the_command_line_changed_is_remembered_wherever_the_run_goes_on() {
    let (bench, server, _hangs) = unfinished();
    bench.run(&["resume"]).exits(1);
    bench.write("below/other.csv", "id,text\nz1,one\nz2,two\nz3,three\n");
    let mut command =
        bench.command(["run", "../job.yaml", "--dataset", "other.csv", "--limit", "1", "-o", "../runs"]);
    command.args(["--set", "input.text={{row.text}}!", "--id", "far"]).current_dir(bench.path("below"));
    crate::support::finish(command).exits(0);
    let before = server.invokes().len();
    bench.run(&["resume", "far", "--all"]).exits(0);
    let texts: Vec<_> =
        server.invokes()[before..].iter().map(|sent| sent.body["input"]["text"].clone()).collect();
    assert_eq!(texts.len(), 2);
    assert!(texts.contains(&json!("two!")) && texts.contains(&json!("three!")), "{texts:?}");
}
