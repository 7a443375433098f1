//! What a template or an expression can see.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::model::{Outcome, RowNumber};

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
    /// `vars.*`.
    pub vars: &'a Map<String, Value>,
    /// `run.id`.
    pub run_id: &'a str,
    /// `manifest.name`.
    pub manifest_name: &'a str,
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
    #[expect(dead_code, reason = "stub")]
    context: Value,
}

impl Scope {
    /// Lays out the names for rendering.
    pub fn new(_parts: &ScopeParts<'_>) -> Self {
        unimplemented!()
    }
}
