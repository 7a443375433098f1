//! What an answer says of the service as a whole: whether it bears what is asked of it.

use std::time::Duration;

use crate::model::ErrorKind;
use crate::reply::Judgement;
use crate::runner::Observer;
use crate::runner::dispatcher::Dispatcher;
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
    /// Takes in what became of a send that went out at `sent`.
    pub(super) fn note_health(&mut self, judgement: &Judgement, sent: Duration) {
        let now = self.now();
        let places = self.admission.places_mut();
        match said(judgement) {
            Said::Answers => places.answered(now, sent),
            Said::TooMuch(asked) => places.overloaded(now, sent, asked),
            Said::Trouble => places.troubled(now, sent),
            Said::Nothing => {}
        }
    }
}
