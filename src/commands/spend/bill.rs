//! The lines of a bill: what runs add up to, and how that is shown.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::audit::Sum;
use crate::commands::spend::SpendBy;
use crate::commands::spend::period::Period;

/// What runs have cost, of one unit and one currency. Sums that are none can't be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) unit: String,
    /// Of `money`; none without a price.
    pub(super) currency: Option<String>,
    pub(super) runs: u64,
    /// Of the runs, those on which a process works: they are counted as far as they have come.
    pub(super) alive: u64,
    pub(super) rows: u64,
    pub(super) cost: Option<Sum>,
    /// Of the cost, that of rows that failed.
    pub(super) failed: Option<Sum>,
    pub(super) in_doubt_rows: u64,
    /// What they may have cost on top.
    pub(super) in_doubt: Option<Sum>,
    /// What judges cost on top.
    pub(super) judges: Option<Sum>,
    /// Rows, those of judges included, with an execution whose cost is not known.
    pub(super) unknown_rows: u64,
    /// What the cost is worth.
    pub(super) money: Option<Sum>,
}

impl Line {
    fn add(&mut self, other: &Self) {
        let plus = |one: Option<Sum>, other: Option<Sum>| one?.plus(other?);
        self.runs += other.runs;
        self.alive += other.alive;
        self.rows += other.rows;
        self.cost = plus(self.cost, other.cost);
        self.failed = plus(self.failed, other.failed);
        self.in_doubt_rows += other.in_doubt_rows;
        self.in_doubt = plus(self.in_doubt, other.in_doubt);
        self.judges = plus(self.judges, other.judges);
        self.unknown_rows += other.unknown_rows;
        self.money = plus(self.money, other.money);
    }
}

/// Of which unit and currency.
type Kind = (String, Option<String>);

/// All lines.
#[derive(Debug, Default)]
pub(super) struct Bill {
    lines: BTreeMap<(String, Kind), Line>,
    totals: BTreeMap<Kind, Line>,
    /// Runs that could not be read.
    pub(super) unreadable: u64,
}

const HEADS: [&str; 10] =
    ["RUNS", "ROWS", "COST", "FAILED", "IN DOUBT", "JUDGES", "UNKNOWN", "UNIT", "WORTH", ""];

impl Bill {
    pub(super) fn add(&mut self, of: &str, line: &Line) {
        let kind = (line.unit.clone(), line.currency.clone());
        let key = (of.to_owned(), kind.clone());
        self.lines.entry(key).and_modify(|lines| lines.add(line)).or_insert_with(|| line.clone());
        self.totals.entry(kind).and_modify(|total| total.add(line)).or_insert_with(|| line.clone());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    fn all(&self) -> impl Iterator<Item = (&str, &Line)> {
        let lines = self.lines.iter().map(|((of, _), line)| (of.as_str(), line));
        lines.chain(self.totals.values().map(|line| ("total", line)))
    }

    pub(super) fn as_text(&self, by: &SpendBy) -> String {
        if self.is_empty() {
            return String::new();
        }
        let mut table = vec![
            std::iter::once(by.word().to_uppercase()).chain(HEADS.map(str::to_owned)).collect::<Vec<_>>(),
        ];
        for (of, line) in self.all() {
            let told = |sum: Option<Sum>| sum.map_or("?".to_owned(), |sum| sum.to_string());
            let in_doubt = match (line.in_doubt_rows, line.in_doubt) {
                (0, _) => "0".to_owned(),
                (rows, Some(bound)) => format!("{rows} rows, up to {bound}"),
                (rows, None) => format!("{rows} rows"),
            };
            let worth = match (&line.currency, line.money) {
                (Some(currency), Some(money)) => format!("{money} {currency}"),
                _ => String::new(),
            };
            let alive = if line.alive > 0 { format!("{} still running", line.alive) } else { String::new() };
            table.push(vec![
                of.to_owned(),
                line.runs.to_string(),
                line.rows.to_string(),
                told(line.cost),
                told(line.failed),
                in_doubt,
                told(line.judges),
                line.unknown_rows.to_string(),
                line.unit.clone(),
                worth,
                alive,
            ]);
        }
        let width = |at: usize| table.iter().map(|cells| cells[at].chars().count()).max().unwrap_or(0);
        let widths: Vec<_> = (0..=HEADS.len()).map(width).collect();
        let mut text = String::new();
        for cells in &table {
            let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            let _ = writeln!(text, "{}", padded.collect::<Vec<_>>().join("  ").trim_end());
        }
        text
    }

    pub(super) fn as_csv(&self, by: &SpendBy) -> String {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        let heads = [
            &by.word(),
            "unit",
            "runs",
            "still_running",
            "rows",
            "cost",
            "failed",
            "in_doubt_rows",
            "in_doubt_at_most",
            "judges",
            "unknown_rows",
            "worth",
            "currency",
        ];
        // Writing into memory does not fail.
        let _ = writer.write_record(heads);
        let told = |sum: Option<Sum>| sum.map_or(String::new(), |sum| sum.to_string());
        // Totals are left to whoever adds up the column.
        for ((of, _), line) in &self.lines {
            let _ = writer.write_record([
                of.clone(),
                line.unit.clone(),
                line.runs.to_string(),
                line.alive.to_string(),
                line.rows.to_string(),
                told(line.cost),
                told(line.failed),
                line.in_doubt_rows.to_string(),
                told(line.in_doubt),
                told(line.judges),
                line.unknown_rows.to_string(),
                told(line.money),
                line.currency.clone().unwrap_or_default(),
            ]);
        }
        String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
    }

    pub(super) fn as_json(&self, by: &SpendBy, period: &Period) -> String {
        let told = |sum: Option<Sum>| sum.map(|sum| sum.to_string());
        let entry = |line: &Line| {
            json!({
                "unit": line.unit,
                "runs": line.runs,
                "still_running": line.alive,
                "rows": line.rows,
                "cost": told(line.cost),
                "failed": told(line.failed),
                "in_doubt": {"rows": line.in_doubt_rows, "at_most": told(line.in_doubt)},
                "judges": told(line.judges),
                "unknown_rows": line.unknown_rows,
                "money": line.money.map(|money| json!({"amount": money.to_string(), "currency": line.currency})),
            })
        };
        let lines = self.lines.iter().map(|((of, _), line)| {
            let mut entry = entry(line);
            entry["of"] = json!(of);
            entry
        });
        let value = json!({
            "by": by.word(),
            "since": period.since.map(|at| at.to_string()),
            "until": period.until.map(|at| at.to_string()),
            "lines": lines.collect::<Vec<Value>>(),
            "totals": self.totals.values().map(entry).collect::<Vec<Value>>(),
            "unreadable": self.unreadable,
        });
        format!("{value}\n")
    }
}
