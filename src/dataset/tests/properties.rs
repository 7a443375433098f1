//! Any bytes, and any rows.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::dataset::array::Array;
use crate::dataset::csv::Csv;
use crate::dataset::json;
use crate::dataset::lines::Lines;
use crate::dataset::scan::{Parser, Raw};
use crate::model::Record;

/// What a parser gives for text that comes in the blocks given, and how it ended.
fn parsed(mut parser: impl Parser, blocks: &[&str]) -> (Vec<String>, Option<String>) {
    let mut found = Vec::new();
    let mut sink = |raw: Raw<'_>| {
        found.push(match raw {
            Raw::Header { cells, delimiter } => format!("{delimiter} {:?}", cells.iter().collect::<Vec<_>>()),
            Raw::Cells { cells, line, fault } => {
                format!("{line} {:?} {fault:?}", cells.iter().collect::<Vec<_>>())
            }
            Raw::Json { text, line } => format!("{line} {text}"),
        });
        Ok(ControlFlow::Continue(()))
    };
    let fed = blocks.iter().try_for_each(|block| parser.feed(block, &mut sink).map(|_| ()));
    let ended = fed.and_then(|()| parser.finish(&mut sink).map(|_| ()));
    (found, ended.err().map(|error| error.to_string()))
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no infinity", |n| n.is_finite()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((any::<String>(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Record>())),
        ]
    })
}

fn json_record() -> impl Strategy<Value = Record> {
    vec(("[a-z\"]{0,3}", json_value()), 0..4).prop_map(|members| members.into_iter().collect())
}

/// Text in which what matters to the formats is frequent.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    vec(
        prop_oneof![
            4 => proptest::sample::select(&b"\"\",,\n\r;\t{}[]:\\0123456789eE-+.atrufnlsx \xEF\xBB\xBF\xFF\xFE\0"[..]),
            1 => any::<u8>(),
        ],
        0..120,
    )
}

fn survives(name: &str, bytes: &[u8], key: bool) {
    // Whatever is read or refused, nothing panics, and `read` agrees with the survey (asserted within).
    let _read = read_with(&[(name, bytes)], |spec, _| {
        spec.on_bad_row = OnBadRow::Reject;
        spec.key = key.then(|| "a".to_owned());
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in noise(), key: bool) {
        for name in ["t.csv", "t.tsv", "t.jsonl", "t.json"] {
            survives(name, &bytes, key);
        }
        survives("t.csv.gz", &[&b"\x1F\x8B\x08\0"[..], &bytes].concat(), key);
        survives("t.csv.zst", &[&b"\x28\xB5\x2F\xFD"[..], &bytes].concat(), key);
        survives("t.csv.gz", &super::packing::gzip(&bytes), key);
        survives("t.json.zst", &super::packing::zstandard(&bytes), key);
    }

    #[test]
    fn no_archive_that_is_cut_gives_rows(text in "[a-z\n,]{0,80}", cut in 1_usize..40) {
        for (name, whole) in [
            ("t.csv.gz", super::packing::gzip(text.as_bytes())),
            ("t.csv.zst", super::packing::zstandard(text.as_bytes())),
        ] {
            prop_assert!(read(name, &whole[..whole.len().saturating_sub(cut)]).is_err());
        }
    }

    #[test]
    fn no_bytes_in_any_encoding_make_a_reader_panic(bytes in vec(any::<u8>(), 0..80), encoding in 0_usize..5) {
        let encoding = [
            encoding_rs::GBK,
            encoding_rs::UTF_16LE,
            encoding_rs::ISO_2022_JP,
            encoding_rs::WINDOWS_1253,
            encoding_rs::REPLACEMENT,
        ][encoding];
        let _read = read_with(&[("t.csv", &bytes)], |spec, _| spec.encoding = Encoding::Named(encoding));
    }

}

proptest! {
    #[test]
    fn where_a_block_ends_changes_nothing(bytes in noise(), cuts in vec(0_usize..120, 0..6)) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        // The first block is long enough for `sep=`, as `Text` promises.
        let mut cuts: Vec<_> = cuts.into_iter().filter(|cut| *cut >= 8 && text.is_char_boundary(*cut)).collect();
        cuts.sort_unstable();
        let mut blocks = Vec::new();
        let mut start = 0;
        for cut in cuts {
            blocks.push(&text[start..cut]);
            start = cut;
        }
        blocks.push(&text[start..]);
        prop_assert_eq!(parsed(Csv::new("t", None, b','), &blocks), parsed(Csv::new("t", None, b','), &[&text]));
        prop_assert_eq!(parsed(Lines::new("t"), &blocks), parsed(Lines::new("t"), &[&text]));
        prop_assert_eq!(parsed(Array::new("t"), &blocks), parsed(Array::new("t"), &[&text]));
    }

    #[test]
    fn tables_come_back_as_they_were_written(
        rows in vec(vec(any::<String>(), 3), 0..6),
        delimiter in proptest::sample::select(&b",;\t|"[..]),
        crlf: bool,
        always: bool,
    ) {
        let mut writer = csv_writer(delimiter, crlf, always);
        writer.write_record(["a", "b", "c"]).unwrap();
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let read = read_with(&[("t.csv", &bytes)], |spec, _| spec.delimiter = Some(delimiter)).unwrap();
        let expected: Vec<_> = rows.iter().enumerate().map(|(index, row)| {
            let record: Record = ["a", "b", "c"].iter().zip(row)
                .map(|(column, cell)| ((*column).to_owned(), Value::from(cell.as_str()))).collect();
            format!("{n} {n} {}", serde_json::to_string(&record).unwrap(), n = index + 1)
        }).collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn json_comes_back_as_it_was_written(records in vec(json_record(), 0..6)) {
        let expected: Vec<_> = records.iter().enumerate()
            .map(|(index, record)| format!("{n} {n} {}", serde_json::to_string(record).unwrap(), n = index + 1))
            .collect();
        let lines: String = records.iter().map(|r| serde_json::to_string(r).unwrap() + "\n").collect();
        prop_assert_eq!(read("t.jsonl", lines.as_bytes()).unwrap(), expected.clone());
        let array = serde_json::to_string_pretty(&records).unwrap();
        prop_assert_eq!(read("t.json", array.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn a_number_is_carried_just_when_it_can_be_written_back(token in "-?(0|[1-9][0-9]{0,22})(\\.[0-9]{1,20})?(e-?[0-9]{1,2})?") {
        let text = format!("{{\"n\":{token}}}");
        let carried = json::record(&text).is_ok();
        let exact = |text: &str| text.parse::<f64>().ok().filter(|n| n.is_finite());
        if let Ok(value) = serde_json::from_str::<Value>(&token) && carried {
            // What is written back is the same number to any reader, to the last bit.
            prop_assert_eq!(exact(&value.to_string()), exact(&token));
        }
        if token.parse::<i64>().is_ok() || token.parse::<u64>().is_ok() {
            prop_assert!(carried);
        }
    }
}

fn csv_writer(delimiter: u8, crlf: bool, always: bool) -> ::csv::Writer<Vec<u8>> {
    let mut builder = ::csv::WriterBuilder::new();
    builder.delimiter(delimiter);
    if crlf {
        builder.terminator(::csv::Terminator::CRLF);
    }
    if always {
        builder.quote_style(::csv::QuoteStyle::Always);
    }
    builder.from_writer(Vec::new())
}
