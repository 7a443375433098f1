//! `limits.concurrency` and `limits.retry` as they are meant: how much is asked of a service, and what is asked again.

use std::time::Duration;

use rust_decimal::Decimal;

use crate::model::{ErrorKind, Limit};

/// `limits.concurrency`: rows in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concurrency {
    /// The most, from 1 to 10,000.
    pub max: usize,
    /// Whether the number in force follows what the service bears.
    pub adaptive: bool,
}

impl Concurrency {
    /// Gives a number that is kept, whatever the service bears.
    pub fn fixed(max: usize) -> Self {
        Self { max, adaptive: false }
    }
}

/// `limits.retry`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// `attempts`: the first send counts; from 1 to 100.
    pub attempts: u32,
    /// `backoff`.
    pub backoff: Backoff,
    /// `also`: answers that are sent again although they were, or may have been, billed.
    pub also: Vec<RetryAlso>,
    /// `connect`, `unavailable` and their like: what is said for one kind of trouble.
    pub classes: Vec<(RetryClass, ClassRetry)>,
    /// `budget`: how many retries may not help; a share is one of the rows sent.
    pub budget: Limit,
    /// `outage`: how long everything may be refused before the run suspends itself.
    pub outage: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 4,
            backoff: Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(60) },
            also: Vec::new(),
            classes: Vec::new(),
            budget: Limit::Share(Decimal::new(2, 1)),
            outage: Duration::from_secs(30 * 60),
        }
    }
}

impl Retry {
    /// Gives how often a row is sent at most when its last send ended so.
    pub fn attempts(&self, class: Option<RetryClass>) -> u32 {
        self.of(class).and_then(|of| of.attempts).unwrap_or(self.attempts)
    }

    /// Gives the waits after a send that ended so.
    pub fn backoff(&self, class: Option<RetryClass>) -> Backoff {
        self.of(class).and_then(|of| of.backoff).unwrap_or(self.backoff)
    }

    fn of(&self, class: Option<RetryClass>) -> Option<&ClassRetry> {
        let class = class?;
        self.classes.iter().find(|(of, _)| *of == class).map(|(_, retry)| retry)
    }
}

/// A kind of trouble, as a key of `limits.retry`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryClass {
    /// No connection came about.
    Connect,
    /// The service said that it is unavailable.
    Unavailable,
    /// The service reported an error of its own, and `also` asks for it again.
    ServerError,
    /// The workflow failed, and `also` asks for it again.
    Failed,
    /// It may have run, and `delivery: at_least_once` asks for it again.
    InDoubt,
}

impl RetryClass {
    /// Every class with its key.
    pub const ALL: [(&'static str, Self); 5] = [
        ("connect", Self::Connect),
        ("unavailable", Self::Unavailable),
        ("server_error", Self::ServerError),
        ("failed", Self::Failed),
        ("in_doubt", Self::InDoubt),
    ];

    /// Gives the class of a definite error; none for the kinds that have no key of their own.
    pub fn of(kind: &ErrorKind) -> Option<Self> {
        let kinds = [
            (ErrorKind::CONNECT, Self::Connect),
            (ErrorKind::UNAVAILABLE, Self::Unavailable),
            (ErrorKind::SERVER_ERROR, Self::ServerError),
            (ErrorKind::WORKFLOW_FAILED, Self::Failed),
        ];
        kinds.into_iter().find(|(of, _)| of == kind).map(|(_, class)| class)
    }
}

/// What `limits.retry` says for one kind of trouble; none: as for the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassRetry {
    /// `attempts`: of any kind, the first send counts.
    pub attempts: Option<u32>,
    /// `backoff`.
    pub backoff: Option<Backoff>,
}

/// `limits.retry.backoff`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait before the second attempt.
    pub first: Duration,
    /// The longest wait of all.
    pub longest: Duration,
}

/// `limits.retry.also`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAlso {
    /// Workflow runs that ended with FAILED.
    Failed,
    /// Errors that the service reported in its own words.
    ServerError,
}
