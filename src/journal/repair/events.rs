//! The events that a repair writes of its own: what must have stood before one that is left, and what holds a row.

use crate::journal::repair::BY;
use crate::model::{
    Ambiguous, Attached, Delivery, Ended, ErrorKind, Intended, Outcome, Reopened, Reservation, RowError,
    RowNumber, RowState, RunEvent, RunState, Selected, Via,
};

/// Gives the events that must have stood before one that does not fit as it is.
pub(super) fn bridge(state: &RunState, event: &RunEvent) -> Vec<RunEvent> {
    let Some(row) = event.row().filter(|row| (1..=u64::from(u32::MAX)).contains(row)) else {
        return Vec::new();
    };
    let mut missing = Vec::new();
    if !state.selected().contains(row) {
        missing.push(RunEvent::Selected(Selected { count: 1, ranges: vec![(row, row)] }));
    }
    let (attempt, by_poll) = match event {
        RunEvent::Withdrawn(e) => (e.attempt, None),
        RunEvent::Refused(e) => (e.attempt, None),
        RunEvent::Ambiguous(e) => (e.attempt, None),
        RunEvent::Attached(e) => (e.attempt, None),
        RunEvent::Answered(e) if e.via == Via::Poll => (e.attempt, e.workflow_run_id.clone()),
        RunEvent::Answered(e) => (e.attempt, None),
        _ => return missing,
    };
    let at = state.row(row);
    let can_be_sent = matches!(at, RowState::Unstarted | RowState::Ready);
    if can_be_sent {
        missing.push(intended(row, attempt));
    }
    if let Some(workflow_run_id) = by_poll
        && (can_be_sent || at == RowState::Intended)
    {
        let (workflow_version, workflow_id) = (None, None);
        let via = Via::Submit;
        missing.push(RunEvent::Attached(Attached {
            row,
            attempt,
            workflow_run_id,
            workflow_version,
            workflow_id,
            via,
        }));
    }
    missing
}

/// Gives the events that hold a row, in doubt; none for one that is not sent as it stands.
pub(super) fn hold(row: RowNumber, at: &RowState, attempt: u32) -> Vec<RunEvent> {
    let message = "the journal was damaged where it may have told of a send of this row: it may have run";
    let mut events = Vec::new();
    match at {
        RowState::Unstarted | RowState::Ready => {}
        // It may have been asked for again.
        RowState::Ended(from) if *from != Outcome::Succeeded => {
            events.push(RunEvent::Reopened(Reopened { row, from: *from, by: BY.to_owned() }));
        }
        _ => return events,
    }
    events.push(intended(row, attempt));
    events.push(RunEvent::Ambiguous(Ambiguous {
        row,
        attempt,
        kind: ErrorKind::INTERRUPTED,
        message: message.to_owned(),
        http_status: None,
        body: None,
    }));
    let error = RowError::new(ErrorKind::INTERRUPTED, message);
    events.push(RunEvent::Ended(Ended {
        row,
        outcome: Outcome::InDoubt,
        error,
        workflow_run_id: None,
        backoff_ms: 0,
    }));
    events
}

/// An intent of which nothing more is known.
pub(super) fn intended(row: RowNumber, attempt: u32) -> RunEvent {
    RunEvent::Intended(Intended {
        row,
        attempt,
        queue_ms: 0,
        reserved: Reservation::default(),
        delivery: Delivery::AtMostOnce,
        key: None,
        row_sha: None,
        input_sha256: None,
        record: None,
        input: None,
    })
}
