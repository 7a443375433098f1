//! Statistics, pure and total: intervals, paired tests, metrics of labels and of repeats, bins. What can't be said is
//! none, and nothing panics.
//!
//! Every figure is compared with scipy, scikit-learn, statsmodels or numpy: `tests/golden/stats.py` prints them.

mod bins;
mod bootstrap;
mod labels;
mod mcnemar;
mod moments;
mod repeats;
mod signs;
mod wilson;

pub use bins::{Bin, Bins};
pub use bootstrap::{Difference, MIN_PAIRS, Resampling, paired_bootstrap};
pub use labels::{Class, Confusion, MAX_LABELS, Matrix};
pub use mcnemar::{mcnemar, mcnemar_worse, smallest_change};
pub use moments::Moments;
pub use repeats::{agreement, fleiss_kappa, pass_at_k, pass_hat_k};
pub use signs::{SignFlips, sign_flips, sign_flips_of_many};
pub use wilson::{Interval, wilson, wilson_of_share};

#[cfg(test)]
mod tests;
