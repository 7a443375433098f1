//! Changes of the clock.

use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use crate::calendar::Zone;

/// A change of the clock: the offset from UTC before and after an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The first instant of the new offset.
    pub at: Timestamp,
    /// The offset before.
    pub before: Offset,
    /// The offset from then on.
    pub after: Offset,
}

impl Change {
    /// Gives how far the clock is put forward: negative when it is put back.
    pub fn forward(&self) -> SignedDuration {
        self.before.duration_until(self.after)
    }
}

impl Zone {
    /// Gives the offset at an instant.
    pub fn offset(&self, at: Timestamp) -> Offset {
        self.rules.to_offset(at)
    }

    /// Gives the first change of the clock after an instant.
    pub fn change_after(&self, after: Timestamp) -> Option<Change> {
        let mut before = self.offset(after);
        for transition in self.rules.following(after) {
            let change = Change { at: transition.timestamp(), before, after: transition.offset() };
            // Some transitions rename the time and leave the clock alone.
            if change.before != change.after {
                return Some(change);
            }
            before = change.after;
        }
        None
    }
}
