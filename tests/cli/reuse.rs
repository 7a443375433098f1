//! Results that an earlier run has paid for: taken where the input is the same, and never paid for again.

use std::fs;

use serde_json::{Value, json};

use crate::SERVICE;
use crate::support::money::{amount, sum};
use crate::support::{Bench, Emulator, rows_of};

const REUSE: &str = "reuse: latest\n";

fn report(bench: &Bench, run: &str) -> Value {
    serde_json::from_str(&bench.read(format!("runs/job/{run}/report.json"))).unwrap()
}

fn results(bench: &Bench, run: &str) -> Vec<Value> {
    rows_of(&bench.path(format!("runs/job/{run}/results.jsonl")))
}

fn table(rows: &[(&str, &str)]) -> String {
    let mut table = "id,text\n".to_owned();
    for (key, text) in rows {
        table += &format!("{key},{text}\n");
    }
    table
}

#[test]
fn only_new_and_changed_rows_are_sent_and_the_ledger_bears_witness() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    bench.job(&service.url, "sync", REUSE);
    bench.write("rows.csv", table(&[("k1", "a"), ("k2", "b"), ("k3", "c"), ("k4", "d")]));
    let first = bench.run(&["run", "job.yaml", "--id", "a"]).exits(0);
    first.says(&["there is no earlier run yet to reuse results from"]);
    assert_eq!(service.accepted().len(), 4);
    // One is changed, one is gone, two are new; the others stand elsewhere.
    bench.write("rows.csv", table(&[("k9", "x"), ("k3", "c"), ("k2", "other"), ("k1", "a"), ("k8", "y")]));
    let plan = bench.run(&["plan", "job.yaml", "--json"]).exits(0).json();
    let told = |key: &str| plan["reuse"][key].clone();
    assert_eq!((&plan["rows"]["run"], told("reused")), (&json!(3), json!(2)));
    assert_eq!((told("added"), told("changed"), told("removed")), (json!(2), json!(1), json!(1)));
    assert_eq!(told("reasons"), json!({"another input": 1}));
    let shown = bench.run(&["plan", "job.yaml"]).exits(0).stdout;
    assert!(
        shown.contains("3 of 5 would run, 2 would be reused") && shown.contains("1 row of that run"),
        "{shown}"
    );
    let second = bench.run(&["run", "job.yaml", "--id", "b"]).exits(0);
    let second = second.says(&["2 of 5 rows reused from run a"]);
    assert!(second.stdout.contains("Reused"), "{}", second.stdout);
    assert_eq!(service.accepted().len(), 7);
    let (then, now) = (results(&bench, "a"), results(&bench, "b"));
    let (taken, sent): (Vec<_>, Vec<_>) = now.iter().cloned().partition(|row| !row["reused"].is_null());
    assert_eq!(taken.len(), 2);
    for row in &taken {
        let old = then.iter().find(|old| old["row_key"] == row["row_key"]).unwrap();
        for same in ["input", "output", "outcome", "workflow_run_id", "workflow_version"] {
            assert_eq!(row[same], old[same], "{same}");
        }
        let was = &row["reused"];
        assert_eq!((&was["run_id"], &was["row_number"]), (&json!("a"), &old["row_number"]));
        assert_eq!(
            (&was["cost"], &was["tokens"], &was["answered_at"]),
            (&old["cost"], &old["tokens"], &old["finished_at"])
        );
        assert_eq!((&row["cost"], &row["tokens"], &row["attempts"]), (&json!("0"), &json!(0), &json!(0)));
        assert_eq!((&row["latency_ms"], &row["started_at"]), (&Value::Null, &Value::Null));
    }
    let charged: Vec<_> = service.charged().into_iter().skip(4).collect();
    let told = report(&bench, "b");
    assert_eq!(amount(told["cost"]["total"].as_str().unwrap()), sum(&charged, "cost"));
    assert_eq!(sum(&sent, "cost"), sum(&charged, "cost"));
    assert_eq!(
        (&told["cost"]["known_rows"], &told["invokes"], &told["reused"]["rows"]),
        (&json!(3), &json!(3), &json!(2))
    );
    let kept: Vec<_> = taken.iter().map(|row| row["reused"].clone()).collect();
    assert_eq!(amount(told["reused"]["cost"].as_str().unwrap()), sum(&kept, "cost"));
    // What was reused is of the run that paid for it, however often it is reused.
    bench.run(&["run", "job.yaml", "--id", "c"]).exits(0);
    assert_eq!(service.accepted().len(), 7);
    let origins: Vec<_> = results(&bench, "c").iter().map(|row| row["reused"]["run_id"].clone()).collect();
    assert_eq!(origins, [json!("b"), json!("a"), json!("b"), json!("a"), json!("b")]);
    let before = fs::read(bench.path("runs/job/c/report.json")).unwrap();
    bench.run(&["resume", "c"]).exits(0).says(&["nothing remains"]);
    bench.run(&["report", "c"]).exits(0);
    assert_eq!(fs::read(bench.path("runs/job/c/report.json")).unwrap(), before);
}

#[test]
fn a_daily_job_over_a_dataset_that_grows_pays_for_each_row_once() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    bench.job(&service.url, "async", REUSE);
    let mut paid = Vec::new();
    for day in 1..=5 {
        bench.dataset(day * 3);
        bench.run(&["run", "job.yaml", "--id", &format!("day-{day}")]).exits(0);
        paid.push(service.accepted().len());
        let told = report(&bench, &format!("day-{day}"));
        assert_eq!(told["rows"]["succeeded"], day * 3);
    }
    assert_eq!(paid, [3, 6, 9, 12, 15]);
    let totals = (1..=5).map(|day| report(&bench, &format!("day-{day}"))["cost"].clone());
    assert_eq!(sum(&totals.collect::<Vec<_>>(), "total"), sum(&service.charged(), "cost"));
}

#[test]
fn rows_without_keys_find_theirs_by_their_inputs_and_each_result_is_taken_once() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    bench.job(&service.url, "sync", REUSE);
    bench.write("job.yaml", bench.read("job.yaml").replace(", key: id}", "}"));
    bench.write("rows.csv", table(&[("1", "same"), ("2", "same"), ("3", "other")]));
    bench.run(&["run", "job.yaml", "--id", "a"]).exits(0);
    bench.write(
        "rows.csv",
        table(&[("0", "new"), ("3", "other"), ("1", "same"), ("2", "same"), ("4", "same")]),
    );
    bench.run(&["run", "job.yaml", "--id", "b"]).exits(0);
    let from: Vec<_> = results(&bench, "b").iter().map(|row| row["reused"]["row_number"].clone()).collect();
    assert_eq!(from, [Value::Null, json!(3), json!(1), json!(2), Value::Null]);
    assert_eq!(service.accepted().len(), 5);
}

#[test]
fn what_failed_is_asked_again_and_what_ran_elsewhere_is_not_taken() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, &format!("{SERVICE}faults_for: {{\".*-2\": [failed]}}\n"));
    bench.job(&service.url, "sync", "checks: {ok: {value: \"{{output.answer}}\", present: true}}\n");
    bench.dataset(3);
    bench.run(&["run", "job.yaml", "--id", "a"]).exits(1);
    let reused = |args: &[&str]| {
        let all = [&["plan", "job.yaml", "--json", "--reuse", "a"], args].concat();
        let plan = bench.run(&all).exits(0).json()["reuse"].clone();
        (plan["reused"].as_u64().unwrap(), plan["reasons"].clone())
    };
    assert_eq!(reused(&[]), (2, json!({"failed then": 1})));
    let elsewhere = ["--set", "workflow.base_url=http://127.0.0.1:1"];
    assert_eq!(reused(&elsewhere), (0, json!({"failed then": 1, "another workflow": 2})));
    assert_eq!(
        reused(&["--set", "workflow.pin.version=9"]),
        (0, json!({"failed then": 1, "another version of the workflow": 2}))
    );
    let any = ["--set", "reuse.from=a", "--set", "reuse.when=[same_input]"];
    assert_eq!(reused(&[&elsewhere[..], &any].concat()).0, 2);
    let checks = ["--set", "reuse.from=a", "--set", "reuse.when=[same_checks]"];
    assert_eq!(reused(&checks).0, 2);
    let others = [&checks[..], &["--set", "checks.ok.value={{output}}"]].concat();
    assert_eq!(reused(&others), (0, json!({"failed then": 1, "other checks": 2})));
    let old = ["--set", "reuse.from=a", "--set", "reuse.max_age=720h"];
    assert_eq!(reused(&old).0, 2);
    bench
        .run(&["plan", "job.yaml", "--set", "reuse.from=a", "--set", "reuse.when=[same_mood]"])
        .exits(2)
        .says(&["same_mood"]);
    bench.run(&["plan", "job.yaml", "--reuse", "zzz"]).exits(2).says(&["zzz"]);
}

#[test]
fn checks_ask_what_a_reused_result_took_when_it_was_paid_for() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    let checks = "checks: {dear: {cost: {min: 0.0001}}, quick: {latency: {max: 10m}}}\n";
    bench.job(&service.url, "sync", &format!("{REUSE}{checks}"));
    bench.dataset(2);
    for run in ["a", "b"] {
        bench.run(&["run", "job.yaml", "--id", run]).exits(0);
        let checks = &report(&bench, run)["checks"];
        assert_eq!((&checks["dear"]["passed"], &checks["quick"]["passed"]), (&json!(2), &json!(2)), "{run}");
    }
}

#[cfg(debug_assertions)]
#[test]
fn a_process_that_dies_before_or_behind_the_reused_results_is_gone_on_with() {
    for point in ["reserve-kept", "results-reused", "group-half-written:3"] {
        let bench = Bench::new();
        let service = Emulator::serve(&bench, SERVICE);
        bench.job(&service.url, "sync", REUSE);
        bench.dataset(4);
        bench.run(&["run", "job.yaml", "--id", "a"]).exits(0);
        bench.dataset(6);
        let ended = bench.run_with(&[("FLOWBATCH_FAIL_POINT", point)], &["run", "job.yaml", "--id", "b"]);
        assert!(ended.code != Some(0), "{point}: {ended:?}");
        bench.run(&["run", "job.yaml", "--id", "b"]).exits(0);
        assert_eq!(service.accepted().len(), 6, "{point}");
        let told = report(&bench, "b");
        assert_eq!((&told["reused"]["rows"], &told["rows"]["succeeded"]), (&json!(4), &json!(6)), "{point}");
    }
}

#[cfg(debug_assertions)]
#[test]
fn a_run_whose_source_is_gone_pays_for_nothing_unasked() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    bench.job(&service.url, "sync", REUSE);
    bench.dataset(3);
    bench.run(&["run", "job.yaml", "--id", "a"]).exits(0);
    bench.run_with(&[("FLOWBATCH_FAIL_POINT", "reserve-kept")], &["run", "job.yaml", "--id", "b"]);
    fs::remove_dir_all(bench.path("runs/job/a")).unwrap();
    bench.run(&["resume", "b"]).exits(3).says(&["results were to be reused from run a", "--set reuse=none"]);
    assert_eq!(service.accepted().len(), 3);
    bench.run(&["resume", "b", "--set", "reuse=none"]).exits(0);
    assert_eq!(service.accepted().len(), 6);
}

#[test]
fn a_comparison_asks_what_reused_results_took_when_they_were_paid_for() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    bench.dataset(3);
    bench.job(&service.url, "sync", REUSE);
    for run in ["a", "b"] {
        bench.run(&["run", "job.yaml", "--id", run]).exits(0);
    }
    let same = bench.run(&["compare", "a", "b", "--format", "json"]).exits(0).json();
    let cost = &same["cost"];
    assert_eq!((&cost["per_row"]["pairs"], &cost["baseline"]), (&json!(3), &cost["candidate"]), "{same}");
    assert_eq!(same["latency_ms"]["pairs"], 3);
}

#[test]
fn reuse_asked_for_on_the_command_line_goes_before_a_manifest_that_says_none() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    bench.job(&service.url, "sync", "reuse: none\n");
    bench.dataset(2);
    bench.run(&["run", "job.yaml", "--id", "a"]).exits(0);
    bench.run(&["run", "job.yaml", "--id", "b", "--reuse", "a"]).exits(0).says(&["2 of 2 rows reused"]);
    bench.run(&["run", "job.yaml", "--id", "c"]).exits(0);
    assert_eq!(service.accepted().len(), 4);
}

#[test]
fn of_equal_inputs_one_that_failed_does_not_hide_one_that_succeeded() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, &format!("{SERVICE}faults_for: {{\".*-1\": [failed]}}\n"));
    bench.job(&service.url, "sync", "");
    bench.write("job.yaml", bench.read("job.yaml").replace(", key: id}", "}"));
    bench.write("rows.csv", table(&[("1", "same"), ("2", "same")]));
    bench.run(&["run", "job.yaml", "--id", "a"]).exits(1);
    bench.write("rows.csv", table(&[("7", "same")]));
    let plan = bench.run(&["plan", "job.yaml", "--json", "--reuse", "a"]).exits(0).json();
    assert_eq!(plan["reuse"]["reused"], 1);
}

#[cfg(debug_assertions)]
#[test]
fn a_result_is_taken_once_also_when_a_process_died_among_them() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    bench.job(&service.url, "sync", REUSE);
    bench.write("job.yaml", bench.read("job.yaml").replace(", key: id}", "}"));
    bench.write("rows.csv", table(&[("1", "same"), ("2", "same")]));
    bench.run(&["run", "job.yaml", "--id", "a"]).exits(0);
    bench.write("rows.csv", table(&[("1", "same"), ("2", "same"), ("3", "same"), ("4", "same")]));
    let limits = ["--set", "dataset.select.range=2..4"];
    bench.run_with(
        &[("FLOWBATCH_FAIL_POINT", "results-reused")],
        &[&["run", "job.yaml", "--id", "b"], &limits[..]].concat(),
    );
    bench.run(&["resume", "b", "--all"]).exits(0);
    let from: Vec<_> = results(&bench, "b").iter().map(|row| row["reused"]["row_number"].clone()).collect();
    assert_eq!(from, [Value::Null, json!(1), json!(2), Value::Null]);
}

#[test]
fn a_gate_asks_how_much_was_reused_also_when_nothing_was() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    bench.job(&service.url, "sync", REUSE);
    bench.dataset(2);
    for (id, gate, code) in
        [("a", "reused.rows <= 0", 0), ("b", "reused.rows >= 2", 0), ("c", "reused.cost <= 0", 4)]
    {
        bench.run(&["run", "job.yaml", "--id", id, "--set", &format!("gates=['{gate}']")]).exits(code);
    }
}
