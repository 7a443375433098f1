//! `flowbatch reproduce`: the same rows asked once more, and both answers side by side.

use std::fs;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::hostile::{Act, Hostile, Request, ok, response};
use crate::support::{Bench, finish};

/// Answers with the number of sends of the row before as `at`; the last row answers otherwise each time.
fn drifting(request: &Request) -> Act {
    let row = request.row();
    let earlier = request.body["userId"].as_str().is_some_and(|user| user.contains("again"));
    let label = if row == 3 && earlier { "other" } else { "same" };
    if row == 2 {
        return response("400 No", "", r#"{"code":40000,"message":"no"}"#);
    }
    let version = if earlier { "2" } else { "1" };
    let output = json!({"label": label, "at": i32::from(earlier)});
    ok(
        &json!({"workflowRunId": format!("r{row}"), "status": "SUCCEED", "output": output, "totalCost": "0.25",
               "workflowVersion": version}),
    )
}

fn bench(rows: usize) -> (Bench, Hostile) {
    let bench = Bench::new();
    let server = Hostile::serve(drifting);
    bench.dataset(rows);
    bench.job(&server.url, "sync", "limits: {halt: none}\n");
    bench.run(&["run", "job.yaml", "--id", "first", "--limit", "3"]).exits(1);
    (bench, server)
}

fn again(bench: &Bench, exit: i32, args: &[&str]) -> Value {
    bench.run(&[&["reproduce", "first", "--json"], args].concat()).exits(exit).json()
}

#[test]
fn rows_are_identical_equal_but_for_volatile_fields_or_different() {
    let (bench, server) = bench(9);
    let told = again(&bench, 1, &["--id", "again"]);
    assert_eq!(server.invokes().len(), 6, "the same selection");
    assert_eq!(told["rows"], json!({"total": 3, "identical": 1, "equal": 0, "different": 2, "unknown": 0}));
    assert_eq!(
        (&told["differences"][0]["path"], &told["differences"][0]["row_key"]),
        (&json!("output.at"), &json!("k1"))
    );
    assert_eq!((&told["was"]["versions"], &told["now"]["versions"]), (&json!({"1": 2}), &json!({"2": 2})));
    assert_eq!(
        (&told["was"]["cost"]["total"], &told["now"]["cost"]["total"]),
        (&json!("0.50"), &json!("0.50"))
    );
    // What is complete is compared again, and nothing is sent.
    let told = again(&bench, 1, &["--id", "again", "--volatile", "output.at"]);
    assert_eq!(told["rows"], json!({"total": 3, "identical": 1, "equal": 1, "different": 1, "unknown": 0}));
    assert_eq!(
        (&told["differences"][0]["was"], &told["differences"][0]["now"]),
        (&json!("\"same\""), &json!("\"other\""))
    );
    let told = again(&bench, 0, &["--id", "again", "--volatile", "output.at,output.label"]);
    assert_eq!((&told["rows"]["equal"], server.invokes().len()), (&json!(2), 6));
    let text = bench.run(&["reproduce", "first", "--id", "again"]).exits(1).stdout;
    assert!(
        text.contains("1 of 3 rows answered identically") && text.contains("row 3 (k3), output.at"),
        "{text}"
    );
    // The new run is a run like any other.
    bench.run(&["verify", "again"]).exits(0);
    let lock: Value = serde_json::from_str(&bench.read("runs/job/again/run.lock.json")).unwrap();
    assert_eq!(lock["reproduces"], "first");
    bench.run(&["compare", "first", "again"]).exits(0);
    bench.run(&["reproduce", "again", "--id", "first"]).exits(2).says(&["is no repetition of run again"]);
    bench.run(&["reproduce", "first", "--volatile", "at"]).exits(2);
}

#[test]
fn without_an_id_it_is_a_new_run_that_is_the_same_as_the_old_one() {
    let (bench, server) = bench(9);
    let told = again(&bench, 0, &[]);
    assert_eq!((&told["rows"]["identical"], server.invokes().len()), (&json!(3), 6));
    assert_ne!(told["now"]["run_id"], "first");
}

#[test]
fn rows_that_were_added_later_are_asked_again_too_and_an_edited_manifest_is_not_used() {
    let (bench, server) = bench(9);
    bench.run(&["resume", "first", "--limit", "5"]).exits(1);
    bench.write("job.yaml", "not: it");
    let told = again(&bench, 0, &[]);
    assert_eq!((&told["rows"]["total"], server.invokes().len()), (&json!(5), 10));
}

#[test]
fn another_dataset_is_refused_before_anything_is_sent_and_the_right_one_is_named() {
    let (bench, server) = bench(4);
    let rows = bench.read("rows.csv");
    bench.run(&["export", "first", "--bundle", "kept.tar.zst"]).exits(0);
    bench.write("rows.csv", format!("{rows}k5,more\n"));
    bench.run(&["reproduce", "first"]).exits(3).says(&[
        "SHA-256",
        "grew by",
        "flowbatch import",
        "kept.tar.zst",
    ]);
    fs::remove_file(bench.path("rows.csv")).unwrap();
    fs::remove_file(bench.path("kept.tar.zst")).unwrap();
    bench.run(&["reproduce", "first"]).exits(3).says(&["--dataset FILE names it"]);
    bench.write("moved.csv", rows.replace("text 1", "text 9"));
    bench.run(&["reproduce", "first", "--dataset", "moved.csv"]).exits(3).says(&["bytes now"]);
    bench.write("moved.csv", &rows);
    assert_eq!(server.invokes().len(), 3);
    let told = again(&bench, 0, &["--dataset", "moved.csv"]);
    assert_eq!(told["rows"]["identical"], 3);
    // The repetition knows where it is, and so others find it.
    bench.run(&["reproduce", "first"]).exits(3).says(&["has it: --dataset", "moved.csv"]);
}

#[test]
fn a_dataset_that_came_on_standard_input_is_the_one_that_was_kept() {
    let bench = Bench::new();
    let server = Hostile::serve(drifting);
    bench.dataset(3);
    bench.job(&server.url, "sync", "limits: {halt: none}\n");
    let job =
        bench.read("job.yaml").replace("{path: rows.csv, key: id}", "{path: \"-\", format: csv, key: id}");
    bench.write("job.yaml", job);
    let mut command = bench.command(["run", "job.yaml", "--id", "first"]);
    command.stdin(Stdio::from(fs::File::open(bench.path("rows.csv")).unwrap()));
    finish(command).exits(1);
    assert_eq!(again(&bench, 0, &["--id", "second"])["rows"]["identical"], 3);
    bench.run(&["verify", "second"]).exits(0);
    fs::remove_file(bench.path("runs/job/first/dataset.input")).unwrap();
    bench.run(&["reproduce", "first"]).exits(3).says(&["was not kept", "second", "dataset.input"]);
}

#[test]
fn a_run_is_exported_imported_verified_and_reproduced_elsewhere() {
    let (bench, _) = crate::bundle::wide();
    let (elsewhere, _) = crate::bundle::moved(bench);
    elsewhere.run(&["verify", "r"]).exits(0);
    let told = elsewhere.run(&["reproduce", "r", "--json"]).exits(0).json();
    assert_eq!(told["rows"], json!({"total": 3, "identical": 3, "equal": 0, "different": 0, "unknown": 0}));
    assert_eq!(told["was"]["cost"]["total"], told["now"]["cost"]["total"]);
}

#[test]
fn a_repetition_that_is_stopped_says_so_and_the_same_command_goes_on_with_it() {
    let bench = Bench::new();
    let server = Hostile::serve(|request| {
        let is_again = request.user().contains("again");
        if is_again && request.row() == 2 && request.nth == 0 {
            response("401 No", "", r#"{"code":40127,"message":"no"}"#)
        } else {
            let output = json!({"n": request.row()});
            ok(&json!({"workflowRunId": "r", "status": "SUCCEED", "output": output, "totalCost": 1}))
        }
    });
    bench.dataset(3);
    bench.job(&server.url, "sync", "limits: {concurrency: 1}\n");
    bench.run(&["run", "job.yaml", "--id", "first"]).exits(0);
    let told = again(&bench, 3, &["--id", "again"]);
    assert_eq!((&told["complete"], &told["rows"]["unknown"]), (&json!(false), &json!(2)));
    let told = again(&bench, 0, &["--id", "again"]);
    assert_eq!((&told["complete"], &told["rows"]["identical"]), (&json!(true), &json!(3)));
    assert_eq!(server.invokes().len(), 7, "no row is paid twice");
}
