//! `reuse` as it is written.

use schemars::JsonSchema;

use super::values::{Duration, FullText, Same};

/// The name of a run, or a map.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum Reuse {
    /// `latest`, an id, a path, or `none`.
    From(FullText),
    /// A run and what must be the same.
    Map(ReuseMap),
}

impl Default for Reuse {
    fn default() -> Self {
        Self::From(FullText)
    }
}

/// A run and what must be the same.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
#[schemars(extend("required" = ["from"]))]
pub(super) struct ReuseMap {
    /// `latest` (the newest complete run of this manifest), an id, a path, or `none`.
    from: FullText,
    /// What must be the same. The input always must, and by default the workflow: provider and address, and its version
    /// where `workflow.pin` says it.
    #[schemars(extend("default" = ["same_input", "same_workflow"]))]
    when: Vec<Same>,
    /// How old a result may be. By default, of any age.
    max_age: Duration,
}
