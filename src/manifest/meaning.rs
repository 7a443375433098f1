//! What a manifest means, key by key, with defaults filled and units written one way: what two manifests are compared by.

mod when;

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::manifest::secret::SecretPart;
use crate::manifest::settings::limit;
use crate::manifest::{
    Encoding, Manifest, OnBadRow, OutputFormat, Provider, SampleSize, SecretSource, SecretText, units,
};
use crate::mapping::{Expression, InputTemplate, Template};
use crate::model::Durability;

/// What a key means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// The value, by which two are compared; it may hold a secret.
    value: Value,
    /// Whether it may not be shown.
    is_secret: bool,
}

impl Meaning {
    /// Gives the value as it may be shown.
    pub fn shown(&self) -> Value {
        if self.is_secret { json!("[secret]") } else { self.value.clone() }
    }

    /// Says whether it may not be shown.
    pub fn is_secret(&self) -> bool {
        self.is_secret
    }
}

/// Says whether a key that differs makes another job of it, whose answers are not those of the other; else it only says
/// how the job is run, judged and written down.
pub fn makes_another_job(key: &str) -> bool {
    const JOB: [&str; 11] = [
        "name",
        "vars",
        "env",
        "input",
        "repeat",
        "dataset",
        "workflow.provider",
        "workflow.definition",
        "workflow.base_url",
        "workflow.mode",
        "workflow.user_id",
    ];
    let below =
        |of: &str| key.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
    JOB.iter().any(|of| below(of)) && !below("dataset.on_bad_row") && !below("dataset.sha256")
}

impl Manifest {
    /// Gives what every key means. Keys whose order counts nowhere are in the order of their names.
    pub fn meaning(&self) -> BTreeMap<String, Meaning> {
        let mut facts = Facts::default();
        facts.plain("name", json!(self.name));
        facts.plain("description", json!(self.description));
        let labels = self.labels.iter().map(|(name, value)| (name.clone(), json!(value)));
        facts.plain("labels", Value::Object(labels.collect()));
        facts.plain("vars", Value::Object(self.vars.clone()));
        // Of the environment, only what templates read has a meaning of its own.
        let mapping: Value = serde_json::from_str(&self.mapping_text()).unwrap_or_default();
        facts.plain("env", mapping["env"].clone());
        self.workflow_facts(&mut facts);
        facts.plain("dataset", self.dataset_meaning());
        facts.plain("repeat", json!(self.dataset.repeats.get()));
        facts.plain("input", input(&self.input));
        let accept = &self.accept;
        facts.plain(
            "accept",
            json!({
                "failed": limit(accept.failed), "rejected": limit(accept.rejected), "in_doubt": limit(accept.in_doubt),
            }),
        );
        facts.plain("checks", checks(&serde_json::from_str(&self.checks_text).unwrap_or_default()));
        for judge in self.checks.iter().filter_map(|check| check.judge_rule()) {
            facts.plain(&format!("checks.{}.judge.content", judge.name), digest_shown(&judge.sha256));
        }
        self.file_facts(&mut facts);
        let mut gates: Vec<_> = self.gates.iter().map(|gate| gate.source().to_owned()).collect();
        gates.sort_unstable();
        facts.plain("gates", json!(gates));
        facts.plain("output", self.output_meaning());
        self.notify_facts(&mut facts);
        facts.plain("schedule", self.schedule.as_ref().map_or(Value::Null, when::schedule));
        facts.plain("reuse", self.reuse.as_ref().map_or(Value::Null, when::reuse));
        facts.plain("require_clean", json!(self.require_clean));
        let groups = self.group_by.iter().map(|(name, template)| json!([name, template.source()]));
        facts.plain("report.group_by", groups.collect());
        facts.0
    }

    fn notify_facts(&self, facts: &mut Facts) {
        let Some(notify) = &self.notify else { return };
        let mut when: Vec<_> = notify.when.iter().map(|alarm| alarm.word()).collect();
        when.sort_unstable();
        facts.plain("notify.when", json!(when));
        facts.plain("notify.repeat", json!(units::write_duration(notify.repeat)));
        facts.plain("notify.body", notify.body.as_ref().map_or(Value::Null, input));
        let urls = [("notify.url", &notify.url), ("notify.heartbeat", &notify.heartbeat)];
        for (key, text) in urls.into_iter().filter_map(|(key, text)| Some((key, text.as_ref()?))) {
            self.secret_fact(facts, key, text);
        }
        for (name, value) in &notify.headers {
            self.secret_fact(facts, &format!("notify.headers.{name}"), value);
        }
    }

    fn workflow_facts(&self, facts: &mut Facts) {
        let mut settings = self.settings();
        if let Some(workflow) = settings["workflow"].as_object_mut() {
            workflow.remove("webhook");
        }
        if let Some(price) = &self.workflow.price {
            settings["workflow"]["price"]["per_unit"] = json!(price.per_unit.normalize().to_string());
        }
        facts.plain("workflow", settings["workflow"].take());
        facts.plain("limits", settings["limits"].take());
        if let Provider::Gptbots { api_key, .. } = &self.workflow.provider {
            facts.plain("workflow.api_key", self.source_of(api_key));
        }
        let Some(webhook) = &self.workflow.webhook else { return };
        if let Some(receiver) = &webhook.receiver {
            facts.plain("workflow.webhook.listen", json!(receiver.listen.to_string()));
            if let Some(url) = &receiver.public_url {
                self.secret_fact(facts, "workflow.webhook.public_url", url);
            }
        }
        for (index, forward) in webhook.forward.iter().enumerate() {
            let key = format!("workflow.webhook.forward[{index}]");
            facts.plain(&format!("{key}.method"), json!(forward.method));
            self.secret_fact(facts, &format!("{key}.url"), &forward.url);
            for (name, value) in &forward.headers {
                self.secret_fact(facts, &format!("{key}.headers.{name}"), value);
            }
        }
    }

    /// Says where a secret comes from, never what it is.
    fn source_of(&self, source: &SecretSource) -> Value {
        match source {
            SecretSource::Variable { name, .. } => json!(format!("${{{name}}}")),
            SecretSource::File(path) => json!({"file": self.relative(path)}),
        }
    }

    /// What stands around a secret may be one too: it is compared, and not shown.
    pub(in crate::manifest) fn secret_fact(&self, facts: &mut Facts, key: &str, text: &SecretText) {
        let parts = text.0.iter().map(|part| match part {
            SecretPart::Text(text) => json!({"text": text}),
            SecretPart::Secret(source) => self.source_of(source),
        });
        facts.put(key, Meaning { value: parts.collect(), is_secret: true });
    }

    fn dataset_meaning(&self) -> Value {
        let dataset = &self.dataset;
        let select = &dataset.select;
        let encoding = match dataset.encoding {
            Encoding::Auto => "auto",
            Encoding::Named(encoding) => encoding.name(),
        };
        let on_bad_row = if dataset.on_bad_row == OnBadRow::Stop { "stop" } else { "reject" };
        let types: BTreeMap<_, _> = dataset.types.0.iter().collect();
        let sample = select.sample.map(|sample| {
            let size = match sample.size {
                SampleSize::Rows(rows) => json!(rows),
                SampleSize::Share(share) => json!(percent(share)),
            };
            json!({"n": size, "seed": sample.seed})
        });
        json!({
            "path": dataset.paths.iter().map(|path| self.relative(path)).collect::<Vec<_>>(),
            "format": dataset.format,
            "encoding": encoding,
            "delimiter": dataset.delimiter.map(|byte| char::from(byte).to_string()),
            "key": dataset.key,
            "types": types,
            "sha256": dataset.sha256,
            "on_bad_row": on_bad_row,
            "select": {
                "range": select.range.map(|(first, last)| written_range(first, last)),
                "where": select.condition.as_ref().map(Expression::source),
                "limit": select.limit,
                "sample": sample,
            },
        })
    }

    /// The content of files that checks and gates look into.
    fn file_facts(&self, facts: &mut Facts) {
        let content = |name: &str| {
            let files = self.kept.iter().filter(|file| file.name.starts_with(name));
            files.map(|file| digest_shown(&hex::encode(Sha256::digest(&file.bytes)))).collect::<Vec<_>>()
        };
        facts.plain("baseline", content("baseline").into_iter().next().unwrap_or_default());
        let schemas = content("schema");
        if !schemas.is_empty() {
            facts.plain("checks (schemas)", json!(schemas));
        }
    }

    fn output_meaning(&self) -> Value {
        let output = &self.output;
        let formats = output.formats.iter().map(|format| match format {
            OutputFormat::Jsonl => "jsonl",
            OutputFormat::Csv => "csv",
            OutputFormat::Html => "html",
            OutputFormat::Junit => "junit",
            OutputFormat::Xlsx => "xlsx",
        });
        let mut formats: Vec<_> = formats.collect();
        formats.sort_unstable();
        let columns = output.columns.iter().map(|(name, template)| (name.clone(), json!(template.source())));
        let redact: Vec<_> = output.redact.iter().map(|path| path.join(".")).collect();
        json!({
            "dir": output.dir.to_string_lossy(),
            "durability": if output.durability == Durability::Power { "power" } else { "process" },
            "formats": formats,
            "redact": redact,
            "columns": columns.collect::<Map<_, _>>(),
            "csv": {
                "bom": output.csv_bom,
                "inputs": output.csv_inputs,
                "safe": output.csv_safe,
                "delimiter": char::from(output.csv_delimiter).to_string(),
                "encoding": output.csv_encoding.name(),
            },
        })
    }
}

/// Meanings by the paths of their keys.
#[derive(Default)]
pub(in crate::manifest) struct Facts(BTreeMap<String, Meaning>);

impl Facts {
    /// Takes a value apart into its keys. Null is what a missing key means.
    pub(in crate::manifest) fn plain(&mut self, key: &str, value: Value) {
        match value {
            Value::Null => {}
            Value::Object(map) => {
                for (name, value) in map {
                    self.plain(&format!("{key}.{name}"), value);
                }
            }
            Value::Array(items) if items.iter().any(Value::is_object) => {
                for (index, item) in items.into_iter().enumerate() {
                    self.plain(&format!("{key}[{index}]"), item);
                }
            }
            Value::Array(items) if items.is_empty() => {}
            value => self.put(key, Meaning { value, is_secret: false }),
        }
    }

    fn put(&mut self, key: &str, meaning: Meaning) {
        self.0.insert(key.to_owned(), meaning);
    }
}

fn percent(share: Decimal) -> String {
    format!("{}%", (share * Decimal::ONE_HUNDRED).normalize())
}

fn written_range(first: u64, last: u64) -> String {
    if last == u64::MAX { format!("{first}..") } else { format!("{first}..{last}") }
}

fn digest_shown(sha256: &str) -> Value {
    json!(format!("sha256:{}", sha256.get(..12).unwrap_or(sha256)))
}

/// Gives an input as it is written.
fn input(template: &InputTemplate) -> Value {
    match template {
        InputTemplate::Literal(value) => value.clone(),
        InputTemplate::Text(template) => json!(template.source()),
        InputTemplate::List(items) => items.iter().map(input).collect(),
        InputTemplate::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| (key.clone(), input(value)));
            Value::Object(entries.collect())
        }
        InputTemplate::File { path, format } => {
            json!({"file": path.source(), "format": format.as_ref().map(Template::source)})
        }
    }
}

/// Gives checks as they are written, without what is the default, and with amounts and times written one way.
fn checks(written: &Value) -> Value {
    let Value::Object(checks) = written else { return Value::Null };
    let each = checks.iter().map(|(name, check)| (name.clone(), rule("", check)));
    Value::Object(each.collect())
}

fn rule(around: &str, value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let entries = map.iter().filter(|(key, value)| !is_default(key, value));
            Value::Object(
                entries.map(|(key, value)| (key.clone(), rule(key_of(around, key), value))).collect(),
            )
        }
        Value::Array(items) => items.iter().map(|item| rule(around, item)).collect(),
        Value::String(text) if around == "latency" => match units::duration(text) {
            Ok(duration) => json!(units::write_duration(duration)),
            Err(_) => value.clone(),
        },
        Value::Number(number) if matches!(around, "weight" | "cost" | "at_least") => {
            units::decimal(&number.to_string())
                .map_or_else(|| value.clone(), |amount| json!(amount.normalize().to_string()))
        }
        Value::String(text) if matches!(around, "weight" | "cost" | "at_least") => {
            units::decimal(text).map_or_else(|| value.clone(), |amount| json!(amount.normalize().to_string()))
        }
        other => other.clone(),
    }
}

/// A bound is read as what it bounds is.
fn key_of<'a>(around: &'a str, key: &'a str) -> &'a str {
    if matches!(key, "min" | "max") { around } else { key }
}

fn is_default(key: &str, value: &Value) -> bool {
    match key {
        "weight" => value.as_f64() == Some(1.0) || value == "1",
        "value" => value == "{{output}}",
        "ignore_case" | "ignore_space" => value == &json!(false),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_makes_another_job_when_the_answers_would_be_others() {
        for key in [
            "name",
            "input",
            "input.a.b",
            "input[0]",
            "vars.x",
            "dataset.select.where",
            "repeat",
            "workflow.mode",
        ] {
            assert!(makes_another_job(key), "{key}");
        }
        for key in
            ["limits.timeout", "checks.a.equals", "workflow.api_key", "inputs", "names", "dataset.on_bad_row"]
        {
            assert!(!makes_another_job(key), "{key}");
        }
    }
}
