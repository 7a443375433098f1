//! What a run may cost and how long it may take, from earlier runs of the same manifest. An estimate, and said to be.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::journal::Runs;
use crate::manifest::{Budget, Manifest, Mode};
use crate::model::Repeats;
use crate::report::{self, Summary};

/// What earlier runs suggest.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Estimate {
    pub(crate) cost: Option<Decimal>,
    /// The least and the most by what a row cost in each run, when there are several.
    pub(crate) cost_range: Option<(Decimal, Decimal)>,
    pub(crate) seconds: Option<u64>,
    pub(crate) seconds_range: Option<(u64, u64)>,
    /// The newest run that it comes from, and how many of its rows.
    pub(crate) from: String,
    pub(crate) rows: u64,
    /// How many runs the ranges come from.
    pub(crate) runs: usize,
    tokens_per_row: Option<u64>,
}

/// Runs that are looked at, newest first, and those of them that ranges come from.
const LOOKED_AT: usize = 20;
const TAKEN: usize = 5;

/// Works out what `rows` rows may cost and take, from the newest run of the manifest that answered any, and within which
/// range by the newest few.
pub(crate) fn from_earlier(runs: &Runs, manifest: &Manifest, rows: u64) -> Option<Estimate> {
    let earlier =
        runs.list().into_iter().rev().filter(|found| found.manifest == manifest.name).take(LOOKED_AT);
    let summaries = earlier.filter_map(|found| {
        let text = std::fs::read(found.folder.file("report.json")).ok()?;
        serde_json::from_slice::<Summary>(&text).ok()
    });
    let summaries: Vec<_> = summaries.filter(|summary| summary.rows.answered() > 0).take(TAKEN).collect();
    let newest = summaries.first()?;
    let cost = |summary: &Summary| summary.cost.per_row.mean?.amount().checked_mul(Decimal::from(rows));
    let concurrency = manifest.limits.concurrency.max.max(1) as u64;
    let least = by_rate(manifest, rows).unwrap_or_default();
    let seconds = |summary: &Summary| {
        let ms = summary.latency_ms.p50?.checked_mul(rows)?;
        Some(ms.div_ceil(concurrency * 1_000).max(least))
    };
    let tokens = &newest.tokens;
    Some(Estimate {
        cost: cost(newest),
        cost_range: range(summaries.iter().filter_map(cost)),
        seconds: seconds(newest),
        seconds_range: range(summaries.iter().filter_map(seconds)),
        from: newest.run_id.clone(),
        rows: newest.rows.answered(),
        runs: summaries.len(),
        tokens_per_row: tokens.total.checked_div(tokens.known_rows),
    })
}

/// The least and the most of several.
fn range<T: Ord + Copy>(values: impl Iterator<Item = T>) -> Option<(T, T)> {
    let values: Vec<_> = values.collect();
    let (low, high) = (values.iter().min()?, values.iter().max()?);
    (values.len() > 1 && low < high).then_some((*low, *high))
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
        let short = |cost: Decimal| cost.round_sf(3).unwrap_or(cost).normalize().to_string();
        if let Some(cost) = self.cost.map(short) {
            let range = self.cost_range.map(|(low, high)| (short(low), short(high)));
            let range = range.filter(|(low, high)| low != high);
            let range = range.map_or_else(String::new, |(low, high)| format!(" ({low} to {high})"));
            parts.push(format!("about {cost} {}{range}", report::unit(&cost, unit)));
        }
        if let Some(seconds) = self.seconds {
            let range = self.seconds_range.map(|(low, high)| (in_time(low), in_time(high)));
            let range = range.filter(|(low, high)| low != high);
            let range = range.map_or_else(String::new, |(low, high)| format!(" ({low} to {high})"));
            parts.push(format!("about {}{range}", in_time(seconds)));
        }
        if parts.is_empty() {
            parts.push("at an unknown cost".to_owned());
        }
        let more = match self.runs {
            0 | 1 => String::new(),
            runs => format!("; ranges by {runs} runs"),
        };
        format!("{} (by run {}, {}{more})", parts.join(" and "), self.from, rows(self.rows))
    }

    /// Gives after about how many of `rows` rows the budget would stop the run, if it would.
    pub(crate) fn stopped_by(&self, budget: &Budget, rows: u64) -> Option<u64> {
        let per_row = self.cost.and_then(|cost| cost.checked_div(Decimal::from(rows)));
        let by_cost = budget
            .cost
            .zip(per_row)
            .and_then(|(budget, per_row)| budget.amount().checked_div(per_row)?.floor().to_u64());
        let by_tokens = budget.tokens.zip(self.tokens_per_row);
        let by_tokens = by_tokens.and_then(|(budget, per_row)| budget.checked_div(per_row));
        by_cost.into_iter().chain(by_tokens).min().filter(|after| *after < rows)
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
            Estimate { cost, seconds, from: "r1".into(), rows: 40, ..Estimate::default() }.in_words("credit")
        };
        let both = estimate(Some("12.3456"), Some(75));
        assert_eq!(both, "about 12.3 credits and about 75 s (by run r1, 40 rows)");
        assert_eq!(estimate(None, Some(7_300)), "about 2 h 1 min (by run r1, 40 rows)");
        assert_eq!(estimate(None, None), "at an unknown cost (by run r1, 40 rows)");
    }
}
