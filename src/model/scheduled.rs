//! The slot of a schedule that a run is of.

use serde::{Deserialize, Serialize};

/// The slot of a schedule that a run is of, as templates see it and run.lock.json keeps it: instants in RFC 3339 and UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledFor {
    /// `schedule.slot`: when it was due, before jitter.
    pub slot: String,
    /// `schedule.previous_slot`: the slot before it by the calendar, whether or not it ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_slot: Option<String>,
}
