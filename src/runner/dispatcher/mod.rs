//! The loop that owns a run: one task, no locks. It alone appends events, and acts on an event when the journal gives
//! it back as durable: an `intended` is then sent, an `attached` polled, an end counted and shown.

mod answers;
mod deliveries;
mod health;
mod live;
mod parts;
mod permits;
mod polls;
mod search;
mod starts;
mod stops;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, sleep_until};

use crate::control::Watch;
use crate::fail_point::{self, Point};
use crate::journal::{Appended, Batch, Committer, Index};
use crate::manifest::Limits;
use crate::model::{
    Delivery, Outcome, Places, PollTally, Reserved, RowNumber, RunEvent, RunState, StopCause,
};
use crate::pace::Pace;
use crate::polling::PollSchedule;
use crate::reply::{Judgement, PollJudgement};
use crate::runner::admission::Admission;
use crate::runner::breaker::Breaker;
use crate::runner::dispatcher::deliveries::Deliveries;
use crate::runner::dispatcher::live::Change;
use crate::runner::dispatcher::permits::Permits;
use crate::runner::dispatcher::search::Search;
use crate::runner::invocation::{Invocation, Prepared, Stage};
use crate::runner::pinned::Trial;
use crate::runner::retry_budget::RetryBudget;
use crate::runner::timers::{Timer, Timers};
use crate::runner::{Error, Observer, Progress, Rows};
use crate::workflow::Workflow;

pub(crate) use parts::Parts;

/// What a person or the system asks of a running process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C, SIGTERM or SIGHUP. The first drains, the second stops at once.
    Stop,
}

/// How often the observer is told of the time.
const TICK: Duration = Duration::from_millis(200);
/// More timers than this for each row that may be begun are looked through for stale ones.
const TIMERS_A_ROW: usize = 8;
/// How often the number of polls is journalled.
const TALLY: Duration = Duration::from_secs(10);

/// What a task on the wire came back with.
enum Done {
    Invoked(Judgement),
    Polled(PollJudgement),
    Searched(Vec<(RowNumber, String)>),
}

/// The state of a running process.
pub(crate) struct Dispatcher<W, O> {
    workflow: Arc<W>,
    observer: O,
    limits: Limits,
    trial: Trial,
    delivery: Delivery,
    committer: Committer,
    state: RunState,
    /// Where the events of all rows stand; none when some were written before this process, or a row is asked again.
    index: Option<Index>,
    start: Instant,
    /// Rows begun and not ended, or whose end is not durable yet.
    rows: HashMap<RowNumber, Invocation>,
    /// Begun rows that wait for a place, and rows that wait to begin.
    queue: VecDeque<RowNumber>,
    /// Rows whose back-off is over, until the budget of retries lets them.
    retries: VecDeque<RowNumber>,
    fresh: VecDeque<Prepared>,
    /// None once the dataset is read, or not read any further.
    source: Option<mpsc::Receiver<Rows>>,
    /// Run ids of rows in flight; those of rows that ended are dropped now and then.
    run_ids: HashMap<String, RowNumber>,
    deliveries: Deliveries,
    search: Search,
    tasks: JoinSet<Done>,
    owners: HashMap<Id, RowNumber>,
    timers: Timers,
    /// The next timer that is set for what waits for a pause or a permit.
    wake_at: Option<Instant>,
    admission: Admission,
    /// What is set aside by intents that are on their way to the disk.
    pending: Reserved,
    breaker: Breaker,
    retry_budget: RetryBudget,
    pace: Pace,
    permits: Permits,
    schedule: PollSchedule,
    /// Where other limits are asked for, and what is asked and on its way to the disk.
    control: Option<Watch>,
    asked: VecDeque<Change>,
    random: fastrand::Rng,
    stop: Option<StopCause>,
    /// Whether a stop leaves rows that the provider runs to resume.
    polls_ended: bool,
    /// Whether a person or the system has asked once already.
    signalled: bool,
    polls: u64,
    throttled_polls: u64,
    tallied: u64,
    /// How many rows are taken from the reader ahead of their start.
    ahead: usize,
}

impl<W: Workflow, O: Observer> Dispatcher<W, O> {
    /// Runs until nothing remains, or a stop has drained. Gives back the state and the journal.
    pub(crate) async fn drive(mut self, mut signals: mpsc::Receiver<Signal>) -> Result<Driven<O>, Error> {
        let mut incoming = Vec::with_capacity(self.ahead);
        loop {
            // Subtle: first, and whether or not other things wait: a busy run must still hear and keep time.
            while let Ok(signal) = signals.try_recv() {
                self.on_signal(signal);
            }
            while let Some(delivery) = self.deliveries.next() {
                self.on_delivery(delivery);
            }
            self.on_timers();
            self.grant();
            self.admit();
            self.wake_for_permits();
            self.committer.flush(&self.state);
            if let Some(impossible) = self.committer.refused().await {
                return Err(impossible.into());
            }
            if self.is_finished() && !self.is_searching() {
                break;
            }
            let wake = self.timers.next().unwrap_or(self.start);
            let room = if self.stop.is_none() { self.ahead.saturating_sub(self.fresh.len()) } else { 0 };
            tokio::select! {
                biased;
                batch = self.committer.durable() => self.on_durable(batch?)?,
                Some(done) = self.tasks.join_next_with_id() => self.on_done(done),
                read = receive(&mut self.source, &mut incoming, room), if room > 0 => self.on_rows(read, &mut incoming),
                () = sleep_until(wake) => self.on_timers(),
                Some(delivery) = self.deliveries.recv() => self.on_delivery(delivery),
                Some(signal) = signals.recv() => self.on_signal(signal),
                Some(ask) = self.permits.asked() => self.on_ask(ask),
            }
            // What has ended meanwhile is taken along, so that one write carries it.
            while let Some(done) = self.tasks.try_join_next_with_id() {
                self.on_done(done);
            }
        }
        let places = self.admission.places().seen();
        let Self { committer, state, index, observer, polls, throttled_polls, start, .. } = self;
        let wall = start.elapsed();
        Ok(Driven { committer, state, index, observer, polls, throttled_polls, places, wall })
    }

    fn is_finished(&self) -> bool {
        let nothing_to_start = self.stop.is_some() || (self.source.is_none() && self.fresh.is_empty());
        nothing_to_start && self.rows.is_empty() && self.committer.is_idle()
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn on_rows(&mut self, read: usize, incoming: &mut Vec<Rows>) {
        if read == 0 {
            self.source = None;
        }
        for rows in incoming.drain(..) {
            match rows {
                Rows::Prepared(prepared) => self.fresh.push_back(*prepared),
                Rows::Failed { cause, detail } => self.stop(cause, &detail),
            }
        }
    }

    fn on_durable(&mut self, batch: Batch) -> Result<(), Error> {
        if batch.appended == Appended::DurableInReserve {
            self.stop(StopCause::Disk, "the disk is full: make room, then resume");
        }
        let events = batch.events.len();
        for (event, offset) in batch.events.into_iter().zip(batch.offsets) {
            pass(&event);
            self.note_place(offset, &event);
            self.state.apply(batch.t_ms, &event)?;
            tracing::debug!(event = event.name(), row = event.row(), "durable");
            self.observer.event(&event, &self.state);
            match &event {
                RunEvent::Intended(e) => {
                    self.pending.release(e.reserved);
                    self.after_intended(e.row);
                }
                RunEvent::SettingsChanged(_) => self.after_settings_changed(),
                RunEvent::Attached(e) => self.after_attached(e.row),
                RunEvent::Answered(e) => self.after_end(e.row, e.outcome),
                RunEvent::Ended(e) => self.after_end(e.row, e.outcome),
                RunEvent::Rejected(e) => self.after_end(e.row, Outcome::Rejected),
                _ => {}
            }
        }
        self.after_durable(events);
        Ok(())
    }

    fn note_place(&mut self, offset: u64, event: &RunEvent) {
        let is_noted = match &mut self.index {
            // What earlier executions were billed is not kept.
            Some(_) if matches!(event, RunEvent::Reopened(_)) => false,
            Some(index) => index.note(&self.state, offset, event).is_some(),
            None => return,
        };
        if !is_noted {
            self.index = None;
        }
    }

    fn give_place_back(&mut self, row: RowNumber) {
        if let Some(invocation) = self.rows.get_mut(&row)
            && std::mem::take(&mut invocation.holds_place)
        {
            self.admission.give_place_back();
        }
        self.end_extra_retry(row);
    }

    /// A row's end is durable: it counts now.
    fn after_end(&mut self, row: RowNumber, outcome: Outcome) {
        if self.rows.get(&row).is_some_and(|invocation| !matches!(invocation.stage, Stage::Ending)) {
            // It is asked again by `retry.also`: this was not its end.
            return;
        }
        // What ended in doubt, and is settled now, has counted as it ended.
        if self.rows.remove(&row).is_some_and(|invocation| invocation.is_late) {
            return;
        }
        if let Some(detail) = self.admission.note_end(outcome) {
            self.stop(StopCause::Halt, &detail);
        }
    }

    fn on_timers(&mut self) {
        while let Some(timer) = self.timers.due(Instant::now()) {
            match timer {
                Timer::BackedOff(row, epoch) if self.is_current(row, epoch) => self.on_backed_off(row),
                Timer::Poll(row, epoch) if self.is_current(row, epoch) => self.on_poll_due(row),
                Timer::TimeUp(row, attempt) => self.on_time_up(row, attempt),
                Timer::Wake => self.wake_at = None,
                Timer::Tick => self.on_tick(),
                Timer::Tally => self.on_tally(),
                Timer::Look => self.on_look(),
                Timer::Deadline => self.stop(StopCause::Deadline, "`limits.deadline` has passed"),
                Timer::DrainOver => self.give_up_the_wire(),
                Timer::BackedOff(..) | Timer::Poll(..) => {}
            }
        }
    }

    fn is_current(&self, row: RowNumber, epoch: u32) -> bool {
        self.rows.get(&row).is_some_and(|invocation| invocation.epoch == epoch)
    }

    fn on_tick(&mut self) {
        let now = self.now();
        let progress = Progress {
            in_flight: self.admission.in_flight(),
            places: self.admission.places().limit(),
            adaptive: self.admission.places().follows(),
            waiting: self.rows.values().filter(|row| matches!(row.stage, Stage::BackingOff(_))).count(),
            paused: self.not_before().checked_sub(now).filter(|left| !left.is_zero()),
            unreached: self.breaker.open_since().map(|since| now.saturating_sub(since)),
            held: self.held(),
            rate: self.limits.rate,
            elapsed: now,
            stopping: self.stop.is_some(),
        };
        self.observer.tick(&progress, &self.state);
        self.timers.set(Instant::now() + TICK, Timer::Tick);
        let rows = &self.rows;
        self.run_ids.retain(|_, row| rows.contains_key(row));
        self.timers.prune(TIMERS_A_ROW * self.admission.most_started(), |timer| match timer {
            Timer::BackedOff(row, epoch) | Timer::Poll(row, epoch) => {
                rows.get(&row).is_some_and(|invocation| invocation.epoch == epoch)
            }
            Timer::TimeUp(row, attempt) => rows.get(&row).is_some_and(|row| row.sends == attempt),
            Timer::Wake | Timer::Tick | Timer::Tally | Timer::Look | Timer::Deadline | Timer::DrainOver => {
                true
            }
        });
    }

    fn on_tally(&mut self) {
        if self.polls > self.tallied {
            self.tallied = self.polls;
            let tally = PollTally { polls: self.polls, throttled: self.throttled_polls };
            self.committer.append(RunEvent::PollTally(tally));
        }
        self.timers.set(Instant::now() + TALLY, Timer::Tally);
    }
}

/// What is left when a run has been driven to its end.
pub(crate) struct Driven<O> {
    pub(crate) committer: Committer,
    pub(crate) state: RunState,
    pub(crate) index: Option<Index>,
    pub(crate) observer: O,
    pub(crate) polls: u64,
    pub(crate) throttled_polls: u64,
    pub(crate) places: Option<Places>,
    pub(crate) wall: Duration,
}

/// Receives what is there, at least one; pending for ever when there is no source.
async fn receive(source: &mut Option<mpsc::Receiver<Rows>>, into: &mut Vec<Rows>, room: usize) -> usize {
    match source {
        Some(source) => source.recv_many(into, room).await,
        None => std::future::pending().await,
    }
}

/// An event is durable, and nobody has acted on it.
fn pass(event: &RunEvent) {
    fail_point::pass(match event {
        RunEvent::Intended(_) => Point::IntentDurable,
        RunEvent::Attached(_) => Point::AttachedDurable,
        RunEvent::Answered(_) => Point::AnswerDurable,
        RunEvent::Refused(_) => Point::RefusalDurable,
        RunEvent::Ambiguous(_) => Point::AmbiguityDurable,
        RunEvent::Ended(_) => Point::EndDurable,
        RunEvent::Rejected(_) => Point::RejectionDurable,
        RunEvent::Withdrawn(_) => Point::WithdrawalDurable,
        RunEvent::Reopened(_) => Point::ReopeningDurable,
        _ => return,
    });
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
