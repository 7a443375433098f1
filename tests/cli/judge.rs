//! Checks whose verdict comes from another workflow: asked once about each row, in runs of their own.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::SERVICE;
use crate::support::hostile::{Hostile, Request, response};
use crate::support::money::amount;
use crate::support::{Bench, Emulator, by_user, rows_of};
#[cfg(unix)]
use crate::support::{Running, until};

const JUDGE: &str = "name: judge\nversion: \"3\"\nseed: 9\ninputs:\n  text: {type: string, required: true}\n\
choose: {score: [0.1, 0.4, 0.8, 1]}\noutput: {score: \"{{choose.score}}\", why: \"saw {{input.text}}\"}\nlatency: LATENCY\n\
tokens: {base: 11}\ncost: {base: 0.25}\n";

/// A bench with a workflow and a judge, both at services of their own.
struct Court {
    bench: Bench,
    service: Emulator,
    judge: Emulator,
    /// Holds the judge's ledger.
    _judges: Bench,
}

impl Court {
    fn of(rows: usize, checks: &str, judge: &str, limits: &str) -> Self {
        let (bench, judges) = (Bench::new(), Bench::new());
        let service = Emulator::serve(&bench, SERVICE);
        let judge = Emulator::serve(&judges, judge);
        bench.dataset(rows);
        bench.job(&service.url, "sync", &format!("checks:\n{checks}"));
        let court = Self { bench, service, judge, _judges: judges };
        court.judge_yaml("{{row.output.answer}}", limits);
        court
    }

    fn judge_yaml(&self, input: &str, limits: &str) {
        let url = &self.judge.url;
        self.bench.write(
            "judge.yaml",
            format!(
                "version: 1\nname: judge\nworkflow: {{provider: gptbots, base_url: \"{url}\", mode: sync}}\n\
                 dataset: {{path: judged.jsonl, key: key}}\ninput: {{text: \"{input}\"}}\nlimits: {limits}\n"
            ),
        );
    }

    fn run_dir(&self) -> String {
        self.bench.run_dir().display().to_string()
    }

    fn judge_runs(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.bench.run_dir().join("judges/good")) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// How often the judge was asked about each row.
    fn asked(&self) -> BTreeMap<String, usize> {
        let mut asked = BTreeMap::new();
        for line in self.judge.accepted() {
            *asked.entry(line["input"]["text"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
        }
        asked
    }
}

fn quick() -> String {
    JUDGE.replace("LATENCY", "1ms..5ms")
}

const GOOD: &str = "  good: {judge: {manifest: judge.yaml, at_least: 0.5, reason: \"{{output.why}}\"}}\n";

#[test]
fn a_judge_is_asked_once_about_each_row_and_its_bill_is_its_own() {
    let checks =
        format!("{GOOD}  high: {{judge: {{manifest: judge.yaml, at_least: 90%}}, when: row.id != \"k3\"}}\n");
    let court = Court::of(12, &checks, &quick(), "{concurrency: 3}");
    let checked = court.bench.run(&["check", "job.yaml"]).exits(0).stdout;
    assert!(checked.contains("judged: good, high by judge, at most 12 rows"), "{checked}");
    let told = court.bench.run(&["run", "job.yaml", "--json"]).exits(0).says(&["judging: 12 rows"]).json();
    assert_eq!((court.service.accepted().len(), court.judge.accepted().len()), (12, 12));
    assert!(by_user(&court.judge.accepted()).values().all(|count| *count == 1));
    let judge = &told["judges"]["good"];
    assert_eq!((&judge["checks"], &judge["complete"]), (&json!(["good", "high"]), &json!(true)));
    assert_eq!((&judge["rows"]["succeeded"], &judge["waiting"]), (&json!(12), &json!(0)));
    assert_eq!(amount(judge["cost"]["total"].as_str().unwrap()), amount("3"));
    let costs: Vec<_> =
        court.bench.results().iter().map(|row| amount(row["cost"].as_str().unwrap())).collect();
    assert_eq!(amount(told["cost"]["total"].as_str().unwrap()), costs.into_iter().sum());
    let mut passed = 0;
    for row in court.bench.results() {
        let (good, high) = (&row["checks"]["good"], &row["checks"]["high"]);
        let score = good["score"].as_f64().unwrap();
        assert_eq!(good["verdict"], if score >= 0.5 { "pass" } else { "fail" }, "{row}");
        assert_eq!(good["reason"], json!(format!("saw {}", row["output"]["answer"].as_str().unwrap())));
        passed += u64::from(score >= 0.5);
        if row["row_key"] == "k3" {
            assert_eq!(high["verdict"], "skipped");
        } else {
            assert_eq!(high["verdict"], if score >= 0.9 { "pass" } else { "fail" }, "{row}");
        }
    }
    assert_eq!(told["checks"]["good"]["passed"], passed);
    // Whatever is derived later is derived from what was said.
    let files = ["results.jsonl", "report.json", "report.md", "results.csv"];
    let read = || files.map(|name| fs::read(court.bench.run_dir().join(name)).unwrap());
    let before = read();
    let page = court.bench.run(&["report", &court.run_dir()]).exits(0).stdout;
    assert!(
        page.contains("Judges (not in the cost above)") && page.contains("12 judged, 3.00 credits"),
        "{page}"
    );
    court.bench.run(&["resume", &court.run_dir()]).exits(0);
    assert_eq!(read(), before);
    assert_eq!(court.judge.accepted().len(), 12);
}

#[test]
fn scoring_again_asks_a_judge_only_what_it_was_not_asked() {
    let court = Court::of(8, GOOD, &quick(), "{}");
    court.bench.run(&["run", "job.yaml"]).exits(0);
    let replace = |from: &str, to: &str| {
        let text = court.bench.read("job.yaml");
        assert!(text.contains(from));
        court.bench.write("job.yaml", text.replace(from, to));
    };
    replace("at_least: 0.5", "at_least: 0");
    let told =
        court.bench.run(&["score", &court.run_dir(), "--json"]).exits(0).says(&["nothing was sent"]).json();
    assert_eq!((&told["checks"]["good"]["passed"], court.judge.accepted().len()), (&json!(8), 8));
    court.judge_yaml("again: {{row.output.answer}}", "{}");
    let told = court.bench.run(&["score", &court.run_dir(), "--json"]).exits(0);
    let told = told.says(&["8 requests were sent to judges"]).json();
    assert_eq!(
        (told["judges"]["good"]["runs"].as_array().unwrap().len(), court.judge.accepted().len()),
        (1, 16)
    );
    // The run's own report stays with the judge that it was begun with.
    let own = court.bench.run(&["report", &court.run_dir(), "--format", "json"]).exits(0).json();
    assert_eq!(own["judges"]["good"]["rows"]["total"], 8);
    assert_eq!(court.judge_runs().len(), 2);
    court.bench.run(&["score", &court.run_dir(), "--yes"]).exits(0).says(&["nothing was sent"]);
    assert_eq!((court.judge.accepted().len(), court.service.accepted().len()), (16, 8));
}

#[test]
fn what_another_process_is_about_to_ask_is_not_asked_beside_it() {
    let court = Court::of(3, GOOD, &quick(), "{}");
    court.bench.run(&["run", "job.yaml"]).exits(0);
    court.judge_yaml("again: {{row.output.answer}}", "{}");
    // As it is when a run is laid out: locked, and with no row begun.
    let other = court.bench.run_dir().join("judges/good/other");
    let first = court.judge_runs().remove(0);
    fs::create_dir(&other).unwrap();
    fs::copy(first.join("run.lock.json"), other.join("run.lock.json")).unwrap();
    let journal = fs::read_to_string(first.join("journal.jsonl")).unwrap();
    let laid_out: String = journal.lines().take(2).map(|line| line.to_owned() + "\n").collect();
    assert!(!laid_out.contains("process_started"), "{laid_out}");
    fs::write(other.join("journal.jsonl"), laid_out).unwrap();
    let locked = if cfg!(windows) { "journal.lock" } else { "journal.jsonl" };
    let locked = fs::File::options().create(true).append(true).open(other.join(locked)).unwrap();
    locked.lock().unwrap();
    court.bench.run(&["score", &court.run_dir()]).exits(3).says(&["judges/good/other"]);
    assert_eq!(court.judge.accepted().len(), 3);
    drop(locked);
    court.bench.run(&["score", &court.run_dir()]).exits(0).says(&["3 requests were sent"]);
    assert_eq!(court.judge.accepted().len(), 6);
}

#[test]
fn edited_checks_score_stored_replies_whose_dataset_is_gone() {
    let court = Court::of(6, &GOOD.replace("}}\n", "}, when: row.id != \"k2\"}\n"), &quick(), "{}");
    court.bench.run(&["run", "job.yaml"]).exits(0);
    assert_eq!(court.judge.accepted().len(), 5);
    fs::remove_file(court.bench.path("rows.csv")).unwrap();
    let same = "  same: {value: \"{{output.answer}}\", equals: \"{{row.text}}\"}\n";
    let job = court.bench.read("job.yaml");
    court.bench.write("job.yaml", format!("{job}{same}").replace(", when: row.id != \"k2\"", ""));
    let told = court.bench.run(&["score", &court.run_dir(), "--json"]).exits(0);
    let told = told.says(&["judging: 1 row to", "1 request was sent to a judge"]).json();
    assert_eq!((&told["checks"]["same"]["passed"], &told["checks"]["good"]["error"]), (&json!(6), &json!(0)));
    assert_eq!(court.asked().into_values().max(), Some(1));
    assert_eq!((court.asked().len(), court.service.accepted().len()), (6, 6));
}

#[cfg(unix)]
#[test]
fn scoring_that_was_cut_short_says_what_it_sends_when_it_goes_on() {
    let court = Court::of(8, GOOD, &JUDGE.replace("LATENCY", "250ms"), "{concurrency: 2}");
    court.bench.run(&["run", "job.yaml"]).exits(0);
    court.judge_yaml("again: {{row.output.answer}}", "{concurrency: 2}");
    let running = Running::start(court.bench.command(["score", &court.run_dir(), "--json"]));
    until("rows are being judged", || court.judge.accepted().len() >= 10);
    running.signal("INT");
    let cut = running.end();
    assert_eq!(cut.code, Some(5), "{cut:?}");
    let sent = court.judge.accepted().len() - 8;
    assert!(cut.stderr.contains(&format!("{sent} requests were sent to judges")), "{sent}: {}", cut.stderr);
    let rest = court.bench.run(&["score", &court.run_dir()]).exits(0);
    assert!(!rest.stderr.contains("; nothing was sent"), "{}", rest.stderr);
    assert_eq!((court.asked().len(), court.judge.accepted().len()), (16, 16));
}

#[test]
fn rows_that_are_added_are_judged_and_the_others_are_not_judged_again() {
    let court = Court::of(9, GOOD, &quick(), "{}");
    court.bench.run(&["run", "job.yaml", "--limit", "4"]).exits(0);
    assert_eq!(court.judge.accepted().len(), 4);
    let told = court.bench.run(&["resume", &court.run_dir(), "--all", "--json"]).exits(0).json();
    assert_eq!(
        (told["judges"]["good"]["rows"]["total"].as_u64(), court.judge.accepted().len()),
        (Some(9), 9)
    );
    assert_eq!(court.judge_runs().len(), 2);
    assert!(court.bench.results().iter().all(|row| row["checks"]["good"]["verdict"] != "error"));
}

#[test]
fn each_of_a_row_s_repeats_is_judged_and_counts_as_one_of_its_answers() {
    let rest =
        format!("{GOOD}repeat: 3\ngates: [good.repeats.pass_at_1 >= 0%, good.repeats.flaky_rows <= 4]\n");
    let court = Court::of(4, &rest, &quick(), "{}");
    let text = court.bench.read("job.yaml").replace("{{row.text}}", "{{row.text}} {{repeat}}");
    court.bench.write("job.yaml", text);
    court.bench.run(&["run", "job.yaml", "--limit", "3"]).exits(0).says(&["judging: 9 rows"]);
    let dir = court.run_dir();
    let told =
        court.bench.run(&["resume", &dir, "--all", "--json"]).exits(0).says(&["judging: 3 rows"]).json();
    let asked = court.asked();
    assert_eq!((asked.len(), court.judge.accepted().len(), court.service.accepted().len()), (12, 12, 12));
    assert_eq!(told["judges"]["good"]["rows"]["succeeded"], 12);
    let results = court.bench.results();
    let passed = |row: &Value| row["checks"]["good"]["verdict"] == "pass";
    for row in &results {
        let good = &row["checks"]["good"];
        assert_eq!(good["reason"], json!(format!("saw {}", row["output"]["answer"].as_str().unwrap())));
        assert_eq!(passed(row), good["score"].as_f64().unwrap() >= 0.5, "{row}");
    }
    let of_rows: Vec<usize> =
        results.chunks(3).map(|row| row.iter().filter(|row| passed(row)).count()).collect();
    let repeats = &told["checks"]["good"]["repeats"];
    let flaky = of_rows.iter().filter(|passed| (1..3).contains(*passed)).count();
    assert_eq!((&repeats["rows"], &repeats["flaky_rows"]), (&json!(4), &json!(flaky)));
    let always = of_rows.iter().filter(|passed| **passed == 3).count();
    let close = |figure: &Value, expected: f64| (figure.as_f64().unwrap() - expected).abs() < 1e-12;
    #[expect(clippy::cast_precision_loss, reason = "there are twelve")]
    let mean = |count: usize, of: usize| count as f64 / of as f64;
    assert!(close(&repeats["pass_at_k"]["1"], mean(of_rows.iter().sum(), 12)), "{of_rows:?} {repeats}");
    assert!(close(&repeats["pass_hat_k"]["3"], mean(always, 4)), "{of_rows:?} {repeats}");
    court.bench.run(&["resume", &dir]).exits(0);
    court.bench.run(&["score", &dir]).exits(0).says(&["nothing was sent"]);
    assert_eq!(court.judge.accepted().len(), 12);
}

#[test]
fn what_a_judge_can_t_say_is_an_error_and_no_fail() {
    let failing = format!("{}faults: {{failed: 100%}}\n", quick());
    let court = Court::of(3, GOOD, &failing, "{halt: none}");
    let told = court.bench.run(&["run", "job.yaml", "--json"]).exits(0).json();
    assert_eq!(
        (&told["checks"]["good"]["error"], &told["judges"]["good"]["rows"]["failed"]),
        (&json!(3), &json!(3))
    );
    for row in court.bench.results() {
        assert!(
            row["checks"]["good"]["reason"].as_str().unwrap().starts_with("the judge gave no answer"),
            "{row}"
        );
    }
    let words = quick().replace("\"{{choose.score}}\"", "excellent");
    let court = Court::of(3, GOOD, &words, "{}");
    court.bench.run(&["run", "job.yaml"]).exits(0);
    for row in court.bench.results() {
        let good = &row["checks"]["good"];
        assert_eq!((&good["verdict"], &good["score"]), (&json!("error"), &Value::Null));
        assert_eq!(good["reason"], "the judge's score is \"excellent\", and not a number from 0 to 1");
    }
}

#[test]
fn a_judge_that_its_budget_stops_leaves_the_run_open_and_says_how_to_go_on() {
    let court = Court::of(6, GOOD, &quick(), "{concurrency: 1, budget: {cost: 1, cost_per_row: 0.25}}");
    let told = court.bench.run(&["run", "job.yaml", "--json"]).json();
    assert_eq!((&told["complete"], &told["judges"]["good"]["waiting"]), (&json!(false), &json!(2)));
    assert_eq!(told["verdict"]["reason"], "budget");
    assert!(
        told["verdict"]["message"].as_str().unwrap().starts_with("judge `good`: the budget of 1"),
        "{told}"
    );
    let waiting: Vec<_> = court
        .bench
        .results()
        .into_iter()
        .filter(|row| row["checks"]["good"]["reason"] == "not judged yet")
        .collect();
    assert_eq!(waiting.len(), 2);
    let next = told["verdict"]["next"].as_str().unwrap().replace('…', "5");
    assert!(next.contains("/judges/good/"), "{next}");
    #[cfg(unix)]
    {
        court.bench.run_next(&next).exits(0);
        let told = court.bench.run(&["resume", &court.run_dir(), "--json"]).exits(0).json();
        assert_eq!((&told["complete"], court.judge.accepted().len()), (&json!(true), 6));
    }
}

#[test]
fn a_run_that_is_not_judged_to_its_end_is_not_silently_begun_anew() {
    let court = Court::of(6, GOOD, &quick(), "{concurrency: 1, budget: {cost: 1, cost_per_row: 0.25}}");
    let ways = [
        "is not judged to its end: 6 of 6 rows are done",
        "flowbatch resume",
        "flowbatch run job.yaml --new",
    ];
    let first = court.bench.run(&["run", "job.yaml", "--json"]).json();
    assert_eq!(first["complete"], false);
    court.bench.run(&["run", "job.yaml"]).exits(3).says(&ways);
    // So it is where nothing tells it but the journals.
    let report = court.bench.run_dir().join("report.json");
    fs::remove_file(&report).unwrap();
    court.bench.run(&["run", "job.yaml"]).exits(3).says(&ways);
    fs::remove_dir_all(court.bench.run_dir().join("judges")).unwrap();
    court.bench.run(&["run", "job.yaml"]).exits(3).says(&ways);
    assert_eq!((court.service.accepted().len(), court.judge.accepted().len()), (6, 4));
    court.bench.run(&["run", "job.yaml", "--new", "--id", "b"]).exits(2);
    court.bench.run(&["run", "job.yaml", "--new"]);
    assert_eq!(court.service.accepted().len(), 12);
}

#[test]
fn a_run_that_is_judged_stands_in_no_way() {
    let court = Court::of(3, GOOD, &quick(), "{}");
    court.bench.run(&["run", "job.yaml", "--id", "a"]).exits(0);
    fs::remove_file(court.bench.path("runs/job/a/report.json")).unwrap();
    court.bench.run(&["run", "job.yaml"]).exits(0);
    court.bench.run(&["run", "job.yaml"]).exits(0);
    assert_eq!((court.service.accepted().len(), court.judge.accepted().len()), (9, 9));
}

#[test]
fn replies_that_no_dataset_may_have_are_judged_all_the_same() {
    let outputs = [
        r#"{"answer":"a","n":0.12345678901234567890}"#,
        r#"{"answer":"b","n":1,"n":2}"#,
        r#"{"answer":"c","n":"\ud83d"}"#,
        r#"{"answer":"d","n":1e999}"#,
    ];
    let service = Hostile::serve(move |request: &Request| {
        let row = usize::try_from(request.row()).unwrap();
        let output = outputs[row - 1];
        let body = format!(
            "{{\"workflowRunId\":\"r\",\"status\":\"SUCCEED\",\"output\":{output},\"totalCost\":0.25}}"
        );
        response("200 OK", "Content-Type: application/json", body)
    });
    let court = Court::of(4, GOOD, &quick(), "{}");
    court.bench.job(&service.url, "sync", &format!("checks:\n{GOOD}"));
    court.judge_yaml("{{row.output.answer}} {{row.output.n}}", "{}");
    court.bench.run(&["run", "job.yaml"]).exits(0);
    let asked: Vec<_> = court.asked().into_keys().collect();
    assert_eq!(asked, ["a 0.12345678901234567890", "b 2", "c \u{fffd}", "d 1e999"]);
    assert_eq!(court.bench.report()["checks"]["good"]["error"], 0);
    // Nothing is asked again.
    court.bench.run(&["resume", &court.run_dir()]).exits(0);
    court.bench.run(&["score", &court.run_dir(), "--yes"]).exits(0).says(&["nothing was sent"]);
    assert_eq!(court.judge.accepted().len(), 4);
}

#[test]
fn a_question_of_another_type_than_the_judge_declares_stops_no_other() {
    let court = Court::of(3, GOOD, &quick(), "{}");
    let text = court.bench.read("judge.yaml").replace("key: key}", "key: key, types: {key: integer}}");
    court.bench.write("judge.yaml", text);
    court.bench.write("rows.csv", "id,text\n1,one\nk2,two\n3,three\n");
    court.bench.run(&["run", "job.yaml"]).exits(0);
    let verdicts: Vec<_> =
        court.bench.results().iter().map(|row| row["checks"]["good"]["verdict"].clone()).collect();
    assert_eq!(verdicts[1], "error");
    assert!(verdicts[0] != "error" && verdicts[2] != "error", "{verdicts:?}");
    assert_eq!(court.judge.accepted().len(), 2);
    court.bench.run(&["resume", &court.run_dir()]).exits(0);
    assert_eq!(court.judge.accepted().len(), 2);
}

#[test]
fn mistakes_in_a_judge_s_manifest_stop_before_anything_is_sent() {
    let court = Court::of(3, GOOD, &quick(), "{}");
    let mistake = |from: &str, to: &str, told: &str| {
        court.judge_yaml("{{row.output.answer}}", "{}");
        let text = court.bench.read("judge.yaml");
        assert!(text.contains(from));
        court.bench.write("judge.yaml", text.replace(from, to));
        for command in ["run", "check", "plan"] {
            court.bench.run(&[command, "job.yaml"]).exits(2).says(&[told]);
        }
    };
    mistake("row.output", "row.outptu", "the dataset has no column `outptu`");
    mistake("key: key}", "key: key, select: {limit: 1}}", "leave out `dataset.select`");
    mistake("limits: {}", "repeat: 5", "leave out `repeat`");
    for (more, told) in [
        ("format: csv", "leave out `dataset.format`, or say `jsonl`"),
        ("delimiter: ';'", "leave out `dataset.delimiter`"),
        ("encoding: utf-16le", "leave out `dataset.encoding`"),
        (
            "sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "leave out `dataset.sha256`",
        ),
    ] {
        mistake("key: key}", &format!("key: key, {more}}}"), told);
    }
    mistake("key: key}", "key: kee}", "the dataset has no column `kee` to be its key");
    mistake("limits: {}", "checks: {a: {judge: {manifest: judge.yaml}}}", "a judge can't be judged");
    mistake("version: 1", "version: 2", "this flowbatch knows version 1");
    fs::remove_file(court.bench.path("judge.yaml")).unwrap();
    court.bench.run(&["run", "job.yaml"]).exits(2).says(&["judge.yaml"]);
    assert!(!court.bench.path("runs").exists());
    assert_eq!(court.service.accepted().len(), 0);
}

#[cfg(unix)]
#[test]
fn ctrl_c_while_judging_drains_and_resume_does_the_rest() {
    let slow = JUDGE.replace("LATENCY", "150ms");
    let court = Court::of(10, GOOD, &slow, "{concurrency: 2}");
    let running = Running::start(court.bench.command(["run", "job.yaml", "--json"]));
    until("rows are being judged", || court.judge.accepted().len() >= 3);
    running.signal("INT");
    let told = running.end().exits(5).json();
    assert_eq!((&told["verdict"]["reason"], &told["complete"]), (&json!("interrupted"), &json!(false)));
    assert_eq!(told["rows"]["succeeded"], 10);
    let waiting = told["judges"]["good"]["waiting"].as_u64().unwrap();
    assert_eq!(waiting, 10 - court.judge.accepted().len() as u64);
    // Reporting sends nothing.
    court.bench.run(&["report", &court.run_dir()]).exits(0);
    assert_eq!(court.judge.accepted().len() as u64, 10 - waiting);
    // The run goes on with the judge that it was begun with, whatever has become of the file.
    court.bench.write("judge.yaml", "no manifest any more");
    court.bench.run_next(told["verdict"]["next"].as_str().unwrap()).exits(0);
    assert_eq!((court.asked().len(), court.judge.accepted().len()), (10, 10));
    assert_eq!((court.service.accepted().len(), court.judge_runs().len()), (10, 1));
    assert!(court.bench.results().iter().all(|row| row["checks"]["good"]["verdict"] != "error"));
}

#[cfg(unix)]
#[test]
fn a_process_killed_while_judging_asks_about_no_row_twice() {
    let slow = JUDGE.replace("LATENCY", "60ms");
    let court = Court::of(12, GOOD, &slow, "{concurrency: 3}");
    let start = || Running::start(court.bench.command(["run", "job.yaml", "--id", "nightly", "--json"]));
    for seen in [2, 5, 8] {
        let running = start();
        until("rows are being judged", || court.judge.accepted().len() >= seen);
        running.kill();
    }
    start().end().exits(0);
    assert!(by_user(&court.judge.accepted()).values().all(|count| *count == 1));
    assert_eq!((court.service.accepted().len(), court.judge_runs().len()), (12, 1));
    let report = court.bench.report();
    let rows = &report["judges"]["good"]["rows"];
    assert_eq!(
        (&rows["total"], &rows["not_run"], &report["complete"]),
        (&json!(12), &json!(0), &json!(true))
    );
    let judged = rows_of(&court.judge_runs()[0].join("results.jsonl"));
    for (row, judged) in court.bench.results().iter().zip(&judged) {
        assert_eq!(row["row_key"], judged["row_key"]);
        assert_eq!(row["checks"]["good"]["verdict"] == "error", judged["outcome"] == "in_doubt", "{row}");
    }
}

#[test]
fn what_a_judge_said_of_a_reused_result_is_reused_with_it() {
    let court = Court::of(4, GOOD, &quick(), "{}");
    let bench = &court.bench;
    bench.run(&["run", "job.yaml", "--id", "a"]);
    assert_eq!((court.service.accepted().len(), court.judge.accepted().len()), (4, 4));
    bench.dataset(6);
    bench.run(&["run", "job.yaml", "--id", "b", "--reuse", "a"]);
    assert_eq!((court.service.accepted().len(), court.judge.accepted().len()), (6, 6));
    let told = |run: &str| rows_of(&bench.path(format!("runs/job/{run}/results.jsonl")));
    let scores =
        |run: &str| told(run).iter().map(|row| row["checks"]["good"]["score"].clone()).collect::<Vec<_>>();
    let (then, now) = (scores("a"), scores("b"));
    assert_eq!(then[..], now[..4]);
    assert!(now.iter().all(Value::is_number), "{now:?}");
    let report: Value = serde_json::from_str(&bench.read("runs/job/b/report.json")).unwrap();
    assert_eq!(report["judges"]["good"]["cost"]["total"], "0.50", "{report}");
}

#[test]
fn what_a_judge_said_in_several_runs_is_reused_from_all_of_them() {
    let court = Court::of(4, GOOD, &quick(), "{}");
    let bench = &court.bench;
    bench.run(&["run", "job.yaml", "--id", "a", "--limit", "3"]).exits(0);
    bench.run(&["resume", "a", "--all"]).exits(0);
    assert_eq!((court.service.accepted().len(), court.judge.accepted().len()), (4, 4));
    bench.run(&["run", "job.yaml", "--id", "b", "--reuse", "a"]).exits(0);
    assert_eq!((court.service.accepted().len(), court.judge.accepted().len()), (4, 4));
}

#[test]
fn a_gate_bounds_what_one_judge_costs() {
    let court = Court::of(4, GOOD, &quick(), "{}");
    let gate = |gate: &str| format!("gates=['{gate}']");
    for (id, bound, code) in [
        ("a", "judges.good.cost.total <= 1", 0),
        ("b", "judges.good.cost.total <= 0.99", 4),
        ("c", "judges.good.calls <= 4", 0),
    ] {
        court.bench.run(&["run", "job.yaml", "--id", id, "--set", &gate(bound)]).exits(code);
    }
    court.bench.run(&["check", "job.yaml", "--set", &gate("judges.godo.calls <= 4")]).exits(2);
}
