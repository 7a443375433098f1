//! The expression language: conditions, parsed and type-checked at load, and what gates share with them.

mod dialect;
mod eval;
mod lexer;
mod parser;
mod syntax;
mod type_check;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::mapping::expression::eval::{Evaluation, Operand};
use crate::mapping::expression::type_check::Checker;
use crate::mapping::values::lookup;
use crate::mapping::{ColumnType, Reference, RenderError, Scope, SyntaxError};

pub(crate) use dialect::Dialect;
pub(crate) use eval::exact_sum;
pub(crate) use parser::parse;
pub(crate) use syntax::{Ast, Comparison, Kind, Sign, Unit};

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

/// A compiled condition, cheap to clone.
#[derive(Clone, Debug)]
pub struct Expression {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    source: String,
    ast: Ast,
    references: Vec<Reference>,
}

impl Expression {
    /// Parses a condition.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let ast = parse(text, &dialect::CONDITION)?;
        let mut references = Vec::new();
        ast.gather(&mut references);
        Ok(Self { inner: Arc::new(Inner { source: text.to_owned(), ast, references }) })
    }

    /// Checks the types: `columns` are the declared ones, `default` is the type of a column that is not declared
    /// (text in CSV, any in JSONL).
    pub fn check(
        &self,
        columns: &BTreeMap<String, ColumnType>,
        default: ValueType,
    ) -> Result<(), SyntaxError> {
        Checker { columns, default }.condition(&self.inner.ast)
    }

    /// Gives every name it refers to.
    pub fn references(&self) -> &[Reference] {
        &self.inner.references
    }

    /// Gives the text it was parsed from.
    pub fn source(&self) -> &str {
        &self.inner.source
    }

    /// Evaluates the condition. Null is not true, and neither less nor more than anything.
    pub fn holds(&self, scope: &Scope) -> Result<bool, RenderError> {
        let find = |path: &[String]| lookup(scope.names(), path);
        let evaluation = Evaluation { source: &self.inner.source, find: &find };
        match evaluation.eval(&self.inner.ast)? {
            Operand::Null => Ok(false),
            Operand::Boolean(truth) => Ok(truth),
            other => Err(RenderError::new(format!(
                "`{}` is {}, and a condition is true or false",
                self.source(),
                other.kind()
            ))),
        }
    }
}

#[cfg(test)]
mod tests;
