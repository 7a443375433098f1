//! What `schedule` and `reuse` mean.

use std::time::Duration;

use serde_json::{Value, json};

use crate::manifest::units::write_duration;
use crate::manifest::{ReuseSpec, Schedule};

pub(super) fn schedule(schedule: &Schedule) -> Value {
    let calendar = &schedule.calendar;
    let jitter = calendar.jitter().and_then(|jitter| Duration::try_from(jitter).ok());
    json!({
        "cron": calendar.cron().five_fields(),
        "time_zone": calendar.zone().name(),
        "dst": calendar.dst().word(),
        "jitter": jitter.map(write_duration),
        "starts": calendar.starts().map(|at| at.to_string()),
        "ends": calendar.ends().map(|at| at.to_string()),
        "overlap": schedule.overlap.word(),
        "catch_up": schedule.catch_up.word(),
        "window": schedule.window.map(write_duration),
        "start_deadline": schedule.start_deadline.map(write_duration),
        "pause_on_failure": schedule.pause_on_failure,
        "keep": {"succeeded": schedule.keep.succeeded, "failed": schedule.keep.failed},
    })
}

pub(super) fn reuse(reuse: &ReuseSpec) -> Value {
    json!({
        "from": reuse.from,
        "same_workflow": reuse.same_workflow,
        "same_checks": reuse.same_checks,
        "max_age": reuse.max_age.map(write_duration),
    })
}
