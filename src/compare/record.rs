//! One side of a pair: the rows of one record in one run, of which there are several where the run repeats.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use crate::compare::row::{CheckOfRow, Row};
use crate::model::{Cost, Outcome};

/// The rows of one record, which are one side of one pair, however many they are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'r> {
    pub(super) rows: &'r [Row<'r>],
}

/// What a check says of a record.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Word<'r> {
    /// Rows that were judged.
    pub(super) judged: u64,
    /// Of these, those that pass.
    pub(super) passed: u64,
    /// The mean score of the rows that have one.
    pub(super) score: Option<f64>,
    /// The first row that passes, and the first that does not, with what the check says of it.
    pub(super) pass: Option<(&'r Row<'r>, Option<&'r CheckOfRow>)>,
    pub(super) fail: Option<(&'r Row<'r>, Option<&'r CheckOfRow>)>,
}

impl Word<'_> {
    /// The share that passes; none when no row was judged.
    pub(super) fn share(&self) -> Option<f64> {
        (self.judged > 0).then(|| real(self.passed) / real(self.judged))
    }
}

/// A mean while it is gathered.
#[derive(Clone, Copy, Default)]
struct Mean {
    sum: f64,
    count: u64,
}

impl Mean {
    fn of(values: impl Iterator<Item = f64>) -> Option<f64> {
        let mean =
            values.fold(Self::default(), |it, value| Self { sum: it.sum + value, count: it.count + 1 });
        (mean.count > 0).then(|| mean.sum / real(mean.count))
    }
}

impl<'r> Record<'r> {
    /// What a check says of the rows.
    pub(super) fn check(self, name: &str) -> Word<'r> {
        let said = self.rows.iter().filter_map(|row| Some((row, row.check(name)?)));
        let mut word = Word::default();
        for (row, check) in said.clone() {
            word.take(row, Some(check), check.passed);
        }
        word.score =
            Mean::of(said.filter(|(_, check)| check.passed.is_some()).filter_map(|(_, check)| check.score));
        word
    }

    /// Whether the rows succeeded, as if a check said it. One that was not run says nothing.
    pub(super) fn succeeded(self) -> Word<'r> {
        let mut word = Word::default();
        for row in self.rows {
            let passed = (row.outcome != Outcome::NotRun).then_some(row.outcome == Outcome::Succeeded);
            word.take(row, None, passed);
        }
        word
    }

    pub(super) fn has_check(self, name: &str) -> bool {
        self.rows.iter().any(|row| row.check(name).is_some())
    }

    /// The names of checks, in the order of the rows.
    pub(super) fn check_names(self) -> impl Iterator<Item = &'r str> {
        let seen_before =
            move |at: usize, name: &str| self.rows[..at].iter().any(|row| row.check(name).is_some());
        self.rows.iter().enumerate().flat_map(move |(at, row)| {
            let names = row.checks.0.iter().map(|(name, _)| name.as_str());
            names.filter(move |name| !seen_before(at, name))
        })
    }

    /// The mean of a number over the rows that have it.
    pub(super) fn mean(self, of: impl Fn(&Row<'_>) -> Option<u64>) -> Option<f64> {
        Mean::of(self.rows.iter().filter_map(of).map(real))
    }

    /// The sum of what the rows cost; none when one does not say, or it does not fit.
    pub(super) fn cost(self) -> Option<Cost> {
        self.rows.iter().try_fold(Cost::ZERO, |sum, row| sum.checked_add(row.cost?))
    }

    /// Says whether two records were asked the same, in the repeats that both have; none when one does not say.
    pub(super) fn is_asked_as(self, other: Self) -> Option<bool> {
        let mut same: Option<bool> = None;
        for row in self.rows {
            let of_place = |partner: &&Row<'_>| {
                partner.place() == row.place() || (self.rows.len() == 1 && other.rows.len() == 1)
            };
            let Some(partner) = other.rows.iter().find(of_place) else { continue };
            let never_asked = |row: &Row<'_>| matches!(row.outcome, Outcome::Rejected | Outcome::NotRun);
            match row.is_asked_as(partner) {
                Some(is) => same = Some(same.unwrap_or(true) && is),
                // A row that was rejected was never asked anything.
                None if never_asked(row) || never_asked(partner) => {}
                None => return None,
            }
        }
        // Without one that both were asked, nothing is known to differ.
        Some(same.unwrap_or(true))
    }
}

impl<'r> Word<'r> {
    fn take(&mut self, row: &'r Row<'r>, check: Option<&'r CheckOfRow>, passed: Option<bool>) {
        let Some(passed) = passed else { return };
        self.judged += 1;
        self.passed += u64::from(passed);
        (if passed { &mut self.pass } else { &mut self.fail }).get_or_insert((row, check));
    }
}

/// A text in so few bytes that those of many rows can be kept to be compared.
pub(super) fn hash_of(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[expect(clippy::cast_precision_loss, reason = "counts of rows, tokens and milliseconds are far below 2^53")]
pub(super) fn real(count: u64) -> f64 {
    count as f64
}
