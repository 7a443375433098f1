//! How sure a share is: Wilson's score interval.

use std::f64::consts::TAU;

use serde::Serialize;

use crate::stats::moments::real;

/// An interval, both ends included. Written as `[low, high]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(into = "[f64; 2]")]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// The confidence of every interval that does not name another.
    pub const CONFIDENCE: f64 = 0.95;

    /// Says whether a value lies in it.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

impl From<Interval> for [f64; 2] {
    fn from(interval: Interval) -> Self {
        [interval.low, interval.high]
    }
}

/// Gives Wilson's score interval, without a correction for continuity, of a share of `passed` among `total`, at a
/// confidence such as [`Interval::CONFIDENCE`]. None without trials, with more passed than tried, or with a confidence
/// that is not between 0 and 1.
pub fn wilson(passed: u64, total: u64, confidence: f64) -> Option<Interval> {
    if passed > total { None } else { wilson_of_share(real(passed) / real(total), total, confidence) }
}

/// Gives Wilson's score interval of a share, from 0 to 1, that `total` independent trials have on average: where each of
/// them is several answers, `total` counts the trials and not the answers. None as for [`wilson`].
pub fn wilson_of_share(share: f64, total: u64, confidence: f64) -> Option<Interval> {
    if total == 0 || !(0.0..=1.0).contains(&share) || !(confidence > 0.0 && confidence < 1.0) {
        return None;
    }
    let (n, z) = (real(total), two_sided_quantile(confidence));
    let scale = 1.0 + z * z / n;
    let centre = (share + z * z / (2.0 * n)) / scale;
    let reach = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt() / scale;
    Some(Interval {
        low: if share <= 0.0 { 0.0 } else { (centre - reach).max(0.0) },
        high: if share >= 1.0 { 1.0 } else { (centre + reach).min(1.0) },
    })
}

/// Gives the `z` with a share `confidence` of the normal distribution between `-z` and `z`.
///
/// Newton's steps over the series Φ(z) = 1/2 + φ(z)·(z + z³/3 + z⁵/15 + …), whose terms are all positive. Φ is concave
/// above 0, so that the steps come from below and never overshoot.
pub(super) fn two_sided_quantile(confidence: f64) -> f64 {
    const STEPS: usize = 64;
    let mut z = 0.0;
    for _ in 0..STEPS {
        let density = (-z * z / 2.0_f64).exp() / TAU.sqrt();
        let step = (confidence / 2.0 - density * series(z)) / density;
        if !step.is_finite() || step.abs() <= f64::EPSILON * z {
            break;
        }
        z += step;
    }
    z
}

fn series(z: f64) -> f64 {
    let (mut term, mut sum, mut odd) = (z, z, 3.0);
    while term > f64::EPSILON * sum / 4.0 {
        term *= z * z / odd;
        sum += term;
        odd += 2.0;
    }
    sum
}
