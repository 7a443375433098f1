//! Whether shares or numbers of the same records differ between two runs: the sign-flip test of the paired differences.

use crate::stats::Resampling;
use crate::stats::bootstrap::Draws;
use crate::stats::moments::real;
use crate::stats::wilson::two_sided_quantile;

/// With so many differences that are not 0, or fewer, every way to give them signs is tried.
const MOST_EXACT: usize = 16;

/// How likely the sum of differences would be so far from 0, were each as likely to have the other sign.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SignFlips {
    /// So far to either side.
    pub two_sided: f64,
    /// So far down.
    pub lower: f64,
}

/// Gives the p of the sign-flip (paired permutation) test of differences. If nothing changed, either run could have been the
/// other, so that each difference could as well have the opposite sign: p is the share of all ways to give them signs whose sum is at
/// least as far out. With up to 16 differences that are not 0 every way is tried; with more, as many are drawn as
/// `how.resamples` says, and the one that was found counts among them, so that a true null is called different no more
/// often than stated. Where each difference is -1, 0 or 1 it is McNemar's exact test. What is no finite number is left
/// out.
pub fn sign_flips(differences: &[f64], how: &Resampling) -> SignFlips {
    let signed: Vec<f64> = differences.iter().copied().filter(|d| d.is_finite() && *d != 0.0).collect();
    let found: f64 = signed.iter().sum();
    let size: f64 = signed.iter().map(|d| d.abs()).sum();
    // Sums of the same parts in another order differ in their last digits.
    let count = Counted { found, slack: size * 1e-12 };
    if signed.len() <= MOST_EXACT { count.every(&signed) } else { count.drawn(&signed, how) }
}

/// Gives the same p from how many differences there are and the sums of them and of their squares, as the normal distribution
/// has it: for counts far beyond those that one would draw from.
pub fn sign_flips_of_many(sum: f64, squares: f64) -> SignFlips {
    if !(squares > 0.0 && sum.is_finite() && squares.is_finite()) {
        return SignFlips { two_sided: 1.0, lower: 1.0 };
    }
    let far = sum.abs() / squares.sqrt();
    let two_sided = outside(far);
    let lower = if sum < 0.0 { two_sided / 2.0 } else { 1.0 - two_sided / 2.0 };
    SignFlips { two_sided, lower }
}

/// The share of the normal distribution further from 0 than `far`, by halving the interval that holds its confidence.
fn outside(far: f64) -> f64 {
    const STEPS: usize = 60;
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..STEPS {
        let middle = f64::midpoint(low, high);
        *(if two_sided_quantile(middle) <= far { &mut low } else { &mut high }) = middle;
    }
    1.0 - low
}

struct Counted {
    found: f64,
    slack: f64,
}

impl Counted {
    fn is_as_far(&self, sum: f64) -> bool {
        sum.abs() >= self.found.abs() - self.slack
    }

    fn is_as_low(&self, sum: f64) -> bool {
        sum <= self.found + self.slack
    }

    fn every(&self, signed: &[f64]) -> SignFlips {
        let ways = 1_u32 << signed.len();
        let (mut far, mut low) = (0_u64, 0_u64);
        for way in 0..ways {
            let flipped = signed.iter().enumerate().map(|(at, d)| if way >> at & 1 == 0 { *d } else { -d });
            let sum = flipped.sum();
            far += u64::from(self.is_as_far(sum));
            low += u64::from(self.is_as_low(sum));
        }
        SignFlips { two_sided: real(far) / f64::from(ways), lower: real(low) / f64::from(ways) }
    }

    fn drawn(&self, signed: &[f64], how: &Resampling) -> SignFlips {
        let mut draws = Draws::begin(how.seed);
        let (mut far, mut low) = (1_u64, 1_u64);
        for _ in 0..how.resamples {
            let mut sum = 0.0;
            for part in signed.chunks(64) {
                let mut bits = draws.next();
                for d in part {
                    sum += if bits & 1 == 0 { *d } else { -d };
                    bits >>= 1;
                }
            }
            far += u64::from(self.is_as_far(sum));
            low += u64::from(self.is_as_low(sum));
        }
        let ways = f64::from(how.resamples) + 1.0;
        SignFlips { two_sided: real(far) / ways, lower: real(low) / ways }
    }
}
