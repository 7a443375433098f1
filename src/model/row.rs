//! A row of the dataset and what identifies it.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A row's place in the dataset, counted from 1; a header is no row.
pub type RowNumber = u64;

/// One record, with its columns in the order of the file. CSV cells are strings, exactly as read.
pub type Record = Map<String, Value>;

/// A row's identity: the value of the dataset's `key` column, else the row number as text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RowKey(pub String);

impl fmt::Display for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One record of the dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its place in the dataset, from 1.
    pub number: RowNumber,
    /// Its identity.
    pub key: RowKey,
    /// Its cells as read, before the manifest's `types` are applied.
    pub record: Record,
}

/// Gives the tag that a row's invocation carries as `userId` unless the manifest says otherwise, and by which a
/// lost reply can be found in the provider's run log: `fb-<run id>-<row number>`.
pub fn row_tag(run_id: &str, row: RowNumber) -> String {
    format!("fb-{run_id}-{row}")
}
