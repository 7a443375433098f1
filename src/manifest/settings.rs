//! What a manifest comes to, in forms that a run lock keeps: the settings without secrets, and the mapping's text.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::manifest::units::write_duration;
use crate::manifest::{
    Budget, Concurrency, FirstPoll, Limits, Manifest, Mode, Provider, RetryAlso, RetryClass,
};
use crate::mapping::{InputTemplate, Template};
use crate::model::Limit;

impl Manifest {
    /// Gives the workflow's and the limits' settings as they are in force, with the manifest's keys; no secret, and
    /// no address of the embedded emulator.
    pub fn settings(&self) -> Value {
        let workflow = &self.workflow;
        let mut found = Map::new();
        match &workflow.provider {
            Provider::Gptbots { base_url, .. } => {
                found.insert("provider".to_owned(), json!("gptbots"));
                found.insert("base_url".to_owned(), json!(base_url));
            }
            Provider::Emulator { definition } => {
                found.insert("provider".to_owned(), json!("emulator"));
                found.insert("definition".to_owned(), self.relative(definition));
            }
        }
        let mode = if workflow.mode == Mode::Async { "async" } else { "sync" };
        found.insert("mode".to_owned(), json!(mode));
        let first = match workflow.poll.first {
            FirstPoll::Auto => "auto".to_owned(),
            FirstPoll::After(duration) => write_duration(duration),
        };
        let interval = workflow.poll.interval;
        let interval = interval.map_or_else(|| "auto".to_owned(), |(from, to)| write_range(from, to));
        found.insert("poll".to_owned(), json!({"first": first, "interval": interval}));
        if let Some(pin) = &workflow.pin {
            let on_drift = if pin.only_warns { "warn" } else { "stop" };
            let pin = json!({"version": pin.version, "workflow_id": pin.workflow_id, "on_drift": on_drift});
            found.insert("pin".to_owned(), pin);
        }
        found.insert("user_id".to_owned(), json!(workflow.user_id.source()));
        if let Some(path) = &workflow.flow_file {
            found.insert("flow_file".to_owned(), self.relative(path));
        }
        if let Some(price) = &workflow.price {
            let per_unit = price.per_unit.to_string();
            let price = json!({"unit": price.unit, "per_unit": per_unit, "currency": price.currency});
            found.insert("price".to_owned(), price);
        }
        if let Some(ca) = &workflow.tls.ca {
            found.insert("tls".to_owned(), json!({"ca": self.relative(ca)}));
        }
        found.insert("connect_timeout".to_owned(), json!(write_duration(workflow.connect_timeout)));
        found.insert("keep_alive".to_owned(), json!(write_duration(workflow.keep_alive)));
        found.insert("body_limit".to_owned(), json!(workflow.body_limit));
        if let Some(webhook) = &workflow.webhook {
            // Addresses may carry tokens, so only what can't is kept.
            let listen = webhook.receiver.as_ref().map(|receiver| receiver.listen.to_string());
            let forward: Vec<_> = webhook.forward.iter().map(|forward| forward.method).collect();
            found.insert("webhook".to_owned(), json!({"listen": listen, "forward": forward}));
        }
        json!({"workflow": found, "limits": limits(&self.limits)})
    }

    /// Gives a text that is the same for two manifests exactly when they send the same input for the same row: the
    /// input, `user_id`, `vars`, and the variables that their templates read by `env`. It is meant for a digest.
    pub fn mapping_text(&self) -> String {
        let mut templates = vec![&self.workflow.user_id];
        gather(&self.input, &mut templates);
        let names = templates.into_iter().flat_map(Template::variables).filter_map(|name| name.path.first());
        let env: BTreeMap<&String, Option<&String>> = names.map(|name| (name, self.env.get(name))).collect();
        let mapping = json!({
            "input": shape(&self.input),
            "user_id": self.workflow.user_id.source(),
            "vars": sorted(&Value::Object(self.vars.clone())),
            "env": env,
        });
        mapping.to_string()
    }

    /// Writes a path as it can be found again from the manifest's folder, with `/` on every system.
    pub(super) fn relative(&self, path: &Path) -> Value {
        let path = path.strip_prefix(&self.folder).unwrap_or(path);
        json!(path.to_string_lossy().replace('\\', "/"))
    }
}

fn limits(limits: &Limits) -> Value {
    let mut retry = Map::new();
    retry.insert("attempts".to_owned(), json!(limits.retry.attempts));
    let backoff = limits.retry.backoff;
    retry.insert("backoff".to_owned(), json!(write_range(backoff.first, backoff.longest)));
    let also = limits.retry.also.iter().map(|also| match also {
        RetryAlso::Failed => "failed",
        RetryAlso::ServerError => "server_error",
    });
    retry.insert("also".to_owned(), also.collect());
    retry.insert("budget".to_owned(), limit(limits.retry.budget));
    retry.insert("outage".to_owned(), json!(write_duration(limits.retry.outage)));
    for (key, class) in RetryClass::ALL {
        let Some((_, said)) = limits.retry.classes.iter().find(|(of, _)| *of == class) else { continue };
        let backoff = said.backoff.map(|backoff| write_range(backoff.first, backoff.longest));
        retry.insert(key.to_owned(), json!({"attempts": said.attempts, "backoff": backoff}));
    }
    let halt = match &limits.halt {
        None => json!("none"),
        Some(halt) => json!({"failures": limit(halt.failures), "after": halt.after}),
    };
    json!({
        "concurrency": concurrency(limits.concurrency),
        "timeout": write_duration(limits.timeout),
        "deadline": limits.deadline.map(write_duration),
        "drain": limits.drain.map(write_duration),
        "retry": retry,
        "delivery": limits.delivery,
        "budget": limits.budget.map(budget),
        "halt": halt,
        "rate": limits.rate.map(|rate| rate.to_json()),
        "throttle": {"longest": write_duration(limits.longest_throttle)},
    })
}

fn concurrency(concurrency: Concurrency) -> Value {
    let Concurrency { max, adaptive } = concurrency;
    if adaptive { json!({"max": max, "adaptive": true}) } else { json!(max) }
}

/// Writes a budget as it is in force, in the workflow's unit.
fn budget(budget: Budget) -> Value {
    let mut found = Map::new();
    for (key, amount) in [("cost", budget.cost), ("cost_per_row", budget.cost_per_row)] {
        found.extend(amount.map(|amount| (key.to_owned(), json!(amount))));
    }
    found.extend(budget.tokens.map(|tokens| ("tokens".to_owned(), json!(tokens))));
    Value::Object(found)
}

fn write_range(from: Duration, to: Duration) -> String {
    format!("{}..{}", write_duration(from), write_duration(to))
}

pub(super) fn limit(limit: Limit) -> Value {
    match limit {
        Limit::Count(count) => json!(count),
        Limit::Share(share) => {
            json!(format!("{}%", (share * rust_decimal::Decimal::ONE_HUNDRED).normalize()))
        }
    }
}

/// Writes the input's shape; templates are told from literals, so that `"5"` and `5` differ.
fn shape(input: &InputTemplate) -> Value {
    match input {
        InputTemplate::Literal(value) => json!({"literal": value}),
        InputTemplate::Text(template) => json!({"template": template.source()}),
        InputTemplate::List(items) => items.iter().map(shape).collect(),
        InputTemplate::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| json!([key, shape(value)]));
            json!({"object": entries.collect::<Vec<_>>()})
        }
        InputTemplate::File { path, format } => {
            json!({"file": path.source(), "format": format.as_ref().map(Template::source)})
        }
    }
}

/// Gives the templates of an input.
fn gather<'a>(input: &'a InputTemplate, found: &mut Vec<&'a Template>) {
    match input {
        InputTemplate::Literal(_) => {}
        InputTemplate::Text(template) => found.push(template),
        InputTemplate::List(items) => items.iter().for_each(|item| gather(item, found)),
        InputTemplate::Object(entries) => entries.iter().for_each(|(_, value)| gather(value, found)),
        InputTemplate::File { path, format } => found.extend(std::iter::once(path).chain(format)),
    }
}

/// The order in which `vars` are written means nothing.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}
