//! The nouns: rows, outcomes, money, a run's events, and `RunState`, the one fold over those events.
//!
//! Floor 0. Does no I/O, reads no clock, and knows neither manifest nor provider. Everything above speaks in
//! these words, so that journal, report and runner can't disagree about what happened.

mod doubt;
mod event;
mod facts;
mod life;
mod money;
mod outcome;
mod pin;
mod repeats;
mod reserved;
mod reused;
mod row;
mod row_event;
mod row_set;
mod scheduled;
mod state;
mod tally;
mod throttling;
mod verdict;

pub use doubt::Doubt;
pub use event::{
    Closed, Digest, Durability, Json, Opened, Places, PollTally, ProcessEnded, ProcessStarted, RunEvent,
    Selected, SettingsChanged, Stopped,
};
pub use facts::{Kept, RowFacts};
pub use life::RowState;
pub use money::{Cost, MoneyError};
pub use outcome::{ErrorKind, Outcome, RowError};
pub use pin::Pin;
pub use repeats::Repeats;
pub use reserved::Reserved;
pub use reused::{Origin, Reused};
pub use row::{Record, Row, RowKey, RowNumber, row_tag};
pub use row_event::{
    Ambiguous, Answered, Attached, Delivery, Ended, Intended, Receipt, Refused, Rejected, Reopened,
    Reservation, Settled, Via, Withdrawn, WithdrawnWhy,
};
pub use row_set::RowSet;
pub use scheduled::ScheduledFor;
pub use state::{Impossible, RunState};
pub use tally::{Counts, ReusedTally, Tally};
pub use throttling::Throttling;
pub use verdict::{Accept, ExitCode, Limit, Reason, Retry, StopCause, Verdict};
