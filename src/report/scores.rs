//! The figures of checks, gathered row by row.

use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use crate::checks::{Check, CheckResult, CheckVerdict};
use crate::gates::{Baseline, SUCCEEDED};
use crate::model::{Outcome, Repeats, RowNumber};
use crate::report::paired::{PairedSummary, Pairing, SucceededSummary};
use crate::report::repeats::{CheckTally, rounded};
use crate::report::{CheckRepeats, Rate, ResultRow};
use crate::stats::{Confusion, Interval, wilson, wilson_of_share};

/// Labels told apart in a report; the others are gathered.
const MAX_LABELS: usize = 50;

/// The label of rows whose own could not be told.
const NO_LABEL: &str = "(none)";

/// What a check came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckSummary {
    /// Rows for which it holds.
    pub passed: u64,
    /// Rows for which it does not.
    pub failed: u64,
    /// Rows for which it could not be judged.
    pub error: u64,
    /// Rows that its `when` does not ask for.
    pub skipped: u64,
    /// Rows without an answer.
    pub unscored: u64,
    /// The share of rows that passed among those that passed, failed or could not be judged; null for none.
    pub pass_rate: Option<Rate>,
    /// Its Wilson interval at 95 %: the lower and the upper end. With repeats it counts the dataset's rows, not their
    /// invocations, which are no independent trials.
    pub pass_rate_interval: Option<[f64; 2]>,
    /// The mean score of the rows that have one, from 0 to 1.
    pub mean_score: Option<f64>,
    /// How steadily it is passed, where each row of the dataset was invoked several times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<CheckRepeats>,
    /// How the rows do against those of the baseline, when it has verdicts of this check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<PairedSummary>,
    /// The first row that did not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<CheckExample>,
    /// How well labels were given, when the check compares labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<LabelSummary>,
}

/// A row that did not pass a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckExample {
    /// Which.
    pub row_number: RowNumber,
    /// `fail` or `error`.
    pub verdict: CheckVerdict,
    /// What is wrong with it, in one sentence.
    pub message: String,
}

/// How well labels were given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelSummary {
    /// The share of rows with the label that was expected.
    pub accuracy: Option<f64>,
    /// The mean F1 of all labels, each counting the same.
    pub macro_f1: Option<f64>,
    /// Each label, in order; the rarest are gathered beyond 50.
    pub classes: Vec<ClassSummary>,
    /// What was taken for what.
    pub confusion: ConfusionSummary,
}

/// How well one label was given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassSummary {
    /// The label; `(none)` for rows whose label could not be told.
    pub label: String,
    /// The share of right ones among the rows given it.
    pub precision: f64,
    /// The share of the rows expected to have it that were given it.
    pub recall: f64,
    /// The harmonic mean of the two.
    pub f1: f64,
    /// Rows that were expected to have it.
    pub support: u64,
}

/// A confusion matrix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfusionSummary {
    /// The labels of rows and columns.
    pub labels: Vec<String>,
    /// A list for each expected label, with a count for each actual one.
    pub counts: Vec<Vec<u64>>,
}

/// What a check came to in one group of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupCheck {
    /// Rows for which it holds.
    pub passed: u64,
    /// Rows for which it does not.
    pub failed: u64,
    /// Rows for which it could not be judged.
    pub error: u64,
    /// The share of rows that passed among these.
    pub pass_rate: Option<Rate>,
}

impl GroupCheck {
    /// Takes a row's result in.
    pub(super) fn add(&mut self, result: &CheckResult) {
        match result.verdict {
            CheckVerdict::Pass => self.passed += 1,
            CheckVerdict::Fail => self.failed += 1,
            CheckVerdict::Error => self.error += 1,
            CheckVerdict::Skipped => {}
        }
    }

    /// Gives the figures once all rows are in, with their rate.
    pub(super) fn rated(self) -> Self {
        let pass_rate = Rate::of(self.passed, self.passed + self.failed + self.error);
        Self { pass_rate, ..self }
    }
}

/// What the rows seen so far come to.
#[derive(Debug)]
pub(super) struct Scores<'a> {
    checks: &'a [Check],
    weights: Vec<f64>,
    tallies: Vec<Tally>,
    rows: Mean,
    repeats: Repeats,
    /// The dataset's row that the last row taken in was of.
    record: RowNumber,
    /// Its key, when there is a baseline and it has one.
    record_key: Option<String>,
    baseline: Option<&'a Baseline>,
    succeeded: Option<Pairing>,
}

#[derive(Clone, Debug, Default)]
struct Tally {
    counts: GroupCheck,
    skipped: u64,
    unscored: u64,
    score: Mean,
    labels: Confusion,
    example: Option<CheckExample>,
    repeats: Option<CheckTally>,
    pairing: Option<Pairing>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    sum: f64,
    weight: f64,
}

impl Mean {
    fn add(&mut self, value: f64, weight: f64) {
        self.sum += value * weight;
        self.weight += weight;
    }

    fn value(self) -> Option<f64> {
        (self.weight > 0.0).then(|| rounded(self.sum / self.weight))
    }
}

impl<'a> Scores<'a> {
    pub(super) fn new(checks: &'a [Check], repeats: Repeats, baseline: Option<&'a Baseline>) -> Self {
        let tally = |check: &Check| Tally {
            repeats: CheckTally::new(repeats, check.compares_labels()),
            pairing: Pairing::with(baseline, &check.name),
            ..Tally::default()
        };
        Self {
            baseline,
            succeeded: Pairing::with(baseline, SUCCEEDED),
            record_key: None,
            checks,
            weights: checks.iter().map(|check| check.weight.to_f64().unwrap_or(1.0)).collect(),
            tallies: checks.iter().map(tally).collect(),
            rows: Mean::default(),
            repeats,
            record: 0,
        }
    }

    /// Takes a row in; one without an answer has no results.
    pub(super) fn add(&mut self, row: &ResultRow<'_>) {
        let (number, results) = (row.row_number, &row.checks);
        let record = self.repeats.record(number);
        if record != self.record {
            self.end_record();
            self.record = record;
        }
        if self.baseline.is_some() && self.record_key.is_none() {
            self.record_key = row.row_key.map(|key| self.repeats.record_key(&key.0, number).to_owned());
        }
        if let Some(pairing) = &mut self.succeeded {
            pairing.add((row.outcome != Outcome::NotRun).then_some(row.outcome == Outcome::Succeeded));
        }
        if results.0.is_empty() {
            self.tallies.iter_mut().for_each(|tally| tally.unscored += 1);
            return;
        }
        let mut row = Mean::default();
        for ((tally, weight), (_, result)) in self.tallies.iter_mut().zip(&self.weights).zip(&results.0) {
            tally.counts.add(result);
            tally.repeats.iter_mut().for_each(|repeats| repeats.add(result));
            if let Some(pairing) = &mut tally.pairing {
                let judged = result.verdict != CheckVerdict::Skipped;
                pairing.add(judged.then_some(result.verdict == CheckVerdict::Pass));
            }
            tally.skipped += u64::from(result.verdict == CheckVerdict::Skipped);
            if tally.example.is_none() && matches!(result.verdict, CheckVerdict::Fail | CheckVerdict::Error) {
                tally.example = Some(CheckExample {
                    row_number: number,
                    verdict: result.verdict,
                    message: result.in_words(),
                });
            }
            if let Some(score) = result.score {
                tally.score.add(score, 1.0);
                row.add(score, *weight);
            }
            if let Some(labels) = &result.labels {
                tally.labels.add(&labels.expected, labels.actual.as_deref().unwrap_or(NO_LABEL));
            }
        }
        if let Some(score) = row.value() {
            self.rows.add(score, 1.0);
        }
    }

    /// Gives the mean of the rows' scores, each the weighted mean of its checks' scores.
    pub(super) fn mean(&self) -> Option<f64> {
        self.rows.value()
    }

    /// Ends a record of the dataset, whose rows are one pair: they are not independent.
    fn end_record(&mut self) {
        let key = self.record_key.take();
        let pairings = self.tallies.iter_mut().filter_map(|tally| tally.pairing.as_mut());
        for pairing in pairings.chain(&mut self.succeeded) {
            match (self.baseline, &key) {
                (Some(baseline), Some(key)) => pairing.end(baseline, key),
                _ => pairing.forget(),
            }
        }
        self.tallies.iter_mut().filter_map(|tally| tally.repeats.as_mut()).for_each(CheckTally::next_row);
    }

    /// Gives whether rows succeeded, against the baseline.
    pub(super) fn succeeded(&mut self) -> Option<SucceededSummary> {
        self.end_record();
        Some(SucceededSummary { baseline: self.succeeded.as_ref()?.summary()? })
    }

    /// Gives the figures by check, in the manifest's order.
    pub(super) fn finish(mut self) -> Vec<(String, CheckSummary)> {
        self.end_record();
        let named = self.checks.iter().zip(self.tallies);
        named.map(|(check, tally)| (check.name.to_string(), tally.summary(check.compares_labels()))).collect()
    }
}

impl Tally {
    fn summary(self, compares_labels: bool) -> CheckSummary {
        let GroupCheck { passed, failed, error, pass_rate } = self.counts.rated();
        let judged = passed + failed + error;
        let interval = match &self.repeats {
            None => wilson(passed, judged, Interval::CONFIDENCE),
            Some(repeats) => wilson_of_share(share(passed, judged), repeats.rows(), Interval::CONFIDENCE),
        };
        CheckSummary {
            passed,
            failed,
            error,
            skipped: self.skipped,
            unscored: self.unscored,
            pass_rate,
            pass_rate_interval: interval.map(Into::into),
            mean_score: self.score.value(),
            repeats: self.repeats.as_ref().map(CheckTally::summary),
            baseline: self.pairing.as_ref().and_then(Pairing::summary),
            example: self.example,
            labels: compares_labels.then(|| LabelSummary::of(&self.labels)).flatten(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of rows are far below 2^53")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

impl LabelSummary {
    /// None where nearly every row has a label of its own: then they are texts, and no labels. None also where there were
    /// more labels than are told apart, since accuracy is not known then.
    fn of(labels: &Confusion) -> Option<Self> {
        if !labels.is_complete() {
            return None;
        }
        let different = labels.classes().len();
        if different > MAX_LABELS && u64::try_from(different).unwrap_or(u64::MAX) > labels.total() / 2 {
            return None;
        }
        let shown = labels.gathered(MAX_LABELS);
        let matrix = shown.matrix();
        let class = |class: crate::stats::Class| ClassSummary {
            label: class.label,
            precision: class.precision,
            recall: class.recall,
            f1: class.f1,
            support: class.support,
        };
        Some(Self {
            accuracy: labels.accuracy(),
            macro_f1: labels.macro_f1().map(rounded),
            classes: shown.classes().into_iter().map(class).collect(),
            confusion: ConfusionSummary { labels: matrix.labels, counts: matrix.counts },
        })
    }
}

/// Lists of named things as maps that keep their order.
pub(super) mod named {
    use serde::de::{DeserializeOwned, Error};
    use serde::ser::SerializeMap;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::{Map, Value};

    pub(in crate::report) fn serialize<T: Serialize, S: Serializer>(
        items: &[(String, T)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(items.len()))?;
        for (name, item) in items {
            map.serialize_entry(name, item)?;
        }
        map.end()
    }

    pub(in crate::report) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<(String, T)>, D::Error> {
        let map = Map::<String, Value>::deserialize(deserializer)?;
        let read = map.into_iter().map(|(name, value)| Ok((name, serde_json::from_value(value)?)));
        read.collect::<Result<_, serde_json::Error>>().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::MAX_LABELS;

    #[test]
    fn accuracy_is_left_out_where_there_are_more_labels_than_are_told_apart() {
        let told = |labels: usize| {
            let mut confusion = Confusion::default();
            for label in (0..labels).map(|label| label.to_string()) {
                (0..3).for_each(|_| confusion.add(&label, &label));
            }
            LabelSummary::of(&confusion).map(|labels| labels.accuracy)
        };
        assert_eq!(told(MAX_LABELS), Some(Some(1.0)));
        assert_eq!(told(MAX_LABELS + 1), None);
    }
}
