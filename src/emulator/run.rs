//! A run of the emulated workflow: what was asked, and what will come of it, all decided when it is accepted.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use crate::mapping::Scope;
use crate::model::Cost;

use super::behaviour::{AfterLimit, FailedCost, FileEcho, Unset};
use super::definition::Definition;
use super::draw::{Draws, InputDigest, RunId};
use super::fault::Fault;

/// Whether the caller waits for the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    Sync,
    Async,
}

/// What an invoke asks for, checked.
pub(super) struct Asked<'a> {
    pub(super) user_id: Option<&'a str>,
    /// The input's text as it was sent.
    pub(super) text: &'a RawValue,
    /// The input as templates see it.
    pub(super) input: Map<String, Value>,
    pub(super) digest: InputDigest,
    /// How many requests of this user with this input came before.
    pub(super) nth: u32,
    pub(super) mode: Mode,
}

/// A run.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) id: RunId,
    pub(super) user_id: Option<String>,
    pub(super) digest: InputDigest,
    pub(super) nth: u32,
    pub(super) mode: Mode,
    pub(super) accepted_ms: u64,
    pub(super) latency_ms: u64,
    /// How long it will have waited in the queue.
    pub(super) pending_ms: u64,
    /// Whether it outlasts the limit of a synchronous call.
    pub(super) over_limit: bool,
    /// Whether its status is a word never heard of until it ends.
    pub(super) odd_status: bool,
    /// The echo of the input.
    pub(super) input: Box<RawValue>,
    pub(super) result: RunResult,
}

/// How a run ends.
#[derive(Clone, Debug)]
pub(super) struct RunResult {
    pub(super) failed: bool,
    /// None when it failed.
    pub(super) output: Option<Box<RawValue>>,
    pub(super) execution_ms: u64,
    pub(super) tokens: u64,
    pub(super) cost: Cost,
    pub(super) charged: bool,
}

impl Run {
    /// Decides everything about a run.
    pub(super) fn decide(definition: &Definition, asked: &Asked<'_>, fault: Fault, accepted_ms: u64) -> Self {
        let user = asked.user_id.unwrap_or_default();
        let draws = Draws::of_request(definition.seed, user, &asked.digest, asked.nth);
        let behaviour = &definition.behaviour;
        let mut latency_ms = latency_ms(definition, draws);
        let limit =
            behaviour.sync.limit.filter(|_| asked.mode == Mode::Sync).map(|limit| limit.0.as_millis());
        let over_limit = limit.is_some_and(|limit| u128::from(latency_ms) > limit);
        let stopped = over_limit && behaviour.sync.after_limit == AfterLimit::Stops;
        if let (true, Some(limit)) = (stopped, limit) {
            latency_ms = u64::try_from(limit).unwrap_or(latency_ms);
        }
        // A caller that waits is not queued.
        let queued = if asked.mode == Mode::Async { behaviour.query.pending.0 } else { 0.0 };
        let pending_ms = part(latency_ms, queued);
        // The service measures start, end and execution apart (§4): the execution is a little shorter.
        let gap = draws.bits("gap") % 9;
        let tokens = tokens(definition, draws, asked.text.get().chars().count());
        let output = output(definition, asked, draws);
        let failed = fault == Fault::Failed || stopped || output.is_err();
        let free = stopped || (failed && behaviour.failed.cost == FailedCost::Free);
        Self {
            id: draws.run_id(),
            user_id: asked.user_id.map(str::to_owned),
            digest: asked.digest,
            nth: asked.nth,
            mode: asked.mode,
            accepted_ms,
            latency_ms,
            pending_ms,
            over_limit,
            odd_status: fault == Fault::UnknownStatus,
            input: echo(asked.text, &asked.input, behaviour.input.file_echo),
            result: RunResult {
                failed,
                output: output.ok().filter(|_| !failed),
                execution_ms: (latency_ms - pending_ms).saturating_sub(gap),
                tokens,
                cost: if free { Cost::ZERO } else { cost(definition, tokens) },
                charged: !free,
            },
        }
    }

    /// When its execution starts, in epoch ms.
    pub(super) fn start_ms(&self) -> u64 {
        self.accepted_ms.saturating_add(self.pending_ms)
    }

    /// The status word when it has ended.
    pub(super) fn final_status(&self) -> &'static str {
        if self.result.failed { "FAILED" } else { "SUCCEED" }
    }
}

fn latency_ms(definition: &Definition, draws: Draws) -> u64 {
    match &definition.spikes {
        Some(spikes) if draws.unit("spike") < spikes.share.0 => {
            spikes.latency.draw_ms(draws, "spike latency")
        }
        _ => definition.latency.draw_ms(draws, "latency"),
    }
}

fn tokens(definition: &Definition, draws: Draws, characters: usize) -> u64 {
    let rule = &definition.tokens;
    let characters = u32::try_from(characters).unwrap_or(u32::MAX);
    let mean = f64::from(rule.base) + rule.per_character * f64::from(characters);
    let factor = 1.0 + rule.spread.0 * (2.0 * draws.unit("tokens") - 1.0);
    // The bounds of the rule keep this below 2^53.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded and not negative")]
    let tokens = (mean * factor).round() as u64;
    tokens
}

/// Gives a part of a time in ms, which is below 2^53.
fn part(time_ms: u64, share: f64) -> u64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a time of at most a day, and a share of it"
    )]
    let part = (time_ms as f64 * share) as u64;
    part.min(time_ms)
}

fn cost(definition: &Definition, tokens: u64) -> Cost {
    let rule = &definition.cost;
    let exact = rule
        .per_1000_tokens
        .0
        .checked_mul(Decimal::from(tokens))
        .and_then(|cost| cost.checked_div(Decimal::ONE_THOUSAND))
        .and_then(|cost| cost.checked_add(rule.base.0));
    // The bounds of the amounts and of tokens keep the product within 28 digits.
    exact.and_then(|cost| Cost::new(cost.round_dp(rule.decimals).normalize()).ok()).unwrap_or_default()
}

/// Gives the workflow's output; a template that can't be rendered fails the run.
fn output(definition: &Definition, asked: &Asked<'_>, draws: Draws) -> Result<Box<RawValue>, String> {
    let mut output = match &definition.output {
        None => Value::Object(asked.input.clone()),
        Some(template) => {
            let by_input = Draws::of_input(definition.seed, &asked.digest);
            let mut choose = Map::new();
            for (name, values) in &definition.choose {
                if let Some(value) = values.get(by_input.place(name, values.len())) {
                    choose.insert(name.clone(), value.clone());
                }
            }
            let mut scope = Map::new();
            scope.insert("input".to_owned(), Value::Object(asked.input.clone()));
            scope.insert("choose".to_owned(), Value::Object(choose));
            scope.insert("user_id".to_owned(), Value::from(asked.user_id.unwrap_or_default()));
            // A number that is the run's own, and does not depend on which run came first.
            let number = Value::from(draws.bits("number") % 1_000_000_000);
            scope.insert("run".to_owned(), Value::Object(Map::from_iter([("number".to_owned(), number)])));
            template.render(&Scope::of(scope))?
        }
    };
    let rules = &definition.behaviour.output;
    if !output.is_object() {
        output = Value::Object(Map::from_iter([(rules.text_key.clone(), output)]));
    }
    if let (Unset::Absent, Value::Object(members)) = (rules.unset, &mut output) {
        members.retain(|_, value| !value.is_null());
    }
    to_raw_value(&output).map_err(|error| error.to_string())
}

/// Gives the echo of an input: as it was sent, but for files that a switch changes.
fn echo(text: &RawValue, input: &Map<String, Value>, files: FileEcho) -> Box<RawValue> {
    let is_file = |value: &Value| value.get("base64_content").is_some();
    let any = input
        .values()
        .any(|value| is_file(value) || value.as_array().is_some_and(|all| all.iter().any(is_file)));
    if files == FileEcho::AsSent || !any {
        return text.to_owned();
    }
    let change = |value: &mut Value| {
        if let Value::Object(file) = value
            && file.remove("base64_content").is_some()
            && files == FileEcho::Url
        {
            file.insert("url".to_owned(), Value::from("http://127.0.0.1/files/emulated"));
        }
    };
    let mut echoed = input.clone();
    for value in echoed.values_mut() {
        match value {
            Value::Array(values) => values.iter_mut().for_each(change),
            value => change(value),
        }
    }
    to_raw_value(&echoed).unwrap_or_else(|_| text.to_owned())
}
