//! A definition: what the emulated workflow is and does, read from a small YAML file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_yaml::Spanned;

use crate::mapping::Reference;

use super::behaviour::Behaviour;
use super::fault::{Fault, Forced, Mix};
use super::input::{Input, WrittenInput};
use super::template::OutputTemplate;
use super::units::{Amount, Rate, Share, Span, Spread};

/// The longest definition, in bytes.
const LONGEST: usize = 1 << 20;

/// What the emulated workflow is and does.
#[derive(Clone, Debug)]
pub struct Definition {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) workflow_id: String,
    pub(super) seed: u64,
    pub(super) inputs: Vec<Input>,
    pub(super) choose: BTreeMap<String, Vec<Value>>,
    /// None: the output is the input.
    pub(super) output: Option<OutputTemplate>,
    pub(super) latency: Spread,
    pub(super) spikes: Option<Spikes>,
    pub(super) tokens: Tokens,
    pub(super) cost: CostRule,
    pub(super) rate: Option<Rate>,
    pub(super) poll_rate: Option<Rate>,
    /// How many runs are executed at the same time; the others queue.
    pub(super) concurrency: Option<usize>,
    /// How many runs may be unfinished before one more is unavailable.
    pub(super) queue: usize,
    pub(super) faults: Mix,
    pub(super) poll_faults: Mix,
    pub(super) forced: Forced,
    pub(super) behaviour: Behaviour,
}

/// A mistake in a definition, or the file that can't be read.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    /// The file can't be read.
    #[error("{}: can't be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The text is wrong.
    #[error("{}:{line}:{column}: {message}", file.as_deref().unwrap_or("definition"))]
    Wrong {
        /// The file, when it is one.
        file: Option<String>,
        /// The line, from 1; 0 when there is none.
        line: u64,
        /// The column, from 1; 0 when there is none.
        column: u64,
        /// What is wrong.
        message: String,
    },
}

/// A share of runs that take longer.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spikes {
    pub(super) share: Share,
    pub(super) latency: Spread,
}

/// The rule for tokens: `base + per_character × characters of the input`, times 1 ± `spread`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Tokens {
    pub(super) base: u32,
    pub(super) per_character: f64,
    pub(super) spread: Share,
}

impl Default for Tokens {
    fn default() -> Self {
        Self { base: 100, per_character: 0.25, spread: Share(0.0) }
    }
}

/// The rule for the cost: `base + per_1000_tokens × tokens ÷ 1000`, rounded to `decimals`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct CostRule {
    pub(super) base: Amount,
    pub(super) per_1000_tokens: Amount,
    pub(super) decimals: u32,
}

impl Default for CostRule {
    fn default() -> Self {
        Self {
            base: Amount::default(),
            per_1000_tokens: Amount(rust_decimal::Decimal::new(2, 3)),
            decimals: 4,
        }
    }
}

/// A value and its place in the text; the start of the text when it is not written.
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

impl<T> Placed<T> {
    /// Fails at this place.
    fn wrong(&self, message: impl Into<String>) -> DefinitionError {
        wrong(self.line, self.column, message.into())
    }
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: Option<String>,
    version: Option<String>,
    workflow_id: Option<String>,
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    inputs: BTreeMap<String, WrittenInput>,
    #[serde(default)]
    choose: Placed<BTreeMap<String, Vec<Value>>>,
    output: Option<Placed<Value>>,
    #[serde(default)]
    latency: Spread,
    spikes: Option<Spikes>,
    #[serde(default)]
    tokens: Placed<Tokens>,
    #[serde(default)]
    cost: Placed<CostRule>,
    rate: Option<Rate>,
    poll_rate: Option<Rate>,
    concurrency: Option<Placed<usize>>,
    queue: Option<Placed<usize>>,
    #[serde(default)]
    faults: Placed<BTreeMap<Fault, Share>>,
    #[serde(default)]
    poll_faults: Placed<BTreeMap<Fault, Share>>,
    #[serde(default)]
    faults_for: Placed<BTreeMap<String, Vec<Fault>>>,
    #[serde(default)]
    behaviour: Placed<Behaviour>,
}

impl Definition {
    /// Reads a definition's file.
    pub fn load(path: &Path) -> Result<Self, DefinitionError> {
        let unreadable = |source| DefinitionError::Unreadable { path: path.to_owned(), source };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        Self::parse(&text).map_err(|error| match error {
            DefinitionError::Wrong { line, column, message, .. } => {
                DefinitionError::Wrong { file: Some(path.display().to_string()), line, column, message }
            }
            error @ DefinitionError::Unreadable { .. } => error,
        })
    }

    /// Reads a definition's YAML.
    pub fn parse(text: &str) -> Result<Self, DefinitionError> {
        if text.len() > LONGEST {
            return Err(wrong(0, 0, format!("it is longer than {LONGEST} bytes")));
        }
        let options = serde_yaml::options! {
            budget: serde_yaml::budget! { max_depth: 64, max_nodes: 50_000, max_aliases: 1_000 },
            strict_booleans: true,
            with_snippet: false,
        };
        let written: Written = serde_yaml::from_str_with_options(text, options).map_err(|error| {
            let (line, column) = error.location().map_or((0, 0), |at| (at.line(), at.column()));
            // The message repeats its place at its end; it stands in front here.
            let message = error.to_string();
            let place = format!(" at line {line}, column {column}");
            wrong(line, column, message.replace(&place, ""))
        })?;
        meant(written)
    }

    /// Gives the workflow's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives the workflow's version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Gives the declared inputs.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }
}

fn wrong(line: u64, column: u64, message: String) -> DefinitionError {
    DefinitionError::Wrong { file: None, line, column, message }
}

fn meant(written: Written) -> Result<Definition, DefinitionError> {
    let name = written.name.unwrap_or_else(|| "workflow".to_owned());
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
    Ok(Definition {
        workflow_id: written.workflow_id.unwrap_or_else(|| workflow_id(&name)),
        version: written.version.unwrap_or_else(|| "1.0.0".to_owned()),
        name,
        seed: written.seed,
        inputs: written
            .inputs
            .into_iter()
            .map(|(name, input)| Input { name, input_type: input.input_type, required: input.required })
            .collect(),
        choose: written.choose.value,
        output,
        latency: written.latency,
        spikes: written.spikes,
        tokens,
        cost: written.cost.value,
        rate: written.rate,
        poll_rate: written.poll_rate,
        concurrency: written.concurrency.map(|count| count.value),
        queue: written.queue.map_or(100_000, |count| count.value),
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
fn check_behaviour(written: &Placed<Behaviour>) -> Result<(), DefinitionError> {
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
    super::draw::InputDigest::of(name).to_string()[..24].to_owned()
}
