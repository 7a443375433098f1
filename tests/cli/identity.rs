//! What a run is: the workflow that must answer, and the dataset that it goes on with.

use std::fs;

use serde_json::{Value, json};

use crate::support::hostile::{Act, Hostile, Request, ok, response, succeeded};
use crate::support::{Bench, Ended};

/// A run that succeeded, by this version of the workflow.
fn by(request: &Request, version: &str, id: &str) -> Act {
    ok(&json!({
        "workflowRunId": format!("r{}", request.row()), "status": "SUCCEED", "output": {"n": request.row()},
        "totalCost": 0.25, "totalTokens": 7, "workflowVersion": version, "workflowId": id,
    }))
}

fn pinned(
    rows: usize,
    pin: &str,
    mode: &str,
    act: impl Fn(&Request) -> Act + Send + Sync + 'static,
) -> (Bench, Hostile) {
    let bench = Bench::new();
    let server = Hostile::serve(act);
    bench.dataset(rows);
    bench.job(&server.url, mode, "");
    let text = bench.read("job.yaml").replacen("  mode:", &format!("  pin: {pin}\n  mode:"), 1);
    bench.write("job.yaml", text);
    (bench, server)
}

#[test]
fn an_answer_from_another_version_stops_the_run_after_one_row() {
    let pins = [
        r#"{version: "1.0.1"}"#,
        "{workflow_id: w1}",
        r#"{version: "2.0", workflow_id: w1, on_drift: stop}"#,
    ];
    for pin in pins {
        let (bench, server) = pinned(20, pin, "sync", |request| by(request, "2.0", "w2"));
        let told = bench.run(&["run", "job.yaml", "--id", "r", "--json"]).exits(4).json();
        assert_eq!(told["verdict"]["reason"], "pin", "{pin}");
        // The row is paid, so it is kept; no other was sent beside it.
        assert_eq!(server.invokes().len(), 1, "{pin}");
        assert_eq!((&told["rows"]["succeeded"], &told["rows"]["not_run"]), (&json!(1), &json!(19)));
        assert_eq!(told["versions"], json!({"2.0": 1}));
        let message = told["verdict"]["message"].as_str().unwrap();
        assert!(message.contains("answered, and `workflow.pin` is"), "{message}");
    }
}

#[test]
fn a_pin_that_holds_lets_all_rows_run() {
    let (bench, server) =
        pinned(9, r#"{version: "1.10", workflow_id: w}"#, "sync", |request| by(request, "1.10", "w"));
    let told = bench.run(&["run", "job.yaml", "--json"]).exits(0).json();
    assert_eq!((server.invokes().len(), &told["notes"]), (9, &json!([])));
}

#[test]
fn the_acknowledgement_tells_the_version_as_well_and_the_row_is_still_fetched() {
    let (bench, server) = pinned(9, r#"{version: "1.0.1"}"#, "async", |request| {
        if request.path.ends_with("/invoke") {
            ok(&json!({"workflowRunId": "r1", "status": "RUNNING", "workflowVersion": "1.0.2"}))
        } else {
            ok(&json!({"workflowRunId": "r1", "status": "SUCCEED", "output": {}, "totalCost": 1}))
        }
    });
    let told = bench.run(&["run", "job.yaml", "--json"]).exits(4).json();
    assert_eq!((server.invokes().len(), &told["rows"]["succeeded"]), (1, &json!(1)));
}

#[test]
fn drift_in_the_middle_stops_the_run_and_rows_on_their_way_are_kept() {
    let drifting = |request: &Request| by(request, if request.row() >= 10 { "1.1" } else { "1.0" }, "w");
    let (bench, server) = pinned(60, r#"{version: "1.0"}"#, "sync", drifting);
    let told = bench.run(&["run", "job.yaml", "--id", "r", "-j", "4", "--json"]).exits(4).json();
    let sent = server.invokes().len();
    assert!((10..20).contains(&sent), "{sent}");
    assert_eq!(told["rows"]["succeeded"], json!(sent));
    // Whoever means the new version says so, and the run goes on with what is left.
    bench.run(&["resume", "r", "--set", "workflow.pin.version=1.1"]).exits(0);
    assert_eq!(server.sends(60), [1; 60]);
}

#[test]
fn a_pin_that_only_warns_is_a_note_in_the_report() {
    let drifting = |request: &Request| by(request, if request.row() == 2 { "1.1" } else { "1.0" }, "w");
    let (bench, _server) = pinned(5, r#"{version: "1.0", on_drift: warn}"#, "sync", drifting);
    let told = bench.run(&["run", "job.yaml", "--json"]).exits(0).json();
    assert_eq!(told["notes"], json!(["1 answer came from version 1.1, and `workflow.pin` is 1.0"]));
    assert_eq!(told["versions"], json!({"1.0": 4, "1.1": 1}));
}

#[test]
fn rows_whose_answer_names_no_version_go_one_by_one_until_one_was_executed() {
    let (bench, server) = pinned(4, r#"{version: "1.0"}"#, "sync", |request| match request.row() {
        1 => response("400 Bad", "", r#"{"code":40000,"message":"no"}"#),
        row => succeeded(&format!("r{row}"), &json!({})),
    });
    bench.run(&["run", "job.yaml"]).exits(1);
    assert_eq!(server.sends(4), [1; 4]);
}

#[test]
fn a_pin_of_nothing_is_a_mistake() {
    let (bench, _server) = pinned(1, "{on_drift: warn}", "sync", |request| by(request, "1", "w"));
    bench.run(&["run", "job.yaml"]).exits(2).says(&["workflow.pin", "version"]);
}

/// A service that answers well, but for rows whose text says otherwise.
fn obliging(request: &Request) -> Act {
    match request.body["input"]["text"].as_str().unwrap_or_default() {
        "fail" => ok(&json!({"workflowRunId": "f", "status": "FAILED"})),
        _ => succeeded(&format!("r{}", request.row()), &json!({"n": request.row()})),
    }
}

fn job(rows: &str) -> (Bench, Hostile) {
    let bench = Bench::new();
    let server = Hostile::serve(obliging);
    bench.write("rows.csv", rows);
    bench.job(&server.url, "sync", "limits: {halt: none}\n");
    (bench, server)
}

fn sent(server: &Hostile) -> usize {
    server.invokes().len()
}

#[test]
fn a_dataset_that_only_grew_is_extended_and_only_its_new_rows_are_sent() {
    // Also when the last line had no end, and when it gets one.
    for (before, after) in [
        ("id,text\na,1\nb,2\n", "id,text\na,1\nb,2\nc,3\nd,4\n"),
        ("id,text\na,1\nb,2", "id,text\na,1\nb,2\nc,3\nd,4"),
        ("id,text\na,1\nb,2\n", "id,text\r\na,1\r\n\"b\",2\r\nc,3\r\nd,4\r\n"),
    ] {
        let (bench, server) = job(before);
        bench.run(&["run", "job.yaml", "--id", "r"]).exits(0);
        fs::write(bench.path("rows.csv"), after).unwrap();
        bench.run(&["resume", "r"]).exits(0).says(&["nothing remains"]);
        bench.run(&["run", "job.yaml", "--id", "r"]).exits(3).says(&["which only grew", "--extend"]);
        assert_eq!(sent(&server), 2);
        bench.run(&["resume", "r", "--extend"]).exits(0).says(&["grew by 2 rows", "added to the run: 2"]);
        assert_eq!(server.sends(4), [1; 4]);
        assert_eq!(bench.outcomes(), ["succeeded"; 4]);
        // From now on the longer dataset is the run's own.
        bench.run(&["resume", "r", "--extend"]).exits(0).says(&["nothing to take"]);
        bench.run(&["run", "job.yaml", "--id", "r"]).exits(0);
        fs::write(bench.path("rows.csv"), format!("{}\ne,5\n", after.trim_end())).unwrap();
        bench.run(&["resume", "r", "--extend"]).exits(0).says(&["grew by 1 row"]);
        assert_eq!(server.sends(5), [1; 5]);
        fs::write(bench.path("rows.csv"), after).unwrap();
        bench.run(&["resume", "r", "--extend"]).exits(3);
        assert_eq!(sent(&server), 5);
    }
}

#[test]
fn what_did_more_than_grow_is_not_extended() {
    let before = "id,text\na,1\nb,2\nc,3\n";
    for after in [
        "id,text\na,1\nb,2\nc,30\nd,4\n",
        "id,text\na,1\nc,3\nb,2\nd,4\n",
        "id,text\nz,0\na,1\nb,2\nc,3\n",
        "id,text,more\na,1,\nb,2,\nc,3,\nd,4,\n",
        "id,text\na,1\nb,2\n",
        "id,tixt\na,1\nb,2\nc,3\nd,4\n",
    ] {
        let (bench, server) = job(before);
        bench.run(&["run", "job.yaml", "--id", "r"]).exits(0);
        fs::write(bench.path("rows.csv"), after).unwrap();
        let ended = bench.run(&["resume", "r", "--extend"]);
        assert!(matches!(ended.code, Some(2 | 3)), "{after:?}: {}", ended.stderr);
        assert_eq!(sent(&server), 3, "{after:?}");
    }
}

#[test]
fn a_last_row_that_goes_on_is_edited_and_not_grown() {
    let (bench, server) = job("id,text\na,1\nb,2");
    bench.run(&["run", "job.yaml", "--id", "r"]).exits(0);
    fs::write(bench.path("rows.csv"), "id,text\na,1\nb,20\nc,3\n").unwrap();
    bench.run(&["resume", "r", "--extend"]).exits(3).says(&["only grew", "edited after they were sent: b"]);
    assert_eq!(sent(&server), 2);
}

#[test]
fn packed_files_and_json_grow_too() {
    let array = |rows: &[&str]| format!("[{}]", rows.join(","));
    let (a, b, c) =
        (r#"{"id":"a","text":"1"}"#, r#"{"id":"b","text":"2"}"#, r#"{"id":"c","text":"3","new":1}"#);
    let gz = |text: &str| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut packed, text.as_bytes()).unwrap();
        packed.finish().unwrap()
    };
    for (name, before, after) in [
        ("rows.json", array(&[a, b]).into_bytes(), array(&[a, b, c]).into_bytes()),
        ("rows.jsonl", format!("{a}\n{b}").into_bytes(), format!("{a}\n{b}\n{c}\n").into_bytes()),
        ("rows.csv.gz", gz("id,text\na,1\nb,2\n"), gz("id,text\na,1\nb,2\nc,3\n")),
    ] {
        let (bench, server) = job("");
        bench.write("job.yaml", bench.read("job.yaml").replace("rows.csv", name));
        bench.write(name, before);
        bench.run(&["run", "job.yaml", "--id", "r"]).exits(0);
        bench.write(name, after);
        bench.run(&["resume", "r", "--extend"]).exits(0);
        assert_eq!(server.sends(3), [1; 3], "{name}");
    }
}

#[test]
fn a_pilot_stays_a_pilot_when_its_dataset_grows_and_an_unfinished_run_is_found_again() {
    let (bench, server) = job("id,text\na,1\nb,2\nc,3\n");
    bench.run(&["run", "job.yaml", "--id", "r", "--limit", "2"]).exits(0);
    bench.write("rows.csv", "id,text\na,1\nb,2\nc,3\nd,4\n");
    bench.run(&["resume", "r", "--extend"]).exits(0).says(&["added to the run: 0"]);
    bench.run(&["resume", "r", "--all"]).exits(0);
    assert_eq!(server.sends(4), [1; 4]);

    // Both at once: what the dataset gained, and what the selection had left out.
    let (bench, server) = job("id,text\na,1\nb,2\nc,3\n");
    bench.write("job.yaml", bench.read("job.yaml").replace("key: id", "key: id, select: {range: 2..9}"));
    bench.run(&["run", "job.yaml", "--id", "r"]).exits(0);
    bench.write("rows.csv", "id,text\na,1\nb,2\nc,3\nd,4\n");
    bench.run(&["resume", "r", "--extend", "--all"]).exits(0).says(&["added to the run: 1"]);
    assert_eq!(server.sends(4), [1; 4]);

    let (bench, server) = pinned(2, r#"{version: "1"}"#, "sync", |request| by(request, "2", "w"));
    bench.run(&["run", "job.yaml", "--id", "r"]).exits(4);
    bench.dataset(3);
    bench.run(&["resume", "r", "--extend"]).exits(4);
    // Its dataset is the longer one now, by which it is known as the same job.
    bench.run(&["run", "job.yaml"]).exits(3).says(&["not finished", "flowbatch resume"]);
    assert_eq!(sent(&server), 2);
}

#[test]
fn rows_that_differ_are_named_by_what_became_of_them() {
    let (bench, server) = job("id,text\na,1\nb,2\nc,fail\nd,4\n");
    bench.run(&["run", "job.yaml", "--id", "r"]).exits(1);
    bench.write("rows.csv", "id,text\na,10\nc,fail\nd,4\ne,5\n");
    let ended = bench.run(&["resume", "r", "--retry", "failed"]).exits(3);
    let ended = ended.says(&["edited after they were sent: a", "missing: b", "at another place: c, d"]);
    assert!(!ended.stderr.contains("--accept-edits"), "{}", ended.stderr);
    bench.run(&["resume", "r", "--accept-edits"]).exits(3).says(&["rows that were never sent", "sent: a"]);
    assert_eq!(sent(&server), 4);
}

/// A dataset of which row b is rejected.
fn with_a_rejected_row() -> (Bench, Hostile) {
    let bench = Bench::new();
    let server = Hostile::serve(obliging);
    bench.write(
        "rows.jsonl",
        "{\"id\":\"a\",\"text\":\"1\"}\n{\"id\":\"b\"}\n{\"id\":\"c\",\"text\":\"3\"}\n",
    );
    bench.job(&server.url, "sync", "");
    bench.write("job.yaml", bench.read("job.yaml").replace("rows.csv", "rows.jsonl"));
    bench.run(&["run", "job.yaml", "--id", "r"]).exits(1);
    assert_eq!(bench.outcomes(), ["succeeded", "rejected", "succeeded"]);
    (bench, server)
}

fn accept(bench: &Bench, b: &str, c: &str, more: &[&str]) -> Ended {
    bench.write("rows.jsonl", format!("{{\"id\":\"a\",\"text\":\"1\"}}\n{b}\n{c}\n"));
    bench.run(&[&["resume", "r", "--accept-edits"], more].concat())
}

#[test]
fn a_mended_row_that_was_never_sent_is_taken_and_one_that_was_sent_is_not() {
    let (mended, c) = (r#"{"id":"b","text":"2"}"#, r#"{"id":"c","text":"3"}"#);
    let (bench, server) = with_a_rejected_row();
    bench.write("rows.jsonl", format!("{{\"id\":\"a\",\"text\":\"1\"}}\n{mended}\n{c}\n"));
    bench.run(&["resume", "r", "--retry", "rejected"]).exits(3).says(&["never sent: b", "--accept-edits"]);
    accept(&bench, mended, c, &["--retry", "rejected"]).exits(0).says(&["asked again: 1"]);
    assert_eq!(server.sends(3), [1; 3]);
    let row: Value = bench.results()[1].clone();
    assert_eq!((&row["outcome"], &row["input"]["text"]), (&json!("succeeded"), &json!("2")));
    bench.run(&["run", "job.yaml", "--id", "r"]).exits(0);

    for (b, c, named) in [
        (mended, r#"{"id":"c","text":"30"}"#, "edited after they were sent: c"),
        (r#"{"id":"x","text":"2"}"#, c, "missing: b"),
        (c, mended, "at another place: c, b"),
    ] {
        let (bench, server) = with_a_rejected_row();
        let ended = accept(&bench, b, c, &[]).exits(3);
        assert!(ended.stderr.contains(named) || named.starts_with("at"), "{named}: {}", ended.stderr);
        assert_eq!(sent(&server), 2);
    }
    let (bench, server) = with_a_rejected_row();
    let grown = format!("{c}\n{{\"id\":\"d\",\"text\":\"4\"}}");
    accept(&bench, mended, &grown, &[]).exits(3).says(&["--extend takes more"]);
    accept(&bench, mended, &grown, &["--extend"]).exits(0);
    assert_eq!(server.sends(4), [1; 4]);
}
