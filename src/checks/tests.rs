use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::mapping::{Expression, Scope, Template};
use crate::model::Cost;
use crate::similarity::Measure;

/// What every check here sees.
fn scope() -> Scope {
    let names = json!({
        "row": {"expected": "billing", "labels": ["billing", "account"], "empty": "", "amount": "12.50", "n": 5,
            "lang": "en"},
        "output": {
            "label": "Billing ", "text": "Dear  customer,\nyour refund is on its way.", "score": 0.87, "none": null,
            "count": 5, "json": "{\"a\":1}", "tags": ["a", "b"],
            "items": [{"name": "x", "price": 1.5}, {"name": "y", "price": 2}],
        },
        "outcome": "succeeded",
    });
    let Value::Object(names) = names else { panic!("it is an object") };
    Scope::of(names)
}

fn facts() -> Facts<'static> {
    Facts { latency_ms: Some(1_200), cost: "0.02".parse().ok(), tokens: None, succeeded: true, judged: &[] }
}

fn template(text: &str) -> Template {
    Template::parse(text).unwrap()
}

fn text(text: &str) -> Shape {
    Shape::Text(template(text))
}

fn set(value: &str, rules: Vec<Rule>) -> RuleSet {
    RuleSet { value: template(value), folding: Folding::default(), weight: 1.into(), rules }
}

fn judged(set: RuleSet) -> CheckResult {
    Check { name: "c".into(), weight: 1.into(), when: None, rules: set }.judge(&scope(), &facts())
}

/// Checks the verdict; with a text, also that it is in the reason.
fn check(value: &str, rule: Rule, verdict: CheckVerdict, reason: &str) {
    let told = format!("{value} {rule:?}");
    let result = judged(set(value, vec![rule]));
    assert_eq!(result.verdict, verdict, "{told}: {result:?}");
    assert!(result.reason.clone().unwrap_or_default().contains(reason), "{told}: {result:?}");
    assert_eq!(result.score.is_some(), matches!(verdict, CheckVerdict::Pass | CheckVerdict::Fail), "{told}");
}

use CheckVerdict::{Error, Fail, Pass, Skipped};

#[test]
fn equality_is_typed_and_names_the_first_place_that_differs() {
    check("{{output.count}}", Rule::Equals(Shape::Literal(json!(5))), Pass, "");
    check("{{output.count}}", Rule::Equals(Shape::Literal(json!(5.0))), Pass, "");
    check("{{output.count}}", Rule::Equals(text("5")), Fail, "is a number, and text is expected: `types`");
    check("{{output.none}}", Rule::Equals(Shape::Literal(Value::Null)), Pass, "");
    check("{{output.label}}", Rule::Equals(text("{{row.expected}}")), Fail, "is not equal");
    check("{{output.missing}}", Rule::Equals(text("x")), Error, "`output.missing` is missing");
    check("{{output.label}}", Rule::Equals(text("{{row.missing}}")), Error, "`row.missing` is missing");
    let item =
        |price: f64| Shape::Literal(json!([{"price": 1.5, "name": "x"}, {"name": "y", "price": price}]));
    check("{{output.items}}", Rule::Equals(item(2.0)), Pass, "");
    let result = judged(set("{{output.items}}", vec![Rule::Equals(item(3.0))]));
    assert_eq!(result.path.as_deref(), Some("output.items[1].price"));
    assert_eq!((result.expected.as_deref(), result.actual.as_deref()), (Some("3.0"), Some("2")));
    let result = judged(set("{{output.items}}", vec![Rule::Equals(Shape::Literal(json!([])))]));
    assert_eq!(
        (result.path.as_deref(), result.reason.as_deref()),
        (Some("output.items[0]"), Some("is not expected"))
    );
}

#[test]
fn folding_takes_texts_for_the_same() {
    let folded = |case, space, rule| {
        let folding = Folding { case, space };
        judged(RuleSet { folding, ..set("{{output.label}}", vec![rule]) }).verdict
    };
    let rule = || Rule::Equals(text("{{row.expected}}"));
    assert_eq!(folded(true, true, rule()), Pass);
    assert_eq!(folded(true, false, rule()), Fail);
    assert_eq!(folded(false, true, rule()), Fail);
    assert_eq!(folded(true, true, Rule::OneOf(Choices::Of(template("{{row.labels}}")))), Pass);
    assert_eq!(folded(true, false, Rule::StartsWith(text("BILL"))), Pass);
    assert_eq!(folded(true, false, Rule::Contains(text("LING"))), Pass);
}

#[test]
fn what_is_only_space_is_found_in_no_text_when_space_does_not_count() {
    let folded = |rule| {
        let folding = Folding { case: false, space: true };
        judged(RuleSet { folding, ..set("{{row.expected}}", vec![rule]) }).verdict
    };
    assert_eq!(folded(Rule::Contains(text(" "))), Error);
    assert_eq!(folded(Rule::StartsWith(text(" \n"))), Error);
    assert_eq!(folded(Rule::ContainsAny(Choices::Each(vec![text(" ")]))), Error);
    check("{{output.text}}", Rule::Contains(text(" ")), Pass, "");
}

#[test]
fn texts_are_looked_into() {
    let each = |parts: &[&str]| Choices::Each(parts.iter().map(|part| text(part)).collect());
    check("{{output.text}}", Rule::Contains(text("refund")), Pass, "");
    check("{{output.text}}", Rule::Contains(text("Refund")), Fail, "does not contain");
    check("{{output.text}}", Rule::Contains(text("{{row.empty}}")), Error, "empty");
    check("{{output}}", Rule::Contains(text("\"label\"")), Pass, "");
    check("{{output.none}}", Rule::Contains(text("a")), Fail, "");
    check("{{output.tags}}", Rule::Contains(text("a")), Pass, "");
    check("{{output.tags}}", Rule::ContainsAll(each(&["a", "c"])), Fail, "lacks 1 of 2");
    check("{{output.text}}", Rule::ContainsAll(each(&["refund", "way"])), Pass, "");
    check("{{output.text}}", Rule::ContainsAny(each(&["money", "refund"])), Pass, "");
    check("{{output.text}}", Rule::ContainsAny(each(&["money", "cash"])), Fail, "none");
    check(
        "{{output.text}}",
        Rule::ContainsAny(Choices::Of(template("{{row.expected}}"))),
        Error,
        "needs a list",
    );
    check("{{output.text}}", Rule::StartsWith(text("Dear")), Pass, "");
    check("{{output.text}}", Rule::StartsWith(text("dear")), Fail, "begins otherwise");
    check("{{output.label}}", Rule::OneOf(each(&["Billing ", "x"])), Pass, "");
    check("{{output.label}}", Rule::OneOf(each(&["billing"])), Fail, "none of them");
    check("{{output.label}}", Rule::OneOf(Choices::Each(vec![])), Error, "nothing to compare");
}

#[test]
fn regular_expressions_are_compiled_once_or_for_each_row() {
    let pattern = |text: &str| Pattern::new(template(text), Folding::default());
    check("{{output.text}}", Rule::Regex(pattern(r"(?m)^your \w+").unwrap()), Pass, "");
    check("{{output.text}}", Rule::Regex(pattern("^your").unwrap()), Fail, "does not match");
    check("{{output.score}}", Rule::Regex(pattern(r"^0\.\d\d$").unwrap()), Pass, "");
    check("{{row.expected}}", Rule::Regex(pattern("^{{row.expected}}$").unwrap()), Pass, "");
    check("{{row.expected}}", Rule::Regex(pattern("({{row.expected}}").unwrap()), Error, "can't be read");
    assert!(pattern("(a").unwrap_err().to_string().contains("unclosed group"));
    assert!(pattern("(a{1000}){1000}").unwrap_err().to_string().contains("size limit"));
}

#[test]
fn numbers_are_exact_and_what_is_none_is_an_error() {
    let fixed = |text: &str| Some(Amount::Fixed(text.parse().unwrap()));
    let near = |equals: &str, tolerance: Option<Tolerance>| {
        Rule::Number(NumberRule { equals: fixed(equals), tolerance, min: None, max: None })
    };
    let absolute = |text: &str| Some(Tolerance::Absolute(text.parse().unwrap()));
    check("{{output.score}}", near("0.87", None), Pass, "");
    check("{{output.score}}", near("0.88", None), Fail, "is not equal");
    check("{{output.score}}", near("0.88", absolute("0.01")), Pass, "");
    check("{{output.score}}", near("0.881", absolute("0.01")), Fail, "is 0.011 away, and 0.01 is allowed");
    check("{{output.score}}", near("1", Some(Tolerance::Share("0.13".parse().unwrap()))), Pass, "");
    check("{{row.amount}}", near("12.5", None), Pass, "");
    check("{{output.label}}", near("1", None), Error, "not a number");
    check("{{output.none}}", near("1", None), Error, "is null, not a number");
    let range = |min: Option<Amount>, max: Option<Amount>| {
        Rule::Number(NumberRule { equals: None, tolerance: None, min, max })
    };
    check("{{output.score}}", range(fixed("0"), fixed("0.87")), Pass, "");
    check("{{output.score}}", range(fixed("0.9"), None), Fail, "out of its bounds");
    check("{{output.count}}", range(None, Some(Amount::Of(text("{{row.n}}")))), Pass, "");
    check("{{output.count}}", range(None, Some(Amount::Of(text("{{row.lang}}")))), Error, "compared with");
}

#[test]
fn similarity_has_the_measure_for_its_score() {
    let like = |to: &str, measure, at_least: &str| {
        Rule::Similarity(SimilarityRule { to: text(to), measure, at_least: at_least.parse().unwrap() })
    };
    check("colour", like("color", Measure::Levenshtein, "0.8"), Pass, "");
    check(
        "colour",
        like("color", Measure::Levenshtein, "0.9"),
        Fail,
        "levenshtein is 0.833, and 0.9 is wanted",
    );
    check("{{output.none}}", like("word", Measure::TokenF1, "0.1"), Fail, "");
    check("订单号", like("订单号", Measure::RougeL, "0.5"), Error, "sees no word");
    let result = judged(set("colour", vec![like("color", Measure::Levenshtein, "0.9")]));
    assert!((result.score.unwrap() - 5.0 / 6.0).abs() < 1e-12);
}

#[test]
fn lengths_presence_and_json() {
    let bounds = |min, max| Rule::Length(Bounds { min, max });
    check("订单号", bounds(Some(3), Some(3)), Pass, "");
    check("{{output.text}}", bounds(None, Some(10)), Fail, "is too long: 42 characters");
    check("{{output.tags}}", bounds(Some(3), None), Fail, "is too short: 2 elements");
    check("{{output.none}}", bounds(Some(1), None), Fail, "");
    check("{{output.count}}", bounds(Some(1), None), Error, "has a length");
    check("{{output.label}}", Rule::Present(true), Pass, "");
    check("{{output.none}}", Rule::Present(true), Fail, "is empty");
    check("{{row.empty}}", Rule::Present(true), Fail, "is empty");
    check("{{output.missing}}", Rule::Present(true), Fail, "is missing");
    check("{{output.missing}}", Rule::Present(false), Pass, "");
    check("{{output.label}}", Rule::Present(false), Fail, "is there");
    check("{{output.json}}", Rule::IsJson(true), Pass, "");
    check("{{output.items}}", Rule::IsJson(true), Pass, "");
    check("{{output.text}}", Rule::IsJson(true), Fail, "is not JSON");
    check("{{output.json}}", Rule::IsJson(false), Fail, "is JSON");
}

#[test]
fn a_schema_names_the_place_and_fetches_nothing() {
    let schema = |value: Value| Schema::new(&value);
    let items = json!({"type": "array", "items": {"properties": {"price": {"type": "integer"}}}});
    let result = judged(set("{{output.items}}", vec![Rule::JsonSchema(schema(items).unwrap())]));
    assert_eq!((result.verdict, result.path.as_deref()), (Fail, Some("output.items[0].price")));
    assert_eq!(result.actual.as_deref(), Some("1.5"));
    check("{{output.items}}", Rule::JsonSchema(schema(json!({"type": "array"})).unwrap()), Pass, "");
    for outside in ["https://example.com/schema.json", "file:///etc/passwd", "other.json"] {
        assert!(schema(json!({"$ref": outside})).is_err(), "{outside}");
    }
    assert!(schema(json!({"type": "nothing"})).is_err());
    assert!(schema(json!({"$defs": {"a": {"type": "array"}}, "$ref": "#/$defs/a"})).is_ok());
}

#[test]
fn what_a_row_took_is_within_bounds_or_not_known() {
    let cost = |text: &str| text.parse::<Cost>().ok();
    check("", Rule::Latency(Bounds { min: None, max: Some(1_200) }), Pass, "");
    check("", Rule::Latency(Bounds { min: None, max: Some(1_199) }), Fail, "out of its bounds");
    check("", Rule::Cost(Bounds { min: None, max: cost("0.02") }), Pass, "");
    check("", Rule::Cost(Bounds { min: None, max: cost("0.0199") }), Fail, "out of its bounds");
    check("", Rule::Tokens(Bounds { min: None, max: Some(1) }), Error, "not known");
}

#[test]
fn rules_are_joined_as_truths_of_which_some_are_not_known() {
    let pass = || set("{{output.count}}", vec![Rule::Present(true)]);
    let fail = || set("{{output.none}}", vec![Rule::Present(true)]);
    let error = || set("{{output.missing}}", vec![Rule::IsJson(true)]);
    let heavy = |set: RuleSet| RuleSet { weight: 3.into(), ..set };
    for (rule, verdict, score) in [
        (Rule::All(vec![pass(), pass()]), Pass, Some(1.0)),
        (Rule::All(vec![heavy(pass()), fail()]), Fail, Some(0.75)),
        (Rule::All(vec![pass(), error()]), Error, None),
        (Rule::All(vec![fail(), error()]), Fail, Some(0.0)),
        (Rule::All(vec![RuleSet { weight: 0.into(), ..pass() }]), Pass, Some(1.0)),
        (Rule::Any(vec![fail(), pass()]), Pass, Some(1.0)),
        (Rule::Any(vec![error(), pass()]), Pass, Some(1.0)),
        (Rule::Any(vec![fail(), fail()]), Fail, Some(0.0)),
        (Rule::Any(vec![fail(), error()]), Error, None),
        (Rule::Not(Box::new(pass())), Fail, Some(0.0)),
        (Rule::Not(Box::new(fail())), Pass, Some(1.0)),
        (Rule::Not(Box::new(error())), Error, None),
    ] {
        let told = format!("{rule:?}");
        let result = judged(set("{{output}}", vec![rule]));
        assert_eq!((result.verdict, result.score), (verdict, score), "{told}");
    }
    let both = set("{{output.tags}}", vec![Rule::Contains(text("a")), Rule::Contains(text("z"))]);
    assert_eq!((judged(both.clone()).verdict, judged(both).score), (Fail, Some(0.5)));
}

#[test]
fn what_not_forbids_is_named_with_its_place() {
    let not = |rules| judged(set("{{output}}", vec![Rule::Not(Box::new(rules))]));
    let result = not(set("{{output.items.[0].name}}", vec![Rule::Contains(text("x"))]));
    assert_eq!((result.verdict, result.path.as_deref()), (Fail, Some("output.items.[0].name")));
    assert_eq!(result.actual.as_deref(), Some("x"));
    let result = not(set("{{output}}", vec![Rule::Latency(Bounds { min: None, max: Some(5_000) })]));
    assert_eq!((result.verdict, result.path, result.actual), (Fail, None, None));
}

#[test]
fn patterns_of_rows_are_compiled_anew_for_each_text_and_not_mixed_up() {
    let pattern = Pattern::new(template("^{{row.x}}$"), Folding::default()).unwrap();
    let check = Check {
        name: "c".into(),
        weight: 1.into(),
        when: None,
        rules: set("{{output}}", vec![Rule::Regex(pattern)]),
    };
    for round in 0..3 {
        for row in 0..40 {
            let Value::Object(names) =
                json!({"row": {"x": format!("a{row}")}, "output": format!("a{}", row % 30)})
            else {
                unreachable!("an object")
            };
            let expected = if row < 30 { Pass } else { Fail };
            assert_eq!(check.judge(&Scope::of(names), &facts()).verdict, expected, "{round} {row}");
        }
    }
}

#[test]
fn a_hostile_schema_or_text_is_judged_in_the_end() {
    let judge = |schema: Value, output: Value| {
        let Value::Object(names) = json!({"output": output}) else { unreachable!("an object") };
        let rule = Rule::JsonSchema(Schema::new(&schema).unwrap());
        let check =
            Check { name: "c".into(), weight: 1.into(), when: None, rules: set("{{output}}", vec![rule]) };
        check.judge(&Scope::of(names), &facts())
    };
    let deep = (0..120).fold(json!("text"), |inner, _| json!({"a": [inner]}));
    let tree = json!({"$ref": "#/$defs/t", "$defs": {"t": {"type": ["object", "string"], "properties": {"a": {"items": {"$ref": "#/$defs/t"}}}}}});
    assert_eq!(judge(tree.clone(), deep).verdict, Pass);
    let wrong = (0..120).fold(json!(5), |inner, _| json!({"a": [inner]}));
    let result = judge(tree, wrong);
    assert_eq!(result.verdict, Fail);
    assert!(result.path.unwrap().ends_with(".a[0].a[0]"));
    // A schema that is nothing but itself says nothing, and must not go on for ever.
    for itself in [
        json!({"$ref": "#"}),
        json!({"allOf": [{"$ref": "#"}]}),
        json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}),
        json!({"not": {"$ref": "#"}}),
    ] {
        if let Ok(schema) = Schema::new(&itself) {
            let rule = Rule::JsonSchema(schema);
            assert!(
                matches!(judged(set("{{output.items}}", vec![rule])).verdict, Pass | Fail | Error),
                "{itself}"
            );
        }
    }
    let backtracks = json!({"pattern": "^(?=a)(a|a)*b$"});
    assert_eq!(judge(backtracks, json!("a".repeat(5_000))).verdict, Fail);
    let million = "ab ".repeat(400_000);
    let pattern = Pattern::new(template(r"(a|b|\s)*c$"), Folding { case: true, space: false }).unwrap();
    let result = judged(set(&million, vec![Rule::Regex(pattern)]));
    assert_eq!((result.verdict, result.actual.unwrap().chars().count()), (Fail, 200));
}

#[test]
fn when_asks_for_rows_and_may_itself_not_be_known() {
    let check = |when: &str| Check {
        name: "c".into(),
        weight: 1.into(),
        when: Some(Expression::parse(when).unwrap()),
        rules: set("{{output.count}}", vec![Rule::Present(true)]),
    };
    for (when, verdict) in [
        ("row.lang == \"en\"", Pass),
        ("row.lang == \"de\"", Skipped),
        ("outcome == \"succeeded\"", Pass),
        ("row.missing == 1", Error),
    ] {
        assert_eq!(check(when).judge(&scope(), &facts()).verdict, verdict, "{when}");
    }
    let names: Vec<_> =
        check("row.lang == \"en\"").references().iter().map(|reference| reference.path.join(".")).collect();
    assert_eq!(names, ["row.lang", "output.count"]);
}

#[test]
fn labels_are_told_for_rules_that_compare_them() {
    let labels = |value: &str, rule: Rule| {
        let folding = Folding { case: true, space: true };
        judged(RuleSet { folding, ..set(value, vec![rule]) }).labels
    };
    let some = |expected: &str, actual: Option<&str>| {
        Some(Labels { expected: expected.to_owned(), actual: actual.map(str::to_owned) })
    };
    let expected = || Rule::Equals(text("{{row.expected}}"));
    assert_eq!(labels("{{output.label}}", expected()), some("billing", Some("billing")));
    assert_eq!(labels("{{output.count}}", expected()), some("billing", Some("5")));
    assert_eq!(labels("{{output.missing}}", expected()), some("billing", None));
    assert_eq!(labels("{{output.label}}", Rule::Equals(text("billing"))), None, "the same for every row");
    let one_of = || Rule::OneOf(Choices::Of(template("{{row.labels}}")));
    assert_eq!(labels("account", one_of()), some("account", Some("account")));
    assert_eq!(labels("shipping", one_of()), some("billing", Some("shipping")));
}

#[test]
fn a_row_that_failed_says_so_and_long_values_are_cut() {
    let failed = Facts { succeeded: false, ..facts() };
    let check = |value: &str, rule| Check {
        name: "c".into(),
        weight: 1.into(),
        when: None,
        rules: set(value, vec![rule]),
    };
    let empty = Scope::of(Map::new());
    let result = check("{{output.label}}", Rule::Equals(text("x"))).judge(&empty, &failed);
    assert_eq!(result.verdict, Error);
    assert!(result.reason.unwrap().starts_with("the row failed: "));
    let long = "é".repeat(1_000);
    let result = check(&long, Rule::Equals(text("x"))).judge(&empty, &facts());
    assert_eq!(result.actual.unwrap().chars().count(), 200);
}

#[test]
fn a_row_that_failed_passes_no_check_of_its_output() {
    let failed = Facts { succeeded: false, ..facts() };
    let check = |output: Value, value: &str, rule: Rule, verdict: CheckVerdict| {
        let told = format!("{output} {value} {rule:?}");
        let names = json!({"row": {"a": "x"}, "output": output, "reply": {"a": null}, "outcome": "failed"});
        let Value::Object(names) = names else { panic!("it is an object") };
        let check = Check { name: "c".into(), weight: 1.into(), when: None, rules: set(value, vec![rule]) };
        let result = check.judge(&Scope::of(names), &failed);
        assert_eq!(result.verdict, verdict, "{told}: {result:?}");
        if verdict == Error {
            assert!(result.reason.unwrap().starts_with("the row failed: "), "{told}");
            assert_eq!(result.labels.and_then(|labels| labels.actual), None, "{told}");
        }
    };
    let not = |value: &str| Rule::Not(Box::new(set(value, vec![Rule::Contains(text("sorry"))])));
    let short = || Rule::Length(Bounds { min: None, max: Some(800) });
    let schema = || Rule::JsonSchema(Schema::new(&json!({"maxLength": 5})).unwrap());
    let one_of = || Rule::OneOf(Choices::Each(vec![Shape::Literal(Value::Null)]));
    check(Value::Null, "{{output}}", not("{{output}}"), Error);
    check(Value::Null, "{{output}}", short(), Error);
    check(Value::Null, "{{output}}", Rule::IsJson(true), Error);
    check(Value::Null, "{{output}}", schema(), Error);
    check(Value::Null, "{{output}}", one_of(), Error);
    check(Value::Null, "it says: {{output}}", short(), Error);
    check(Value::Null, "{{output.error}}", Rule::Present(false), Error);
    check(Value::Null, "{{default output.error \"\"}}", Rule::Present(false), Error);
    check(json!({"error": null}), "{{output.error}}", Rule::Present(false), Error);
    check(json!({"a": 1}), "{{output.error}}", Rule::Present(false), Error);
    check(json!({"a": 1}), "{{reply.a}}", Rule::Present(false), Error);
    check(json!({"error": "no"}), "{{output.error}}", short(), Pass);
    check(json!({"error": "no"}), "{{output.error}}", Rule::Present(false), Fail);
    check(Value::Null, "{{row.a}}", short(), Pass);
    check(Value::Null, "{{outcome}}", Rule::Equals(text("succeeded")), Fail);
}

#[test]
fn results_are_written_in_the_form_of_the_contract() {
    let checks = Checks(vec![
        ("a".into(), CheckResult::pass()),
        ("b".into(), CheckResult::fail("is not equal").at("output.label").expected("x").actual(&json!(5))),
        ("c".into(), CheckResult::of(Skipped, None)),
    ]);
    assert_eq!(
        serde_json::to_string(&checks).unwrap(),
        r#"{"a":{"verdict":"pass","score":1.0,"reason":null},"b":{"verdict":"fail","score":0.0,"reason":"is not equal","path":"output.label","expected":"x","actual":"5"},"c":{"verdict":"skipped","score":null,"reason":null}}"#
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec(("\\PC{0,4}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// A value equals itself, nothing panics, and scores lie between 0 and 1.
    #[test]
    fn any_value_can_be_judged_by_any_rule(left in any_json(), right in any_json(), case: bool, space: bool) {
        let names = json!({"row": {"x": right}, "output": left});
        let Value::Object(names) = names else { unreachable!() };
        let scope = Scope::of(names);
        let other = || text("{{row.x}}");
        let choices = || Choices::Each(vec![other(), text("a")]);
        let amount = || Some(Amount::Of(other()));
        let rules = vec![
            Rule::Equals(other()),
            Rule::Contains(other()),
            Rule::ContainsAll(choices()),
            Rule::ContainsAny(choices()),
            Rule::StartsWith(other()),
            Rule::OneOf(choices()),
            Rule::Regex(Pattern::new(template("{{row.x}}"), Folding { case, space }).unwrap()),
            Rule::Number(NumberRule {
                equals: amount(),
                tolerance: Some(Tolerance::Share("0.1".parse().unwrap())),
                min: amount(),
                max: amount(),
            }),
            Rule::Length(Bounds { min: Some(2), max: Some(4) }),
            Rule::JsonSchema(Schema::new(&json!({"properties": {"a": {"minimum": 2}}, "maxLength": 3})).unwrap()),
            Rule::Present(case),
            Rule::IsJson(space),
            Rule::Similarity(SimilarityRule {
                to: other(),
                measure: Measure::Levenshtein,
                at_least: "0.5".parse().unwrap(),
            }),
        ];
        for rule in rules {
            let set = |value| RuleSet { folding: Folding { case, space }, ..set(value, vec![rule.clone()]) };
            let judge = |set: RuleSet| {
                Check { name: "c".into(), weight: 1.into(), when: None, rules: set }.judge(&scope, &facts())
            };
            let result = judge(set("{{output}}"));
            prop_assert!(result.score.is_none_or(|score| (0.0..=1.0).contains(&score)), "{result:?}");
            prop_assert_eq!(result.score.is_some(), matches!(result.verdict, Pass | Fail));
            let joined = judge(super::RuleSet {
                rules: vec![Rule::Not(Box::new(set("{{output}}")))],
                ..set("{{output}}")
            });
            let turned = match result.verdict {
                Pass => Fail,
                Fail => Pass,
                other => other,
            };
            prop_assert_eq!(joined.verdict, turned);
            if matches!(rule, Rule::Equals(_)) {
                prop_assert_eq!(judge(set("{{row.x}}")).verdict, Pass);
            }
        }
    }
}
