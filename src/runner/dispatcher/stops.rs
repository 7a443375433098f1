//! How a run stops early. A stop closes admission; what is on the wire ends as usual, within its bound.

use tokio::time::Instant;

use crate::model::{ErrorKind, RowError, RowNumber, RunEvent, StopCause, Stopped, WithdrawnWhy};
use crate::runner::Observer;
use crate::runner::dispatcher::{Dispatcher, Signal};
use crate::runner::invocation::{Invocation, Stage};
use crate::runner::timers::Timer;
use crate::workflow::Workflow;

impl<W: Workflow, O: Observer> Dispatcher<W, O> {
    /// Stops the run; the first cause wins. A later one may still end the polls, or set a bound to the wait for what
    /// is on the wire.
    pub(super) fn stop(&mut self, cause: StopCause, detail: &str) {
        if self.stop.is_none() {
            self.stop = Some(cause);
            tracing::info!(?cause, detail, in_flight = self.admission.in_flight(), "the run stops");
            self.committer.append(RunEvent::Stopped(Stopped { cause, detail: detail.to_owned() }));
            self.close_admission();
        }
        if !cause.still_polls() {
            self.polls_ended = true;
            for row in self.rows_that(|row| matches!(row.stage, Stage::Attached | Stage::Polling(..))) {
                self.leave_attached(row);
            }
        }
        if matches!(cause, StopCause::Interrupted | StopCause::Deadline)
            && let Some(drain) = self.limits.drain
        {
            self.timers.set(Instant::now() + drain, Timer::DrainOver);
        }
    }

    fn close_admission(&mut self) {
        // Dropping the receiver ends the reader.
        self.source = None;
        self.fresh.clear();
        self.queue.clear();
        self.retries.clear();
        // Rows that wait are ready to be sent, and stand so in the journal.
        self.rows.retain(|_, row| !matches!(row.stage, Stage::Queued | Stage::BackingOff(_)));
        for row in self.rows_that(|row| matches!(row.stage, Stage::Permitted)) {
            self.withdraw(row, WithdrawnWhy::Stop);
        }
    }

    /// The rows of a kind, in order, so that what is done to them is done in the same order every time.
    fn rows_that(&self, is_meant: impl Fn(&Invocation) -> bool) -> Vec<RowNumber> {
        let mut rows: Vec<_> =
            self.rows.iter().filter(|(_, row)| is_meant(row)).map(|(number, _)| *number).collect();
        rows.sort_unstable();
        rows
    }

    pub(super) fn on_signal(&mut self, Signal::Stop: Signal) {
        // Subtle: the first signal drains even when the run was stopped before for another reason.
        if std::mem::replace(&mut self.signalled, true) {
            self.give_up_the_wire();
        } else {
            self.stop(StopCause::Interrupted, "interrupted");
        }
    }

    /// Gives up what is still on the wire: it may have run.
    pub(super) fn give_up_the_wire(&mut self) {
        for row in self.rows_that(|row| matches!(row.stage, Stage::Sent(..))) {
            if let Some(Invocation { stage: Stage::Sent(sent, task), .. }) = self.rows.get(&row) {
                task.abort();
                let waited = sent.elapsed().as_secs_f64();
                let message = format!("stopped {waited:.1} s after it was sent, before an answer came");
                self.on_ambiguous(row, RowError::new(ErrorKind::INTERRUPTED, message), None);
            }
        }
        for row in self.rows_that(|row| matches!(row.stage, Stage::Attached | Stage::Polling(..))) {
            self.leave_attached(row);
        }
    }
}
