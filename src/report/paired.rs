//! How the rows of a run do against those of the baseline, a pair for each record.

use serde::{Deserialize, Serialize};

use crate::gates::Baseline;
use crate::stats::{Resampling, mcnemar_worse, sign_flips, sign_flips_of_many};

/// Differences that are kept to be drawn from; with more, the normal distribution gives the same.
const MOST_DRAWN: usize = 50_000;

/// The seed of the signs that are drawn.
const SEED: u64 = 1;

/// How rows do against the same rows of the baseline. Where either run repeats, all its rows of a record are one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairedSummary {
    /// Rows that were judged in both; records, where either run repeats.
    pub rows: u64,
    /// Those that pass now, and did not; with repeats, more often than they did.
    pub better: u64,
    /// Those that passed, and do not now; with repeats, less often than they did.
    pub worse: u64,
    /// How likely at least so much worse would be by chance, were nothing changed: the one-sided p of McNemar's exact test; of
    /// the sign-flip test, where either run repeats.
    pub p_worse: f64,
}

/// Whether rows succeeded, against the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SucceededSummary {
    /// Over the rows that were run in both.
    pub baseline: PairedSummary,
}

/// What the pairs so far come to.
#[derive(Clone, Debug, Default)]
pub(super) struct Pairing {
    /// Where the baseline has the check.
    place: usize,
    /// Of the current record: rows that were judged, and those of them that pass.
    now: (u64, u64),
    repeated: bool,
    rows: u64,
    better: u64,
    worse: u64,
    differences: Vec<f64>,
    sum: f64,
    squares: f64,
}

impl Pairing {
    /// Begins with a check of the baseline; none when that does not have it.
    pub(super) fn with(baseline: Option<&Baseline>, check: &str) -> Option<Self> {
        Some(Self { place: baseline?.place(check)?, ..Self::default() })
    }

    /// Takes a row of the current record in, when it was judged.
    pub(super) fn add(&mut self, passed: Option<bool>) {
        let (judged, passing) = self.now;
        self.now = (judged + u64::from(passed.is_some()), passing + u64::from(passed == Some(true)));
    }

    /// Ends a record, whose rows are one pair with the baseline's.
    pub(super) fn end(&mut self, baseline: &Baseline, record_key: &str) {
        let (judged, passed) = std::mem::take(&mut self.now);
        if judged == 0 {
            return;
        }
        let (had_judged, had_passed) = baseline.of_record(record_key, self.place);
        if had_judged == 0 {
            return;
        }
        self.rows += 1;
        self.repeated |= judged > 1 || had_judged > 1;
        let (has, had) = (passed * had_judged, had_passed * judged);
        self.better += u64::from(has > had);
        self.worse += u64::from(has < had);
        if has != had {
            let difference = real(passed) / real(judged) - real(had_passed) / real(had_judged);
            self.sum += difference;
            self.squares += difference * difference;
            if self.differences.len() <= MOST_DRAWN {
                self.differences.push(difference);
            }
        }
    }

    /// Ends a record that can't be paired.
    pub(super) fn forget(&mut self) {
        self.now = (0, 0);
    }

    fn p_worse(&self) -> f64 {
        if !self.repeated {
            mcnemar_worse(self.worse, self.better)
        } else if self.differences.len() > MOST_DRAWN {
            sign_flips_of_many(self.sum, self.squares).lower
        } else {
            sign_flips(&self.differences, &Resampling::of(self.differences.len(), SEED)).lower
        }
    }

    pub(super) fn summary(&self) -> Option<PairedSummary> {
        let Self { rows, better, worse, .. } = *self;
        (rows > 0).then(|| PairedSummary { rows, better, worse, p_worse: self.p_worse() })
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of rows are far below 2^53")]
fn real(count: u64) -> f64 {
    count as f64
}
