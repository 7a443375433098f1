//! Bins to count values in, for the histograms of reports.

use serde::Serialize;

/// So many bins at most: more can't be told apart on a screen.
const MOST: u32 = 1_000;

/// Bins side by side, and how many values fell into each. A bin takes values from its lower edge up to, but without, its
/// upper one; the last takes its upper edge too, as numpy's do.
#[derive(Clone, Debug, PartialEq)]
pub struct Bins {
    edges: Vec<f64>,
    counts: Vec<u64>,
    below: u64,
    above: u64,
}

/// One bin.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// The lower edge.
    pub from: f64,
    /// The upper edge.
    pub to: f64,
    /// How many values.
    pub count: u64,
}

impl Bins {
    /// Gives so many bins of the same width between two values; one bin when these are the same. None when the ends are
    /// not finite and in order, or without bins.
    pub fn linear(low: f64, high: f64, count: u32) -> Option<Self> {
        let width = (high - low) / f64::from(count.clamp(1, MOST));
        Self::between(low, high, count, |at| low + width * at)
    }

    /// Gives so many bins, each as many times as high as the one before; one bin when the ends are the same. None when the
    /// ends are not above 0, finite and in order, or without bins.
    pub fn log(low: f64, high: f64, count: u32) -> Option<Self> {
        if low <= 0.0 {
            return None;
        }
        let (from, to) = (low.ln(), high.ln());
        let width = (to - from) / f64::from(count.clamp(1, MOST));
        Self::between(low, high, count, |at| (from + width * at).exp())
    }

    /// Gives linear bins over all of some values, filled with them. None without finite values, or without bins.
    pub fn linear_of(values: &[f64], count: u32) -> Option<Self> {
        let (low, high) = range(values.iter().copied())?;
        Some(Self::linear(low, high, count)?.filled(values))
    }

    /// Gives logarithmic bins over those of some values that are above 0, filled; the others are counted as below. None
    /// without a finite value above 0, or without bins.
    pub fn log_of(values: &[f64], count: u32) -> Option<Self> {
        let (low, high) = range(values.iter().copied().filter(|value| *value > 0.0))?;
        Some(Self::log(low, high, count)?.filled(values))
    }

    fn between(low: f64, high: f64, count: u32, edge: impl Fn(f64) -> f64) -> Option<Self> {
        if !(low.is_finite() && high.is_finite() && (high - low).is_finite() && low <= high) || count == 0 {
            return None;
        }
        let count = if low < high { count.min(MOST) } else { 1 };
        let inner = (1..count).map(|at| edge(f64::from(at)).clamp(low, high));
        // The ends are exact, or the greatest value could fall beside its bin.
        let edges: Vec<f64> = std::iter::once(low).chain(inner).chain([high]).collect();
        let counts = vec![0; edges.len() - 1];
        Some(Self { edges, counts, below: 0, above: 0 })
    }

    fn filled(mut self, values: &[f64]) -> Self {
        for value in values {
            self.add(*value);
        }
        self
    }

    /// Counts a value; one that is no number is left out.
    pub fn add(&mut self, value: f64) {
        let (Some(first), Some(last)) = (self.edges.first(), self.edges.last()) else { return };
        if value < *first {
            self.below += 1;
        } else if value > *last {
            self.above += 1;
        } else if !value.is_nan() {
            let at = self.edges.partition_point(|edge| *edge <= value).saturating_sub(1);
            let at = at.min(self.counts.len().saturating_sub(1));
            if let Some(count) = self.counts.get_mut(at) {
                *count += 1;
            }
        }
    }

    /// The bins, from the lowest.
    pub fn bins(&self) -> impl Iterator<Item = Bin> + '_ {
        let pairs = self.edges.windows(2).zip(&self.counts);
        pairs.filter_map(|(edges, count)| match edges {
            [from, to] => Some(Bin { from: *from, to: *to, count: *count }),
            _ => None,
        })
    }

    /// How many values lay below the lowest bin.
    pub fn below(&self) -> u64 {
        self.below
    }

    /// How many values lay above the highest bin.
    pub fn above(&self) -> u64 {
        self.above
    }

    /// The greatest count of a bin, to which a drawing is scaled.
    pub fn highest(&self) -> u64 {
        self.counts.iter().copied().max().unwrap_or(0)
    }
}

fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let finite = values.filter(|value| value.is_finite());
    finite.fold(None, |range, value| match range {
        None => Some((value, value)),
        Some((low, high)) => Some((low.min(value), high.max(value))),
    })
}
