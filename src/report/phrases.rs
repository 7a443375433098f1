//! The sentences of a summary that terminal and Markdown share.

use std::fmt::Write;

use crate::model::{Cost, Outcome, Reason};
use crate::report::{Summary, words};

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
            Reason::Interrupted | Reason::Deadline | Reason::Throttled => "Interrupted",
            Reason::Bug => "A bug",
            _ => "Stopped",
        }
    }

    /// How many rows were answered of how many asked: in full, and shorter for a narrow page.
    pub(super) fn answered(&self) -> [String; 2] {
        let rows = &self.summary.rows;
        if rows.total == 0 {
            let empty = "the dataset has no rows: nothing was sent".to_owned();
            return [empty.clone(), empty];
        }
        let answered = rows.answered();
        let how = match (answered, rows.failed) {
            (0, _) => String::new(),
            (_, 0) if answered == 1 => ": it succeeded".to_owned(),
            (_, 0) => ", and all of these succeeded".to_owned(),
            (_, failed) if failed == answered => ", and all of these failed".to_owned(),
            (_, failed) => format!(", {} of these failed", self.number(&failed)),
        };
        let of = self.count(rows.total, "row");
        let short = format!("{} of {of} answered{how}", self.number(&answered));
        let share = words::percent(self.summary.coverage);
        [format!("{} of {of} answered ({share}){how}", self.number(&answered)), short]
    }

    /// How many rows were not answered, and why: in full, and shorter for a narrow page.
    pub(super) fn not_answered(&self) -> [String; 2] {
        let rows = &self.summary.rows;
        let parts = [
            (Outcome::InDoubt, rows.in_doubt),
            (Outcome::Rejected, rows.rejected),
            (Outcome::NotRun, rows.not_run),
        ];
        let some = || parts.iter().filter(|(_, count)| *count > 0);
        let say = |(outcome, count): &(Outcome, u64)| {
            format!("{} {}", self.number(count), words::outcome(*outcome))
        };
        let explained = |part: &(Outcome, u64)| match self.why(part.0) {
            Some(why) => format!("{} ({why})", say(part)),
            None => say(part),
        };
        match some().count() {
            0 => ["none".to_owned(), "none".to_owned()],
            1 => [some().map(explained).collect(), some().map(say).collect()],
            _ => {
                let total = self.number(&some().map(|(_, count)| count).sum::<u64>());
                let full: Vec<_> = some().map(explained).collect();
                let short: Vec<_> = some().map(say).collect();
                [format!("{total}: {}", full.join(", ")), format!("{total}: {}", short.join(", "))]
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

    /// What it cost.
    pub(super) fn cost(&self) -> String {
        let cost = &self.summary.cost;
        let mut text = self.amount(cost.total);
        if let Some(money) = &cost.money {
            let _ = write!(text, " ({} {})", self.number(&money.amount), money.currency);
        }
        if cost.unknown_rows > 0 {
            text.push_str(&self.not_counting(cost.unknown_rows, "cost is"));
        }
        text
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
        let mean = spread.mean.map(|mean| format!("mean {}, ", self.number(&mean))).unwrap_or_default();
        Some(format!("{mean}p50 {p50}, p95 {p95}, max {max}"))
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
        text
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
