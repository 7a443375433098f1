//! What an answer says of the service as a whole: whether it bears what is asked of it.

use std::time::Duration;

use crate::model::{ErrorKind, RowNumber, StopCause};
use crate::reply::Judgement;
use crate::runner::Observer;
use crate::runner::breaker::GivenUp;
use crate::runner::dispatcher::Dispatcher;
use crate::runner::invocation::Stage;
use crate::runner::retry_budget::Charge;
use crate::workflow::Workflow;

/// What the fate of a send says of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    /// It answers.
    Answers,
    /// It is asked for too much, and would be asked again after so long.
    TooMuch(Option<Duration>),
    /// It was not reached, or a connection broke.
    Trouble,
    /// Nothing.
    Nothing,
}

fn said(judgement: &Judgement) -> Said {
    match judgement {
        Judgement::Acknowledged { .. } | Judgement::Answered(_) => Said::Answers,
        Judgement::Refused(refusal) if refusal.throttled || refusal.error.kind == ErrorKind::UNAVAILABLE => {
            Said::TooMuch(refusal.retry_after)
        }
        Judgement::Refused(refusal) if refusal.error.kind == ErrorKind::CONNECT => Said::Trouble,
        Judgement::Ambiguous { error, .. } if is_trouble(&error.kind) => Said::Trouble,
        Judgement::Refused(_) | Judgement::Ambiguous { .. } => Said::Nothing,
    }
}

fn is_trouble(kind: &ErrorKind) -> bool {
    [ErrorKind::CONNECTION_LOST, ErrorKind::GATEWAY, ErrorKind::TIMEOUT].contains(kind)
}

impl<W: Workflow, O: Observer> Dispatcher<W, O> {
    /// Takes in what became of a row's send, which went out at `sent`.
    pub(super) fn note_health(&mut self, row: RowNumber, judgement: &Judgement, sent: Duration) {
        let now = self.now();
        let said = said(judgement);
        let places = self.admission.places_mut();
        match said {
            Said::Answers => places.answered(now, sent),
            Said::TooMuch(asked) => places.overloaded(now, sent, asked),
            Said::Trouble => places.troubled(now, sent),
            Said::Nothing => {}
        }
        match judgement {
            // A call to slow down is an answer too: the service is there.
            Judgement::Refused(refusal) if !refusal.throttled && refusal.stop.is_none() => {
                self.note_refused(row, now, &refusal.error.message);
            }
            Judgement::Ambiguous { error, .. } if self.breaker.probe() == Some(row) => {
                self.note_refused(row, now, &error.message);
            }
            Judgement::Ambiguous { .. } => {}
            _ => {
                let was_open = self.breaker.open_since();
                self.breaker.answered(row);
                if let Some(since) = was_open.filter(|_| self.breaker.open_since().is_none()) {
                    tracing::info!(outage = ?now.saturating_sub(since), "the service answers again");
                }
            }
        }
        if said == Said::Answers {
            self.note_retry_helped(row);
        }
    }

    fn note_refused(&mut self, row: RowNumber, now: Duration, message: &str) {
        let random = self.random.f64();
        let was_open = self.breaker.open_since().is_some();
        match self.breaker.refused(row, now, self.admission.places().limit(), random) {
            None if !was_open && self.breaker.open_since().is_some() => {
                tracing::warn!("everything is refused: sends pause, and one at a time probes");
            }
            None => {}
            Some(GivenUp::Outage(lasted)) => {
                let seconds = lasted.as_secs();
                let detail =
                    format!("everything was refused for {seconds} s, at last so: {message}; resume later");
                self.stop(StopCause::Outage, &detail);
            }
            Some(GivenUp::NeverReached) => {
                let detail = format!(
                    "the service was never reached: {message}; check `workflow.base_url` and the network"
                );
                self.stop(StopCause::Network, &detail);
            }
        }
    }

    /// The instant before which nothing is sent, whatever the reason.
    pub(super) fn not_before(&self) -> Duration {
        self.pace.not_before().max(self.breaker.not_before())
    }

    /// Says whether a row whose intent is durable must not be sent now.
    pub(super) fn is_held_back(&self, row: RowNumber) -> bool {
        self.pace.not_before() > self.now() || !self.breaker.lets_through(row)
    }

    /// Says whether a row is on its way to learn whether the service is back.
    pub(super) fn is_probing(&self) -> bool {
        let probe = self.breaker.probe().and_then(|row| self.rows.get(&row));
        probe.is_some_and(|row| matches!(row.stage, Stage::Intending | Stage::Permitted | Stage::Sent(..)))
    }

    /// Takes the next row that is to be sent again, when the budget of retries lets it.
    pub(super) fn take_retry(&mut self) -> Option<RowNumber> {
        let row = *self.retries.front()?;
        let charge = self.retry_budget.take(self.admission.places().limit())?;
        self.retries.pop_front();
        if let Some(invocation) = self.rows.get_mut(&row) {
            invocation.charge = charge;
        }
        Some(row)
    }

    fn note_retry_helped(&mut self, row: RowNumber) {
        self.end_extra_retry(row);
        if let Some(invocation) = self.rows.get_mut(&row)
            && std::mem::take(&mut invocation.charge) == Charge::Within
        {
            self.retry_budget.helped();
        }
    }

    /// A retry beyond the budget is back, so that another may go.
    pub(super) fn end_extra_retry(&mut self, row: RowNumber) {
        if let Some(invocation) = self.rows.get_mut(&row)
            && invocation.charge == Charge::Extra
        {
            invocation.charge = Charge::Within;
            self.retry_budget.is_back();
        }
    }
}
