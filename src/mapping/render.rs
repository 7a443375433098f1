//! The evaluation of a template. Handlebars' own renderer is not used: it is strict only at the surface (not in
//! arguments, nor in `#if`), it writes objects as `[object]`, and it knows no result but text.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use crate::mapping::helpers::{Absence, Arguments};
use crate::mapping::node::{Block, BlockKind, Body, Call, Local, Node, Path, Start, Term};
use crate::mapping::values::{is_truthy, kind, lookup, show};
use crate::mapping::{RenderError, Scope};

/// Why there is no value.
#[derive(Debug)]
pub(super) enum Failure {
    /// A name is absent: `default` provides for it.
    Missing(String),
    /// A helper refused its arguments.
    Refused(String),
}

impl Failure {
    pub(super) fn into_error(self) -> RenderError {
        match self {
            Self::Missing(message) => RenderError::missing(message),
            Self::Refused(message) => RenderError::new(message),
        }
    }
}

/// What names mean at a place of a template: one frame for each enclosing `#each` and `#with`.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    scope: &'a Scope,
    this: &'a Value,
    locals: Option<Locals>,
    outer: Option<&'a Frame<'a>>,
}

#[derive(Debug)]
struct Locals {
    index: Value,
    key: Option<Value>,
    first: Value,
    last: Value,
}

impl<'a> Frame<'a> {
    /// Makes the outermost frame: all names.
    pub(super) fn root(scope: &'a Scope) -> Self {
        Self { scope, this: scope.names(), locals: None, outer: None }
    }

    fn env(&self) -> &'a BTreeMap<String, String> {
        self.scope.env()
    }

    fn outwards(&'a self, frames: usize) -> &'a Frame<'a> {
        let mut frame = self;
        for _ in 0..frames {
            frame = frame.outer.unwrap_or(frame);
        }
        frame
    }

    fn local(&'a self, local: Local) -> Option<&'a Value> {
        let locals = self.locals.as_ref()?;
        match local {
            Local::Index => Some(&locals.index),
            Local::Key => locals.key.as_ref(),
            Local::First => Some(&locals.first),
            Local::Last => Some(&locals.last),
            Local::KeyOrIndex => locals.key.as_ref().or(Some(&locals.index)),
        }
    }
}

impl Body {
    /// Renders to typed JSON: a lone expression keeps its type.
    pub(super) fn render(&self, frame: &Frame<'_>) -> Result<Value, Failure> {
        match self.0.as_slice() {
            [Node::Value(term)] => term.eval(frame).map(Cow::into_owned),
            _ => self.render_text(frame).map(Value::String),
        }
    }

    /// Renders to text.
    pub(super) fn render_text(&self, frame: &Frame<'_>) -> Result<String, Failure> {
        let mut text = String::new();
        self.write(frame, &mut text)?;
        Ok(text)
    }

    fn write(&self, frame: &Frame<'_>, out: &mut String) -> Result<(), Failure> {
        for node in &self.0 {
            match node {
                Node::Text(text) => out.push_str(text),
                Node::Value(term) => out.push_str(&show(&*term.eval(frame)?)),
                Node::Block(block) => block.write(frame, out)?,
            }
        }
        Ok(())
    }
}

impl Block {
    fn write(&self, frame: &Frame<'_>, out: &mut String) -> Result<(), Failure> {
        let subject = self.subject.eval(frame)?;
        match self.kind {
            BlockKind::If { negated, include_zero } => {
                let holds = is_truthy(&subject, include_zero) != negated;
                if holds { self.body.write(frame, out) } else { self.otherwise.write(frame, out) }
            }
            BlockKind::With if is_truthy(&subject, false) => {
                let inner = Frame { scope: frame.scope, this: &subject, locals: None, outer: Some(frame) };
                self.body.write(&inner, out)
            }
            BlockKind::Each if is_truthy(&subject, false) => self.each(&subject, frame, out),
            BlockKind::With | BlockKind::Each => self.otherwise.write(frame, out),
        }
    }

    fn each(&self, subject: &Value, frame: &Frame<'_>, out: &mut String) -> Result<(), Failure> {
        let entries: Vec<(Option<&String>, &Value)> = match subject {
            Value::Array(list) => list.iter().map(|value| (None, value)).collect(),
            Value::Object(object) => object.iter().map(|(key, value)| (Some(key), value)).collect(),
            other => {
                let message = format!(
                    "`#each {}` goes through {}: it needs a list or an object",
                    self.subject.label(),
                    kind(other)
                );
                return Err(Failure::Refused(message));
            }
        };
        let count = entries.len();
        for (index, (key, this)) in entries.into_iter().enumerate() {
            let locals = Locals {
                index: index.into(),
                key: key.map(|key| Value::String(key.clone())),
                first: (index == 0).into(),
                last: (index + 1 == count).into(),
            };
            let inner = Frame { scope: frame.scope, this, locals: Some(locals), outer: Some(frame) };
            self.body.write(&inner, out)?;
        }
        Ok(())
    }
}

impl Term {
    /// Gives the value.
    fn eval<'a>(&'a self, frame: &'a Frame<'a>) -> Result<Cow<'a, Value>, Failure> {
        match self {
            Self::Literal(value) => Ok(Cow::Borrowed(value)),
            Self::Path(path) => path.eval(frame).map(Cow::Borrowed),
            Self::Call(call) => call.eval(frame).map(Cow::Owned),
        }
    }

    /// Names it in messages: a helper's call by its name and its first argument.
    fn label(&self) -> Cow<'_, str> {
        match self {
            Self::Literal(value) => Cow::Owned(value.to_string()),
            Self::Path(path) => Cow::Borrowed(&path.text),
            Self::Call(call) => Cow::Owned(call.label()),
        }
    }
}

impl Call {
    fn eval<'a>(&'a self, frame: &'a Frame<'a>) -> Result<Value, Failure> {
        let mut values = Vec::with_capacity(self.arguments.len());
        for argument in &self.arguments {
            match argument.eval(frame) {
                Err(Failure::Missing(_)) if self.helper.absence == Absence::Allowed && values.is_empty() => {
                    values.push(Cow::Owned(Value::Null));
                }
                value => values.push(value?),
            }
        }
        let mut options = Vec::with_capacity(self.options.len());
        for (name, term) in &self.options {
            options.push((name.as_str(), term.eval(frame)?));
        }
        let arguments = Arguments { values: &values, options: &options, env: frame.env() };
        self.helper.call(&arguments).map_err(|wrong| {
            let message = format!("`{}`: {wrong}", self.label());
            match self.helper.absence {
                Absence::Found => Failure::Missing(message),
                Absence::Refused | Absence::Allowed => Failure::Refused(message),
            }
        })
    }

    fn label(&self) -> String {
        let mut label = self.helper.name.to_owned();
        match self.arguments.first() {
            Some(Term::Call(inner)) => _ = write!(label, " ({} …)", inner.helper.name),
            Some(term) => _ = write!(label, " {}", term.label()),
            None => {}
        }
        label
    }
}

impl Path {
    fn eval<'a>(&self, frame: &'a Frame<'a>) -> Result<&'a Value, Failure> {
        let start = match self.start {
            Start::Root => Some(frame.scope.names()),
            Start::Frame(frames) => Some(frame.outwards(frames).this),
            Start::Local(frames, local) => frame.outwards(frames).local(local),
        };
        start.and_then(|start| lookup(start, &self.segments)).ok_or_else(|| self.missing(frame))
    }

    fn missing(&self, frame: &Frame<'_>) -> Failure {
        let text = &self.text;
        let in_block = frame.outer.is_some() && self.start == Start::Frame(0);
        let hint = if in_block && lookup(frame.scope.names(), &self.segments).is_some() {
            format!("inside `#each` and `#with` names start at the element: write `@root.{text}`")
        } else {
            format!("`default {text} \"…\"` allows that")
        };
        Failure::Missing(format!("`{text}` is missing ({hint})"))
    }
}
