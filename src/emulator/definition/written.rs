//! A definition as it is written, and the checks that make it one that can't be wrong.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_yaml::Spanned;

use crate::flow_file::{Field, InputSchema};
use crate::mapping::Reference;

use super::{CostRule, Definition, Spikes, Tokens};
use crate::emulator::behaviour::Behaviour;
use crate::emulator::draw::InputDigest;
use crate::emulator::error::Error;
use crate::emulator::fault::{Fault, Forced, Mix};
use crate::emulator::input::WrittenInput;
use crate::emulator::template::OutputTemplate;
use crate::emulator::units::{Rate, Share, Span, Spread};

/// The name of a workflow whose definition gives none.
const DEFAULT_NAME: &str = "workflow";

/// How many runs may be unfinished, unless the definition says so.
const DEFAULT_QUEUE: usize = 100_000;

/// The file as it is written.
#[derive(Default, Deserialize, JsonSchema)]
#[schemars(rename = "Workflow")]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    /// The workflow's name, as answers give it.
    name: Option<String>,
    /// The version, as answers give it.
    version: Option<String>,
    /// The workflow's id; by default one that follows from the name.
    workflow_id: Option<String>,
    /// Everything that is drawn derives from it and from the request.
    #[serde(default)]
    seed: u64,
    /// What the Start node declares: a type, or `{type, required, description}`.
    #[serde(default)]
    inputs: BTreeMap<String, WrittenInput>,
    /// Values to choose from, by the seed and the input.
    #[serde(default)]
    choose: Placed<BTreeMap<String, Vec<Value>>>,
    /// The End node's output: any shape whose strings are templates; by default the input.
    output: Option<Placed<Value>>,
    /// How long a run takes.
    #[serde(default)]
    latency: Spread,
    /// A share of runs that take longer.
    spikes: Option<Spikes>,
    /// How many tokens a run takes.
    #[serde(default)]
    tokens: Placed<Tokens>,
    /// What a run costs.
    #[serde(default)]
    cost: Placed<CostRule>,
    /// How many invokes are taken.
    rate: Option<Rate>,
    /// How many queries of results are taken.
    poll_rate: Option<Rate>,
    /// How many runs are executed at the same time; the others queue.
    concurrency: Option<Placed<usize>>,
    /// How many runs may be unfinished; one more is answered as unavailable.
    queue: Option<Placed<usize>>,
    /// The share of invokes that each fault befalls.
    #[serde(default)]
    faults: Placed<BTreeMap<Fault, Share>>,
    /// The share of queries that each fault befalls.
    #[serde(default)]
    poll_faults: Placed<BTreeMap<Fault, Share>>,
    /// Faults in order, by a user id or a regular expression for whole user ids.
    #[serde(default)]
    faults_for: Placed<BTreeMap<String, Vec<Fault>>>,
    /// The switches: what the documents leave open.
    #[serde(default)]
    behaviour: Placed<Behaviour>,
}

impl Written {
    /// The definition that says nothing but a name.
    pub(super) fn named(name: Option<String>) -> Self {
        Self { name, ..Self::default() }
    }
}

/// A value and its place in the text; line 0 when it is not written.
#[derive(Debug, Default)]
struct Placed<T> {
    value: T,
    line: u64,
    column: u64,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Placed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<T>::deserialize(deserializer)?;
        let (line, column) = (spanned.referenced.line(), spanned.referenced.column());
        Ok(Self { value: spanned.value, line, column })
    }
}

impl<T: JsonSchema> JsonSchema for Placed<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }
}

impl<T> Placed<T> {
    /// Fails at this place.
    fn wrong(&self, message: impl Into<String>) -> Error {
        Error::wrong((self.line > 0).then_some((self.line, self.column)), message)
    }
}

/// Checks a definition.
pub(super) fn meant(written: Written) -> Result<Definition, Error> {
    let name = written.name.unwrap_or_else(|| DEFAULT_NAME.to_owned());
    let output = match &written.output {
        Some(shape) => {
            let known = |reference: &Reference| is_known(reference, &written.inputs, &written.choose.value);
            let parsed = OutputTemplate::parse(&shape.value, &known);
            Some(parsed.map_err(|message| shape.wrong(format!("output: {message}")))?)
        }
        None => None,
    };
    if let Some((name, _)) = written.choose.value.iter().find(|(_, values)| values.is_empty()) {
        return Err(written.choose.wrong(format!("choose: `{name}` has nothing to choose from")));
    }
    let tokens = written.tokens.value;
    if !(0.0..=1_000.0).contains(&tokens.per_character) {
        return Err(written.tokens.wrong("tokens: per_character lies between 0 and 1000"));
    }
    if written.cost.value.decimals > 12 {
        return Err(written.cost.wrong("cost: decimals lies between 0 and 12"));
    }
    for count in [&written.concurrency, &written.queue].into_iter().flatten() {
        if !(1..=1_000_000).contains(&count.value) {
            return Err(count.wrong("it lies between 1 and 1000000"));
        }
    }
    check_behaviour(&written.behaviour)?;
    let inputs: Vec<Field> = written.inputs.into_iter().map(|(name, input)| input.named(name)).collect();
    Ok(Definition {
        workflow_id: written.workflow_id.unwrap_or_else(|| workflow_id(&name)),
        version: written.version.unwrap_or_else(|| "1.0.0".to_owned()),
        name,
        seed: written.seed,
        inputs: InputSchema { fields: inputs },
        choose: written.choose.value,
        output,
        latency: written.latency,
        spikes: written.spikes,
        tokens,
        cost: written.cost.value,
        rate: written.rate,
        poll_rate: written.poll_rate,
        concurrency: written.concurrency.map(|count| count.value),
        queue: written.queue.map_or(DEFAULT_QUEUE, |count| count.value),
        faults: Mix::of_invokes(&written.faults.value).map_err(|message| written.faults.wrong(message))?,
        poll_faults: Mix::of_queries(&written.poll_faults.value)
            .map_err(|message| written.poll_faults.wrong(message))?,
        forced: Forced::new(&written.faults_for.value)
            .map_err(|message| written.faults_for.wrong(message))?,
        behaviour: written.behaviour.value,
    })
}

/// Whether a name in a template of the output has a value.
fn is_known(
    reference: &Reference,
    inputs: &BTreeMap<String, WrittenInput>,
    choose: &BTreeMap<String, Vec<Value>>,
) -> bool {
    let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["input", name, ..] => inputs.contains_key(*name),
        ["choose", name, ..] => choose.contains_key(*name),
        ["input" | "choose" | "user_id"] | ["run", "number"] => true,
        _ => false,
    }
}

/// Refuses settings that no HTTP server could keep.
fn check_behaviour(written: &Placed<Behaviour>) -> Result<(), Error> {
    let behaviour = &written.value;
    let errors = &behaviour.error;
    let statuses = [
        behaviour.invoke.status,
        behaviour.invoke.accepted_status,
        behaviour.failed.status,
        errors.unauthorized.status,
        errors.wrong_key_kind.status,
        errors.invalid.status,
        errors.too_large.status,
        errors.throttled.status,
        errors.unknown_run.status,
        errors.forbidden.status,
        errors.internal.status,
        errors.unavailable.status,
    ];
    if let Some(status) = statuses.iter().find(|status| !(200..=599).contains(*status)) {
        return Err(written.wrong(format!("{status} is no HTTP status that a reply may have")));
    }
    if !(1..=10).contains(&behaviour.webhook.attempts) {
        return Err(written.wrong("webhook: attempts lies between 1 and 10"));
    }
    if behaviour.webhook.timeout == Span::default() {
        return Err(written.wrong("webhook: timeout is longer than 0s"));
    }
    Ok(())
}

/// The id that a workflow has when its definition names none: 24 hexadecimal digits, as the platform's are.
fn workflow_id(name: &str) -> String {
    InputDigest::of(name).to_string()[..24].to_owned()
}
