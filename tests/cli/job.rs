//! The main job: many rows through a service of its own process, and what is left behind.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::money::{amount, count, sum};
use crate::support::{Bench, CANARY, Emulator, by_user, finish, rows_of, until};
use crate::{FAULTS, SERVICE};

/// 500 rows at concurrency 64; every figure is worked out again from the rows and from the service's own ledger.
fn five_hundred_rows(mode: &str) {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    bench.dataset(500);
    bench.job(&service.url, mode, "limits: {concurrency: 64}\noutput: {dir: runs}\n");
    let told = bench.run(&["run", "job.yaml", "--json"]).exits(0).json();

    let results = bench.results();
    let numbers: Vec<_> = results.iter().map(|row| row["row_number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=500).collect::<Vec<_>>());
    for (at, row) in (1..).zip(&results) {
        assert_eq!(row["row_key"], format!("k{at}"));
        assert_eq!(row["output"], json!({"answer": format!("text {at}")}));
    }
    let charged = service.charged();
    assert_eq!(by_user(&service.executed()), by_user(&charged));
    assert!(by_user(&charged).values().all(|count| *count == 1), "each row is executed once");
    assert_eq!(charged.len(), 500);
    let total = amount(told["cost"]["total"].as_str().unwrap());
    assert_eq!([total, total], [sum(&results, "cost"), sum(&charged, "cost")]);
    let tokens = told["tokens"]["total"].as_u64().unwrap();
    assert_eq!([tokens, tokens], [count(&results, "tokens"), count(&charged, "tokens")]);
    assert_eq!(told["rows"]["succeeded"], 500);
    assert_eq!(told["invokes"], 500);
    assert_eq!(told["versions"], json!({"1.2.3": 500}));
}

#[test]
fn five_hundred_rows_async_are_each_answered_once_and_billed_exactly() {
    five_hundred_rows("async");
}

#[test]
fn five_hundred_rows_sync_are_each_answered_once_and_billed_exactly() {
    five_hundred_rows("sync");
}

#[test]
fn the_json_of_a_run_is_the_report_with_where_it_lies() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    bench.dataset(3);
    bench.job(&service.url, "sync", "");
    let ended = bench.run(&["run", "job.yaml", "--json", "--no-progress"]).exits(0);
    let mut told = ended.json();
    let object = told.as_object_mut().unwrap();
    assert_eq!(object.remove("exit_code").unwrap(), 0);
    let run_dir = object.remove("run_dir").unwrap();
    assert_eq!(bench.path(run_dir.as_str().unwrap()), bench.run_dir());
    assert_eq!(told, bench.report());
    assert_eq!(told["verdict"]["reason"], "accepted");
    assert_eq!(told["verdict"]["retry"], "none");
}

#[test]
fn a_run_folder_holds_what_the_contract_names() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    bench.dataset(3);
    bench.job(&service.url, "sync", "");
    bench.run(&["run", "job.yaml"]).exits(0);
    let dir = bench.run_dir();
    for name in [
        "manifest.yaml",
        "run.lock.json",
        "journal.jsonl",
        "results.jsonl",
        "results.csv",
        "failures.jsonl",
        "failures.csv",
        "report.json",
        "report.md",
        "report.html",
        "junit.xml",
    ] {
        assert!(dir.join(name).is_file(), "{name}");
    }
    assert_eq!(
        std::fs::read(dir.join("manifest.yaml")).unwrap(),
        std::fs::read(bench.path("job.yaml")).unwrap()
    );
    assert!(!dir.join("journal.reserve").exists(), "what was kept in reserve is given back");
    let csv = std::fs::read_to_string(dir.join("results.csv")).unwrap();
    let mut lines = csv.lines();
    assert_eq!(
        lines.next().unwrap(),
        "\u{feff}id,text,output.answer,outcome,error,cost,tokens,attempts,latency_ms,workflow_run_id,row_number,row_key"
    );
    assert!(lines.next().unwrap().starts_with("k1,text 1,text 1,succeeded,,"));
    #[cfg(unix)]
    assert_eq!(std::fs::canonicalize(bench.path("runs/job/latest")).unwrap(), dir.canonicalize().unwrap());
}

#[test]
fn a_wrong_key_stops_before_the_first_paid_call_and_the_right_one_finishes_the_run() {
    let bench = Bench::new();
    let service = Emulator::serve_with(&bench, SERVICE, &["--api-key", CANARY]);
    bench.dataset(20);
    bench.job(&service.url, "async", "");
    let told =
        bench.run_with(&[("GPTBOTS_API_KEY", "app-wrong")], &["run", "job.yaml", "--json"]).exits(3).json();
    assert_eq!(told["verdict"]["reason"], "authentication");
    assert_eq!(told["verdict"]["retry"], "fix");
    assert_eq!(told["invokes"], 0);
    assert_eq!(told["rows"]["not_run"], 20);
    assert!(service.accepted().is_empty());
    let said = bench.run_with(&[("GPTBOTS_API_KEY", "app-wrong")], &["resume"]).exits(3);
    assert!(format!("{}{}", said.stdout, said.stderr).contains("key"), "{}{}", said.stdout, said.stderr);
    bench.run_with(&[("GPTBOTS_API_KEY", CANARY)], &["resume", "latest"]).exits(0);
    assert_eq!(bench.outcomes(), ["succeeded"; 20]);
}

#[test]
fn a_run_that_never_sent_anything_does_not_stand_in_the_way_of_the_next() {
    let bench = Bench::new();
    let service = Emulator::serve_with(&bench, SERVICE, &["--api-key", CANARY]);
    bench.dataset(3);
    bench.job(&service.url, "sync", "");
    bench.run_with(&[("GPTBOTS_API_KEY", "app-wrong")], &["run", "job.yaml"]).exits(3);
    bench.run_with(&[("GPTBOTS_API_KEY", CANARY)], &["run", "job.yaml"]).exits(0);
    assert_eq!(service.accepted().len(), 3);
}

#[test]
fn an_output_that_names_the_emulator_is_not_taken_for_its_key() {
    let bench = Bench::new();
    bench.write("rows.csv", "id,text\n1,my emulator is broken\n");
    bench.write("workflow.yaml", "name: echo\ninputs: {text: string}\noutput: {text: \"{{input.text}}\"}\n");
    bench.write(
        "job.yaml",
        "version: 1\nname: job\nworkflow: {provider: emulator, definition: workflow.yaml, mode: sync}\n\
         dataset: rows.csv\ninput: {text: \"{{row.text}}\"}\n",
    );
    bench.run(&["run", "job.yaml"]).exits(0);
    assert_eq!(bench.results()[0]["output"]["text"], "my emulator is broken");
}

#[test]
fn a_key_that_is_not_set_is_named_and_nothing_is_begun() {
    let bench = Bench::new();
    bench.dataset(2);
    bench.job("http://127.0.0.1:9", "async", "");
    let mut command = bench.command(["run", "job.yaml"]);
    command.env_remove("GPTBOTS_API_KEY");
    finish(command).exits(2).says(&["GPTBOTS_API_KEY"]);
    assert!(!bench.path("runs").exists());
    // What needs no key works without it.
    for args in [&["check", "job.yaml"][..], &["plan", "job.yaml"], &["run", "job.yaml", "--dry-run"]] {
        let mut command = bench.command(args);
        command.env_remove("GPTBOTS_API_KEY");
        finish(command).exits(0);
    }
}

#[test]
fn flags_select_rows_and_the_environment_stands_behind_them() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    bench.dataset(30);
    bench.job(&service.url, "sync", "limits: {concurrency: 3}\n");
    let rows = |variables: &[(&str, &str)], flags: &[&str]| {
        let args = [&["run", "job.yaml", "--new", "--json"], flags].concat();
        let told = bench.run_with(variables, &args).exits(0).json();
        let dir = bench.path(told["run_dir"].as_str().unwrap());
        let rows = rows_of(&dir.join("results.jsonl"));
        rows.iter().map(|row| row["row_number"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(rows(&[], &["--limit", "4"]), [1, 2, 3, 4]);
    assert_eq!(rows(&[], &["--range", "28.."]), [28, 29, 30]);
    assert_eq!(rows(&[], &["--range", "3..9", "--limit", "2", "-j", "1"]), [3, 4]);
    assert_eq!(rows(&[("FLOWBATCH_LIMIT", "2")], &[]), [1, 2]);
    assert_eq!(rows(&[("FLOWBATCH_LIMIT", "2")], &["--limit", "3"]), [1, 2, 3]);
    assert_eq!(rows(&[("FLOWBATCH_RANGE", "..2"), ("FLOWBATCH_NO_PROGRESS", "1")], &[]), [1, 2]);
    let sample = rows(&[], &["--sample", "5", "--seed", "7"]);
    assert_eq!((sample.len(), rows(&[], &["--sample", "5", "--seed", "7"])), (5, sample.clone()));
    assert_ne!(rows(&[("FLOWBATCH_SEED", "8")], &["--sample", "5"]), sample);
    assert_eq!(rows(&[], &["--sample", "10%"]).len(), 3);
    // The manifest stands behind both.
    bench.write("job.yaml", bench.read("job.yaml").replace("key: id}", "key: id, select: {limit: 6}}"));
    assert_eq!(rows(&[], &[]).len(), 6);
    assert_eq!(rows(&[("FLOWBATCH_LIMIT", "5")], &[]).len(), 5);
    assert_eq!(rows(&[], &["--set", "dataset.select.limit=7", "--limit", "9"]).len(), 7);
}

#[test]
fn a_variable_switches_a_flag_on_by_any_usual_word() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    bench.dataset(1);
    bench.job(&service.url, "sync", "");
    for (word, is_json) in
        [("1", true), ("true", true), ("yes", true), ("0", false), ("false", false), ("", false)]
    {
        let ended = bench.run_with(&[("FLOWBATCH_JSON", word)], &["run", "job.yaml", "--new"]).exits(0);
        assert_eq!(ended.stdout.starts_with('{'), is_json, "{word}: {}", ended.stdout);
    }
}

#[test]
fn a_run_of_no_rows_is_finished_and_says_so() {
    let bench = Bench::new();
    bench.write("rows.csv", "id,text\n");
    let service = Emulator::serve(&bench, SERVICE);
    bench.job(&service.url, "sync", "");
    let shown = bench.run(&["run", "job.yaml"]).exits(0).stdout;
    assert!(shown.contains("the dataset has no rows to run"), "{shown}");
    assert!(bench.results().is_empty());
}

#[test]
fn variables_datasets_and_settings_of_the_command_line_reach_the_service() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    bench.dataset(1);
    bench.write("other.csv", "id,text\nz9,from elsewhere\n");
    bench.job(&service.url, "sync", "vars: {tone: brief}\n");
    bench.write("job.yaml", bench.read("job.yaml").replace("{{row.text}}", "{{vars.tone}}: {{row.text}}"));
    let outputs = |args: &[&str]| {
        let told =
            bench.run(&[&["run", "job.yaml", "--new", "--yes", "--json"], args].concat()).exits(0).json();
        let rows = rows_of(&bench.path(told["run_dir"].as_str().unwrap()).join("results.jsonl"));
        rows.iter().map(|row| row["output"]["answer"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(outputs(&[]), ["brief: text 1"]);
    assert_eq!(outputs(&["--var", "tone=a=b"]), ["a=b: text 1"]);
    let other = outputs(&["--dataset", "other.csv", "--set", "vars.tone=long", "--set", "limits.timeout=9s"]);
    assert_eq!(other, ["long: from elsewhere"]);
    let ended = bench.run(&["run", "job.yaml", "--var", "tome=x"]).exits(2);
    assert!(ended.stderr.contains("tome"), "{}", ended.stderr);
    bench.run(&["run", "job.yaml", "--set", "limits.concurency=3"]).exits(2).says(&["concurrency"]);
    bench.run(&["run", "job.yaml", "--set", "workflow.api_key=sk-literal"]).exits(2).says(&["api_key"]);
}

#[test]
fn the_emulator_of_the_run_folder_needs_no_key_and_keeps_its_ledger_there() {
    let bench = Bench::new();
    bench.dataset(10);
    bench.write("service.yaml", SERVICE);
    bench.write(
        "job.yaml",
        "version: 1\nname: job\nworkflow: {provider: emulator, definition: service.yaml, mode: sync}\n\
         dataset: {path: rows.csv, key: id}\ninput: {text: \"{{row.text}}\"}\n",
    );
    let mut command = bench.command(["run", "job.yaml"]);
    command.env_remove("GPTBOTS_API_KEY");
    finish(command).exits(0);
    let ledger = rows_of(&bench.run_dir().join("emulator.jsonl"));
    let charged: Vec<_> = ledger.into_iter().filter(|line| line["e"] == "charged").collect();
    assert_eq!(sum(&charged, "cost"), sum(&bench.results(), "cost"));
    let users: BTreeMap<_, _> = by_user(&charged);
    assert_eq!(users.len(), 10);
}

/// Whatever goes wrong, the bill is that of the service but for the rows whose fate is unknown.
fn many_faults(mode: &str) {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, &format!("{SERVICE}{FAULTS}"));
    bench.dataset(300);
    let limits =
        "limits: {concurrency: 32, halt: none, timeout: 20s, retry: {attempts: 3, backoff: 1ms..5ms}}\n";
    bench.job(&service.url, mode, limits);
    bench.run(&["run", "job.yaml"]).exits(1);
    until("the service is done", || service.charged().len() == service.accepted().len());
    let (results, charged) = (bench.results(), service.charged());
    assert!(by_user(&service.accepted()).values().all(|count| *count == 1), "a row ran twice");
    let row_of = |line: &Value| {
        line["user_id"].as_str().unwrap().rsplit('-').next().unwrap().parse::<usize>().unwrap()
    };
    let outcome_of = |line: &Value| results[row_of(line) - 1]["outcome"].as_str().unwrap().to_owned();
    let of = |outcome: &str| results.iter().filter(|row| row["outcome"] == outcome).count();
    let [succeeded, failed, doubtful] = ["succeeded", "failed", "in_doubt"].map(of);
    assert_eq!(succeeded + failed + doubtful, 300);
    assert!(succeeded > 150 && failed > 10 && doubtful > 10, "{succeeded} {failed} {doubtful}");
    let settled: Vec<_> = charged.iter().filter(|line| outcome_of(line) != "in_doubt").cloned().collect();
    assert_eq!(settled.iter().filter(|line| outcome_of(line) == "succeeded").count(), succeeded);
    let told = bench.report();
    assert_eq!(amount(told["cost"]["total"].as_str().unwrap()), sum(&settled, "cost"));
    assert_eq!(amount(told["cost"]["total"].as_str().unwrap()), sum(&results, "cost"));
    // A 500 in the service's own words is an answer, and says nothing of what was charged.
    let unknown = results.iter().filter(|row| row["cost"].is_null()).count();
    assert_eq!(told["cost"]["unknown_rows"], unknown);
    assert!(unknown >= doubtful);
    assert_eq!(told["tokens"]["total"], count(&settled, "tokens"));
    // What is in doubt stays so, and is not sent again unless it is asked for.
    let sent = service.accepted().len();
    bench.run(&["resume"]).exits(1);
    assert_eq!(service.accepted().len(), sent);
}

#[test]
fn a_sync_run_survives_every_fault_with_an_exact_bill() {
    many_faults("sync");
}

#[test]
fn an_async_run_survives_every_fault_with_an_exact_bill() {
    many_faults("async");
}

#[test]
fn files_of_an_input_are_sent_whole_and_kept_as_digests() {
    use crate::support::hostile::{Hostile, succeeded};
    let bench = Bench::new();
    let server = Hostile::serve(|request| succeeded("r", &json!({"n": request.row()})));
    bench.write("rows.csv", "id,text\na,docs/a.txt\nb,docs/missing.txt\nc,../secret.txt\nd,docs/link.txt\n");
    bench.write("in/docs/a.txt", "hello, file");
    bench.write("secret.txt", "not yours");
    bench.job(&server.url, "sync", "");
    let job = bench.read("job.yaml").replace("text: \"{{row.text}}\"", "doc: {file: \"{{row.text}}\"}");
    bench.write("in/job.yaml", job);
    std::fs::copy(bench.path("rows.csv"), bench.path("in/rows.csv")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(bench.path("secret.txt"), bench.path("in/docs/link.txt")).unwrap();
    bench.run(&["run", "in/job.yaml"]).exits(1);
    assert_eq!(bench.outcomes(), ["succeeded", "rejected", "rejected", "rejected"]);
    let sent = server.invokes();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].body["input"]["doc"], json!({"format": "txt", "base64_content": "aGVsbG8sIGZpbGU="}));
    let told = &bench.results()[0]["input"]["doc"];
    assert_eq!(
        (&told["file"], &told["bytes"], &told["format"]),
        (&json!("docs/a.txt"), &json!(11), &json!("txt"))
    );
    assert_eq!(told["sha256"].as_str().unwrap().len(), 64);
    for name in ["journal.jsonl", "results.jsonl", "results.csv", "report.json"] {
        let text = std::fs::read_to_string(bench.run_dir().join(name)).unwrap();
        assert!(!text.contains("aGVsbG8") && !text.contains("not yours"), "{name}");
    }
}

#[test]
fn what_the_manifest_accepts_exits_0() {
    use crate::support::hostile::{Hostile, ok, succeeded};
    let server = Hostile::serve(|request| {
        if request.row() <= 2 {
            ok(&json!({"code": 40000, "message": "no"}))
        } else {
            succeeded("r", &json!({}))
        }
    });
    for (accept, code, reason) in [
        ("{failed: 2}", 0, "accepted"),
        ("{failed: 20%}", 0, "accepted"),
        ("{failed: 1}", 1, "rows_failed"),
        ("{failed: 19%}", 1, "rows_failed"),
        ("{in_doubt: 5, rejected: 5}", 1, "rows_failed"),
    ] {
        let bench = Bench::new();
        bench.dataset(10);
        bench.job(&server.url, "sync", &format!("accept: {accept}\n"));
        let told = bench.run(&["run", "job.yaml", "--json"]).exits(code).json();
        assert_eq!(told["verdict"]["reason"], reason, "{accept}");
        assert_eq!((&told["rows"]["failed"], &told["verdict"]["exit_code"]), (&2.into(), &code.into()));
        // Judged again from the journal, by the rule that is asked for.
        let told = bench.run(&["report", "--format", "json"]).exits(0).json();
        assert_eq!(told["verdict"]["reason"], reason, "{accept}");
    }
}

#[test]
fn every_flag_of_a_run_has_its_variable() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    bench.dataset(4);
    bench.write("other.csv", "id,text\nz,1\ny,2\n");
    bench.job(&service.url, "sync", "");
    let variables = [
        ("FLOWBATCH_OUTPUT_DIR", "elsewhere"),
        ("FLOWBATCH_DATASET", "other.csv"),
        ("FLOWBATCH_ID", "named"),
        ("FLOWBATCH_CONCURRENCY", "2"),
        ("FLOWBATCH_YES", "1"),
        ("FLOWBATCH_JSON", "1"),
    ];
    let told = bench.run_with(&variables, &["run", "job.yaml"]).exits(0).json();
    assert_eq!((&told["run_id"], &told["rows"]["total"]), (&"named".into(), &2.into()));
    assert!(bench.path("elsewhere/job/named/journal.jsonl").is_file());
    let lock: Value = serde_json::from_str(&bench.read("elsewhere/job/named/run.lock.json")).unwrap();
    assert_eq!(lock["settings"]["concurrency"], 2);
    let told = bench.run_with(&variables, &["run", "job.yaml", "--id", "other", "-j", "3"]).exits(0).json();
    assert_eq!(told["run_id"], "other");
    let shown = bench.run_with(&[("FLOWBATCH_DRY_RUN", "1")], &["run", "job.yaml"]).exits(0).stdout;
    assert!(shown.contains("\"request\""), "{shown}");
    bench.run_with(&[("FLOWBATCH_CONCURRENCY", "many")], &["run", "job.yaml"]).exits(2).says(&["many"]);
}
