//! `reuse`: which results of an earlier run may stand for a new call.

use std::time::Duration;

/// `reuse`. The input must always be the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReuseSpec {
    /// `from`: `latest`, a run's id or its path; none for `none`, which takes back what was asked for elsewhere.
    pub from: Option<String>,
    /// The workflow must be the same one, and its version where it is known beforehand.
    pub same_workflow: bool,
    /// The checks must be the same.
    pub same_checks: bool,
    /// How old a result may be.
    pub max_age: Option<Duration>,
}

impl Default for ReuseSpec {
    fn default() -> Self {
        Self { from: None, same_workflow: true, same_checks: false, max_age: None }
    }
}
