//! Evaluations: checks, gates, a baseline, and scoring again; over the example that is shipped.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{Bench, rows_of};

/// The example's files, copied to where a test may change them.
fn example() -> Bench {
    let bench = Bench::new();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/ticket-evaluation");
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        bench.write(path.file_name().unwrap().to_str().unwrap(), fs::read(&path).unwrap());
    }
    bench
}

/// The only run of a manifest.
fn run_of(bench: &Bench, name: &str) -> PathBuf {
    let runs = fs::read_dir(bench.path(format!("runs/{name}"))).unwrap();
    let mut runs: Vec<_> =
        runs.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir() && !path.is_symlink()).collect();
    assert_eq!(runs.len(), 1, "{runs:?}");
    runs.remove(0)
}

fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn replace(bench: &Bench, file: &str, from: &str, to: &str) {
    let text = bench.read(file);
    assert!(text.contains(from), "{file} lacks {from}");
    bench.write(file, text.replace(from, to));
}

/// Every file of a folder with its content, without what lies in folders.
fn files_of(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_file()).map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn the_workflow_in_use_passes_its_gates_and_the_candidate_fails_them() {
    let bench = example();
    let good = bench.run(&["run", "evaluate.yaml", "--json"]).exits(0).json();
    assert_eq!((&good["verdict"]["reason"], &good["exit_code"]), (&json!("accepted"), &json!(0)));
    let report = json_of(&run_of(&bench, "ticket-evaluation").join("report.json"));
    let gates = report["gates"].as_array().unwrap();
    assert_eq!(gates.len(), 8);
    for gate in gates {
        assert_eq!(gate["passed"], json!(true), "{gate}");
        assert!(!gate["value"].is_null() && !gate["bound"].is_null() && !gate["margin"].is_null(), "{gate}");
    }
    let bad = bench.run(&["run", "candidate.yaml", "--json"]).exits(4).json();
    assert_eq!(bad["verdict"]["reason"], "gate_failed");
    assert_eq!((&bad["verdict"]["retry"], &bad["verdict"]["next"]), (&json!("none"), &Value::Null));
    let folder = run_of(&bench, "ticket-candidate");
    let report = json_of(&folder.join("report.json"));
    let failed: Vec<_> =
        report["gates"].as_array().unwrap().iter().filter(|gate| gate["passed"] == json!(false)).collect();
    let failed: Vec<_> = failed.iter().map(|gate| gate["gate"].as_str().unwrap()).collect();
    let expected = [
        "label.pass_rate >= baseline - 2%",
        "label.baseline.p_worse >= 5%",
        "label.classes.shipping.recall >= 85%",
        "groups.lang.ar.label.pass_rate >= 75%",
    ];
    assert_eq!(failed, expected);
    let page = fs::read_to_string(folder.join("report.md")).unwrap();
    assert!(page.contains("| **FAIL** | `label.classes.shipping.recall >= 85%` |"), "{page}");
    assert!(
        page.contains(
            "| expected \\\\ actual | `account` | `billing` | `other` | `shipping` | `technical` |"
        ),
        "{page}"
    );
    // A run that is complete sends nothing, and exits as it did.
    bench.run(&["resume", folder.to_str().unwrap()]).exits(4);
}

#[test]
fn figures_follow_from_the_rows_and_the_rows_from_their_outputs() {
    let bench = example();
    bench.run(&["run", "evaluate.yaml"]).exits(0);
    let folder = run_of(&bench, "ticket-evaluation");
    let rows = rows_of(&folder.join("results.jsonl"));
    let expected: BTreeMap<String, String> = csv::Reader::from_path(bench.path("tickets.csv"))
        .unwrap()
        .records()
        .map(|record| record.unwrap())
        .map(|record| (record[0].to_owned(), record[6].to_owned()))
        .collect();
    let mut right: BTreeMap<(String, String), u64> = BTreeMap::new();
    for row in &rows {
        let wanted = &expected[row["row_key"].as_str().unwrap()];
        let got = row["output"]["label"].as_str().unwrap();
        let check = &row["checks"]["label"];
        assert_eq!(check["verdict"] == "pass", wanted == got, "{row}");
        if wanted != got {
            assert_eq!((&check["expected"], &check["actual"]), (&json!(wanted), &json!(got)));
            assert_eq!(check["path"], "output.label");
        }
        *right.entry((wanted.clone(), got.to_owned())).or_default() += 1;
    }
    let report = json_of(&folder.join("report.json"));
    let label = &report["checks"]["label"];
    let passed: u64 = right.iter().filter(|((wanted, got), _)| wanted == got).map(|(_, count)| count).sum();
    assert_eq!((label["passed"].as_u64(), rows.len()), (Some(passed), 320));
    let confusion = &label["labels"]["confusion"];
    let labels: Vec<&str> =
        confusion["labels"].as_array().unwrap().iter().map(|label| label.as_str().unwrap()).collect();
    for (at, wanted) in labels.iter().enumerate() {
        for (to, got) in labels.iter().enumerate() {
            let count = right.get(&((*wanted).to_owned(), (*got).to_owned())).copied().unwrap_or(0);
            assert_eq!(confusion["counts"][at][to].as_u64(), Some(count), "{wanted} taken for {got}");
        }
    }
    let csv = fs::read_to_string(folder.join("results.csv")).unwrap();
    assert!(
        csv.lines().next().unwrap().contains("got,confidence,check.label,check.known,check.short,outcome")
    );
}

#[test]
fn scoring_again_sends_nothing_and_leaves_the_run_as_it_was() {
    let bench = example();
    bench.run(&["run", "evaluate.yaml"]).exits(0);
    let folder = run_of(&bench, "ticket-evaluation");
    let before = files_of(&folder);
    // The run keeps the baseline that it was judged by, whatever becomes of the file.
    fs::remove_file(bench.path("baseline.jsonl")).unwrap();
    fs::remove_file(bench.path("triage-1.workflow.yaml")).unwrap();
    fs::remove_file(bench.path("tickets.csv")).unwrap();
    let run = folder.to_str().unwrap();
    bench.run(&["report", run]).exits(0);
    assert_eq!(files_of(&folder), before);
    replace(&bench, "evaluate.yaml", "label.pass_rate >= 85%", "label.pass_rate >= 99%");
    let without = |gate: &str| {
        let kept: Vec<_> = bench
            .read("evaluate.yaml")
            .lines()
            .filter(|line| !line.contains(gate))
            .map(str::to_owned)
            .collect();
        bench.write("evaluate.yaml", kept.join("\n"));
    };
    without("baseline - 2%");
    without("baseline.p_worse");
    let said = bench.run(&["score", run]).exits(4).says(&["nothing was sent"]).stdout;
    assert!(said.contains("FAIL  label.pass_rate >= 99%: is 92"), "{said}");
    let sets: Vec<_> =
        fs::read_dir(folder.join("scores")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(sets.len(), 1);
    assert_eq!(rows_of(&sets[0].join("results.jsonl")).len(), 320);
    assert_eq!(json_of(&sets[0].join("report.json"))["verdict"]["reason"], "gate_failed");
    assert!(sets[0].join("report.md").is_file());
    assert_eq!(files_of(&folder), before, "the run's own files stay");
    replace(&bench, "evaluate.yaml", "label.pass_rate >= 99%", "label.pass_rate >= 80%");
    let again = bench.run(&["score", run, "--json"]).exits(0).json();
    assert_eq!(again["checks"]["label"]["passed"].as_u64(), Some(296));
    assert_eq!(fs::read_dir(folder.join("scores")).unwrap().count(), 2);
    // What the present manifest has wrong is told as for a run.
    replace(&bench, "evaluate.yaml", "{{row.expected}}", "{{row.expcted}}");
    bench
        .run(&["score", run])
        .exits(2)
        .says(&["the dataset has no column `expcted`", "did you mean `{{row.expected}}`?"]);
    bench.write("plain.yaml", bench.read("evaluate.yaml").split("checks:").next().unwrap());
    bench.run(&["score", run, "--manifest", "plain.yaml"]).exits(2).says(&["neither `checks` nor `gates`"]);
}

#[test]
fn a_baseline_is_the_same_each_time_and_holds_no_text_of_the_run() {
    let bench = example();
    bench.run(&["run", "evaluate.yaml"]).exits(0);
    let run = run_of(&bench, "ticket-evaluation");
    let write = || bench.run(&["report", run.to_str().unwrap(), "--format", "baseline"]).exits(0).stdout;
    let baseline = write();
    assert_eq!(baseline, write());
    let lines: Vec<Value> = baseline.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[0]["format"]), (321, &json!("flowbatch-baseline/1")));
    assert_eq!(lines[1]["row_key"], "T0001");
    assert_eq!(lines[1]["checks"], json!({"label": "pass", "known": "pass", "short": "pass"}));
    for text in ["card was declined", "Recibí", "reply", "confidence"] {
        assert!(!baseline.contains(text), "{text}");
    }
    // Against itself a run is neither better nor worse.
    bench.write("baseline.jsonl", &baseline);
    replace(&bench, "evaluate.yaml", "baseline - 2%", "baseline");
    let scored = bench.run(&["score", run.to_str().unwrap(), "--json"]).exits(0).json();
    assert_eq!((&scored["gates"][2]["margin"], &scored["gates"][2]["passed"]), (&json!(0), &json!(true)));
    // Without it, the gate is undecided, fails, and says why.
    fs::remove_file(bench.path("baseline.jsonl")).unwrap();
    let told = bench.run(&["run", "evaluate.yaml", "--new", "--json"]).exits(4);
    let told = told.says(&["there is no baseline"]).json();
    assert_eq!(told["verdict"]["reason"], "gate_failed");
}

#[test]
fn mistakes_in_checks_and_gates_stop_before_anything_is_sent() {
    let bench = example();
    replace(&bench, "evaluate.yaml", "label.pass_rate >= 85%", "lable.pass_rate >= 85%");
    replace(&bench, "evaluate.yaml", "{{row.expected}}", "{{row.expectd}}");
    bench
        .run(&["run", "evaluate.yaml"])
        .exits(2)
        .says(&["a report has no figure `lable.pass_rate`", "did you mean `label.pass_rate`?"]);
    replace(&bench, "evaluate.yaml", "lable.pass_rate", "label.pass_rate");
    bench.run(&["check", "evaluate.yaml"]).exits(2).says(&["evaluate.yaml:24:", "no column `expectd`"]);
    assert!(!bench.path("runs").exists());
}

#[test]
fn hostile_checks_and_gates_are_mistakes_with_their_place() {
    let bench = Bench::new();
    bench.write("w.yaml", "name: w\nversion: '1'\n");
    bench.write("rows.csv", "id,text\n1,a\n");
    bench.write("deep.json", format!("{}{{}}{}", "{\"items\":".repeat(5_000), "}".repeat(5_000)));
    bench.write("bytes.json", b"{\"type\":\"\xff\"}");
    bench.write("itself.json", "{\"$ref\":\"#\"}");
    bench.write("abroad.json", "{\"$ref\":\"https://example.com/schema.json\"}");
    let check = |rest: &str, code: i32, told: &str| {
        let head = "version: 1\nname: m\nworkflow: {provider: emulator, definition: w.yaml}\n\
                    dataset: {path: rows.csv, key: id}\ninput: {text: \"{{row.text}}\"}\n";
        bench.write("m.yaml", format!("{head}{rest}\n"));
        let ended = bench.run(&["check", "m.yaml"]).exits(code);
        let all = ended.stderr + &ended.stdout;
        assert!(all.contains(told), "{rest}: {all}");
        assert!(code == 0 || all.contains("m.yaml:6:"), "{rest}: {all}");
    };
    check("checks: {a: {json_schema: deep.json}}", 2, "recursion limit exceeded");
    check("checks: {a: {json_schema: bytes.json}}", 2, "invalid unicode");
    check("checks: {a: {json_schema: abroad.json}}", 2, "no usable JSON Schema");
    check("checks: {a: {json_schema: itself.json}}", 0, "sound");
    check("checks: {a: {json_schema: {pattern: '('}}}", 2, "no usable JSON Schema");
    check("checks: {a: {regex: '(?<'}}", 2, "unclosed capture group name");
    check("checks: {a: {regex: '((a{1,100}){1,100}){1,100}'}}", 2, "size limit");
    check("checks: {a: {number: {min: 1e400}}}", 2, "must be a number or a template");
    check("checks: {a: {equals: 1e999}}", 2, "more digits than JSON can carry");
    check("checks: {a: {equals: .nan}}", 2, "no number that JSON has");
    check("checks: {a: {weight: -1, present: true}}", 2, "must be an amount");
    check("checks: {a: {length: {max: 99999999999999999999}}}", 2, "`checks.a.length.max`");
    let deep = format!("{}present: true{}", "not: {".repeat(9), "}".repeat(9));
    check(&format!("checks: {{a: {{{deep}}}}}"), 2, "stands more than 8 deep");
    check("gates: [coverage >= 99999999999999999999999999999999%]", 2, "too many digits");
    check("gates: [latency.p95 <= 999999999999999999999999h]", 2, "too many digits");
    let brackets = format!("gates: [\"{}coverage >= 1\"]", "(".repeat(900));
    check(&brackets, 2, "nested more than 64 deep");
}

#[test]
fn gates_of_a_run_that_is_not_complete_stay_open() {
    let bench = example();
    replace(&bench, "evaluate.yaml", "limits: {", "limits: {budget: {cost: 1 credit, cost_per_row: 0.2}, ");
    let told = bench.run(&["run", "evaluate.yaml", "--json"]).exits(4).json();
    assert_eq!(told["verdict"]["reason"], "budget");
    let report = json_of(&run_of(&bench, "ticket-evaluation").join("report.json"));
    let gates = report["gates"].as_array().unwrap();
    assert!(gates.iter().all(|gate| gate["passed"].is_null() && gate["reason"] == "the run is not complete"));
    assert!(report["checks"]["label"]["unscored"].as_u64().unwrap() > 200);
    // A gate may be changed as the run goes on, and then decides.
    let folder = run_of(&bench, "ticket-evaluation");
    let set = ["--set", "limits.budget.cost=1000", "--set", "gates=[\"coverage >= 99%\"]"];
    bench.run(&[&["resume", folder.to_str().unwrap()], &set[..]].concat()).exits(0);
}

#[test]
fn compare_names_what_a_baseline_was_made_of() {
    let bench = example();
    bench.run(&["run", "evaluate.yaml"]).exits(0);
    let good = run_of(&bench, "ticket-evaluation");
    bench.run(&["run", "candidate.yaml"]).exits(4);
    let bad = run_of(&bench, "ticket-candidate");
    // A baseline says what it was made of.
    let baseline = bench.run(&["report", good.to_str().unwrap(), "--format", "baseline"]).exits(0).stdout;
    let head: Value = serde_json::from_str(baseline.lines().next().unwrap()).unwrap();
    let lock = json_of(&good.join("run.lock.json"));
    assert_eq!(head["dataset_sha256"], lock["dataset"]["records_sha256"]);
    assert_eq!(head["mapping_sha256"], lock["mapping_sha256"]);
    assert_eq!(head["workflow_versions"], json_of(&good.join("report.json"))["versions"]);
    bench.write("new.jsonl", &baseline);
    let differences = |run: &Path| -> Vec<String> {
        let told =
            bench.run(&["compare", "new.jsonl", run.to_str().unwrap(), "--format", "json"]).exits(0).json();
        let found = told["differences"].as_array().unwrap().clone();
        found.iter().map(|difference| difference["what"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(differences(&good), [""; 0]);
    assert_eq!(differences(&bad), ["workflow version", "manifest"]);
    bench.write("tickets.csv", bench.read("tickets.csv").replacen("billing", "other", 1));
    replace(&bench, "candidate.yaml", "name: ticket-candidate", "name: third");
    bench.run(&["run", "candidate.yaml", "--set", "repeat=2", "--set", "gates=[]"]).exits(0);
    assert_eq!(differences(&run_of(&bench, "third")), ["dataset", "repeat", "workflow version", "manifest"]);
    bench.write("baseline.jsonl", baseline + "{\"row_key\": 7}\n");
    bench.run(&["check", "evaluate.yaml"]).exits(2).says(&["its line 322 is no row of a baseline"]);
}
