//! What a run may cost and how long it may take, from earlier runs of the same manifest. An estimate, and said to be.

use rust_decimal::Decimal;

use crate::journal::Runs;
use crate::manifest::{Manifest, Mode};
use crate::model::Repeats;
use crate::report::{self, Summary};

/// What earlier runs suggest.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Estimate {
    pub(crate) cost: Option<Decimal>,
    pub(crate) seconds: Option<u64>,
    /// The run that it comes from, and how many of its rows.
    pub(crate) from: String,
    pub(crate) rows: u64,
}

/// Runs that are looked at, newest first.
const LOOKED_AT: usize = 20;

/// Works out what `rows` rows may cost and take, from the newest run of the manifest that answered any.
pub(crate) fn from_earlier(runs: &Runs, manifest: &Manifest, rows: u64) -> Option<Estimate> {
    let earlier =
        runs.list().into_iter().rev().filter(|found| found.manifest == manifest.name).take(LOOKED_AT);
    let summaries = earlier.filter_map(|found| {
        let text = std::fs::read(found.folder.file("report.json")).ok()?;
        serde_json::from_slice::<Summary>(&text).ok()
    });
    let summary = { summaries }.find(|summary| summary.rows.answered() > 0)?;
    let cost = summary.cost.per_row.mean.and_then(|mean| mean.amount().checked_mul(Decimal::from(rows)));
    let concurrency = manifest.limits.concurrency.max.max(1) as u64;
    let seconds = summary.latency_ms.p50.map(|ms| (ms * rows).div_ceil(concurrency * 1_000));
    let seconds = seconds.map(|seconds| seconds.max(by_rate(manifest, rows).unwrap_or_default()));
    Some(Estimate { cost, seconds, from: summary.run_id, rows: summary.rows.answered() })
}

/// Works out how long rows take at least by `limits.rate`, in seconds; none without one.
pub(crate) fn by_rate(manifest: &Manifest, rows: u64) -> Option<u64> {
    let polls = if manifest.workflow.mode == Mode::Async { rows } else { 0 };
    Some(manifest.limits.rate?.least_seconds(rows, polls))
}

impl Estimate {
    /// Says it in a phrase.
    pub(crate) fn in_words(&self, unit: &str) -> String {
        let mut parts = Vec::new();
        if let Some(cost) = self.cost {
            let cost = cost.round_sf(3).unwrap_or(cost).normalize().to_string();
            parts.push(format!("about {cost} {}", report::unit(&cost, unit)));
        }
        if let Some(seconds) = self.seconds {
            parts.push(format!("about {}", in_time(seconds)));
        }
        if parts.is_empty() {
            parts.push("at an unknown cost".to_owned());
        }
        format!("{} (by run {}, {})", parts.join(" and "), self.from, rows(self.rows))
    }
}

/// Says how many rows.
pub(crate) fn rows(count: u64) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}

/// Says how often each row of the dataset is invoked, when that is more than once.
pub(crate) fn each(repeats: Repeats) -> String {
    if repeats.is_once() { String::new() } else { format!(", each of the dataset {} times", repeats.get()) }
}

/// Says a time.
pub(crate) fn in_time(seconds: u64) -> String {
    match seconds {
        0..=1 => "a second".to_owned(),
        2..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_says_that_it_is_one_and_where_it_comes_from() {
        let estimate = |cost: Option<&str>, seconds| {
            let cost = cost.map(|cost| cost.parse().unwrap());
            Estimate { cost, seconds, from: "r1".into(), rows: 40 }.in_words("credit")
        };
        let both = estimate(Some("12.3456"), Some(75));
        assert_eq!(both, "about 12.3 credits and about 75 s (by run r1, 40 rows)");
        assert_eq!(estimate(None, Some(7_300)), "about 2 h 1 min (by run r1, 40 rows)");
        assert_eq!(estimate(None, None), "at an unknown cost (by run r1, 40 rows)");
    }
}
