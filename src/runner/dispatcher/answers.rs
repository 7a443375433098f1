//! What an answer to a send leads to.

use std::time::Duration;

use jiff::{Timestamp, Unit};
use tokio::task::{Id, JoinError};
use tokio::time::Instant;

use crate::fail_point::{self, Point};
use crate::manifest::{RetryAlso, RetryClass};
use crate::model::{
    Ambiguous, Answered, Attached, Delivery, Ended, ErrorKind, Outcome, Refused, Reopened, RowError,
    RowNumber, RunEvent, StopCause, Via, Withdrawn, WithdrawnWhy,
};
use crate::pace::Pause;
use crate::reply::{Judgement, Refusal, Reply};
use crate::retry;
use crate::runner::Observer;
use crate::runner::dispatcher::{Dispatcher, Done, millis};
use crate::runner::invocation::{Hint, Invocation, Stage};
use crate::runner::retry_budget::Charge;
use crate::runner::timers::Timer;
use crate::workflow::Workflow;

impl<W: Workflow, O: Observer> Dispatcher<W, O> {
    pub(super) fn on_done(&mut self, done: Result<(Id, Done), JoinError>) {
        match done {
            Ok((_, Done::Searched(found))) => self.on_searched(found),
            Ok((id, done)) => {
                let Some(row) = self.owners.remove(&id).filter(|row| self.is_on_the_wire(*row, id)) else {
                    return;
                };
                self.note_used_up();
                match done {
                    Done::Invoked(judgement) => self.on_invoked(row, judgement),
                    Done::Polled(judgement) => self.on_polled(row, judgement),
                    Done::Searched(_) => {}
                }
            }
            Err(error) => {
                let row = self.owners.remove(&error.id());
                if error.is_panic() {
                    self.on_panic(row.filter(|row| self.is_on_the_wire(*row, error.id())));
                }
            }
        }
    }

    /// Says whether the row still waits for what its task brings: a task that was given up may yet come back.
    fn is_on_the_wire(&self, row: RowNumber, id: Id) -> bool {
        self.rows.get(&row).is_some_and(|row| match &row.stage {
            Stage::Sent(_, task) | Stage::Polling(_, task) => task.id() == id,
            _ => false,
        })
    }

    fn on_invoked(&mut self, row: RowNumber, judgement: Judgement) {
        fail_point::pass(Point::ReplyTaken);
        let throttled = matches!(&judgement, Judgement::Refused(refusal) if refusal.throttled);
        let probes = self.breaker.probe() == Some(row);
        if let Some(sent) = self.rows.get(&row).and_then(|invocation| invocation.sent_at) {
            let sent = sent.duration_since(self.start);
            if !throttled {
                self.pace.answered(sent);
            }
            self.note_health(row, &judgement, sent);
        }
        match judgement {
            Judgement::Refused(refusal) => match refusal.stop {
                Some(cause) => self.on_run_refused(row, cause, &refusal.error),
                None => self.on_refused(row, refusal, probes),
            },
            Judgement::Ambiguous { error, body } => self.on_ambiguous(row, error, body),
            Judgement::Acknowledged { workflow_run_id, workflow_version, workflow_id } => {
                self.check_pin(workflow_id.as_deref(), workflow_version.as_deref(), false);
                self.on_acknowledged(row, workflow_run_id, workflow_version, workflow_id, Via::Submit);
            }
            Judgement::Answered(reply) => self.on_answered(row, Via::Reply, *reply),
        }
    }

    /// The service, or this machine, refused this row for a reason that holds for every row.
    fn on_run_refused(&mut self, row: RowNumber, cause: StopCause, error: &RowError) {
        self.give_place_back(row);
        if let Some(invocation) = self.rows.remove(&row) {
            // What this machine kept from being sent was no send.
            let unsent = cause == StopCause::Disk;
            let why = if unsent { WithdrawnWhy::Stop } else { WithdrawnWhy::RunRefused };
            let attempt = invocation.sends;
            self.committer.append(RunEvent::Withdrawn(Withdrawn { row, attempt, why }));
        }
        self.stop(cause, &error.message);
    }

    /// A refusal that only tells that the service is still away (`probes`) uses up no attempt, as a pause does not.
    fn on_refused(&mut self, row: RowNumber, refusal: Refusal, probes: bool) {
        self.give_place_back(row);
        let pause = refusal.throttled.then(|| self.slow_down(refusal.retry_after));
        let Some(invocation) = self.rows.get_mut(&row) else { return };
        let is_attempt = !refusal.throttled && !probes;
        invocation.attempts += u32::from(is_attempt);
        let Refusal { error, retry_after, throttled, .. } = refusal;
        tracing::info!(row, attempt = invocation.sends, kind = error.kind.as_str(), "refused");
        self.committer.append(RunEvent::Refused(Refused {
            row,
            attempt: invocation.sends,
            kind: error.kind.clone(),
            message: error.message.clone(),
            http_status: error.http_status,
            code: error.code.clone(),
            retry_after_ms: retry_after.map(millis),
            throttled,
            probe: probes && !throttled,
        }));
        let class = RetryClass::of(&error.kind);
        if is_attempt && invocation.attempts >= self.limits.retry.attempts(class) {
            self.end(row, Outcome::Failed, error);
        } else if let Some(pause) = pause {
            self.wait(row, pause);
        } else if is_attempt {
            self.back_off(row, class);
        } else {
            let pause = self.breaker.not_before().saturating_sub(self.now());
            self.wait(row, pause);
        }
    }

    /// The service has said that it will take nothing more for a while: what would be refused is not sent. Beyond what
    /// a pause may last it is asked all the same, since it may have meant something else.
    fn note_used_up(&mut self) {
        let Some(until) = self.workflow.used_up() else { return };
        let until = until.saturating_duration_since(self.start);
        if until.saturating_sub(self.now()) <= self.limits.longest_throttle {
            self.pace.hold(until);
        }
    }

    /// Pauses the key, and gives how long that is. A pause that would be too long suspends the run.
    pub(super) fn slow_down(&mut self, asked: Option<Duration>) -> Duration {
        let now = self.now();
        let random = self.random.f64();
        match self.pace.slow_down(now, asked, random) {
            Pause::Until(until) => {
                let pause = until.saturating_sub(now);
                tracing::info!(?asked, ?pause, "the service asks to slow down");
                pause
            }
            Pause::TooLong(pause) => {
                let left = self.pace.not_before().saturating_sub(now);
                self.stop(StopCause::Throttled, &suspended(pause, left, self.limits.longest_throttle));
                pause
            }
        }
    }

    fn back_off(&mut self, row: RowNumber, class: Option<RetryClass>) {
        let Some(invocation) = self.rows.get_mut(&row) else { return };
        invocation.charge = Charge::Due;
        let backoff = self.limits.retry.backoff(class);
        let random = self.random.f64();
        let wait = retry::backoff(backoff.first, backoff.longest, invocation.attempts, random);
        self.wait(row, wait);
    }

    /// Lets a row wait without a place.
    fn wait(&mut self, row: RowNumber, wait: Duration) {
        if self.stop.is_some() {
            // It is ready to be sent, and stands so in the journal: resume sends it.
            self.rows.remove(&row);
            return;
        }
        let Some(invocation) = self.rows.get_mut(&row) else { return };
        let now = Instant::now();
        invocation.enter(Stage::BackingOff(now));
        self.timers.set(now + wait, Timer::BackedOff(row, invocation.epoch));
    }

    pub(super) fn on_backed_off(&mut self, row: RowNumber) {
        let Some(invocation) = self.rows.get_mut(&row) else { return };
        let now = Instant::now();
        if let Stage::BackingOff(since) = invocation.stage {
            invocation.backoff += now - since;
        }
        invocation.queued_at = now;
        invocation.enter(Stage::Queued);
        if invocation.charge == Charge::Due {
            self.retries.push_back(row);
        } else {
            self.queue.push_back(row);
        }
    }

    /// It may have run. Under `at_most_once` the row ends in doubt and is held; else it is sent again.
    pub(super) fn on_ambiguous(&mut self, row: RowNumber, error: RowError, body: Option<String>) {
        self.give_place_back(row);
        let Some(invocation) = self.rows.get_mut(&row) else { return };
        invocation.attempts += 1;
        tracing::warn!(row, attempt = invocation.sends, kind = error.kind.as_str(), "it may have run");
        self.committer.append(RunEvent::Ambiguous(Ambiguous {
            row,
            attempt: invocation.sends,
            kind: error.kind.clone(),
            message: error.message.clone(),
            http_status: error.http_status,
            body,
        }));
        let again = self.delivery == Delivery::AtLeastOnce
            && invocation.attempts < self.limits.retry.attempts(Some(RetryClass::InDoubt))
            && !invocation.body.is_empty();
        if again {
            self.back_off(row, Some(RetryClass::InDoubt));
        } else {
            self.end(row, Outcome::InDoubt, error);
        }
    }

    pub(super) fn on_acknowledged(
        &mut self,
        row: RowNumber,
        workflow_run_id: String,
        workflow_version: Option<String>,
        workflow_id: Option<String>,
        via: Via,
    ) {
        if let Some(other) = self.run_of_another(row, &workflow_run_id) {
            // One run can't be the answer to two rows: taken for both, its output would be given and billed twice.
            let message =
                format!("the service named a workflow run that it had named for row {other} before");
            return self.on_ambiguous(row, RowError::new(ErrorKind::REPLY_UNREADABLE, message), None);
        }
        let Some(invocation) = self.rows.get_mut(&row) else { return };
        self.run_ids.insert(workflow_run_id.clone(), row);
        invocation.attempts += u32::from(matches!(invocation.stage, Stage::Sent(..)));
        invocation.hint = Hint::None;
        invocation.run_id = Some(workflow_run_id.clone());
        if self.limits.retry.also.is_empty() {
            // It is never sent again, so its input need not be kept.
            invocation.body = bytes::Bytes::new();
        }
        invocation.enter(Stage::Attaching);
        let attempt = invocation.sends;
        self.committer.append(RunEvent::Attached(Attached {
            row,
            attempt,
            workflow_run_id,
            workflow_version,
            workflow_id,
            via,
        }));
        fail_point::pass(Point::AttachedAppended);
    }

    /// The other row in flight, if any, that the provider runs under this id.
    fn run_of_another(&self, row: RowNumber, run_id: &str) -> Option<RowNumber> {
        let other = *self.run_ids.get(run_id)?;
        let holds = |invocation: &Invocation| invocation.run_id.as_deref() == Some(run_id);
        (other != row && self.rows.get(&other).is_some_and(holds)).then_some(other)
    }

    /// A definite answer. It ends the row, unless the manifest asks for this kind of failure to be sent again.
    pub(super) fn on_answered(&mut self, row: RowNumber, via: Via, reply: Reply) {
        self.give_place_back(row);
        self.check_pin(reply.workflow_id.as_deref(), reply.workflow_version.as_deref(), reply.executed);
        let Some(invocation) = self.rows.get_mut(&row) else { return };
        invocation.attempts += u32::from(matches!(invocation.stage, Stage::Sent(..)));
        let latency = invocation.sent_at.map(|sent| sent.elapsed());
        let class = reply.error.as_ref().and_then(|error| RetryClass::of(&error.kind));
        let again = self.limits.retry.also.iter().any(|also| is_meant(*also, &reply))
            && invocation.attempts < self.limits.retry.attempts(class)
            && !invocation.body.is_empty();
        let outcome = reply.outcome;
        self.committer.append(RunEvent::Answered(Answered {
            row,
            attempt: invocation.sends,
            via,
            http_status: reply.http_status,
            outcome,
            error: reply.error,
            cost: reply.cost,
            tokens: reply.tokens,
            executed: reply.executed,
            workflow_run_id: reply.workflow_run_id.or_else(|| invocation.run_id.take()),
            workflow_version: reply.workflow_version,
            workflow_id: reply.workflow_id,
            server_ms: reply.server_ms,
            latency_ms: latency.map(millis),
            backoff_ms: millis(invocation.backoff),
            polls: invocation.polls,
            redacted: reply.redacted,
            raw: reply.raw,
            raw_text: reply.raw_text,
        }));
        fail_point::pass(Point::AnswerAppended);
        if again && self.stop.is_none() {
            invocation.run_id = None;
            let by = Reopened::BY_POLICY.to_owned();
            self.committer.append(RunEvent::Reopened(Reopened { row, from: outcome, by }));
            self.back_off(row, class);
        } else {
            invocation.enter(Stage::Ending);
        }
    }

    /// Holds an answer to `workflow.pin`. It is paid for and kept, whoever gave it.
    pub(super) fn check_pin(&mut self, workflow_id: Option<&str>, version: Option<&str>, executed: bool) {
        if let Some(detail) = self.trial.note(workflow_id, version, executed) {
            self.stop(StopCause::Pin, &detail);
        }
    }

    /// Ends a row without an answer.
    pub(super) fn end(&mut self, row: RowNumber, outcome: Outcome, error: RowError) {
        self.give_place_back(row);
        let Some(invocation) = self.rows.get_mut(&row) else { return };
        let workflow_run_id = invocation.run_id.clone();
        let backoff_ms = millis(invocation.backoff);
        self.committer.append(RunEvent::Ended(Ended { row, outcome, error, workflow_run_id, backoff_ms }));
        invocation.enter(Stage::Ending);
    }

    /// A task broke. After the intent that proves nothing about the provider: the row is in doubt.
    fn on_panic(&mut self, row: Option<RowNumber>) {
        if let Some(row) = row {
            let polling = self.rows.get(&row).is_some_and(|row| matches!(row.stage, Stage::Polling(..)));
            if polling {
                self.leave_attached(row);
            } else {
                let error = RowError::new(ErrorKind::BUG, "flowbatch failed while the row was on its way");
                self.on_ambiguous(row, error, None);
            }
        }
        self.stop(StopCause::Bug, "flowbatch itself failed: please report it");
    }
}

/// Says why a run is suspended, and from when on it may go on.
fn suspended(pause: Duration, left: Duration, longest: Duration) -> String {
    let [pause, longest] = [pause, longest].map(|time| time.as_secs_f64().ceil());
    let why = format!(
        "the service asks to slow down for {pause} s on end, and `limits.throttle` allows {longest} s"
    );
    let from =
        jiff::SignedDuration::try_from(left).ok().and_then(|left| Timestamp::now().checked_add(left).ok());
    match from.and_then(|from| from.round(Unit::Second).ok()) {
        Some(from) => format!("{why}: resume at {from} or later"),
        None => format!("{why}: resume later"),
    }
}

fn is_meant(also: RetryAlso, reply: &Reply) -> bool {
    let kind = reply.error.as_ref().map(|error| &error.kind);
    match also {
        RetryAlso::Failed => kind == Some(&ErrorKind::WORKFLOW_FAILED),
        RetryAlso::ServerError => kind == Some(&ErrorKind::SERVER_ERROR),
    }
}
