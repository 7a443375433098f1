use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{reference, schema};
use crate::manifest::{Overrides, Secrets, load};

/// A manifest that sets every key, but for those that exclude each other.
fn full() -> Value {
    json!({
        "version": 1,
        "name": "support-triage",
        "description": "Classify the support inbox",
        "labels": {"team": "support", "cost_center": 4711},
        "vars": {"tone": "brief", "n": 5},
        "workflow": {
            "provider": "gptbots",
            "region": "sg",
            "api_key": "${KEY}",
            "mode": "async",
            "poll": {"first": "auto", "interval": "2s..15s"},
            "user_id": "triage-{{row_tag}}",
            "flow_file": "triage.flow",
            "price": {"unit": "credit", "per_unit": "0.01", "currency": "USD"},
            "tls": {"ca": "ca.pem"},
            "connect_timeout": "10s",
            "keep_alive": "4s",
            "body_limit": "16MiB",
            "webhook": {
                "listen": "127.0.0.1:9000",
                "public_url": "https://hooks.example.com",
                "forward": [{
                    "method": "POST",
                    "url": "https://example.com/done",
                    "headers": {"Authorization": "Bearer ${KEY}", "X-Key": {"file": "ca.pem"}},
                }],
            },
        },
        "dataset": {
            "path": "tickets.csv",
            "format": "csv",
            "encoding": "auto",
            "delimiter": ",",
            "key": "ticket_id",
            "types": {"priority": "integer"},
            "sha256": "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "on_bad_row": "stop",
            "select": {
                "range": "1..500",
                "where": "row.lang == \"en\"",
                "limit": 100,
                "sample": {"n": "5%", "seed": 7},
            },
        },
        "input": {"subject": "{{row.subject}}", "n": 5},
        "limits": full_limits(),
        "accept": {"failed": "1%", "rejected": 0, "in_doubt": 0},
        "checks": full_checks(),
        "baseline": "baseline.jsonl",
        "gates": ["coverage >= baseline - 1%", "cost.total <= 300 credit"],
        "output": {
            "dir": "runs",
            "durability": "power",
            "formats": ["jsonl", "csv"],
            "columns": {"label": "{{output.label}}"},
            "csv": {"bom": true, "inputs": true, "safe": true, "encoding": "utf-8", "delimiter": ";"},
        },
        "report": {"group_by": {"lang": "{{row.lang}}"}},
        "schedule": full_schedule(),
    })
}

/// Every key of `schedule`.
fn full_schedule() -> Value {
    json!({
        "cron": "30 2 * * MON-FRI",
        "time_zone": "Europe/Rome",
        "dst": "once",
        "overlap": "skip",
        "catch_up": {"missed": "all", "window": "12h"},
        "start_deadline": "1h",
        "jitter": "5m",
        "starts": "2026-12-01",
        "ends": "2027-12-31T23:00:00Z",
        "pause_on_failure": true,
        "keep": {"succeeded": 30, "failed": 10},
    })
}

/// Every key of `limits`.
fn full_limits() -> Value {
    json!({
        "concurrency": 32,
        "timeout": "10m",
        "deadline": "5h30m",
        "drain": "20s",
        "retry": full_retry(),
        "delivery": "at_most_once",
        "budget": {"cost": "300 credit", "tokens": 2_000_000, "cost_per_row": "2 credit"},
        "halt": {"failures": "5%", "after": 50},
    })
}

/// Every rule.
fn full_checks() -> Value {
    json!({
        "label": {
            "value": "{{output.label}}", "equals": "{{row.expected}}", "ignore_case": true, "ignore_space": true,
            "weight": 2, "when": "row.lang == \"en\"",
        },
        "reply": {
            "value": "{{output.reply}}", "contains": "a", "contains_all": ["a", "b"], "contains_any": ["a", 5],
            "regex": "^a", "starts_with": "a", "one_of": ["a", "b"], "number": {"equals": 1, "tolerance": 0.1, "min": 0},
            "length": {"min": 1, "max": 800}, "json_schema": {"type": "string"}, "present": true, "is_json": true,
            "latency": {"max": "30s"}, "cost": {"max": "0.02 credit"}, "tokens": {"max": 2000},
            "similarity": {"to": "{{row.expected}}", "measure": "rouge_l", "at_least": "80%"},
            "not": {"contains": "x"}, "all": [{"contains": "a", "weight": 2}], "any": [{"regex": "a"}],
        },
    })
}

/// Every key of `limits.retry`.
fn full_retry() -> Value {
    json!({
        "attempts": 4,
        "backoff": "1s..60s",
        "also": ["failed"],
        "connect": {"attempts": 8, "backoff": "1s..5m"},
        "unavailable": {"attempts": 6},
        "failed": {"attempts": 2},
        "server_error": {"backoff": "10s..60s"},
        "in_doubt": {"attempts": 2},
        "budget": "20%",
        "outage": "30m",
    })
}

struct Bench {
    folder: tempfile::TempDir,
    validator: Validator,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["tickets.csv", "triage.flow", "ca.pem", "triage.workflow.yaml", "b.csv"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        Self { folder, validator: jsonschema::validator_for(&schema()).unwrap() }
    }

    /// Gives the verdicts of the reader and of the schema. JSON is YAML, so the reader takes it as it is.
    fn verdicts(&self, manifest: &Value) -> (Result<(), String>, bool) {
        let path = self.folder.path().join("manifest.yaml");
        std::fs::write(&path, manifest.to_string()).unwrap();
        let environment = |name: &str| match name {
            "KEY" => Some("sk-1".to_owned()),
            "N" => Some("5".to_owned()),
            _ => None,
        };
        let read = load(&path, &Overrides::default(), Secrets::Needed, &environment);
        let read = read.map(drop).map_err(|diagnostics| diagnostics.render(false));
        (read, self.validator.is_valid(manifest))
    }

    /// Puts a value into the full manifest, and checks that the reader and the schema agree on it.
    fn check(&self, pointer: &str, value: &Value, expected: bool) {
        let mut manifest = full();
        put(&mut manifest, pointer, value);
        let (read, valid) = self.verdicts(&manifest);
        assert_eq!(read.is_ok(), expected, "the reader, with {value} at {pointer}: {read:?}");
        assert_eq!(valid, expected, "the schema, with {value} at {pointer}");
    }
}

/// Sets the value at a JSON pointer whose parent exists.
fn put(manifest: &mut Value, pointer: &str, value: &Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    manifest.pointer_mut(parent).unwrap()[key] = value.clone();
}

#[test]
fn the_reader_and_the_schema_take_the_full_manifest() {
    let (read, valid) = Bench::new().verdicts(&full());
    assert_eq!((read, valid), (Ok(()), true));
}

#[test]
fn the_reader_and_the_schema_agree_on_good_values() {
    let bench = Bench::new();
    for (pointer, value) in [
        ("/name", json!(2026)),
        ("/x-mine", json!({"any": [1, null]})),
        ("/vars", json!({"deep": {"a": [null, 1.5]}})),
        ("/workflow", json!({"api_key": "${KEY}"})),
        ("/workflow", json!({"api_key": {"file": "ca.pem"}})),
        ("/workflow", json!({"provider": "emulator", "definition": "triage.workflow.yaml"})),
        ("/workflow", json!({"api_key": "${KEY}", "base_url": "http://127.0.0.1:8080/"})),
        ("/workflow", json!({"api_key": "${KEY}", "mode": "sync"})),
        ("/workflow/webhook", json!({"listen": "0.0.0.0:0", "public_url": "http://h/p/${KEY}?a"})),
        ("/workflow/webhook", json!({"forward": [{"url": {"file": "ca.pem"}}]})),
        ("/workflow/webhook/listen", json!("[::1]:9000")),
        ("/workflow/webhook/forward", json!([])),
        ("/workflow/webhook/forward/0/method", json!("GET")),
        ("/workflow/webhook/forward/0/url", json!("https://${KEY}@h/?token=${KEY}")),
        ("/workflow/poll/first", json!("2s")),
        ("/workflow/poll/interval", json!("auto")),
        ("/workflow/poll/interval", json!("..20s")),
        ("/workflow/poll/interval", json!("1s..")),
        ("/workflow/price/per_unit", json!(0.01)),
        ("/workflow/body_limit", json!(4096)),
        ("/workflow/body_limit", json!("512 KiB")),
        ("/dataset", json!("tickets.csv")),
        ("/dataset", json!("-")),
        ("/dataset/path", json!(["tickets.csv", "b.csv"])),
        ("/dataset/path", json!("*.csv")),
        ("/dataset/encoding", json!("gbk")),
        ("/dataset/delimiter", json!("tab")),
        ("/dataset/delimiter", json!("\\t")),
        ("/dataset/select/range", json!("..5")),
        ("/dataset/select/sample", json!({"n": 100})),
        ("/dataset/select/sample/n", json!(0.05)),
        ("/input", json!({})),
        ("/input", json!("{{row.payload}}")),
        ("/input/attachment", json!({"file": "docs/{{row.id}}.pdf", "format": "pdf"})),
        ("/limits", json!({})),
        ("/limits/concurrency", json!("${N}")),
        ("/limits/concurrency", json!({"max": 32, "adaptive": true})),
        ("/limits/concurrency", json!({"max": "${N}"})),
        ("/limits/timeout", json!("1h30m")),
        ("/limits/halt", json!("none")),
        ("/limits/halt", json!({"failures": 20})),
        ("/limits/retry/backoff", json!("100ms..1m")),
        ("/accept/failed", json!(0.01)),
        ("/accept/failed", json!("100%")),
        ("/checks", json!({})),
        ("/checks/label", json!({"equals": [null]})),
        ("/checks/label/equals", json!({"a": ["{{row.subject}}", 5]})),
        ("/checks/label/one_of", json!("{{row.labels}}")),
        ("/checks/label/number", json!({"equals": "{{row.total}}", "tolerance": "5%"})),
        ("/checks/label/number", json!({"min": "-0.5"})),
        ("/checks/label/any", json!([{"not": {"contains": "a"}}, {"value": "a", "is_json": false}])),
        ("/checks/订单", json!({"present": true})),
        ("/gates", json!([])),
        ("/output/formats", json!([])),
        ("/output/formats", json!(["html", "xlsx"])),
        ("/output/redact", json!(["output", "output.reply", "input.[a b]"])),
        ("/output/csv/bom", json!(false)),
        ("/schedule/cron", json!("@daily")),
        ("/schedule/cron", json!("*/15,59 9-17/2 * JAN,dec 0-7")),
        ("/schedule/time_zone", json!("UTC")),
        ("/schedule/catch_up", json!("all")),
        ("/schedule/starts", json!("2026-12-01T06:00")),
        ("/schedule", json!({"cron": "0 6 * * *", "time_zone": "America/Argentina/Buenos_Aires"})),
    ] {
        bench.check(pointer, &value, true);
    }
}

/// Values of `workflow` that both refuse.
fn mistakes_of_workflow() -> Vec<(&'static str, Value)> {
    vec![
        ("/workflow", json!("gptbots")),
        ("/workflow/provider", json!("http")),
        ("/workflow/region", json!("us")),
        ("/workflow/base_url", json!("https://example.com")),
        ("/workflow", json!({"api_key": "${KEY}", "base_url": "ftp://example.com"})),
        ("/workflow", json!({"provider": "emulator"})),
        ("/workflow", json!({"provider": "emulator", "definition": "triage.workflow.yaml", "region": "sg"})),
        ("/workflow/definition", json!("triage.workflow.yaml")),
        ("/workflow/api_key", json!("sk-1")),
        ("/workflow/api_key", json!("${KEY:-sk-1}")),
        ("/workflow/api_key", json!({"file": "ca.pem", "more": 1})),
        ("/workflow/poll/first", json!("soon")),
        ("/workflow/poll/interval", json!("2s")),
        ("/workflow/poll/interval", json!("..")),
        ("/workflow/price", json!({"unit": "credit"})),
        ("/workflow/price/per_unit", json!("1e3")),
        ("/workflow/price/per_unit", json!(-1)),
        ("/workflow/price/currency", json!("usd")),
        ("/workflow/body_limit", json!(1)),
        ("/workflow/pin", json!({})),
        ("/workflow/pin", json!({"version": "1", "on_drift": "shrug"})),
        ("/workflow/pin", json!({"version": ""})),
        ("/workflow/mode", json!("sync")),
        ("/workflow/webhook", json!({})),
        ("/workflow/webhook", json!({"public_url": "https://hooks.example.com"})),
        ("/workflow/webhook/listen", json!("9000")),
        ("/workflow/webhook/public_url", json!("ftp://hooks.example.com")),
        ("/workflow/webhook/public_url", json!("https://me@hooks.example.com")),
        ("/workflow/webhook/forward", json!(vec![json!({"url": "https://h"}); 5])),
        ("/workflow/webhook", json!({"forward": vec![json!({"url": "https://h"}); 6]})),
        ("/workflow/webhook/forward", json!([{"method": "POST"}])),
        ("/workflow/webhook/forward/0/method", json!("post")),
        ("/workflow/webhook/forward/0/url", json!("https://example.com/done?token=1")),
        ("/workflow/webhook/forward/0/headers", json!({"Authorization": "Bearer 1"})),
        ("/workflow/webhook/forward/0/headers", json!({"Authorization": "${KEY:-1}"})),
        ("/workflow/connect_timeout", json!(10)),
    ]
}

/// Values of `checks` and `gates` that both refuse.
fn mistakes_of_checks() -> Vec<(&'static str, Value)> {
    vec![
        ("/checks", json!([])),
        ("/checks/label", json!({"equals": "a", "equal": "b"})),
        ("/checks/rows", json!({"equals": "a"})),
        ("/checks/a-b", json!({"equals": "a"})),
        ("/checks/label", json!("a")),
        ("/checks/label/weight", json!(-1)),
        ("/checks/label/ignore_case", json!("yes")),
        ("/checks/label/one_of", json!([])),
        ("/checks/label/one_of", json!("a")),
        ("/checks/label/number", json!({})),
        ("/checks/label/number", json!({"min": "a"})),
        ("/checks/label/number", json!({"min": 1, "tolerance": 1})),
        ("/checks/label/number", json!({"equals": 1, "tolerance": "1 percent"})),
        ("/checks/label/length", json!({})),
        ("/checks/label/length", json!({"max": 1.5})),
        ("/checks/label/latency", json!({"max": 30})),
        ("/checks/label/cost", json!("0.02")),
        ("/checks/label/json_schema", json!([])),
        ("/checks/label/present", json!("yes")),
        ("/checks/label/similarity", json!({"to": "a", "measure": "cosine", "at_least": 0.8})),
        ("/checks/label/similarity", json!({"to": "a", "measure": "bleu", "at_least": 1.5})),
        ("/checks/label/similarity", json!({"to": "a", "measure": "bleu"})),
        ("/checks/label/not", json!({"when": "row.a == 1", "contains": "a"})),
        ("/checks/label/all", json!([])),
        ("/checks/label/any", json!([{"equal": 1}])),
        ("/gates", json!("coverage >= 99%")),
        ("/gates", json!([true])),
    ]
}

/// Values of `schedule` that both refuse.
fn mistakes_of_schedule() -> Vec<(&'static str, Value)> {
    vec![
        ("/schedule", json!("0 6 * * *")),
        ("/schedule", json!({"cron": "0 6 * * *"})),
        ("/schedule", json!({"time_zone": "UTC"})),
        ("/schedule/cron", json!("0 0 6 * * *")),
        ("/schedule/cron", json!("CRON_TZ=UTC 0 6 * *")),
        ("/schedule/time_zone", json!("+02:00")),
        ("/schedule/dst", json!("skip")),
        ("/schedule/overlap", json!("queue")),
        ("/schedule/catch_up", json!({"window": "1h"})),
        ("/schedule/jitter", json!("5 minutes")),
        ("/schedule/starts", json!("tomorrow")),
        ("/schedule/keep/failed", json!(0)),
    ]
}

/// Values of other keys that both refuse.
fn other_mistakes() -> Vec<(&'static str, Value)> {
    vec![
        ("/version", json!(2)),
        ("/version", json!("1")),
        ("/name", json!("a b")),
        ("/name", json!(null)),
        ("/nmae", json!("x")),
        ("/labels", json!([])),
        ("/labels/team", json!(["a"])),
        ("/vars/a-b", json!(1)),
        ("/dataset", json!({})),
        ("/dataset/path", json!([])),
        ("/dataset/path", json!("")),
        ("/dataset/format", json!("xml")),
        ("/dataset/delimiter", json!(";;")),
        ("/dataset/types/priority", json!("int")),
        ("/dataset/sha256", json!("abc")),
        ("/dataset/on_bad_row", json!("skip")),
        ("/dataset/select/range", json!("5")),
        ("/dataset/select/range", json!(5)),
        ("/dataset/select/limit", json!(0)),
        ("/dataset/select/sample/n", json!(0)),
        ("/dataset/select/sample", json!({"seed": 7})),
        ("/input", json!([])),
        ("/input", json!(5)),
        ("/limits/rate", json!("90")),
        ("/limits/rate", json!("0/min")),
        ("/limits/rate", json!("90/month")),
        ("/limits/rate", json!({})),
        ("/limits/rate", json!({"burst": 3})),
        ("/limits/rate", json!({"shared": "3/min", "poll": "3/min"})),
        ("/limits/rate", json!("5/")),
        ("/limits/rate", json!({"invoke": "5/"})),
        ("/limits/throttle", json!("10m")),
        ("/limits/throttle", json!({})),
        ("/limits/concurrency", json!(0)),
        ("/limits/concurrency", json!(10_001)),
        ("/limits/concurrency", json!("5")),
        ("/limits/concurrency", json!({"adaptive": true})),
        ("/limits/concurrency", json!({"max": 0})),
        ("/limits/concurrency", json!({"max": 32, "adaptive": "yes"})),
        ("/limits/concurrency", json!({"max": 32, "least": 1})),
        ("/limits/timeout", json!("10")),
        ("/limits/timeout", json!("s")),
        ("/limits/retry/also", json!(["timeout"])),
        ("/limits/retry/connect", json!(8)),
        ("/limits/retry/connect", json!({"also": []})),
        ("/limits/retry/budget", json!("none")),
        ("/limits/retry/outage", json!(30)),
        ("/limits/retry/also", json!(["failed", "failed"])),
        ("/limits/halt", json!("never")),
        ("/limits/halt", json!({"after": 5})),
        ("/accept/failed", json!(1.5)),
        ("/accept/failed", json!("1 percent")),
        ("/output/formats", json!(["pdf"])),
        ("/output/redact", json!(["reply.x"])),
        ("/output/redact", json!("row.email")),
        ("/output/formats", json!("csv")),
        ("/output/csv/bom", json!("yes")),
        ("/report/group", json!({})),
    ]
}

#[test]
fn the_reader_and_the_schema_agree_on_mistakes() {
    let bench = Bench::new();
    let mistakes = [mistakes_of_workflow(), mistakes_of_checks(), mistakes_of_schedule(), other_mistakes()];
    for (pointer, value) in mistakes.into_iter().flatten() {
        bench.check(pointer, &value, false);
    }
}

#[test]
fn the_reader_and_the_schema_agree_on_rates() {
    let bench = Bench::new();
    for (pointer, value) in [
        ("/limits/rate", json!("90/min")),
        ("/limits/rate", json!("5 / s")),
        ("/limits/rate", json!("20/10s")),
        ("/limits/rate", json!("${RATE:-3/day}")),
        ("/limits/rate", json!({"shared": "3/min", "burst": 3})),
        ("/limits/rate", json!({"invoke": "90/min", "poll": "300/min"})),
        ("/limits/rate", json!({"poll": "1h30m/1h"})),
        ("/limits/throttle", json!({"longest": "1h"})),
    ] {
        bench.check(pointer, &value, value != json!({"poll": "1h30m/1h"}));
    }
}

#[test]
fn the_reader_and_the_schema_agree_on_budget_delivery_and_durability() {
    let bench = Bench::new();
    for (pointer, value) in [
        ("/limits/delivery", json!("at_least_once")),
        ("/limits/budget", json!({"cost": 12.5})),
        ("/limits/budget", json!({"tokens": 5})),
        ("/limits/budget/cost", json!("30000credit")),
        ("/limits/budget/cost", json!("300 USD")),
        ("/limits/budget/cost", json!("0.50")),
        ("/output/durability", json!("process")),
    ] {
        bench.check(pointer, &value, true);
    }
    for (pointer, value) in [
        ("/limits/delivery", json!("exactly_once")),
        ("/limits/budget", json!(5)),
        ("/limits/budget", json!({})),
        ("/limits/budget", json!({"tokens": 5, "cost_per_row": 1})),
        ("/limits/budget/cost", json!("5 %")),
        ("/limits/budget/cost", json!(-1)),
        ("/limits/budget/tokens", json!("5")),
        ("/output/durability", json!("disk")),
    ] {
        bench.check(pointer, &value, false);
    }
}

/// Every key path of a manifest.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(key, child)| (key.clone(), child)).collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, child)| (index.to_string(), child)).collect()
        }
        _ => Vec::new(),
    };
    for (key, child) in children {
        let pointer = format!("{at}/{key}");
        pointers(child, &pointer, found);
        found.push(pointer);
    }
}

fn odd_values() -> impl Strategy<Value = Value> {
    let pool = json!([
        null, true, false, 0, 1, -1, 5, 1.5, 0.05, 10_001, 1e300, "", " ", "x", "none", "auto", "5", "5%", "10s", "1..5",
        "2s..15s", "..", "tab", "csv", "${N}", "${UNSET}", "${", "{{row.a}}", "{{", "no", [], {}, [1], ["csv"],
        {"file": "ca.pem"}, {"n": 1}, {"failures": 1}, {"": ""},
    ]);
    let values = pool.as_array().unwrap().clone();
    prop_oneof![proptest::sample::select(values), "[ -~é]{0,12}".prop_map(Value::from)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// What the schema refuses, the reader refuses too: an editor never marks a manifest that runs. The other way
    /// round the schema can't know everything (templates, files, ranges that run backwards).
    #[test]
    fn an_editor_never_marks_a_manifest_that_runs(
        mutations in proptest::collection::vec((any::<proptest::sample::Index>(), odd_values()), 1..4),
    ) {
        thread_local!(static BENCH: Bench = Bench::new());
        let mut manifest = full();
        for (index, value) in &mutations {
            let mut found = Vec::new();
            pointers(&manifest, "", &mut found);
            if !found.is_empty() {
                let pointer = &found[index.index(found.len())];
                if let Some(place) = manifest.pointer_mut(pointer) {
                    *place = value.clone();
                }
            }
        }
        let (read, valid) = BENCH.with(|bench| bench.verdicts(&manifest));
        prop_assert!(valid || read.is_err(), "the reader takes what the schema refuses: {manifest}");
    }
}

#[test]
fn every_key_has_a_description() {
    fn walk(value: &Value, at: &str, silent: &mut Vec<String>) {
        let Some(map) = value.as_object() else { return };
        if let Some(properties) = map.get("properties").and_then(Value::as_object) {
            for (key, property) in properties.iter().filter(|(_, property)| property.is_object()) {
                if property["description"].as_str().is_none_or(str::is_empty) {
                    silent.push(format!("{at}.{key}"));
                }
            }
        }
        map.get("$defs").and_then(Value::as_object).into_iter().flatten().for_each(|(name, definition)| {
            walk(definition, name, silent);
        });
    }
    let mut silent = Vec::new();
    walk(&schema(), "", &mut silent);
    assert!(silent.is_empty(), "{silent:?}");
}

#[test]
fn the_reference_lists_every_key_with_its_default() {
    let text = reference();
    for line in [
        "## `workflow.poll`",
        "| `concurrency` | whole number from 1 to 10000, or map | `8` | Rows in flight: a number, or a map. |",
        "| `halt` | `none`, or map | `{failures: 50%, after: 20}` | Stops a run whose rows go wrong: a map, or `none`. |",
        "| `name` | name | required |",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains("null"), "{text}");
}
