//! What the page draws, counted over all rows: how costs, tokens and times are spread, and what happened when.

use std::collections::BTreeMap;
use std::fmt;

use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;

use crate::model::{Outcome, Throttling};
use crate::report::ResultRow;

/// Bits of a number's fraction that tell two bins apart: 64 bins between a number and its double.
const FRACTION_BITS: u32 = 6;

/// Bits of a number that say nothing about its bin.
const SHIFT: u32 = f64::MANTISSA_DIGITS - 1 - FRACTION_BITS;

/// Bins of all positive doubles.
const BINS: usize = 1 << (63 - SHIFT);

/// Stretches of time that the timeline tells apart.
const MAX_STRETCHES: usize = 480;

/// Lengths of a stretch in ms.
const WIDTHS: [u64; 15] = Throttling::WIDTHS_MS;

/// What is counted as rows pass.
#[derive(Debug, Default)]
pub(super) struct Pictures {
    latency: Histogram,
    cost: Histogram,
    tokens: Histogram,
    stretches: BTreeMap<u64, Stretch>,
    width: usize,
    /// The latest start and end with what is not yet in `stretches`: rows that follow each other mostly share theirs.
    recent: [(u64, Stretch); 2],
}

/// Counts of numbers in bins about a hundredth wide, whatever their size: one for each beginning of a positive
/// double. Those that stay empty take no memory until they are read.
struct Histogram(Vec<u32>);

/// What happened in one stretch of time.
#[derive(Clone, Copy, Debug, Default)]
struct Stretch {
    started: u64,
    finished: u64,
    unsuccessful: u64,
    backoff_ms: u64,
    throttled: u64,
}

/// The histograms: lower end, upper end and count of each bin that has any.
#[derive(Debug, Serialize)]
pub(super) struct Bars {
    latency_ms: Vec<(f64, f64, u32)>,
    cost: Vec<(f64, f64, u32)>,
    tokens: Vec<(f64, f64, u32)>,
}

/// What happened when.
#[derive(Debug, Serialize)]
pub(super) struct Timeline {
    /// In ms since 1970.
    start_ms: u64,
    width_ms: u64,
    /// For each stretch with anything in it: its place from the start; rows begun; rows ended; of these, those that
    /// did not succeed; ms that the rows that ended had spent in back-off and pauses; answers that asked to slow down.
    stretches: Vec<(u64, u64, u64, u64, u64, u64)>,
}

impl Pictures {
    /// Takes a row in.
    pub(super) fn add(&mut self, row: &ResultRow<'_>) {
        self.latency.add(row.latency_ms.and_then(|ms| ms.to_f64()));
        self.cost.add(row.cost.filter(|_| row.attempts > 0).and_then(|cost| cost.amount().to_f64()));
        self.tokens.add(row.tokens.filter(|_| row.attempts > 0).and_then(|tokens| tokens.to_f64()));
        // A row that has not ended would count as in flight for ever.
        let (Some(started), Some(finished)) = (row.started_ms, row.finished_ms) else { return };
        self.note(0, started, Stretch { started: 1, ..Stretch::default() });
        let end = Stretch {
            finished: 1,
            unsuccessful: u64::from(row.outcome != Outcome::Succeeded),
            backoff_ms: row.backoff_ms.unwrap_or(0),
            ..Stretch::default()
        };
        self.note(1, finished, end);
    }

    /// Takes in when the service asked to slow down: after all rows.
    pub(super) fn throttled(&mut self, throttling: &Throttling) {
        self.settle_recent();
        let asked = throttling
            .stretches()
            .map(|(t_ms, count)| (t_ms, Stretch { throttled: count, ..Stretch::default() }));
        // What is known of a long stretch is not said of a short one.
        while throttling.stretches().next().is_some() && WIDTHS[self.width] < throttling.width_ms() {
            self.widen();
        }
        for (t_ms, asked) in asked {
            self.stretch(t_ms).take(asked);
        }
    }

    fn note(&mut self, which: usize, t_ms: u64, what: Stretch) {
        let width = WIDTHS[self.width];
        let (there, sum) = &mut self.recent[which];
        if *there / width == t_ms / width {
            sum.take(what);
            return;
        }
        let (before, sum) = std::mem::replace(&mut self.recent[which], (t_ms, what));
        self.settle(before, sum);
    }

    fn settle(&mut self, t_ms: u64, sum: Stretch) {
        if sum.started + sum.finished > 0 {
            self.stretch(t_ms).take(sum);
        }
    }

    fn stretch(&mut self, t_ms: u64) -> &mut Stretch {
        while self.stretches.len() >= MAX_STRETCHES
            && self.width + 1 < WIDTHS.len()
            && !self.stretches.contains_key(&(t_ms / WIDTHS[self.width]))
        {
            self.widen();
        }
        self.stretches.entry(t_ms / WIDTHS[self.width]).or_default()
    }

    fn widen(&mut self) {
        let times = WIDTHS[self.width + 1] / WIDTHS[self.width];
        self.width += 1;
        for (place, stretch) in std::mem::take(&mut self.stretches) {
            self.stretches.entry(place / times).or_default().take(stretch);
        }
    }

    fn settle_recent(&mut self) {
        for (t_ms, sum) in std::mem::take(&mut self.recent) {
            self.settle(t_ms, sum);
        }
    }

    pub(super) fn bars(&self) -> Bars {
        Bars { latency_ms: self.latency.bins(), cost: self.cost.bins(), tokens: self.tokens.bins() }
    }

    pub(super) fn timeline(&mut self) -> Option<Timeline> {
        self.settle_recent();
        let (first, _) = self.stretches.first_key_value()?;
        let width = WIDTHS[self.width];
        let stretches = self.stretches.iter().map(|(place, it)| {
            (place - first, it.started, it.finished, it.unsuccessful, it.backoff_ms, it.throttled)
        });
        Some(Timeline { start_ms: first * width, width_ms: width, stretches: stretches.collect() })
    }
}

impl Stretch {
    fn take(&mut self, other: Self) {
        self.started += other.started;
        self.finished += other.finished;
        self.unsuccessful += other.unsuccessful;
        self.backoff_ms = self.backoff_ms.saturating_add(other.backoff_ms);
        self.throttled += other.throttled;
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self(vec![0; BINS])
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram").finish_non_exhaustive()
    }
}

impl Histogram {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value.filter(|value| value.is_finite() && *value >= 0.0) {
            // A positive double's bits are in the order of the numbers: the upper ones are the bin.
            let bin = usize::try_from(value.to_bits() >> SHIFT).ok().and_then(|bin| self.0.get_mut(bin));
            if let Some(count) = bin {
                *count = count.saturating_add(1);
            }
        }
    }

    fn bins(&self) -> Vec<(f64, f64, u32)> {
        let edge = |bin: usize| f64::from_bits((bin as u64) << SHIFT);
        let filled = self.0.iter().enumerate().filter(|(_, count)| **count > 0);
        filled.map(|(bin, count)| (edge(bin), edge(bin + 1), *count)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_about_a_hundredth_wide_and_small_whole_numbers_have_their_own() {
        let mut histogram = Histogram::default();
        for value in [0.0, 1.0, 2.0, 63.0, 64.0, 1000.0, 1001.0, -1.0, f64::NAN, f64::INFINITY, 0.000_12] {
            histogram.add(Some(value));
        }
        histogram.add(None);
        let bins = histogram.bins();
        let found = |value: f64| bins.iter().find(|(low, high, _)| *low <= value && value < *high).unwrap();
        assert_eq!(bins.len(), 7);
        assert_eq!(bins.iter().map(|bin| bin.2).sum::<u32>(), 8);
        assert_eq!((found(1000.0).2, found(0.0).2), (2, 1));
        assert!(bins.iter().skip(1).all(|(low, high, _)| high / low < 1.017), "{bins:?}");
    }

    #[test]
    fn calls_to_slow_down_stand_where_they_came_and_in_stretches_that_are_as_long_as_theirs() {
        let mut pictures = Pictures::default();
        pictures.note(0, 1_000, Stretch { started: 1, ..Stretch::default() });
        pictures.note(1, 61_000, Stretch { finished: 1, ..Stretch::default() });
        let mut throttling = Throttling::default();
        throttling.note(2_001);
        throttling.note(2_002);
        let mut fine = Pictures { stretches: pictures.stretches.clone(), ..Pictures::default() };
        (fine.recent, fine.width) = (pictures.recent, pictures.width);
        fine.throttled(&throttling);
        let timeline = fine.timeline().unwrap();
        assert_eq!(timeline.stretches, [(0, 1, 0, 0, 0, 0), (100, 0, 0, 0, 0, 2), (6_000, 0, 1, 0, 0, 0)]);
        (0..1_000).for_each(|second| throttling.note(1_000 + second * 60));
        pictures.throttled(&throttling);
        let timeline = pictures.timeline().unwrap();
        assert_eq!(timeline.width_ms, throttling.width_ms());
        assert_eq!(timeline.stretches.iter().map(|it| it.5).sum::<u64>(), 1_002);
    }

    proptest::proptest! {
        #[test]
        fn a_timeline_loses_no_row_however_long_the_run(
            times in proptest::collection::vec((0_u64..=4_000_000_000_000, 0_u64..100_000), 1..2_000)
        ) {
            let mut pictures = Pictures::default();
            for (start, length) in &times {
                pictures.note(0, *start, Stretch { started: 1, ..Stretch::default() });
                pictures.note(1, start + length, Stretch { finished: 1, ..Stretch::default() });
            }
            let timeline = pictures.timeline().unwrap();
            proptest::prop_assert!(timeline.stretches.len() <= MAX_STRETCHES || timeline.width_ms == WIDTHS[14]);
            let sums = timeline.stretches.iter().fold((0, 0), |sum, it| (sum.0 + it.1, sum.1 + it.2));
            proptest::prop_assert_eq!(sums, (times.len() as u64, times.len() as u64));
            let first = times.iter().map(|(start, _)| *start).min().unwrap();
            proptest::prop_assert!(timeline.start_ms <= first && first < timeline.start_ms + timeline.width_ms);
        }
    }
}
