//! Rows that the provider runs: asked for now and then, until they end or their time is up.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::fail_point::{self, Point};
use crate::model::{ErrorKind, Outcome, RowError, RowNumber, RowState, Via};
use crate::pace::Request;
use crate::reply::{PollJudgement, Reply};
use crate::runner::Observer;
use crate::runner::dispatcher::{Dispatcher, Done};
use crate::runner::invocation::{Hint, Invocation, Stage};
use crate::runner::timers::Timer;
use crate::workflow::Workflow;

/// A definite refusal to tell a result is believed when it comes so often in a row: a run that was only just
/// accepted may not be known everywhere yet.
const POLL_REFUSALS: u32 = 3;

/// How long a poll that is due waits when as many requests are on the wire as may be.
const POLL_AGAIN: Duration = Duration::from_millis(100);

impl<W: Workflow, O: Observer> Dispatcher<W, O> {
    /// Takes up a row that the provider runs since before this process; its result is asked for at once.
    pub(crate) fn take_up(&mut self, row: RowNumber, run_id: String) {
        let now = Instant::now();
        let mut invocation = Invocation::attached(run_id, self.state.sends(row), now);
        invocation.enter(Stage::Attached);
        self.run_ids.extend(invocation.run_id.clone().map(|run_id| (run_id, row)));
        self.timers.set(now, Timer::Poll(row, invocation.epoch));
        self.timers.set(now + self.limits.timeout, Timer::TimeUp(row, invocation.sends));
        self.admission.take_place_regardless();
        self.rows.insert(row, invocation);
    }

    /// The run id would survive now: the row may be polled.
    pub(super) fn after_attached(&mut self, row: RowNumber) {
        if self.polls_ended {
            return self.leave_attached(row);
        }
        let Some(invocation) = self.rows.get_mut(&row) else { return };
        invocation.attached_at = Instant::now();
        let time_up = invocation.sent_at.unwrap_or(invocation.attached_at) + self.limits.timeout;
        self.timers.set(time_up, Timer::TimeUp(row, invocation.sends));
        self.schedule_poll(row, Duration::ZERO);
    }

    /// Sets the time of the next poll, at least `least` from now.
    pub(super) fn schedule_poll(&mut self, row: RowNumber, least: Duration) {
        let Some(invocation) = self.rows.get_mut(&row) else { return };
        let elapsed = invocation.attached_at.elapsed();
        let wait = if invocation.hint == Hint::Due {
            invocation.hint = Hint::Followed;
            least
        } else {
            self.schedule.next(elapsed, invocation.polls).max(least)
        };
        invocation.enter(Stage::Attached);
        self.timers.set(Instant::now() + wait, Timer::Poll(row, invocation.epoch));
    }

    pub(super) fn on_poll_due(&mut self, row: RowNumber) {
        let paused = self.pace.not_before().saturating_sub(self.now());
        let Some(invocation) = self.rows.get_mut(&row) else { return };
        if !paused.is_zero() {
            self.timers.set(Instant::now() + paused, Timer::Poll(row, invocation.epoch));
            return;
        }
        // Subtle: rows that earlier processes left attached may be many more than there are places.
        if self.tasks.len() >= self.admission.most_started() {
            self.timers.set(Instant::now() + POLL_AGAIN, Timer::Poll(row, invocation.epoch));
            return;
        }
        if self.pace.has_rate(Request::Poll) { self.wait_to_poll(row) } else { self.poll(row) }
    }

    /// Asks for a row's result.
    pub(super) fn poll(&mut self, row: RowNumber) {
        let Some(invocation) = self.rows.get_mut(&row) else { return };
        let Some(run_id) = invocation.run_id.clone() else { return };
        fail_point::pass(Point::PollDue);
        let workflow = Arc::clone(&self.workflow);
        let task = self.tasks.spawn(async move { Done::Polled(workflow.query(&run_id).await) });
        self.owners.insert(task.id(), row);
        invocation.polls += 1;
        invocation.enter(Stage::Polling(Instant::now(), task));
        self.polls += 1;
    }

    pub(super) fn on_polled(&mut self, row: RowNumber, judgement: PollJudgement) {
        fail_point::pass(Point::PollTaken);
        let Some(invocation) = self.rows.get_mut(&row) else { return };
        let throttled = matches!(&judgement, PollJudgement::Again(refusal) if refusal.throttled);
        if let Stage::Polling(sent, _) = invocation.stage {
            let sent = sent.duration_since(self.start);
            if let PollJudgement::Again(refusal) = &judgement
                && throttled
            {
                let now = self.start.elapsed();
                self.admission.places_mut().overloaded(now, sent, refusal.retry_after);
            } else {
                self.pace.answered(sent);
            }
        }
        match judgement {
            PollJudgement::Answered(reply) => {
                fail_point::pass(Point::ResultTaken);
                self.learn(row, &reply, Via::Poll);
                self.on_answered(row, Via::Poll, *reply);
            }
            PollJudgement::Pending => {
                invocation.poll_refusals = 0;
                invocation.unfinished_at = invocation.attached_at.elapsed();
                self.schedule_poll(row, Duration::ZERO);
            }
            PollJudgement::Again(refusal) => {
                let pause = if refusal.throttled {
                    self.throttled_polls += 1;
                    self.slow_down(refusal.retry_after)
                } else {
                    refusal.retry_after.unwrap_or_default()
                };
                self.schedule_poll(row, pause);
            }
            PollJudgement::Refused(error) => {
                invocation.poll_refusals += 1;
                if invocation.poll_refusals >= POLL_REFUSALS {
                    self.end_in_doubt(row, error);
                } else {
                    self.schedule_poll(row, Duration::ZERO);
                }
            }
            PollJudgement::Stop(cause, error) => {
                self.leave_attached(row);
                self.stop(cause, &error.message);
            }
        }
    }

    /// Learns from an attached row's result how long runs take.
    pub(super) fn learn(&mut self, row: RowNumber, reply: &Reply, via: Via) {
        // Of a run that is older than this process, or whose reply was lost, it is not known when it began.
        let Some(invocation) = self.rows.get(&row).filter(|invocation| invocation.sent_at.is_some()) else {
            return;
        };
        let elapsed = invocation.attached_at.elapsed();
        // A webhook comes as the run ends; a poll finds it ended.
        let said = reply.server_ms.map(Duration::from_millis).or((via == Via::Webhook).then_some(elapsed));
        self.schedule.learn(said, invocation.unfinished_at, elapsed);
    }

    pub(super) fn on_time_up(&mut self, row: RowNumber, attempt: u32) {
        let Some(invocation) = self.rows.get_mut(&row).filter(|invocation| invocation.sends == attempt)
        else {
            return;
        };
        if let Stage::Polling(_, task) = &invocation.stage {
            task.abort();
        } else if !matches!(invocation.stage, Stage::Attached) {
            return;
        }
        let timeout = self.limits.timeout.as_secs_f64();
        let message =
            format!("no result within {timeout} s; the provider still runs it, and resume asks for it");
        self.end_in_doubt(row, RowError::new(ErrorKind::TIMEOUT, message));
    }

    /// Ends an attached row in doubt; it stays attached.
    fn end_in_doubt(&mut self, row: RowNumber, error: RowError) {
        if matches!(self.state.row(row), RowState::InDoubt(_)) {
            // An earlier process has said so already.
            self.leave_attached(row);
        } else {
            self.end(row, Outcome::InDoubt, error);
        }
    }

    /// Lets go of a row that the provider runs: resume polls it.
    pub(super) fn leave_attached(&mut self, row: RowNumber) {
        self.give_place_back(row);
        if let Some(Invocation { stage: Stage::Polling(_, task), .. }) = self.rows.remove(&row) {
            task.abort();
        }
    }
}
