//! What becomes of slots: pure. Each decision is a record; those that follow are taken as if it were written already.

use std::time::Duration;

use jiff::Timestamp;

use crate::manifest::{CatchUp, Overlap};
use crate::schedule::{How, Plan, SlotId, Stage, Standing, What, Why};

/// A slot that starts within this time of when it should is on time: a scheduler that is called by cron each minute
/// comes that late.
pub(super) const GRACE: Duration = Duration::from_secs(120);

/// Slots that wait for one schedule at most.
const QUEUE: usize = 1_000;

/// Slots of one schedule that run at once at most, with `overlap: allow`.
const AT_ONCE: usize = 32;

/// Slots that are accounted for in one step at most: years of minutes take several.
const IN_ONE_STEP: usize = 10_000;

/// Decides what becomes of one schedule at an instant.
pub(super) struct Deciding<'a> {
    pub(super) schedule: &'a str,
    pub(super) plan: &'a Plan,
    pub(super) now: Timestamp,
    /// How it will stand once what is decided is written.
    pub(super) then: Standing,
    pub(super) out: Vec<What>,
}

/// What a slot that is due comes to by its instant alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    OnTime,
    Late,
    Missed(Why),
}

/// Slots in a row that are missed for one reason.
struct Stretch {
    from: Timestamp,
    to: Timestamp,
    count: u64,
    why: Why,
}

/// Says whether there is nothing to decide on.
pub(super) fn is_quiet(standing: &Standing, plan: &Plan, now: Timestamp) -> bool {
    standing.timing == plan.timing()
        && standing.queued().next().is_none()
        && plan.next(standing.cursor).is_none_or(|next| next > now)
}

/// Decides on a schedule whose manifest or `schedule:` is gone.
pub(super) fn removed(standing: &Standing) -> Vec<What> {
    let mut out = Vec::new();
    if !standing.timing.is_empty() {
        out.push(What::Registered { timing: String::new(), from: standing.cursor });
    }
    let waits = standing.live.iter().filter(|live| live.stage != Stage::Running);
    out.extend(waits.map(|live| What::Dropped { slot: live.slot, why: Why::Removed }));
    out
}

impl Deciding<'_> {
    /// Takes the schedule in, or its new timing.
    pub(super) fn register(&mut self) {
        if self.then.timing == self.plan.timing() {
            return;
        }
        let is_new = self.then == Standing::default();
        // What was just due by the new timing is not lost when a scheduler comes by each minute only.
        let from = if is_new { self.now } else { before(self.now, GRACE).max(self.then.cursor) };
        self.emit(What::Registered { timing: self.plan.timing(), from });
    }

    /// Accounts for all slots that are due.
    pub(super) fn account(&mut self) {
        let due = self.due();
        let is_whole = due.len() < IN_ONE_STEP;
        let last = due.iter().rposition(|(_, due)| !matches!(due, Due::Missed(_))).filter(|_| is_whole);
        let mut stretch = None;
        for (at, (slot, due)) in due.into_iter().enumerate() {
            let why = match due {
                Due::Missed(why) => Some(why),
                Due::Late if self.plan.schedule.catch_up == CatchUp::Last && last != Some(at) => {
                    Some(Why::Superseded)
                }
                Due::Late if self.then.queued().count() >= QUEUE => Some(Why::Full),
                Due::Late | Due::OnTime => None,
            };
            if let Some(why) = why {
                self.miss(&mut stretch, slot, why);
            } else {
                self.flush(&mut stretch);
                let how = if due == Due::OnTime { How::OnTime } else { How::CaughtUp };
                self.place(SlotId::due(slot), how);
            }
        }
        self.flush(&mut stretch);
    }

    fn due(&self) -> Vec<(Timestamp, Due)> {
        let policy = &self.plan.schedule;
        let mut found = Vec::new();
        let mut cursor = self.then.cursor;
        while let Some(slot) = self.plan.next(cursor).filter(|slot| *slot <= self.now) {
            cursor = slot;
            let late = since(self.now, self.plan.start(slot));
            let due = if self.then.is_paused_at(slot) {
                Due::Missed(Why::Paused)
            } else if policy.start_deadline.is_some_and(|deadline| late > deadline) {
                Due::Missed(Why::StartDeadline)
            } else if late <= GRACE {
                Due::OnTime
            } else if policy.catch_up == CatchUp::None {
                Due::Missed(Why::Down)
            } else if policy.window.is_some_and(|window| since(self.now, slot) > window) {
                Due::Missed(Why::Window)
            } else {
                Due::Late
            };
            found.push((slot, due));
            if found.len() == IN_ONE_STEP {
                break;
            }
        }
        found
    }

    fn miss(&mut self, stretch: &mut Option<Stretch>, slot: Timestamp, why: Why) {
        match stretch {
            Some(open) if open.why == why => (open.to, open.count) = (slot, open.count + 1),
            _ => {
                self.flush(stretch);
                *stretch = Some(Stretch { from: slot, to: slot, count: 1, why });
            }
        }
    }

    fn flush(&mut self, stretch: &mut Option<Stretch>) {
        if let Some(Stretch { from, to, count, why }) = stretch.take() {
            self.emit(What::Missed { from, to, count, why });
        }
    }

    /// Takes in a slot that a person asked for.
    pub(super) fn ask(&mut self, at: Timestamp) {
        // Asked for twice within a second, or with the clock set back.
        if self.then.last_manual.is_none_or(|last| last < at) {
            self.place(SlotId::manual(at), How::Manual);
        }
    }

    /// Finds a slot its place: it is started, waits, or is left out.
    fn place(&mut self, slot: SlotId, how: How) {
        let overlap = self.plan.schedule.overlap;
        if overlap == Overlap::CancelOther && how != How::CaughtUp && self.then.paused.is_none() {
            self.cancel_others(slot);
        }
        let busy = self.then.busy().count();
        let waiting = self.then.queued().count();
        let catches_up = self.then.queued().any(|live| live.how == How::CaughtUp);
        let is_held = self.then.paused.is_some() && how != How::Manual;
        let is_free =
            if overlap == Overlap::Allow && how != How::CaughtUp { true } else { busy + waiting == 0 };
        match overlap {
            _ if is_free && !is_held && busy < AT_ONCE => self.claim(slot, how),
            _ if how == How::Manual || how == How::CaughtUp || is_held => self.queue(slot, how),
            // While slots are caught up the order of all is kept.
            _ if catches_up => self.queue(slot, how),
            Overlap::Skip => self.emit(What::Skipped { slot, why: Why::Overlap }),
            Overlap::Allow => self.emit(What::Skipped { slot, why: Why::Full }),
            Overlap::QueueOne => {
                self.drop_queued(Why::Replaced);
                self.queue(slot, how);
            }
            Overlap::QueueAll | Overlap::CancelOther => self.queue(slot, how),
        }
    }

    fn queue(&mut self, slot: SlotId, how: How) {
        if self.then.queued().count() >= QUEUE {
            self.emit(What::Skipped { slot, why: Why::Full });
        } else {
            self.emit(What::Queued { slot, previous: self.plan.previous(slot.at), how });
        }
    }

    /// Takes the slots out of the queue that came when they were due.
    fn drop_queued(&mut self, why: Why) {
        let queued = self.then.queued().filter(|live| live.how == How::OnTime);
        for slot in queued.map(|live| live.slot).collect::<Vec<_>>() {
            self.emit(What::Dropped { slot, why });
        }
    }

    fn cancel_others(&mut self, by: SlotId) {
        self.drop_queued(Why::Replaced);
        let others = self.then.busy().filter(|live| live.cancelled_by.is_none());
        for (slot, stage) in others.map(|live| (live.slot, live.stage)).collect::<Vec<_>>() {
            self.emit(match stage {
                Stage::Running => What::Cancelling { slot, by },
                _ => What::Cancelled { slot, by, exit: None },
            });
        }
    }

    fn claim(&mut self, slot: SlotId, how: How) {
        let queued = self.then.find(slot).map(|live| live.previous);
        let previous = queued.unwrap_or_else(|| self.plan.previous(slot.at));
        let start_at = if slot.manual { slot.at } else { self.plan.start(slot.at) };
        let Plan { dir, manifest, .. } = self.plan;
        self.emit(What::Claimed {
            slot,
            previous,
            how,
            start_at,
            run_id: slot.run_id(self.schedule),
            dir: dir.clone(),
            manifest: manifest.clone(),
        });
    }

    /// Lets slots that wait have their turn.
    pub(super) fn dispatch(&mut self) {
        let policy = &self.plan.schedule;
        let queued: Vec<_> = self.then.queued().map(|live| (live.slot, live.how)).collect();
        for (slot, how) in queued {
            let late = since(self.now, self.plan.start(slot.at));
            if how != How::Manual && policy.start_deadline.is_some_and(|deadline| late > deadline) {
                self.emit(What::Dropped { slot, why: Why::StartDeadline });
                continue;
            }
            if how != How::Manual && self.then.paused.is_some() {
                continue;
            }
            let busy = self.then.busy().count();
            let together = policy.overlap == Overlap::Allow && how != How::CaughtUp && busy < AT_ONCE;
            if busy == 0 || together {
                self.claim(slot, how);
            }
        }
    }

    pub(super) fn emit(&mut self, what: What) {
        // What has no place is not said: the ledger would refuse it as well.
        if self.then.apply(&what, self.now).is_ok() {
            self.out.push(what);
        }
    }
}

/// Gives how long ago an instant was; zero for one that is to come.
pub(super) fn since(now: Timestamp, at: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(at)).unwrap_or_default()
}

fn before(now: Timestamp, duration: Duration) -> Timestamp {
    now.checked_sub(duration).unwrap_or(now)
}
