use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::*;
use crate::model::Repeats;

fn checks() -> Vec<KnownCheck> {
    vec![
        KnownCheck { name: "label".to_owned(), labels: true },
        KnownCheck { name: "short".to_owned(), labels: false },
    ]
}

/// One credit is worth 0.01 USD.
fn money(amount: Decimal, unit: &str) -> Result<Decimal, (String, String)> {
    match unit {
        "credit" => Ok(amount),
        "USD" => Ok(amount * Decimal::ONE_HUNDRED),
        other => Err((format!("is in `{other}`"), "write it in credit".to_owned())),
    }
}

fn parse(text: &str) -> Result<Gate, crate::mapping::SyntaxError> {
    Gate::parse(
        text,
        Names {
            checks: &checks(),
            groups: &["lang".to_owned()],
            baseline: true,
            repeats: Repeats::new(3).unwrap(),
            money: &money,
        },
    )
}

fn report() -> Value {
    json!({
        "manifest": "m", "coverage": 0.995, "success_rate": null, "score": 0.9,
        "rows": {"total": 200, "in_doubt": 0},
        "cost": {"total": "123.4500", "per_row": {"mean": "0.6203"}, "unknown_rows": 0},
        "tokens": {"total": 10, "unknown_rows": 2},
        "latency_ms": {"p95": 1200}, "wall_ms": 90_000,
        "groups": [
            {"by": "lang", "value": "en", "success_rate": 1.0, "cost": {"total": "1.5", "unknown_rows": 0}},
            {"by": "lang", "value": "zh-TW", "success_rate": 0.5, "cost": {"total": "2", "unknown_rows": 1},
             "latency_ms": {"p95": 900}, "checks": {"label": {"passed": 8, "failed": 1, "error": 1, "pass_rate": 0.8}}},
        ],
        "checks": {
            "label": {
                "passed": 184, "failed": 15, "error": 1, "skipped": 0, "unscored": 0, "pass_rate": 0.92,
                "pass_rate_interval": [0.8741, 0.9501], "mean_score": 0.92,
                "baseline": {"rows": 200, "better": 3, "worse": 9, "p_worse": 0.146},
                "example": {"message": "a text of the model"},
                "labels": {"accuracy": 0.92, "macro_f1": 0.9, "confusion": {},
                    "classes": [{"label": "billing", "recall": 0.75, "support": 4}, {"label": "made up", "recall": 0.0, "support": 0}]},
            },
            "short": {"passed": 0, "failed": 0, "error": 0, "pass_rate": null, "pass_rate_interval": null},
        },
    })
}

fn baseline() -> Baseline {
    Baseline::of(
        &json!({"manifest": "m", "checks": {"label": {"pass_rate": 0.93}}, "cost": {"total": "110"}}),
        Identity::default(),
    )
}

/// Checks that a gate is told to hold or not, with its value, bound and margin.
fn check(text: &str, passed: bool, numbers: &[Value; 3]) {
    let gate = parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    let result = gate.judge(&report(), Some(&baseline()), true);
    assert_eq!(result.passed, Some(passed), "{text}: {result:?}");
    assert_eq!(&[result.value, result.bound, result.margin], numbers, "{text}");
    let open = gate.judge(&report(), Some(&baseline()), false);
    assert_eq!(open.passed, None, "{text}");
}

#[test]
fn gates_are_judged_exactly_with_their_margin() {
    check("label.pass_rate >= 90%", true, &[json!(0.92), json!(0.9), json!(0.02)]);
    check("checks.label.pass_rate >= 0.93", false, &[json!(0.92), json!(0.93), json!(-0.01)]);
    check("90% <= label.pass_rate", true, &[json!(0.92), json!(0.9), json!(0.02)]);
    check("label.pass_rate >= baseline - 2%", true, &[json!(0.92), json!(0.91), json!(0.01)]);
    check("label.pass_rate > baseline - 1%", false, &[json!(0.92), json!(0.92), json!(0)]);
    check("label.macro_f1 >= 90%", true, &[json!(0.9), json!(0.9), json!(0)]);
    check("label.labels.accuracy >= 90%", true, &[json!(0.92), json!(0.9), json!(0.02)]);
    check("label.classes.billing.recall >= 80%", false, &[json!(0.75), json!(0.8), json!(-0.05)]);
    check("groups.lang.[zh-TW].label.pass_rate >= 75%", true, &[json!(0.8), json!(0.75), json!(0.05)]);
    check("groups.lang.[zh-TW].latency.p95 <= 1s", true, &[json!(900), json!(1000), json!(100)]);
    check("groups.lang.en.cost.total <= 1", false, &[json!("1.5"), json!("1"), json!("-0.5")]);
    check("label.baseline.p_worse >= 5%", true, &[json!(0.146), json!(0.05), json!(0.096)]);
    check("label.baseline.worse <= 5", false, &[json!(9), json!(5), json!(-4)]);
    check("coverage >= 99%", true, &[json!(0.995), json!(0.99), json!(0.005)]);
    check("rows.in_doubt == 0", true, &[json!(0), json!(0), json!(0)]);
    check("latency.p95 <= 30s", true, &[json!(1200), json!(30_000), json!(28_800)]);
    check("latency_ms.p95 < 1s200ms", false, &[json!(1200), json!(1200), json!(0)]);
    check("wall <= 1m30s", true, &[json!(90_000), json!(90_000), json!(0)]);
    check("cost.total <= 300 USD", true, &[json!("123.45"), json!("30000"), json!("29876.55")]);
    check("cost.total <= 123.44", false, &[json!("123.45"), json!("123.44"), json!("-0.01")]);
    check("cost.total <= baseline + 10%", false, &[json!("123.45"), json!("121"), json!("-2.45")]);
    check("cost.per_row.mean != 0.02 credit", true, &[json!("0.6203"), json!("0.02"), json!("0.6003")]);
    check("rows.total - rows.in_doubt >= 100", true, &[json!(200), json!(100), json!(100)]);
    check("rows.total - (rows.in_doubt - 1) >= 100", true, &[json!(201), json!(100), json!(101)]);
    check("(latency.p95 <= 30 s)", true, &[json!(1200), json!(30_000), json!(28_800)]);
    check("cost.total <= 300USD", true, &[json!("123.45"), json!("30000"), json!("29876.55")]);
}

#[test]
fn what_is_not_known_is_not_shown_to_hold() {
    let check = |text: &str, baseline: Option<&Baseline>, reason: &str| {
        let result = parse(text).unwrap().judge(&report(), baseline, true);
        assert_eq!(result.passed, Some(false), "{text}");
        assert!(result.reason.clone().unwrap_or_default().contains(reason), "{text}: {result:?}");
    };
    let known = baseline();
    check("success_rate >= 0", Some(&known), "undecided: `success_rate` has no value");
    check("short.pass_rate >= 0%", Some(&known), "undecided: `short.pass_rate` has no value");
    check("groups.lang.[zh-TW].cost.total <= 9", Some(&known), "undecided: the cost of 1 row is not known");
    check("groups.lang.fr.success_rate >= 0%", Some(&known), "has no value");
    check("tokens.total <= 100", Some(&known), "undecided: the tokens of 2 rows are not known");
    check("label.pass_rate >= baseline", None, "the baseline's file is not there");
    check("coverage >= baseline", Some(&known), "in the baseline, `coverage` has no value");
    check("label.classes.shipping.recall >= 0%", Some(&known), "has no value");
    let mut report = report();
    report["cost"]["unknown_rows"] = json!(1);
    let result = parse("cost.total <= 1000").unwrap().judge(&report, None, true);
    assert_eq!((result.passed, result.value), (Some(false), json!("123.45")));
    assert_eq!(result.reason.unwrap(), "undecided: the cost of 1 row is not known");
}

#[test]
fn a_baseline_whose_costs_are_not_all_known_is_no_bound() {
    let known = Baseline::of(
        &json!({"cost": {"total": "110", "unknown_rows": 3}, "tokens": {"total": 20, "unknown_rows": 0}}),
        Identity::default(),
    );
    let result = parse("cost.total >= baseline").unwrap().judge(&report(), Some(&known), true);
    assert_eq!((result.passed, result.bound), (Some(false), json!("110")));
    assert_eq!(result.reason.unwrap(), "undecided: in the baseline, the cost of 3 rows is not known");
}

#[test]
fn a_group_that_is_called_cost_hides_no_unknown_costs() {
    let (checks, groups) = (checks(), ["cost".to_owned()]);
    let repeats = Repeats::new(2).unwrap();
    let names = Names { checks: &checks, groups: &groups, baseline: false, repeats, money: &money };
    let check = |text: &str, report: &Value, told: &str| {
        let result = Gate::parse(text, names).unwrap().judge(report, None, true);
        assert_eq!(result.passed, Some(told.is_empty()), "{text}: {result:?}");
        assert_eq!(result.is_undecided(), !told.is_empty(), "{text}: {result:?}");
        assert!(result.reason.unwrap_or_default().ends_with(told), "{text}");
    };
    let report = |unknown: u64| {
        json!({
            "groups": [{"by": "cost", "value": "tokens", "rows": 4, "cost": {"total": "2", "unknown_rows": unknown}}],
            "cost": {"total": "2", "unknown_rows": unknown},
            "repeats": {"cost": {"cv": 0.1}, "latency_ms": {"cv": 0.1}},
            "bill": {"cost": {"total": "3", "unknown_rows": unknown},
                     "judges": {"cost": {"total": "1", "unknown_rows": unknown}}},
            "judges": {"label": {"cost": {"total": "1", "unknown_rows": unknown}}},
            "reused": {"rows": 3, "cost": "1", "unknown_rows": unknown, "tokens": 5},
        })
    };
    for text in [
        "groups.cost.tokens.cost.total <= 9",
        "repeats.cost.cv <= 20%",
        "judges.cost.total <= 9",
        "bill.cost.total <= 9",
        "judges.label.cost.total <= 9",
        "reused.cost <= 9",
    ] {
        check(text, &report(0), "");
        check(text, &report(1), "undecided: the cost of 1 row is not known");
    }
    check("groups.cost.tokens.rows == 4", &report(1), "");
    check("repeats.latency.cv <= 20%", &report(1), "");
}

#[test]
fn a_chance_that_is_next_to_none_is_still_a_number() {
    let gate = parse("label.baseline.p_worse >= 5%").unwrap();
    for p in [1.234_567_890_123_456e-17, 4.9e-324, 1e-40] {
        let mut report = report();
        report["checks"]["label"]["baseline"]["p_worse"] = json!(p);
        let result = gate.judge(&report, None, true);
        assert_eq!((result.passed, result.reason.as_deref()), (Some(false), None), "{p}");
        assert!(result.value.is_number(), "{p}: {result:?}");
    }
}

#[test]
fn a_label_or_a_group_may_be_called_baseline() {
    let (checks, groups) = (checks(), ["lang".to_owned()]);
    let names = Names {
        checks: &checks,
        groups: &groups,
        baseline: false,
        repeats: Repeats::default(),
        money: &money,
    };
    for text in ["label.classes.baseline.recall >= 80%", "groups.lang.baseline.success_rate >= 80%"] {
        assert!(Gate::parse(text, names).is_ok(), "{text}");
    }
    assert!(Gate::parse("label.baseline.worse == 0", names).is_err());
}

#[test]
fn a_rate_on_too_few_rows_says_so() {
    let reason = |text: &str| parse(text).unwrap().judge(&report(), None, true).reason;
    let told = reason("label.pass_rate >= 90%").unwrap();
    assert_eq!(told, "too few rows to be sure: over 200 rows, the 95% interval is 87.4% to 95%");
    assert_eq!(reason("label.pass_rate >= 80%"), None);
    assert!(reason("label.pass_rate >= 94%").unwrap().contains("200 rows"));
    assert_eq!(reason("label.pass_rate >= 99%"), None);
    let told = reason("groups.lang.[zh-TW].label.pass_rate >= 75%").unwrap();
    assert_eq!(told, "too few rows to be sure: over 10 rows, the 95% interval is 49% to 94.3%");
    assert_eq!(reason("groups.lang.[zh-TW].label.pass_rate >= 40%"), None);
}

#[test]
fn mistakes_are_told_when_a_gate_is_read() {
    let check = |text: &str, at: usize, told: &str| {
        let error = parse(text).unwrap_err();
        let all = format!("{} | {}", error.message, error.help.unwrap_or_default());
        assert!(all.contains(told), "{text}: {all}");
        assert_eq!(error.offset, at, "{text}: {all}");
    };
    check("lable.pass_rate >= 90%", 0, "did you mean `label.pass_rate`?");
    check("label.pass_rat >= 90%", 0, "did you mean `label.pass_rate`?");
    check("groups.land.en.success_rate >= 1", 0, "`groups.lang.VALUE.success_rate`");
    check("groups.lang.en.sucess_rate >= 1", 0, "no figure");
    check("groups.lang.en.success_rate >= baseline", 31, "holds no figures by group");
    check("short.accuracy >= 90%", 0, "no figure `short.accuracy`");
    check("coverage >= 99", 12, "did you mean `99%`?");
    check("latency.p95 <= 30", 15, "`30s` or `30ms`");
    check("latency.p95 <= 30 parsec", 15, "no unit of a duration");
    check("rows.failed <= 5%", 15, "is a share, and this gate is about a number");
    check("rows.failed <= 5 USD", 15, "no unit of a number");
    check("cost.total <= 5 EUR", 14, "`5 EUR` is in `EUR`");
    check("rows.total >= 1e5", 14, "`e5` is no unit of a number");
    check("cost.total <= latency.p95", 14, "is a duration, and this gate is about an amount of money");
    check("1 <= 2", 0, "no figure");
    check("coverage", 8, "a comparison is missing");
    check("coverage >=", 11, "missing");
    check("coverage = 1", 9, "did you mean `==`?");
    check("coverage >= 1 and rows.failed == 0", 14, "a gate of its own");
    check("coverage >= 99% and rows.failed == 0", 16, "a gate of its own");
    check("coverage >= 99% or rows.failed == 0", 16, "`or` can't stand in a gate");
    check("not coverage >= 99%", 0, "`not` can't stand in a gate");
    check("rows.total in [1, 2]", 11, "`in` can't stand in a gate");
    check("coverage >= 99% AND score >= 1", 16, "did you mean `and`?");
    check("coverage >= 99% > 1", 16, "a gate of its own");
    check("coverage ≥ 99%", 9, "did you mean `>=`?");
    check("coverage >= '99%'", 12, "only figures and numbers");
    check("coverage >= 5s", 12, "`5s` is a duration, and this gate is about a share");
    check("latency.p95 <= 1h5%", 18, "a unit is missing after `1h5`");
    check("{{coverage}} >= 1", 0, "no template");
    check(&" ".repeat(1_001), 0, "a gate may have 1000 bytes");
    check("", 0, "the gate is empty");
    check("coverage + score >= baseline", 20, "one figure on the other side");
    check("cost.total * 2 <= 1", 11, "add and subtract");
    check("label.[a >= 1", 6, "not closed");
    let none =
        Names { checks: &checks(), groups: &[], baseline: false, repeats: Repeats::default(), money: &money };
    assert!(Gate::parse("label.baseline.worse == 0", none).unwrap_err().message.contains("no `baseline`"));
    assert!(Gate::parse("coverage >= baseline", none).unwrap_err().message.contains("no `baseline`"));
}

#[test]
fn a_baseline_is_read_as_it_was_written_and_holds_no_texts() {
    let identity = Identity {
        dataset_sha256: Some("d1".to_owned()),
        workflow_versions: [("2.0".to_owned(), 4)].into(),
        ..Identity::default()
    };
    let written = Baseline::of(&report(), identity.clone()).write(&[BaselineRow {
        row_key: "t-1".to_owned(),
        input_sha256: Some("ab".to_owned()),
        outcome: "succeeded".to_owned(),
        checks: BaselineRow::verdicts([("label", "pass")].into_iter()),
        cost: "0.5".parse().ok(),
        latency_ms: Some(7),
    }]);
    let read = Baseline::parse(&written).unwrap();
    assert_eq!(
        (&read.figures, read.manifest.as_str()),
        (&Baseline::of(&report(), Identity::default()).figures, "m")
    );
    assert_eq!(read.identity, identity);
    let place = read.place("label").unwrap();
    assert_eq!(
        (read.of_record("t-1", place), read.of_record("t-2", place), read.place("other")),
        ((1, 1), (0, 0), None)
    );
    assert_eq!(read.of_record("t-1", read.place(SUCCEEDED).unwrap()), (1, 1));
    assert_eq!(Baseline::parse(&format!("{written}\n{{}}\n")), Err(BaselineError::Row(4)));
    let lines: Vec<_> = written.lines().collect();
    for text in ["confusion", "p_worse", "made up", "example", "a text of the model"] {
        assert!(!lines[0].contains(text), "{text}");
    }
    assert_eq!(
        lines[1],
        r#"{"row_key":"t-1","input_sha256":"ab","outcome":"succeeded","checks":{"label":"pass"},"cost":"0.5","latency_ms":7}"#
    );
    assert_eq!(Baseline::parse("{}"), Err(BaselineError::NotOne));
    assert_eq!(Baseline::parse(""), Err(BaselineError::NotOne));
    let newer = written.replacen("baseline/1", "baseline/2", 1);
    assert_eq!(Baseline::parse(&newer), Err(BaselineError::Version("flowbatch-baseline/2".to_owned())));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_a_gate_panic(
        words in proptest::collection::vec(prop_oneof![
            proptest::sample::select(vec![
                "coverage", "label.pass_rate", "baseline", "cost.total", "latency.p95", ">=", "==", "<", "+", "-", "2%",
                "30s", "1h30m", "5 USD", "0.1", "[", "]", ".", "classes", "订单", "99999999999999999999999999999",
            ]).prop_map(str::to_owned),
            "\\PC{0,6}",
        ], 0..8),
        spaced in any::<bool>(),
    ) {
        let text = words.join(if spaced { " " } else { "" });
        if let Ok(gate) = parse(&text) {
            let result = gate.judge(&report(), Some(&baseline()), true);
            prop_assert!(result.passed.is_some());
        }
    }
}
