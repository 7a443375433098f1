//! `schedule`, as meant: when a manifest is run, and what is done when that can't be.

use std::time::Duration;

use crate::calendar::Calendar;

/// `schedule`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// `cron`, `time_zone`, `dst`, `jitter`, `starts` and `ends`: the slots. Jitter goes by the manifest's name.
    pub calendar: Calendar,
    /// What is done with a slot that is due while an earlier one still runs.
    pub overlap: Overlap,
    /// What is done with slots that were missed.
    pub catch_up: CatchUp,
    /// How old a missed slot may be and still be run; none for any age.
    pub window: Option<Duration>,
    /// How late a slot may still be started; none for any delay.
    pub start_deadline: Option<Duration>,
    /// Whether the schedule pauses when a run was not accepted.
    pub pause_on_failure: bool,
    /// How many runs of the schedule are kept.
    pub keep: KeepRuns,
}

/// What is done with a slot that is due while an earlier one still runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlap {
    /// It is left out.
    #[default]
    Skip,
    /// It waits, and takes the place of one that waits already.
    QueueOne,
    /// It waits behind those that wait already.
    QueueAll,
    /// The earlier run is interrupted, and may be resumed.
    CancelOther,
    /// It runs beside the earlier one.
    Allow,
}

impl Overlap {
    /// The words of the manifest.
    pub const ALL: [(&'static str, Self); 5] = [
        ("skip", Self::Skip),
        ("queue_one", Self::QueueOne),
        ("queue_all", Self::QueueAll),
        ("cancel_other", Self::CancelOther),
        ("allow", Self::Allow),
    ];

    /// Gives the word of the manifest.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, overlap)| *overlap == self).map_or("", |(word, _)| word)
    }
}

/// What is done with slots that were missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CatchUp {
    /// Nothing: they are counted.
    None,
    /// The last of them is run.
    #[default]
    Last,
    /// Each of them is run, in order.
    All,
}

impl CatchUp {
    /// The words of the manifest.
    pub const ALL: [(&'static str, Self); 3] =
        [("none", Self::None), ("last", Self::Last), ("all", Self::All)];

    /// Gives the word of the manifest.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, catch_up)| *catch_up == self).map_or("", |(word, _)| word)
    }
}

/// How many runs of a schedule are kept, of those that ended; none for all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeepRuns {
    /// Runs that were accepted.
    pub succeeded: Option<u64>,
    /// Runs that ended otherwise.
    pub failed: Option<u64>,
}
