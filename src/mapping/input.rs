//! The mapping of a row to the workflow's input: any JSON shape whose strings are templates.

use serde_json::Value;

use crate::mapping::{Reference, RenderError, Scope, Template};

/// A JSON shape whose strings are templates.
#[derive(Clone, Debug)]
pub enum InputTemplate {
    /// A number, a boolean or null, as written.
    Literal(Value),
    /// A string.
    Text(Template),
    /// A list.
    List(Vec<InputTemplate>),
    /// An object; its keys are literal.
    Object(Vec<(String, InputTemplate)>),
    /// `{file: PATH}`, with an optional `format:`.
    File {
        /// The path, relative to the manifest's folder.
        path: Template,
        /// The format to name, else the path's extension.
        format: Option<Template>,
    },
}

/// A rendered input.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// The input. Where a file belongs stands `{"file": PATH, "format": FORMAT}`.
    pub value: Value,
    /// The files to be read into it, in the order of the input.
    pub files: Vec<FileInput>,
}

/// A file that belongs into an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInput {
    /// Where in the input, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// The path as rendered, relative to the manifest's folder.
    pub path: String,
    /// The format to name: lower case, without a dot.
    pub format: String,
}

impl InputTemplate {
    /// Renders the input for a row.
    pub fn render(&self, _scope: &Scope) -> Result<Rendered, RenderError> {
        unimplemented!()
    }

    /// Gives every name that the mapping refers to.
    pub fn references(&self) -> Vec<&Reference> {
        unimplemented!()
    }
}
