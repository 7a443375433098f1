//! `schedule` as it is written.

use schemars::JsonSchema;

use super::values::{Boolean, CatchUp, CronText, Dst, Duration, Instant, Overlap, Whole, ZoneName};

/// When the manifest is run. See docs/scheduling.md.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
#[schemars(extend("required" = ["cron", "time_zone"]))]
pub(super) struct Schedule {
    /// The local times: minute, hour, day of the month, month and day of the week, or `@daily` and its like. Only one
    /// of the two day fields may be restricted.
    cron: CronText,
    /// The time zone by its IANA name, such as `Europe/Rome`, or `UTC`.
    time_zone: ZoneName,
    /// What changes of the clock do to a fixed time of day: `once` runs it exactly once, right after a gap and in the
    /// first pass of a doubled hour; `literal` skips what does not exist and runs twice what comes twice.
    #[schemars(extend("default" = "once"))]
    dst: Dst,
    /// What is done with a slot that is due while an earlier one still runs.
    #[schemars(extend("default" = "skip"))]
    overlap: Overlap,
    /// What is done with slots that were missed, and up to which age: any for `last`, 24 hours for `all`.
    catch_up: CatchUpOr,
    /// How late a slot may still be started; later it counts as missed.
    start_deadline: Duration,
    /// Spreads starts: each slot is delayed by up to so much, always the same for the same slot. Shorter than the
    /// time between two slots.
    jitter: Duration,
    /// The first instant that counts: a date, a local time or an instant with its offset.
    starts: Instant,
    /// The last instant that counts; of a date, its end.
    ends: Instant,
    /// Pauses the schedule when a run was not accepted.
    #[schemars(extend("default" = false))]
    pause_on_failure: Boolean,
    /// How many runs of the schedule are kept; all of them by default.
    keep: Keep,
}

/// A word, or a word and an age.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[schemars(extend("default" = "last"))]
pub(super) enum CatchUpOr {
    /// Which of the slots are run that were missed.
    Missed(CatchUp),
    /// Which of them, and up to which age.
    Within(CatchUpWithin),
}

impl Default for CatchUpOr {
    fn default() -> Self {
        Self::Missed(CatchUp)
    }
}

/// Which missed slots are run.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
#[schemars(extend("required" = ["missed"]))]
pub(super) struct CatchUpWithin {
    /// Which of the slots are run that were missed: none, the last, or all in their order.
    missed: CatchUp,
    /// The age up to which a missed slot is run.
    window: Duration,
}

/// How many runs of a schedule are kept.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
pub(super) struct Keep {
    /// The runs that were accepted.
    succeeded: Whole<1, 1_000_000>,
    /// The runs that ended otherwise.
    failed: Whole<1, 1_000_000>,
}
