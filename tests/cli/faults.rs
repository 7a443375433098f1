//! A machine that refuses files, room or writing: no new sends, nothing lost, exit 3, one line that says what to do, and
//! a run that goes on once that is mended.
#![cfg(unix)]

use std::ffi::OsString;
use std::fs;
use std::process::Command;

use serde_json::json;

use crate::SERVICE;
use crate::support::hostile::{Hostile, succeeded};
use crate::support::{Bench, Emulator, Ended, Running, by_user, finish, until};

/// A shell in the bench's folder, in which `$FB` is the program.
fn shell(bench: &Bench, wrapper: &[&str], script: &str) -> Command {
    let ours = bench.command([] as [&str; 0]);
    let mut words: Vec<OsString> = wrapper.iter().map(OsString::from).collect();
    words.extend(["sh", "-c", script].map(OsString::from));
    let mut command = Command::new(words.remove(0));
    command.args(words).current_dir(bench.root());
    for (name, value) in ours.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env("FB", ours.get_program());
    command
}

/// A user and mount namespace of its own, where this machine has them: there file systems can be mounted.
const ALONE: [&str; 2] = ["unshare", "-rm"];

fn can_mount(bench: &Bench) -> bool {
    let script = "mkdir -p probe && mount -t tmpfs -o size=1m probe probe";
    shell(bench, &ALONE, script).output().is_ok_and(|output| output.status.success())
}

#[track_caller]
fn one_error(ended: &Ended) {
    let errors = ended.stderr.lines().filter(|line| line.contains("error: ")).count();
    assert_eq!(errors, 1, "{}", ended.stderr);
}

#[test]
fn too_few_open_files_stop_the_run_without_blaming_a_row() {
    for (mode, files, begins) in
        [("sync", 8, false), ("sync", 14, false), ("sync", 24, true), ("async", 24, true)]
    {
        let bench = Bench::new();
        let service = Emulator::serve(&bench, &SERVICE.replace("1ms..15ms", "150ms"));
        bench.dataset(60);
        bench.job(&service.url, mode, "limits: {concurrency: 40}\n");
        let script = format!("ulimit -n {files}; exec \"$FB\" run job.yaml --json");
        let ended = finish(shell(&bench, &["env"], &script)).exits(3).says(&["ulimit -n"]);
        let told = ended.json();
        assert_eq!((&told["verdict"]["reason"], &told["verdict"]["retry"]), (&json!("disk"), &json!("fix")));
        if begins {
            assert_eq!(
                (&told["rows"]["failed"], &told["rows"]["rejected"]),
                (&json!(0), &json!(0)),
                "{told}"
            );
            assert_eq!(told["invokes"], service.accepted().len(), "what was not sent is no send");
            assert!(told["rows"]["not_run"].as_u64().unwrap() > 0, "{told}");
            let resumed = bench.run(&["resume", "--json"]).exits(0).json();
            assert_eq!((&resumed["attempts"], &resumed["rows"]["succeeded"]), (&json!(60), &json!(60)));
        } else {
            one_error(&ended);
            assert!(service.accepted().is_empty() && !bench.path("runs").exists());
            bench.run(&["run", "job.yaml"]).exits(0);
        }
        assert_eq!(by_user(&service.accepted()).len(), 60);
        assert!(by_user(&service.accepted()).values().all(|count| *count == 1));
    }
}

#[test]
fn files_that_rows_carry_and_that_cannot_be_opened_stop_the_run_too() {
    let bench = Bench::new();
    let service = Emulator::serve(
        &bench,
        &SERVICE.replace("1ms..15ms", "150ms").replace("text: {type: string, required: true}", "text: any"),
    );
    bench.dataset(60);
    bench.write("letter.txt", "a letter");
    bench.job(&service.url, "sync", "limits: {concurrency: 40}\n");
    let manifest = bench.read("job.yaml").replace("{text: \"{{row.text}}\"}", "{text: {file: letter.txt}}");
    bench.write("job.yaml", manifest);
    let ended = finish(shell(&bench, &["env"], "ulimit -n 24; exec \"$FB\" run job.yaml --json"));
    let told = ended.exits(3).says(&["ulimit -n"]).json();
    assert_eq!((&told["rows"]["failed"], &told["rows"]["rejected"]), (&json!(0), &json!(0)), "{told}");
    bench.run(&["resume"]).exits(0);
    assert!(by_user(&service.accepted()).values().all(|count| *count == 1));
}

#[test]
fn a_disk_that_is_full_loses_no_result_and_the_run_goes_on_when_there_is_room() {
    let bench = Bench::new();
    if !can_mount(&bench) {
        println!("skipped: no file system can be mounted here");
        return;
    }
    let service = Emulator::serve(&bench, SERVICE);
    let wide = "x".repeat(20_000);
    let rows: Vec<_> = (1..=400).map(|row| format!("k{row},{row} {wide}\n")).collect();
    bench.write("rows.csv", format!("id,text\n{}", rows.concat()));
    bench.job(&service.url, "sync", "limits: {concurrency: 4}\n");
    fs::create_dir(bench.path("runs")).unwrap();
    let script = "mount -t tmpfs -o size=7m runs runs || exit 99
        \"$FB\" run job.yaml --json > first.json 2> first.txt; echo $? > first.code
        mount -o remount,size=200m runs
        \"$FB\" resume --json > second.json 2> second.txt; echo $? > second.code
        cp -r runs/job/*Z-*/results.jsonl results.jsonl";
    finish(shell(&bench, &ALONE, script)).exits(0);
    let (code, errors) = (bench.read("first.code"), bench.read("first.txt"));
    assert_eq!(code.trim(), "3", "{errors}");
    assert!(errors.contains("make room"), "{errors}");
    let first: serde_json::Value = serde_json::from_str(&bench.read("first.json")).unwrap();
    assert_eq!(first["verdict"]["reason"], "disk");
    let outcomes: Vec<_> = crate::support::rows_of(&bench.path("results.jsonl"))
        .iter()
        .map(|row| row["outcome"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(outcomes.len(), 400);
    let doubtful = outcomes.iter().filter(|outcome| *outcome != "succeeded").count();
    assert!(doubtful <= 4, "{doubtful} results were lost: {}", bench.read("second.txt"));
    assert!(by_user(&service.accepted()).values().all(|count| *count == 1));
}

#[test]
fn a_read_only_file_system_is_refused_before_anything_is_sent() {
    let bench = Bench::new();
    if !can_mount(&bench) {
        println!("skipped: no file system can be mounted here");
        return;
    }
    let server = Hostile::serve(|_| succeeded("r", &json!({})));
    bench.dataset(4);
    bench.job(&server.url, "sync", "");
    fs::create_dir(bench.path("runs")).unwrap();
    let script = "mount -t tmpfs -o size=40m runs runs || exit 99
        mount -o remount,ro runs
        \"$FB\" run job.yaml > a.txt 2>&1; echo $? >> a.txt
        mount -o remount,rw runs
        \"$FB\" run job.yaml --limit 2 > b.txt 2>&1; echo $? >> b.txt
        mount -o remount,ro runs
        \"$FB\" resume --all > c.txt 2>&1; echo $? >> c.txt
        \"$FB\" report > d.txt 2>&1; echo $? >> d.txt
        mount -o remount,rw runs
        \"$FB\" resume --all > e.txt 2>&1; echo $? >> e.txt";
    finish(shell(&bench, &ALONE, script)).exits(0);
    for (name, code) in [("a.txt", "3"), ("b.txt", "0"), ("c.txt", "3"), ("d.txt", "3"), ("e.txt", "0")] {
        let said = bench.read(name);
        assert_eq!(said.lines().last(), Some(code), "{name}: {said}");
        if code == "3" {
            assert!(said.contains("make it writable"), "{name}: {said}");
            assert_eq!(said.matches("error: ").count(), 1, "{name}: {said}");
        }
    }
    assert_eq!(server.invokes().len(), 4);
}

#[test]
fn a_run_folder_in_which_a_file_cannot_be_written_is_told_by_name() {
    // A folder in a file's place can't be written to, by the superuser neither.
    let bench = Bench::new();
    let server = Hostile::serve(|_| succeeded("r", &json!({})));
    bench.dataset(4);
    bench.job(&server.url, "sync", "");
    bench.run(&["run", "job.yaml", "--limit", "2"]).exits(0);
    let reserve = bench.run_dir().join("journal.reserve");
    fs::create_dir_all(reserve.join("inside")).unwrap();
    let ended = bench.run(&["resume", "--all"]).exits(3).says(&["journal.reserve"]);
    one_error(&ended);
    assert_eq!(server.invokes().len(), 2, "nothing is sent");
    fs::remove_dir_all(&reserve).unwrap();
    let results = bench.run_dir().join("results.jsonl");
    fs::remove_file(&results).unwrap();
    fs::create_dir_all(results.join("inside")).unwrap();
    let ended =
        bench.run(&["resume"]).exits(3).says(&["results.jsonl", "the journal is whole", "flowbatch report"]);
    one_error(&ended);
    assert_eq!(server.invokes().len(), 4);
    fs::remove_dir_all(&results).unwrap();
    bench.run(&["report"]).exits(0);
    assert_eq!(bench.outcomes(), ["succeeded"; 4]);
    assert_eq!(server.invokes().len(), 4);
}

#[test]
fn a_run_folder_that_is_deleted_stops_the_run_whatever_its_durability() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, &SERVICE.replace("1ms..15ms", "40ms"));
    bench.dataset(400);
    bench.job(&service.url, "sync", "limits: {concurrency: 4}\noutput: {durability: process}\n");
    let running = Running::start(bench.command(["run", "job.yaml", "--json"]));
    until("rows are under way", || service.accepted().len() >= 8);
    fs::remove_dir_all(bench.path("runs")).unwrap();
    let ended = running.end().exits(3).says(&["deleted"]);
    one_error(&ended);
    assert_eq!(ended.json()["verdict"]["reason"], "disk");
    assert!(service.accepted().len() < 60, "{} rows were sent into nothing", service.accepted().len());
}

/// Sets the clock of a journal's writer back or forward, after the fact.
fn shift(journal: &std::path::Path, by_ms: i64) {
    let text = fs::read_to_string(journal).unwrap();
    let shifted = text.lines().map(|line| {
        let (head, _) = line.rsplit_once(",\"crc\":").unwrap();
        let (before, rest) = head.split_once("\"t_ms\":").unwrap();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let t_ms: i64 = rest[..digits].parse().unwrap();
        let head = format!("{before}\"t_ms\":{}{}", t_ms + by_ms, &rest[digits..]);
        format!("{head},\"crc\":\"{:08x}\"}}\n", crc32c::crc32c(head.as_bytes()))
    });
    fs::write(journal, shifted.collect::<String>()).unwrap();
}

#[test]
fn a_clock_that_was_wrong_by_a_year_makes_no_negative_time_and_no_long_run() {
    const YEAR: i64 = 31_536_000_000;
    for by_ms in [YEAR, -YEAR] {
        let bench = Bench::new();
        let service = Emulator::serve(&bench, &SERVICE.replace("1ms..15ms", "30ms"));
        bench.dataset(60);
        bench.job(&service.url, "sync", "limits: {concurrency: 4}\n");
        let running = Running::start(bench.command(["run", "job.yaml"]));
        until("rows are under way", || service.accepted().len() >= 12);
        running.kill();
        let journal = bench.run_dir().join("journal.jsonl");
        shift(&journal, by_ms);
        let told = bench.run(&["resume", "--json"]);
        assert!(matches!(told.code, Some(0 | 1)), "{told:?}");
        let told = told.json();
        assert!(told["wall_ms"].as_u64().unwrap() < 60_000, "{told}");
        let instants: Vec<_> =
            crate::support::rows_of(&journal).iter().map(|line| line["t_ms"].as_u64().unwrap()).collect();
        assert!(instants.is_sorted(), "{instants:?}");
        for row in bench.results() {
            let (started, finished) =
                (row["started_at"].as_str().unwrap(), row["finished_at"].as_str().unwrap());
            assert!(started <= finished, "{row}");
            assert!(row["latency_ms"].as_u64().is_none_or(|ms| ms < 60_000), "{row}");
        }
        bench.run(&["report"]).exits(0);
        bench.run(&["runs"]).exits(0);
    }
}
