//! Checks and numbers, gathered pair by pair.

use crate::compare::record::{Word, real};
use crate::compare::row::Row;
use crate::compare::summary::{CheckChange, Counts, Flip, Flips, NumberChange, Unit, Verdict};
use crate::report::readable;
use crate::stats::{
    Interval, Moments, Resampling, mcnemar, paired_bootstrap, sign_flips, sign_flips_of_many,
    smallest_change, wilson_of_share,
};

/// The p below which a check's difference is significant.
pub(super) const SIGNIFICANCE: f64 = 0.05;

/// Above so many pairs differences are no longer kept to be drawn from: the interval is then that of the normal
/// distribution, which the bootstrap's no longer differs from to any digit that is shown.
const MOST_DRAWN: usize = 50_000;

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
    pairs: u64,
    answers: Counts,
    passed: Counts,
    rate: [Moments; 2],
    lost: u64,
    won: u64,
    once: Counts,
    /// The differences of the shares that pass, those that are not 0.
    differences: Vec<f64>,
    sum: f64,
    squares: f64,
    score: Number,
    graded: bool,
    flips: Flips,
}

/// What a pair that passes on one side more often than on the other is listed with.
pub(super) struct Listed<'a> {
    pub(super) record_key: &'a str,
    /// Rows listed for each check and direction.
    pub(super) most: usize,
    /// Characters of a text.
    pub(super) text: usize,
    /// Bytes that may still be kept of all texts.
    pub(super) room: &'a mut usize,
}

impl Check {
    pub(super) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Takes what it says of both sides of a pair in, and keeps the pair when it is among the first that changed.
    pub(super) fn add(&mut self, [before, now]: [Word<'_>; 2], listed: &mut Listed<'_>) {
        let (was, is) = match (before.share(), now.share()) {
            (Some(was), Some(is)) => (was, is),
            (Some(_), None) => return self.once.baseline += 1,
            (None, Some(_)) => return self.once.candidate += 1,
            (None, None) => return,
        };
        self.pairs += 1;
        self.answers.add(before.judged, now.judged);
        self.passed.add(before.passed, now.passed);
        self.rate[0].add(was);
        self.rate[1].add(is);
        if let (Some(baseline), Some(candidate)) = (before.score, now.score) {
            self.graded |= [baseline, candidate].iter().any(|score| *score > 0.0 && *score < 1.0);
            self.score.add(baseline, candidate);
        }
        // Whole numbers, so that the same share of another number of answers is the same.
        let [had, has] = [before.passed * now.judged, now.passed * before.judged];
        if had == has {
            return;
        }
        let difference = is - was;
        self.sum += difference;
        self.squares += difference * difference;
        if self.differences.len() <= MOST_DRAWN {
            self.differences.push(difference);
        }
        let is_lost = had > has;
        let (count, kept) = if is_lost {
            (&mut self.lost, &mut self.flips.lost)
        } else {
            (&mut self.won, &mut self.flips.won)
        };
        *count += 1;
        if kept.len() < listed.most && *listed.room > 0 {
            let flip = flip_of([before, now], is_lost, listed);
            *listed.room = listed.room.saturating_sub(flip.bytes());
            kept.push(flip);
        }
    }

    /// Whether the baseline judged any row with it.
    pub(super) fn is_of_baseline(&self) -> bool {
        self.pairs + self.once.baseline > 0
    }

    /// Whether any row was judged with it on both sides.
    pub(super) fn is_compared(&self) -> bool {
        self.pairs > 0
    }

    /// McNemar's exact test where a pair is two answers, else the sign-flip test of the shares.
    fn p(&self, unit: Unit, seed: u64) -> f64 {
        match unit {
            Unit::Row => mcnemar(self.lost, self.won),
            Unit::Record if self.differences.len() > MOST_DRAWN => {
                sign_flips_of_many(self.sum, self.squares).two_sided
            }
            Unit::Record => {
                sign_flips(&self.differences, &Resampling::of(self.differences.len(), seed)).two_sided
            }
        }
    }

    pub(super) fn change(self, unit: Unit, seed: u64) -> CheckChange {
        let pairs = self.pairs;
        let p = (pairs > 0).then(|| self.p(unit, seed));
        let verdict = match p {
            None => Verdict::Undecided,
            Some(p) if p >= SIGNIFICANCE => Verdict::NoDifference,
            Some(_) if self.sum < 0.0 => Verdict::Worse,
            Some(_) => Verdict::Better,
        };
        let rates = match unit {
            Unit::Row => [self.passed.baseline, self.passed.candidate]
                .map(|passed| (pairs > 0).then(|| real(passed) / real(pairs))),
            Unit::Record => self.rate.map(|rate| rate.mean()),
        };
        let interval =
            |rate: Option<f64>| wilson_of_share(rate?.clamp(0.0, 1.0), pairs, Interval::CONFIDENCE);
        CheckChange {
            verdict,
            pairs,
            answers: self.answers,
            passed: self.passed,
            pass_rate: rates[0].zip(rates[1]).map(<[_; 2]>::from),
            pass_rate_interval: interval(rates[0]).zip(interval(rates[1])).map(<[_; 2]>::from),
            lost: self.lost,
            won: self.won,
            p,
            detectable: smallest_change(pairs, self.squares),
            judged_once: self.once,
            score: self.graded.then(|| self.score.change(seed)),
            flips: self.flips,
            name: self.name,
        }
    }
}

fn flip_of([before, now]: [Word<'_>; 2], is_lost: bool, listed: &Listed<'_>) -> Flip {
    let cut = |text: &str| cut(text, listed.text);
    // Of several answers those are shown that differ: one that passes, and one that does not.
    let (good, bad) = if is_lost { (&before, &now) } else { (&now, &before) };
    let (good, bad) = (good.pass, bad.fail);
    let (was, is) = if is_lost { (good, bad) } else { (bad, good) };
    let expected = [is, was].into_iter().flatten().find_map(|(_, check)| check?.expected.as_deref());
    let number = |side: Option<(&Row<'_>, _)>| side.and_then(|(row, _)| row.row_number);
    let several = before.judged > 1 || now.judged > 1;
    Flip {
        row_key: cut(listed.record_key),
        row_number: number(is).or(number(was)),
        passed: several.then_some([[before.passed, before.judged], [now.passed, now.judged]]),
        expected: expected.map(cut),
        baseline: was.and_then(|(row, _)| given(row, listed.text)),
        candidate: is.and_then(|(row, _)| given(row, listed.text)),
        reason: bad.and_then(|(_, check)| check?.reason.as_deref()).map(cut),
    }
}

/// What a row came to, for a person: its output, or why there is none.
fn given(row: &Row<'_>, most: usize) -> Option<String> {
    match (row.output(), &row.error) {
        (Some(output), _) => Some(cut(&readable(&output), most)),
        (_, Some(error)) => Some(cut(&format!("{}, {}: {}", row.outcome, error.kind, error.message), most)),
        _ => None,
    }
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
