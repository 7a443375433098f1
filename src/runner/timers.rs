//! What is to happen later, in one heap.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tokio::time::Instant;

use crate::model::RowNumber;

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// A row's back-off is over. Timers of a row carry its epoch: a row that moved on ignores them.
    BackedOff(RowNumber, u32),
    /// A row's result is to be asked for.
    Poll(RowNumber, u32),
    /// A row's time is up. Carries the attempt, since an attached row changes its epoch with each poll.
    TimeUp(RowNumber, u32),
    /// What waited for a pause, or for a permit, may go on.
    Wake,
    /// The observer wants to know.
    Tick,
    /// The number of polls is to be journalled.
    Tally,
    /// Someone may have asked for other limits.
    Look,
    /// The process's time is up.
    Deadline,
    /// What is still on the wire is given up.
    DrainOver,
}

/// Timers, soonest first; those of one instant in the order they were set.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, u64, Timer)>>,
    set: u64,
}

impl Timers {
    pub(crate) fn set(&mut self, at: Instant, timer: Timer) {
        self.set += 1;
        self.heap.push(Reverse((at, self.set, timer)));
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _, _))| *at)
    }

    /// Lets go of timers that mean nothing any more, when they are more than `most`: a row that ends early leaves
    /// the one for its time-out behind, for as long as that is.
    pub(crate) fn prune(&mut self, most: usize, is_current: impl Fn(Timer) -> bool) {
        if self.heap.len() > most {
            self.heap.retain(|Reverse((_, _, timer))| is_current(*timer));
        }
    }

    pub(crate) fn due(&mut self, now: Instant) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, _, timer))| timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_of_rows_that_ended_are_let_go() {
        let mut timers = Timers::default();
        let now = Instant::now();
        for row in 1..=100 {
            timers.set(now, Timer::TimeUp(row, 1));
        }
        timers.set(now, Timer::Tick);
        let is_current = |timer| !matches!(timer, Timer::TimeUp(row, _) if row > 1);
        timers.prune(101, is_current);
        assert_eq!(timers.heap.len(), 101);
        timers.prune(100, is_current);
        let left: Vec<_> = std::iter::from_fn(|| timers.due(now)).collect();
        assert_eq!(left, [Timer::TimeUp(1, 1), Timer::Tick]);
    }
}
