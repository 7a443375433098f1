//! Datasets of which each record is invoked several times, as rows of their own.

use super::*;
use crate::manifest::{Sample, SampleSize};
use crate::mapping::Expression;

const TABLE: &[u8] = b"id,n\na,1\nb,2\nc,3\nd,4\n";

fn repeated(bytes: &[u8], times: u64, key: Option<&str>) -> (TempDir, Dataset) {
    let (folder, dataset) = opened(&[("t.csv", bytes)], |spec, _| {
        spec.repeats = Repeats::new(times).unwrap();
        spec.key = key.map(str::to_owned);
        spec.on_bad_row = OnBadRow::Reject;
    });
    (folder, dataset.unwrap())
}

#[test]
fn each_record_gives_its_rows_one_after_the_other() {
    let (_folder, dataset) = repeated(b"id,n\na,1\nb\nc,3\n", 2, Some("id"));
    let survey = surveyed(&dataset, &Select::default()).unwrap();
    assert_eq!((survey.rows, survey.selection.len(), survey.malformed), (6, 6, 1));
    assert_eq!((survey.first_malformed[0].number, &*survey.first_malformed[0].place), (3, "t.csv:3"));
    let bad = "t.csv:3: 1 cell, but the header has 2 columns";
    assert_eq!(
        listed(&dataset, &survey.selection).unwrap(),
        [
            r#"1 a#1 {"id":"a","n":"1"}"#,
            r#"2 a#2 {"id":"a","n":"1"}"#,
            &format!("3! {bad}"),
            &format!("4! {bad}"),
            r#"5 c#1 {"id":"c","n":"3"}"#,
            r#"6 c#2 {"id":"c","n":"3"}"#,
        ]
    );
    let mut keys = Vec::new();
    let mut each = |item| {
        if let Item::Malformed(bad) = item {
            keys.push(bad.key.unwrap().0);
        }
        ControlFlow::Continue(())
    };
    dataset.read(&[3, 4].into_iter().collect(), &mut each).unwrap();
    assert_eq!(keys, ["b#1", "b#2"]);
}

#[test]
fn any_of_the_rows_can_be_read_and_reading_can_break_between_them() {
    let (_folder, dataset) = repeated(TABLE, 3, None);
    let wanted: RowSet = [2, 3, 7, 12].into_iter().collect();
    let found = listed(&dataset, &wanted).unwrap();
    let numbers: Vec<_> = found.iter().map(|row| row.split(" {").next().unwrap()).collect();
    assert_eq!(
        numbers,
        ["2 1#2", "3 1#3", "7 3#1", "12 4#3"],
        "without a key the record's number stands for it"
    );
    let mut seen = 0;
    let mut until_two = |_| {
        seen += 1;
        if seen == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    dataset.read(&(1..=12).collect(), &mut until_two).unwrap();
    assert_eq!(seen, 2);
}

#[test]
fn records_are_selected_and_all_of_their_rows() {
    let (_folder, dataset) = repeated(TABLE, 3, Some("id"));
    let check = |select: Select, expected: &[u64]| {
        let selection = surveyed(&dataset, &select).unwrap().selection;
        assert_eq!(selection.iter().collect::<Vec<_>>(), expected, "{select:?}");
    };
    check(Select { range: Some((2, 3)), ..Select::default() }, &[4, 5, 6, 7, 8, 9]);
    check(Select { limit: Some(1), ..Select::default() }, &[1, 2, 3]);
    for text in ["row.n == \"2\" or row.n == \"4\"", "row_number in [2, 4]", "row_key in [\"b\", \"d\"]"] {
        let condition = Some(Expression::parse(text).unwrap());
        check(Select { condition, ..Select::default() }, &[4, 5, 6, 10, 11, 12]);
    }
    let sample = Some(Sample { size: SampleSize::Rows(2), seed: 5 });
    let select = Select { sample, ..Select::default() };
    let (_folder, once) = repeated(TABLE, 1, Some("id"));
    let records = surveyed(&once, &select).unwrap().selection;
    assert_eq!(records.len(), 2);
    let rows: Vec<_> = records.iter().flat_map(|record| record * 3 - 2..=record * 3).collect();
    check(select, &rows);
}

#[test]
fn digests_are_those_of_the_records() {
    let digests = |times| {
        let (_folder, dataset) = repeated(TABLE, times, None);
        let survey = surveyed(&dataset, &Select::default()).unwrap();
        let of_half = dataset.records_sha256(survey.rows / 2).unwrap();
        assert_eq!(dataset.records_sha256(survey.rows).unwrap().as_ref(), Some(&survey.records_sha256));
        assert_eq!(dataset.records_sha256(survey.rows + times).unwrap(), None);
        (survey.sha256, survey.records_sha256, of_half)
    };
    assert_eq!(digests(1), digests(5));
}

#[test]
fn a_key_that_stands_twice_is_refused_as_ever() {
    let (_folder, dataset) = repeated(b"id,n\na,1\na,2\n", 2, Some("id"));
    let error = surveyed(&dataset, &Select::default()).unwrap_err().to_string();
    assert!(error.contains("t.csv:2") && error.contains("t.csv:3"), "{error}");
    let (_folder, dataset) = repeated(b"id,n\na,1\na#1,2\n", 2, Some("id"));
    let survey = surveyed(&dataset, &Select::default()).unwrap();
    let rows = listed(&dataset, &survey.selection).unwrap();
    let keys: Vec<_> = rows.iter().filter_map(|row| row.split(' ').nth(1)).collect();
    assert_eq!(keys, ["a#1", "a#2", "a#1#1", "a#1#2"]);
}
