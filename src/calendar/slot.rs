//! A slot: an instant at which something is due, and what the clock did to it.

use jiff::Timestamp;
use jiff::civil::DateTime;

/// An instant at which something is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The instant that the calendar names: what the slot is known by.
    pub nominal: Timestamp,
    /// When it is started: the nominal instant and its jitter.
    pub start: Timestamp,
    /// What a change of the clock did to it.
    pub note: Option<Note>,
}

/// What a change of the clock did to a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// The local time did not exist: the slot was moved to the end of the gap.
    Moved {
        /// The first local time that matched and was skipped by the clock.
        from: DateTime,
    },
    /// The local time comes twice, and this is its first pass, the only one that counts.
    Once,
    /// The local time comes twice, and so does the slot: this is the first of the two.
    First,
    /// The local time comes twice, and so does the slot: this is the second of the two.
    Second,
}
