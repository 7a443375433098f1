//! The expression language of conditions: parsed and type-checked at load.

use std::collections::BTreeMap;

use crate::mapping::{ColumnType, Reference, RenderError, Scope, SyntaxError};

/// What is known of a name's type at load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// Text.
    Text,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// Any JSON; checked when evaluated.
    Any,
}

/// A compiled condition.
#[derive(Clone, Debug)]
pub struct Expression {}

impl Expression {
    /// Parses a condition.
    pub fn parse(_text: &str) -> Result<Self, SyntaxError> {
        unimplemented!()
    }

    /// Checks the types: `columns` are the declared ones, `default` is the type of a column that is not declared
    /// (text in CSV, any in JSONL).
    pub fn check(
        &self,
        _columns: &BTreeMap<String, ColumnType>,
        _default: ValueType,
    ) -> Result<(), SyntaxError> {
        unimplemented!()
    }

    /// Gives every name it refers to.
    pub fn references(&self) -> &[Reference] {
        unimplemented!()
    }

    /// Gives the text it was parsed from.
    pub fn source(&self) -> &str {
        unimplemented!()
    }

    /// Evaluates the condition.
    pub fn holds(&self, _scope: &Scope) -> Result<bool, RenderError> {
        unimplemented!()
    }
}
