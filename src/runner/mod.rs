//! Runs rows: what remains to be done, what may start now, one row's life, and the loop that owns it all.
//!
//! Knows neither what a check is nor how an answer is read: `reply` judges, `journal` remembers, `workflow` sends.

mod adaptive;
mod admission;
mod books;
mod breaker;
mod budget;
mod dispatcher;
mod invocation;
mod observer;
mod permit;
mod pinned;
mod plan;
mod reconcile;
mod recovery;
mod retry_budget;
mod run;
mod source;
mod timers;

pub use books::{Book, Books, Difference, Ledger};
pub use dispatcher::Signal;
pub use invocation::{Content, Prepared};
pub use observer::{Observer, Progress};
pub use plan::{Next, Plan, next};
pub use recovery::{Recovery, untold};
pub use run::{Finished, Job, Rows, close_complete, run};
pub use source::{Renderer, read};

use crate::journal;
use crate::model::Impossible;

/// What ends a run against its will: the environment's fault, or ours. What was durable stays so.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The journal can't be written any more.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// The journal's thread could not be started.
    #[error("no thread could be started: {0}")]
    Thread(std::io::Error),
    /// The runner did something that its own rules forbid.
    #[error("a bug: {0}")]
    Bug(#[from] Impossible),
}
