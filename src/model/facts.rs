//! What the journal says of one row, gathered: all that a results row needs.

use crate::model::{Cost, Origin, Outcome, RowNumber, RowState, RunEvent};

/// One selected row, as its journal tells it.
#[derive(Clone, Debug)]
pub struct RowFacts {
    /// The row.
    pub number: RowNumber,
    /// Where it stands.
    pub state: RowState,
    /// The event that holds its record and its input, with its wall-clock instant: the first `intended`, or
    /// `rejected`. None for a row that was never begun. What was reused stands here and in `last` as if it had been
    /// sent and answered.
    pub begun: Option<(u64, RunEvent)>,
    /// The event that ended it, with its instant: `answered`, `ended` or `rejected`.
    pub last: Option<(u64, RunEvent)>,
    /// Sends of invoke that were not throttled.
    pub attempts: u32,
    /// The sum over its executions: zero when it had none, none when one of them is unknown.
    pub cost: Option<Cost>,
    /// The same for tokens.
    pub tokens: Option<u64>,
    /// What it took when an earlier run paid for it, when its result is that one's.
    pub kept: Option<Kept>,
}

/// What the result of an earlier run took there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The row of the run that paid for it.
    pub from: Origin,
    /// When the answer came, in ms since 1970.
    pub answered_ms: u64,
    /// What it cost; none: unknown.
    pub cost: Option<Cost>,
    /// The tokens it took; none: unknown.
    pub tokens: Option<u64>,
    /// How long it took, from its last send.
    pub latency_ms: Option<u64>,
    /// The execution time that the service reported.
    pub server_ms: Option<u64>,
}

impl RowFacts {
    /// Gives the row's outcome: `not_run` for a row that has not ended, `in_doubt` for one that may be running.
    pub fn outcome(&self) -> Outcome {
        match self.state {
            RowState::Ended(outcome) => outcome,
            // Subtle: a row in flight when the process died may have run; until resume settles it, that is doubt.
            RowState::InDoubt(_) | RowState::Intended | RowState::Held | RowState::Attached(_) => {
                Outcome::InDoubt
            }
            RowState::Unstarted | RowState::Ready => Outcome::NotRun,
        }
    }
}
