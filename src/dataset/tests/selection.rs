//! Which rows are selected, against a naive reading of the same rule.

use std::str::FromStr;

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;
use crate::dataset::sample;
use crate::manifest::{Sample, SampleSize};
use crate::mapping::{ColumnType, Expression};

/// The selected row numbers of a table with a column `n` that counts 0, 1, 2, 0, …
fn selected(rows: u64, select: &Select) -> Vec<u64> {
    let cells = (1..=rows).fold("n\n".to_owned(), |text, row| format!("{text}{}\n", row % 3));
    let (_folder, dataset) = opened(&[("t.csv", cells.as_bytes())], |spec, _| {
        spec.types.0.insert("n".to_owned(), ColumnType::Integer);
    });
    surveyed(&dataset.unwrap(), select).unwrap().selection.iter().collect()
}

fn condition(text: &str) -> Expression {
    Expression::parse(text).unwrap()
}

fn rows_of(n: u64) -> SampleSize {
    SampleSize::Rows(n)
}

fn share(text: &str) -> SampleSize {
    SampleSize::Share(Decimal::from_str(text).unwrap())
}

fn drawn(rows: u64, size: SampleSize, seed: u64) -> Vec<u64> {
    sample::draw(&(1..=rows).collect(), Sample { size, seed }).iter().collect()
}

#[test]
fn selection_goes_in_order_range_where_limit_sample() {
    let mut select = Select { range: Some((2, 10)), ..Select::default() };
    assert_eq!(selected(12, &select), (2..=10).collect::<Vec<_>>());
    select.condition = Some(condition("row.n >= 1"));
    assert_eq!(selected(12, &select), [2, 4, 5, 7, 8, 10]);
    select.limit = Some(4);
    assert_eq!(selected(12, &select), [2, 4, 5, 7]);
    select.sample = Some(Sample { size: rows_of(2), seed: 7 });
    let two = selected(12, &select);
    assert_eq!(two.len(), 2);
    assert!(two.iter().all(|row| [2, 4, 5, 7].contains(row)));
    for (range, expected) in
        [((5, u64::MAX), vec![5, 6]), ((7, 9), vec![]), ((3, 2), vec![]), ((0, 1), vec![1])]
    {
        assert_eq!(selected(6, &Select { range: Some(range), ..Select::default() }), expected);
    }
    assert_eq!(selected(6, &Select { limit: Some(0), ..Select::default() }), [0; 0]);
}

#[test]
fn a_condition_sees_the_typed_row_and_what_surrounds_it() {
    let only = |text: &str| selected(5, &Select { condition: Some(condition(text)), ..Select::default() });
    assert_eq!(only("row.n == 2"), [2, 5]);
    assert_eq!(only("row_number > 3"), [4, 5]);
    assert_eq!(only("row_key == \"4\""), [4]);
    assert_eq!(only("manifest.name == \"m\" and row.n == 0"), [3]);
}

#[test]
fn a_condition_that_fails_names_the_row() {
    let (_folder, dataset) = opened(&[("t.jsonl", b"{\"n\":1}\n\n{\"m\":1}\n")], |_, _| ());
    let dataset = dataset.unwrap();
    let mut select = Select { condition: Some(condition("row.n == 1")), ..Select::default() };
    let error = surveyed(&dataset, &select).unwrap_err();
    assert!(error.to_string().starts_with("t.jsonl:3: row 2: `where` can't be evaluated: "), "{error}");
    assert!(error.is_mistake());
    select.limit = Some(1);
    assert_eq!(surveyed(&dataset, &select).unwrap().selection.len(), 1, "rows past the limit are not asked");
}

#[test]
fn a_malformed_record_in_the_range_is_selected_whatever_the_condition() {
    let (_folder, dataset) =
        opened(&[("t.csv", b"n\nx,y\nx\nx,y\n")], |spec, _| spec.on_bad_row = OnBadRow::Reject);
    let select =
        Select { range: Some((1, 2)), condition: Some(condition("row.n == \"z\"")), ..Select::default() };
    let survey = surveyed(&dataset.unwrap(), &select).unwrap();
    assert_eq!(survey.selection.iter().collect::<Vec<_>>(), [1]);
    assert_eq!(survey.malformed, 2);
}

#[test]
fn a_sample_is_the_same_for_ever() {
    assert_eq!(drawn(1_000, rows_of(10), 7), [112, 119, 352, 410, 490, 591, 676, 722, 915, 961]);
    assert_eq!(drawn(1_000, rows_of(10), 0), [282, 316, 463, 592, 732, 774, 792, 874, 902, 951]);
    assert_eq!(drawn(20, share("0.25"), u64::MAX), [6, 9, 12, 15, 16]);
}

#[test]
fn a_share_is_taken_exactly_and_half_a_row_is_a_row() {
    for (rows, text, expected) in [
        (10, "0.05", 1),
        (9, "0.05", 0),
        (30, "0.05", 2),
        (1_000, "0.0005", 1),
        (1_000, "0.000499999999", 0),
        (7, "0.5", 4),
        (7, "1", 7),
        (7, "0", 0),
        (0, "0.5", 0),
        (200, "0.145", 29),
    ] {
        assert_eq!(drawn(rows, share(text), 7).len(), expected, "{text} of {rows}");
    }
}

#[test]
fn a_sample_draws_every_row_about_as_often() {
    let mut hits = [0_u32; 50];
    for seed in 0..2_000 {
        for row in drawn(50, rows_of(10), seed) {
            hits[usize::try_from(row).unwrap() - 1] += 1;
        }
    }
    // 400 expected; six standard deviations are 107.
    assert!(hits.iter().all(|hits| (293..=507).contains(hits)), "{hits:?}");
}

proptest! {
    #[test]
    fn a_sample_has_its_size_and_holds_the_smaller_one(
        rows in proptest::collection::btree_set(1_u64..500, 0..200),
        n in 0_u64..220,
        seed: u64,
    ) {
        let rows: RowSet = rows.into_iter().collect();
        let large = sample::draw(&rows, Sample { size: rows_of(n), seed });
        prop_assert_eq!(large.len(), n.min(rows.len()));
        prop_assert!(large.iter().all(|row| rows.contains(row)));
        let small = sample::draw(&rows, Sample { size: rows_of(n / 2), seed });
        prop_assert!(small.iter().all(|row| large.contains(row)));
    }

    #[test]
    fn selection_is_what_a_naive_reading_says(
        rows in 0_u64..40,
        range in proptest::option::of((0_u64..45, 0_u64..45)),
        n in proptest::option::of(0_u64..3),
        limit in proptest::option::of(0_u64..45),
        sample in proptest::option::of((0_u64..45, any::<u64>())),
    ) {
        let select = Select {
            range,
            condition: n.map(|n| condition(&format!("row.n == {n}"))),
            limit,
            sample: sample.map(|(n, seed)| Sample { size: rows_of(n), seed }),
        };
        let mut expected: Vec<u64> = (1..=rows).collect();
        if let Some((first, last)) = range {
            expected.retain(|row| *row >= first && *row <= last);
        }
        if let Some(n) = n {
            expected.retain(|row| row % 3 == n);
        }
        if let Some(limit) = limit {
            expected.truncate(usize::try_from(limit).unwrap());
        }
        if let Some(sample) = select.sample {
            expected = sample::draw(&expected.into_iter().collect(), sample).iter().collect();
        }
        prop_assert_eq!(selected(rows, &select), expected);
    }
}
