//! `flowbatch export` and `import`: a run in one file, which is a run again wherever it is opened.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::hostile::{Hostile, response, succeeded};
use crate::support::{Bench, CANARY};
use crate::verify::{EMULATED, everything, files_of};

/// A run whose manifest names files of every kind, some beside its folder.
pub(crate) fn wide() -> (Bench, PathBuf) {
    let bench = Bench::new();
    let takes_file = EMULATED.replace("required: true}\n", "required: true}\n  file: {type: file}\n");
    bench.write("shared/echo.workflow.yaml", takes_file);
    bench.write("evals/answer.schema.json", r#"{"type": "object", "required": ["answer"]}"#);
    bench.write("evals/docs/k1.txt", "attached");
    bench.write("evals/rows.csv", "id,text\nk1,one\nk2,two\nk3,three\n");
    bench.write(
        "evals/judge.yaml",
        "version: 1\nname: judge\nworkflow: {provider: emulator, definition: ../shared/echo.workflow.yaml}\n\
         dataset: {path: judged.jsonl, key: key}\ninput: {text: \"{{row.output.answer}}\"}\n",
    );
    bench.write(
        "evals/job.yaml",
        "version: 1\nname: job\nworkflow: {provider: emulator, definition: ../shared/echo.workflow.yaml}\n\
         dataset: {path: rows.csv, key: id}\ninput: {text: \"{{row.text}}\", file: {file: docs/k1.txt}}\n\
         checks:\n  shape: {value: \"{{output}}\", json_schema: answer.schema.json}\n  \
         good: {judge: {manifest: judge.yaml}}\n",
    );
    bench.run(&["run", "evals/job.yaml", "--id", "r"]).exits(0);
    let run = bench.path("runs/job/r");
    (bench, run)
}

/// The bundle of a run, opened elsewhere, when all that it was made from is gone.
pub(crate) fn moved(bench: Bench) -> (Bench, Value) {
    let before: Value =
        serde_json::from_slice(&fs::read(bench.path("runs/job/r/report.json")).unwrap()).unwrap();
    let said = bench.run(&["export", "r", "--bundle", "r.tar.zst"]).exits(0);
    assert!(!said.stderr.contains("not in the bundle"), "{}", said.stderr);
    let again = bench.run(&["export", "r", "--bundle", "again.tar.zst"]).exits(0).stdout;
    assert!(again.contains("run r"), "{again}");
    let bytes = fs::read(bench.path("r.tar.zst")).unwrap();
    assert_eq!(bytes, fs::read(bench.path("again.tar.zst")).unwrap(), "the same run makes the same bytes");
    drop(bench);
    let elsewhere = Bench::new();
    elsewhere.write("r.tar.zst", bytes);
    let said = elsewhere.run(&["import", "r.tar.zst"]).exits(0).stdout;
    assert!(said.contains("imported and verified"), "{said}");
    (elsewhere, before)
}

#[test]
fn an_imported_run_is_verified_reported_scored_and_compared_where_it_is_opened() {
    let (bench, run) = wide();
    let results = fs::read(run.join("results.jsonl")).unwrap();
    let (elsewhere, before) = moved(bench);
    let run = elsewhere.path("runs/job/r");
    let files = files_of(&run);
    for file in [
        "inputs/files/evals/rows.csv",
        "inputs/files/evals/docs/k1.txt",
        "inputs/files/shared/echo.workflow.yaml",
    ] {
        assert!(files.contains(&file.to_owned()), "{files:?}");
    }
    let told = elsewhere.run(&["verify", "r", "--json"]).exits(0).json();
    assert_eq!((&told["notes"], &told["unexpected"]), (&json!([]), &json!([])), "{told:#}");
    assert!(told["checked"].as_array().unwrap().iter().any(|held| held["file"] == "rows.csv"), "{told:#}");
    assert_eq!(fs::read(run.join("results.jsonl")).unwrap(), results);
    assert_eq!(elsewhere.run(&["report", "r", "--format", "json"]).exits(0).json(), before);
    elsewhere.run(&["score", "r"]).exits(0);
    elsewhere.run(&["compare", "r", "r"]).exits(0);
    elsewhere.run(&["runs"]).exits(0);
    // What was imported can be handed on.
    elsewhere.run(&["export", "r", "--bundle", "on.tar.zst"]).exits(0);
    elsewhere.run(&["import", "on.tar.zst", "--into", "further"]).exits(0);
}

#[test]
fn every_kind_of_file_of_a_run_is_in_its_bundle() {
    let (bench, run) = everything();
    let before = files_of(&run);
    let (elsewhere, _) = moved(bench);
    let after = files_of(&elsewhere.path("runs/job/r"));
    let missing: Vec<_> = before.iter().filter(|file| !after.contains(file)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_bundle_is_imported_whole_or_not_at_all() {
    let (bench, _) = wide();
    bench.run(&["export", "r", "--bundle", "r.tar.zst"]).exits(0);
    bench.run(&["import", "r.tar.zst"]).exits(3).says(&["there is such a run already"]);
    let bytes = fs::read(bench.path("r.tar.zst")).unwrap();
    for (name, broken) in [
        ("cut", bytes[..bytes.len() - 9].to_vec()),
        ("odd", {
            let mut bytes = bytes.clone();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 4;
            bytes
        }),
    ] {
        bench.write(name, broken);
        bench.run(&["import", name, "--into", "new"]).exits(3);
        assert_eq!(fs::read_dir(bench.path("new")).unwrap().count(), 0, "{name}");
    }
    bench.run(&["import", "nothing.tar.zst"]).exits(3);
}

#[test]
fn a_dataset_that_is_not_what_it_was_goes_into_no_bundle() {
    let (bench, _) = wide();
    bench.write("evals/rows.csv", "id,text\nk1,edited\n");
    bench.run(&["export", "r", "--bundle", "r.tar.zst"]).exits(3).says(&["--without-dataset"]);
    assert!(!bench.path("r.tar.zst").exists());
    bench.run(&["export", "r", "--bundle", "r.tar.zst", "--without-dataset"]).exits(0);
    bench.run(&["import", "r.tar.zst", "--into", "new"]).exits(0);
    assert!(!files_of(&bench.path("new/job/r")).iter().any(|file| file.ends_with("rows.csv")));
}

fn contains(bytes: &[u8], text: &str) -> bool {
    memchr::memmem::find(bytes, text.as_bytes()).is_some()
}

fn search(folder: &Path) {
    for file in files_of(folder) {
        assert!(!contains(&fs::read(folder.join(&file)).unwrap(), CANARY), "{file} holds the key");
    }
}

#[test]
fn no_secret_is_in_a_bundle_wherever_the_manifest_has_it_from() {
    let bench = Bench::new();
    let server = Hostile::serve(|request| match request.row() {
        1 => succeeded("r1", &json!({"seen": request.authorization})),
        _ => response("400 No", "", json!({"code": 40000, "message": request.authorization}).to_string()),
    });
    bench.dataset(2);
    bench.write("key.txt", format!("{CANARY}\n"));
    bench.job(&server.url, "sync", "");
    let job = bench.read("job.yaml").replace("  mode: sync", "  mode: sync\n  api_key: {file: key.txt}");
    bench.write("job.yaml", job);
    bench.run_with(&[("GPTBOTS_API_KEY", CANARY)], &["run", "job.yaml", "--id", "r"]).exits(1);
    bench.run_with(&[("GPTBOTS_API_KEY", CANARY)], &["export", "r", "--bundle", "r.tar.zst"]).exits(0);
    let whole = zstd::decode_all(fs::read(bench.path("r.tar.zst")).unwrap().as_slice()).unwrap();
    assert!(contains(&whole, "run.lock.json") && !contains(&whole, CANARY));
    bench.run(&["import", "r.tar.zst", "--into", "new"]).exits(0);
    search(&bench.path("new"));
}

#[cfg(unix)]
#[test]
fn what_import_would_refuse_is_exported_by_nobody() {
    let bench = Bench::new();
    let server = Hostile::serve(|request| succeeded("r", &request.body["input"]));
    bench.dataset(2);
    bench.job(&server.url, "sync", "");
    fs::rename(bench.path("rows.csv"), bench.path("Q1: rows.csv")).unwrap();
    bench.write("job.yaml", bench.read("job.yaml").replace("rows.csv", "'Q1: rows.csv'"));
    bench.run(&["run", "job.yaml", "--id", "r"]).exits(0);
    bench.run(&["export", "r", "--bundle", "r.tar.zst"]).exits(2).says(&["Q1: rows.csv"]);
    assert!(!bench.path("r.tar.zst").exists());
}
