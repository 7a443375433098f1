//! What a template or an expression can see.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::model::{Outcome, RowNumber, ScheduledFor};

/// The parts that a scope is made of.
#[derive(Clone, Copy, Debug)]
pub struct ScopeParts<'a> {
    /// `row.*`: the record after the manifest's `types` were applied.
    pub row: &'a Map<String, Value>,
    /// `row_number`.
    pub row_number: RowNumber,
    /// `row_key`.
    pub row_key: &'a str,
    /// `row_tag`.
    pub row_tag: &'a str,
    /// `repeat`: which of the record's invocations it is, from 1.
    pub repeat: u64,
    /// `vars.*`.
    pub vars: &'a Map<String, Value>,
    /// `run.id`.
    pub run_id: &'a str,
    /// `manifest.name`.
    pub manifest_name: &'a str,
    /// `schedule.*`; none outside of a schedule.
    pub schedule: Option<&'a ScheduledFor>,
    /// What `{{env "NAME"}}` may read: the variables that the manifest names outside of secret fields.
    pub env: &'a BTreeMap<String, String>,
    /// `output.*`, `reply.*`, `outcome`; none before there is a reply.
    pub reply: Option<ReplyScope<'a>>,
}

/// What is known after a reply.
#[derive(Clone, Copy, Debug)]
pub struct ReplyScope<'a> {
    /// `output.*`: the workflow's output.
    pub output: &'a Value,
    /// `reply.*`: the whole reply.
    pub reply: &'a Value,
    /// `outcome`.
    pub outcome: Outcome,
}

/// What a template or an expression can see, laid out once for all templates of a row.
#[derive(Clone, Debug)]
pub struct Scope {
    names: Value,
    env: BTreeMap<String, String>,
}

impl Scope {
    /// Lays out the names for rendering.
    pub fn new(parts: &ScopeParts<'_>) -> Self {
        let mut names = Map::with_capacity(12);
        names.insert("row".to_owned(), Value::Object(parts.row.clone()));
        names.insert("row_number".to_owned(), parts.row_number.into());
        names.insert("row_key".to_owned(), parts.row_key.into());
        names.insert("row_tag".to_owned(), parts.row_tag.into());
        names.insert("repeat".to_owned(), parts.repeat.into());
        names.insert("vars".to_owned(), Value::Object(parts.vars.clone()));
        names.insert("run".to_owned(), json!({ "id": parts.run_id }));
        names.insert("manifest".to_owned(), json!({ "name": parts.manifest_name }));
        if let Some(schedule) = parts.schedule {
            // Without a slot before it the name is missing, so that a template without a default says so.
            let previous =
                schedule.previous_slot.as_deref().map(|at| ("previous_slot".to_owned(), at.into()));
            let slot = ("slot".to_owned(), schedule.slot.as_str().into());
            names.insert(
                "schedule".to_owned(),
                Value::Object(std::iter::once(slot).chain(previous).collect()),
            );
        }
        if let Some(reply) = parts.reply {
            names.insert("output".to_owned(), reply.output.clone());
            names.insert("reply".to_owned(), reply.reply.clone());
            names.insert("outcome".to_owned(), reply.outcome.as_str().into());
        }
        Self { names: Value::Object(names), env: parts.env.clone() }
    }

    /// Lays out names of another kind (the emulator's `input.*`); `env` sees nothing.
    pub fn of(names: Map<String, Value>) -> Self {
        Self { names: Value::Object(names), env: BTreeMap::new() }
    }

    /// Says whether a name stands for nothing here.
    pub(crate) fn is_null(&self, name: &str) -> bool {
        self.names.get(name).is_none_or(Value::is_null)
    }

    /// Gives all names, as one object.
    pub(super) fn names(&self) -> &Value {
        &self.names
    }

    /// Gives what `env` may read.
    pub(super) fn env(&self) -> &BTreeMap<String, String> {
        &self.env
    }
}
