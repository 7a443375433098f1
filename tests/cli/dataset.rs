//! Datasets as they come: empty, marked, in other encodings, ragged, with keys twice.

use std::io::Write;

use crate::support::hostile::{Hostile, Request, succeeded};
use crate::support::{Bench, Ended};

struct Tried {
    bench: Bench,
    server: Hostile,
    ended: Ended,
}

/// Runs `input` over a dataset of these bytes.
fn run(name: &str, bytes: &[u8], dataset: &str, text: &str) -> Tried {
    let bench = Bench::new();
    let server = Hostile::serve(|request: &Request| succeeded("r", &request.body["input"]));
    bench.write(name, bytes);
    bench.job(&server.url, "sync", "");
    let job =
        bench.read("job.yaml").replace("{path: rows.csv, key: id}", dataset).replace("{{row.text}}", text);
    bench.write("job.yaml", job);
    let ended = bench.run(&["run", "job.yaml"]);
    Tried { bench, server, ended }
}

#[track_caller]
fn answers(tried: Tried, code: i32, expected: &[&str]) {
    tried.ended.exits(code);
    let rows = tried.bench.results();
    let texts: Vec<_> = rows.iter().map(|row| row["output"]["text"].as_str().unwrap_or("-")).collect();
    assert_eq!(texts, expected);
}

#[track_caller]
fn refused(tried: Tried, texts: &[&str]) {
    tried.ended.exits(2).says(texts);
    assert!(tried.server.invokes().is_empty());
    assert!(!tried.bench.path("runs").exists(), "nothing is begun");
}

const PLAIN: &str = "{path: rows.csv, key: id}";

#[test]
fn an_empty_table_or_one_with_only_a_header_is_a_run_of_no_rows() {
    answers(run("rows.csv", b"id,text\n", PLAIN, "{{row.text}}"), 0, &[]);
    answers(run("rows.csv", b"id,text", PLAIN, "{{row.text}}"), 0, &[]);
    let empty = run("rows.jsonl", b"", "rows.jsonl", "{{row.text}}");
    answers(empty, 0, &[]);
    let empty = run("rows.json", b"[]", "rows.json", "{{row.text}}");
    answers(empty, 0, &[]);
    // A file of nothing has no header, so nothing says what its columns are.
    let nothing = run("rows.csv", b"", PLAIN, "{{row.text}}");
    assert!(matches!(nothing.ended.code, Some(0 | 2)), "{:?}", nothing.ended);
    assert!(!nothing.ended.stderr.contains("panicked"));
}

#[test]
fn marks_line_ends_and_quotes_are_read_as_spreadsheets_write_them() {
    answers(run("rows.csv", "\u{feff}id,text\r\n1,é\r\n".as_bytes(), PLAIN, "{{row.text}}"), 0, &["é"]);
    answers(
        run("rows.csv", b"id,text\n1,\"a\n\"\"b\"\"\"\n2,x", PLAIN, "{{row.text}}"),
        0,
        &["a\n\"b\"", "x"],
    );
    answers(run("rows.csv", b" id , text \n1,x\n", PLAIN, "{{row.text}}"), 0, &["x"]);
    let wide: Vec<u8> = "\u{feff}id,text\n1,订单\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    answers(run("rows.csv", &wide, PLAIN, "{{row.text}}"), 0, &["订单"]);
    answers(run("rows.tsv", b"id\ttext\n1\ta,b\n", "{path: rows.tsv, key: id}", "{{row.text}}"), 0, &["a,b"]);
}

#[test]
fn another_encoding_stops_and_the_message_names_the_one_that_reads_it() {
    let gbk = b"id,text\n1,\xb6\xa9\xb5\xa5\xba\xc5\xd6\xd0\xb9\xfa\xcf\xfb\xcf\xa2\n";
    refused(run("rows.csv", gbk, PLAIN, "{{row.text}}"), &["encoding", "gb"]);
    answers(
        run("rows.csv", gbk, "{path: rows.csv, key: id, encoding: gbk}", "{{row.text}}"),
        0,
        &["订单号中国消息"],
    );
}

#[test]
fn ragged_rows_stop_or_are_rejected_as_the_manifest_says() {
    let ragged = b"id,text\n1,a\n2\n3,c,d\n4,e\n";
    refused(run("rows.csv", ragged, PLAIN, "{{row.text}}"), &["rows.csv:3"]);
    let tried = run("rows.csv", ragged, "{path: rows.csv, key: id, on_bad_row: reject}", "{{row.text}}");
    assert_eq!(tried.server.invokes().len(), 2);
    let outcomes = tried.bench.outcomes();
    assert_eq!(outcomes, ["succeeded", "rejected", "rejected", "succeeded"]);
    answers(tried, 1, &["a", "-", "-", "e"]);
}

#[test]
fn headers_and_keys_must_be_sound() {
    refused(
        run("rows.csv", b"id,text\nx,1\ny,2\nx,3\n", PLAIN, "{{row.text}}"),
        &["x", "rows.csv:2", "rows.csv:4"],
    );
    refused(run("rows.csv", b"id,text,text\n1,a,b\n", PLAIN, "{{row.text}}"), &["text"]);
    refused(run("rows.csv", b"id,,text\n1,a,b\n", PLAIN, "{{row.id}}"), &["column"]);
    refused(run("rows.csv", b"id,txet\n1,a\n", PLAIN, "{{row.text}}"), &["txet"]);
    refused(run("rows.csv", b"ident,text\n1,a\n", PLAIN, "{{row.text}}"), &["id"]);
    refused(run("rows.csv", b"id,text\n,a\n", PLAIN, "{{row.text}}"), &["rows.csv:2"]);
    refused(run("other.csv", b"", PLAIN, "{{row.text}}"), &["rows.csv"]);
}

#[test]
fn compressed_files_are_read() {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(b"id,text\n1,packed\n").unwrap();
    let bytes = gz.finish().unwrap();
    answers(run("rows.csv.gz", &bytes, "{path: rows.csv.gz, key: id}", "{{row.text}}"), 0, &["packed"]);
    // Cut short, it is a broken file and not a shorter dataset.
    let tried = run("rows.csv.gz", &bytes[..bytes.len() - 9], "{path: rows.csv.gz, key: id}", "{{row.text}}");
    assert!(matches!(tried.ended.code, Some(2 | 3)), "{:?}", tried.ended);
    assert!(tried.server.invokes().is_empty());
}

#[test]
fn records_of_json_lines_keep_their_types_and_lack_of_a_field_rejects_only_that_row() {
    let rows = br#"{"id":1,"text":"a","n":5}
{"id":2,"text":null,"n":6}
{"id":3,"n":7}
{"id":4,"text":{"x":[1,2.50]},"n":12345678901234567}
"#;
    let tried = run("rows.jsonl", rows, "{path: rows.jsonl, key: id}", "{{row.text}}");
    tried.ended.clone().exits(1);
    let outputs: Vec<_> = tried.bench.results().iter().map(|row| row["output"]["text"].to_string()).collect();
    assert_eq!(outputs, ["\"a\"", "null", "null", "{\"x\":[1,2.5]}"]);
    assert_eq!(tried.bench.outcomes(), ["succeeded", "succeeded", "rejected", "succeeded"]);
    assert_eq!(tried.server.invokes().len(), 3);
    let broken = run(
        "rows.jsonl",
        b"{\"id\":1,\"text\":\"a\"}\n{\"id\":\n",
        "{path: rows.jsonl, key: id}",
        "{{row.text}}",
    );
    refused(broken, &["rows.jsonl:2"]);
}

#[test]
fn typed_cells_reach_the_service_as_what_they_are() {
    let bench = Bench::new();
    let server = Hostile::serve(|request: &Request| succeeded("r", &request.body["input"]));
    bench.write("rows.csv", "id,n,b,j\n1,7,true,\"{\"\"a\"\":[1]}\"\n2,,,\n3,x,true,1\n");
    bench.write(
        "job.yaml",
        format!(
            "version: 1\nname: job\nworkflow: {{provider: gptbots, base_url: {}, mode: sync}}\n\
             dataset: {{path: rows.csv, key: id, types: {{n: integer, b: boolean, j: json}}, on_bad_row: reject}}\n\
             input: {{n: \"{{{{row.n}}}}\", b: \"{{{{row.b}}}}\", j: \"{{{{row.j}}}}\", t: \"n={{{{row.n}}}}\"}}\n",
            server.url
        ),
    );
    bench.run(&["run", "job.yaml"]).exits(1);
    let rows = bench.results();
    assert_eq!(rows[0]["output"], serde_json::json!({"n": 7, "b": true, "j": {"a": [1]}, "t": "n=7"}));
    assert_eq!(rows[1]["output"], serde_json::json!({"n": null, "b": null, "j": null, "t": "n="}));
    assert_eq!(rows[2]["outcome"], "rejected");
    assert_eq!(server.invokes().len(), 2);
}
