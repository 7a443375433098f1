//! The types that a manifest declares for columns: CSV cells are text unless declared.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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

impl ColumnTypes {
    /// Gives the record with its declared columns in their types; an empty typed cell is null. The error names the
    /// column and the cell.
    pub fn apply(&self, _record: &Record) -> Result<Map<String, Value>, String> {
        unimplemented!()
    }
}
