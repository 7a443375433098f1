//! A row's states, and the table of what each event makes of each of them.

use crate::model::{Answered, Delivery, Ended, Outcome, RunEvent, Via};

/// Where one row stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowState {
    /// Nothing is known of it.
    Unstarted,
    /// It was begun, and may be sent (again): refused, withdrawn, or reopened by the user.
    Ready,
    /// It is about to be sent, or was being sent when the process died.
    Intended,
    /// It may have been executed, and no run id is known.
    Held,
    /// The provider runs it under this id.
    Attached(String),
    /// It ended, for good unless reopened.
    Ended(Outcome),
    /// It ended in doubt; with a run id it is still attached to it, without one it is held.
    InDoubt(Option<String>),
}

impl RowState {
    /// Says it in words.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Unstarted => "not started".to_owned(),
            Self::Ready => "ready to be sent".to_owned(),
            Self::Intended => "about to be sent".to_owned(),
            Self::Held => "held".to_owned(),
            Self::Attached(_) => "attached to a workflow run".to_owned(),
            Self::Ended(outcome) => format!("ended as {outcome}"),
            Self::InDoubt(Some(_)) => "in doubt and attached".to_owned(),
            Self::InDoubt(None) => "in doubt and held".to_owned(),
        }
    }
}

/// The table of a row's life: where it stands after an event, or nothing when the event is impossible there.
pub(crate) fn step(state: &RowState, event: &RunEvent) -> Option<RowState> {
    use RowState as S;
    Some(match (state, event) {
        (S::Unstarted | S::Ready, RunEvent::Rejected(_)) => S::Ended(Outcome::Rejected),
        // Subtle: a row that was sent has an execution of its own, or may have; it waits for that one.
        (S::Unstarted, RunEvent::Reused(_)) => S::Ended(Outcome::Succeeded),
        (S::Unstarted | S::Ready, RunEvent::Intended(_)) => S::Intended,
        (S::Held, RunEvent::Intended(e)) if e.delivery == Delivery::AtLeastOnce => S::Intended,
        (S::Intended, RunEvent::Withdrawn(_) | RunEvent::Refused(_)) => S::Ready,
        (S::Intended, RunEvent::Ambiguous(_)) => S::Held,
        (S::Intended, RunEvent::Attached(e)) => S::Attached(e.workflow_run_id.clone()),
        (S::Held | S::InDoubt(None), RunEvent::Attached(e))
            if matches!(e.via, Via::Webhook | Via::RunLog) =>
        {
            S::Attached(e.workflow_run_id.clone())
        }
        (_, RunEvent::Answered(e)) => step_answered(state, e)?,
        (_, RunEvent::Ended(e)) => step_ended(state, e)?,
        (S::Ended(was), RunEvent::Reopened(e)) if *was == e.from && *was != Outcome::Succeeded => S::Ready,
        (S::InDoubt(_), RunEvent::Reopened(e)) if e.from == Outcome::InDoubt => S::Ready,
        // Whether there is a cost to settle is for the fold to say.
        (S::Ended(Outcome::Succeeded | Outcome::Failed) | S::InDoubt(_), RunEvent::Settled(_)) => {
            state.clone()
        }
        (S::Unstarted, RunEvent::Receipt(_)) => return None,
        (_, RunEvent::Receipt(_)) => state.clone(),
        _ => return None,
    })
}

fn step_answered(state: &RowState, event: &Answered) -> Option<RowState> {
    let definite = matches!(event.outcome, Outcome::Succeeded | Outcome::Failed);
    let possible = match event.via {
        Via::Reply | Via::Submit => matches!(state, RowState::Intended),
        Via::Poll => matches!(state, RowState::Attached(_) | RowState::InDoubt(Some(_))),
        Via::Webhook => {
            matches!(
                state,
                RowState::Intended | RowState::Held | RowState::Attached(_) | RowState::InDoubt(_)
            )
        }
        // The run log tells no status, so it alone never ends a row.
        Via::RunLog => false,
    };
    (definite && possible).then_some(RowState::Ended(event.outcome))
}

fn step_ended(state: &RowState, event: &Ended) -> Option<RowState> {
    match (state, event.outcome) {
        (RowState::Ready, Outcome::Failed) => Some(RowState::Ended(Outcome::Failed)),
        (RowState::Held, Outcome::InDoubt) => Some(RowState::InDoubt(None)),
        (RowState::Attached(run_id), Outcome::InDoubt) if event.workflow_run_id.as_ref() == Some(run_id) => {
            Some(RowState::InDoubt(Some(run_id.clone())))
        }
        _ => None,
    }
}
