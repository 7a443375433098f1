//! What several answers to the same row say: how often it passes, and how much the answers agree.

use crate::stats::moments::real;

/// Gives the chance that at least one of `k` answers passes, estimated without bias from `passed` of `total`:
/// 1 - C(total - passed, k) / C(total, k). None when there are fewer than `k` answers, or `k` is 0.
pub fn pass_at_k(total: u64, passed: u64, k: u64) -> Option<f64> {
    let none = chosen(total.checked_sub(passed)?, total, k)?;
    Some(1.0 - none)
}

/// Gives the chance that all of `k` answers pass (pass^k), estimated without bias from `passed` of `total`:
/// C(passed, k) / C(total, k). None when there are fewer than `k` answers, or `k` is 0.
pub fn pass_hat_k(total: u64, passed: u64, k: u64) -> Option<f64> {
    if passed > total { None } else { chosen(passed, total, k) }
}

/// C(part, k) / C(whole, k).
fn chosen(part: u64, whole: u64, k: u64) -> Option<f64> {
    if k == 0 || k > whole {
        return None;
    }
    if k > part {
        return Some(0.0);
    }
    // The two ways to write it give the same; the one with fewer factors is taken.
    let rest = whole - part;
    let ratio = if k <= rest {
        (0..k).map(|i| real(part - i) / real(whole - i)).product()
    } else {
        (0..rest).map(|i| real(whole - k - i) / real(whole - i)).product()
    };
    Some(ratio)
}

/// Gives the share of the most frequent answer, from how often each answer was given; none without answers.
pub fn agreement(counts: &[u32]) -> Option<f64> {
    let most = counts.iter().copied().max().filter(|most| *most > 0)?;
    Some(f64::from(most) / real(sum(counts)))
}

/// Gives Fleiss' kappa, from each row's counts of each answer (the same answers in the same order; a shorter row has 0 for
/// the rest): 1 is full agreement, 0 that of chance. None without rows, when rows have different numbers of answers or
/// fewer than two, and when all answers of all rows are the same, where chance alone would agree.
pub fn fleiss_kappa(rows: &[Vec<u32>]) -> Option<f64> {
    let answers = sum(rows.first()?);
    let same = rows.iter().all(|row| sum(row) == answers);
    if answers < 2 || !same {
        return None;
    }
    let count = real(u64::try_from(rows.len()).ok()?);
    let n = real(answers);
    let agreeing = |row: &Vec<u32>| row.iter().map(|c| f64::from(*c) * (f64::from(*c) - 1.0)).sum::<f64>();
    let observed = rows.iter().map(agreeing).sum::<f64>() / (count * n * (n - 1.0));
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    let share = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|c| u64::from(*c)).sum();
    let totals: Vec<u64> = (0..width).map(share).collect();
    if totals.iter().filter(|total| **total > 0).count() < 2 {
        return None;
    }
    let chance: f64 = totals.iter().map(|total| (real(*total) / (count * n)).powi(2)).sum();
    Some((observed - chance) / (1.0 - chance))
}

fn sum(counts: &[u32]) -> u64 {
    counts.iter().map(|count| u64::from(*count)).sum()
}
