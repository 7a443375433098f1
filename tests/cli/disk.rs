//! Folders that can't be written, and files that may grow no further: one clear line, and nothing is lost.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::SERVICE;
use crate::support::hostile::{Hostile, succeeded};
use crate::support::{Bench, Emulator, Running, by_user, finish, until};

#[test]
fn an_output_folder_that_is_a_file_is_refused_in_one_line() {
    let bench = Bench::new();
    let server = Hostile::serve(|_| succeeded("r", &json!({})));
    bench.dataset(2);
    bench.write("taken", "a file");
    bench.job(&server.url, "sync", "");
    for dir in ["taken", "taken/below"] {
        let ended = bench.run(&["run", "job.yaml", "-o", dir]).exits(3).says(&["taken"]);
        let errors = ended.stderr.lines().filter(|line| line.contains("error")).count();
        assert_eq!(errors, 1, "{}", ended.stderr);
        let told = bench.run(&["run", "job.yaml", "-o", dir, "--json"]).exits(3).json();
        assert_eq!(told["verdict"]["reason"], "disk");
    }
    assert!(server.invokes().is_empty());
}

#[test]
fn an_output_folder_without_permission_is_refused_in_one_line() {
    let bench = Bench::new();
    let server = Hostile::serve(|_| succeeded("r", &json!({})));
    bench.dataset(2);
    bench.job(&server.url, "sync", "");
    let locked = bench.path("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(locked.join("probe"), "").is_ok() {
        // The superuser may write anywhere: /proc takes files from nobody.
        if !Path::new("/proc/self").exists() {
            println!("skipped: there is no folder here that this user can't write to");
            return;
        }
        bench.run(&["run", "job.yaml", "-o", "/proc/flowbatch"]).exits(3).says(&["/proc/flowbatch"]);
    } else {
        bench.run(&["run", "job.yaml", "-o", "locked"]).exits(3).says(&["locked"]);
    }
    assert!(server.invokes().is_empty());
}

/// The program with files that may grow to so many KiB only, and no signal when they would: a write fails instead, as
/// on a full disk.
fn bounded(bench: &Bench, kib: u32, args: &str) -> Command {
    let program = env!("CARGO_BIN_EXE_flowbatch");
    let mut command = bench.command([] as [&str; 0]);
    let environment: Vec<_> =
        command.get_envs().map(|(k, v)| (k.to_owned(), v.map(ToOwned::to_owned))).collect();
    command = Command::new("bash");
    // Ignored signals stay ignored across exec.
    let script = format!("trap '' XFSZ; ulimit -f {kib}; exec '{program}' {args}");
    command.arg("-c").arg(script).current_dir(bench.root());
    for (name, value) in environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

#[test]
fn a_journal_that_can_grow_no_further_stops_the_run_and_keeps_every_result() {
    let bench = Bench::new();
    if !Command::new("bash")
        .arg("-c")
        .arg("trap '' XFSZ; ulimit -f 64")
        .status()
        .is_ok_and(|status| status.success())
    {
        println!("skipped: there is no bash here that bounds the size of files");
        return;
    }
    let service = Emulator::serve(&bench, SERVICE);
    bench.dataset(400);
    bench.job(&service.url, "sync", "limits: {concurrency: 4}\n");
    // What is kept in reserve is a file, too, so the bound is above it.
    let kib = 5 * 1024;
    let wide = "x".repeat(20_000);
    let rows: Vec<_> = (1..=400).map(|row| format!("k{row},{row} {wide}\n")).collect();
    bench.write("rows.csv", format!("id,text\n{}", rows.concat()));
    let ended = finish(bounded(&bench, kib, "run job.yaml --json"));
    assert_eq!(ended.code, Some(3), "{} {}", &ended.stdout, ended.stderr);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    assert_eq!(ended.json()["verdict"]["reason"], "disk");
    let before = service.accepted().len();
    assert!(before < 400, "it stopped");
    let resumed = bench.run(&["resume"]);
    assert!(matches!(resumed.code, Some(0 | 1)), "{resumed:?}");
    assert!(by_user(&service.accepted()).values().all(|count| *count == 1));
    let outcomes = bench.outcomes();
    let doubtful = outcomes.iter().filter(|outcome| *outcome == "in_doubt").count();
    assert!(doubtful <= 4, "{doubtful} results were lost");
    assert_eq!(outcomes.len(), 400);
}

#[test]
fn a_run_folder_that_is_deleted_stops_the_run_at_once() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, &SERVICE.replace("1ms..15ms", "40ms"));
    bench.dataset(400);
    bench.job(&service.url, "sync", "limits: {concurrency: 4}\n");
    let running = Running::start(bench.command(["run", "job.yaml", "--json"]));
    until("rows are under way", || service.accepted().len() >= 8);
    fs::remove_dir_all(bench.path("runs")).unwrap();
    let ended = running.end().exits(3).says(&["deleted"]);
    assert_eq!(ended.json()["verdict"]["reason"], "disk");
    assert!(service.accepted().len() < 60, "{} rows were sent into nothing", service.accepted().len());
}
