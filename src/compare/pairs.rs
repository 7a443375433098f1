//! Pairs of rows, taken in one after the other, to a comparison.

use std::collections::BTreeMap;

use crate::compare::figures::{Check, Number, SIGNIFICANCE, Words};
use crate::compare::row::{CheckOfRow, Row};
use crate::compare::summary::{Comparison, CostChange, Counts, OutcomeChange, RowCounts, Verdict};
use crate::compare::{Seen, Side};
use crate::model::{Cost, Outcome};
use crate::stats::Interval;

/// Different checks compared; a manifest has few, and a file that is none could have any number.
const MAX_CHECKS: usize = 1_000;

/// How two runs are compared.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Rows listed for each check and direction.
    pub flips: usize,
    /// The bootstrap's seed.
    pub seed: u64,
}

/// What the pairs seen so far come to.
#[derive(Debug)]
pub struct Pairs {
    options: Options,
    paired: u64,
    input_differs: Option<u64>,
    succeeded: Check,
    checks: Vec<Check>,
    cost: Number,
    costs: Option<(Cost, Cost)>,
    unknown: u64,
    tokens: Number,
    latency: Number,
    outcomes: BTreeMap<(Outcome, Outcome), u64>,
}

impl Pairs {
    /// Begins without any.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            paired: 0,
            input_differs: Some(0),
            succeeded: Check::named("succeeded"),
            checks: Vec::new(),
            cost: Number::default(),
            costs: Some((Cost::ZERO, Cost::ZERO)),
            unknown: 0,
            tokens: Number::default(),
            latency: Number::default(),
            outcomes: BTreeMap::new(),
        }
    }

    /// Takes in the two rows of a key.
    pub fn add(&mut self, baseline: &Row<'_>, candidate: &Row<'_>) {
        let pair = (baseline, candidate);
        self.paired += 1;
        self.input_differs = match (self.input_differs, candidate.is_asked_as(baseline)) {
            (Some(count), Some(same)) => Some(count + u64::from(!same)),
            // A row that was rejected was never asked anything.
            (count, None)
                if [baseline.outcome, candidate.outcome]
                    .iter()
                    .any(|o| matches!(o, Outcome::Rejected | Outcome::NotRun)) =>
            {
                count
            }
            _ => None,
        };
        if baseline.outcome != candidate.outcome {
            *self.outcomes.entry((baseline.outcome, candidate.outcome)).or_default() += 1;
        }
        let (before, now) = (succeeded(baseline), succeeded(candidate));
        let words = Words { baseline: Some(&before), candidate: Some(&now) };
        self.succeeded.add(&words, pair, self.options.flips);
        self.add_checks(pair);
        self.add_costs(baseline.cost, candidate.cost);
        add_counts(&mut self.tokens, baseline.tokens, candidate.tokens);
        add_counts(&mut self.latency, baseline.latency_ms, candidate.latency_ms);
    }

    fn add_checks(&mut self, (baseline, candidate): (&Row<'_>, &Row<'_>)) {
        let names = candidate.checks.0.iter().chain(&baseline.checks.0).map(|(name, _)| name);
        let mut place = 0;
        for (at, name) in names.enumerate() {
            // The second time round, those that the candidate has are done.
            if at >= candidate.checks.0.len() && candidate.check(name).is_some() {
                continue;
            }
            let Some(check) = self.check_at(place, name) else { return };
            place = check + 1;
            let words = Words { baseline: baseline.check(name), candidate: candidate.check(name) };
            if let Some(check) = self.checks.get_mut(check) {
                check.add(&words, (baseline, candidate), self.options.flips);
            }
        }
    }

    /// The place of a check: most often the one expected, since rows list them in the same order.
    fn check_at(&mut self, expected: usize, name: &str) -> Option<usize> {
        if self.checks.get(expected).is_some_and(|check| check.name == name) {
            return Some(expected);
        }
        let found = self.checks.iter().position(|check| check.name == name);
        found.or_else(|| {
            (self.checks.len() < MAX_CHECKS).then(|| {
                self.checks.push(Check::named(name));
                self.checks.len() - 1
            })
        })
    }

    fn add_costs(&mut self, baseline: Option<Cost>, candidate: Option<Cost>) {
        let (Some(before), Some(now)) = (baseline, candidate) else {
            self.unknown += 1;
            return;
        };
        self.costs = self.costs.and_then(|(a, b)| Some((a.checked_add(before)?, b.checked_add(now)?)));
        self.cost.add(approximate(before), approximate(now));
    }

    /// Says what the pairs come to. `before` and `now` say which rows of either run are in no pair.
    pub fn finish(self, baseline: Side, candidate: Side, before: Seen, now: Seen) -> Comparison {
        let seed = self.options.seed;
        let rows = RowCounts {
            paired: self.paired,
            only_baseline: before.alone,
            only_candidate: now.alone,
            duplicates: Counts { baseline: before.again, candidate: now.again },
            without_key: Counts {
                baseline: baseline.rows_without_key,
                candidate: candidate.rows_without_key,
            },
            input_differs: self.input_differs.filter(|_| self.paired > 0),
        };
        let undecided = self.undecided();
        let units = (&baseline.cost_unit, &candidate.cost_unit);
        let same_unit = !matches!(units, (Some(before), Some(now)) if before != now);
        let costs = self.costs.filter(|_| same_unit);
        let mut outcomes: Vec<_> = self
            .outcomes
            .iter()
            .map(|((from, to), rows)| OutcomeChange { from: *from, to: *to, rows: *rows })
            .collect();
        outcomes.sort_by_key(|change| std::cmp::Reverse(change.rows));
        let cost = CostChange {
            unit: units.1.as_ref().or(units.0.as_ref()).filter(|_| same_unit).cloned(),
            unknown_pairs: self.unknown,
            baseline: costs.map(|(before, _)| before),
            candidate: costs.map(|(_, now)| now),
            difference: costs.and_then(|(before, now)| {
                Some(now.amount().checked_sub(before.amount())?.normalize().to_string())
            }),
            per_row: if same_unit { self.cost.change(seed) } else { Number::default().change(seed) },
        };
        let succeeded = self.succeeded.change(seed);
        let checks: Vec<_> = self.checks.into_iter().map(|check| check.change(seed)).collect();
        let worse = |check: &&crate::compare::CheckChange| check.verdict == Verdict::Worse;
        let regressions = std::iter::once(&succeeded)
            .chain(&checks)
            .filter(worse)
            .map(|check| check.name.clone())
            .collect();
        Comparison {
            differences: baseline.differences(&candidate),
            notes: notes(&baseline, &candidate, &rows),
            rows,
            regressions,
            undecided,
            succeeded,
            checks,
            cost,
            tokens: self.tokens.change(seed),
            latency_ms: self.latency.change(seed),
            outcomes,
            confidence: Interval::CONFIDENCE,
            significance: SIGNIFICANCE,
            seed,
            baseline,
            candidate,
        }
    }

    /// What the baseline judged and the candidate did not, on any row.
    fn undecided(&self) -> Vec<String> {
        if !self.succeeded.is_compared() {
            return vec!["rows".to_owned()];
        }
        let lacking = |check: &&Check| check.is_of_baseline() && !check.is_compared();
        self.checks.iter().filter(lacking).map(|check| check.name.clone()).collect()
    }
}

/// Whether a row succeeded; a row that was not run says nothing.
fn succeeded(row: &Row<'_>) -> CheckOfRow {
    let passed = (row.outcome != Outcome::NotRun).then_some(row.outcome == Outcome::Succeeded);
    CheckOfRow { passed, ..CheckOfRow::default() }
}

fn add_counts(number: &mut Number, baseline: Option<u64>, candidate: Option<u64>) {
    #[expect(clippy::cast_precision_loss, reason = "tokens and milliseconds of one row are far below 2^53")]
    if let (Some(before), Some(now)) = (baseline, candidate) {
        number.add(before as f64, now as f64);
    }
}

/// A cost for statistics, where the last digits do not count.
fn approximate(cost: Cost) -> f64 {
    use rust_decimal::prelude::ToPrimitive;
    cost.amount().to_f64().unwrap_or(f64::NAN)
}

fn notes(baseline: &Side, candidate: &Side, rows: &RowCounts) -> Vec<String> {
    let mut notes = Vec::new();
    let datasets = (&baseline.dataset_sha256, &candidate.dataset_sha256);
    let by_number = baseline.keyed_by_number && candidate.keyed_by_number && rows.paired > 0;
    if by_number && matches!(datasets, (Some(before), Some(now)) if before != now) {
        notes.push(
            "rows are paired by their numbers, and the datasets differ: a number may stand for another row; \
             `dataset.key` in the manifest names the column that tells rows apart"
                .to_owned(),
        );
    }
    for (side, name) in [(baseline, "baseline"), (candidate, "candidate")] {
        if side.complete == Some(false) {
            notes.push(format!("the {name} is not complete"));
        }
    }
    match rows.input_differs {
        Some(count) if count > 0 => {
            notes.push(format!("{count} of the pairs were not asked the same: their inputs differ"));
        }
        _ => {}
    }
    if rows.paired == 0 {
        notes.push("no row has the same key on both sides: nothing can be compared".to_owned());
    }
    notes
}
