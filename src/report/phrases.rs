//! The sentences of a summary that terminal and Markdown share.

use std::fmt::Write;

use crate::model::{Cost, Outcome, Reason};
use crate::report::{KnownCost, Percentiles, Summary, words};

/// How numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    /// In groups of three: `20,000`.
    Grouped,
    /// As they are, to be copied from.
    Plain,
}

/// The sentences about one summary. What comes from outside in them is not yet made harmless.
#[derive(Clone, Copy, Debug)]
pub(super) struct Phrases<'a> {
    summary: &'a Summary,
    numbers: Numbers,
}

impl<'a> Phrases<'a> {
    pub(super) fn new(summary: &'a Summary, numbers: Numbers) -> Self {
        Self { summary, numbers }
    }

    pub(super) fn number<N: ToString + ?Sized>(&self, number: &N) -> String {
        match self.numbers {
            Numbers::Grouped => words::grouped(number),
            Numbers::Plain => number.to_string(),
        }
    }

    pub(super) fn count(&self, number: u64, noun: &str) -> String {
        let plural = if number == 1 { "" } else { "s" };
        format!("{} {noun}{plural}", self.number(&number))
    }

    /// The verdict in one or two words.
    pub(super) fn verdict(&self) -> &'static str {
        match self.summary.verdict.reason {
            Reason::Accepted => "Accepted",
            Reason::RowsFailed => "Not accepted",
            Reason::GateFailed => "Gate failed",
            // Also of a run that nobody interrupted: rows whose time was up are still at the provider.
            Reason::Interrupted | Reason::Deadline | Reason::Throttled | Reason::Outage => "Not finished",
            Reason::Bug => "A bug",
            _ => "Stopped",
        }
    }

    /// How many rows were answered of how many asked; shorter when it does not fit into so many columns.
    pub(super) fn answered(&self, room: usize) -> String {
        let rows = &self.summary.rows;
        if rows.total == 0 {
            return "the dataset has no rows to run: nothing was sent".to_owned();
        }
        let answered = rows.answered();
        let how = match (answered, rows.failed) {
            (0, _) => String::new(),
            (1, 0) => ": it succeeded".to_owned(),
            (1, _) => ": it failed".to_owned(),
            (_, 0) => ", and all of these succeeded".to_owned(),
            (_, failed) if failed == answered => ", and all of these failed".to_owned(),
            (_, failed) => format!(", {} of these failed", self.number(&failed)),
        };
        let of = format!("{} of {}", self.number(&answered), self.count(rows.total, "row"));
        let share = words::percent(self.summary.coverage);
        fitting(room, format!("{of} answered ({share}){how}"), || format!("{of} answered{how}"))
    }

    /// How many rows were not answered and why, with as many reasons as fit into so many columns, those of most rows
    /// first.
    pub(super) fn not_answered(&self, room: usize) -> String {
        let rows = &self.summary.rows;
        let mut parts = vec![
            (Outcome::InDoubt, rows.in_doubt, None),
            (Outcome::Rejected, rows.rejected, None),
            (Outcome::NotRun, rows.not_run, None),
        ];
        parts.retain(|(_, count, _)| *count > 0);
        let mut by_count: Vec<_> = (0..parts.len()).collect();
        by_count.sort_by_key(|index| std::cmp::Reverse(parts[*index].1));
        for index in by_count {
            parts[index].2 = self.why(parts[index].0);
            if words::width(&self.listed(&parts)) > room {
                parts[index].2 = None;
            }
        }
        self.listed(&parts)
    }

    fn listed(&self, parts: &[(Outcome, u64, Option<String>)]) -> String {
        let said = parts.iter().map(|(outcome, count, why)| {
            let why = why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
            format!("{} {}{why}", self.number(count), words::outcome(*outcome))
        });
        let said = said.collect::<Vec<_>>().join(", ");
        match parts.len() {
            0 => "none".to_owned(),
            1 => said,
            _ => {
                let total: u64 = parts.iter().map(|(_, count, _)| count).sum();
                format!("{}: {said}", self.number(&total))
            }
        }
    }

    /// The reason that most rows of an outcome have.
    fn why(&self, outcome: Outcome) -> Option<String> {
        if outcome == Outcome::NotRun {
            let reason = serde_json::to_value(self.summary.verdict.reason).ok()?;
            return Some(reason.as_str()?.replace('_', " "));
        }
        let mut kinds = self.summary.errors.iter().filter(|error| error.outcome == outcome);
        let first = &kinds.next()?.kind;
        Some(if kinds.next().is_some() { format!("mostly {first}") } else { first.clone() })
    }

    /// What it cost; shorter when it does not fit into so many columns.
    pub(super) fn cost(&self, room: usize) -> String {
        let cost = &self.summary.cost;
        let total = self.amount(cost.total);
        let money =
            cost.money.as_ref().map(|money| format!(" ({} {})", self.number(&money.amount), money.currency));
        let total = format!("{total}{}", money.unwrap_or_default());
        match cost.unknown_rows {
            0 => total,
            rows => fitting(room, format!("{total}{}", self.not_counting(rows, "cost is")), || {
                format!("{total} + {} unknown", self.count(rows, "row"))
            }),
        }
    }

    /// What a group cost.
    pub(super) fn known_cost(&self, cost: &KnownCost) -> String {
        let total = self.amount(cost.total);
        match cost.unknown_rows {
            0 => total,
            rows => format!("{total} + {} unknown", self.number(&rows)),
        }
    }

    /// An amount with its unit.
    pub(super) fn amount(&self, amount: Cost) -> String {
        let amount = amount.to_string();
        format!("{} {}", self.number(&amount), words::unit(&amount, &self.summary.cost.unit))
    }

    /// What a row cost, when that is known of any.
    pub(super) fn cost_per_row(&self) -> Option<String> {
        let spread = &self.summary.cost.per_row;
        let [p50, p95, max] = [spread.p50?, spread.p95?, spread.max?].map(|cost| self.number(&cost));
        // For the eye: six significant digits; report.json has the rest.
        let mean = spread.mean.and_then(|mean| mean.amount().round_sf(6)).map(|mean| mean.normalize());
        let mean = mean.map(|mean| format!("mean {}, ", self.number(&mean))).unwrap_or_default();
        Some(format!("{mean}p50 {p50}, p95 {p95}, max {max}"))
    }

    /// What rows in doubt may have cost; none when there are no such rows.
    pub(super) fn in_doubt(&self) -> Option<String> {
        let doubtful = &self.summary.cost.in_doubt;
        if doubtful.rows == 0 {
            return None;
        }
        let rows = self.count(doubtful.rows, "row");
        if let Some(at_most) = doubtful.at_most {
            let most = self.amount(at_most);
            return Some(format!(
                "{rows}, which may have cost at most {most}, by the budget's bound for a row"
            ));
        }
        let eye = |cost: Option<Cost>| cost?.amount().round_sf(6).map(|cost| cost.normalize());
        let told = doubtful.estimate.and_then(|told| Some((eye(told.at_mean)?, eye(told.at_max)?)));
        Some(match told {
            Some((mean, max)) => {
                let unit = words::unit(&max.to_string(), &self.summary.cost.unit);
                let (mean, max) = (self.number(&mean), self.number(&max));
                let about = if mean == max { max } else { format!("{mean} to {max}") };
                format!(
                    "{rows}, which may have cost some {about} {unit}: an estimate from the rows whose cost is known"
                )
            }
            None => format!("{rows}, at a cost of which nothing is known"),
        })
    }

    /// How a budget stands, when there is one.
    pub(super) fn budget(&self) -> Option<String> {
        let budget = self.summary.budget.as_ref()?;
        let unit = |limit: &str| words::unit(limit, &self.summary.cost.unit);
        let cost = budget.cost.map(|line| {
            let (spent, limit) = (line.spent.to_string(), line.limit.to_string());
            let aside = line.reserved.filter(|reserved| *reserved > Cost::ZERO);
            self.budget_line(&spent, &limit, &unit(&limit), aside.map(|aside| aside.to_string()))
        });
        let tokens = budget.tokens.map(|line| {
            let aside = line.reserved.filter(|reserved| *reserved > 0).map(|reserved| reserved.to_string());
            self.budget_line(&line.spent.to_string(), &line.limit.to_string(), "tokens", aside)
        });
        let lines: Vec<_> = cost.into_iter().chain(tokens).collect();
        (!lines.is_empty()).then(|| lines.join("; "))
    }

    fn budget_line(&self, spent: &str, limit: &str, unit: &str, aside: Option<String>) -> String {
        let aside = aside.map(|aside| format!(", {} set aside", self.number(&aside))).unwrap_or_default();
        format!("{} of {} {unit} spent{aside}", self.number(spent), self.number(limit))
    }

    /// How many tokens it used.
    pub(super) fn tokens(&self) -> String {
        let tokens = &self.summary.tokens;
        let mut text = self.number(&tokens.total);
        if tokens.unknown_rows > 0 {
            text.push_str(&self.not_counting(tokens.unknown_rows, "tokens are"));
        }
        text
    }

    fn not_counting(&self, rows: u64, what: &str) -> String {
        format!(", and {} whose {what} unknown", self.count(rows, "row"))
    }

    /// How long rows took: a name, then p50, p90, p95, p99 and the longest; without those that no row has.
    pub(super) fn times(&self) -> Vec<(&'static str, [String; 5])> {
        let summary = self.summary;
        let all = [
            ("Latency", &summary.latency_ms),
            ("Server", &summary.server_ms),
            ("Queue wait", &summary.queue_ms),
            ("Back-off", &summary.backoff_ms),
        ];
        let measured = all.into_iter().filter(|(_, times)| times.max.is_some());
        let said = |times: &Percentiles| {
            [times.p50, times.p90, times.p95, times.p99, times.max].map(words::time_or_dash)
        };
        measured.map(|(name, times)| (name, said(times))).collect()
    }

    /// What was sent.
    pub(super) fn sent(&self) -> String {
        let summary = self.summary;
        let mut text = self.count(summary.invokes, "invoke");
        if summary.throttled > 0 {
            let _ = write!(text, " ({} throttled)", self.number(&summary.throttled));
        }
        if summary.polls > 0 {
            let _ = write!(text, ", {}", self.count(summary.polls, "poll"));
        }
        let concurrency = &summary.concurrency;
        if let (Some(lowest), Some(last)) = (concurrency.lowest, concurrency.last) {
            let _ = write!(
                text,
                ", at most {} at a time ({lowest} at the lowest, {last} in the end)",
                concurrency.max
            );
        }
        text
    }

    /// What earlier runs have paid for.
    pub(super) fn reused(&self) -> Option<String> {
        let reused = Some(self.summary.reused).filter(|reused| reused.rows > 0)?;
        let cost = words::grouped(&reused.cost);
        let unit = words::unit(&reused.cost.to_string(), &self.summary.cost.unit);
        let mut text =
            format!("{}, which cost {cost} {unit} then and nothing now", self.count(reused.rows, "result"));
        if reused.unknown_rows > 0 {
            let _ = write!(text, "; what {} of them cost is not known", self.number(&reused.unknown_rows));
        }
        Some(text)
    }

    /// The versions of the workflow that answered.
    pub(super) fn versions(&self, most: usize) -> Option<String> {
        let versions = &self.summary.versions;
        if versions.is_empty() {
            return None;
        }
        let said = versions.iter().take(most);
        let mut said: Vec<_> =
            said.map(|(version, count)| format!("{version} ({})", self.count(*count, "answer"))).collect();
        if versions.len() > most {
            said.push(format!("{} more", versions.len() - most));
        }
        Some(said.join(", "))
    }
}

fn fitting(room: usize, full: String, short: impl FnOnce() -> String) -> String {
    if words::width(&full) <= room { full } else { short() }
}
