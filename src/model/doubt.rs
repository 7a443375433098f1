//! Rows in doubt, as far as the bill asks.

use crate::model::Cost;

/// A row that is in doubt, or on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// Executions, certain or possible, whose cost is not known.
    pub executions: u32,
    /// What was set aside for the last of them.
    pub reserved: Option<Cost>,
}
