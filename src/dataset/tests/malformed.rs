//! Records that are no rows, and keys that are no keys.

use super::*;
use crate::dataset::keys::Keys;
use crate::mapping::ColumnType;
use crate::model::ErrorKind;

fn rejecting(files: Files<'_>, key: Option<&str>) -> Result<Vec<String>, String> {
    read_with(files, |spec, _| {
        spec.on_bad_row = OnBadRow::Reject;
        spec.key = key.map(str::to_owned);
    })
}

#[track_caller]
fn check(name: &str, text: &str, key: Option<&str>, expected: &[&str]) {
    assert_eq!(rejecting(&[(name, text.as_bytes())], key).unwrap(), expected, "{name}: {text:?}");
}

#[test]
fn a_ragged_record_is_named_by_its_line() {
    check(
        "t.csv",
        "a,b\n1,x\n2\n\n3,y,z\n\"4\n\",x\n5",
        None,
        &[
            r#"1 1 {"a":"1","b":"x"}"#,
            "2! t.csv:3: 1 cell, but the header has 2 columns",
            "3! t.csv:5: 3 cells, but the header has 2 columns",
            r#"4 4 {"a":"4\n","b":"x"}"#,
            "5! t.csv:8: 1 cell, but the header has 2 columns",
        ],
    );
    check(
        "t.csv",
        "a,b\r\r1,\"\r\r\"\r2\r",
        None,
        &[r#"1 1 {"a":"1","b":"\r\r"}"#, "2! t.csv:6: 1 cell, but the header has 2 columns"],
    );
    check("t.csv", "sep=;\r\na;b\r\n1\r\n", None, &["1! t.csv:3: 1 cell, but the header has 2 columns"]);
}

#[test]
fn text_after_a_closing_quote_is_not_glued_on() {
    check(
        "t.csv",
        "a,b\n\"x\"y,z\n1,\"2\" \n",
        None,
        &[
            "1! t.csv:2: cell 1 has text after its closing quote; double a quote that is part of a cell",
            "2! t.csv:3: cell 2 has text after its closing quote; double a quote that is part of a cell",
        ],
    );
}

#[test]
fn json_that_is_no_row_says_why() {
    check(
        "t.jsonl",
        "{\"a\":1\n[1]\n\n7\n{\"a\":1,\"a\":2}\n{\"a\":{\"b\":1,\"b\":1}}\n{} {}\n{\"a\":1-2}\n",
        None,
        &[
            "1! t.jsonl:1: not valid JSON: EOF while parsing an object (column 6)",
            "2! t.jsonl:2: a JSON object is expected, found a list",
            "3! t.jsonl:4: a JSON object is expected, found a number",
            "4! t.jsonl:5: not valid JSON: `a` stands twice in one object (column 10)",
            "5! t.jsonl:6: not valid JSON: `b` stands twice in one object (column 15)",
            "6! t.jsonl:7: not valid JSON: trailing characters (column 4)",
            "7! t.jsonl:8: not valid JSON: expected `,` or `}` (column 7)",
        ],
    );
    check(
        "t.json",
        "[{},\n null,\n {\"a\":\n tru},\n{\"b\":2}]",
        None,
        &[
            "1 1 {}",
            "2! t.json:2: a JSON object is expected, found null",
            "3! t.json:3: not valid JSON: expected ident (line 2 of the record, column 5)",
            r#"4 4 {"b":2}"#,
        ],
    );
}

#[test]
fn a_number_that_would_change_is_malformed_and_shown_as_written() {
    let quoted = |n: &str| {
        let n = if n.len() > 60 { format!("{}…", &n[..60]) } else { n.to_owned() };
        format!("the number {n} can't be carried exactly; quote it: \"{n}\"")
    };
    for number in [
        "18446744073709551616",
        "-9223372036854775809",
        "20000000000000000000",
        "0.12345678901234567890",
        "1e400",
        "-1E-400",
        "1.00000000000000000001",
        "9007199254740993.0",
        "719764468392753.3",
        &format!("0.{}", "1".repeat(70_000)),
    ] {
        let text = format!("{{\"id\":{number},\"t\":\"99999999999999999999\\\"\"}}");
        let expected = format!("1! t.jsonl:1: {}", quoted(number));
        check("t.jsonl", &text, None, &[&expected]);
    }
    let files: Files<'_> = &[("t.jsonl", b"{\"k\":7,\"id\":[18446744073709551616]}")];
    let (_folder, dataset) = opened(files, |spec, _| {
        spec.on_bad_row = OnBadRow::Reject;
        spec.key = Some("k".to_owned());
    });
    let survey = surveyed(&dataset.unwrap(), &Select::default()).unwrap();
    let bad = &survey.first_malformed[0];
    assert_eq!(serde_json::to_string(&bad.record).unwrap(), r#"{"k":7,"id":["18446744073709551616"]}"#);
    assert_eq!(bad.key.as_ref().unwrap().0, "7");
    assert_eq!(bad.error.kind, ErrorKind::MALFORMED);
}

#[test]
fn a_number_that_keeps_its_value_is_carried() {
    for number in [
        "18446744073709551615",
        "-9223372036854775808",
        "0",
        "-0",
        "0.1",
        "1.10",
        "1e2",
        "1.5E+3",
        "0.30000000000000004",
        "1e22",
        "5e-324",
        "123456789012345.00000",
        "0e5",
        "719764468392753.2",
        "0.29999999999999999",
        "0.1000000000000000055511151231257827021181583404541015625",
    ] {
        let text = format!("{{\"n\":{number}}}");
        assert_eq!(rejecting(&[("t.jsonl", text.as_bytes())], None).unwrap().len(), 1);
        assert!(!rejecting(&[("t.jsonl", text.as_bytes())], None).unwrap()[0].contains('!'), "{number}");
    }
}

#[test]
fn a_cell_that_its_type_refuses_is_malformed() {
    let rows = read_with(
        &[("t.csv", b"n,j,t\n1,{},x\nx,{},x\n,,\n2,{\"a\":18446744073709551616},x\n")],
        |spec, _| {
            spec.on_bad_row = OnBadRow::Reject;
            spec.types.0.insert("n".to_owned(), ColumnType::Integer);
            spec.types.0.insert("j".to_owned(), ColumnType::Json);
        },
    );
    let rows = rows.unwrap();
    assert_eq!(rows[0], r#"1 1 {"n":"1","j":"{}","t":"x"}"#, "a row keeps its cells as read");
    assert!(rows[1].starts_with("2! t.csv:3: column `n`, declared integer"), "{}", rows[1]);
    assert_eq!(rows[2], r#"3 3 {"n":"","j":"","t":""}"#);
    assert_eq!(
        rows[3],
        "4! t.csv:5: column `j`: the number 18446744073709551616 can't be carried exactly; quote it: \"18446744073709551616\""
    );
}

#[test]
fn a_malformed_record_stops_with_the_first_twenty() {
    let text = format!("a,b\n{}", "1\n".repeat(23));
    let error = read("t.csv", text.as_bytes()).unwrap_err();
    let lines: Vec<_> = error.lines().collect();
    assert_eq!(lines[0], "23 records are malformed:");
    assert_eq!(lines[1], "  t.csv:2: 1 cell, but the header has 2 columns");
    assert_eq!(lines[20], "  t.csv:21: 1 cell, but the header has 2 columns");
    assert_eq!(lines[21], "  and 3 more");
    assert_eq!(lines[22], "mend them, or add `on_bad_row: reject` to `dataset` to go on without them");
    let one = read("t.csv", b"a,b\n1\n").unwrap_err();
    assert!(one.starts_with("1 record is malformed:\n  t.csv:2: "), "{one}");
    assert!(!one.contains("more"));
}

#[test]
fn a_malformed_record_keeps_what_could_be_read() {
    let (_folder, dataset) = opened(&[("t.csv", b"k,a,b\nT-1,x\n,y,z\n")], |spec, _| {
        spec.on_bad_row = OnBadRow::Reject;
        spec.key = Some("k".to_owned());
    });
    let survey = surveyed(&dataset.unwrap(), &Select::default()).unwrap();
    let shown: Vec<_> = survey
        .first_malformed
        .iter()
        .map(|bad| {
            (bad.number, bad.key.clone().map(|key| key.0), serde_json::to_string(&bad.record).unwrap())
        })
        .collect();
    assert_eq!(
        shown,
        [
            (1, Some("T-1".to_owned()), r#"{"k":"T-1","a":"x"}"#.to_owned()),
            (2, None, r#"{"k":"","a":"y","b":"z"}"#.to_owned()),
        ]
    );
    assert_eq!((survey.rows, survey.malformed, survey.selection.len()), (2, 2, 2));
}

#[test]
fn an_unusable_key_is_malformed() {
    check(
        "t.csv",
        "k,a\n,x\n  ,x\nT 1,x\n",
        Some("k"),
        &[
            "1! t.csv:2: the key `k` is empty",
            "2! t.csv:3: the key `k` is empty",
            r#"3 T 1 {"k":"T 1","a":"x"}"#,
        ],
    );
    check(
        "t.jsonl",
        "{}\n{\"k\":null}\n{\"k\":[1]}\n{\"k\":{}}\n{\"k\":\"\"}\n{\"k\":1.50}\n{\"k\":true}\n",
        Some("k"),
        &[
            "1! t.jsonl:1: the key `k` is missing",
            "2! t.jsonl:2: the key `k` is null; a text, a number or a boolean is expected",
            "3! t.jsonl:3: the key `k` is a list; a text, a number or a boolean is expected",
            "4! t.jsonl:4: the key `k` is an object; a text, a number or a boolean is expected",
            "5! t.jsonl:5: the key `k` is empty",
            r#"6 1.5 {"k":1.5}"#,
            r#"7 true {"k":true}"#,
        ],
    );
}

#[test]
fn a_duplicate_key_names_both_places() {
    let cases: &[(&str, &str, &str)] = &[
        ("t.csv", "k\na\nb\n\na\n", "the key `a` stands twice: t.csv:2 and t.csv:5; keys must be unique"),
        (
            "t.csv",
            "k\na\na\na\n",
            "the key `a` stands twice: t.csv:2 and t.csv:3 (and 1 more row repeats a key); keys must be unique",
        ),
        (
            "t.csv",
            "k\na\nb\nb\na\na\n",
            "the key `b` stands twice: t.csv:3 and t.csv:4 (and 2 more rows repeat a key); keys must be unique",
        ),
        (
            "t.jsonl",
            "{\"k\":1}\n{\"k\":\"1\"}\n",
            "the key `1` stands twice: t.jsonl:1 and t.jsonl:2; keys must be unique",
        ),
    ];
    for (name, text, expected) in cases {
        let error = rejecting(&[(name, text.as_bytes())], Some("k")).unwrap_err();
        assert_eq!(error, *expected);
    }
    let two: Files<'_> = &[("a.csv", b"k\nx\n"), ("b.csv", b"k\ny\nx\n")];
    assert_eq!(
        rejecting(two, Some("k")).unwrap_err(),
        "the key `x` stands twice: a.csv:2 and b.csv:3; keys must be unique"
    );
    let ragged_twin = rejecting(&[("t.csv", b"k,a\nx,1\nx\n")], Some("k"));
    assert_eq!(ragged_twin.unwrap().len(), 2, "a malformed record takes no key");
}

#[test]
fn two_keys_of_one_hash_are_no_duplicates() {
    let (_folder, dataset) = opened(&[("t.csv", b"k\na\nb\n")], |spec, _| spec.key = Some("k".to_owned()));
    let mut keys = Keys::default();
    for key in ["a", "a", "b"] {
        keys.take(key);
    }
    assert!(dataset.unwrap().require_unique(keys).is_ok());
}

#[test]
fn a_column_that_the_manifest_names_must_be_there() {
    let error = rejecting(&[("t.csv", b"a,b\n")], Some("id")).unwrap_err();
    assert_eq!(error, "t.csv has no column `id`, which `key` names; it has `a`, `b`");
    let error = read_with(&[("t.csv", b"a,b\n")], |spec, _| {
        spec.types.0.insert("prio".to_owned(), ColumnType::Integer);
    });
    assert_eq!(error.unwrap_err(), "t.csv has no column `prio`, which `types` names; it has `a`, `b`");
}

#[test]
fn a_record_has_one_fingerprint() {
    let record = |text: &str| serde_json::from_str(text).unwrap();
    assert_eq!(row_sha(&record(r#"{ "a": "1" }"#)), "9afeb0f2b203f254");
    assert_ne!(row_sha(&record(r#"{"a":1}"#)), row_sha(&record(r#"{"a":"1"}"#)));
}
