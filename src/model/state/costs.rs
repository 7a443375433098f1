//! What executions cost, as far as it is known: by answers, and by what the provider's ledger settles later.

use std::collections::BTreeMap;

use crate::model::life::RowState;
use crate::model::state::{OpenRow, Phase, RunState};
use crate::model::{Answered, Cost, Reused, RowNumber, RowSet, Settled};

/// Executions, certain or possible, of which a figure is not known. A row with one is in a set; what it has beyond
/// that stands here, since that is rare.
#[derive(Clone, Debug, Default)]
pub(super) struct Unknowns {
    more_costs: BTreeMap<RowNumber, u32>,
    more_tokens: BTreeMap<RowNumber, u32>,
}

fn one_more(set: &mut RowSet, more: &mut BTreeMap<RowNumber, u32>, row: RowNumber) {
    if !set.insert(row) {
        *more.entry(row).or_default() += 1;
    }
}

fn one_less(set: &mut RowSet, more: &mut BTreeMap<RowNumber, u32>, row: RowNumber) {
    match more.get_mut(&row) {
        Some(1) => {
            more.remove(&row);
        }
        Some(count) => *count -= 1,
        None => {
            set.remove(row);
        }
    }
}

impl RunState {
    /// An execution of the row may have taken place, and nothing is known of it.
    pub(super) fn note_unknown(&mut self, row: RowNumber) {
        self.cost_is_unknown(row);
        self.tokens_are_unknown(row);
    }

    /// What was in doubt turns out to be a run that will tell.
    pub(super) fn note_found(&mut self, row: RowNumber) {
        one_less(&mut self.tally.cost_unknown, &mut self.unknowns.more_costs, row);
        one_less(&mut self.tally.tokens_unknown, &mut self.unknowns.more_tokens, row);
    }

    /// A run that would have told is given up.
    pub(super) fn note_given_up(&mut self, row: RowNumber, run_id: &str) {
        if self.settled_run(row, run_id).is_none() {
            self.cost_is_unknown(row);
        }
        self.tokens_are_unknown(row);
    }

    fn cost_is_unknown(&mut self, row: RowNumber) {
        one_more(&mut self.tally.cost_unknown, &mut self.unknowns.more_costs, row);
    }

    fn tokens_are_unknown(&mut self, row: RowNumber) {
        one_more(&mut self.tally.tokens_unknown, &mut self.unknowns.more_tokens, row);
    }

    pub(super) fn note_answer(&mut self, row: RowNumber, state: &RowState, event: &Answered) {
        if matches!(state, RowState::Held | RowState::InDoubt(None)) {
            self.note_found(row);
        }
        let is_settled = match state {
            RowState::InDoubt(Some(run_id)) => self.settled_run(row, run_id).is_some(),
            _ => false,
        };
        if let (RowState::InDoubt(Some(run_id)), Some(_)) = (state, event.cost) {
            // The service's own answer counts for its run, whatever its ledger said.
            self.take_back(row, run_id);
        }
        let set_aside = self.reservation(row);
        let cost = event.cost.and_then(|cost| self.tally.cost.checked_add(cost));
        self.tally.cost = cost.unwrap_or(self.tally.cost);
        let is_known = cost.is_some() || (event.cost.is_none() && (!event.executed || is_settled));
        if !is_known {
            self.cost_is_unknown(row);
        } else if !is_settled {
            self.reserved.release_cost(set_aside.cost);
        }
        let tokens = event.tokens.and_then(|tokens| self.tally.tokens.checked_add(tokens));
        self.tally.tokens = tokens.unwrap_or(self.tally.tokens);
        if tokens.is_none() && (event.executed || event.tokens.is_some()) {
            self.tokens_are_unknown(row);
        } else {
            self.reserved.release_tokens(set_aside.tokens);
        }
        self.largest.cost = self.largest.cost.max(event.cost);
        self.largest.tokens = self.largest.tokens.max(event.tokens);
        if let Some(id) = &event.workflow_id {
            *self.tally.workflows.entry(id.clone()).or_default() += 1;
        }
        if let Some(version) = &event.workflow_version {
            *self.tally.versions.entry(version.clone()).or_default() += 1;
        }
    }

    /// A result that an earlier run has paid for: its cost is no cost of this run.
    pub(super) fn note_reused(&mut self, event: &Reused) {
        let reused = &mut self.tally.reused;
        reused.rows += 1;
        match event.cost.and_then(|cost| reused.cost.checked_add(cost)) {
            Some(cost) => reused.cost = cost,
            None => reused.unknown_rows += 1,
        }
        reused.tokens = reused.tokens.saturating_add(event.tokens.unwrap_or_default());
        if let Some(version) = &event.workflow_version {
            *self.tally.versions.entry(version.clone()).or_default() += 1;
        }
    }

    /// Takes in what the provider's ledger says of an execution; none when there is nothing of it to be settled.
    pub(super) fn settle(&mut self, state: &RowState, event: &Settled) -> Option<()> {
        let row = event.row;
        if self.settled_run(row, &event.workflow_run_id).is_some() {
            return None;
        }
        let total = self.tally.cost.checked_add(event.cost)?;
        if matches!(state, RowState::InDoubt(Some(run_id)) if *run_id == event.workflow_run_id) {
            if let Some(open) = self.open.get_mut(&row) {
                self.reserved.release_cost(open.reserved.cost.take());
            }
        } else if self.tally.cost_unknown.contains(row) {
            one_less(&mut self.tally.cost_unknown, &mut self.unknowns.more_costs, row);
        } else {
            return None;
        }
        self.tally.cost = total;
        self.largest.cost = self.largest.cost.max(Some(event.cost));
        self.settled.entry(row).or_default().push((event.workflow_run_id.as_str().into(), event.cost));
        Some(())
    }

    fn take_back(&mut self, row: RowNumber, run_id: &str) {
        let Some(runs) = self.settled.get_mut(&row) else { return };
        let Some(index) = runs.iter().position(|(id, _)| **id == *run_id) else { return };
        let (_, cost) = runs.remove(index);
        self.tally.cost = self.tally.cost.checked_sub(cost).unwrap_or(self.tally.cost);
    }

    /// Gives what the provider's ledger said of an execution of the row.
    pub fn settled_run(&self, row: RowNumber, run_id: &str) -> Option<Cost> {
        let runs = self.settled.get(&row)?;
        runs.iter().find(|(id, _)| **id == *run_id).map(|(_, cost)| *cost)
    }

    /// Gives what the provider's ledger settled of the row in all.
    pub fn settled(&self, row: RowNumber) -> Cost {
        let costs = self.settled.get(&row).into_iter().flatten().map(|(_, cost)| *cost);
        costs.fold(Cost::ZERO, |sum, cost| sum.checked_add(cost).unwrap_or(sum))
    }

    /// Says whether every execution of the row, certain or possible, has a known cost.
    pub fn is_cost_known(&self, row: RowNumber) -> bool {
        !self.tally.cost_unknown.contains(row)
            && !self.open.get(&row).is_some_and(|open| self.is_untold(row, open))
    }

    /// Gives how many executions of the row, certain or possible, have no known cost and no run that may tell.
    pub fn unknown_executions(&self, row: RowNumber) -> u32 {
        let more = self.unknowns.more_costs.get(&row).copied().unwrap_or_default();
        u32::from(self.tally.cost_unknown.contains(row)) + more
    }

    /// Says whether a row is on its way, or of a run that has not told what it cost. What is held counts as unknown.
    pub(super) fn is_untold(&self, row: RowNumber, open: &OpenRow) -> bool {
        match (open.phase, open.run_id.as_deref()) {
            (Phase::Intended | Phase::Attached, _) => true,
            (Phase::InDoubt, Some(run_id)) => self.settled_run(row, run_id).is_none(),
            (Phase::Ready | Phase::Held | Phase::InDoubt, _) => false,
        }
    }
}
