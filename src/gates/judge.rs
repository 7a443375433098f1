//! Whether a gate holds, by how much, and if that can't be told, why.

use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::gates::Baseline;
use crate::gates::figures::{Figure, FigureKind, GROUPS, lookup};
use crate::mapping::decimal;
use crate::mapping::expression::{Comparison, exact_sum};
use crate::stats::{Interval, wilson};

/// A condition on a run's figures.
#[derive(Clone, Debug)]
pub struct Gate {
    pub(super) source: String,
    pub(super) kind: FigureKind,
    pub(super) left: Sum,
    pub(super) comparison: Comparison,
    pub(super) right: Sum,
}

/// What is added up, and whether it is taken off.
pub(super) type Sum = Vec<(bool, Term)>;

#[derive(Clone, Debug)]
pub(super) enum Term {
    Number(Decimal),
    Figure(Figure),
    /// The same figure of the baseline.
    Baseline(Figure),
    /// A share of the sum's first term.
    ShareOfFirst(Decimal),
}

/// What a gate says of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateResult {
    /// The gate, as written.
    pub gate: String,
    /// What is measured: `share`, `count`, `cost` or `ms`.
    pub unit: FigureKind,
    /// The figure; a cost is an exact decimal in a string, all else a number. Null when it can't be told.
    pub value: Value,
    /// What it is held against.
    pub bound: Value,
    /// How far the figure is on the right side of the bound; below zero, by how much it fails.
    pub margin: Value,
    /// Whether it holds; null while the run is not complete.
    pub passed: Option<bool>,
    /// Why it could not be told, or what a reader should know of it.
    pub reason: Option<String>,
}

/// How the reason of a gate begins that could not be told.
const UNDECIDED: &str = "undecided: ";

impl GateResult {
    /// Says whether it could not be told whether the gate holds: then it is not shown to hold, and does not.
    pub fn is_undecided(&self) -> bool {
        self.reason.as_ref().is_some_and(|reason| reason.starts_with(UNDECIDED))
    }
}

impl Comparison {
    /// Gives the comparison that holds when the sides are changed.
    pub(super) fn turned(self) -> Self {
        match self {
            Self::Less => Self::More,
            Self::AtMost => Self::AtLeast,
            Self::More => Self::Less,
            Self::AtLeast => Self::AtMost,
            same => same,
        }
    }

    fn margin(self, value: Decimal, bound: Decimal) -> Option<Decimal> {
        let ahead = value.checked_sub(bound)?;
        Some(match self {
            Self::Equal => -ahead.abs(),
            Self::Unequal => ahead.abs(),
            Self::Less | Self::AtMost => -ahead,
            Self::More | Self::AtLeast => ahead,
        })
    }
}

impl Gate {
    /// Gives the text it was read from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Judges a report. A gate whose figures are not all known has not been shown to hold, and fails; nothing is judged
    /// while the run is not complete.
    pub fn judge(&self, report: &Value, baseline: Option<&Baseline>, complete: bool) -> GateResult {
        let value = total(&self.left, report, baseline);
        let bound = total(&self.right, report, baseline);
        let write = |number: Option<Decimal>| number.map_or(Value::Null, |number| self.write(number));
        let mut result = GateResult {
            gate: self.source.clone(),
            unit: self.kind,
            value: write(value.as_ref().ok().copied()),
            bound: write(bound.as_ref().ok().copied()),
            margin: Value::Null,
            passed: complete.then_some(false),
            reason: None,
        };
        match (value, bound) {
            (Ok(value), Ok(bound)) => {
                result.margin = write(self.comparison.margin(value, bound));
                let mut terms = self.left.iter().chain(&self.right);
                let unknown = terms.find_map(|(_, term)| match term {
                    Term::Figure(figure) => unknown(figure, report),
                    Term::Baseline(figure) => unknown(figure, &baseline?.figures)
                        .map(|unknown| format!("in the baseline, {unknown}")),
                    Term::Number(_) | Term::ShareOfFirst(_) => None,
                });
                if let Some(unknown) = unknown {
                    result.reason = Some(format!("{UNDECIDED}{unknown}"));
                } else {
                    result.passed = complete.then(|| self.comparison.holds(value.cmp(&bound)));
                    result.reason = self.doubt(report, value, bound);
                }
            }
            (Err(why), _) | (_, Err(why)) => result.reason = Some(format!("{UNDECIDED}{why}")),
        }
        if !complete {
            result.reason = Some("the run is not complete".to_owned());
        }
        result
    }

    fn write(&self, number: Decimal) -> Value {
        let text = number.normalize().to_string();
        match self.kind {
            FigureKind::Cost => Value::String(text),
            _ => serde_json::from_str(&text).unwrap_or(Value::Null),
        }
    }

    /// Says that a rate stands on too few rows to be told from its bound, or that rows are missing in it.
    fn doubt(&self, report: &Value, value: Decimal, bound: Decimal) -> Option<String> {
        let [(_, Term::Figure(figure))] = self.left.as_slice() else { return None };
        let (what, way) = figure.path.split_last()?;
        if what != "pass_rate" {
            return None;
        }
        let check = lookup(report, way)?;
        let count = |name: &str| check[name].as_u64().unwrap_or(0);
        let rows = check["repeats"]["rows"].as_u64();
        let rows = rows.unwrap_or_else(|| count("passed") + count("failed") + count("error"));
        let interval = match check.get("pass_rate_interval") {
            Some(known) => serde_json::from_value(known.clone()).ok()?,
            // The answers to one row are no independent trials, and a group does not say how many rows it has of them.
            None if report.get("repeats").is_some_and(|repeats| !repeats.is_null()) => return None,
            None => <[f64; 2]>::from(wilson(count("passed"), rows, Interval::CONFIDENCE)?),
        };
        let [low, high] = [Decimal::from_f64(interval[0])?, Decimal::from_f64(interval[1])?];
        let beyond = if value >= bound { low < bound } else { high >= bound };
        beyond.then(|| {
            let percent = |share: Decimal| (share * Decimal::ONE_HUNDRED).round_dp(1).normalize();
            format!(
                "too few rows to be sure: over {rows} rows, the 95% interval is {}% to {}%",
                percent(low),
                percent(high)
            )
        })
    }
}

/// Adds up; the error says which figure has no value.
fn total(sum: &Sum, report: &Value, baseline: Option<&Baseline>) -> Result<Decimal, String> {
    let mut total = Decimal::ZERO;
    let mut first = None;
    for (negative, term) in sum {
        let value = match term {
            Term::Number(number) => Some(*number),
            Term::Figure(figure) => Some(read(report, figure)?),
            Term::Baseline(figure) => {
                let Some(baseline) = baseline else {
                    return Err("the baseline's file is not there".to_owned());
                };
                Some(read(&baseline.figures, figure).map_err(|why| format!("in the baseline, {why}"))?)
            }
            Term::ShareOfFirst(share) => first.and_then(|first: Decimal| first.checked_mul(*share)),
        };
        let sum = value.and_then(|value| {
            first.get_or_insert(value);
            exact_sum(total, if *negative { -value } else { value })
        });
        total = sum.ok_or("its numbers are too large to be kept exactly")?;
    }
    Ok(total)
}

fn read(report: &Value, figure: &Figure) -> Result<Decimal, String> {
    let value = match lookup(report, &figure.path) {
        Some(Value::String(text)) => decimal(text),
        // A chance may be as small as a float can be.
        Some(Value::Number(number)) => {
            decimal(&number.to_string()).or_else(|| Decimal::from_f64(number.as_f64()?))
        }
        found => {
            let why = match (found, figure.path.first().map(String::as_str)) {
                (Some(_), Some("bill")) => {
                    "judges cost in another unit than the run, or it has more digits than can be kept"
                }
                _ => "for want of rows that have it",
            };
            return Err(format!("`{}` has no value: {why}", figure.written));
        }
    };
    value.ok_or_else(|| format!("`{}` has more digits than can be kept exactly", figure.written))
}

/// Says whether a figure of costs or tokens leaves rows out whose own are not known.
fn unknown(figure: &Figure, report: &Value) -> Option<String> {
    // Subtle: a group, or what it is a group by, may be called `cost`.
    let path: Vec<&str> = figure.path.iter().map(String::as_str).collect();
    let way = match path.as_slice() {
        [GROUPS, ..] => 3,
        ["bill", "judges", ..] | ["judges", ..] => 2,
        ["bill", ..] => 1,
        _ => 0,
    };
    // How many rows are known or not is itself known.
    let (what, sums) = match path.get(way..)? {
        [what @ ("cost" | "tokens"), "total" | "per_row", ..] => {
            (*what, lookup(report, &figure.path[..=way])?)
        }
        ["reused", "cost"] => ("cost", report.get("reused")?),
        ["repeats", "cost", ..] => ("cost", report.get("cost")?),
        _ => return None,
    };
    let rows = sums["unknown_rows"].as_u64().filter(|rows| *rows > 0)?;
    let (rows, are) = if rows == 1 { ("1 row".to_owned(), "is") } else { (format!("{rows} rows"), "are") };
    let are = if what == "cost" { "is" } else { are };
    Some(format!("the {what} of {rows} {are} not known"))
}
