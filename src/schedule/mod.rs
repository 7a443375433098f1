//! Schedules: which slots are due, what becomes of each, and the ledger that says so. A slot runs as a child process of
//! this binary, so nothing here knows of runs but their ids. Deciding is pure - a state, a plan and an instant in,
//! records out - and what it decides is durable before it is done.

mod decide;
mod inbox;
mod ledger;
mod plan;
mod record;
mod retention;
mod scheduler;
mod state;

pub use inbox::{Asked, Inbox, Request};
pub use ledger::{Error, Ledger};
pub use plan::Plan;
pub use record::{How, PauseWhy, Record, SlotId, What, Why};
pub use retention::{PastRun, to_remove};
pub use scheduler::{Exit, Job, Key, Log, Scheduler, Then, World};
pub use state::{Counts, Final, Live, Stage, Standing, State};

#[cfg(test)]
mod tests;
