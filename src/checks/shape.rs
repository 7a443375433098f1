//! A JSON shape whose strings are templates: what a value is compared with.

use serde_json::{Map, Value};

use crate::mapping::{Reference, RenderError, Scope, Template};

/// A JSON shape whose strings are templates.
#[derive(Clone, Debug)]
pub enum Shape {
    /// A number, a boolean or null, as written.
    Literal(Value),
    /// A string.
    Text(Template),
    /// A list.
    List(Vec<Shape>),
    /// An object; its keys are literal.
    Object(Vec<(String, Shape)>),
}

impl Shape {
    /// Renders the shape for a row.
    pub(super) fn render(&self, scope: &Scope) -> Result<Value, RenderError> {
        Ok(match self {
            Self::Literal(value) => value.clone(),
            Self::Text(template) => template.render(scope)?,
            Self::List(items) => items.iter().map(|item| item.render(scope)).collect::<Result<_, _>>()?,
            Self::Object(members) => {
                let member = |(name, shape): &(String, Self)| Ok((name.clone(), shape.render(scope)?));
                Value::Object(members.iter().map(member).collect::<Result<Map<_, _>, _>>()?)
            }
        })
    }

    /// Gathers every name that the shape refers to.
    pub(super) fn gather<'a>(&'a self, found: &mut Vec<&'a Reference>) {
        match self {
            Self::Literal(_) => {}
            Self::Text(template) => found.extend(template.references()),
            Self::List(items) => items.iter().for_each(|item| item.gather(found)),
            Self::Object(members) => members.iter().for_each(|(_, member)| member.gather(found)),
        }
    }
}
