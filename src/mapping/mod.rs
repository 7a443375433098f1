//! What a manifest's strings mean: templates, parsed once and rendered to typed JSON, and the expressions of
//! conditions. Pure: reads no file, no clock and no environment.

mod expression;
mod input;
mod scope;
mod template;
mod types;

pub use expression::{Expression, ValueType};
pub use input::{FileInput, InputTemplate, Rendered};
pub use scope::{ReplyScope, Scope, ScopeParts};
pub use template::{Reference, RenderError, SyntaxError, Template};
pub use types::{ColumnType, ColumnTypes};
