//! A manifest's schedule with what is needed to follow it.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::manifest::Schedule;

/// A schedule, ready to be followed.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The manifest, absolute.
    pub manifest: PathBuf,
    /// The folder that its runs are kept in, absolute.
    pub dir: PathBuf,
    /// When slots are due, and what is done with those that can't simply be started.
    pub schedule: Schedule,
}

impl Plan {
    /// Gives what says when slots are due, as a text: another one means other slots.
    pub fn timing(&self) -> String {
        let calendar = &self.schedule.calendar;
        let mut text =
            format!("{} {} dst {}", calendar.cron().text(), calendar.zone().name(), calendar.dst().word());
        for (word, edge) in [("starts", calendar.starts()), ("ends", calendar.ends())] {
            if let Some(edge) = edge {
                text.push_str(&format!(" {word} {edge}"));
            }
        }
        text
    }

    /// Gives the first slot after an instant.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        self.schedule.calendar.next_after(after).map(|slot| slot.nominal)
    }

    /// Gives the last slot before an instant, whether or not it ran.
    pub fn previous(&self, before: Timestamp) -> Option<Timestamp> {
        self.schedule.calendar.previous(before).map(|slot| slot.nominal)
    }

    /// Gives when a slot starts: as much later than it is due as the jitter says, on every machine alike.
    pub fn start(&self, slot: Timestamp) -> Timestamp {
        let before = slot.checked_sub(jiff::SignedDuration::from_nanos(1)).unwrap_or(slot);
        let found = self.schedule.calendar.next_after(before).filter(|found| found.nominal == slot);
        found.map_or(slot, |found| found.start)
    }
}
