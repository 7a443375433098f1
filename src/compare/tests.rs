//! Comparisons over rows made by hand.

use serde_json::{Value, json};

use super::*;
use crate::report::Style;

/// A row of results.jsonl: its label's verdict, or none when it was not answered.
fn row(key: &str, passed: Option<bool>) -> Value {
    let word = |passed| if passed { "pass" } else { "fail" };
    let answered = passed.is_some();
    json!({
        "row_number": 1, "row_key": key, "outcome": if answered { "succeeded" } else { "failed" },
        "input": {"text": key}, "output": passed.map(|passed| json!({"label": word(passed)})),
        "error": if answered { Value::Null } else { json!({"kind": "workflow_failed", "message": "no"}) },
        "workflow_version": "1.0", "cost": "0.10", "tokens": 100, "latency_ms": 900,
        "checks": match passed {
            Some(passed) => json!({"label": {"verdict": word(passed), "score": f64::from(u8::from(passed)),
                "reason": (!passed).then_some("another label"), "expected": "pass"}}),
            None => json!({}),
        },
    })
}

fn compare(pairs: &[(Value, Value)]) -> Comparison {
    compare_sides(
        pairs,
        Side { name: "a".into(), ..Side::default() },
        Side { name: "b".into(), ..Side::default() },
    )
}

fn compare_sides(pairs: &[(Value, Value)], baseline: Side, candidate: Side) -> Comparison {
    let mut all = Pairs::new(Options { flips: 2, ..Options::default() });
    for (before, now) in pairs {
        let key = now["row_key"].as_str().unwrap();
        let [before, now] = [before, now].map(|row| serde_json::to_vec(row).unwrap());
        all.add(key, &[Row::read(&before).unwrap()], &[Row::read(&now).unwrap()]);
    }
    all.finish(baseline, candidate, Seen::default(), Seen::default())
}

/// So many pairs that pass on both sides, in the first alone, in the second alone, and on neither.
fn split(both: usize, lost: usize, won: usize, neither: usize) -> Vec<(Value, Value)> {
    let kinds = [(both, true, true), (lost, true, false), (won, false, true), (neither, false, false)];
    let pairs = kinds.iter().flat_map(|(count, before, now)| {
        (0..*count).map(move |at| {
            let key = format!("{before}-{now}-{at}");
            (row(&key, Some(*before)), row(&key, Some(*now)))
        })
    });
    pairs.collect()
}

#[test]
fn a_check_is_called_worse_or_better_only_beyond_chance() {
    for (lost, won, verdict) in [
        (12, 2, Verdict::Worse),
        (2, 12, Verdict::Better),
        (5, 0, Verdict::NoDifference),
        (6, 0, Verdict::Worse),
        (9, 7, Verdict::NoDifference),
        (0, 0, Verdict::NoDifference),
    ] {
        let found = compare(&split(80, lost, won, 6));
        let check = &found.checks[0];
        assert_eq!((check.verdict, check.lost, check.won), (verdict, lost as u64, won as u64));
        assert_eq!(found.is_without_regression(), verdict != Verdict::Worse);
        assert_eq!(found.succeeded.verdict, Verdict::NoDifference);
    }
    let found = compare(&split(80, 12, 2, 6));
    assert_eq!(found.regressions, ["label"]);
    assert_eq!(found.checks[0].pass_rate, Some([0.92, 0.82]));
    assert_eq!(found.checks[0].p.map(|p| (p * 1e4).round()), Some(129.0));
}

#[test]
fn flips_are_listed_both_ways_and_no_more_than_asked_for() {
    let found = compare(&split(3, 5, 1, 0));
    let flips = &found.checks[0].flips;
    assert_eq!((flips.lost.len(), flips.won.len()), (2, 1));
    let lost = &flips.lost[0];
    assert_eq!(lost.row_key, "true-false-0");
    assert_eq!(lost.baseline.as_deref(), Some(r#"{"label":"pass"}"#));
    assert_eq!(lost.candidate.as_deref(), Some(r#"{"label":"fail"}"#));
    assert_eq!((lost.expected.as_deref(), lost.reason.as_deref()), (Some("pass"), Some("another label")));
    // What lacks in the listing is still counted.
    assert_eq!(found.checks[0].lost, 5);
}

#[test]
fn rows_without_an_answer_count_against_success_and_not_against_the_check() {
    let mut pairs = split(20, 0, 0, 0);
    pairs.extend((0..8).map(|at| (row(&at.to_string(), Some(true)), row(&at.to_string(), None))));
    let found = compare(&pairs);
    assert_eq!(found.checks[0].verdict, Verdict::NoDifference);
    assert_eq!(found.checks[0].pairs, 20);
    assert_eq!(found.checks[0].judged_once, Counts { baseline: 8, candidate: 0 });
    assert_eq!((found.succeeded.verdict, found.succeeded.lost), (Verdict::Worse, 8));
    assert_eq!(found.regressions, ["succeeded"]);
    let lost = &found.succeeded.flips.lost[0];
    assert_eq!(lost.candidate.as_deref(), Some("failed, workflow_failed: no"));
    assert_eq!(found.outcomes.len(), 1);
}

#[test]
fn an_output_that_can_not_be_judged_is_no_pass_and_one_not_asked_for_is_left_out() {
    let with = |verdict: &str| {
        let mut row = row("k", Some(true));
        row["checks"]["label"] = json!({"verdict": verdict, "score": null, "reason": null});
        row
    };
    let found = compare(&vec![(with("pass"), with("error")); 7]);
    assert_eq!((found.checks[0].verdict, found.checks[0].lost), (Verdict::Worse, 7));
    let found = compare(&vec![(with("skipped"), with("skipped")); 7]);
    assert_eq!((found.checks[0].verdict, found.undecided.len()), (Verdict::Undecided, 0));
}

#[test]
fn what_can_not_be_told_is_no_pass() {
    assert_eq!(compare(&[]).undecided, ["rows"]);
    let mut pairs = split(30, 0, 0, 0);
    for (_, now) in &mut pairs {
        now["checks"] = json!({"other": {"verdict": "pass", "score": 1.0}});
    }
    let found = compare(&pairs);
    assert_eq!(found.undecided, ["label"]);
    assert!(!found.is_without_regression());
    // A check that is new is no regression.
    assert_eq!(found.checks.iter().map(|check| &*check.name).collect::<Vec<_>>(), ["other", "label"]);
}

#[test]
fn a_baseline_of_bare_verdicts_is_compared_too() {
    let pairs = split(20, 9, 0, 0).into_iter().map(|(before, now)| {
        let bare = json!({"row_key": before["row_key"], "input_sha256": "00", "outcome": "succeeded",
            "checks": {"label": before["checks"]["label"]["verdict"]}, "cost": "0.1", "latency_ms": 800});
        (bare, now)
    });
    let found = compare(&pairs.collect::<Vec<_>>());
    assert_eq!((found.checks[0].verdict, found.checks[0].lost), (Verdict::Worse, 9));
    assert_eq!(found.checks[0].flips.lost[0].baseline, None);
    assert_eq!(found.rows.input_differs, None);
    assert_eq!((found.latency_ms.difference, found.latency_ms.significant), (Some(100.0), Some(true)));
    assert_eq!(found.tokens.pairs, 0);
}

#[test]
fn costs_are_added_exactly_and_unknown_ones_are_in_no_figure() {
    let mut pairs = split(30, 0, 0, 0);
    for (at, (before, now)) in pairs.iter_mut().enumerate() {
        before["cost"] = json!("0.1");
        now["cost"] = if at == 0 { Value::Null } else { json!("0.30000000000000004") };
    }
    let found = compare(&pairs);
    assert_eq!(found.cost.unknown_pairs, 1);
    assert_eq!(found.cost.baseline.map(|cost| cost.to_string()).as_deref(), Some("2.9"));
    assert_eq!(found.cost.difference.as_deref(), Some("5.80000000000000116"));
    assert_eq!(found.cost.per_row.significant, Some(true));
    // Where no pair has both costs, nothing is said of them.
    for (_, now) in &mut pairs {
        now["cost"] = Value::Null;
    }
    assert!(!render_markdown(&compare(&pairs)).contains("| Cost |"));
    for (_, now) in &mut pairs {
        now["cost"] = json!("0.2");
    }
    // What is in another unit is not subtracted.
    let side = |unit: &str| Side { cost_unit: Some(unit.to_owned()), ..Side::default() };
    let found = compare_sides(&pairs, side("credit"), side("USD"));
    assert_eq!((found.cost.difference, found.cost.per_row.pairs), (None, 0));
    assert_eq!(found.differences[0].what, "unit of cost");
}

#[test]
fn scores_between_0_and_1_are_compared_by_their_means() {
    let mut pairs = split(40, 0, 0, 0);
    assert_eq!(compare(&pairs).checks[0].score, None);
    for (at, (before, now)) in pairs.iter_mut().enumerate() {
        before["checks"]["label"]["score"] = json!(0.8);
        now["checks"]["label"]["score"] = json!(if at % 2 == 0 { 0.6 } else { 0.7 });
    }
    let score = compare(&pairs).checks[0].score.clone().unwrap();
    assert_eq!(score.difference.map(|value| (value * 1e9).round()), Some(-150_000_000.0));
    assert_eq!(score.significant, Some(true));
}

#[test]
fn differences_come_with_what_matters_most_first() {
    let side = |dataset: &str, version: &str| Side {
        dataset_sha256: Some(dataset.repeat(20)),
        dataset: Some(vec!["rows.csv".into()]),
        workflow_versions: [(version.to_owned(), 3)].into(),
        workflow: Some(json!({"provider": "gptbots", "mode": version})),
        keyed_by_number: true,
        complete: Some(version == "1"),
        ..Side::default()
    };
    let found = compare_sides(&split(12, 0, 0, 0), side("ab", "1"), side("cd", "2"));
    let what: Vec<_> = found.differences.iter().map(|difference| difference.what).collect();
    assert_eq!(what, ["dataset", "workflow version", "workflow"]);
    assert_eq!(found.differences[0].baseline, "rows.csv (abababababab)");
    assert!(found.notes[0].starts_with("rows are paired by their numbers, and the datasets differ"));
    assert_eq!(found.notes[1], "the candidate is not complete");
}

#[test]
fn pairs_that_were_not_asked_the_same_are_counted() {
    let mut pairs = split(12, 0, 0, 0);
    pairs[3].1["input"]["text"] = json!("edited");
    let found = compare(&pairs);
    assert_eq!(found.rows.input_differs, Some(1));
    assert_eq!(found.notes, ["1 of the pairs were not asked the same: their inputs differ"]);
}

#[test]
fn keys_say_which_rows_are_alone_and_which_are_there_again() {
    let mut keys = Keys::default();
    for (at, key) in ["c", "a", "b", "a", "c", "d"].iter().enumerate() {
        keys.add(key, key, at as u64);
    }
    keys.seal();
    assert_eq!(keys.find("a"), [1, 3]);
    assert!(keys.find("z").is_empty());
    assert_eq!(keys.records().collect::<Vec<_>>(), [vec![0, 4], vec![1, 3], vec![2], vec![5]]);
    // With `a` paired, `b`, `c` and `d` are alone; `a` and `c` are there twice.
    assert_eq!(keys.seen(1), Seen { alone: 3, again: 2 });
    // Repeats of a record are no duplicates.
    let mut keys = Keys::default();
    for (at, key) in ["k#1", "k#2", "k#2"].iter().enumerate() {
        keys.add("k", key, at as u64);
    }
    keys.seal();
    assert_eq!((keys.find("k"), keys.seen(0)), (vec![0, 1, 2], Seen { alone: 1, again: 1 }));
}

/// Records of which so many answers pass in either run, of so many.
fn repeated(records: &[([u64; 2], [u64; 2])]) -> Comparison {
    let mut all = Pairs::new(Options { flips: 1, ..Options::default() });
    for (at, (before, now)) in records.iter().enumerate() {
        let rows = |[passed, of]: [u64; 2]| {
            let row = |repeat: u64| {
                let mut row = row(&format!("r{at}#{repeat}"), Some(repeat <= passed));
                row["repeat"] = json!(repeat);
                row["latency_ms"] = json!(100 * repeat);
                serde_json::to_vec(&row).unwrap()
            };
            (1..=of).map(row).collect::<Vec<_>>()
        };
        let (before, now) = (rows(*before), rows(*now));
        let read = |rows: &[Vec<u8>]| -> Vec<Row<'static>> {
            rows.iter().map(|row| Row::read(row).unwrap().kept(400)).collect()
        };
        all.add(&format!("r{at}"), &read(&before), &read(&now));
    }
    all.finish(Side::default(), Side::default(), Seen::default(), Seen::default())
}

#[test]
fn a_record_is_one_pair_however_often_it_was_invoked() {
    // Four records always answered otherwise than before, five times each: four pairs, and no twenty.
    let mut records = vec![([5, 5], [0, 5]); 4];
    records.extend(vec![([5, 5], [5, 5]); 20]);
    let found = repeated(&records);
    let check = &found.checks[0];
    assert_eq!((found.unit, found.test), (Unit::Record, Test::SignFlip));
    assert_eq!((found.rows.paired, check.pairs, check.lost, check.won), (24, 24, 4, 0));
    assert_eq!((check.answers.candidate, check.passed.candidate), (120, 100));
    assert_eq!((check.p, check.verdict), (Some(0.125), Verdict::NoDifference));
    assert_eq!(check.flips.lost[0].passed, Some([[5, 5], [0, 5]]));
    assert_eq!(check.flips.lost[0].candidate.as_deref(), Some(r#"{"label":"fail"}"#));
    assert_eq!(found.latency_ms.pairs, 24);
    assert_eq!(found.latency_ms.mean, Some([300.0, 300.0]));
    // Six records of which each passes a little less often are too many to be chance.
    records.extend(vec![([5, 5], [4, 5]); 2]);
    let found = repeated(&records);
    assert_eq!((found.checks[0].p, found.checks[0].verdict), (Some(0.03125), Verdict::Worse));
    let text = render_text(&found, Style { colour: false, width: 200 });
    for part in [
        "26 records paired by key",
        "p: sign-flip test over pairs of records",
        "r0 (row 1): 5 of 5 → 0 of 5 pass",
    ] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    let markdown = render_markdown(&found);
    assert!(markdown.contains("p: sign-flip test over pairs of records"), "{markdown}");
    assert!(markdown.contains("| 5 of 5: `{\"label\":\"pass\"}` | 0 of 5: `"), "{markdown}");
}

#[test]
fn one_run_may_repeat_and_the_other_not() {
    // The same share of another number of answers is the same; costs are then no totals of the same.
    let records: Vec<_> =
        (0..30).map(|at| ([u64::from(at % 3 > 0), 1], [5 * u64::from(at % 3 > 0), 5])).collect();
    let found = repeated(&records);
    let check = &found.checks[0];
    assert_eq!((check.lost, check.won, check.p), (0, 0, Some(1.0)));
    assert_eq!((check.answers, found.cost.difference), (Counts { baseline: 30, candidate: 150 }, None));
    assert_eq!(found.cost.per_row.difference.map(|it| it.abs() < 1e-12), Some(true));
    assert!(
        found.notes[0].starts_with("a record that was invoked several times is one pair"),
        "{:?}",
        found.notes
    );
}

#[test]
fn a_key_loses_only_the_number_of_its_repeat() {
    let check = |key: &str, repeat, repeats, expected: &str| {
        assert_eq!(row::record_key(key, repeat, repeats), expected, "{key} {repeat:?} {repeats:?}");
    };
    check("k#2", Some(2), Some(3), "k");
    check("k#2#2", Some(2), None, "k#2");
    check("k#2", Some(1), Some(3), "k#2");
    check("k#2", None, Some(3), "k");
    check("k#4", None, Some(3), "k#4");
    check("k#2", None, Some(1), "k#2");
    check("k#2", None, None, "k#2");
    check("k#x", None, Some(3), "k#x");
}

#[test]
fn inputs_of_which_a_part_is_kept_out_of_sight_are_not_said_to_differ() {
    let mut pairs = split(12, 0, 0, 0);
    pairs[3].1["input"]["text"] = json!("[redacted]");
    let found = compare(&pairs);
    assert_eq!((found.rows.input_differs, found.notes.len()), (None, 0));
}

#[test]
fn flips_beyond_their_room_are_counted_alone() {
    let mut all = Pairs::new(Options { flips: 100, room: 50, ..Options::default() });
    for (before, now) in split(0, 9, 0, 0) {
        let [before, now] = [before, now].map(|row| serde_json::to_vec(&row).unwrap());
        all.add("k", &[Row::read(&before).unwrap()], &[Row::read(&now).unwrap()]);
    }
    let found = all.finish(Side::default(), Side::default(), Seen::default(), Seen::default());
    assert_eq!((found.checks[0].lost, found.checks[0].flips.lost.len()), (9, 1));
}

#[test]
fn the_pages_show_what_is_found_and_nothing_from_outside_can_format_them() {
    let mut pairs = split(60, 14, 2, 4);
    for (at, (_, now)) in pairs.iter_mut().enumerate() {
        now["cost"] = json!(if at % 3 == 0 { "0.12" } else { "0.11" });
    }
    pairs[60].1["output"] = json!("\u{1b}[31m<b>|`x`</b>\u{202e}\nend");
    let side = |version: &str| Side {
        name: format!("run-{version}"),
        workflow_versions: [(version.to_owned(), 3)].into(),
        cost_unit: Some("credit".into()),
        ..Side::default()
    };
    let found = compare_sides(&pairs, side("1.0"), side("2.0"));
    let text = render_text(&found, Style { colour: false, width: 100 });
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "Worse          label: 92.5% → 77.5% of 80 rows (14 lost, 2 won, p 0.0042)");
    for part in [
        "workflow version: 1.0 → 2.0",
        "Cost           8.00 → 9.07 (+1.07 credits) over 80 rows",
        "  label         92.5%      77.5%    14    2  0.0042      ±13.8%  worse",
        "Lost: label, the first 2 of 14",
        "because   another label",
    ] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    let markdown = render_markdown(&found);
    for page in [&text, &markdown] {
        assert!(!page.contains(['\u{1b}', '\u{202e}']), "{page}");
    }
    assert!(markdown.starts_with("## Worse: label: 92.5% → 77.5% of 80 rows"), "{markdown}");
    assert!(
        markdown.contains("| `label` | 92.5% | 77.5% | 14 | 2 | 0.0042 | ±13.8% | worse |"),
        "{markdown}"
    );
    assert!(lines.iter().all(|line| crate::report::width(line) <= 100));
    let same = compare(&split(60, 0, 0, 4));
    let text = render_text(&same, Style { colour: false, width: 200 });
    assert!(
        text.starts_with("No difference  neither rows that succeed nor the check label differ by more"),
        "{text}"
    );
}

#[test]
fn the_json_has_each_check_by_its_name() {
    let value = serde_json::to_value(compare(&split(60, 14, 2, 4))).unwrap();
    assert_eq!(value["checks"]["label"]["verdict"], "worse");
    assert_eq!(value["checks"]["label"]["passed"], json!({"baseline": 74, "candidate": 62}));
    assert_eq!(value["checks"]["label"]["pass_rate_interval"][0].as_array().map(Vec::len), Some(2));
    assert_eq!(value["regressions"], json!(["label"]));
    assert_eq!(value["rows"]["paired"], 80);
    assert_eq!(value["cost"]["difference"], "0");
}

#[test]
fn numbers_of_very_many_pairs_are_kept_in_bounded_room() {
    let mut number = figures::Number::default();
    let mut draw = fastrand::Rng::with_seed(3);
    for _ in 0..60_000 {
        number.add(draw.f64(), draw.f64() + 0.01);
    }
    let change = number.change(1);
    assert_eq!((change.pairs, change.significant), (60_000, Some(true)));
    assert!(change.interval.is_some_and(|interval| interval.contains(change.difference.unwrap())));
}

proptest::proptest! {
    #[test]
    fn no_line_panics(text in "\\PC{0,80}|\\{\"outcome\":\"succeeded\",\"checks\":\\{\"a\":(\"pass\"|1|\\{\\})\\}\\}") {
        let _ = Row::read(text.as_bytes());
    }
}
