//! `notify`: whom to tell of a run that needs someone, and of what.

use std::time::Duration;

use crate::manifest::SecretText;
use crate::mapping::InputTemplate;

/// `notify`.
#[derive(Clone, Debug)]
pub struct NotifySpec {
    /// `when`: what is told.
    pub when: Vec<Alarm>,
    /// `url`: where to.
    pub url: Option<SecretText>,
    /// `headers`, in the order written.
    pub headers: Vec<(String, SecretText)>,
    /// `body`; none: the general one.
    pub body: Option<InputTemplate>,
    /// `repeat`: how long nothing more is said of what was told.
    pub repeat: Duration,
    /// `heartbeat`: what is called after each run that was accepted.
    pub heartbeat: Option<SecretText>,
}

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// A gate does not hold.
    GateFailed,
    /// More rows did not succeed than `accept` allows.
    RowsFailed,
    /// A run stopped before its rows ran out, or could not begin.
    Stopped,
    /// Rows are in doubt.
    InDoubt,
    /// A run that was due did not take place.
    Missed,
    /// The first run that was accepted after any of these.
    Recovered,
}

impl Alarm {
    /// All of them, with their words.
    pub const ALL: [(&str, Self); 6] = [
        ("gate_failed", Self::GateFailed),
        ("rows_failed", Self::RowsFailed),
        ("stopped", Self::Stopped),
        ("in_doubt", Self::InDoubt),
        ("missed", Self::Missed),
        ("recovered", Self::Recovered),
    ];

    /// Gives its word.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, alarm)| *alarm == self).map_or("", |(word, _)| word)
    }
}
