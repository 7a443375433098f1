//! How a row starts: taken from the queue or the dataset, its intent made durable, then sent or withdrawn.

use std::sync::Arc;

use tokio::time::Instant;

use crate::fail_point::{self, Point};
use crate::manifest::RetryClass;
use crate::model::{
    ErrorKind, Intended, Outcome, Rejected, Reservation, RowError, RowNumber, RowState, RunEvent, StopCause,
    Withdrawn, WithdrawnWhy,
};
use crate::pace::Request;
use crate::runner::Observer;
use crate::runner::budget::{self, Short, Spent};
use crate::runner::dispatcher::{Dispatcher, Done, millis};
use crate::runner::invocation::{Invocation, Prepared, Stage};
use crate::workflow::{Call, Workflow};

impl<W: Workflow, O: Observer> Dispatcher<W, O> {
    /// Starts what may start: rows that were begun before others.
    pub(super) fn admit(&mut self) {
        while self.stop.is_none()
            && self.admission.has_place()
            && self.may_intend()
            && self.trial.lets_start(&self.rows)
        {
            let Some(row) = self.next_row() else { return };
            match self.afford() {
                Ok(reservation) => self.intend(row, reservation),
                Err(short) => {
                    self.queue.push_front(row);
                    // What is under way may turn out to cost less than was set aside for it.
                    if self.admission.in_flight() == 0 && self.committer.is_idle() {
                        self.stop(StopCause::Budget, &short.to_string());
                    }
                    return;
                }
            }
        }
    }

    /// Takes the row that is to be sent next: one that was begun, when it may be sent again, else one of the dataset. Once
    /// something is refused, the other way round: another row tells more, and at a low rate one row alone would use up
    /// its attempts before it is known that everything is refused.
    fn next_row(&mut self) -> Option<RowNumber> {
        if let Some(row) = self.queue.pop_front() {
            return Some(row);
        }
        if self.breaker.is_in_doubt() {
            self.take_fresh().or_else(|| self.take_retry())
        } else {
            self.take_retry().or_else(|| self.take_fresh())
        }
    }

    fn take_fresh(&mut self) -> Option<RowNumber> {
        let row = self.begin_fresh()?;
        self.retry_budget.note_first_send();
        Some(row)
    }

    /// Says what is to be set aside for the next send, or why the budget does not allow it now.
    fn afford(&self) -> Result<Reservation, Short> {
        match &self.limits.budget {
            None => Ok(Reservation::default()),
            Some(budget) => budget::reserve(budget, &Spent::of(&self.state, self.pending)),
        }
    }

    /// Takes the next row of the dataset that can be sent; those that can't are rejected on the way.
    ///
    /// Rows are begun in the order of the dataset, and `journal::repair` rests on it.
    fn begin_fresh(&mut self) -> Option<RowNumber> {
        while self.rows.len() < self.admission.most_started() {
            let mut prepared = self.fresh.pop_front()?;
            let row = prepared.number;
            let state = self.state.row(row);
            let is_held = state == RowState::Held;
            if self.rows.contains_key(&row)
                || !(is_held || matches!(state, RowState::Unstarted | RowState::Ready))
            {
                // It was held, and a webhook has settled it since.
                continue;
            }
            if is_held && self.state.attempts(row) >= self.limits.retry.attempts(Some(RetryClass::InDoubt)) {
                // A crash uses up an attempt too: else a row that brings flowbatch down would be paid for at each resume.
                prepared.content = Err(RowError::new(ErrorKind::INTERRUPTED, USED_UP));
            }
            match std::mem::replace(&mut prepared.content, Err(placeholder())) {
                Ok(content) => {
                    let mut invocation = Invocation::to_send(prepared, content, Instant::now());
                    invocation.sends = self.state.sends(row);
                    invocation.attempts = self.state.attempts(row);
                    if self.state.is_recorded(row) {
                        invocation.unrecorded = None;
                    }
                    self.rows.insert(row, invocation);
                    return Some(row);
                }
                Err(error) => {
                    let mut ending = Invocation::attached(String::new(), 0, Instant::now());
                    (ending.holds_place, ending.run_id, ending.stage) = (false, None, Stage::Ending);
                    self.rows.insert(row, ending);
                    if is_held {
                        // It may have run, so it is not rejected, whatever has become of its record since.
                        self.end(row, Outcome::InDoubt, error);
                        continue;
                    }
                    let Prepared { key, row_sha, record, .. } = prepared;
                    self.committer.append(RunEvent::Rejected(Rejected { row, key, row_sha, error, record }));
                }
            }
        }
        None
    }

    /// Appends the intent. The row is sent when the journal gives it back.
    fn intend(&mut self, row: RowNumber, reserved: Reservation) {
        let delivery = self.delivery;
        let Some(invocation) = self.rows.get_mut(&row) else { return };
        let now = Instant::now();
        self.permits.note_intent();
        self.admission.take_place(self.start.elapsed());
        self.trial.begin(row);
        self.breaker.begin(row);
        invocation.holds_place = true;
        invocation.sends += 1;
        invocation.enter(Stage::Intending);
        let mut intended = Intended {
            row,
            attempt: invocation.sends,
            queue_ms: millis(now - invocation.queued_at),
            reserved,
            delivery,
            key: None,
            row_sha: None,
            input_sha256: None,
            record: None,
            input: None,
        };
        if let Some(first) = invocation.unrecorded.take() {
            let Prepared { key, row_sha, record, content, .. } = *first;
            (intended.key, intended.row_sha, intended.record) = (key, Some(row_sha), Some(record));
            if let Ok(content) = content {
                (intended.input_sha256, intended.input) =
                    (Some(content.input_sha256), Some(content.journal_input));
            }
        }
        self.pending.add(reserved);
        self.committer.append(RunEvent::Intended(intended));
        fail_point::pass(Point::IntentAppended);
    }

    /// The intent would survive now: the row goes out, or waits for the pace's permit, or is withdrawn.
    pub(super) fn after_intended(&mut self, row: RowNumber) {
        if self.stop.is_some() {
            return self.withdraw(row, WithdrawnWhy::Stop);
        }
        if self.is_held_back(row) {
            return self.withdraw(row, WithdrawnWhy::Pause);
        }
        if self.pace.has_rate(Request::Invoke) {
            let Some(invocation) = self.rows.get_mut(&row) else { return };
            invocation.enter(Stage::Permitted);
            return self.wait_to_send(row);
        }
        self.send(row);
    }

    pub(super) fn send(&mut self, row: RowNumber) {
        let Some(invocation) = self.rows.get_mut(&row) else { return };
        self.permits.settle_intent();
        let call = Call {
            input: invocation.body.clone(),
            user_id: invocation.user_id.clone(),
            timeout: self.limits.timeout,
            row,
            attempt: invocation.sends,
        };
        let workflow = Arc::clone(&self.workflow);
        let now = Instant::now();
        let task = self.tasks.spawn(async move { Done::Invoked(workflow.invoke(call).await) });
        self.owners.insert(task.id(), row);
        invocation.sent_at = Some(now);
        invocation.enter(Stage::Sent(now, task));
    }

    /// Takes an intent back: nothing was sent.
    pub(super) fn withdraw(&mut self, row: RowNumber, why: WithdrawnWhy) {
        self.give_place_back(row);
        self.permits.settle_intent();
        let Some(invocation) = self.rows.get_mut(&row) else { return };
        let attempt = invocation.sends;
        self.committer.append(RunEvent::Withdrawn(Withdrawn { row, attempt, why }));
        if why == WithdrawnWhy::Pause {
            invocation.enter(Stage::Queued);
            // The first in line again.
            self.queue.push_front(row);
        } else {
            self.rows.remove(&row);
        }
    }
}

const USED_UP: &str = "each time it was sent it may have run, and its attempts are used up";

fn placeholder() -> RowError {
    RowError::new(ErrorKind::BUG, "")
}
