//! Several values, any or all of which are looked for.

use serde_json::Value;

use crate::checks::Shape;
use crate::mapping::{Reference, Scope, Template, kind};

/// Several values.
#[derive(Clone, Debug)]
pub enum Choices {
    /// A list, as written.
    Each(Vec<Shape>),
    /// A template that renders to a list.
    Of(Template),
}

impl Choices {
    /// Gives the values for a row, at least one; the error says why there are none.
    pub(super) fn render(&self, scope: &Scope) -> Result<Vec<Value>, String> {
        let values = match self {
            Self::Each(shapes) => shapes
                .iter()
                .map(|shape| shape.render(scope))
                .collect::<Result<_, _>>()
                .map_err(|error| error.message)?,
            Self::Of(template) => match template.render(scope).map_err(|error| error.message)? {
                Value::Array(values) => values,
                other => return Err(format!("`{}` is {}: it needs a list", template.source(), kind(&other))),
            },
        };
        if values.is_empty() { Err("there is nothing to compare with".to_owned()) } else { Ok(values) }
    }

    /// Gathers every name that the values refer to.
    pub(super) fn gather<'a>(&'a self, found: &mut Vec<&'a Reference>) {
        match self {
            Self::Each(shapes) => shapes.iter().for_each(|shape| shape.gather(found)),
            Self::Of(template) => found.extend(template.references()),
        }
    }
}
