//! One Handlebars template: parsed at load, strict about missing names, never HTML-escaped.

use serde_json::Value;

use crate::mapping::Scope;

/// A compiled template. A lone expression (`{{row.n}}`, `{{helper …}}`) renders to its own JSON type; any text around
/// it makes a string.
#[derive(Clone, Debug)]
pub struct Template {}

/// A name that a template or an expression refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The path's segments, literal segments without their brackets: `["row", "Customer Name"]`.
    pub path: Vec<String>,
    /// Where it stands in the text, in bytes; the nearest place when the parser gives no exact one.
    pub offset: usize,
    /// Whether a missing value is provided for (an argument of `default`).
    pub optional: bool,
}

/// A mistake in the text of a template or an expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// Where, in bytes from the start of the text.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
    /// How to fix it.
    pub help: Option<String>,
}

/// Why a template can't be rendered for this row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RenderError {
    /// What is wrong, naming the expression; without any value that could be a secret.
    pub message: String,
}

impl Template {
    /// Compiles a template.
    pub fn parse(_text: &str) -> Result<Self, SyntaxError> {
        unimplemented!()
    }

    /// Gives the text it was compiled from.
    pub fn source(&self) -> &str {
        unimplemented!()
    }

    /// Gives every name it refers to.
    pub fn references(&self) -> &[Reference] {
        unimplemented!()
    }

    /// Renders to typed JSON.
    pub fn render(&self, _scope: &Scope) -> Result<Value, RenderError> {
        unimplemented!()
    }

    /// Renders to text.
    pub fn render_text(&self, _scope: &Scope) -> Result<String, RenderError> {
        unimplemented!()
    }
}
