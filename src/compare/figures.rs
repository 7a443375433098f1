//! Checks and numbers, gathered pair by pair.

use crate::compare::row::{CheckOfRow, Row};
use crate::compare::summary::{CheckChange, Counts, Flip, Flips, NumberChange, Verdict};
use crate::stats::{Interval, Moments, Resampling, mcnemar, paired_bootstrap, smallest_change, wilson};

/// The p below which a check's difference is significant.
pub(super) const SIGNIFICANCE: f64 = 0.05;

/// Above so many pairs differences are no longer kept to be drawn from: the interval is then that of the normal
/// distribution, which the bootstrap's no longer differs from to any digit that is shown.
const MOST_DRAWN: usize = 50_000;

/// Characters of a text in a flip.
const TEXT: usize = 400;

/// A number of both sides, pair by pair.
#[derive(Debug, Default)]
pub(super) struct Number {
    baseline: Moments,
    candidate: Moments,
    differences: Moments,
    drawn: Vec<f64>,
}

impl Number {
    pub(super) fn add(&mut self, baseline: f64, candidate: f64) {
        let difference = candidate - baseline;
        if !difference.is_finite() {
            return;
        }
        self.baseline.add(baseline);
        self.candidate.add(candidate);
        self.differences.add(difference);
        if self.drawn.len() <= MOST_DRAWN {
            self.drawn.push(difference);
        }
    }

    pub(super) fn change(&self, seed: u64) -> NumberChange {
        let pairs = self.differences.count();
        let mean = self.baseline.mean().zip(self.candidate.mean()).map(<[f64; 2]>::from);
        let difference = self.differences.mean();
        let interval = if self.drawn.len() > MOST_DRAWN {
            self.differences.interval(Interval::CONFIDENCE)
        } else {
            let how = Resampling::of(self.drawn.len(), seed);
            paired_bootstrap(&self.drawn, &how).and_then(|found| found.interval)
        };
        let significant = interval.map(|interval| !interval.contains(0.0));
        NumberChange { pairs, mean, difference, interval, significant }
    }
}

/// A check, or whether a row succeeded.
#[derive(Debug, Default)]
pub(super) struct Check {
    pub(super) name: String,
    both: u64,
    neither: u64,
    lost: u64,
    won: u64,
    once: Counts,
    score: Number,
    graded: bool,
    flips: Flips,
}

/// A check's word on a pair.
pub(super) struct Words<'a> {
    pub(super) baseline: Option<&'a CheckOfRow>,
    pub(super) candidate: Option<&'a CheckOfRow>,
}

impl Check {
    pub(super) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Takes a pair in, and keeps it when it is among the first `most` of its kind that pass on one side alone.
    pub(super) fn add(&mut self, words: &Words<'_>, pair: (&Row<'_>, &Row<'_>), most: usize) {
        let passed = |side: Option<&CheckOfRow>| side.and_then(|check| check.passed);
        let fails = match (passed(words.baseline), passed(words.candidate)) {
            (Some(true), Some(true)) => return self.add_same(words, true),
            (Some(false), Some(false)) => return self.add_same(words, false),
            (Some(true), Some(false)) => words.candidate,
            (Some(false), Some(true)) => words.baseline,
            (Some(_), None) => return self.once.baseline += 1,
            (None, Some(_)) => return self.once.candidate += 1,
            (None, None) => return,
        };
        self.add_scores(words);
        let is_lost = passed(words.baseline) == Some(true);
        let (count, kept) = if is_lost {
            (&mut self.lost, &mut self.flips.lost)
        } else {
            (&mut self.won, &mut self.flips.won)
        };
        *count += 1;
        if kept.len() < most {
            let expected = words.candidate.or(words.baseline).and_then(|check| check.expected.as_deref());
            kept.push(Flip {
                row_key: pair.1.row_key.clone().unwrap_or_default(),
                row_number: pair.1.row_number.or(pair.0.row_number),
                expected: expected.map(cut),
                baseline: given(pair.0),
                candidate: given(pair.1),
                reason: fails.and_then(|check| check.reason.as_deref()).map(cut),
            });
        }
    }

    fn add_same(&mut self, words: &Words<'_>, pass: bool) {
        *(if pass { &mut self.both } else { &mut self.neither }) += 1;
        self.add_scores(words);
    }

    fn add_scores(&mut self, words: &Words<'_>) {
        let score = |side: Option<&CheckOfRow>| side.and_then(|check| check.score);
        if let (Some(baseline), Some(candidate)) = (score(words.baseline), score(words.candidate)) {
            self.graded |= [baseline, candidate].iter().any(|score| *score > 0.0 && *score < 1.0);
            self.score.add(baseline, candidate);
        }
    }

    /// Whether the baseline judged any row with it.
    pub(super) fn is_of_baseline(&self) -> bool {
        self.pairs() + self.once.baseline > 0
    }

    /// Whether any row was judged with it on both sides.
    pub(super) fn is_compared(&self) -> bool {
        self.pairs() > 0
    }

    fn pairs(&self) -> u64 {
        self.both + self.neither + self.lost + self.won
    }

    pub(super) fn change(self, seed: u64) -> CheckChange {
        let pairs = self.pairs();
        let passed = Counts { baseline: self.both + self.lost, candidate: self.both + self.won };
        let p = (pairs > 0).then(|| mcnemar(self.lost, self.won));
        let verdict = match p {
            None => Verdict::Undecided,
            Some(p) if p >= SIGNIFICANCE => Verdict::NoDifference,
            Some(_) if self.lost > self.won => Verdict::Worse,
            Some(_) => Verdict::Better,
        };
        let interval = |passed| wilson(passed, pairs, Interval::CONFIDENCE);
        let both = |of: fn(u64, u64) -> f64| [of(passed.baseline, pairs), of(passed.candidate, pairs)];
        CheckChange {
            verdict,
            pairs,
            passed,
            pass_rate: (pairs > 0).then(|| both(share)),
            pass_rate_interval: interval(passed.baseline).zip(interval(passed.candidate)).map(<[_; 2]>::from),
            lost: self.lost,
            won: self.won,
            p,
            detectable: smallest_change(pairs, self.lost + self.won),
            judged_once: self.once,
            score: self.graded.then(|| self.score.change(seed)),
            flips: self.flips,
            name: self.name,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of rows are far below 2^53")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

/// What a row came to, for a person: its output, or why there is none.
fn given(row: &Row<'_>) -> Option<String> {
    match (row.output, &row.error) {
        (Some(output), _) if output.get() != "null" => Some(cut(output.get())),
        (_, Some(error)) => Some(cut(&format!("{}, {}: {}", row.outcome, error.kind, error.message))),
        _ => None,
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
