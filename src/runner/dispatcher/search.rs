//! Before the loop ends, rows that are in doubt are looked for in the provider's run log, once.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::model::{RowNumber, RowSet, RowState, StopCause, Via};
use crate::runner::Observer;
use crate::runner::dispatcher::{Dispatcher, Done};
use crate::runner::invocation::{Hint, Invocation};
use crate::runner::recovery::{Recovery, search};
use crate::workflow::Workflow;

/// What is waited before the log is read, since it may lag behind.
const LAG: Duration = Duration::from_secs(1);

/// The search for rows in doubt.
#[derive(Debug, Default)]
pub(super) struct Search {
    recovery: Option<Arc<Recovery>>,
    /// Rows that were looked for already.
    tried: RowSet,
    under_way: Option<AbortHandle>,
}

impl<W: Workflow, O: Observer> Dispatcher<W, O> {
    /// Has rows that end in doubt looked for, all but those that were looked for already.
    pub(crate) fn recover(&mut self, recovery: Arc<Recovery>, tried: RowSet) {
        self.search = Search { recovery: Some(recovery), tried, under_way: None };
    }

    /// Says whether the loop goes on because a search does; begins one if there is reason to.
    pub(super) fn is_searching(&mut self) -> bool {
        if !self.stop.is_none_or(StopCause::still_polls) {
            if let Some(task) = self.search.under_way.take() {
                task.abort();
            }
            return false;
        }
        if self.search.under_way.is_some() {
            return true;
        }
        let Some(recovery) = self.search.recovery.clone() else { return false };
        let tried = &mut self.search.tried;
        let lost: RowSet = self.state.lost().filter(|row| tried.insert(*row)).collect();
        if lost.is_empty() {
            return false;
        }
        let workflow = Arc::clone(&self.workflow);
        let task = self.tasks.spawn(async move {
            tokio::time::sleep(LAG).await;
            Done::Searched(search(&*workflow, &recovery, lost).await)
        });
        self.search.under_way = Some(task);
        true
    }

    /// The search has ended: what it found is run by the provider, and asked for.
    pub(super) fn on_searched(&mut self, found: Vec<(RowNumber, String)>) {
        self.search.under_way = None;
        for (row, run_id) in found {
            // A webhook may have been faster.
            if self.rows.contains_key(&row) || self.state.row(row) != RowState::InDoubt(None) {
                continue;
            }
            let mut late = Invocation::attached(run_id.clone(), self.state.sends(row), Instant::now());
            late.is_late = true;
            self.admission.take_place_regardless();
            self.rows.insert(row, late);
            self.on_acknowledged(row, run_id, None, None, Via::RunLog);
            if let Some(invocation) = self.rows.get_mut(&row) {
                // Its reply was lost a while ago: it has most likely ended.
                invocation.hint = Hint::Due;
            }
        }
    }
}
