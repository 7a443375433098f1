//! A run from its plan to its last event.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::allowance::Allowance;
use crate::journal::{Committer, Writer};
use crate::manifest::{FirstPoll, Limits, PollSpec};
use crate::model::{
    Ambiguous, Closed, Delivery, Ended, ErrorKind, Outcome, Pin, ProcessEnded, RowError, RowNumber, RunEvent,
    RunState, StopCause, Stopped,
};
use crate::pace::Pace;
use crate::retry::PollSchedule;
use crate::runner::dispatcher::{Dispatcher, Driven, Parts, millis};
use crate::runner::invocation::Prepared;
use crate::runner::permit::Permits;
use crate::runner::pinned::Trial;
use crate::runner::{Error, Observer, Plan, Signal};
use crate::workflow::{self, Workflow};

/// What the reader of the dataset hands over.
#[derive(Debug)]
pub enum Rows {
    /// A row.
    Prepared(Box<Prepared>),
    /// The dataset can't be read any further.
    Failed {
        /// What that makes of the run.
        cause: StopCause,
        /// For a person.
        detail: String,
    },
}

/// A run that is to be driven to its end.
pub struct Job<W> {
    /// What is invoked.
    pub workflow: Arc<W>,
    /// What remains.
    pub plan: Plan,
    /// The rows of `plan.send`, in order.
    pub source: mpsc::Receiver<Rows>,
    /// How many of them are taken ahead of their start; the bound of memory for inputs that are large.
    pub ahead: usize,
    /// What webhooks bring, when there is a receiver.
    pub deliveries: Option<mpsc::Receiver<workflow::Delivery>>,
    /// The limits in force.
    pub limits: Limits,
    /// When results are asked for.
    pub poll: PollSpec,
    /// The workflow that must answer.
    pub pin: Option<Pin>,
    /// What is done with a send whose fate is unknown.
    pub delivery: Delivery,
    /// The journal, with `state` at its end and the process's first event written.
    pub writer: Writer,
    /// What the journal says.
    pub state: RunState,
    /// The rates to keep, and what calls to slow down lead to; from the process's start on.
    pub pace: Pace,
    /// What other processes on this machine leave of the rates; none when that is not known.
    pub allowance: Option<Allowance>,
    /// Free requests that ask for a permit.
    pub asks: Option<mpsc::Receiver<workflow::Ask>>,
    /// Ctrl-C and its like.
    pub signals: mpsc::Receiver<Signal>,
}

/// A run that was driven to its end.
#[derive(Debug)]
pub struct Finished<O> {
    /// What it came to.
    pub state: RunState,
    /// The journal; it holds the run's lock.
    pub writer: Writer,
    /// Who watched.
    pub observer: O,
}

/// Runs what remains. Returns when nothing does, or when a stop has drained.
pub async fn run<W: Workflow, O: Observer>(job: Job<W>, mut observer: O) -> Result<Finished<O>, Error> {
    let Job { workflow, plan, source, ahead, limits, poll, pin, delivery, mut writer, mut state, .. } = job;
    let start = Instant::now();
    let (deliveries, mut signals) = (job.deliveries, job.signals);
    let mut permits = Permits { pace: job.pace, allowance: job.allowance, asks: job.asks, start };
    let mut settle = Settle { writer: &mut writer, state: &mut state, observer: &mut observer };
    settle.doubts(&plan, delivery)?;
    if !plan.is_empty()
        && let Some(stopped) = {
            let asked = permits.given_to(workflow.verify());
            stop_before_the_first_send(asked, limits.deadline, &mut signals).await
        }
    {
        let ended = ProcessEnded { wall_ms: millis(start.elapsed()), polls: 0, throttled: 0 };
        settle.append(vec![RunEvent::Stopped(stopped), RunEvent::ProcessEnded(ended)])?;
        return Ok(Finished { state, writer, observer });
    }
    let first = match poll.first {
        FirstPoll::Auto => None,
        FirstPoll::After(wait) => Some(wait),
    };
    let mut dispatcher = Dispatcher::new(Parts {
        workflow,
        observer,
        limits,
        trial: Trial::of(pin),
        delivery,
        committer: Committer::start(writer).map_err(Error::Thread)?,
        state,
        source,
        deliveries,
        pace: permits.pace,
        allowance: permits.allowance,
        asks: permits.asks,
        schedule: PollSchedule::new(first, poll.shortest, poll.longest),
        start,
        ahead,
    });
    for (row, run_id) in plan.poll {
        dispatcher.take_up(row, run_id);
    }
    close(dispatcher.drive(signals).await?)
}

/// Waits until it is known whether the key is taken. What is slow to say so must not keep a signal from being heard,
/// nor a deadline from being kept.
async fn stop_before_the_first_send(
    asked: impl Future<Output = Result<(), RowError>>,
    deadline: Option<Duration>,
    signals: &mut mpsc::Receiver<Signal>,
) -> Option<Stopped> {
    let deadline = async {
        match deadline {
            Some(deadline) => sleep(deadline).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        verified = asked => {
            let error = verified.err()?;
            Some(Stopped { cause: StopCause::Authentication, detail: error.message })
        }
        Some(Signal::Stop) = signals.recv() => {
            Some(Stopped { cause: StopCause::Interrupted, detail: "interrupted".to_owned() })
        }
        () = deadline => {
            Some(Stopped { cause: StopCause::Deadline, detail: "`limits.deadline` has passed".to_owned() })
        }
    }
}

/// Writes the process's last event, and the run's when it is complete.
fn close<O: Observer>(driven: Driven<O>) -> Result<Finished<O>, Error> {
    let Driven { committer, mut state, mut observer, polls, throttled_polls, wall } = driven;
    let gone = || Error::Thread(std::io::Error::other("the journal's thread has ended"));
    let mut writer = committer.finish().ok_or_else(gone)?;
    let mut settle = Settle { writer: &mut writer, state: &mut state, observer: &mut observer };
    settle.append(vec![RunEvent::ProcessEnded(ProcessEnded {
        wall_ms: millis(wall),
        polls,
        throttled: throttled_polls,
    })])?;
    if settle.state.is_complete() {
        let counts = settle.state.counts();
        settle.append(vec![RunEvent::Closed(Closed {
            flowbatch: env!("CARGO_PKG_VERSION").to_owned(),
            rows: [counts.succeeded, counts.failed, counts.in_doubt, counts.rejected],
            cost: Some(settle.state.tally().cost),
            tokens: settle.state.tally().tokens,
        })])?;
    }
    Ok(Finished { state, writer, observer })
}

/// Appends outside of the loop, where nothing else is under way.
struct Settle<'a, O> {
    writer: &'a mut Writer,
    state: &'a mut RunState,
    observer: &'a mut O,
}

impl<O: Observer> Settle<'_, O> {
    fn append(&mut self, events: Vec<RunEvent>) -> Result<(), Error> {
        self.writer.append(&events)?;
        for event in events {
            self.state.apply(self.writer.t_ms(), &event)?;
            self.observer.event(&event, self.state);
        }
        Ok(())
    }

    /// Says of rows that were on their way when a process died that they may have run.
    fn doubts(&mut self, plan: &Plan, delivery: Delivery) -> Result<(), Error> {
        let mut events = Vec::new();
        for row in &plan.doubt {
            let (kind, message) = (ErrorKind::INTERRUPTED, INTERRUPTED.to_owned());
            let attempt = self.state.sends(*row);
            let row = *row;
            events.push(RunEvent::Ambiguous(Ambiguous {
                row,
                attempt,
                kind,
                message,
                http_status: None,
                body: None,
            }));
        }
        if delivery == Delivery::AtMostOnce {
            events.extend(plan.doubt.iter().chain(&plan.settle).map(|row| held(*row)));
        }
        if events.is_empty() { Ok(()) } else { self.append(events) }
    }
}

/// Says of rows that were on their way when a process died that they may have run, outside of a run.
#[cfg(test)]
pub(crate) fn settle_doubts(
    writer: &mut Writer,
    state: &mut RunState,
    plan: &Plan,
    delivery: Delivery,
) -> Result<(), Error> {
    Settle { writer, state, observer: &mut () }.doubts(plan, delivery)
}

const INTERRUPTED: &str = "flowbatch ended between the send and the answer: the row may have run";

fn held(row: RowNumber) -> RunEvent {
    let error = RowError::new(ErrorKind::INTERRUPTED, INTERRUPTED);
    RunEvent::Ended(Ended { row, outcome: Outcome::InDoubt, error, workflow_run_id: None, backoff_ms: 0 })
}
