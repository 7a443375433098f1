//! `workflow.poll`, `workflow.pin` and `workflow.price` as they are written.

use schemars::JsonSchema;

use super::values::{Amount, Currency, Durations, FirstPoll, FullText, OnDrift, Word};

/// When results are asked for.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
pub(super) struct Poll {
    /// When a row is polled first; `auto` learns it from the rows that have finished.
    #[schemars(extend("default" = "auto"))]
    first: FirstPoll,
    /// The shortest and the longest time between two polls of a row.
    #[schemars(extend("default" = "2s..15s"))]
    interval: Durations,
}

/// Which version of the workflow must answer.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
#[schemars(extend("anyOf" = [{"required": ["version"]}, {"required": ["workflow_id"]}]))]
pub(super) struct Pin {
    /// The version, as the service reports it, in quotes: `"1.0.1"`.
    version: FullText,
    /// The workflow's id, as the service reports it.
    workflow_id: FullText,
    /// What an answer from another one does: it stops the run with exit code 4, or is counted in a note of the report.
    #[schemars(extend("default" = "stop"))]
    on_drift: OnDrift,
}

/// What the unit of cost is worth.
#[derive(Default, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Price {
    /// The unit in which the provider counts, such as `credit`.
    unit: Word,
    /// What one unit costs, exactly.
    per_unit: Amount,
    /// The currency of that price, such as `USD`.
    currency: Currency,
}
