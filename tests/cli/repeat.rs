//! Runs that invoke each row of the dataset several times.

use serde_json::{Value, json};

use crate::SERVICE;
use crate::support::{Bench, Emulator, rows_of};

/// Row 1 always passes, the others pass twice of three times.
const REST: &str = "repeat: 3\n\
checks: {steady: {value: \"{{output.answer}}\", any: [{regex: \" [12]$\"}, {starts_with: \"text 1 \"}]}}\n\
gates: [steady.repeats.pass_at_1 >= 70%, steady.repeats.pass_hat_3 >= 25%, steady.repeats.flaky_rows <= 3]\n";

fn job(bench: &Bench, service: &Emulator, rest: &str) {
    bench.job(&service.url, "sync", rest);
    let text = bench.read("job.yaml").replace("{{row.text}}", "{{row.text}} {{repeat}}");
    bench.write("job.yaml", text);
}

fn keys(bench: &Bench, run: &str) -> Vec<String> {
    let rows = rows_of(&bench.path(format!("runs/job/{run}/results.jsonl")));
    rows.iter().map(|row| row["row_key"].as_str().unwrap_or("-").to_owned()).collect()
}

#[test]
fn each_row_is_invoked_so_often_and_the_report_says_how_steady_it_is() {
    let bench = Bench::new();
    bench.dataset(4);
    let service = Emulator::serve(&bench, SERVICE);
    job(&bench, &service, REST);
    let told = bench.run(&["check", "job.yaml"]).exits(0).stdout;
    assert!(told.contains("sound, 12 rows, each of the dataset 3 times"), "{told}");
    let plan = bench.run(&["plan", "job.yaml", "--json"]).exits(0).json();
    assert_eq!((&plan["repeat"], &plan["rows"]["run"]), (&json!(3), &json!(12)));
    let ended = bench.run(&["run", "job.yaml", "--id", "a"]).exits(0);
    assert!(ended.stderr.contains("12 rows, each of the dataset 3 times"), "{}", ended.stderr);
    let rows = rows_of(&bench.path("runs/job/a/results.jsonl"));
    let seen: Vec<_> = rows.iter().map(|row| (row["row_key"].as_str().unwrap(), &row["repeat"])).collect();
    assert_eq!(
        seen[..4],
        [("k1#1", &json!(1)), ("k1#2", &json!(2)), ("k1#3", &json!(3)), ("k2#1", &json!(1))]
    );
    assert_eq!(rows[5]["output"]["answer"], "text 2 3");
    let report: Value = serde_json::from_str(&bench.read("runs/job/a/report.json")).unwrap();
    let steady = &report["checks"]["steady"];
    assert_eq!(steady["repeats"]["pass_hat_k"], json!({"1": 0.75, "2": 0.5, "3": 0.25}));
    assert_eq!((&steady["repeats"]["flaky_rows"], &steady["passed"]), (&json!(3), &json!(9)));
    assert_eq!(report["repeats"]["cost"]["rows"], 4);
    let lock: Value = serde_json::from_str(&bench.read("runs/job/a/run.lock.json")).unwrap();
    assert_eq!((&lock["dataset"]["repeat"], &lock["dataset"]["rows"]), (&json!(3), &json!(12)));
    // What the run was made with counts, whatever the manifest says now.
    bench.write(
        "job.yaml",
        bench.read("job.yaml").replace("repeat: 3", "repeat: 2").replace("pass_hat_3", "pass_hat_2"),
    );
    let again = bench.run(&["score", "a", "--json"]).exits(0).json();
    assert_eq!(again["checks"]["steady"]["repeats"], steady["repeats"]);
    bench.run(&["run", "job.yaml", "--id", "a"]).exits(3).says(&["`repeat` (2 against 3)"]);
    bench.run(&["run", "job.yaml", "--id", "b", "--set", "repeat=3", "--set", "gates=[]"]).exits(0);
    let same = bench.run(&["compare", "a", "b", "--format", "json"]).exits(0).json();
    assert_eq!(
        (&same["rows"]["paired"], &same["checks"]["steady"]["verdict"]),
        (&json!(4), &json!("no_difference"))
    );
    assert_eq!((&same["unit"], &same["test"]), (&json!("record"), &json!("sign_flip")));
    assert_eq!(same["checks"]["steady"]["pairs"], 4);
    assert!(same["cost"]["difference"].is_string(), "{}", same["cost"]);
}

#[test]
fn a_repeated_run_is_compared_with_one_that_is_not_and_with_a_baseline() {
    let bench = Bench::new();
    bench.dataset(12);
    let service = Emulator::serve(&bench, SERVICE);
    job(&bench, &service, REST);
    let none = ["--set", "gates=[]"];
    bench.run(&[&["run", "job.yaml", "--id", "thrice"][..], &none].concat()).exits(0);
    bench.run(&[&["run", "job.yaml", "--id", "once", "--set", "repeat=1"][..], &none].concat()).exits(0);
    let baseline = bench.run(&["report", "thrice", "--format", "baseline"]).exits(0).stdout;
    assert!(baseline.lines().next().unwrap().contains("\"repeat\":3"), "{baseline}");
    bench.write("baseline.jsonl", baseline);
    let check = |before: &str, now: &str, answers: [u64; 2]| {
        let told = bench.run(&["compare", before, now, "--format", "json"]).exits(0).json();
        let rows = json!({"paired": 12, "only_baseline": 0, "only_candidate": 0, "input_differs": told["rows"]["input_differs"],
            "duplicates": {"baseline": 0, "candidate": 0}, "without_key": {"baseline": 0, "candidate": 0}});
        assert_eq!(told["rows"], rows, "{before} {now}");
        let steady = &told["checks"]["steady"];
        assert_eq!(
            steady["answers"],
            json!({"baseline": answers[0], "candidate": answers[1]}),
            "{before} {now}"
        );
        assert_eq!((&steady["pairs"], &told["unit"]), (&json!(12), &json!("record")), "{before} {now}");
        told
    };
    check("thrice", "thrice", [36, 36]);
    check("baseline.jsonl", "thrice", [36, 36]);
    let told = check("thrice", "once", [36, 12]);
    // All answers of the first repeat pass, and two of three of the other run.
    assert_eq!(
        (&told["checks"]["steady"]["won"], &told["checks"]["steady"]["verdict"]),
        (&json!(11), &json!("better"))
    );
    assert_eq!(told["cost"]["difference"], Value::Null);
    let told = check("baseline.jsonl", "once", [36, 12]);
    assert_eq!(told["checks"]["steady"]["won"], 11);
    check("once", "thrice", [12, 36]);
}

#[test]
fn a_selection_counts_rows_of_the_dataset_and_can_be_widened() {
    let bench = Bench::new();
    bench.dataset(5);
    let service = Emulator::serve(&bench, SERVICE);
    job(&bench, &service, "repeat: 2\n");
    bench.run(&["run", "job.yaml", "--id", "a", "--limit", "1"]).exits(0);
    assert_eq!(keys(&bench, "a"), ["k1#1", "k1#2"]);
    bench.run(&["resume", "a", "--limit", "2"]).exits(0);
    assert_eq!(keys(&bench, "a"), ["k1#1", "k1#2", "k2#1", "k2#2"]);
    bench.run(&["resume", "a", "--range", "4..4"]).exits(0);
    assert_eq!(keys(&bench, "a")[4..], ["k4#1", "k4#2"]);
    bench.run(&["resume", "a", "--all"]).exits(0);
    assert_eq!(keys(&bench, "a").len(), 10);
    bench.run(&["run", "job.yaml", "--id", "b"]).exits(0);
    let grown = bench.read("rows.csv") + "k6,text 6\n";
    bench.write("rows.csv", &grown);
    bench.run(&["resume", "b", "--extend"]).exits(0).says(&["grew by 2 rows; added to the run: 2"]);
    assert_eq!(keys(&bench, "b")[10..], ["k6#1", "k6#2"]);
    let report: Value = serde_json::from_str(&bench.read("runs/job/b/report.json")).unwrap();
    assert_eq!((&report["rows"]["succeeded"], &report["invokes"]), (&json!(12), &json!(12)));
}

#[test]
fn a_run_that_died_goes_on_and_no_repeat_is_paid_twice() {
    let bench = Bench::new();
    bench.dataset(6);
    let service = Emulator::serve(&bench, SERVICE);
    job(&bench, &service, "repeat: 4\nlimits: {concurrency: 1}\n");
    let run = ["run", "job.yaml", "--id", "a"];
    let died = bench.run_with(&[("FLOWBATCH_FAIL_POINT", "intent-appended:7")], &run);
    assert!(died.code.is_none_or(|code| code > 101), "{died:?}");
    bench.run(&["resume", "a"]).exits(0);
    assert_eq!(keys(&bench, "a").len(), 24);
    assert_eq!(service.accepted().len(), 24);
}

#[test]
fn mistakes_about_repeats_are_told_before_anything_is_sent() {
    let bench = Bench::new();
    bench.dataset(2);
    let check = |rest: &str, told: &str| {
        bench.job("http://127.0.0.1:9", "sync", rest);
        bench.run(&["check", "job.yaml"]).exits(2).says(&[told]);
    };
    check("repeat: 0\n", "`repeat` must be a whole number from 1 to 1000");
    check("repeat: 1001\n", "`repeat` must be a whole number from 1 to 1000");
    check("gates: [repeats.cost.cv <= 5%]\n", "a report has no figure `repeats.cost.cv`");
    check("checks: {repeats: {present: true}}\n", "repeats");
    bench.job("http://127.0.0.1:9", "sync", "repeat: 2\n");
    let text = bench.read("job.yaml").replace("key: id}", "key: id, select: {where: repeat == 1}}");
    bench.write("job.yaml", text);
    bench.run(&["check", "job.yaml"]).exits(2).says(&["can't name `repeat`"]);
}
