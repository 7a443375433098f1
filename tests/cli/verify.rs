//! `flowbatch verify`: any single changed byte of a run folder is found, and named.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use flowbatch::audit;
use flowbatch::commands::{Host, RunName, VerifyArgs, Watched, verify};
use flowbatch::runner::{Observer, Signal};
use serde_json::{Value, json};
use tokio::sync::mpsc::Sender;

use crate::SERVICE;
use crate::support::hostile::{Act, Hostile, Request, ok, response, succeeded};
use crate::support::{Bench, Emulator, finish};

/// Nobody: `verify` asks nothing and says nothing.
pub(crate) struct Nobody;

impl Host for Nobody {
    fn say(&mut self, _: &str) {}
    fn confirm(&mut self, _: &str) -> Option<bool> {
        None
    }
    fn variable(&self, _: &str) -> Option<String> {
        None
    }
    fn is_interactive(&self) -> bool {
        false
    }
    fn in_colour(&self) -> bool {
        false
    }
    fn observer(&mut self, _: &Watched) -> Box<dyn Observer> {
        Box::new(())
    }
    fn watch_signals(&self, _: Sender<Signal>) {}
}

/// What `verify --json` says of a run folder.
fn verified(run: &Path) -> (u8, Value) {
    let run = RunName { run: Some(run.display().to_string()), dir: None };
    match verify(&VerifyArgs { run, json: true }, &mut Nobody) {
        Ok(done) => (done.exit_code, serde_json::from_str(&done.output).unwrap()),
        Err(failure) => panic!("{failure}"),
    }
}

/// Every file below a folder, by its path there.
pub(crate) fn files_of(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(folder.join(&below)).unwrap() {
            let entry = entry.unwrap();
            let name = below.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                folders.push(name);
            } else {
                found.push(name.to_str().unwrap().replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}

/// Changes one byte at each of these offsets, one at a time, and expects each to be found and the file named.
fn check_bytes(run: &Path, file: &str, offsets: impl Iterator<Item = usize>) {
    let path = run.join(file);
    let bytes = fs::read(&path).unwrap();
    for at in offsets {
        let mut changed = bytes.clone();
        changed[at] ^= [0x01, 0x20, 0x80][at % 3];
        fs::write(&path, &changed).unwrap();
        let (exit, told) = verified(run);
        let is_named = |finding: &Value| {
            let said = |key: &str| finding[key].as_str().unwrap().contains(file.rsplit('/').next().unwrap());
            finding["file"] == file || said("what")
        };
        let findings = told["findings"].as_array().unwrap();
        assert!(exit == 1 && findings.iter().any(is_named), "{file}, byte {at}: {told:#}");
        if file.ends_with("journal.jsonl") {
            let line = 1 + memchr::memchr_iter(b'\n', &bytes[..at]).count() as u64;
            let places: Vec<_> = findings.iter().filter_map(|finding| finding["line"].as_u64()).collect();
            assert!(places.contains(&line), "{file}, byte {at} of line {line}: {told:#}");
        }
    }
    fs::write(&path, &bytes).unwrap();
}

/// So many offsets, the first and the last byte among them.
fn sampled(length: usize, count: usize) -> impl Iterator<Item = usize> {
    let last = length.saturating_sub(1);
    let count = count.min(length).max(2);
    (0..count).map(move |nth| nth * last / (count - 1)).filter(move |_| length > 0)
}

pub(crate) const EMULATED: &str = "name: echo\nseed: 5\ninputs:\n  text: {type: string, required: true}\n\
output: {answer: \"{{input.text}}\", score: 1}\nlatency: 1ms\ncost: {base: 0.0007, decimals: 9}\n";

/// A run with every file that a run can have: dataset on standard input, embedded emulators, a schema, a baseline, a judge, a
/// set of scores, a mended journal.
pub(crate) fn everything() -> (Bench, PathBuf) {
    let bench = Bench::new();
    bench.write("echo.workflow.yaml", EMULATED);
    bench.write("answer.schema.json", r#"{"type": "object", "required": ["answer"]}"#);
    bench.write(
        "judge.yaml",
        "version: 1\nname: judge\nworkflow: {provider: emulator, definition: echo.workflow.yaml}\n\
         dataset: {path: judged.jsonl, key: key}\ninput: {text: \"{{row.output.answer}}\"}\n",
    );
    bench.write(
        "job.yaml",
        "version: 1\nname: job\nworkflow: {provider: emulator, definition: echo.workflow.yaml}\n\
         dataset: {path: \"-\", format: csv, key: id}\ninput: {text: \"{{row.text}}\"}\n\
         checks:\n  shape: {value: \"{{output}}\", json_schema: answer.schema.json}\n  \
         good: {judge: {manifest: judge.yaml}}\n\
         output: {formats: [jsonl, csv, xlsx, html, junit]}\n",
    );
    let mut command = bench.command(["run", "job.yaml", "--id", "r"]);
    let rows = bench.write("rows.csv", "id,text\nk1,one\nk2,two\n");
    command.stdin(Stdio::from(fs::File::open(rows).unwrap()));
    finish(command).exits(0);
    let run = bench.path("runs/job/r");
    // Of the last line but one nothing hangs: it says that the process ended.
    let journal = bench.read("runs/job/r/journal.jsonl");
    fs::write(
        run.join("journal.jsonl"),
        journal.replace("\"e\":\"process_ended\"", "\"e\":\"process_xnded\""),
    )
    .unwrap();
    bench.run(&["resume", "r", "--repair", "--yes"]).exits(0);
    bench.run(&["score", "r"]).exits(0);
    (bench, run)
}

#[test]
fn any_single_changed_byte_of_any_file_is_found_and_named() {
    let (_bench, run) = everything();
    let (exit, told) = verified(&run);
    assert_eq!((exit, &told["findings"], &told["unexpected"]), (0, &json!([]), &json!([])), "{told:#}");
    assert_eq!(told["notes"], json!([]), "{told:#}");
    let files = files_of(&run);
    for name in
        ["kept/", "judges/", "scores/", "journal.damaged", "emulator", "dataset.input", "results.xlsx"]
    {
        assert!(files.iter().any(|file| file.contains(name)), "{name}: {files:?}");
    }
    let before: Vec<_> = files.iter().map(|file| fs::read(run.join(file)).unwrap()).collect();
    for (file, bytes) in files.iter().zip(&before) {
        let checked = told["checked"].as_array().unwrap();
        assert!(bytes.is_empty() || checked.iter().any(|held| held["file"] == *file), "{file}: {told:#}");
        check_bytes(&run, file, sampled(bytes.len(), 5));
    }
    let after: Vec<_> = files_of(&run).iter().map(|file| fs::read(run.join(file)).unwrap()).collect();
    assert!(before == after, "nothing is written");
}

#[test]
fn every_byte_of_what_all_else_is_derived_from_is_held() {
    let bench = Bench::new();
    bench.write("echo.workflow.yaml", EMULATED);
    bench.write("rows.csv", "text\nx\n");
    bench.write(
        "job.yaml",
        "version: 1\nname: job\nworkflow: {provider: emulator, definition: echo.workflow.yaml}\n\
         dataset: rows.csv\ninput: {text: \"{{row.text}}\"}\noutput: {formats: [jsonl]}\n",
    );
    bench.run(&["run", "job.yaml", "--id", "r"]).exits(0);
    let run = bench.path("runs/job/r");
    for file in ["journal.jsonl", "manifest.yaml", "run.lock.json", "results.jsonl"] {
        let length = usize::try_from(fs::metadata(run.join(file)).unwrap().len()).unwrap();
        check_bytes(&run, file, (0..length).step_by(13));
    }
    // The journal is what the bill rests on: not one byte of it is left out.
    let path = run.join("journal.jsonl");
    let bytes = fs::read(&path).unwrap();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= [0x20, 0x01, 0x80][at % 3];
        fs::write(&path, &changed).unwrap();
        let line = 1 + memchr::memchr_iter(b'\n', &bytes[..at]).count() as u64;
        let found = audit::journal(&path, "journal.jsonl", false).unwrap().findings;
        assert!(
            found.iter().any(|finding| finding.line == Some(line)),
            "byte {at} of line {line}: {found:?}"
        );
    }
}

/// A service with every kind of end.
fn mixed(request: &Request) -> Act {
    match request.row() {
        2 => ok(&json!({"workflowRunId": "f", "status": "FAILED", "totalCost": "0.125"})),
        3 => Act::Reset,
        4 if request.nth == 0 => response("503 Busy", "Retry-After: 0", ""),
        5 => response("400 No", "", r#"{"code":40000,"message":"no"}"#),
        6 => response("403 No", "", "<html>blocked</html>"),
        7 => response("500 Oops", "", r#"{"code":50000,"message":"half-way"}"#),
        8 => response(
            "200 OK",
            "",
            "{\n \"status\": \"SUCCEED\", \"output\": {\"a\": 1}, \"totalCost\": 0.5}\n",
        ),
        9 => response("200 OK", "", r#"{"code":40356,"message":"no such workflow"}"#),
        row => succeeded(&format!("r{row}"), &json!({"n": row})),
    }
}

#[test]
fn replies_of_every_kind_are_decoded_again_to_the_same_facts() {
    let bench = Bench::new();
    let server = Hostile::serve(mixed);
    bench.dataset(12);
    bench.job(&server.url, "sync", "limits: {halt: none, retry: {attempts: 2, backoff: 1ms..2ms}}\n");
    bench.run(&["run", "job.yaml", "--id", "r"]).exits(1);
    let told = bench.run(&["verify", "r", "--json"]).exits(0).json();
    assert_eq!((&told["replies"], &told["holds"]), (&json!(11), &json!(true)));
    let bench = Bench::new();
    let service = Emulator::serve(&bench, &format!("{SERVICE}{}", crate::FAULTS));
    bench.dataset(60);
    bench.job(&service.url, "async", "limits: {halt: none, retry: {backoff: 1ms..2ms}}\n");
    let ended = bench.run(&["run", "job.yaml", "--id", "r"]);
    assert!(matches!(ended.code, Some(0 | 1)), "{ended:?}");
    let told = bench.run(&["verify", "r", "--json"]).exits(0).json();
    assert_eq!(told["findings"], json!([]));
}

#[test]
fn facts_that_a_reply_does_not_bear_out_are_found_though_the_checksum_is_right() {
    let bench = Bench::new();
    let server = Hostile::serve(mixed);
    bench.dataset(1);
    bench.job(&server.url, "sync", "");
    bench.run(&["run", "job.yaml", "--id", "r"]).exits(0);
    let path = bench.path("runs/job/r/journal.jsonl");
    let forged: Vec<String> = bench
        .read("runs/job/r/journal.jsonl")
        .lines()
        .map(|line| {
            let body = line.rsplit_once(",\"crc\":\"").unwrap().0;
            let body = body.replace("\"cost\":\"0.25\"", "\"cost\":\"0.24\"");
            format!("{body},\"crc\":\"{:08x}\"}}\n", crc32c::crc32c(body.as_bytes()))
        })
        .collect();
    fs::write(&path, forged.concat()).unwrap();
    let said = bench.run(&["verify", "r"]).exits(1).stdout;
    assert!(said.contains("row 1: the stored reply does not bear out cost"), "{said}");
}

#[test]
fn a_run_of_reused_results_holds_and_is_repeated_by_asking_all_rows() {
    let bench = Bench::new();
    let server =
        Hostile::serve(|request| succeeded(&format!("r{}", request.row()), &json!({"n": request.row()})));
    bench.dataset(3);
    bench.job(&server.url, "sync", "reuse: latest\n");
    bench.run(&["run", "job.yaml", "--id", "first"]).exits(0);
    bench.run(&["run", "job.yaml", "--id", "second"]).exits(0);
    let told = bench.run(&["verify", "second", "--json"]).exits(0).json();
    assert_eq!((&told["findings"], &told["replies"], server.invokes().len()), (&json!([]), &json!(3), 3));
    let told = bench.run(&["reproduce", "second", "--json"]).exits(0).json();
    assert_eq!((&told["rows"]["identical"], server.invokes().len()), (&json!(3), 6));
}

#[test]
fn a_dataset_that_is_gone_or_grew_is_told_of_and_one_that_changed_is_found() {
    let bench = Bench::new();
    let server = Hostile::serve(mixed);
    bench.dataset(1);
    bench.job(&server.url, "sync", "");
    bench.run(&["run", "job.yaml", "--id", "r"]).exits(0);
    let told = bench.run(&["verify", "r", "--json"]).exits(0).json();
    assert!(told["checked"].as_array().unwrap().iter().any(|held| held["file"] == "rows.csv"), "{told}");
    let rows = bench.read("rows.csv");
    for (now, exit, said) in [
        (format!("{rows}k2,more\n"), 0, "it grew by 8 bytes"),
        (rows.replace("text 1", "text 2"), 1, "the dataset is another"),
    ] {
        bench.write("rows.csv", now);
        let told = bench.run(&["verify", "r"]).exits(exit);
        assert!(told.stdout.contains(said), "{}", told.stdout);
    }
    fs::remove_file(bench.path("rows.csv")).unwrap();
    let told = bench.run(&["verify", "r"]).exits(0);
    assert!(told.stdout.contains("it is not where it was"), "{}", told.stdout);
}

#[test]
fn an_unfinished_run_is_checked_as_far_as_it_goes_and_strangers_are_listed() {
    let bench = Bench::new();
    let server = Hostile::serve(|request| match request.row() {
        3 => response("401 No", "", r#"{"code":40127,"message":"no"}"#),
        row => succeeded(&format!("r{row}"), &json!({"n": row})),
    });
    bench.dataset(4);
    bench.job(&server.url, "sync", "limits: {concurrency: 1}\n");
    bench.run(&["run", "job.yaml", "--id", "r"]).exits(3);
    bench.write("runs/job/r/notes.txt", "mine");
    let told = bench.run(&["verify", "r", "--json"]).exits(0).json();
    assert_eq!(told["unexpected"], json!(["notes.txt"]));
    fs::remove_file(bench.path("runs/job/r/report.md")).unwrap();
    let told = bench.run(&["verify", "r", "--json"]).exits(0).json();
    assert!(told["notes"][0].as_str().unwrap().contains("report.md: not derived yet"), "{told}");
    // What a crash tears off is a difference to whoever archives the run.
    let mut journal = fs::File::options().append(true).open(bench.path("runs/job/r/journal.jsonl")).unwrap();
    journal.write_all(b"{\"v\":1,\"n\":").unwrap();
    let told = bench.run(&["verify", "r"]).exits(1);
    assert!(told.stdout.contains("are no whole line"), "{}", told.stdout);
    bench.run(&["verify", "nothing"]).exits(2);
}
