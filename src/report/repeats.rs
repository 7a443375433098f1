//! How steady answers are where each row of the dataset was invoked several times: gathered row by row, of which only the
//! current one's repeats are held.

use std::collections::BTreeMap;

use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use crate::checks::{CheckResult, CheckVerdict};
use crate::model::{Cost, Repeats, RowNumber};
use crate::report::scores::named;
use crate::stats::{Moments, agreement, pass_at_k, pass_hat_k};

/// How steadily a check is passed. All figures are means over the dataset's rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckRepeats {
    /// How often each row of the dataset was invoked.
    pub n: u64,
    /// Rows of the dataset with an answer that was judged.
    pub rows: u64,
    /// Of these, those that neither always pass nor always fail.
    pub flaky_rows: u64,
    /// The chance that one answer passes.
    pub pass_at_1: Option<f64>,
    /// The chance that at least one of k answers passes, by k.
    #[serde(with = "named")]
    pub pass_at_k: Vec<(String, Option<f64>)>,
    /// The chance that all of k answers pass, by k.
    #[serde(with = "named")]
    pub pass_hat_k: Vec<(String, Option<f64>)>,
    /// The share of the most frequent answer: of labels where the check compares labels, and null when these are kept
    /// out; else of verdicts.
    pub agreement: Option<f64>,
}

/// How much the invocations of one row differ.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRepeats {
    /// How often each row of the dataset was invoked.
    pub n: u64,
    /// Costs, in the workflow's unit.
    pub cost: Within,
    /// Latencies, in milliseconds.
    pub latency_ms: Within,
}

/// How much a number differs among the invocations of one row. Statistics, and no sums of money.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Within {
    /// Rows of the dataset with at least two values.
    pub rows: u64,
    /// The mean of all values.
    pub mean: Option<f64>,
    /// The mean of the rows' variances.
    pub variance: Option<f64>,
    /// The coefficient of variation: the root of that variance as a share of the mean.
    pub cv: Option<f64>,
}

/// A figure without the noise of adding it up, so that nine of ten are 90 %.
pub(super) fn rounded(figure: f64) -> f64 {
    const DIGITS: f64 = 1e12;
    (figure * DIGITS).round() / DIGITS
}

fn take(into: &mut Moments, value: Option<f64>) {
    if let Some(value) = value {
        into.add(value);
    }
}

/// One check's repeats.
#[derive(Clone, Debug)]
pub(super) struct CheckTally {
    repeats: Repeats,
    now: Answers,
    flaky: u64,
    rates: Moments,
    at: Vec<Moments>,
    hat: Vec<Moments>,
    agreement: Moments,
    /// Whether labels, and not verdicts, are to agree.
    by_labels: bool,
}

/// The answers of one row of the dataset.
#[derive(Clone, Debug, Default)]
struct Answers {
    judged: u64,
    passed: u64,
    verdicts: [u32; 3],
    labels: BTreeMap<Option<String>, u32>,
}

impl CheckTally {
    /// Begins; none where each record is one row.
    pub(super) fn new(repeats: Repeats, by_labels: bool) -> Option<Self> {
        let none = vec![Moments::default(); repeats.steps().count()];
        (!repeats.is_once()).then(|| Self {
            repeats,
            now: Answers::default(),
            flaky: 0,
            rates: Moments::default(),
            at: none.clone(),
            hat: none,
            agreement: Moments::default(),
            by_labels,
        })
    }

    /// Takes in what the check said of one more answer to the same row.
    pub(super) fn add(&mut self, result: &CheckResult) {
        let kind = match result.verdict {
            CheckVerdict::Pass => 0,
            CheckVerdict::Fail => 1,
            CheckVerdict::Error => 2,
            CheckVerdict::Skipped => return,
        };
        self.now.judged += 1;
        self.now.passed += u64::from(kind == 0);
        self.now.verdicts[kind] += 1;
        if let Some(labels) = &result.labels {
            *self.now.labels.entry(labels.actual.clone()).or_default() += 1;
        }
    }

    /// Ends the row.
    pub(super) fn next_row(&mut self) {
        let Answers { judged, passed, verdicts, labels } = std::mem::take(&mut self.now);
        if judged == 0 {
            return;
        }
        self.flaky += u64::from(passed > 0 && passed < judged);
        for ((k, at), hat) in self.repeats.steps().zip(&mut self.at).zip(&mut self.hat) {
            // Where fewer were judged than k, the row says nothing of k.
            take(at, pass_at_k(judged, passed, k));
            take(hat, pass_hat_k(judged, passed, k));
        }
        take(&mut self.rates, pass_at_k(judged, passed, 1));
        let labels: Vec<u32> = labels.into_values().collect();
        // Labels that are kept out are not known: that all differ is no less likely than that they agree.
        take(&mut self.agreement, agreement(if self.by_labels { &labels } else { &verdicts }));
    }

    /// Gives the rows of the dataset that were judged so far.
    pub(super) fn rows(&self) -> u64 {
        self.rates.count()
    }

    /// Gives the figures, once the last row was ended.
    pub(super) fn summary(&self) -> CheckRepeats {
        let mean = |moments: &Moments| moments.mean().map(rounded);
        let by_k = |figures: &[Moments]| {
            self.repeats.steps().zip(figures).map(|(k, figure)| (k.to_string(), mean(figure))).collect()
        };
        CheckRepeats {
            n: self.repeats.get(),
            rows: self.rows(),
            flaky_rows: self.flaky,
            pass_at_1: mean(&self.rates),
            pass_at_k: by_k(&self.at),
            pass_hat_k: by_k(&self.hat),
            agreement: mean(&self.agreement),
        }
    }
}

/// The whole run's repeats.
#[derive(Clone, Debug)]
pub(super) struct RunTally {
    repeats: Repeats,
    record: RowNumber,
    cost: Spread,
    latency: Spread,
}

#[derive(Clone, Debug, Default)]
struct Spread {
    now: Moments,
    all: Moments,
    variances: Moments,
}

impl RunTally {
    /// Begins; none where each record is one row.
    pub(super) fn new(repeats: Repeats) -> Option<Self> {
        let (cost, latency) = (Spread::default(), Spread::default());
        (!repeats.is_once()).then_some(Self { repeats, record: 0, cost, latency })
    }

    /// Takes a row in.
    pub(super) fn add(&mut self, row: RowNumber, cost: Option<Cost>, latency_ms: Option<u64>) {
        let record = self.repeats.record(row);
        if record != self.record {
            self.record = record;
            self.cost.next_row();
            self.latency.next_row();
        }
        self.cost.add(cost.and_then(|cost| cost.amount().to_f64()));
        self.latency.add(latency_ms.and_then(|ms| ms.to_f64()));
    }

    /// Gives the figures.
    pub(super) fn summary(mut self) -> RunRepeats {
        RunRepeats { n: self.repeats.get(), cost: self.cost.summary(), latency_ms: self.latency.summary() }
    }
}

impl Spread {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.now.add(value);
            self.all.add(value);
        }
    }

    fn next_row(&mut self) {
        let row = std::mem::take(&mut self.now);
        take(&mut self.variances, row.variance());
    }

    fn summary(&mut self) -> Within {
        self.next_row();
        let (mean, variance) = (self.all.mean(), self.variances.mean());
        let cv = mean.zip(variance).filter(|(mean, _)| *mean > 0.0).map(|(mean, v)| v.sqrt() / mean);
        Within {
            rows: self.variances.count(),
            mean: mean.map(rounded),
            variance: variance.map(rounded),
            cv: cv.map(rounded),
        }
    }
}
