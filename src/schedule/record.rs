//! The ledger's records: the closed list of what can become of a schedule and of its slots.

use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::schedule::Standing;

/// What a slot is known by, within its schedule: its nominal instant, and whether a person asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SlotId {
    /// The nominal instant, before jitter; of a manual slot when it was asked for.
    pub at: Timestamp,
    /// Whether `run-now` made it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub manual: bool,
}

impl SlotId {
    /// A slot that came by the schedule.
    pub fn due(at: Timestamp) -> Self {
        Self { at, manual: false }
    }

    /// A slot that a person asked for.
    pub fn manual(at: Timestamp) -> Self {
        Self { at, manual: true }
    }

    /// Gives the id of the slot's run: `NAME-20261124T060000Z`, which is the same on any machine and after any restart.
    pub fn run_id(self, schedule: &str) -> String {
        /// What is left of an id's 64 characters beside the instant and `-manual`.
        const NAME: usize = 40;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let is_plain = schedule.chars().all(plain) && schedule.len() <= NAME && !schedule.starts_with('.');
        let name = if is_plain {
            schedule.to_owned()
        } else {
            let short: String = schedule.chars().filter(|c| plain(*c)).take(NAME - 9).collect();
            format!("{}-{:08x}", short.trim_start_matches('.'), crc32c::crc32c(schedule.as_bytes()))
        };
        let manual = if self.manual { "-manual" } else { "" };
        format!("{name}-{}{manual}", self.at.strftime("%Y%m%dT%H%M%SZ"))
    }
}

impl fmt::Display for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.at.strftime("%Y-%m-%dT%H:%M:%SZ"), if self.manual { " (manual)" } else { "" })
    }
}

/// How a slot came to be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// When it was due.
    OnTime,
    /// Later, by `catch_up`.
    CaughtUp,
    /// By `run-now`.
    Manual,
}

/// Why a slot was not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// No scheduler ran when it was due, and `catch_up: none`.
    Down,
    /// No scheduler ran when it was due, and a later slot was caught up instead of it.
    Superseded,
    /// It was due longer ago than `catch_up`'s window.
    Window,
    /// `start_deadline` had passed.
    StartDeadline,
    /// The schedule was paused.
    Paused,
    /// Another slot of the schedule was not done.
    Overlap,
    /// A later slot took its place in the queue.
    Replaced,
    /// The queue was full, or too many ran at once.
    Full,
    /// The manifest has no schedule any more.
    Removed,
}

impl Why {
    /// Says it in words, for people.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Down => "no scheduler ran when it was due, and catch_up is none",
            Self::Superseded => {
                "no scheduler ran when it was due, and a later slot was due as well (catch_up: last)"
            }
            Self::Window => "no scheduler ran when it was due, and that is longer ago than catch_up's window",
            Self::StartDeadline => "start_deadline had passed before it could start",
            Self::Paused => "the schedule was paused when it was due",
            Self::Overlap => "an earlier slot was not done (overlap: skip)",
            Self::Replaced => "a later slot took its place in the queue (overlap: queue_one)",
            Self::Full => "too many slots were waiting or running",
            Self::Removed => "the manifest or its schedule is gone",
        }
    }
}

/// Why a schedule is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseWhy {
    /// A person asked for it.
    Asked,
    /// `pause_on_failure`: the run of this slot did not end with 0.
    Failure(SlotId),
}

/// One record of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The schedule: the manifest's name.
    pub schedule: String,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened to a schedule or to a slot of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "e", rename_all = "snake_case")]
pub enum What {
    /// The schedule was seen for the first time, or its timing changed: slots after this instant are due.
    Registered {
        /// A digest of what says when slots are due.
        timing: String,
        /// The instant.
        from: Timestamp,
    },
    /// The slot will be started, under this id and in this folder, and under no other.
    Claimed {
        /// The slot.
        slot: SlotId,
        /// The slot before it by the calendar.
        previous: Option<Timestamp>,
        /// How it came.
        how: How,
        /// When it starts: later than it was due by the jitter.
        start_at: Timestamp,
        /// The id of its run.
        run_id: String,
        /// The folder that its run is kept in, absolute.
        dir: PathBuf,
        /// The manifest, absolute.
        manifest: PathBuf,
    },
    /// The slot waits until others of the schedule are done.
    Queued {
        /// The slot.
        slot: SlotId,
        /// The slot before it by the calendar.
        previous: Option<Timestamp>,
        /// How it came.
        how: How,
    },
    /// A process is about to be started for the slot, for this time.
    Started {
        /// The slot.
        slot: SlotId,
        /// The number of the process, from 1.
        process: u32,
    },
    /// The process ended before the run was complete; another goes on with it.
    Interrupted {
        /// The slot.
        slot: SlotId,
        /// The process's exit code; none when it was killed.
        exit: Option<i32>,
        /// The verdict's reason.
        reason: Option<String>,
        /// When the next may start.
        retry_at: Timestamp,
        /// Whether the scheduler itself was being stopped: then it does not count as a failure to finish.
        drained: bool,
    },
    /// The process was asked to stop, in favour of another slot.
    Cancelling {
        /// The slot.
        slot: SlotId,
        /// The other.
        by: SlotId,
    },
    /// Final: the run is complete, or won't be gone on with.
    Finished {
        /// The slot.
        slot: SlotId,
        /// The exit code.
        exit: Option<i32>,
        /// The verdict's reason.
        reason: Option<String>,
    },
    /// Final: the run was stopped in favour of another slot.
    Cancelled {
        /// The slot.
        slot: SlotId,
        /// The other.
        by: SlotId,
        /// The exit code of its process; none when there was none.
        exit: Option<i32>,
    },
    /// Final: not started since another slot was not done.
    Skipped {
        /// The slot.
        slot: SlotId,
        /// Why.
        why: Why,
    },
    /// Final: taken out of the queue.
    Dropped {
        /// The slot.
        slot: SlotId,
        /// Why.
        why: Why,
    },
    /// Final, for all slots from the first to the last instant: not started when they were due, and not later.
    Missed {
        /// The first.
        from: Timestamp,
        /// The last.
        to: Timestamp,
        /// How many.
        count: u64,
        /// Why.
        why: Why,
    },
    /// Nothing starts until it is resumed.
    Paused {
        /// Why.
        why: PauseWhy,
    },
    /// Slots start again.
    Resumed,
    /// Where a schedule stood when the ledger was begun anew; first of all its records.
    Carried {
        /// How it stood.
        standing: Box<Standing>,
    },
}
