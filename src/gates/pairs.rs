//! A run's rows against the baseline's, pair by pair: whether what a gate names became worse by more than chance.

use std::collections::HashMap;

use serde_json::Value;

use crate::gates::{Baseline, BaselineRow, Gate};
use crate::stats::mcnemar_worse;

/// The p below which a run is worse.
pub(super) const SIGNIFICANCE: f64 = 0.05;

/// The name under which rows that succeeded are compared; no check can have it beside `success_rate`.
pub(super) const SUCCEEDED: &str = "success_rate";

/// Of each row of a baseline, what passed.
pub(super) type Passed = HashMap<String, Vec<(String, bool)>>;

/// What of a baseline's row counts. Without the rows that say nothing: those not run, and checks that were not asked.
pub(super) fn passed_of(row: BaselineRow) -> Vec<(String, bool)> {
    let succeeded = (row.outcome != "not_run").then(|| (SUCCEEDED.to_owned(), row.outcome == "succeeded"));
    let of_checks = row.checks.into_iter().filter_map(|(name, said)| {
        let word = said.as_str().or_else(|| said.get("verdict").and_then(Value::as_str))?.to_owned();
        Some((name, passed(&word)?))
    });
    succeeded.into_iter().chain(of_checks).collect()
}

/// Says whether a verdict is a pass: an output that could not be judged is none, a row that is not asked for is left out.
fn passed(verdict: &str) -> Option<bool> {
    match verdict {
        "pass" => Some(true),
        "fail" | "error" => Some(false),
        _ => None,
    }
}

/// What became of what a gate names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flips {
    /// Rows that were judged on both sides.
    pub pairs: u64,
    /// Those that pass in the baseline alone; of several invocations, those that pass less often.
    pub lost: u64,
    /// Those that pass in the run alone, or more often.
    pub won: u64,
}

impl Flips {
    /// How likely it is to lose at least as many of those that differ, if each of them fell either way by chance; none
    /// without pairs.
    pub(super) fn p(&self) -> Option<f64> {
        (self.pairs > 0).then(|| mcnemar_worse(self.lost, self.won))
    }
}

/// The pairs so far.
#[derive(Debug)]
pub struct Pairs<'a> {
    rows: Option<&'a Passed>,
    /// By the names that gates ask for.
    tallies: Vec<(&'a str, Tally)>,
    record: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    flips: Flips,
    /// Of the current record: its pairs, and how many of them pass in the baseline and now.
    now: (u64, u64, u64),
}

impl<'a> Pairs<'a> {
    /// Begins with the names that the gates ask for, and the baseline's rows.
    pub fn new(gates: &'a [Gate], baseline: Option<&'a Baseline>) -> Self {
        let mut tallies: Vec<(&str, Tally)> = Vec::new();
        for name in gates.iter().filter_map(Gate::is_paired_by) {
            if tallies.iter().all(|(known, _)| *known != name) {
                tallies.push((name, Tally::default()));
            }
        }
        Self { rows: baseline.map(|baseline| &baseline.passed), tallies, record: 0 }
    }

    /// Takes in a row of a record by its key. `verdict` gives that of a check. Rows of one record follow each other: they
    /// are one pair, since they are not independent.
    pub fn add<'v>(
        &mut self,
        record: u64,
        key: &str,
        outcome: &str,
        verdict: impl Fn(&str) -> Option<&'v str>,
    ) {
        if self.tallies.is_empty() {
            return;
        }
        if record != self.record {
            self.record = record;
            self.tallies.iter_mut().for_each(|(_, tally)| tally.next_record());
        }
        let Some(before) = self.rows.and_then(|rows| rows.get(key)) else { return };
        for (name, tally) in &mut self.tallies {
            let before = before.iter().find(|(known, _)| known == name).map(|(_, passed)| *passed);
            let now = if *name == SUCCEEDED {
                (outcome != "not_run").then_some(outcome == "succeeded")
            } else {
                verdict(name).and_then(passed)
            };
            if let (Some(before), Some(now)) = (before, now) {
                let (pairs, was, is) = tally.now;
                tally.now = (pairs + 1, was + u64::from(before), is + u64::from(now));
            }
        }
    }

    /// Gives what became of each name.
    pub fn finish(mut self) -> Vec<(String, Flips)> {
        self.tallies.iter_mut().for_each(|(_, tally)| tally.next_record());
        self.tallies.into_iter().map(|(name, tally)| (name.to_owned(), tally.flips)).collect()
    }
}

impl Tally {
    fn next_record(&mut self) {
        let (pairs, was, is) = std::mem::take(&mut self.now);
        self.flips.pairs += u64::from(pairs > 0);
        self.flips.lost += u64::from(is < was);
        self.flips.won += u64::from(is > was);
    }
}
