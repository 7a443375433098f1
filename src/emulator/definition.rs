//! A definition: what the emulated workflow is and does, read from a small YAML file.

mod written;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use schemars::{JsonSchema, Schema, schema_for};
use serde::Deserialize;
use serde_json::Value;

use crate::flow_file::{self, InputSchema};

use super::behaviour::Behaviour;
use super::error::Error;
use super::fault::{Forced, Mix};
use super::template::OutputTemplate;
use super::units::{Amount, Rate, Share, Spread};
use written::Written;

/// The longest definition, in bytes.
const LONGEST: u64 = 1 << 20;

/// What the emulated workflow is and does.
#[derive(Clone, Debug)]
pub struct Definition {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) workflow_id: String,
    pub(super) seed: u64,
    pub(super) inputs: InputSchema,
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

/// A share of runs that take longer.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Spikes {
    pub(super) share: Share,
    pub(super) latency: Spread,
}

/// The rule for tokens: `base + per_character × characters of the input`, times 1 ± `spread`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
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
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
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

impl Definition {
    /// Reads a definition's file: YAML, or a `.flow` export.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
        let mut text = String::new();
        let file = File::open(path).map_err(unreadable)?;
        file.take(LONGEST + 1).read_to_string(&mut text).map_err(unreadable)?;
        let is_flow = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("flow"));
        let read = if is_flow { Self::from_flow(&text) } else { Self::parse(&text) };
        read.map_err(|error| error.in_file(path))
    }

    /// Reads the text of a `.flow` export: its name and its Start node. The workflow echoes its input; everything
    /// else is the default.
    pub fn from_flow(text: &str) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Named {
            name: Option<String>,
        }
        check_length(text)?;
        let wrong = |error: flow_file::Error| Error::wrong(None, error.to_string());
        let inputs = InputSchema::from_flow(text).map_err(wrong)?;
        let named: Named =
            serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| wrong(error.into()))?;
        let plain = written::meant(Written::named(named.name))?;
        Ok(Self { inputs, ..plain })
    }

    /// Reads a definition's YAML.
    pub fn parse(text: &str) -> Result<Self, Error> {
        check_length(text)?;
        let options = serde_yaml::options! {
            budget: serde_yaml::budget! { max_depth: 64, max_nodes: 50_000, max_aliases: 1_000 },
            strict_booleans: true,
            with_snippet: false,
        };
        let written: Written = serde_yaml::from_str_with_options(text, options).map_err(|error| {
            let place = error.location().map(|at| (at.line(), at.column()));
            let mut message = error.to_string();
            if let Some((line, column)) = place {
                // The message repeats its place, which stands in front here.
                message = message.replace(&format!(" at line {line}, column {column}"), "");
            }
            Error::wrong(place, message)
        })?;
        written::meant(written)
    }

    /// Gives the JSON Schema of the YAML, by which editors complete and check it.
    pub fn schema() -> Schema {
        schema_for!(Written)
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
    pub fn inputs(&self) -> &InputSchema {
        &self.inputs
    }
}

fn check_length(text: &str) -> Result<(), Error> {
    if u64::try_from(text.len()).is_ok_and(|length| length <= LONGEST) {
        return Ok(());
    }
    Err(Error::wrong(None, format!("it is longer than {LONGEST} bytes")))
}
