//! `flowbatch spend`: what runs have cost, to the last digit, whatever is left of their folders.

use std::fs;

use serde_json::{Value, json};

use crate::support::hostile::{Act, Hostile, Request, ok};
use crate::support::money::amount;
use crate::support::{Bench, Running, until};

/// Rows cost a tenth each, which no binary number can say; the third fails.
fn priced(request: &Request) -> Act {
    let status = if request.row() == 3 { "FAILED" } else { "SUCCEED" };
    match request.row() {
        9 => Act::Hang,
        8 => Act::Reset,
        row => {
            ok(&json!({"workflowRunId": format!("r{row}"), "status": status, "output": {}, "totalCost": 0.1}))
        }
    }
}

fn bench(server: &Hostile) -> Bench {
    let bench = Bench::new();
    bench.dataset(3);
    bench.job(&server.url, "sync", "labels: {team: support}\nlimits: {halt: none}\n");
    let other =
        bench.read("job.yaml").replace("name: job", "name: other").replace("team: support", "team: sales");
    let price = "  price: {unit: credit, per_unit: \"0.01\", currency: USD}\n  mode:";
    bench.write("other.yaml", other.replacen("  mode:", price, 1));
    for _ in 0..3 {
        bench.run(&["run", "job.yaml"]).exits(1);
    }
    bench.run(&["run", "other.yaml"]).exits(1);
    bench
}

fn spent(bench: &Bench, args: &[&str]) -> Value {
    bench.run(&[&["spend", "--format", "json"], args].concat()).exits(0).json()
}

#[test]
fn costs_are_added_exactly_by_whatever_is_asked() {
    let server = Hostile::serve(priced);
    let bench = bench(&server);
    let told = spent(&bench, &[]);
    let [job, other] = told["lines"].as_array().unwrap().as_slice() else { panic!("{told}") };
    assert_eq!((&job["of"], &job["runs"], &job["rows"]), (&json!("job"), &json!(3), &json!(9)));
    assert_eq!((&job["cost"], &job["failed"], &job["money"]), (&json!("0.9"), &json!("0.3"), &json!(null)));
    assert_eq!(other["money"], json!({"amount": "0.003", "currency": "USD"}));
    let costs =
        told["totals"].as_array().unwrap().iter().map(|total| amount(total["cost"].as_str().unwrap()));
    assert_eq!(costs.sum::<i128>(), amount("1.2"));
    let teams = spent(&bench, &["--by", "label.team"]);
    assert_eq!((&teams["lines"][0]["of"], &teams["lines"][1]["of"]), (&json!("sales"), &json!("support")));
    for by in ["month", "user", "workflow", "label.none"] {
        assert!(spent(&bench, &["--by", by])["lines"][0]["cost"].is_string(), "{by}");
    }
    assert_eq!(spent(&bench, &["--until", "2020-01"])["lines"], json!([]));
    assert_eq!(spent(&bench, &["--since", "2020-01-01", "runs/job", "runs"])["lines"], told["lines"]);
    let csv = bench.run(&["spend", "--format", "csv"]).exits(0).stdout;
    assert!(csv.contains("job,credit,3,0,9,0.9,0.3,0,0,0,0,,\r\n"), "{csv}");
    let text = bench.run(&["spend"]).exits(0).stdout;
    assert!(text.contains("MANIFEST") && text.contains("0.003 USD"), "{text}");
    bench.run(&["spend", "--by", "colour"]).exits(2);
    bench.run(&["spend", "--since", "soon"]).exits(2).says(&["2026-11-24"]);
    bench.run(&["spend", "nowhere"]).exits(2);
}

#[test]
fn a_run_of_which_lock_and_report_are_left_still_counts_and_one_that_can_t_be_read_is_named() {
    let server = Hostile::serve(priced);
    let bench = bench(&server);
    let before = spent(&bench, &[]);
    let run = bench.run_dir();
    for entry in fs::read_dir(&run).unwrap() {
        let path = entry.unwrap().path();
        if !path.ends_with("run.lock.json") && !path.ends_with("report.json") {
            fs::remove_file(path).unwrap();
        }
    }
    assert_eq!(spent(&bench, &[]), before);
    // Without a report that is current the journal tells.
    let other = fs::read_dir(bench.path("runs/other")).unwrap().map(|entry| entry.unwrap().path());
    let other = { other }.find(|path| path.is_dir() && !path.is_symlink()).unwrap();
    fs::remove_file(other.join("report.json")).unwrap();
    assert_eq!(spent(&bench, &[]), before);
    fs::remove_file(run.join("report.json")).unwrap();
    fs::write(run.join("run.lock.json"), "{").unwrap();
    fs::write(run.join("journal.jsonl"), "{").unwrap();
    let ended = bench.run(&["spend", "--format", "json"]).exits(3);
    let name = run.file_name().unwrap().to_str().unwrap();
    assert!(ended.stderr.contains(name) && ended.stderr.contains("not counted"), "{}", ended.stderr);
    assert_eq!((&ended.json()["unreadable"], &ended.json()["lines"][0]["cost"]), (&json!(1), &json!("0.6")));
}

#[test]
fn a_run_that_is_alive_counts_as_far_as_it_has_come() {
    let server = Hostile::serve(priced);
    let bench = Bench::new();
    bench.dataset(9);
    bench.job(&server.url, "sync", "limits: {halt: none, concurrency: 1, retry: {attempts: 1}}\n");
    let running = Running::start(bench.command(["run", "job.yaml", "--id", "r"]));
    until("the last row is sent", || server.invokes().len() == 9);
    let told = spent(&bench, &[]);
    assert_eq!((&told["lines"][0]["still_running"], &told["lines"][0]["cost"]), (&json!(1), &json!("0.7")));
    assert_eq!(told["lines"][0]["in_doubt"]["rows"], json!(2));
    running.kill();
}

#[test]
fn a_copy_of_a_run_is_no_second_bill() {
    let server = Hostile::serve(priced);
    let bench = bench(&server);
    let is_run = |path: &std::path::PathBuf| path.is_dir() && !path.is_symlink();
    let mut entries = fs::read_dir(bench.path("runs/other")).unwrap().map(|entry| entry.unwrap().path());
    let (from, to) = (entries.find(is_run).unwrap(), bench.path("archive/other/copy"));
    fs::create_dir_all(&to).unwrap();
    for file in fs::read_dir(from).unwrap().flatten().filter(|file| file.path().is_file()) {
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
    let all = spent(&bench, &["runs", "archive"]);
    assert_eq!(all, spent(&bench, &["runs"]));
    bench.run(&["spend", "runs", "archive"]).exits(0).says(&["a copy of"]);
}

#[test]
fn what_a_killed_import_has_left_is_no_run() {
    let server = Hostile::serve(priced);
    let bench = bench(&server);
    let before = spent(&bench, &[]);
    bench.write("runs/.flowbatch-import-x/run/journal.jsonl", "{\n");
    assert_eq!(spent(&bench, &[]), before);
    let listed = bench.run(&["runs"]).exits(0);
    assert!(!listed.stdout.contains("flowbatch-import"), "{}", listed.stdout);
}
