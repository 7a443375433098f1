//! A run from its plan to its last event.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::allowance::Allowance;
use crate::control::Watch;
use crate::fail_point::{self, Point};
use crate::journal::{Committer, Index, Writer};
use crate::manifest::{FirstPoll, Limits, PollSpec};
use crate::model::{
    Ambiguous, Attached, Closed, Delivery, Ended, ErrorKind, Outcome, Pin, ProcessEnded, RowError, RowNumber,
    RowSet, RunEvent, RunState, StopCause, Stopped, Via,
};
use crate::pace::Pace;
use crate::polling::PollSchedule;
use crate::runner::dispatcher::{Dispatcher, Driven, Parts, millis};
use crate::runner::invocation::Prepared;
use crate::runner::permit::Permits;
use crate::runner::pinned::Trial;
use crate::runner::recovery::{Recovery, search};
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
    /// Where other limits are asked for while it runs.
    pub control: Option<Watch>,
    /// How rows whose replies were lost are looked for, when they can be.
    pub recovery: Option<Arc<Recovery>>,
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
    /// Where the events of all rows stand, when this process has written them all and asked no row again.
    pub index: Option<Index>,
    /// The journal; it holds the run's lock.
    pub writer: Writer,
    /// Who watched.
    pub observer: O,
}

/// Runs what remains. Returns when nothing does, or when a stop has drained.
pub async fn run<W: Workflow, O: Observer>(job: Job<W>, mut observer: O) -> Result<Finished<O>, Error> {
    let Job { workflow, mut plan, source, ahead, limits, poll, pin, delivery, mut writer, mut state, .. } =
        job;
    let start = Instant::now();
    let (deliveries, recovery, mut signals) = (job.deliveries, job.recovery, job.signals);
    let mut permits = Permits { pace: job.pace, allowance: job.allowance, asks: job.asks, start };
    let mut settle = Settle { writer: &mut writer, state: &mut state, observer: &mut observer };
    settle.doubts(&plan)?;
    let lost: RowSet = plan.doubt.iter().chain(&plan.settle).copied().chain(settle.state.lost()).collect();
    let lost = recovery.as_deref().map(|recovery| (recovery, lost)).filter(|(_, lost)| !lost.is_empty());
    let tried = lost.as_ref().map(|(_, lost)| lost.clone()).unwrap_or_default();
    let begun = if plan.is_empty() && lost.is_none() {
        Ok(Vec::new())
    } else {
        begin(&*workflow, lost, &mut permits, limits.deadline, &mut signals).await
    };
    if let Ok(found) = &begun {
        settle.found(&mut plan, found)?;
    }
    settle.hold(&plan, delivery)?;
    if let Err(stopped) = begun {
        let ended = ProcessEnded { wall_ms: millis(start.elapsed()), polls: 0, throttled: 0, places: None };
        settle.append(&[RunEvent::Stopped(stopped), RunEvent::ProcessEnded(ended)])?;
        return Ok(Finished { state, index: None, writer, observer });
    }
    fail_point::pass(Point::KeyVerified);
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
        schedule: PollSchedule::new(first, poll.interval),
        control: job.control,
        start,
        ahead,
    });
    for (row, run_id) in plan.poll {
        dispatcher.take_up(row, run_id);
    }
    if let Some(recovery) = recovery {
        dispatcher.recover(recovery, tried);
    }
    close(dispatcher.drive(signals).await?)
}

/// Asks whether the key is taken, and looks for rows whose replies were lost; gives those that were found, or why the
/// run stops. What is slow to say so must not keep a signal from being heard, nor a deadline from being kept.
async fn begin<W: Workflow>(
    workflow: &W,
    lost: Option<(&Recovery, RowSet)>,
    permits: &mut Permits,
    deadline: Option<Duration>,
    signals: &mut mpsc::Receiver<Signal>,
) -> Result<Vec<(RowNumber, String)>, Stopped> {
    let ask = async {
        let stopped = |error: RowError| Stopped { cause: StopCause::Authentication, detail: error.message };
        workflow.verify().await.map_err(stopped)?;
        Ok(match lost {
            Some((recovery, lost)) => search(workflow, recovery, lost).await,
            None => Vec::new(),
        })
    };
    let deadline = async {
        match deadline {
            Some(deadline) => sleep(deadline).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        asked = permits.given_to(ask) => asked,
        Some(Signal::Stop) = signals.recv() => {
            Err(Stopped { cause: StopCause::Interrupted, detail: "interrupted".to_owned() })
        }
        () = deadline => {
            Err(Stopped { cause: StopCause::Deadline, detail: "`limits.deadline` has passed".to_owned() })
        }
    }
}

/// Writes the process's last event, and the run's when it is complete.
fn close<O: Observer>(driven: Driven<O>) -> Result<Finished<O>, Error> {
    let Driven { committer, mut state, index, mut observer, polls, throttled_polls, places, wall } = driven;
    let gone = || Error::Thread(std::io::Error::other("the journal's thread has ended"));
    let mut writer = committer.finish().ok_or_else(gone)?;
    fail_point::pass(Point::RunDone);
    let mut settle = Settle { writer: &mut writer, state: &mut state, observer: &mut observer };
    settle.append(&[RunEvent::ProcessEnded(ProcessEnded {
        wall_ms: millis(wall),
        polls,
        throttled: throttled_polls,
        places,
    })])?;
    fail_point::pass(Point::ProcessEnded);
    settle.closed()?;
    Ok(Finished { state, index, writer, observer })
}

/// Writes the last event of a run that is complete, and whose last process died before it could.
pub fn close_complete(writer: &mut Writer, state: &mut RunState) -> Result<(), Error> {
    Settle { writer, state, observer: &mut () }.closed()
}

/// Appends outside of the loop, where nothing else is under way.
struct Settle<'a, O> {
    writer: &'a mut Writer,
    state: &'a mut RunState,
    observer: &'a mut O,
}

impl<O: Observer> Settle<'_, O> {
    fn append(&mut self, events: &[RunEvent]) -> Result<(), Error> {
        // Subtle: what is impossible must be known before it is durable, or the run could never be read again.
        let t_ms = self.writer.instant();
        for event in events {
            self.state.apply(t_ms, event)?;
        }
        self.writer.append_at(t_ms, events)?;
        for event in events {
            self.observer.event(event, self.state);
        }
        Ok(())
    }

    /// Says that the run is complete, when it is and nobody has said so.
    fn closed(&mut self) -> Result<(), Error> {
        if !self.state.is_complete() || self.state.is_closed() {
            return Ok(());
        }
        let counts = self.state.counts();
        self.append(&[RunEvent::Closed(Closed {
            flowbatch: env!("CARGO_PKG_VERSION").to_owned(),
            rows: [counts.succeeded, counts.failed, counts.in_doubt, counts.rejected],
            cost: Some(self.state.tally().cost),
            tokens: self.state.tally().tokens,
        })])?;
        fail_point::pass(Point::RunClosed);
        Ok(())
    }

    /// Says of rows that were on their way when a process died that they may have run.
    fn doubts(&mut self, plan: &Plan) -> Result<(), Error> {
        let mut events = Vec::new();
        for row in plan.doubt.iter().copied() {
            let (kind, message) = (ErrorKind::INTERRUPTED, INTERRUPTED.to_owned());
            let attempt = self.state.sends(row);
            let (http_status, body) = (None, None);
            events.push(RunEvent::Ambiguous(Ambiguous { row, attempt, kind, message, http_status, body }));
        }
        if events.is_empty() {
            return Ok(());
        }
        fail_point::pass(Point::DoubtsFound);
        self.append(&events)?;
        fail_point::pass(Point::DoubtsSettled);
        Ok(())
    }

    /// Rows that were found in the provider's run log are its runs: they are asked for, and not sent again.
    fn found(&mut self, plan: &mut Plan, found: &[(RowNumber, String)]) -> Result<(), Error> {
        let mut events = Vec::new();
        for (row, workflow_run_id) in found.iter().cloned() {
            plan.attach(row, workflow_run_id.clone());
            let attempt = self.state.sends(row);
            let (workflow_version, workflow_id, via) = (None, None, Via::RunLog);
            events.push(RunEvent::Attached(Attached {
                row,
                attempt,
                workflow_run_id,
                workflow_version,
                workflow_id,
                via,
            }));
        }
        if events.is_empty() { Ok(()) } else { self.append(&events) }
    }

    /// Holds rows that may have run, unless they are to be sent again.
    fn hold(&mut self, plan: &Plan, delivery: Delivery) -> Result<(), Error> {
        let rows = plan.doubt.iter().chain(&plan.settle).filter(|_| delivery == Delivery::AtMostOnce);
        let events: Vec<_> = rows.map(|row| held(*row)).collect();
        if events.is_empty() { Ok(()) } else { self.append(&events) }
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
    let mut settle = Settle { writer, state, observer: &mut () };
    settle.doubts(plan)?;
    settle.hold(plan, delivery)
}

const INTERRUPTED: &str = "flowbatch ended between the send and the answer: the row may have run";

fn held(row: RowNumber) -> RunEvent {
    let error = RowError::new(ErrorKind::INTERRUPTED, INTERRUPTED);
    RunEvent::Ended(Ended { row, outcome: Outcome::InDoubt, error, workflow_run_id: None, backoff_ms: 0 })
}
