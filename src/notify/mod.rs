//! Telling someone outside of a run: what is due to be told, the memory of what was, and its delivery within a bound. A
//! receiver that fails changes nothing about the run.

mod memory;
mod send;

pub use memory::Memory;
pub use send::{Delivered, Letter, PATIENCE, Patience, deliver, letters};

use std::collections::BTreeSet;
use std::time::Duration;

use crate::manifest::Alarm;

/// Something that needs someone: what it is, and for `stopped` why. What was told of one says nothing of another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Condition {
    /// What it is.
    pub alarm: Alarm,
    /// Why, when that makes it another one: the word of the verdict.
    pub cause: Option<String>,
}

impl Condition {
    /// Gives the name that it is remembered by.
    pub fn key(&self) -> String {
        match &self.cause {
            Some(cause) => format!("{}:{cause}", self.alarm.word()),
            None => self.alarm.word().to_owned(),
        }
    }
}

/// Says of the conditions that a run has which are to be told now: those that were not told within `repeat`. `now` is in
/// seconds since 1970.
pub fn due(
    memory: &Memory,
    found: &BTreeSet<Condition>,
    when: &[Alarm],
    repeat: Duration,
    now: i64,
) -> Vec<Condition> {
    let repeat = i64::try_from(repeat.as_secs()).unwrap_or(i64::MAX);
    let is_due = |condition: &&Condition| {
        // A clock that was set back far must not silence what is told.
        let told = memory.told(&condition.key());
        when.contains(&condition.alarm)
            && told.is_none_or(|told| now.saturating_sub(told).saturating_abs() >= repeat)
    };
    found.iter().filter(is_due).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    fn condition(alarm: Alarm, cause: Option<&str>) -> Condition {
        Condition { alarm, cause: cause.map(str::to_owned) }
    }

    #[test]
    fn what_was_told_is_told_again_only_after_a_while() {
        let stopped = condition(Alarm::Stopped, Some("budget"));
        let other = condition(Alarm::Stopped, Some("authentication"));
        let found: BTreeSet<_> = [stopped.clone(), other.clone()].into();
        let (all, repeat) = ([Alarm::Stopped, Alarm::InDoubt], Duration::from_secs(24 * 3600));
        let mut memory = Memory::default();
        assert_eq!(due(&memory, &found, &all, repeat, 0).len(), 2);
        memory.tell(&stopped.key(), 0, "r1");
        assert_eq!(due(&memory, &found, &all, repeat, 23 * HOUR), std::slice::from_ref(&other));
        assert_eq!(due(&memory, &found, &all, repeat, 24 * HOUR).len(), 2);
        assert_eq!(due(&memory, &found, &all, repeat, -30 * HOUR).len(), 2, "the clock was set back");
        assert!(due(&memory, &found, &[Alarm::GateFailed], repeat, 0).is_empty());
        assert_eq!(due(&memory, &found, &all, Duration::ZERO, 0).len(), 2);
    }
}
