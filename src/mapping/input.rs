//! The mapping of a row to the workflow's input: any JSON shape whose strings are templates.

use std::path::Path;

use serde_json::{Map, Value, json};

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
    /// Renders the input for a row. The error starts with the place: `input.body: …`.
    pub fn render(&self, scope: &Scope) -> Result<Rendered, RenderError> {
        let mut renderer = Renderer { scope, place: vec![], files: vec![] };
        let value = renderer.render(self)?;
        Ok(Rendered { value, files: renderer.files })
    }

    /// Gives every name that the mapping refers to.
    pub fn references(&self) -> Vec<&Reference> {
        let mut found = Vec::new();
        self.gather(&mut found);
        found
    }

    fn gather<'a>(&'a self, found: &mut Vec<&'a Reference>) {
        match self {
            Self::Literal(_) => {}
            Self::Text(template) => found.extend(template.references()),
            Self::List(items) => items.iter().for_each(|item| item.gather(found)),
            Self::Object(members) => members.iter().for_each(|(_, member)| member.gather(found)),
            Self::File { path, format } => {
                found.extend(path.references());
                found.extend(format.iter().flat_map(Template::references));
            }
        }
    }
}

/// One rendering: the way down to where it stands, and the files that it met.
struct Renderer<'a> {
    scope: &'a Scope,
    place: Vec<Step<'a>>,
    files: Vec<FileInput>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

impl<'a> Renderer<'a> {
    fn render(&mut self, template: &'a InputTemplate) -> Result<Value, RenderError> {
        match template {
            InputTemplate::Literal(value) => Ok(value.clone()),
            InputTemplate::Text(template) => {
                template.render(self.scope).map_err(|error| self.placed(&error.message))
            }
            InputTemplate::List(items) => {
                let items = items.iter().enumerate();
                items.map(|(index, item)| self.within(Step::Index(index), item)).collect()
            }
            InputTemplate::Object(members) => {
                let members = members.iter();
                let rendered =
                    members.map(|(key, member)| Ok((key.clone(), self.within(Step::Key(key), member)?)));
                rendered.collect::<Result<Map<_, _>, _>>().map(Value::Object)
            }
            InputTemplate::File { path, format } => self.file(path, format.as_ref()),
        }
    }

    fn within(&mut self, step: Step<'a>, template: &'a InputTemplate) -> Result<Value, RenderError> {
        self.place.push(step);
        let value = self.render(template);
        self.place.pop();
        value
    }

    fn file(&mut self, path: &Template, format: Option<&Template>) -> Result<Value, RenderError> {
        let text = |template: &Template| {
            template.render_text(self.scope).map_err(|error| self.placed(&error.message))
        };
        let path = text(path)?;
        if path.trim().is_empty() {
            return Err(self.placed("the file's path is empty"));
        }
        let format = match format {
            Some(format) => text(format)?.trim().trim_start_matches('.').to_lowercase(),
            None => Path::new(&path)
                .extension()
                .map_or_else(String::new, |extension| extension.to_string_lossy().to_lowercase()),
        };
        if format.is_empty() {
            return Err(self.placed(&format!("`{path}` has no extension: name its `format:`")));
        }
        let value = json!({ "file": path, "format": format });
        self.files.push(FileInput { pointer: self.pointer(), path, format });
        Ok(value)
    }

    fn placed(&self, message: &str) -> RenderError {
        let steps = self.place.iter().map(|step| match step {
            Step::Key(key) => format!(".{key}"),
            Step::Index(index) => format!("[{index}]"),
        });
        RenderError::new(format!("input{}: {message}", steps.collect::<String>()))
    }

    fn pointer(&self) -> String {
        let steps = self.place.iter().map(|step| match step {
            Step::Key(key) => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Step::Index(index) => format!("/{index}"),
        });
        steps.collect()
    }
}

#[cfg(test)]
mod tests;
