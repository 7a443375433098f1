//! The types that a manifest declares for columns: CSV cells are text unless declared.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::mapping::values::{boolean, excerpt, integer, kind, number};
use crate::model::Record;

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Text, as read.
    Text,
    /// A whole number of at most 64 bits.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`, in any case; also 1 and 0.
    Boolean,
    /// JSON text.
    Json,
}

/// The declared columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnTypes(pub BTreeMap<String, ColumnType>);

impl ColumnType {
    /// Gives the word that stands in the manifest.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Json => "json",
        }
    }

    /// Reads a cell; the error says what is wrong with it.
    fn read(self, cell: &Value) -> Result<Value, String> {
        match cell {
            Value::String(text) if self == Self::Text => Ok(Value::String(text.clone())),
            Value::String(text) if text.trim().is_empty() => Ok(Value::Null),
            Value::String(text) => self.read_text(text),
            Value::Null => Ok(Value::Null),
            other if self.allows(other) => Ok(other.clone()),
            other => Err(format!("is {}", kind(other))),
        }
    }

    fn read_text(self, text: &str) -> Result<Value, String> {
        match self {
            Self::Text => Ok(text.into()),
            Self::Integer => integer(text).map(Value::Number),
            Self::Number => number(text).map(Value::Number),
            Self::Boolean => {
                boolean(text).map(Value::Bool).ok_or_else(|| "is neither true nor false".to_owned())
            }
            Self::Json => serde_json::from_str(text).map_err(|error| format!("is not JSON ({error})")),
        }
    }

    /// Says whether a value that is no text (out of JSONL) is of this type already.
    fn allows(self, value: &Value) -> bool {
        match self {
            Self::Text => false,
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Json => true,
        }
    }
}

impl ColumnTypes {
    /// Gives the record with its declared columns in their types; an empty typed cell is null. The error names the
    /// column and the cell.
    pub fn apply(&self, record: &Record) -> Result<Map<String, Value>, String> {
        let mut typed = record.clone();
        for (column, column_type) in &self.0 {
            let Some(cell) = typed.get_mut(column) else { continue };
            *cell = column_type.read(cell).map_err(|wrong| {
                let cell = excerpt(cell);
                format!("column `{column}`, declared {}: {cell} {wrong}", column_type.as_str())
            })?;
        }
        Ok(typed)
    }
}

#[cfg(test)]
mod tests;
