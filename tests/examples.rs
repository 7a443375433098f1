//! Every manifest and every example that is shipped, run by the program as a user would, against the embedded emulator.

#![expect(clippy::unwrap_used, reason = "a test says what it expects")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rust_decimal::Decimal;
use serde_json::Value;
use tempfile::TempDir;

/// A finished command, and the run folder that it names.
struct Ran {
    exit_code: i32,
    folder: PathBuf,
    report: Value,
    rows: Vec<Value>,
    /// Holds the run folder.
    output: TempDir,
}

/// Calls the program from the root of the project, in an environment without settings or secrets.
fn flowbatch(arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowbatch"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).env("RUST_BACKTRACE", "0");
    for (name, _) in std::env::vars_os() {
        let is_ours = name.to_string_lossy().starts_with("FLOWBATCH_");
        if is_ours || name == "GPTBOTS_API_KEY" || name == "TRIAGE_TONE" {
            command.env_remove(name);
        }
    }
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    let exit_code = output.status.code().unwrap_or_else(|| panic!("{arguments:?} was ended: {told}"));
    assert_ne!(exit_code, 101, "{arguments:?}: {told}");
    (exit_code, String::from_utf8(output.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {told}")))
}

fn json_lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Reads what a run left behind, and checks what must hold of every run.
fn read(output: TempDir, exit_code: i32, told: &str) -> Ran {
    let told: Value = serde_json::from_str(told).unwrap_or_else(|error| panic!("{error}: {told}"));
    let folder = PathBuf::from(told["run_dir"].as_str().unwrap());
    let report: Value = serde_json::from_slice(&fs::read(folder.join("report.json")).unwrap()).unwrap();
    let rows = json_lines(&folder.join("results.jsonl"));
    assert_eq!(report["verdict"]["exit_code"], exit_code, "{report}");
    let numbers: Vec<u64> = rows.iter().map(|row| row["row_number"].as_u64().unwrap()).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "every row once, in order: {numbers:?}");
    let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &rows {
        *outcomes.entry(row["outcome"].as_str().unwrap()).or_default() += 1;
    }
    for outcome in ["succeeded", "failed", "in_doubt", "rejected", "not_run"] {
        let counted = outcomes.get(outcome).copied().unwrap_or_default();
        assert_eq!(report["rows"][outcome], counted, "{outcome}: {report}");
    }
    assert_eq!(report["rows"]["total"], rows.len());
    Ran { exit_code, folder, report, rows, output }
}

/// Runs a manifest. The run's id is given, since what chance decides at the emulator follows from it.
fn run(manifest: &str, flags: &[&str]) -> Ran {
    let output = tempfile::tempdir().unwrap();
    let dir = output.path().to_str().unwrap().to_owned();
    let mut arguments = vec!["run", manifest, "-o", &dir, "--id", "a", "--json", "--no-progress"];
    arguments.extend(flags);
    let (exit_code, told) = flowbatch(&arguments);
    read(output, exit_code, &told)
}

/// Goes on with a run.
fn resume(ran: Ran, flags: &[&str]) -> Ran {
    let folder = ran.folder.to_str().unwrap().to_owned();
    let mut arguments = vec!["resume", &folder, "--json", "--no-progress"];
    arguments.extend(flags);
    let (exit_code, told) = flowbatch(&arguments);
    read(ran.output, exit_code, &told)
}

fn decimal(value: &Value) -> Decimal {
    Decimal::from_str_exact(value.as_str().unwrap()).unwrap()
}

/// Adds up the rows' costs; a row whose cost is unknown has none.
fn sum_of_rows(ran: &Ran) -> Decimal {
    ran.rows.iter().filter(|row| !row["cost"].is_null()).map(|row| decimal(&row["cost"])).sum()
}

/// What results.csv has, as a spreadsheet reads it.
fn csv_records(ran: &Ran, delimiter: u8) -> Vec<csv::StringRecord> {
    let bytes = fs::read(ran.folder.join("results.csv")).unwrap();
    let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap();
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).from_reader(text);
    reader.records().map(Result::unwrap).collect()
}

/// The numbers of the rows with an outcome.
fn numbers(ran: &Ran, outcome: &str) -> Vec<u64> {
    let found = ran.rows.iter().filter(|row| row["outcome"] == outcome);
    found.map(|row| row["row_number"].as_u64().unwrap()).collect()
}

/// Runs a manifest of which every row succeeds.
fn check(manifest: &str, flags: &[&str], rows: usize) -> Ran {
    let ran = run(manifest, flags);
    assert_eq!(ran.exit_code, 0, "{manifest}: {}", ran.report);
    assert_eq!(ran.report["rows"]["succeeded"], rows, "{manifest}: {}", ran.report);
    assert_eq!(decimal(&ran.report["cost"]["total"]), sum_of_rows(&ran), "{manifest}");
    assert!(sum_of_rows(&ran) > Decimal::ZERO, "{manifest}");
    assert_eq!(csv_records(&ran, b',').len(), rows + 1, "{manifest}");
    ran
}

#[test]
fn the_quickstart_succeeds() {
    let ran = check("manifests/quickstart.yaml", &[], 40);
    assert_eq!(ran.report["polls"], 0);
    assert_eq!(ran.report["invokes"], 40);
}

#[test]
fn the_short_manifests_succeed() {
    check("manifests/sync.yaml", &["-j", "40"], 40);
    check("manifests/async.yaml", &["-j", "40"], 40);
    check("manifests/sampling.yaml", &[], 12);
    check("manifests/repeat.yaml", &["-j", "40"], 40);
}

#[test]
fn a_judge_scores_every_reply_and_can_be_tried_by_itself() {
    let ran = check("manifests/judged.yaml", &["-j", "40"], 40);
    let judge = &ran.report["judges"]["helpful"];
    assert_eq!(
        (judge["rows"]["succeeded"].as_u64(), judge["checks"].as_array().unwrap().len()),
        (Some(40), 2)
    );
    assert!(decimal(&judge["cost"]["total"]) > Decimal::ZERO);
    for row in &ran.rows {
        assert!(row["checks"]["helpful"]["score"].as_f64().is_some(), "{row}");
        assert_ne!(row["checks"]["polite"]["verdict"], "error", "{row}");
    }
    check("manifests/judge.yaml", &[], 2);
}

#[test]
fn nested_rows_arrive_as_they_are_meant() {
    let ran = check("manifests/jsonl.yaml", &[], 24);
    let input = &ran.rows[0]["input"];
    assert_eq!(input["items"].as_array().unwrap().len(), input["item_count"]);
    assert!(input["summary"].as_str().unwrap().contains(":\n- "), "{input}");
    for row in &ran.rows {
        assert_eq!(row["output"]["lines"], row["input"]["item_count"]);
    }
}

#[test]
fn typed_rows_arrive_in_their_types() {
    let ran = check("manifests/typed.yaml", &[], 16);
    let input = &ran.rows[0]["input"];
    assert!(
        input["stars"].is_u64() && input["price"].is_number() && input["verified"].is_boolean(),
        "{input}"
    );
    assert_eq!(input["reviewer"], "Ada Winter");
    assert_eq!(input["product_code"], "BRIGHTLEAF-DESK-LAMP");
    assert_eq!(input["keywords"], serde_json::json!(["light", "switch"]));
    assert_eq!(input["written_on"], "10 January 2026, 15:00");
    assert_eq!(ran.rows[4]["input"]["price"], Value::Null, "an empty typed cell is null");
}

#[test]
fn files_are_sent_and_only_named_in_results() {
    let ran = check("manifests/files.yaml", &[], 8);
    for row in &ran.rows {
        let document = &row["input"]["document"];
        assert_eq!(document["format"], "md");
        assert!(document["sha256"].is_string() && document.get("base64_content").is_none(), "{document}");
        assert_eq!(row["output"]["format"], "md");
    }
}

#[test]
fn manifests_of_the_real_service_are_sound_without_its_key() {
    let (exit_code, told) =
        flowbatch(&["check", "manifests/gptbots.yaml", "manifests/private.yaml", "manifests/webhooks.yaml"]);
    assert_eq!(exit_code, 0, "{told}");
}

#[test]
fn the_support_inbox_is_sorted_whole() {
    let ran = check("examples/support-triage/triage.yaml", &["-j", "128"], 1_210);
    let dataset =
        fs::File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/support-triage/tickets.csv"));
    let mut dataset = csv::ReaderBuilder::new().has_headers(false).from_reader(dataset.unwrap());
    for (ticket, result) in dataset.records().zip(csv_records(&ran, b',')) {
        let ticket = ticket.unwrap();
        // Cells that a spreadsheet would execute are defused; no ticket begins with such a sign.
        let cells: Vec<_> = result.iter().take(ticket.len()).collect();
        assert_eq!(cells, ticket.iter().collect::<Vec<_>>());
    }
    let groups: BTreeSet<_> = ran.report["groups"].as_array().unwrap().iter().map(Value::to_string).collect();
    assert_eq!(groups.len(), 8, "{groups:?}");
}

#[test]
fn a_few_products_without_a_text_are_accepted() {
    let ran = run("examples/product-descriptions/descriptions.yaml", &["-j", "100"]);
    let failed = numbers(&ran, "failed").len();
    assert!((1..=10).contains(&failed), "{failed}");
    assert_eq!(ran.exit_code, 0, "5% may fail: {}", ran.report);
    assert_eq!(ran.report["rows"]["succeeded"], 200 - failed);
    assert_eq!(decimal(&ran.report["cost"]["total"]), sum_of_rows(&ran));
    for row in ran.rows.iter().filter(|row| row["outcome"] == "failed") {
        assert!(decimal(&row["cost"]) > Decimal::ZERO, "a run that failed is billed: {row}");
    }
}

#[test]
fn two_nights_evaluate_the_same_rows() {
    let manifest = "examples/nightly-evaluation/evaluation.yaml";
    let (first, second) = (check(manifest, &["-j", "64"], 120), check(manifest, &["-j", "64"], 120));
    assert_eq!(numbers(&first, "succeeded"), numbers(&second, "succeeded"));
    let records = csv_records(&first, b',');
    let place = |name: &str| records[0].iter().position(|column| column == name).unwrap();
    let (expected, got, agrees) = (place("wanted"), place("got"), place("agrees"));
    for record in &records[1..] {
        assert_eq!(record[agrees] == *"true", record[expected] == record[got], "{record:?}");
    }
    let disagreeing = records.iter().filter(|record| record[agrees] == *"false").count();
    assert!((5..=40).contains(&disagreeing), "{disagreeing}");
}

#[test]
fn a_messy_export_loses_only_its_bad_records() {
    let ran = run("examples/messy-export/export.yaml", &["-j", "64"]);
    assert_eq!(ran.exit_code, 0, "{}", ran.report);
    assert_eq!(numbers(&ran, "rejected"), [18, 42, 67, 94, 121]);
    assert_eq!(ran.report["rows"]["succeeded"], 155);
    assert_eq!(decimal(&ran.report["cost"]["total"]), sum_of_rows(&ran));
    let records = csv_records(&ran, b';');
    assert_eq!(records.len(), 161);
    assert_eq!(
        records[0].iter().take(5).collect::<Vec<_>>(),
        ["Kundennr", "Firma", "Ort", "Menge", "Preis €"]
    );
    assert_eq!(&records[1][1], "Café Müßiggang");
    let stricter = run("examples/messy-export/export.yaml", &["-j", "64", "--set", "accept.rejected=0"]);
    assert_eq!(stricter.exit_code, 1);
}

/// Every execution that the emulator holds the ledger of: who asked, and what it cost.
fn executions(ran: &Ran) -> Vec<(String, Decimal)> {
    let events = json_lines(&ran.folder.join("emulator.jsonl"));
    let accepted = events.iter().filter(|event| event["e"] == "accepted");
    accepted.map(|event| (event["user_id"].as_str().unwrap().to_owned(), decimal(&event["cost"]))).collect()
}

#[test]
fn a_rehearsed_bad_day_loses_nothing_and_pays_nothing_twice() {
    let ran = run("examples/rehearsal/rehearsal.yaml", &["-j", "64"]);
    assert_eq!(ran.exit_code, 5, "{}", ran.report);
    assert_eq!(numbers(&ran, "failed"), [101, 119]);
    let in_doubt = numbers(&ran, "in_doubt");
    assert!([23, 57, 88].iter().all(|row| in_doubt.contains(row)), "{in_doubt:?}");
    assert!(in_doubt.len() > 3, "some are slow: {in_doubt:?}");
    for row in ran.rows.iter().filter(|row| row["outcome"] == "in_doubt") {
        let is_slow = row["error"]["kind"] == "timeout";
        assert_eq!(row["workflow_run_id"].is_string(), is_slow, "{row}");
    }
    assert_eq!(ran.rows[16]["outcome"], "succeeded");
    assert!(ran.rows[16]["backoff_ms"].as_u64().unwrap() > 0);
    assert_eq!(decimal(&ran.report["cost"]["total"]), sum_of_rows(&ran));
    assert_eq!(ran.report["cost"]["unknown_rows"], in_doubt.len());

    let ran = resume(ran, &[]);
    assert_eq!(ran.exit_code, 1, "{}", ran.report);
    assert_eq!(numbers(&ran, "in_doubt"), [23, 57, 88]);
    let once = executions(&ran);
    let users: BTreeSet<_> = once.iter().map(|(user, _)| user).collect();
    assert_eq!(users.len(), once.len(), "nobody was executed twice");
    let lost = |user: &str| ["-23", "-57", "-88"].iter().any(|end| user.ends_with(end));
    let known: Decimal = once.iter().filter(|(user, _)| !lost(user)).map(|(_, cost)| cost).sum();
    assert_eq!(decimal(&ran.report["cost"]["total"]), known, "the bill is the provider's");

    let ran = resume(ran, &["--retry", "in_doubt,failed"]);
    assert_eq!(ran.exit_code, 1, "row 119 is refused again: {}", ran.report);
    assert_eq!(numbers(&ran, "failed"), [119]);
    assert_eq!(ran.report["rows"]["succeeded"], 149);
    assert_eq!(ran.report["cost"]["unknown_rows"], 3, "what the lost executions cost stays unknown");
}
