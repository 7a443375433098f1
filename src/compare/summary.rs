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
    /// What one pair is.
    pub unit: Unit,
    /// By which test `p` of checks was found.
    pub test: Test,
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

/// What one pair is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A row of each run.
    Row,
    /// A record of the dataset, with all rows that either run made of it: one of them repeats.
    Record,
}

/// By which test checks are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// McNemar's exact test over the pairs that pass on one side alone.
    McnemarExact,
    /// The sign-flip test of the differences between the shares that pass.
    SignFlip,
}

impl Unit {
    pub(super) fn test(self) -> Test {
        match self {
            Self::Row => Test::McnemarExact,
            Self::Record => Test::SignFlip,
        }
    }
}

/// Which rows were compared; records, where one of the runs repeats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RowCounts {
    /// Those of one key in both.
    pub paired: u64,
    /// Those of the baseline alone.
    pub only_baseline: u64,
    /// Those of the candidate alone.
    pub only_candidate: u64,
    /// Rows whose own key came before in the same run; they are left out.
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

impl Counts {
    pub(super) fn add(&mut self, baseline: u64, candidate: u64) {
        self.baseline += baseline;
        self.candidate += candidate;
    }
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
    /// The answers in them that were judged: as many as pairs, unless a run repeats.
    pub answers: Counts,
    /// Of these, how many pass.
    pub passed: Counts,
    /// The mean share of a pair's answers that pass; null without pairs.
    pub pass_rate: Option<[f64; 2]>,
    /// Their Wilson intervals, over the pairs.
    pub pass_rate_interval: Option<[Interval; 2]>,
    /// Pairs that pass in the baseline alone; with repeats, more often.
    pub lost: u64,
    /// Pairs that pass in the candidate alone; with repeats, more often.
    pub won: u64,
    /// How likely so great a difference would be by chance, two-sided; null without pairs.
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
    /// Its key; that of the record, where a run repeats.
    pub row_key: String,
    /// Its number in the candidate.
    pub row_number: Option<u64>,
    /// Where a run repeats, how many answers pass of how many that were judged: the baseline's, the candidate's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passed: Option<[[u64; 2]; 2]>,
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

impl Flip {
    /// Bytes of its texts.
    pub(super) fn bytes(&self) -> usize {
        let texts = [&self.expected, &self.baseline, &self.candidate, &self.reason];
        self.row_key.len() + texts.into_iter().flatten().map(String::len).sum::<usize>()
    }
}

/// A number in both runs, over the pairs where both have it: of several answers, their mean.
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
    /// The baseline's exact sum; null when it does not fit, or when a pair's sides do not have equally many answers.
    pub baseline: Option<Cost>,
    /// The candidate's.
    pub candidate: Option<Cost>,
    /// Candidate less baseline, exact, as a decimal.
    pub difference: Option<String>,
    /// Per row.
    pub per_row: NumberChange,
}

/// Rows that ended one way and now another; not told where a run repeats.
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
