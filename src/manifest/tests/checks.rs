//! `checks`, `gates` and `baseline`.

use super::{Bench, refused, with};
use crate::checks::Rule;
use crate::manifest::{Diagnostics, Secrets, load};

#[test]
fn checks_are_read_in_their_order_with_what_is_around_them() {
    let manifest = Bench::new().good(&with(
        "checks:
  label: {value: '{{output.label}}', equals: '{{row.expected}}', ignore_case: true, weight: 2}
  reply:
    value: '{{output.reply}}'
    ignore_space: true
    when: row.lang == \"en\" and outcome == \"succeeded\"
    length: {max: 800}
    any: [{contains: refund}, {value: '{{output.kind}}', one_of: [a, b], weight: 3}]
    not: {regex: '(?i)as an ai', ignore_case: false}
  whole: {json_schema: {type: object}}
gates: [label.pass_rate >= 90%, reply.error == 0, label.macro_f1 > 0.5, label.classes.billing.recall >= 80%]",
    ));
    let names: Vec<_> = manifest.checks.iter().map(|check| check.name.to_string()).collect();
    assert_eq!(names, ["label", "reply", "whole"]);
    assert_eq!(manifest.checks[2].rules.value.source(), "{{output}}");
    let reply = &manifest.checks[1].rules;
    let [Rule::Length(_), Rule::Not(not), Rule::Any(any)] = reply.rules.as_slice() else {
        panic!("{reply:?}")
    };
    assert_eq!((not.value.source(), not.folding.space), ("{{output.reply}}", true));
    assert_eq!((any[1].value.source(), any[1].weight), ("{{output.kind}}", 3.into()));
    let columns: Vec<_> = manifest.references.iter().map(|reference| reference.column.as_str()).collect();
    assert_eq!(columns, ["subject", "expected", "lang"]);
    assert_eq!(manifest.gates.len(), 4);
}

#[test]
fn a_check_with_a_mistake_is_refused_where_it_stands() {
    let check = |rules: &str, parts: &[&str]| refused(&format!("checks: {{label: {rules}}}"), parts);
    check("{equal: a}", &["unknown key `equal` in `checks.label`", "did you mean `equals`?"]);
    check("{}", &["`checks.label` has no rule", "equals:"]);
    check("{value: '{{output.a}}'}", &["`checks.label` has no rule"]);
    check("{equals: }", &["`checks.label.equals` has no value"]);
    check("{contains: ''}", &["`checks.label.contains` is empty"]);
    check("{one_of: [a, '{{oputput.b}}']}", &["there is no `oputput.b`", "did you mean `output`?"]);
    check("{one_of: a}", &["must be a list, not a single value", "`[a, b]`"]);
    check("{regex: '(a'}", &["`checks.label.regex` can't be used", "unclosed group"]);
    check("{max: 5}", &["`checks.label.max` bounds nothing here", "length: {max: …}"]);
    check("{length: {min: 5, max: 2}}", &["`checks.label.length.max` is less than `min`"]);
    check("{number: {tolerance: 1}}", &["says nothing of the number"]);
    check("{number: {min: 3, max: 1}}", &["is less than `min`"]);
    check("{number: {min: much}}", &["must be a number or a template"]);
    check("{similarity: {to: a, measure: levenstein, at_least: 80%}}", &["did you mean `levenshtein`?"]);
    check("{similarity: {to: a, measure: bleu, at_least: 80}}", &["must be a share between 0 and 1"]);
    check("{latency: {max: 30}}", &["must be a duration", "`30s`"]);
    check("{cost: {max: 5 USD}}", &["is in `USD`", "workflow.price"]);
    check("{json_schema: schema.json}", &["no such file: `schema.json`"]);
    check("{json_schema: ca.pem}", &["`checks.label.json_schema` is not JSON"]);
    check("{json_schema: {type: text}}", &["can't be used: this is no usable JSON Schema"]);
    check("{json_schema: {$ref: 'https://example.com/a.json'}}", &["a schema stands alone"]);
    check(
        "{when: 'row.lang = 1', equals: a}",
        &["`checks.label.when`: `=` is no operator", "did you mean `==`?"],
    );
    check("{all: []}", &["`checks.label.all` is empty"]);
    check(
        "{all: [{contain: a}]}",
        &["unknown key `contain` in `checks.label.all[0]`", "did you mean `contains`?"],
    );
    check("{not: {when: outcome == \"x\", contains: a}}", &["unknown key `when` in `checks.label.not`"]);
    check("{judge: {workflow: a}}", &["unknown key `judge`"]);
    let deep = format!("{}{{contains: a}}{}", "{not: ".repeat(12), "}".repeat(12));
    check(&deep, &["stands more than 8 deep"]);
    for (name, told) in
        [("latency", "a report has a figure"), ("a-b", "can't name a check"), ("'1'", "can't name")]
    {
        refused(&format!("checks: {{{name}: {{equals: a}}}}"), &[told]);
    }
}

#[test]
fn gates_are_held_against_the_figures_that_there_will_be() {
    let check = |gate: &str, parts: &[&str]| {
        refused(&format!("gates: [coverage >= 99%, {gate}]"), parts);
    };
    check(
        "lable.pass_rate >= 90%",
        &["`gates[1]`: a report has no figure `lable.pass_rate`", "see docs/evaluations.md"],
    );
    check("coverge >= 90%", &["did you mean `coverage`?"]);
    check("coverage >= baseline", &["the manifest has no `baseline`"]);
    check("cost.total <= 5 USD", &["is in `USD`", "workflow.price"]);
    refused("gates: coverage >= 99%", &["`gates` must be a list"]);
    let source = with("checks: {label: {equals: '{{row.a}}'}}\ngates: [label.pas_rate > 1%]");
    assert!(Bench::new().bad(&source).contains("did you mean `label.pass_rate`?"));
    // A gate on a check that is wrong itself is no second mistake.
    refused(
        "checks: {label: {equal: a}}\ngates: [label.pass_rate > 1%, label.macro_f1 > 1%]",
        &["unknown key `equal`"],
    );
}

fn loaded(bench: &Bench, source: &str) -> (super::Manifest, Diagnostics) {
    let path = bench.folder.path().join("m.yaml");
    std::fs::write(&path, source).unwrap();
    let environment = |_: &str| Some("x".to_owned());
    load(&path, &bench.overrides, Secrets::Needed, &environment)
        .unwrap_or_else(|wrong| panic!("{}", wrong.render(false)))
}

#[test]
fn a_baseline_may_be_missing_but_not_be_another_file() {
    let bench = Bench::new();
    let source = with("baseline: evals/base.jsonl\ngates: [coverage >= baseline]");
    let (manifest, warnings) = loaded(&bench, &source);
    assert_eq!(manifest.baseline, None);
    assert!(warnings.render(false).contains("there is no baseline"));
    refused("baseline: ca.pem", &["`baseline` is no baseline: its first line is not that of a baseline"]);
}

#[test]
fn a_run_has_copies_of_the_files_that_its_reports_need() {
    let mut bench = Bench::new();
    let here = bench.folder.path().to_owned();
    std::fs::write(here.join("schema.json"), r#"{"type": "object"}"#).unwrap();
    let source = with("checks: {a: {json_schema: schema.json}}\nbaseline: base.jsonl");
    let (manifest, _) = loaded(&bench, &source);
    let names: Vec<_> = manifest.kept.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["schema-1.json"]);
    // The run's own copy counts, and a baseline that came later does not.
    let run = here.join("run");
    std::fs::create_dir(&run).unwrap();
    std::fs::write(here.join("schema.json"), "nothing").unwrap();
    std::fs::write(here.join("base.jsonl"), "nothing").unwrap();
    std::fs::create_dir(run.join("kept")).unwrap();
    std::fs::write(run.join("kept/schema-1.json"), r#"{"type": "object"}"#).unwrap();
    bench.overrides.folder = Some(here);
    let path = run.join("manifest.yaml");
    std::fs::write(&path, source).unwrap();
    let (manifest, _) = load(&path, &bench.overrides, Secrets::Recorded, &|_| None).unwrap();
    assert_eq!(manifest.baseline, None);
}

#[test]
fn a_condition_of_a_check_is_typed_by_the_columns() {
    let manifest = Bench::new().good(&with("checks: {a: {when: row.n > 5, present: true}}"));
    let header = ["subject", "n"].map(str::to_owned);
    let shown = manifest.diagnostics(manifest.check_columns(Some(&header), true)).render(false);
    assert!(shown.contains("`checks.a.when`: this compares text with a number"), "{shown}");
    assert!(shown.contains("declare `types: {n: integer}`"), "{shown}");
    let shown = manifest.diagnostics(manifest.check_columns(Some(&header[..1]), false)).render(false);
    assert!(shown.contains("the dataset has no column `n`"), "{shown}");
}
