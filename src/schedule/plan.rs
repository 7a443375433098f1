//! What a manifest says of its schedule, as the engine takes it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

/// What happens to a slot that is due while an earlier one is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It is left out.
    Skip,
    /// It waits; a later one takes its place.
    QueueOne,
    /// It waits its turn.
    QueueAll,
    /// The earlier one is stopped.
    CancelOther,
    /// Both run.
    Allow,
}

/// What happens to slots that were due while no scheduler ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatchUp {
    /// They are missed.
    None,
    /// The last of them is started.
    Last,
    /// Each is started, one after the other.
    All,
}

/// How many old runs are kept, by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Runs that ended with 0; none keeps all.
    pub succeeded: Option<u64>,
    /// Runs that ended otherwise; none keeps all.
    pub failed: Option<u64>,
}

/// What a schedule does with slots that can't simply be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// With a slot due while an earlier one is not done.
    pub overlap: Overlap,
    /// With slots that were due while no scheduler ran.
    pub catch_up: CatchUp,
    /// Slots due longer ago are not caught up.
    pub window: Option<Duration>,
    /// A slot that could not start for so long is not started any more.
    pub start_deadline: Option<Duration>,
    /// A run that does not end with 0 pauses the schedule.
    pub pause_on_failure: bool,
    /// How many old runs are kept.
    pub keep: Keep,
}

/// Gives the first slot after an instant.
pub type NextAfter = Arc<dyn Fn(Timestamp) -> Option<Timestamp> + Send + Sync>;

/// Gives when a slot starts: as much later than it is due as the jitter says, on every machine alike.
pub type StartOf = Arc<dyn Fn(Timestamp) -> Timestamp + Send + Sync>;

/// A schedule, ready to be followed.
#[derive(Clone)]
pub struct Plan {
    /// The manifest, absolute.
    pub manifest: PathBuf,
    /// The folder that its runs are kept in, absolute.
    pub dir: PathBuf,
    /// A digest of what says when slots are due.
    pub timing: String,
    /// The calendar.
    pub next_after: NextAfter,
    /// The jitter.
    pub start_of: StartOf,
    /// What is done with slots that can't simply be started.
    pub policy: Policy,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("manifest", &self.manifest)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl Plan {
    /// Gives the first slot after an instant. A calendar that does not go forward has none.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        (self.next_after)(after).filter(|next| *next > after)
    }

    /// Gives the last slot before an instant, whether or not it ran: found by looking ever further back.
    pub fn previous(&self, before: Timestamp) -> Option<Timestamp> {
        const HOUR: i64 = 3_600;
        for hours in [1, 24, 8 * 24, 32 * 24, 367 * 24, 5 * 366 * 24, 29 * 366 * 24] {
            let from = Timestamp::from_second(before.as_second().checked_sub(hours * HOUR)?).ok()?;
            let mut last = None;
            let mut at = from;
            while let Some(next) = self.next(at).filter(|next| *next < before) {
                last = Some(next);
                at = next;
            }
            if last.is_some() {
                return last;
            }
        }
        None
    }

    /// Gives when a slot starts, never before it is due.
    pub(super) fn start(&self, slot: Timestamp) -> Timestamp {
        (self.start_of)(slot).max(slot)
    }
}
