//! What a manifest's strings mean: templates, parsed once and rendered to typed JSON, and the expressions of
//! conditions. Pure: reads no file (the system's time zones for `date` apart), no clock and no environment.

mod compile;
mod error;
pub(crate) mod expression;
mod helpers;
mod input;
mod mistake;
mod names;
mod node;
mod path;
mod render;
mod scope;
mod template;
mod types;
mod values;

pub(crate) use error::did_you_mean;
pub use error::{Reference, RenderError, SyntaxError};
pub use expression::{Expression, ValueType};
pub use helpers::{HelperDoc, helpers};
pub use input::{FileInput, InputTemplate, Rendered};
pub use scope::{ReplyScope, Scope, ScopeParts};
pub use template::Template;
pub use types::{ColumnType, ColumnTypes};
pub(crate) use values::{decimal, is_equal, kind, show};

#[cfg(test)]
mod tests;
