//! What a run leaves besides its results: pages for people and CI, metrics, a workbook, and what is kept out of them.

use std::fs;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::Bench;
use crate::support::hostile::{Act, Hostile, Request, ok, succeeded};

/// The third row fails, and says whom it concerns.
fn service(request: &Request) -> Act {
    match request.row() {
        3 => ok(&json!({"workflowRunId": "f", "status": "FAILED", "totalCost": "0.125",
            "message": "no such person: ann3@example.com"})),
        row => succeeded(
            &format!("r{row}"),
            &json!({"label": "a", "reply": format!("Dear ann{row}@example.com"), "n": row}),
        ),
    }
}

fn bench(more: &str) -> (Bench, Hostile) {
    let bench = Bench::new();
    let server = Hostile::serve(service);
    let rows: Vec<_> = (1..=4).map(|row| format!("k{row},ann{row}@example.com,text {row}\n")).collect();
    bench.write("rows.csv", format!("id,email,text\n{}", rows.concat()));
    bench.job(&server.url, "sync", more);
    let manifest = bench.read("job.yaml").replace(
        "input: {text: \"{{row.text}}\"}",
        "input: {text: \"{{row.text}}\", mail: {to: \"<{{row.email}}>\"}}",
    );
    bench.write("job.yaml", manifest);
    (bench, server)
}

const ALL: &str = "output: {formats: [jsonl, csv, html, junit, xlsx]}\n";

#[test]
fn every_format_is_written_that_is_asked_for() {
    let (bench, _server) = bench(ALL);
    bench.run(&["run", "job.yaml"]).exits(1);
    let dir = bench.run_dir();
    for name in ["results.jsonl", "results.csv", "results.xlsx", "report.html", "junit.xml", "report.md"] {
        assert!(fs::metadata(dir.join(name)).unwrap().len() > 0, "{name}");
    }
    let html = fs::read_to_string(dir.join("report.html")).unwrap();
    let shown = bench.run(&["report", "latest", "--format", "html"]).exits(0);
    assert_eq!(shown.stdout, html);
    let junit = bench.run(&["report", "latest", "--format", "junit"]).exits(0).stdout;
    assert_eq!(junit, fs::read_to_string(dir.join("junit.xml")).unwrap());
    assert!(junit.contains("tests=\"4\" failures=\"1\" errors=\"0\" skipped=\"0\""), "{junit}");
    assert!(junit.contains("name=\"k3\"") && junit.contains("no such person"), "{junit}");
    let metrics = bench.run(&["report", "latest", "--format", "openmetrics"]).exits(0).stdout;
    assert!(metrics.contains("flowbatch_rows{manifest=\"job\",outcome=\"failed\"} 1\n"), "{metrics}");
    assert!(metrics.ends_with("# EOF\n"));

    let only = bench.run(&["resume", "latest", "--set", "output.formats=[jsonl]"]);
    only.exits(1);
    fs::remove_file(dir.join("report.html")).unwrap();
    bench.run(&["report", "latest"]).exits(0);
    assert!(!dir.join("report.html").exists());
}

#[test]
fn the_step_summary_of_github_gets_the_figures_of_each_command() {
    let (bench, _server) = bench("");
    let page = bench.write("summary.md", "before\n");
    let variable = [("GITHUB_STEP_SUMMARY", page.to_str().unwrap())];
    bench.run_with(&variable, &["run", "job.yaml"]).exits(1);
    let text = bench.read("summary.md");
    assert!(text.starts_with("before\n## Not accepted: 4 of 4 rows answered"), "{text}");
    bench.run_with(&variable, &["report"]).exits(0);
    assert_eq!(bench.read("summary.md").matches("## Not accepted").count(), 2);
    let nowhere = bench.path("none/summary.md");
    let variable = [("GITHUB_STEP_SUMMARY", nowhere.to_str().unwrap())];
    bench.run_with(&variable, &["report"]).exits(0).says(&["GITHUB_STEP_SUMMARY"]);
}

/// All text of the derived files, unpacked.
fn derived(bench: &Bench) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(bench.run_dir()).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap().to_str().unwrap().to_owned();
        if ["journal.jsonl", "manifest.yaml", "run.lock.json"].contains(&name.as_str()) {
            continue;
        }
        let bytes = fs::read(&entry).unwrap();
        all.push_str(&String::from_utf8_lossy(&bytes));
        if name == "report.html" {
            for part in
                String::from_utf8(bytes.clone()).unwrap().split("octet-stream-base64\" class=\"").skip(1)
            {
                let packed = part.split('>').nth(1).unwrap().split('<').next().unwrap();
                let packed = STANDARD.decode(packed).unwrap();
                flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut all).unwrap();
            }
        }
        if name == "results.xlsx" {
            let sheet = bytes.windows(24).position(|it| it == b"xl/worksheets/sheet1.xml").unwrap() + 24;
            let mut text = Vec::new();
            let _ = flate2::read::DeflateDecoder::new(&bytes[sheet..]).read_to_end(&mut text);
            assert!(text.len() > 500);
            all.push_str(&String::from_utf8_lossy(&text));
        }
    }
    all
}

#[test]
fn what_is_redacted_is_in_no_file_but_the_journal() {
    let more = "output:\n  formats: [jsonl, csv, html, junit, xlsx]\n  redact: [row.email, output.reply]\n  \
        columns: {label: \"{{output.label}}\", who: \"{{row.email}}\", all: \"{{json reply}}\"}\n\
        checks:\n  said: {value: \"{{output.reply}}\", equals: \"Dear {{row.email}}!\"}\n  \
        label: {value: \"{{output.label}}\", equals: \"b\"}\n\
        report: {group_by: {mail: \"{{row.email}}\", label: \"{{default output.label 'none'}}\"}}\n";
    let (bench, _server) = bench(more);
    bench.run(&["run", "job.yaml"]).exits(1);
    let all = derived(&bench);
    assert!(
        !all.contains("@example.com"),
        "{}",
        all.split("@example.com").next().unwrap().chars().rev().take(200).collect::<String>()
    );
    assert!(bench.read(bench.run_dir().join("journal.jsonl")).contains("ann3@example.com"));
    let rows = bench.results();
    assert_eq!(rows[0]["input"], json!({"text": "text 1", "mail": {"to": "[redacted]"}}));
    assert_eq!(rows[0]["output"], json!({"label": "a", "reply": "[redacted]", "n": 1}));
    assert_eq!(rows[2]["error"]["message"], "no such person: [redacted]");
    assert_eq!(rows[0]["checks"]["said"]["expected"], "[redacted]");
    assert_eq!(rows[0]["checks"]["label"]["actual"], "a");
    let failures: Value =
        serde_json::from_str(bench.read(bench.run_dir().join("failures.jsonl")).trim()).unwrap();
    assert_eq!(failures["record"], json!({"id": "k3", "email": "[redacted]", "text": "text 3"}));
    let csv = bench.read(bench.run_dir().join("results.csv"));
    assert!(
        csv.lines()
            .nth(1)
            .unwrap()
            .starts_with("k1,[redacted],text 1,a,[redacted],[redacted],fail,fail,succeeded"),
        "{csv}"
    );
    assert!(bench.report()["notes"][0].as_str().unwrap().contains("output.redact"));
    let shown = bench.run(&["report", "--format", "html"]).exits(0).stdout;
    assert!(!shown.contains("@example.com"));
    // Whoever guesses a value is not told by a digest whether it is right.
    let baseline = bench.run(&["report", "--format", "baseline"]).exits(0).stdout;
    assert_eq!((baseline.matches("\"input_sha256\":null").count(), baseline.lines().count()), (4, 5));
}

#[test]
fn what_a_run_keeps_out_stays_out_when_it_is_scored_by_another_manifest() {
    let (bench, _server) = bench("output: {redact: [row.email, output.reply]}\n");
    bench.run(&["run", "job.yaml"]).exits(1);
    let open = bench.read("job.yaml").replace("output: {redact: [row.email, output.reply]}", "");
    let open = open.split("input:").next().unwrap().to_owned()
        + "input: {text: \"{{row.text}}\"}\nchecks: {said: {value: \"{{output.reply}}\", equals: \"{{row.email}}\"}}\n";
    bench.write("open.yaml", open);
    bench.run(&["score", "--manifest", "open.yaml"]).exits(1);
    let set = fs::read_dir(bench.run_dir().join("scores")).unwrap().next().unwrap().unwrap().path();
    for name in ["results.jsonl", "report.json", "report.md"] {
        let text = fs::read_to_string(set.join(name)).unwrap();
        assert!(!text.contains("@example.com"), "{name}: {text}");
    }
}

#[test]
fn a_name_to_redact_must_be_one_that_is_there_and_can_be_missed() {
    let check = |name: &str, told: &str| {
        let (bench, _server) = bench(&format!("output: {{redact: [\"{name}\"]}}\n"));
        bench.run(&["check", "job.yaml"]).exits(2).says(&[told]);
    };
    check("row.mail", "the dataset has no column `mail`");
    check("row.id", "is the dataset's key");
    check("reply.output", "must be the name of something in `row`, `input` or `output`");
    check("row", "must be the name of something");
    check("lower row.email", "must be the name of something");
    check("row.email}} {{row.id", "must be the name of something");
}

#[test]
fn a_run_can_show_itself_while_it_lives_and_an_address_that_is_taken_stops_it_before_it_begins() {
    let (bench, _server) = bench("");
    let ended = bench.run(&["run", "job.yaml", "--serve"]).exits(1);
    assert!(ended.stderr.contains("this run is shown at http://127.0.0.1:"), "{}", ended.stderr);
    let entries = || fs::read_dir(bench.path("runs/job")).unwrap().count();
    let before = entries();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("--serve={}", taken.local_addr().unwrap());
    bench.run(&["run", "job.yaml", "--new", &address]).exits(3).says(&["cannot serve on 127.0.0.1:"]);
    assert_eq!(entries(), before, "nothing was begun");
    bench.run(&["serve", "nowhere"]).exits(2).says(&["there is no such folder"]);
}

#[test]
fn what_is_redacted_is_in_no_comparison() {
    let more = "output: {redact: [row.email, output.reply]}\n\
        checks:\n  said: {value: \"{{output.reply}}\", equals: \"Dear {{row.email}}!\"}\n";
    let (bench, _server) = bench(more);
    bench.run(&["run", "job.yaml", "--id", "a"]).exits(1);
    let baseline = bench.run(&["report", "a", "--format", "baseline"]).exits(0).stdout;
    bench.write(
        "baseline.jsonl",
        baseline
            .replace("\"said\":\"error\"", "\"said\":\"pass\"")
            .replace("\"said\":\"fail\"", "\"said\":\"pass\""),
    );
    for format in ["html", "json", "markdown", "text"] {
        let told = bench.run(&["compare", "baseline.jsonl", "a", "--format", format]).exits(0).stdout;
        assert!(!told.contains("@example") && !told.contains("Dear"), "{format}: {told}");
        assert!(told.contains("[redacted]"), "{format}: {told}");
    }
    let page = bench.run(&["compare", "a", "a", "--format", "html"]).exits(0).stdout;
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("No difference"), "{page}");
}

#[test]
fn a_run_that_is_gone_on_with_is_served_too() {
    let (bench, _server) = bench("output: {formats: [jsonl, html]}\n");
    bench.run(&["run", "job.yaml", "--id", "a", "--limit", "2"]).exits(0);
    let folder = bench.run_dir();
    for args in [
        &["resume", "a", "--all", "--serve"][..],
        &["resume", folder.to_str().unwrap(), "--retry", "failed", "--serve"],
    ] {
        let ended = bench.run(args).exits(1);
        let said = ended.stderr.lines().find_map(|line| line.split("this run is shown at ").nth(1));
        let page = said.expect("its address is said");
        assert!(page.starts_with("http://127.0.0.1:") && page.ends_with("/runs/job/a/"), "{page}");
    }
    // `--id` of a run that is there goes on with it.
    bench.run(&["run", "job.yaml", "--id", "b", "--set", "dataset.select.limit=2"]).exits(0);
    let again = ["run", "job.yaml", "--id", "b", "--set", "dataset.select.limit=2", "--serve"];
    let ended = bench.run(&again).exits(0);
    assert!(ended.stderr.contains("nothing remains to be done"), "{}", ended.stderr);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("--serve={}", taken.local_addr().unwrap());
    bench.run(&["resume", "a", "--retry", "failed", &address]).exits(3).says(&["cannot serve on"]);
}
