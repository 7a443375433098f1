//! Pairs of rows, taken in one after the other, to a comparison.

use std::collections::BTreeMap;

use crate::compare::figures::{Check, Listed, Number, SIGNIFICANCE};
use crate::compare::record::{Record, real};
use crate::compare::row::Row;
use crate::compare::summary::{Comparison, CostChange, Counts, OutcomeChange, RowCounts, Unit, Verdict};
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
    /// Characters of each text in them.
    pub text: usize,
    /// Bytes of all texts in them; what has no room is counted alone.
    pub room: usize,
    /// The seed of the bootstrap, and of the signs.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { flips: 10, text: 400, room: 16 << 20, seed: 1 }
    }
}

impl Options {
    /// What fits into a page that a browser opens.
    pub fn of_page() -> Self {
        Self { flips: 100, text: 4_000, room: 8 << 20, ..Self::default() }
    }
}

/// What the pairs seen so far come to.
#[derive(Debug)]
pub struct Pairs {
    options: Options,
    room: usize,
    paired: u64,
    /// Whether a side of a pair was more than one row.
    repeated: bool,
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
            room: options.room,
            paired: 0,
            repeated: false,
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

    /// Takes in the rows of a record in either run: one each, unless the run repeats. They are one pair.
    pub fn add(&mut self, record_key: &str, baseline: &[Row<'_>], candidate: &[Row<'_>]) {
        let (before, now) = (Record { rows: baseline }, Record { rows: candidate });
        self.paired += 1;
        self.repeated |= baseline.len() > 1 || candidate.len() > 1;
        self.input_differs = match (self.input_differs, now.is_asked_as(before)) {
            (Some(count), Some(same)) => Some(count + u64::from(!same)),
            _ => None,
        };
        if let ([before], [now]) = (baseline, candidate)
            && before.outcome != now.outcome
        {
            *self.outcomes.entry((before.outcome, now.outcome)).or_default() += 1;
        }
        let Options { flips: most, text, .. } = self.options;
        let mut room = self.room;
        let mut listed = Listed { record_key, most, text, room: &mut room };
        self.succeeded.add([before.succeeded(), now.succeeded()], &mut listed);
        self.add_checks(before, now, &mut listed);
        self.room = room;
        self.add_costs(before, now);
        add_means(&mut self.tokens, before, now, |row| row.tokens);
        add_means(&mut self.latency, before, now, |row| row.latency_ms);
    }

    fn add_checks(&mut self, before: Record<'_>, now: Record<'_>, listed: &mut Listed<'_>) {
        let lacking = before.check_names().filter(|name| !now.has_check(name));
        let mut place = 0;
        for name in now.check_names().chain(lacking) {
            let Some(check) = self.check_at(place, name) else { return };
            place = check + 1;
            if let Some(check) = self.checks.get_mut(check) {
                check.add([before.check(name), now.check(name)], listed);
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

    fn add_costs(&mut self, baseline: Record<'_>, candidate: Record<'_>) {
        let (Some(before), Some(now)) = (baseline.cost(), candidate.cost()) else {
            self.unknown += 1;
            return;
        };
        let alike = baseline.rows.len() == candidate.rows.len();
        let costs = self.costs.filter(|_| alike);
        self.costs = costs.and_then(|(a, b)| Some((a.checked_add(before)?, b.checked_add(now)?)));
        self.cost.add(
            approximate(before) / real(baseline.rows.len() as u64),
            approximate(now) / real(candidate.rows.len() as u64),
        );
    }

    /// Says what the pairs come to. `before` and `now` say which rows of either run are in no pair.
    pub fn finish(self, baseline: Side, candidate: Side, before: Seen, now: Seen) -> Comparison {
        let seed = self.options.seed;
        let repeats = |side: &Side| side.repeat.is_some_and(|times| times > 1);
        let is_of_records = self.repeated || repeats(&baseline) || repeats(&candidate);
        let unit = if is_of_records { Unit::Record } else { Unit::Row };
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
        let undecided = self.undecided(&baseline, &candidate);
        let units = (&baseline.cost_unit, &candidate.cost_unit);
        let same_unit = !matches!(units, (Some(before), Some(now)) if before != now);
        let costs = self.costs.filter(|_| same_unit);
        let outcomes = self.outcomes.iter().filter(|_| unit == Unit::Row);
        let mut outcomes: Vec<_> =
            outcomes.map(|((from, to), rows)| OutcomeChange { from: *from, to: *to, rows: *rows }).collect();
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
        let succeeded = self.succeeded.change(unit, seed);
        let checks: Vec<_> = self.checks.into_iter().map(|check| check.change(unit, seed)).collect();
        let worse = |check: &&crate::compare::CheckChange| check.verdict == Verdict::Worse;
        let regressions = std::iter::once(&succeeded)
            .chain(&checks)
            .filter(worse)
            .map(|check| check.name.clone())
            .collect();
        Comparison {
            differences: baseline.differences(&candidate),
            notes: notes(&baseline, &candidate, &rows, unit),
            unit,
            test: unit.test(),
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

    /// What the baseline judged and the candidate did not, on any row, and rows of a run that is not complete: those that
    /// were not run, or not judged, are in no pair.
    fn undecided(&self, baseline: &Side, candidate: &Side) -> Vec<String> {
        let rows = || "rows".to_owned();
        if !self.succeeded.is_compared() {
            return vec![rows()];
        }
        let open = [baseline, candidate].iter().any(|side| side.complete == Some(false));
        let lacking = |check: &&Check| check.is_of_baseline() && !check.is_compared();
        let checks = self.checks.iter().filter(lacking).map(|check| check.name.clone());
        open.then(rows).into_iter().chain(checks).collect()
    }
}

fn add_means(number: &mut Number, before: Record<'_>, now: Record<'_>, of: fn(&Row<'_>) -> Option<u64>) {
    if let (Some(before), Some(now)) = (before.mean(of), now.mean(of)) {
        number.add(before, now);
    }
}

/// A cost for statistics, where the last digits do not count.
fn approximate(cost: Cost) -> f64 {
    use rust_decimal::prelude::ToPrimitive;
    cost.amount().to_f64().unwrap_or(f64::NAN)
}

fn notes(baseline: &Side, candidate: &Side, rows: &RowCounts, unit: Unit) -> Vec<String> {
    let mut notes = Vec::new();
    if unit == Unit::Record {
        notes.push(
            "a record that was invoked several times is one pair, by the share of its answers that pass and by the means \
             of its numbers: answers to the same record are no independent trials"
                .to_owned(),
        );
    }
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
