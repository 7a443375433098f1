//! One Handlebars template: parsed at load, strict about missing names, never HTML-escaped.

use std::sync::Arc;

use serde_json::Value;

use crate::mapping::compile::{Compiled, compile};
use crate::mapping::render::{Failure, Frame};
use crate::mapping::{Reference, RenderError, Scope, SyntaxError};

/// A compiled template, cheap to clone. A lone expression (`{{row.n}}`, `{{helper …}}`) renders to its own JSON type;
/// any text around it makes a string.
#[derive(Clone, Debug)]
pub struct Template {
    source: Arc<str>,
    compiled: Arc<Compiled>,
}

impl Template {
    /// Compiles a template.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        Ok(Self { source: text.into(), compiled: Arc::new(compile(text)?) })
    }

    /// Gives the text it was compiled from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Gives every name it refers to.
    pub fn references(&self) -> &[Reference] {
        &self.compiled.references
    }

    /// Gives the variables that it reads by `env "NAME"`: a reference's path is the name alone.
    pub fn variables(&self) -> &[Reference] {
        &self.compiled.variables
    }

    /// Renders to typed JSON.
    pub fn render(&self, scope: &Scope) -> Result<Value, RenderError> {
        let rendered = self.compiled.body.render(&Frame::root(scope));
        rendered.map_err(Failure::into_error)
    }

    /// Renders to text.
    pub fn render_text(&self, scope: &Scope) -> Result<String, RenderError> {
        let rendered = self.compiled.body.render_text(&Frame::root(scope));
        rendered.map_err(Failure::into_error)
    }
}

#[cfg(test)]
mod tests;
