//! `limits.concurrency` and parts of `limits.retry` as they are written: how much is asked of the service, and again.

use schemars::JsonSchema;

use super::values::{Boolean, Durations, Whole};

/// A number of rows, or a map.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum Concurrency {
    /// A number that is kept, whatever the service bears.
    Fixed(Whole<1, 10_000>),
    /// A ceiling, and whether the number stays below it when the service is overloaded.
    Within(Places),
}

impl Default for Concurrency {
    fn default() -> Self {
        Self::Fixed(Whole)
    }
}

/// How many rows may be in flight.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
#[schemars(extend("required" = ["max"]))]
pub(super) struct Places {
    /// The most rows in flight.
    max: Whole<1, 10_000>,
    /// Follows what the service bears: starts at 8, is halved when the service asks to slow down or is overloaded,
    /// and grows back while it is used to the full.
    #[schemars(extend("default" = false))]
    adaptive: Boolean,
}

/// What is said for one kind of trouble; what is left out is as for the others.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
pub(super) struct RetryOf {
    /// How often a row is sent at most, counting sends that ended otherwise.
    attempts: Whole<1, 100>,
    /// The longest waits before the second send and before the last.
    backoff: Durations,
}
