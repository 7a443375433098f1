//! Definitions: what is read, and how mistakes are told.

use proptest::prelude::*;

use crate::emulator::Definition;
use crate::emulator::draw::{Draws, InputDigest, RunId};
use crate::emulator::units::{Span, Spread};
use crate::flow_file::FieldKind;

fn check(text: &str, expected: &str) {
    let error = Definition::parse(text).expect_err(&text[..text.len().min(80)]).to_string();
    assert!(error.contains(expected), "{text:.80}\n  gives: {error}\n  not:   {expected}");
}

#[test]
fn mistakes_name_their_place() {
    check("name: w\nlatncy: 2s", "definition:2:1: unknown field `latncy`");
    check("latency: 2", "definition:1:1: invalid type: integer `2`, expected a duration (200ms)");
    check("rate: fast", "definition:1:7: `fast` is no rate");
    check("latency: 3s..1s", "the range ends before it starts");
    check("latency: {median: 2s}", "missing field `p95`");
    check("latency: {median: 9s, p95: 2s}", "0 < median <= p95 <= max");
    check("rate: 0/min", "a rate lies between");
    check("rate: fast", "`fast` is no rate");
    check("faults: {failed: 101%}", "is not between 0% and 100%");
    check(
        "name: w\nfaults: {failed: 60%, throttled: 50%}",
        "definition:2:9: the shares of faults add up to 110.00%",
    );
    check("faults: {boom: 1%}", "unknown variant `boom`");
    check("poll_faults: {failed: 1%}", "can't befall a query");
    check("faults_for: {'(': [failed]}", "the expression `(` is wrong");
    check("inputs: {q: strng}", "`strng` is no type of an input");
    check("inputs: {q: {type: string, requird: true}}", "unknown field `requird`");
    check("output: {a: '{{input.q}}'}", "output: a: `input.q` has no value");
    check("output: '{{'", "definition:1:9: output:");
    check("choose: {label: []}", "`label` has nothing to choose from");
    check("cost: {base: -1}", "an amount lies between");
    check("cost: {decimals: 13}", "decimals lies between 0 and 12");
    check("tokens: {per_character: .inf}", "per_character lies between");
    check("queue: 0", "it lies between 1 and 1000000");
    check("behaviour: {invoke: {status: 99}}", "99 is no HTTP status");
    check("behaviour: {query: {unfinished: some}}", "unknown variant `some`");
    check("behaviour: {webhook: {attempts: 0}}", "attempts lies between 1 and 10");
    check("name: a\nname: b", "definition:2:1: duplicate mapping key");
    check("name: [", "definition:");
    check(&format!("name: {}", "x".repeat(2 << 20)), "it is longer than");
    check(&format!("output: {}1{}", "[".repeat(20_000), "]".repeat(20_000)), "definition");
}

#[test]
fn a_flow_file_declares_the_inputs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("triage.flow");
    let flow = r#"{"name":"triage","workflow":{"workflowNodes":[{"type":"START","outputs":[
        {"name":"q","type":"STRING","required":true}]}]}}"#;
    std::fs::write(&path, flow).unwrap();
    let definition = Definition::load(&path).unwrap();
    assert_eq!(definition.name(), "triage");
    let [field] = &definition.inputs().fields[..] else { panic!("{definition:?}") };
    assert_eq!((field.name.as_str(), &field.kind, field.required), ("q", &FieldKind::Text, true));
    std::fs::write(&path, "{}").unwrap();
    let error = Definition::load(&path).unwrap_err().to_string();
    assert!(error.contains("triage.flow: not a .flow file"), "{error}");
    let error = Definition::load(&folder.path().join("no.yaml")).unwrap_err().to_string();
    assert!(error.contains("no.yaml: can't be read"), "{error}");
}

#[test]
fn durations_are_exact_in_milliseconds() {
    for (text, ms) in [
        ("200ms", 200),
        ("1.5s", 1500),
        ("2m", 120_000),
        ("1h30m", 5_400_000),
        ("1m0.007s", 60_007),
        ("0s", 0),
    ] {
        assert_eq!(text.parse::<Span>().map(Span::ms), Ok(ms), "{text}");
    }
    for text in ["", "2", "s", "2x", "-1s", "1..2", "25h", "1s 2s", "1e3s", "½s"] {
        assert!(text.parse::<Span>().is_err(), "{text}");
    }
}

#[test]
fn a_lognormal_latency_has_its_median_and_its_95th_percentile() {
    let latency = Spread::Lognormal {
        median: std::time::Duration::from_secs(2),
        p95: std::time::Duration::from_secs(9),
        max: std::time::Duration::from_secs(60),
    };
    let digest = InputDigest::of("{}");
    let mut drawn: Vec<u64> =
        (0..4000).map(|nth| latency.draw_ms(Draws::of_request(1, "u", &digest, nth), "latency")).collect();
    drawn.sort_unstable();
    assert!((1850..2150).contains(&drawn[2000]), "{}", drawn[2000]);
    assert!((8000..10_000).contains(&drawn[3800]), "{}", drawn[3800]);
    assert!(drawn[3999] <= 60_000);
}

#[test]
fn a_run_id_reads_back() {
    let id = Draws::of_request(1, "u", &InputDigest::of("{}"), 0).run_id();
    let text = id.to_string();
    assert_eq!(RunId::parse(&text), Some(id));
    assert_eq!((&text[14..15], text.len()), ("4", 36));
    assert_eq!(RunId::parse(&text.replace('-', "+")), None);
    assert_eq!(RunId::parse("+0000000-0000-4000-8000-000000000000"), None);
}

proptest! {
    #[test]
    fn no_text_makes_a_definition_panic(text in "[ -~\n]{0,200}", unit in "[0-9.]{0,6}[a-z/%.]{0,4}") {
        let _ = Definition::parse(&text);
        let _ = Definition::from_flow(&text);
        for key in ["latency", "rate", "cost: {base", "faults: {failed", "inputs: {q"] {
            let close = if key.contains('{') { "}" } else { "" };
            let _ = Definition::parse(&format!("{key}: {unit}{close}"));
        }
        let _ = RunId::parse(&text);
        let _ = crate::emulator::ledger::Loaded::parse(text.as_bytes());
    }
}

/// Every name and every setting that a schema knows.
fn words(schema: &serde_json::Value, found: &mut std::collections::BTreeSet<String>) {
    match schema {
        serde_json::Value::Object(members) => {
            if let Some(serde_json::Value::Object(properties)) = members.get("properties") {
                found.extend(properties.keys().cloned());
            }
            let settings = members.get("enum").and_then(serde_json::Value::as_array).into_iter().flatten();
            found.extend(
                settings.chain(members.get("const")).filter_map(|word| word.as_str().map(str::to_owned)),
            );
            members.values().for_each(|member| words(member, found));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| words(item, found)),
        _ => {}
    }
}

#[test]
fn the_document_names_every_key_and_every_setting() {
    let document = include_str!("../../../docs/emulator.md");
    let mut known = std::collections::BTreeSet::new();
    words(Definition::schema().as_value(), &mut known);
    assert!(known.len() > 150, "{known:?}");
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let named: std::collections::BTreeSet<&str> = document.split(|c| !is_word(c)).collect();
    let missing: Vec<_> = known.iter().filter(|word| !named.contains(word.as_str())).collect();
    assert!(missing.is_empty(), "docs/emulator.md does not name {missing:?}");
}

#[test]
fn the_definition_of_the_document_is_one() {
    let document = include_str!("../../../docs/emulator.md");
    let yaml = document.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let definition = Definition::parse(yaml).unwrap();
    let schema = jsonschema::validator_for(Definition::schema().as_value()).unwrap();
    let instance: serde_json::Value = serde_yaml::from_str(yaml).unwrap();
    let errors: Vec<_> = schema.iter_errors(&instance).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!((definition.name(), definition.version()), ("triage", "1.0.1"));
}
