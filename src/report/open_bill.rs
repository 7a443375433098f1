//! What the total does not say: what rows in doubt may have cost, how a budget stands, and what judges cost beside the run.

use serde::{Deserialize, Serialize};

use crate::model::{Cost, RunState};
use crate::report::{CostPerRow, CostSummary, JudgeCost, JudgeSummary, KnownTokens};

/// `limits.budget`, as it is in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BudgetLimits {
    /// Its `cost`.
    pub cost: Option<Cost>,
    /// Its `tokens`.
    pub tokens: Option<u64>,
    /// Its `cost_per_row`: what one execution costs at most, as the user says.
    pub cost_per_row: Option<Cost>,
}

/// What rows in doubt may have cost. Never part of a total: whether they ran at all is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoubtfulCost {
    /// Rows in doubt, those that a process left on their way included.
    pub rows: u64,
    /// Their executions, certain or possible, whose cost is not known: under `at_least_once` a row may have several.
    pub executions: u64,
    /// What they cost at most, when `limits.budget.cost_per_row` bounds an execution.
    pub at_most: Option<Cost>,
    /// What they cost if they are like the rows whose cost is known; null when none is.
    pub estimate: Option<CostEstimate>,
    /// What the best of the figures rests on; null when nothing is known.
    pub basis: Option<Basis>,
}

/// What the figures for rows in doubt rest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// A bound: `limits.budget.cost_per_row`, which no execution of the run has exceeded.
    CostPerRow,
    /// An estimate: the known costs of other rows.
    KnownRows,
}

/// Two guesses at a cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostEstimate {
    /// If each cost the mean of the rows whose cost is known.
    pub at_mean: Option<Cost>,
    /// If each cost as much as the dearest of them.
    pub at_max: Option<Cost>,
}

/// What a run and its judges cost together, in the run's unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bill {
    /// The run and its judges.
    pub cost: JudgeCost,
    /// The judges alone.
    pub judges: JudgesBill,
}

/// What all judges of a run came to. All is 0 where there are none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgesBill {
    /// What they cost; no total where one of them has another unit than the run.
    pub cost: JudgeCost,
    /// The tokens that they used.
    pub tokens: KnownTokens,
    /// How often they were called.
    pub calls: u64,
    /// Rows that one of them gave no usable answer about, for each judge.
    pub errors: u64,
}

impl Bill {
    /// Adds up what a run and its judges cost.
    pub(super) fn of(run: &CostSummary, judges: &[(String, JudgeSummary)]) -> Self {
        let unit = || run.unit.clone();
        let mut sum = JudgesBill {
            cost: JudgeCost { total: Some(Cost::ZERO), unit: unit(), unknown_rows: 0 },
            tokens: KnownTokens { total: 0, unknown_rows: 0 },
            calls: 0,
            errors: 0,
        };
        for (_, judge) in judges {
            // One that was not asked yet cost nothing, in whatever unit.
            if !judge.runs.is_empty() {
                let more = judge.cost.total.filter(|_| judge.cost.unit == run.unit);
                sum.cost.total = sum.cost.total.zip(more).and_then(|(sum, more)| sum.checked_add(more));
            }
            sum.cost.unknown_rows += judge.cost.unknown_rows;
            sum.tokens.total = sum.tokens.total.saturating_add(judge.tokens.total);
            sum.tokens.unknown_rows += judge.tokens.unknown_rows;
            sum.calls += judge.calls;
            sum.errors += judge.errors;
        }
        let cost = JudgeCost {
            total: sum.cost.total.and_then(|judges| run.total.checked_add(judges)),
            unit: unit(),
            unknown_rows: run.unknown_rows + sum.cost.unknown_rows,
        };
        Self { cost, judges: sum }
    }
}

/// How a budget stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetSummary {
    /// Money, when it is bounded.
    pub cost: Option<BudgetLine<Cost>>,
    /// Tokens, when they are bounded.
    pub tokens: Option<BudgetLine<u64>>,
}

/// One side of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetLine<T> {
    /// What may be spent.
    pub limit: T,
    /// What the service has reported.
    pub spent: T,
    /// What is set aside for executions that are not settled; null when it can't be added up exactly.
    pub reserved: Option<T>,
}

impl DoubtfulCost {
    pub(super) fn of(state: &RunState, budget: Option<&BudgetLimits>, known: &CostPerRow) -> Self {
        let mut doubtful = Self::default();
        // Subtle: a bound that an execution has exceeded is none, however firmly it is given.
        let dearest = state.largest().cost;
        let each = budget
            .and_then(|budget| budget.cost_per_row)
            .filter(|each| dearest.is_none_or(|dearest| dearest <= *each));
        let mut at_most = Some(Cost::ZERO);
        for doubt in state.doubts() {
            doubtful.rows += 1;
            doubtful.executions += u64::from(doubt.executions);
            // What was set aside may be more than a bound that was lowered since.
            let each = each.map(|each| doubt.reserved.map_or(each, |reserved| reserved.max(each)));
            let row = each.and_then(|each| each.checked_mul(doubt.executions.into()));
            at_most = at_most.zip(row).and_then(|(sum, row)| sum.checked_add(row));
        }
        if doubtful.rows == 0 {
            return doubtful;
        }
        let times = |each: Cost| each.checked_mul(doubtful.executions);
        let (at_mean, at_max) = (known.mean.and_then(times), known.max.and_then(times));
        let is_known = at_mean.is_some() || at_max.is_some();
        doubtful.at_most = at_most;
        doubtful.estimate = is_known.then_some(CostEstimate { at_mean, at_max });
        let known_rows = is_known.then_some(Basis::KnownRows);
        doubtful.basis = doubtful.at_most.map(|_| Basis::CostPerRow).or(known_rows);
        doubtful
    }
}

impl BudgetSummary {
    pub(super) fn of(state: &RunState, limits: &BudgetLimits) -> Self {
        let (tally, reserved, largest) = (state.tally(), state.reserved(), state.largest());
        let each = limits.cost_per_row.or(largest.cost);
        Self {
            cost: limits.cost.map(|limit| BudgetLine {
                limit,
                spent: tally.cost,
                reserved: reserved.cost_at(each),
            }),
            tokens: limits.tokens.map(|limit| BudgetLine {
                limit,
                spent: tally.tokens,
                reserved: reserved.tokens_at(largest.tokens),
            }),
        }
    }
}
