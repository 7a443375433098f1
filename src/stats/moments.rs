//! Mean and variance of a stream of numbers.

use crate::stats::Interval;
use crate::stats::wilson::two_sided_quantile;

/// A count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "counts of rows are far below 2^53")]
pub(super) fn real(count: u64) -> f64 {
    count as f64
}

/// Mean and variance, gathered one value at a time (Welford), so that nothing is kept. Values that are no finite numbers
/// are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    count: u64,
    /// The first value, from which the others are counted: great values with small differences keep their digits.
    first: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Takes a value in.
    pub fn add(&mut self, value: f64) {
        if value.is_finite() {
            if self.count == 0 {
                self.first = value;
            }
            self.count += 1;
            let value = value - self.first;
            let off = value - self.mean;
            self.mean += off / real(self.count);
            self.squares += off * (value - self.mean);
        }
    }

    /// How many values were taken in.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The mean; none without a value.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then_some(self.first + self.mean)
    }

    /// The variance of a sample (divided by n - 1); none with fewer than two values.
    pub fn variance(&self) -> Option<f64> {
        (self.count > 1).then(|| self.squares / real(self.count - 1))
    }

    /// The interval of the mean as the normal distribution has it, for counts far beyond those that one would resample; none
    /// with fewer than two values, or a confidence that is not between 0 and 1.
    pub fn interval(&self, confidence: f64) -> Option<Interval> {
        let (mean, deviation) = (self.mean()?, self.deviation()?);
        if !(confidence > 0.0 && confidence < 1.0) {
            return None;
        }
        let reach = two_sided_quantile(confidence) * deviation / real(self.count).sqrt();
        Some(Interval { low: mean - reach, high: mean + reach })
    }

    /// The standard deviation of a sample; none with fewer than two values.
    pub fn deviation(&self) -> Option<f64> {
        self.variance().map(f64::sqrt)
    }
}

impl FromIterator<f64> for Moments {
    fn from_iter<T: IntoIterator<Item = f64>>(values: T) -> Self {
        let mut moments = Self::default();
        values.into_iter().for_each(|value| moments.add(value));
        moments
    }
}
