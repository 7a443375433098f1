//! What a dispatcher is made of, and how it begins.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::allowance::Allowance;
use crate::control::Watch;
use crate::journal::{Committer, Index};
use crate::manifest::Limits;
use crate::model::{Delivery, Outcome, Reserved, RunState};
use crate::pace::{Pace, Request};
use crate::polling::PollSchedule;
use crate::runner::admission::Admission;
use crate::runner::breaker::Breaker;
use crate::runner::dispatcher::deliveries::Deliveries;
use crate::runner::dispatcher::live::LOOK;
use crate::runner::dispatcher::permits::Permits;
use crate::runner::dispatcher::search::Search;
use crate::runner::dispatcher::{Dispatcher, TALLY, TICK};
use crate::runner::pinned::Trial;
use crate::runner::retry_budget::RetryBudget;
use crate::runner::timers::{Timer, Timers};
use crate::runner::{Observer, Rows};
use crate::workflow::{self, Ask, Workflow};

/// What a dispatcher is made of.
pub(crate) struct Parts<W, O> {
    pub(crate) workflow: Arc<W>,
    pub(crate) observer: O,
    pub(crate) limits: Limits,
    pub(crate) trial: Trial,
    pub(crate) delivery: Delivery,
    pub(crate) committer: Committer,
    pub(crate) state: RunState,
    pub(crate) source: mpsc::Receiver<Rows>,
    /// What webhooks bring, when there is a receiver.
    pub(crate) deliveries: Option<mpsc::Receiver<workflow::Delivery>>,
    pub(crate) pace: Pace,
    /// What other processes take of the same rates; none when that is not known.
    pub(crate) allowance: Option<Allowance>,
    /// Free requests that ask for a permit.
    pub(crate) asks: Option<mpsc::Receiver<Ask>>,
    pub(crate) schedule: PollSchedule,
    pub(crate) control: Option<Watch>,
    pub(crate) start: Instant,
    pub(crate) ahead: usize,
}

impl<W: Workflow, O: Observer> Dispatcher<W, O> {
    pub(crate) fn new(parts: Parts<W, O>) -> Self {
        let Parts {
            workflow,
            observer,
            limits,
            trial,
            delivery,
            committer,
            state,
            source,
            deliveries,
            pace,
            allowance,
            asks,
            mut schedule,
            control,
            start,
            ahead,
        } = parts;
        let index = state.is_untouched().then(Index::default);
        schedule.set_rated(pace.has_rate(Request::Poll));
        let admission = Admission::new(limits.concurrency, limits.halt);
        let breaker = Breaker::new(&limits.retry, state.ended(Outcome::Succeeded) > 0);
        let retry_budget = RetryBudget::new(limits.retry.budget);
        let timers = first_timers(start, control.is_some(), limits.deadline);
        Self {
            workflow,
            observer,
            limits,
            trial,
            delivery,
            committer,
            state,
            index,
            start,
            rows: HashMap::new(),
            queue: VecDeque::new(),
            retries: VecDeque::new(),
            fresh: VecDeque::new(),
            source: Some(source),
            run_ids: HashMap::new(),
            deliveries: Deliveries::new(deliveries),
            search: Search::default(),
            tasks: JoinSet::new(),
            owners: HashMap::new(),
            timers,
            wake_at: None,
            admission,
            pending: Reserved::default(),
            breaker,
            retry_budget,
            pace,
            permits: Permits::new(allowance, asks),
            schedule,
            control,
            asked: VecDeque::new(),
            random: fastrand::Rng::new(),
            stop: None,
            polls_ended: false,
            signalled: false,
            polls: 0,
            throttled_polls: 0,
            tallied: 0,
            ahead: ahead.max(1),
        }
    }
}

fn first_timers(start: Instant, is_watched: bool, deadline: Option<Duration>) -> Timers {
    let mut timers = Timers::default();
    timers.set(start + TICK, Timer::Tick);
    timers.set(start + TALLY, Timer::Tally);
    if is_watched {
        timers.set(start + LOOK, Timer::Look);
    }
    if let Some(deadline) = deadline {
        timers.set(start + deadline, Timer::Deadline);
    }
    timers
}
