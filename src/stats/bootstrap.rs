//! Whether numbers of the same rows differ between two runs: the paired bootstrap of the mean difference.

use serde::Serialize;

use crate::stats::Interval;
use crate::stats::moments::real;

/// Fewer pairs give no interval: that of a handful is far too narrow, since it has few values to draw from.
pub const MIN_PAIRS: usize = 10;

/// How often pairs are drawn anew.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resampling {
    /// Where the draws begin. The same seed, pairs and count give the same interval, on every machine.
    pub seed: u64,
    /// The share of resampled means inside the interval, between 0 and 1.
    pub confidence: f64,
    /// How many times all pairs are drawn.
    pub resamples: u32,
}

impl Resampling {
    const MOST: u64 = 10_000;
    const FEWEST: u64 = 1_000;
    const DRAWS: u64 = 50_000_000;

    /// The usual resampling of so many pairs, at 95 %: 10,000 times, and fewer above 5,000 pairs, so that about fifty million
    /// draws are made, but never fewer than 1,000 times.
    pub fn of(pairs: usize, seed: u64) -> Self {
        let fitting = Self::DRAWS / u64::try_from(pairs).unwrap_or(u64::MAX).max(1);
        let resamples = fitting.clamp(Self::FEWEST, Self::MOST);
        Self {
            seed,
            confidence: Interval::CONFIDENCE,
            resamples: u32::try_from(resamples).unwrap_or(u32::MAX),
        }
    }
}

/// A mean difference, and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// How many pairs.
    pub pairs: u64,
    /// The mean of the differences.
    pub mean: f64,
    /// The interval: percentiles of the resampled means. None below [`MIN_PAIRS`] pairs.
    pub interval: Option<Interval>,
}

impl Difference {
    /// Says whether the interval leaves out 0; none without an interval.
    pub fn is_significant(&self) -> Option<bool> {
        self.interval.map(|interval| !interval.contains(0.0))
    }
}

/// Gives the mean of the differences of pairs with its percentile interval: pairs are drawn with replacement, as many as
/// there are, `resamples` times; the interval's ends are percentiles of the means, interpolated linearly as numpy does.
/// Differences that are no finite numbers are left out; none without any, or when the numbers overflow.
pub fn paired_bootstrap(differences: &[f64], how: &Resampling) -> Option<Difference> {
    let finite: Vec<f64> = differences.iter().copied().filter(|d| d.is_finite()).collect();
    let pairs = u64::try_from(finite.len()).ok()?;
    let mean = mean_of(finite.iter().copied(), pairs)?;
    Some(Difference { pairs, mean, interval: interval_of(&finite, how) })
}

fn mean_of(values: impl Iterator<Item = f64>, count: u64) -> Option<f64> {
    Some(values.sum::<f64>() / real(count)).filter(|mean| mean.is_finite())
}

fn interval_of(differences: &[f64], how: &Resampling) -> Option<Interval> {
    let sound = how.confidence > 0.0 && how.confidence < 1.0;
    if differences.len() < MIN_PAIRS || !sound {
        return None;
    }
    let mut draws = Draws::begin(how.seed);
    let count = u64::try_from(differences.len()).ok()?;
    let mut means = Vec::new();
    for _ in 0..how.resamples {
        let resampled = (0..count).filter_map(|_| differences.get(draws.below(count)).copied());
        means.push(mean_of(resampled, count)?);
    }
    means.sort_unstable_by(f64::total_cmp);
    let outside = (1.0 - how.confidence) / 2.0;
    Some(Interval { low: percentile(&means, outside)?, high: percentile(&means, 1.0 - outside)? })
}

/// Interpolates between the two values next to a share of the way through sorted ones.
fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let at = share * real(u64::try_from(sorted.len()).ok()?.checked_sub(1)?);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and a length")]
    let below = at.floor() as usize;
    let low = sorted.get(below)?;
    let high = sorted.get(below + 1).unwrap_or(low);
    Some(low + (high - low) * (at - at.floor()))
}

/// `SplitMix64`: small, the same everywhere, and good enough to draw rows.
pub(super) struct Draws {
    state: u64,
}

impl Draws {
    pub(super) fn begin(seed: u64) -> Self {
        Self { state: seed }
    }

    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `count`; the bias of the shift is below 2⁻³² for any count of rows.
    fn below(&mut self, count: u64) -> usize {
        let wide = u128::from(self.next()) * u128::from(count);
        usize::try_from(wide >> 64).unwrap_or_default()
    }
}
