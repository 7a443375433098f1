//! JSON Schemas, compiled at load. Nothing is fetched: a reference that leads out of the schema is a mistake.

use std::fmt;
use std::sync::Arc;

use jsonschema::Validator;
use serde_json::Value;

use crate::checks::difference::member;
use crate::checks::result::{CheckResult, cut};

/// A compiled JSON Schema, cheap to clone.
#[derive(Clone)]
pub struct Schema(Arc<Validator>);

/// Why a schema can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no usable JSON Schema: {0}")]
pub struct SchemaError(String);

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema").finish_non_exhaustive()
    }
}

impl Schema {
    /// Compiles a schema of the draft that its `$schema` names, by default 2020-12.
    pub fn new(schema: &Value) -> Result<Self, SchemaError> {
        let built = jsonschema::options().offline().build(schema);
        built.map(|validator| Self(Arc::new(validator))).map_err(|error| SchemaError(cut(&error.to_string())))
    }

    /// Judges a value, which `path` names.
    pub(super) fn judge(&self, value: &Value, path: &str) -> CheckResult {
        // Most rows are valid, which costs less to say than why one is not.
        if self.0.is_valid(value) {
            return CheckResult::pass();
        }
        let mut errors = self.0.iter_errors(value);
        let Some(first) = errors.next() else { return CheckResult::pass() };
        let more = errors.count();
        let mut reason = cut(&first.to_string());
        if more > 0 {
            reason.push_str(&format!(" (and {more} more)"));
        }
        let pointer = first.instance_path().as_str().to_owned();
        CheckResult::fail(reason)
            .at(format!("{path}{}", way_down(value, &pointer)))
            .actual(&first.instance().clone())
    }
}

/// Writes a JSON pointer as templates write the way down: `/items/0/a b` as `.items[0].[a b]`.
fn way_down(mut value: &Value, pointer: &str) -> String {
    let mut way = String::new();
    for step in pointer.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        let next = match value {
            Value::Array(items) => {
                way.push_str(&format!("[{step}]"));
                step.parse::<usize>().ok().and_then(|at| items.get(at))
            }
            other => {
                way.push_str(&member(&step));
                other.get(&step)
            }
        };
        value = next.unwrap_or(&Value::Null);
    }
    way
}
