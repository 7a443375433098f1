//! What a comparison says: the types of its JSON.

use serde::{Serialize, Serializer};

use crate::compare::{Difference, Side};
use crate::model::{Cost, Outcome};
use crate::stats::Interval;

/// Two runs compared. The baseline is the first, the candidate the second: what is worse is worse in the candidate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The first run.
    pub baseline: Side,
    /// The second.
    pub candidate: Side,
    /// What differs between them before any row is looked at.
    pub differences: Vec<Difference>,
    /// What the reader should know before the figures.
    pub notes: Vec<String>,
    /// Which rows were compared.
    pub rows: RowCounts,
    /// Checks and `succeeded` that became significantly worse.
    pub regressions: Vec<String>,
    /// What the baseline has and can't be compared.
    pub undecided: Vec<String>,
    /// Whether rows succeeded, as if it were a check.
    pub succeeded: CheckChange,
    /// Each check, by name.
    #[serde(serialize_with = "by_name")]
    pub checks: Vec<CheckChange>,
    /// What the rows cost.
    pub cost: CostChange,
    /// What they took in tokens.
    pub tokens: NumberChange,
    /// How long they took.
    pub latency_ms: NumberChange,
    /// Rows that ended otherwise, most first.
    pub outcomes: Vec<OutcomeChange>,
    /// The confidence of each interval.
    pub confidence: f64,
    /// The p below which a difference of a check counts as significant.
    pub significance: f64,
    /// The seed of the bootstrap.
    pub seed: u64,
}

impl Comparison {
    /// Says whether nothing became significantly worse; what can't be told is no pass.
    pub fn is_without_regression(&self) -> bool {
        self.regressions.is_empty() && self.undecided.is_empty()
    }
}

/// Which rows were compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RowCounts {
    /// Rows of one key in both.
    pub paired: u64,
    /// Rows of the baseline alone.
    pub only_baseline: u64,
    /// Rows of the candidate alone.
    pub only_candidate: u64,
    /// Rows whose key came before in the same run; they are left out.
    pub duplicates: Counts,
    /// Rows without a key, never begun or too broken to have one.
    pub without_key: Counts,
    /// Pairs that were not asked the same; none when one side does not say.
    pub input_differs: Option<u64>,
}

/// A count on each side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// In the baseline.
    pub baseline: u64,
    /// In the candidate.
    pub candidate: u64,
}

/// What became of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Significantly fewer rows pass.
    Worse,
    /// Significantly more rows pass.
    Better,
    /// No more difference than chance makes.
    NoDifference,
    /// No row was judged on both sides.
    Undecided,
}

/// A check in both runs, over the pairs that it judged on both sides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CheckChange {
    /// Its name.
    #[serde(skip)]
    pub name: String,
    /// What became of it.
    pub verdict: Verdict,
    /// Pairs judged on both sides.
    pub pairs: u64,
    /// Of these, how many pass.
    pub passed: Counts,
    /// The shares that pass; null without pairs.
    pub pass_rate: Option<[f64; 2]>,
    /// Their Wilson intervals.
    pub pass_rate_interval: Option<[Interval; 2]>,
    /// Pairs that pass in the baseline alone.
    pub lost: u64,
    /// Pairs that pass in the candidate alone.
    pub won: u64,
    /// McNemar's exact p, two-sided; null without pairs.
    pub p: Option<f64>,
    /// The smallest change of the pass rate that would be found significant eight times of ten, over so many pairs that
    /// flip as often as these; null when none would.
    pub detectable: Option<f64>,
    /// Pairs judged on one side only.
    pub judged_once: Counts,
    /// The mean scores, when they are not only 0 and 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<NumberChange>,
    /// Rows that were lost and won, the first of each.
    pub flips: Flips,
}

/// The first rows that were lost and won.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Flips {
    /// They pass in the baseline alone.
    pub lost: Vec<Flip>,
    /// They pass in the candidate alone.
    pub won: Vec<Flip>,
}

/// A row that passes on one side alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Flip {
    /// Its key.
    pub row_key: String,
    /// Its number in the candidate.
    pub row_number: Option<u64>,
    /// What was expected, where the check says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What the baseline gave: its output, or its error. Cut to size, as all texts here.
    pub baseline: Option<String>,
    /// What the candidate gave.
    pub candidate: Option<String>,
    /// Why the side that does not pass does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A number in both runs, over the pairs where both have it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NumberChange {
    /// How many pairs.
    pub pairs: u64,
    /// The means.
    pub mean: Option<[f64; 2]>,
    /// The mean of the differences, candidate less baseline.
    pub difference: Option<f64>,
    /// Its interval by the paired bootstrap; null for fewer than ten pairs.
    pub interval: Option<Interval>,
    /// Whether the interval leaves out 0.
    pub significant: Option<bool>,
}

/// Costs in both runs, over the pairs where both are known.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CostChange {
    /// The unit, when it is the same.
    pub unit: Option<String>,
    /// Pairs of which a cost is unknown; in no figure here.
    pub unknown_pairs: u64,
    /// The baseline's exact sum; null when it does not fit.
    pub baseline: Option<Cost>,
    /// The candidate's.
    pub candidate: Option<Cost>,
    /// Candidate less baseline, exact, as a decimal.
    pub difference: Option<String>,
    /// Per row.
    pub per_row: NumberChange,
}

/// Rows that ended one way and now another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct OutcomeChange {
    /// In the baseline.
    pub from: Outcome,
    /// In the candidate.
    pub to: Outcome,
    /// How many.
    pub rows: u64,
}

fn by_name<S: Serializer>(checks: &[CheckChange], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(checks.iter().map(|check| (&check.name, check)))
}
