//! The journal: torn, damaged, locked, and the source from which all else is written anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use flowbatch::journal::{Durability, Error, RunFolder};
use flowbatch::model::{Outcome, PollTally, RowState, RunEvent};
use serde_json::json;

use crate::support::hostile::{Act, Hostile, Request, ok, response, succeeded};
use crate::support::{Bench, Running, until};

const DERIVED: [&str; 8] = [
    "results.jsonl",
    "results.csv",
    "failures.jsonl",
    "failures.csv",
    "report.json",
    "report.md",
    "report.html",
    "junit.xml",
];

/// A service where some rows fail, some are in doubt and some succeed; row 6 is refused at first.
fn mixed(request: &Request) -> Act {
    match request.row() {
        2 => ok(&json!({"workflowRunId": "f", "status": "FAILED", "totalCost": "0.125"})),
        3 => Act::Reset,
        4 => response("400 Bad", "", r#"{"code":40000,"message":"=cmd|' /C calc'!A0, \"quoted\""}"#),
        6 if request.nth == 0 => response("503 Busy", "Retry-After: 0", ""),
        row => succeeded(&format!("r{row}"), &json!({"n": row, "list": [1, "é"], "text": "a\nb"})),
    }
}

fn mixed_run(more: &str) -> (Bench, Hostile) {
    let bench = Bench::new();
    let server = Hostile::serve(mixed);
    bench.write("rows.csv", "id,text\na,1\nb,2\nc,3\nd,4\n\"e, f\",5\ng,6\n");
    let more = format!("limits: {{concurrency: 1, retry: {{attempts: 3, backoff: 1ms..2ms}}}}\n{more}");
    bench.job(&server.url, "sync", &more);
    bench.run(&["run", "job.yaml", "--id", "r"]).exits(1);
    (bench, server)
}

fn files(dir: &Path) -> BTreeMap<&'static str, Vec<u8>> {
    DERIVED.iter().map(|name| (*name, fs::read(dir.join(name)).unwrap())).collect()
}

#[test]
fn report_rebuilds_every_file_byte_for_byte() {
    let (bench, server) = mixed_run("report: {group_by: {first: \"{{row.id}}\"}}\n");
    let dir = bench.run_dir();
    let before = files(&dir);
    for name in DERIVED {
        fs::remove_file(dir.join(name)).unwrap();
    }
    // Neither the dataset, nor the manifest beside it, nor the service is needed.
    fs::remove_file(bench.path("rows.csv")).unwrap();
    fs::remove_file(bench.path("job.yaml")).unwrap();
    drop(server);
    let mut command = bench.command(["report", "r"]);
    command.env_remove("GPTBOTS_API_KEY").env("TZ", "Asia/Tokyo");
    crate::support::finish(command).exits(0);
    assert_eq!(files(&dir), before);
    // The same folder at another place tells the same.
    let moved = bench.path("moved to é");
    fs::rename(&dir, &moved).unwrap();
    bench.run(&["report", "moved to é"]).exits(0);
    assert_eq!(files(&moved), before);
}

#[test]
fn outcomes_and_sums_of_a_mixed_run_are_told_apart() {
    let (bench, server) = mixed_run("");
    assert_eq!(bench.outcomes(), ["succeeded", "failed", "in_doubt", "failed", "succeeded", "succeeded"]);
    assert_eq!(server.sends(6), [1, 1, 1, 1, 1, 2]);
    let told = bench.report();
    assert_eq!(told["cost"]["total"], "0.875");
    assert_eq!(told["cost"]["unknown_rows"], 1);
    assert_eq!(told["verdict"]["exit_code"], 1);
    let failures = crate::support::rows_of(&bench.run_dir().join("failures.jsonl"));
    assert_eq!(
        failures.iter().map(|row| row["row_key"].as_str().unwrap()).collect::<Vec<_>>(),
        ["b", "c", "d"]
    );
    // failures.csv is a dataset of its own.
    let again = bench.run_dir().join("failures.csv");
    let ended = bench.run(&["check", "job.yaml", "--dataset", again.to_str().unwrap()]).exits(0);
    assert!(ended.stdout.contains("3 rows"), "{}", ended.stdout);
}

/// A copy of a run's folder whose journal ends after so many bytes.
fn torn(bench: &Bench, dir: &Path, journal: &[u8], length: usize) -> PathBuf {
    let copy = bench.path(format!("torn/{length}"));
    fs::create_dir_all(&copy).unwrap();
    for name in ["manifest.yaml", "run.lock.json"] {
        fs::copy(dir.join(name), copy.join(name)).unwrap();
    }
    fs::write(copy.join("journal.jsonl"), &journal[..length]).unwrap();
    copy
}

#[test]
fn a_journal_cut_anywhere_is_resumed_and_nothing_is_sent_twice() {
    let bench = Bench::new();
    let server =
        Hostile::serve(|request| succeeded(&format!("r{}", request.row()), &json!({"n": request.row()})));
    bench.dataset(4);
    bench.job(&server.url, "sync", "limits: {concurrency: 2}\n");
    bench.run(&["run", "job.yaml", "--id", "r"]).exits(0);
    let dir = bench.run_dir();
    let journal = fs::read(dir.join("journal.jsonl")).unwrap();
    let text = String::from_utf8(journal.clone()).unwrap();
    let ends: Vec<_> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
    let begun = ends[..text.matches('\n').count()]
        .iter()
        .copied()
        .find(|end| text[..*end].contains("process_started"));
    // Around the end of each line, and in the middle of each.
    let cuts = ends
        .windows(2)
        .flat_map(|pair| [pair[0], pair[0] + 1, usize::midpoint(pair[0], pair[1]), pair[1] - 1]);
    for cut in cuts {
        let copy = torn(&bench, &dir, &journal, cut);
        let before = server.invokes().len();
        let kept = &text[..ends.iter().copied().filter(|end| *end <= cut).max().unwrap()];
        let intended: Vec<u64> =
            (1..=4).filter(|row| kept.contains(&format!(",\"row\":{row},\"attempt\""))).collect();
        let ended = bench.run(&["resume", copy.to_str().unwrap()]);
        if !kept.contains("\"selected\"") && Some(cut) < begun {
            // Nobody worked on it yet: there is no run here, and nothing is lost.
            ended.exits(2);
            assert_eq!(server.invokes().len(), before);
            continue;
        }
        assert!(matches!(ended.code, Some(0 | 1)), "cut at {cut}: {ended:?}");
        let sent: Vec<u64> = server.invokes()[before..].iter().map(Request::row).collect();
        let twice: Vec<_> = sent.iter().filter(|row| intended.contains(row)).collect();
        assert!(twice.is_empty(), "cut at {cut}: {twice:?} were sent again");
        assert_eq!(sent.len() + intended.len(), 4, "cut at {cut}");
        let results = crate::support::rows_of(&copy.join("results.jsonl"));
        assert_eq!(results.len(), 4);
        let is_torn = !ends.contains(&cut);
        assert_eq!(ended.stderr.contains("cut off"), is_torn, "cut at {cut}: {}", ended.stderr);
    }
}

#[test]
fn damage_in_the_middle_is_refused_with_its_place() {
    let (bench, server) = mixed_run("");
    let path = bench.run_dir().join("journal.jsonl");
    let whole = fs::read(&path).unwrap();
    let start_of_third = whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).unwrap().0 + 1;
    let sent = server.invokes().len();
    let digit = start_of_third + whole[start_of_third..].iter().position(u8::is_ascii_digit).unwrap() + 20;
    for damage in ["a changed byte", "a missing line", "a hole"] {
        let mut bytes = whole.clone();
        match damage {
            "a changed byte" => bytes[digit] ^= 1,
            "a missing line" => {
                let end = start_of_third + bytes[start_of_third..].iter().position(|b| *b == b'\n').unwrap();
                bytes.drain(start_of_third..=end);
            }
            _ => bytes[start_of_third..start_of_third + 64].fill(0),
        }
        fs::write(&path, &bytes).unwrap();
        for command in [&["resume", "r"][..], &["report", "r"], &["run", "job.yaml", "--id", "r"]] {
            let ended = bench.run(command).exits(3);
            assert!(ended.stderr.contains(&start_of_third.to_string()), "{damage}: {}", ended.stderr);
            assert_eq!(ended.stderr.trim().lines().count(), 1, "{damage}: {}", ended.stderr);
        }
        bench.run(&["runs"]).exits(0);
    }
    assert_eq!(server.invokes().len(), sent);
}

#[test]
fn a_run_that_another_process_works_on_is_left_alone() {
    let bench = Bench::new();
    let server =
        Hostile::serve(|request| if request.row() == 1 { Act::Hang } else { succeeded("r", &json!({})) });
    bench.dataset(3);
    bench.job(&server.url, "sync", "");
    let running = Running::start(bench.command(["run", "job.yaml", "--id", "busy"]));
    until("a row is at the service", || !server.invokes().is_empty());
    let told = bench.run(&["resume", "busy", "--json"]).exits(3).json();
    assert_eq!(told["verdict"]["reason"], "locked");
    bench.run(&["run", "job.yaml", "--id", "busy"]).exits(3);
    // A look at it is allowed, and takes nothing from the process at work.
    bench.run(&["report", "busy"]).exits(0);
    let listed = bench.run(&["runs"]).exits(0);
    assert!(listed.stdout.contains("running"), "{}", listed.stdout);
    assert!(!bench.path("runs/job/busy/results.jsonl").exists());
    drop(running.kill());
    bench.run(&["resume", "busy"]).exits(1);
    assert_eq!(server.sends(1), [1]);
}

#[test]
fn files_of_the_run_folder_that_were_changed_are_named_and_refused() {
    for name in ["manifest.yaml", "run.lock.json"] {
        let (bench, server) = mixed_run("");
        let path = bench.run_dir().join(name);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replacen("job", "joB", 1)).unwrap();
        let sent = server.invokes().len();
        for command in [&["resume", "r", "--retry", "failed"][..], &["resume", "r"]] {
            bench.run(command).exits(3).says(&[name]);
        }
        assert_eq!(server.invokes().len(), sent);
    }
}

#[test]
fn a_changed_dataset_is_named_and_refused() {
    for changed in ["id,text\na,1\nb,2\nc,3\nd,4\n\"e, f\",5\ng,7\n", "id,text\na,1\n", ""] {
        let (bench, server) = mixed_run("");
        fs::write(bench.path("rows.csv"), changed).unwrap();
        let sent = server.invokes().len();
        let ended = bench.run(&["resume", "r", "--retry", "failed"]);
        assert_eq!(ended.code, Some(3), "{changed:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("dataset") || ended.stderr.contains("rows.csv"), "{}", ended.stderr);
        assert_eq!(server.invokes().len(), sent);
    }
    let (bench, _server) = mixed_run("");
    fs::remove_file(bench.path("rows.csv")).unwrap();
    let ended = bench.run(&["resume", "r", "--retry", "failed"]).says(&["rows.csv"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
}

#[test]
fn an_edited_manifest_is_only_mentioned() {
    let (bench, server) = mixed_run("");
    fs::write(bench.path("job.yaml"), bench.read("job.yaml") + "description: later\n").unwrap();
    bench.run(&["resume", "r", "--retry", "failed"]).exits(1).says(&["job.yaml", "edited"]);
    assert_eq!(server.sends(6), [1, 2, 1, 2, 1, 2]);
    // Named again, another mapping is another job.
    fs::write(bench.path("job.yaml"), bench.read("job.yaml").replace("{{row.text}}", "{{row.id}}")).unwrap();
    bench.run(&["run", "job.yaml", "--id", "r"]).exits(3).says(&["mapping"]);
}

#[test]
fn of_processes_that_begin_one_run_at_once_exactly_one_works_on_it() {
    let bench = Bench::new();
    let server = Hostile::serve(|request| succeeded(&format!("r{}", request.row()), &json!({})));
    bench.dataset(20);
    bench.job(&server.url, "sync", "limits: {concurrency: 4}\n");
    let all: Vec<_> = (0..5)
        .map(|_| Running::start(bench.command(["run", "job.yaml", "--id", "once", "--json"])))
        .collect();
    let ended: Vec<_> = all.into_iter().map(Running::end).collect();
    assert!(ended.iter().any(|ended| ended.code == Some(0)), "{ended:?}");
    for ended in &ended {
        // One that comes late finds the run finished; one that comes meanwhile finds it taken.
        assert!(ended.code == Some(0) || ended.json()["verdict"]["reason"] == "locked", "{ended:?}");
    }
    assert_eq!(server.sends(20), [1; 20]);
    bench.run(&["run", "job.yaml", "--id", "once"]).exits(0);
}

#[test]
fn a_dataset_that_changes_under_a_run_stops_it_and_rows_sent_are_those_surveyed() {
    let bench = Bench::new();
    let server = Hostile::serve(|request| {
        std::thread::sleep(std::time::Duration::from_millis(1));
        succeeded(&format!("r{}", request.row()), &request.body["input"])
    });
    let rows = |text: &str| {
        let lines: Vec<_> =
            (1..=900).map(|row| format!("k{row},{text} {row} {}\n", "x".repeat(700))).collect();
        format!("id,text\n{}", lines.concat())
    };
    bench.write("rows.csv", rows("old"));
    bench.job(&server.url, "sync", "limits: {concurrency: 1}\n");
    let running = Running::start(bench.command(["run", "job.yaml", "--json"]));
    until("rows are under way", || server.invokes().len() >= 3);
    // The same length, another content, at the same place.
    fs::write(bench.path("rows.csv"), rows("new")).unwrap();
    let ended = running.end().exits(3);
    assert_eq!(ended.json()["verdict"]["reason"], "dataset_changed");
    let is_new = |request: &Request| request.body["input"]["text"].as_str().unwrap().starts_with("new");
    assert!(!server.invokes().iter().any(is_new), "rows were sent that nobody had surveyed");
    bench.run(&["resume"]).exits(3);
    bench.write("rows.csv", rows("old"));
    bench.run(&["resume", "--set", "limits.concurrency=64"]).exits(0);
    assert_eq!(server.invokes().len(), 900);
}

#[test]
fn a_run_goes_on_and_is_reported_with_the_variables_that_it_was_begun_with() {
    let bench = Bench::new();
    let server = Hostile::serve(|request| succeeded("r", &request.body["input"]));
    bench.dataset(3);
    bench.job(
        &server.url,
        "sync",
        "vars: {tone: \"${TONE}\"}\noutput: {columns: {tone: \"{{vars.tone}}\"}}\n",
    );
    bench.write("job.yaml", bench.read("job.yaml").replace("{{row.text}}", "{{vars.tone}} {{row.text}}"));
    bench.run_with(&[("TONE", "soft")], &["run", "job.yaml", "--id", "r", "--limit", "1"]).exits(0);
    let before = files(&bench.run_dir());
    for variables in [&[][..], &[("TONE", "loud")]] {
        bench.run_with(variables, &["report", "r"]).exits(0);
        assert_eq!(files(&bench.run_dir()), before);
        bench.run_with(variables, &["resume", "r"]).exits(0);
    }
    bench.run_with(&[("TONE", "loud")], &["resume", "r", "--limit", "2"]).exits(0);
    bench.run(&["resume", "r", "--all"]).exits(0);
    let sent: Vec<_> = server.invokes().iter().map(|request| request.body["input"]["text"].clone()).collect();
    assert_eq!(sent, ["soft text 1", "soft text 2", "soft text 3"]);
    // The same command line in another environment is another job, and says so.
    bench
        .run_with(&[("TONE", "loud")], &["run", "job.yaml", "--id", "r", "--limit", "1"])
        .exits(3)
        .says(&["mapping"]);
}

/// What the whole lines of a journal say of rows: their last answer's outcome and cost.
fn answers(kept: &str) -> BTreeMap<u64, (Outcome, Option<String>)> {
    let lines = kept.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let answered = lines.filter(|line| line["e"] == "answered");
    answered
        .map(|line| {
            let outcome = if line["outcome"] == "succeeded" { Outcome::Succeeded } else { Outcome::Failed };
            (line["row"].as_u64().unwrap(), (outcome, line["cost"].as_str().map(str::to_owned)))
        })
        .collect()
}

#[test]
fn a_journal_cut_at_every_byte_reopens_and_keeps_every_durable_result() {
    let (bench, _server) = mixed_run("");
    let folder = RunFolder::at(bench.run_dir());
    let whole = fs::read_to_string(folder.journal()).unwrap();
    let tally = || RunEvent::PollTally(PollTally { polls: 1, throttled: 0 });
    for cut in (0..=whole.len()).filter(|cut| whole.is_char_boundary(*cut)) {
        // A new file each time: some file systems make one durable that is cut and written anew, and take their time.
        fs::remove_file(folder.journal()).unwrap();
        fs::write(folder.journal(), &whole[..cut]).unwrap();
        let kept = &whole[..whole[..cut].rfind('\n').map_or(0, |end| end + 1)];
        let (mut writer, history) = match folder.go_on(Durability::Process) {
            Ok(opened) => opened,
            Err(error) => {
                // Nobody had worked on it, so nothing was sent.
                assert!(!kept.contains("\"process_started\""), "cut at {cut}: {error}");
                assert!(matches!(error, Error::NoRun { .. }) && !folder.is_begun(), "cut at {cut}: {error}");
                continue;
            }
        };
        let answers = answers(kept);
        let facts: Vec<_> = history.rows().unwrap().map(Result::unwrap).collect();
        assert_eq!(facts.len(), 6, "cut at {cut}");
        for facts in facts {
            let answer = answers.get(&facts.number);
            if let Some((outcome, cost)) = answer {
                assert_eq!(facts.state, RowState::Ended(*outcome), "cut at {cut}");
                let is_answer =
                    matches!(&facts.last, Some((_, RunEvent::Answered(e))) if e.outcome == *outcome);
                assert!(is_answer, "cut at {cut}: {facts:?}");
                assert_eq!(
                    facts.cost.map(|cost| cost.to_string()),
                    cost.clone().or_else(|| Some("0".into()))
                );
            } else {
                let is_success = matches!(facts.state, RowState::Ended(Outcome::Succeeded));
                assert!(!is_success, "cut at {cut}: a result out of nothing: {facts:?}");
            }
        }
        // What was torn is cut off, and the journal goes on behind what was durable.
        writer.append(&[tally()]).unwrap();
        drop(writer);
        let longer = fs::read_to_string(folder.journal()).unwrap();
        assert!(longer.starts_with(kept) && longer[kept.len()..].lines().count() == 1, "cut at {cut}");
        assert_eq!(folder.read().unwrap().replay().torn, None, "cut at {cut}");
    }
}
