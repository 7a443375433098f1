//! The summary of a run: the content of report.json. Its field names are a contract.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::gates::GateResult;
use crate::model::{Cost, Counts, Outcome, RowNumber, Verdict};
use crate::report::scores::named;
use crate::report::{
    Bill, BudgetSummary, CheckSummary, Commit, DoubtfulCost, GroupCheck, JudgeSummary, RunRepeats,
    SucceededSummary,
};

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The run's id.
    pub run_id: String,
    /// The manifest's name.
    pub manifest: String,
    /// The manifest's description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The manifest's labels.
    pub labels: BTreeMap<String, String>,
    /// The commit that the manifest stood in when the run began; absent outside of a repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<Commit>,
    /// Whether every row ended and none is still at the provider, and every judge is done.
    pub complete: bool,
    /// What it means, with the exit code and the command to go on with.
    pub verdict: Verdict,
    /// Rows with a definite answer (succeeded or failed) of all rows; null for no rows.
    pub coverage: Option<Rate>,
    /// Rows that succeeded of all rows; null for no rows.
    pub success_rate: Option<Rate>,
    /// Whether rows succeeded, against the baseline; absent without one that has rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succeeded: Option<SucceededSummary>,
    /// The mean of the rows' scores, from 0 to 1, each the weighted mean of its checks' scores; absent without checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Rows by outcome.
    pub rows: Counts,
    /// Sends of invoke that were not throttled.
    pub attempts: u64,
    /// Sends of invoke, every one.
    pub invokes: u64,
    /// Queries of a result.
    pub polls: u64,
    /// Replies that asked to slow down.
    pub throttled: u64,
    /// How many rows were let be in flight.
    #[serde(default)]
    pub concurrency: ConcurrencySummary,
    /// Results that earlier runs have paid for.
    #[serde(default)]
    pub reused: ReusedSummary,
    /// The bill.
    pub cost: CostSummary,
    /// What judges came to, by the first of the checks that ask them; their cost is not in `cost`. Absent without judges.
    #[serde(default, with = "named", skip_serializing_if = "Vec::is_empty")]
    pub judges: Vec<(String, JudgeSummary)>,
    /// What the run and its judges cost together; absent in what an older version wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bill: Option<Bill>,
    /// Tokens used.
    pub tokens: TokenSummary,
    /// How `limits.budget` stands; null without one.
    pub budget: Option<BudgetSummary>,
    /// From the send of a row's last attempt to its result, over the rows that have it.
    pub latency_ms: Percentiles,
    /// The execution time that the service reports.
    pub server_ms: Percentiles,
    /// How long rows that were sent had waited for a place.
    pub queue_ms: Percentiles,
    /// How long rows that were sent spent in back-off and pauses.
    pub backoff_ms: Percentiles,
    /// The time that processes worked on the run, each from its first to its last event.
    pub wall_ms: u64,
    /// Why rows did not succeed, the most frequent first.
    pub errors: Vec<ErrorSummary>,
    /// The figures by group, in the order of `report.group_by`, within one the largest group first.
    pub groups: Vec<GroupSummary>,
    /// How much the invocations of one row differ; absent where each row of the dataset was invoked once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<RunRepeats>,
    /// What checks came to, by name in the manifest's order.
    #[serde(with = "named")]
    pub checks: Vec<(String, CheckSummary)>,
    /// The run's gates, in the manifest's order.
    pub gates: Vec<GateResult>,
    /// Answers by the version of the workflow that gave them.
    pub versions: BTreeMap<String, u64>,
    /// What else a reader should know, a sentence each.
    pub notes: Vec<String>,
}

/// How many rows were let be in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConcurrencySummary {
    /// `limits.concurrency`, as it is in force.
    pub max: u64,
    /// Whether the number followed what the service bore.
    pub adaptive: bool,
    /// The fewest, when it did; null when no process of the run has come to tell.
    pub lowest: Option<u64>,
    /// The number at the end of the last process that told.
    #[serde(rename = "final")]
    pub last: Option<u64>,
}

/// Results that earlier runs have paid for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReusedSummary {
    /// Rows that have one.
    pub rows: u64,
    /// What they cost then, as far as it is known; in no total of this run.
    pub cost: Cost,
    /// Of the rows, those of which it is not known.
    pub unknown_rows: u64,
    /// The tokens they took then, as far as that is known.
    pub tokens: u64,
}

/// The bill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostSummary {
    /// The exact sum of all costs that the service reported, also of rows asked again later.
    pub total: Cost,
    /// The unit.
    pub unit: String,
    /// Rows that were executed, and whose cost is known.
    pub known_rows: u64,
    /// Rows with an execution, certain or possible, whose cost is not known. Rows that never ran count in neither.
    pub unknown_rows: u64,
    /// Of the total, what rows cost that failed; null when it can't be added up exactly.
    #[serde(default)]
    pub failed: Option<Cost>,
    /// Over the known rows.
    pub per_row: CostPerRow,
    /// What rows in doubt may have cost; in no total.
    pub in_doubt: DoubtfulCost,
    /// What the total is worth, when the manifest gives a price and the product is exact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub money: Option<Money>,
}

/// The spread of costs over rows: nearest rank; null for no rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostPerRow {
    /// Rounded half to even, six digits after those of the sum.
    pub mean: Option<Cost>,
    /// The median.
    pub p50: Option<Cost>,
    /// The 95th percentile.
    pub p95: Option<Cost>,
    /// The largest.
    pub max: Option<Cost>,
}

/// An amount of money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// An exact decimal.
    pub amount: String,
    /// For instance `USD`.
    pub currency: String,
}

/// Tokens used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenSummary {
    /// The sum of all token counts that the service reported.
    pub total: u64,
    /// Rows that were executed, and whose tokens are known.
    pub known_rows: u64,
    /// Rows with an execution, certain or possible, whose tokens are not known.
    pub unknown_rows: u64,
}

/// Percentiles of milliseconds: nearest rank over the rows that have a value; null when none has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Percentiles {
    /// The median.
    pub p50: Option<u64>,
    /// The 90th.
    pub p90: Option<u64>,
    /// The 95th.
    pub p95: Option<u64>,
    /// The 99th.
    pub p99: Option<u64>,
    /// The largest.
    pub max: Option<u64>,
}

/// A reason for which rows did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorSummary {
    /// The stable word.
    pub kind: String,
    /// How these rows ended.
    pub outcome: Outcome,
    /// How many rows.
    pub count: u64,
    /// The message of the first of them.
    pub example: String,
    /// The first of them.
    pub row_number: RowNumber,
}

/// The figures of the rows that have one value of a `report.group_by` template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSummary {
    /// The name in `report.group_by`.
    pub by: String,
    /// The value; `(other)` for those beyond the limit, `(unknown)` for rows that it can't be rendered for.
    pub value: String,
    /// How many rows.
    pub rows: u64,
    /// How many of them succeeded.
    pub succeeded: u64,
    /// The share of them that succeeded.
    pub success_rate: Option<Rate>,
    /// What they cost, over the rows whose cost is known.
    pub cost: KnownCost,
    /// The same for tokens.
    pub tokens: KnownTokens,
    /// Their latency.
    pub latency_ms: Percentiles,
    /// What checks came to among them.
    #[serde(default, with = "named", skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<(String, GroupCheck)>,
}

/// A sum of costs, and how many rows are missing in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownCost {
    /// The exact sum over the rows whose cost is known.
    pub total: Cost,
    /// The other rows.
    pub unknown_rows: u64,
}

/// A sum of tokens, and how many rows are missing in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownTokens {
    /// The sum over the rows whose tokens are known.
    pub total: u64,
    /// The other rows.
    pub unknown_rows: u64,
}

/// A share, in millionths: written as a JSON number of at most six decimals. What is beyond them is cut off, so that
/// it is 1 only when nothing is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(u32);

impl Rate {
    /// Gives `part` of `total`, or nothing when there is no total.
    pub fn of(part: u64, total: u64) -> Option<Self> {
        let millionths = (u128::from(part) * 1_000_000).checked_div(u128::from(total))?;
        u32::try_from(millionths).ok().map(Self)
    }

    /// Gives the share in millionths.
    pub fn millionths(self) -> u32 {
        self.0
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The double nearest to a decimal of six places prints as that decimal.
        serializer.serialize_f64(f64::from(self.0) / 1e6)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let share = f64::deserialize(deserializer)?;
        if !(0.0..=1.0).contains(&share) {
            return Err(serde::de::Error::custom("a share is between 0 and 1"));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and 1,000,000"
        )]
        let millionths = (share * 1e6).round() as u32;
        Ok(Self(millionths))
    }
}

/// Writes report.json: fields in the order of the contract, indented.
pub fn write_json(summary: &Summary, target: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *target, summary)?;
    target.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_at_most_six_decimals_and_is_one_only_when_nothing_is_missing() {
        let check = |part: u64, total: u64, expected: &str| {
            let text = serde_json::to_string(&Rate::of(part, total)).unwrap();
            assert_eq!(text, expected);
            assert_eq!(serde_json::from_str::<Option<Rate>>(&text).unwrap(), Rate::of(part, total));
        };
        check(0, 0, "null");
        check(0, 3, "0.0");
        check(1, 3, "0.333333");
        check(2, 3, "0.666666");
        check(19_958, 20_000, "0.9979");
        check(9_999_999, 10_000_000, "0.999999");
        check(10, 10, "1.0");
        check(u64::MAX, u64::MAX, "1.0");
        for millionths in (0..=1_000_000).step_by(7) {
            let text = serde_json::to_string(&Rate(millionths)).unwrap();
            assert!(text.len() <= 8, "{text}");
        }
    }
}
