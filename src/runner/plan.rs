//! What remains to be done: a pure function of what the journal says of a row.

use crate::model::{Delivery, RowNumber, RowSet, RowState, RunState};

/// What the next process does about a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it ended, or it is held until the user says otherwise.
    Nothing,
    /// It is rendered and sent.
    Send,
    /// Its result is asked for; it is never sent again.
    Poll(String),
    /// It was on its way when a process died: it may have run. It becomes ambiguous first, then follows `delivery`.
    Doubt,
    /// It may have run, and that stands in the journal already: it is sent again, or ends in doubt, by `delivery`.
    Settle,
}

/// Says what the next process does about a row.
pub fn next(state: &RowState) -> Next {
    match state {
        RowState::Unstarted | RowState::Ready => Next::Send,
        RowState::Intended => Next::Doubt,
        RowState::Held => Next::Settle,
        RowState::Attached(run_id) | RowState::InDoubt(Some(run_id)) => Next::Poll(run_id.clone()),
        RowState::InDoubt(None) | RowState::Ended(_) => Next::Nothing,
    }
}

/// What remains of a run.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Rows to be read, rendered and sent.
    pub send: RowSet,
    /// Rows whose results are asked for, with their run ids.
    pub poll: Vec<(RowNumber, String)>,
    /// Rows that were on their way when a process died.
    pub doubt: Vec<RowNumber>,
    /// Rows whose doubt is not settled yet.
    pub settle: Vec<RowNumber>,
}

impl Plan {
    /// Works out what remains.
    pub fn of(state: &RunState, delivery: Delivery) -> Self {
        let mut plan = Self::default();
        for row in state.selected().iter() {
            match next(&state.row(row)) {
                Next::Nothing => {}
                Next::Send => {
                    plan.send.insert(row);
                }
                Next::Poll(run_id) => plan.poll.push((row, run_id)),
                Next::Doubt => plan.doubt.push(row),
                Next::Settle => plan.settle.push(row),
            }
        }
        if delivery == Delivery::AtLeastOnce {
            for row in plan.doubt.iter().chain(&plan.settle) {
                plan.send.insert(*row);
            }
        }
        plan
    }

    /// A row that may have run is the provider's run: it is asked for, and never sent again.
    pub(crate) fn attach(&mut self, row: RowNumber, run_id: String) {
        self.send.remove(row);
        self.doubt.retain(|doubtful| *doubtful != row);
        self.settle.retain(|doubtful| *doubtful != row);
        self.poll.push((row, run_id));
    }

    /// Says whether nothing remains.
    pub fn is_empty(&self) -> bool {
        self.send.is_empty() && self.poll.is_empty() && self.doubt.is_empty() && self.settle.is_empty()
    }
}

#[cfg(test)]
mod tests;
