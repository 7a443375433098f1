//! The figures that the fold keeps while it reads events: counts and exact sums, no payloads.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Cost, Outcome, RowSet};

/// Rows by outcome, as `rows` in report.json has them. `not_run` is what was selected and has not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows that belong to the run.
    pub total: u64,
    /// Rows that succeeded.
    pub succeeded: u64,
    /// Rows with a definite failure.
    pub failed: u64,
    /// Rows that may have run.
    pub in_doubt: u64,
    /// Rows never sent because they could not be.
    pub rejected: u64,
    /// Rows not started, or not ended.
    pub not_run: u64,
}

impl Counts {
    /// Gives the count of one outcome.
    pub fn of(&self, outcome: Outcome) -> u64 {
        match outcome {
            Outcome::Succeeded => self.succeeded,
            Outcome::Failed => self.failed,
            Outcome::InDoubt => self.in_doubt,
            Outcome::Rejected => self.rejected,
            Outcome::NotRun => self.not_run,
        }
    }

    /// Counts so many more rows.
    pub fn add_all(&mut self, outcome: Outcome, rows: u64) {
        self.total += rows;
        let count = match outcome {
            Outcome::Succeeded => &mut self.succeeded,
            Outcome::Failed => &mut self.failed,
            Outcome::InDoubt => &mut self.in_doubt,
            Outcome::Rejected => &mut self.rejected,
            Outcome::NotRun => &mut self.not_run,
        };
        *count += rows;
    }

    /// Counts one more row.
    pub fn add(&mut self, outcome: Outcome) {
        self.add_all(outcome, 1);
    }

    /// Gives how many rows have a definite answer.
    pub fn answered(&self) -> u64 {
        self.succeeded + self.failed
    }

    /// Gives how many rows have ended.
    pub fn finished(&self) -> u64 {
        self.succeeded + self.failed + self.in_doubt + self.rejected
    }
}

/// Results that earlier runs have paid for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReusedTally {
    /// Rows that have such a result.
    pub rows: u64,
    /// What they cost then, as far as it is known.
    pub cost: Cost,
    /// Of the rows, those of which it is not known.
    pub unknown_rows: u64,
    /// The tokens they took then, as far as that is known.
    pub tokens: u64,
}

/// Sums over a run's events.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Sends of invoke that were not throttled.
    pub attempts: u64,
    /// Sends of invoke, every one.
    pub invokes: u64,
    /// Queries of a result.
    pub polls: u64,
    /// Sends of invoke that the service asked to slow down.
    pub throttled: u64,
    /// Queries of a result that it asked to slow down.
    pub throttled_polls: u64,
    /// The sum of every cost that the service reported, also of rows asked again later.
    pub cost: Cost,
    /// The sum of every token count that the service reported.
    pub tokens: u64,
    /// Rows with an execution, certain or possible, whose cost is unknown.
    pub cost_unknown: RowSet,
    /// The same for tokens.
    pub tokens_unknown: RowSet,
    /// Answers by the version of the workflow that gave them.
    pub versions: BTreeMap<String, u64>,
    /// Answers by the id of the workflow that gave them.
    pub workflows: BTreeMap<String, u64>,
    /// Deliveries that changed nothing, and those of them that contradicted the answer that counts.
    pub receipts: u64,
    /// Results that earlier runs have paid for; no part of the sums above.
    pub reused: ReusedTally,
    /// Of the receipts, those that say something else than the answer that counts.
    pub contradictions: u64,
}
