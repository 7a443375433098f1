//! results.csv and failures.csv.

use super::*;

fn read(bytes: &[u8]) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes);
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[test]
fn columns_are_those_of_the_dataset_then_of_the_output_then_ours() {
    let derived = every_kind().derive(&context());
    assert_eq!(
        text(&derived.results_csv),
        concat!(
            "id,lang,output.label,output.score,outcome,error,cost,tokens,attempts,latency_ms,workflow_run_id,",
            "row_number,row_key\r\n",
            "a,en,refund,0.90,succeeded,,0.25,10,1,100,wf-1,1,k1\r\n",
            "b,en,,,failed,\"workflow_failed: The model\nrefused | <b>politely</b>\",0.1,10,1,200,wf-2,2,k2\r\n",
            "c,de,,,in_doubt,connection_lost: the connection was closed,,,1,,,3,k3\r\n",
            "d,,,,rejected,mapping: `row.subject` is missing,0,0,0,,,4,\r\n",
            "e,de,other,,succeeded,,,,1,500,wf-5,5,k5\r\n",
            "f,fr,,,in_doubt,\"interrupted: the service runs it, and its result was not fetched before flowbatch ",
            "stopped; resume fetches it\",,,0,,wf-6,6,k6\r\n",
            ",,,,not_run,,0,0,0,,,7,\r\n",
        )
    );
    let failures = read(&derived.failures_csv);
    assert_eq!(failures[0], read(&derived.results_csv)[0]);
    assert_eq!(failures[1..].iter().map(|row| row[11].as_str()).collect::<Vec<_>>(), ["2", "3", "4", "6"]);
}

#[test]
fn the_manifests_own_columns_take_the_place_of_the_outputs_fields() {
    let columns = templates(&[("label", "{{output.label}}"), ("what", "{{row.lang}}: {{output.score}}")]);
    let derived = every_kind().derive(&ReportContext { columns, ..context() });
    let rows = read(&derived.results_csv);
    assert_eq!(rows[0][..5], ["id", "lang", "label", "what", "outcome"]);
    assert_eq!(rows[1][2..4], ["refund", "en: 0.9"]);
    assert_eq!(rows[2][2..4], ["", ""], "what can't be rendered is an empty cell");
    let notes = &derived.summary().notes;
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].starts_with("column `what` is empty for 1 of the rows that succeeded"), "{notes:?}");
    assert!(notes[0].contains("(row 5: "), "{notes:?}");
}

#[test]
fn a_name_that_is_taken_is_written_with_flowbatch_before_it() {
    let mut run = Run::of(1);
    run.succeed(1, r#"{"cost":"5","flowbatch.cost":"6","label":"x","outcome":"y"}"#, "{}");
    let columns = templates(&[("label", "{{row.label}}"), ("tokens", "t")]);
    let rows = read(&run.derive(&ReportContext { columns, ..context() }).results_csv);
    assert_eq!(
        rows[0].join(" "),
        "cost flowbatch.cost label outcome flowbatch.label tokens flowbatch.outcome error flowbatch.flowbatch.cost \
         flowbatch.tokens attempts latency_ms workflow_run_id row_number row_key"
    );
}

#[test]
fn outputs_of_any_shape_find_their_columns() {
    let check = |outputs: &[&str], header: &[&str], cells: &[&[&str]]| {
        let mut run = Run::of(outputs.len() as u64);
        for (row, output) in (1..).zip(outputs) {
            run.succeed(row, "{}", output);
        }
        let rows = read(&run.derive(&context()).results_csv);
        let width = header.len();
        assert_eq!(rows[0][..width], *header);
        assert_eq!(rows[0][width], "outcome");
        for (row, cells) in rows[1..].iter().zip(cells) {
            assert_eq!(row[..width], **cells, "{outputs:?}");
        }
    };
    check(
        &[r#"{"a":{"b":1,"c":[1, "x"]},"d":null}"#, r#"{"d":true,"a":7,"e":{}}"#],
        &["output.a.b", "output.a.c", "output.d", "output.a", "output.e"],
        &[&["1", r#"[1, "x"]"#, "", "", ""], &["", "", "true", "7", "{}"]],
    );
    check(&[r#""text""#, "[1,2]", "1e2"], &["output"], &[&["text"], &["[1,2]"], &["1e2"]]);
    check(&[r#"{"a.b":1,"a":{"b":2}}"#], &["output.[a.b]", "output.a.b"], &[&["1", "2"]]);
    let deep = format!("{}1{}", r#"{"a":"#.repeat(100), "}".repeat(100));
    check(&[&deep], &[&format!("output{}", ".a".repeat(16))], &[&[&deep[16 * 5..deep.len() - 16]]]);
}

#[test]
fn fields_beyond_the_limit_are_left_to_the_jsonl_file_and_that_is_said() {
    let mut run = Run::of(1);
    let fields: Vec<_> = (0..1_200).map(|n| format!("\"f{n}\":{n}")).collect();
    run.succeed(1, "{}", &format!("{{{}}}", fields.join(",")));
    let derived = run.derive(&context());
    assert_eq!(read(&derived.results_csv)[0].len(), 1_000 + 9);
    assert!(derived.summary().notes[0].contains("more than 1000 fields"));
    assert!(text(&derived.results_jsonl).contains("\"f1199\":1199"));
}

#[test]
fn a_known_header_is_taken_as_it_is_and_the_rows_are_read_once() {
    let run = every_kind();
    let columns = templates(&[("label", "{{output.label}}")]);
    let dataset_columns = Some(vec!["lang".to_owned(), "id".to_owned(), "none".to_owned()]);
    let context = ReportContext { columns, dataset_columns, ..context() };
    let mut passes = 0;
    let rows = || {
        passes += 1;
        run.rows.iter().cloned().map(Ok::<_, Infallible>)
    };
    let mut file = Vec::new();
    let targets = Targets { results_csv: Some(&mut file), ..Targets::default() };
    derive(&context, &run.state, rows, targets).unwrap();
    assert_eq!((&read(&file)[1][..4], passes), (&["en", "a", "", "refund"].map(str::to_owned)[..], 1));
}

#[test]
fn a_column_that_only_a_late_row_has_is_there_for_all_and_costs_a_second_pass() {
    let check = |late: &str, expected: &[&str], expected_passes: u32| {
        let mut run = Run::of(201);
        run.fail(1, r#"{"id":"a"}"#, "broken");
        for row in 2..=200 {
            run.succeed(row, r#"{"id":"a"}"#, r#"{"x":1}"#);
        }
        run.succeed(201, r#"{"id":"a"}"#, late);
        let columns = Some(vec!["id".to_owned()]);
        let context = ReportContext { dataset_columns: columns, ..context() };
        let mut passes = 0;
        let rows = || {
            passes += 1;
            run.rows.iter().cloned().map(Ok::<_, Infallible>)
        };
        let (mut jsonl, mut results, mut failures) = (Vec::new(), Vec::new(), Vec::new());
        let targets = Targets {
            results_jsonl: Some(&mut jsonl),
            results_csv: Some(&mut results),
            failures_csv: Some(&mut failures),
            ..Targets::default()
        };
        let summary = derive(&context, &run.state, rows, targets).unwrap();
        let (results, failures) = (read(&results), read(&failures));
        assert_eq!((results[0][..expected.len()].join(" "), passes), (expected.join(" "), expected_passes));
        assert_eq!((results.len(), failures.len()), (202, 2));
        assert_eq!(results[0], failures[0]);
        assert_eq!(String::from_utf8(jsonl).unwrap().lines().count(), 201);
        assert_eq!(summary.rows.total, 201);
    };
    check(r#"{"x":2}"#, &["id", "output.x", "outcome"], 1);
    check(r#"{"x":2,"late":3}"#, &["id", "output.x", "output.late", "outcome"], 2);
}

#[test]
fn what_a_spreadsheet_would_execute_is_defused_but_a_dataset_stays_as_it_was_read() {
    let mut run = Run::of(2);
    let record = r#"{"=h":"=1+1","n":"-12.5"}"#;
    run.succeed(1, record, r#"{"x":"@cmd"}"#).fail(2, record, "x");
    let derived = run.derive(&context());
    assert_eq!(read(&derived.results_csv)[0][0], "'=h");
    assert_eq!(read(&derived.results_csv)[1][..3], ["'=1+1", "-12.5", "'@cmd"]);
    assert_eq!(read(&derived.failures_csv)[0][0], "=h");
    assert_eq!(read(&derived.failures_csv)[1][..2], ["=1+1", "-12.5"]);
    let csv = CsvOptions { safe: false, ..context().csv };
    let derived = run.derive(&ReportContext { csv, ..context() });
    assert_eq!(read(&derived.results_csv)[1][..3], ["=1+1", "-12.5", "@cmd"]);
}

#[test]
fn the_options_say_how_the_file_is_written() {
    let mut run = Run::of(1);
    run.succeed(1, r#"{"id":"é;1"}"#, r#"{"x":"单"}"#);
    let file = |csv: CsvOptions| run.derive(&ReportContext { csv, ..context() });
    assert!(file(CsvOptions::default()).results_csv.starts_with("\u{feff}id,output.x,".as_bytes()));
    let semicolon = file(CsvOptions { delimiter: b';', ..context().csv });
    assert!(text(&semicolon.results_csv).contains("\r\n\"é;1\";单;succeeded;"));
    let outputs_only = file(CsvOptions { inputs: false, ..context().csv });
    assert!(text(&outputs_only.results_csv).starts_with("output.x,outcome,"));
    assert!(text(&outputs_only.failures_csv).starts_with("id,output.x,"), "it serves as a dataset");
    let latin = file(CsvOptions { encoding: encoding_rs::WINDOWS_1252, ..CsvOptions::default() });
    assert!(latin.results_csv.windows(10).any(|bytes| bytes == b"\xe9;1,?,succ"));
    assert!(latin.summary().notes[0].contains("characters that its encoding lacks (1)"));
}

#[test]
fn a_row_without_a_readable_record_has_empty_cells_and_is_no_row_of_a_dataset() {
    let mut run = Run::of(3);
    run.succeed(1, r#"{"id":"a"}"#, "{}").reject(2, r#""a,b,\"c""#);
    let derived = run.derive(&context());
    assert_eq!(read(&derived.results_csv)[2][..3], ["", "", "rejected"]);
    assert_eq!((read(&derived.failures_csv).len(), json_lines(&derived.failures_jsonl).len()), (1, 2));
    assert!(derived.summary().notes[0].starts_with("failures.csv leaves out rows"));
}

#[test]
fn a_huge_cell_is_whole_and_noted() {
    let mut run = Run::of(1);
    let huge = "é\"\n".repeat(100_000);
    run.succeed(1, "{}", &json!({ "x": huge }).to_string());
    let derived = run.derive(&context());
    assert_eq!(read(&derived.results_csv)[1][0], huge);
    assert!(derived.summary().notes[0].contains("cells longer than the 32,767 characters"));
}

fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z ]{0,6}",
        "[-+=@0-9.e\t]{0,6}",
        "[\"',;\r\n é单😀\u{feff}\u{202e}]{0,6}",
        any::<String>()
    ]
}

proptest! {
    #[test]
    fn a_file_read_back_is_the_data(cells in proptest::collection::vec((cell(), cell(), cell()), 1..12)) {
        let mut run = Run::of(cells.len() as u64);
        for (row, (one, two, three)) in (1..).zip(&cells) {
            let record = json!({"one": one, "two, \"2\"": two}).to_string();
            run.succeed(row, &record, &json!({ "three": three }).to_string());
        }
        let csv = CsvOptions { safe: false, ..context().csv };
        let rows = read(&run.derive(&ReportContext { csv, ..context() }).results_csv);
        prop_assert_eq!(&rows[0][..3], &["one", "two, \"2\"", "output.three"].map(str::to_owned)[..]);
        for (row, (one, two, three)) in rows[1..].iter().zip(&cells) {
            prop_assert_eq!(&row[..3], &[one.clone(), two.clone(), three.clone()][..]);
        }
        prop_assert_eq!(rows.len(), cells.len() + 1);
    }
}
