//! Calendars: a cron text in a time zone, to the instants that it means. Pure: it reads no clock and no system files,
//! so that a schedule means the same on every machine.

mod changes;
mod cron;
mod edge;
mod field;
mod jitter;
mod slot;
mod walk;
mod zone;

pub use changes::Change;
pub use cron::Cron;
pub use edge::{Edge, edge};
pub use slot::{Note, Slot};
pub use walk::{Calendar, Slots};
pub use zone::Zone;

use std::fmt;
use std::ops::Range;

/// What a fixed local time means when the clock is changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dst {
    /// A fixed time of day happens once, whatever the clock does: right after a gap, and in the first pass of an hour
    /// that comes twice. Times with a `*` in minute or hour follow real time. Debian cron's rule (`cron(8)`).
    #[default]
    Once,
    /// A local time that does not exist is skipped, and one that comes twice happens twice. The rule of Kubernetes.
    Literal,
}

impl Dst {
    /// Gives the word of the manifest.
    pub fn word(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Literal => "literal",
        }
    }
}

/// What is wrong with a cron text, the name of a zone or an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarError {
    /// Where it stands in the text: bytes.
    pub at: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl CalendarError {
    fn new(at: Range<usize>, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), help: None }
    }

    fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for CalendarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {})", self.message, self.at.start)?;
        self.help.iter().try_for_each(|help| write!(f, ": {help}"))
    }
}

impl std::error::Error for CalendarError {}

#[cfg(test)]
mod tests;
