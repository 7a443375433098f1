//! Each format, as files are really written.

use super::*;

#[track_caller]
fn check(name: &str, text: &str, expected: &[&str]) {
    assert_eq!(read(name, text.as_bytes()).unwrap(), expected, "{name}: {text:?}");
}

#[track_caller]
fn check_error(name: &str, text: &str, expected: &str) {
    assert_eq!(read(name, text.as_bytes()).unwrap_err(), expected, "{name}: {text:?}");
}

#[test]
fn csv_is_read_as_it_is_really_written() {
    let two = [r#"1 1 {"a":"1","b":"x"}"#, r#"2 2 {"a":"2","b":"y"}"#];
    for text in [
        "a,b\n1,x\n2,y\n",
        "a,b\r\n1,x\r\n2,y\r\n",
        "a,b\r1,x\r2,y\r",
        "a,b\n1,x\n2,y",
        "\u{feff}a,b\n1,x\n2,y\n",
        " a , b \n1,x\n2,y\n",
        "\n\na,b\n\n1,x\n\n2,y\n\n\n",
        "\"a\",\"b\"\n\"1\",\"x\"\n\"2\",\"y\"",
        "sep=;\na;b\n1;x\n2;y\n",
        "\u{feff}sep=;\r\na;b\r\n1;x\r\n2;y\r\n",
        "SEP=\t\na\tb\n1\tx\n2\ty\n",
        "sep=,\na,b\n1,x\n2,y\n",
    ] {
        check("t.csv", text, &two);
    }
    check("t.tsv", "a\tb\n1\tx\n2\ty\n", &two);
    check("T.CSV", "a,b\n1,x\n2,y\n", &two);
}

#[test]
fn csv_cells_are_kept_as_they_are() {
    check("t.csv", "a\n\" x \"\n y \n", &[r#"1 1 {"a":" x "}"#, r#"2 2 {"a":" y "}"#]);
    check("t.csv", "a,b\n\"one\ntwo, \"\"three\"\"\",\n", &[r#"1 1 {"a":"one\ntwo, \"three\"","b":""}"#]);
    check("t.csv", "a,b\n5\" pipe,it's\n", &[r#"1 1 {"a":"5\" pipe","b":"it's"}"#]);
    check("t.csv", "a\n\"\"\nx\0y\n", &[r#"1 1 {"a":""}"#, r#"2 2 {"a":"x\u0000y"}"#]);
    check("t.csv", "a,b\r\n\"1\r\n2\",x\r\n", &[r#"1 1 {"a":"1\r\n2","b":"x"}"#]);
    check("t.csv", "订单号,名\n1,中文🙂\n", &[r#"1 1 {"订单号":"1","名":"中文🙂"}"#]);
    let long = "长".repeat(400_000);
    check(
        "t.csv",
        &format!("a\n{long}\n\"{long}\"\n"),
        &[&format!(r#"1 1 {{"a":"{long}"}}"#), &format!(r#"2 2 {{"a":"{long}"}}"#)],
    );
}

#[test]
fn an_empty_file_is_a_dataset_of_no_rows() {
    for name in ["t.csv", "t.tsv", "t.jsonl", "t.ndjson", "t.json"] {
        for text in ["", "\n", "\u{feff}", "\r\n\r\n"] {
            check(name, text, &[]);
            let (_folder, dataset) =
                opened(&[(name, text.as_bytes())], |spec, _| spec.key = Some("id".to_owned()));
            let dataset = dataset.unwrap();
            let columns = dataset.columns().unwrap();
            assert!(columns.names.is_empty() && !columns.complete, "{columns:?}");
            assert_eq!(surveyed(&dataset, &Select::default()).unwrap().columns, Vec::<String>::new());
        }
    }
    check("t.csv", "a,b\n", &[]);
    check("t.csv", "a,b", &[]);
    check("t.json", " [ ] \n", &[]);
}

#[test]
fn a_delimiter_is_taken_from_the_manifest() {
    for (text, delimiter) in [("a;b\n1;x\n", b';'), ("a|b\n1|x\n", b'|'), ("sep=,\na;b\n1;x\n", b';')] {
        let rows = read_with(&[("t.csv", text.as_bytes())], |spec, _| spec.delimiter = Some(delimiter));
        assert_eq!(rows.unwrap(), [r#"1 1 {"a":"1","b":"x"}"#]);
    }
}

#[test]
fn a_single_column_that_holds_a_delimiter_is_noted() {
    let note = |text: &str| {
        let (_folder, dataset) = opened(&[("t.csv", text.as_bytes())], |_, _| ());
        dataset.unwrap().columns().unwrap().note
    };
    assert_eq!(
        note("a;b\n1;2\n").unwrap(),
        "t.csv has a single column, and its name holds `;`; if that separates the cells, add `delimiter: \";\"` to `dataset`"
    );
    assert_eq!(
        note("a\tb\n1\t2\n").unwrap(),
        "t.csv has a single column, and its name holds tabs; if that separates the cells, add `delimiter: \"\\t\"` to `dataset`"
    );
    assert_eq!(note("a\n1;2\n"), None);
    assert_eq!(note("a;b,c\n"), None);
}

#[test]
fn header_problems_name_the_column_and_its_place() {
    let cases = [
        ("a,b,a\n", "t.csv: columns 1 and 3 are both named `a`; rename one"),
        ("a, a\n", "t.csv: columns 1 and 2 are both named `a`; rename one"),
        (
            "\n\"a\"b,c\n",
            "t.csv:2: cell 1 has text after its closing quote; double a quote that is part of a cell",
        ),
        ("a,,b\n", "t.csv: column 2 has no name; name it in the header, or remove the column"),
        ("a, \n", "t.csv: column 2 has no name; name it in the header, or remove the column"),
        ("a\0\n", "t.csv: the name of column 1 holds a NUL; is the file UTF-16? add `encoding: utf-16le`"),
    ];
    for (text, expected) in cases {
        check_error("t.csv", text, expected);
        let (folder, dataset) = opened(&[("t.csv", text.as_bytes())], |_, _| ());
        let error = dataset.unwrap().columns().unwrap_err();
        assert_eq!(plain(&error, &folder), expected);
        assert!(error.is_mistake());
    }
}

#[test]
fn jsonl_skips_blank_lines_and_counts_rows() {
    let two = [r#"1 1 {"a":1,"b":{"c":[null,true]}}"#, r#"2 2 {"b":1.5}"#];
    for (name, text) in [
        ("t.jsonl", "{\"a\":1,\"b\":{\"c\":[null,true]}}\n\n  \n{\"b\":1.5}\n"),
        ("t.ndjson", "{\"a\":1,\"b\":{\"c\":[null,true]}}\r\n{\"b\":1.5}"),
        ("t.jsonl", "\u{feff}{\"a\":1,\"b\":{\"c\":[null,true]}}\r{\"b\":1.5}\r"),
        ("t.json", "[{\"a\":1,\"b\":{\"c\":[null,true]}},{\"b\":1.5}]"),
        ("t.json", "\u{feff}\n[\n {\"a\":1,\"b\":\n{\"c\":[null,true]}} ,\n {\"b\":1.5}\n]\n"),
    ] {
        check(name, text, &two);
    }
    check("t.json", r#"[{"a":"],}\"[\\"}]"#, &[r#"1 1 {"a":"],}\"[\\"}"#]);
}

#[test]
fn a_broken_array_stops_with_its_line() {
    for (text, expected) in [
        ("[{}", "t.json:1: the file ends before the array's closing `]`; it may be cut short"),
        ("[\n{},\n", "t.json:3: the file ends before the array's closing `]`; it may be cut short"),
        ("[{}]\n]", "t.json:2: text after the end of the array; a file holds one array"),
        ("[{}] [{}]", "t.json:1: text after the end of the array; a file holds one array"),
        ("[{},]", "t.json:1: a record is expected after the comma; remove the comma"),
        ("[,{}]", "t.json:1: a record is expected before the comma"),
        ("\n7", "t.json:2: a JSON array (`[…]`) is expected here"),
        (
            "{\"a\":1}\n{\"a\":2}\n",
            "t.json:1: the file holds a JSON object, not an array; if it is one object a line, name it .jsonl or add `format: jsonl`",
        ),
    ] {
        check_error("t.json", text, expected);
    }
}

#[test]
fn an_array_named_jsonl_is_said_once() {
    for text in ["\n[\n{\"a\":1}\n]\n", "\n[{\"a\":1}]\n"] {
        check_error(
            "t.jsonl",
            text,
            "t.jsonl:2: the file holds a JSON array; name it .json or add `format: json`",
        );
    }
}

#[test]
fn a_quote_that_is_never_closed_swallows_no_rows() {
    check_error(
        "t.csv",
        "a,b\n1,x\n2,\"y\n3,z\n4,z\n",
        "t.csv:3: the quote that opens here is never closed; double a quote that is part of a cell",
    );
}

#[test]
fn a_record_over_the_limit_is_an_error_not_a_full_memory() {
    let big = "x".repeat(scan::RECORD_LIMIT + 1);
    for (name, text, expected) in [
        ("t.csv", format!("a\n{big}"), "t.csv:2: the record that starts here is over 4 MiB"),
        (
            "t.csv",
            format!("a\n\"{big}\""),
            "t.csv:2: the record that starts here is over 4 MiB; is a quote never closed?",
        ),
        ("t.jsonl", format!("\n{big}"), "t.jsonl:2: the record that starts here is over 4 MiB"),
        ("t.json", format!("[\n{big}"), "t.json:2: the record that starts here is over 4 MiB"),
    ] {
        check_error(name, &text, expected);
    }
}

#[test]
fn the_format_is_told_by_name_or_by_the_manifest() {
    check_error(
        "tickets.txt",
        "a\n1\n",
        "tickets.txt: the name does not say the format; add `format: csv` (or tsv, jsonl, json) to `dataset`",
    );
    let named = |format: &str| {
        read_with(&[("tickets.txt", b"a\n1\n")], |spec, _| spec.format = Some(format.to_owned()))
    };
    assert_eq!(named("csv").unwrap(), [r#"1 1 {"a":"1"}"#]);
    assert_eq!(named("xls").unwrap_err(), "`format: xls` is unknown; write csv, tsv, jsonl, ndjson or json");
    let error = read("t.csv", b"PK\x03\x04rest").unwrap_err();
    assert_eq!(error, "t.csv is an Excel workbook; save it as CSV UTF-8");
}

#[test]
fn columns_of_json_are_the_first_records_names() {
    let columns = |text: &str| {
        let (_folder, dataset) = opened(&[("t.jsonl", text.as_bytes())], |_, _| ());
        dataset.unwrap().columns().unwrap()
    };
    let some = columns("{\"b\":1}\n{\"a\":1,\"b\":2}\nbroken\n");
    assert_eq!(some.names, ["b", "a"]);
    assert!(some.complete && some.typed);
    let many = columns(&("{\"a\":1}\n".repeat(100) + "{\"b\":1}\n"));
    assert_eq!((many.names, many.complete), (vec!["a".to_owned()], false));
    assert!(columns(&"{\"a\":1}\n".repeat(100)).complete);
}
