//! The figures of report.json that a gate may name, and what they measure.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::Repeats;

/// What a figure measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FigureKind {
    /// A share, from 0 to 1.
    Share,
    /// A number of something.
    Count,
    /// Money, in the workflow's unit.
    Cost,
    /// Milliseconds.
    Ms,
}

/// A check that gates may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownCheck {
    /// Its name.
    pub name: String,
    /// Whether it compares labels.
    pub labels: bool,
}

/// A figure that a gate names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Figure {
    /// As the gate has it.
    pub(super) written: String,
    /// Its path in report.json.
    pub(super) path: Vec<String>,
    pub(super) kind: FigureKind,
}

/// The top-level fields of report.json, and the other words of gates; no check may have the name of one.
pub const TOP_LEVEL: &[&str] = &[
    "run_id",
    "manifest",
    "description",
    "labels",
    "complete",
    "verdict",
    "coverage",
    "success_rate",
    "succeeded",
    "score",
    "rows",
    "attempts",
    "invokes",
    "polls",
    "throttled",
    "concurrency",
    "reused",
    "git",
    "judges",
    "bill",
    "cost",
    "tokens",
    "budget",
    "latency_ms",
    "latency",
    "server_ms",
    "server",
    "queue_ms",
    "queue",
    "backoff_ms",
    "backoff",
    "wall_ms",
    "wall",
    "errors",
    "groups",
    "repeat",
    "repeats",
    "checks",
    "gates",
    "baseline",
    "versions",
    "notes",
];

const TIMES: [&str; 5] = ["p50", "p90", "p95", "p99", "max"];

/// All figures that are there in every report, in the words of gates.
fn fixed() -> impl Iterator<Item = (String, FigureKind)> {
    let of = |kind, names: &'static [&'static str]| names.iter().map(move |name| ((*name).to_owned(), kind));
    let shares = of(FigureKind::Share, &["coverage", "success_rate", "score", "succeeded.baseline.p_worse"]);
    let counts = of(
        FigureKind::Count,
        &[
            "rows.total",
            "rows.succeeded",
            "rows.failed",
            "rows.in_doubt",
            "rows.rejected",
            "rows.not_run",
            "attempts",
            "invokes",
            "polls",
            "throttled",
            "cost.known_rows",
            "cost.unknown_rows",
            "tokens.total",
            "tokens.known_rows",
            "tokens.unknown_rows",
            "succeeded.baseline.rows",
            "succeeded.baseline.better",
            "succeeded.baseline.worse",
            "judges.cost.unknown_rows",
            "judges.tokens.total",
            "judges.tokens.unknown_rows",
            "judges.calls",
            "judges.errors",
            "bill.cost.unknown_rows",
            "reused.rows",
            "reused.unknown_rows",
            "reused.tokens",
        ],
    );
    let costs = of(
        FigureKind::Cost,
        &[
            "cost.total",
            "cost.per_row.mean",
            "cost.per_row.p50",
            "cost.per_row.p95",
            "cost.per_row.max",
            "judges.cost.total",
            "bill.cost.total",
            "reused.cost",
        ],
    );
    let times = ["latency", "server", "queue", "backoff"]
        .into_iter()
        .flat_map(|name| TIMES.iter().map(move |time| (format!("{name}.{time}"), FigureKind::Ms)));
    shares.chain(counts).chain(costs).chain(times).chain(of(FigureKind::Ms, &["wall"]))
}

/// Where the figures by group are.
pub(super) const GROUPS: &str = "groups";

const SHARES_OF_A_CHECK: [&str; 2] = ["pass_rate", "mean_score"];
const COUNTS_OF_A_CHECK: [&str; 5] = ["passed", "failed", "error", "skipped", "unscored"];
const SHARES_OF_LABELS: [&str; 2] = ["accuracy", "macro_f1"];
const SHARES_OF_A_CLASS: [&str; 3] = ["precision", "recall", "f1"];

/// How much the invocations of one row differ, as a share.
const SHARES_OF_REPEATS: [&str; 2] = ["repeats.cost.cv", "repeats.latency.cv"];

/// Finds the figure of a path as a gate writes it; the error names those that there are. With `repeats` rows are invoked
/// so often, and there are the figures of that.
pub(super) fn find(
    segments: &[String],
    checks: &[KnownCheck],
    groups: &[String],
    repeats: Repeats,
) -> Result<Figure, Vec<String>> {
    let written = segments.join(".");
    let words: Vec<&str> = segments.iter().map(String::as_str).collect();
    if words.first() == Some(&GROUPS) {
        let (way, kind) = of_group(&words, checks, groups)?;
        return Ok(Figure { written, path: way.into_iter().map(str::to_owned).collect(), kind });
    }
    let words = words.strip_prefix(&["checks"]).unwrap_or(&words);
    if let Some((first, rest)) = words.split_first()
        && let Some(check) = checks.iter().find(|check| check.name == *first)
    {
        let (way, kind) = of_check(check, rest, repeats)?;
        let path = ["checks", first].into_iter().chain(way).map(str::to_owned).collect();
        return Ok(Figure { written, path, kind });
    }
    let of_repeats = SHARES_OF_REPEATS.iter().filter(|_| !repeats.is_once());
    if let Some(name) = of_repeats.clone().find(|name| **name == written.replacen("latency_ms", "latency", 1))
    {
        let path = name.replace("latency", "latency_ms").split('.').map(str::to_owned).collect();
        return Ok(Figure { written, path, kind: FigureKind::Share });
    }
    if let Some((way, kind)) = of_judge(words, checks) {
        return Ok(Figure { written, path: way.into_iter().map(str::to_owned).collect(), kind });
    }
    let short = written.replacen("_ms", "", 1);
    if let Some((name, kind)) = fixed().find(|(name, _)| *name == written || *name == short) {
        return Ok(Figure { written, path: full(&name, kind), kind });
    }
    let of_checks = checks
        .iter()
        .flat_map(|check| names_of(check, repeats).into_iter().map(|name| format!("{}.{name}", check.name)));
    let of_repeats = of_repeats.map(|name| (*name).to_owned());
    Err(of_checks.chain(fixed().map(|(name, _)| name)).chain(of_repeats).collect())
}

/// Gives a figure's path in report.json, where times have `_ms` in their names, and all judges together are in the bill.
fn full(name: &str, kind: FigureKind) -> Vec<String> {
    let mut path: Vec<String> = name.split('.').map(str::to_owned).collect();
    if name.starts_with("judges.") {
        path.insert(0, "bill".to_owned());
    }
    if let (FigureKind::Ms, Some(first)) = (kind, path.first_mut()) {
        first.push_str("_ms");
    }
    path
}

/// Gives the k of `pass_at_5` and `pass_hat_5`, and the field that has it.
fn of_k(name: &str, repeats: Repeats) -> Option<(&'static str, &str)> {
    let (field, k) = name
        .strip_prefix("pass_at_")
        .map(|k| ("pass_at_k", k))
        .or_else(|| Some(("pass_hat_k", name.strip_prefix("pass_hat_")?)))?;
    repeats.steps().any(|step| step.to_string() == k).then_some((field, k))
}

fn of_check<'a>(
    check: &KnownCheck,
    rest: &[&'a str],
    repeats: Repeats,
) -> Result<(Vec<&'a str>, FigureKind), Vec<String>> {
    let rest = if check.labels { rest.strip_prefix(&["labels"]).unwrap_or(rest) } else { rest };
    match rest {
        [name] if SHARES_OF_A_CHECK.contains(name) => Ok((rest.to_vec(), FigureKind::Share)),
        [name] if COUNTS_OF_A_CHECK.contains(name) => Ok((rest.to_vec(), FigureKind::Count)),
        [name] if check.labels && SHARES_OF_LABELS.contains(name) => {
            Ok((vec!["labels", name], FigureKind::Share))
        }
        ["baseline", "rows" | "better" | "worse"] => Ok((rest.to_vec(), FigureKind::Count)),
        ["baseline", "p_worse"] => Ok((rest.to_vec(), FigureKind::Share)),
        ["classes", class, name] if check.labels && SHARES_OF_A_CLASS.contains(name) => {
            Ok((vec!["labels", "classes", class, name], FigureKind::Share))
        }
        ["repeats", "agreement"] if !repeats.is_once() => Ok((rest.to_vec(), FigureKind::Share)),
        ["repeats", "flaky_rows"] if !repeats.is_once() => Ok((rest.to_vec(), FigureKind::Count)),
        ["repeats", name] if !repeats.is_once() && of_k(name, repeats).is_some() => {
            let (field, k) = of_k(name, repeats).unwrap_or_default();
            Ok((vec!["repeats", field, k], FigureKind::Share))
        }
        _ => Err(names_of(check, repeats).into_iter().map(|name| format!("{}.{name}", check.name)).collect()),
    }
}

/// `judges.CHECK.FIGURE`, of the judge that a check asks; its cost is in its own unit.
fn of_judge<'a>(words: &[&'a str], checks: &[KnownCheck]) -> Option<(Vec<&'a str>, FigureKind)> {
    let ["judges", name, rest @ ..] = words else { return None };
    checks.iter().find(|check| check.name == *name)?;
    let kind = match rest {
        ["cost", "total"] => FigureKind::Cost,
        ["calls" | "errors" | "waiting"]
        | ["cost" | "tokens", "unknown_rows"]
        | ["tokens", "total"]
        | ["rows", "total" | "succeeded" | "failed" | "in_doubt" | "rejected" | "not_run"] => {
            FigureKind::Count
        }
        _ => return None,
    };
    Some((words.to_vec(), kind))
}

/// `groups.BY.VALUE.FIGURE`, of one value of a `report.group_by`.
fn of_group<'a>(
    words: &[&'a str],
    checks: &[KnownCheck],
    groups: &[String],
) -> Result<(Vec<&'a str>, FigureKind), Vec<String>> {
    let known = || {
        let of = |by: &String| {
            let figures = ["success_rate", "rows", "cost.total", "latency.p95"].map(str::to_owned);
            let rates = checks.iter().map(|check| format!("{}.pass_rate", check.name));
            let figures: Vec<_> = figures.into_iter().chain(rates).collect();
            figures.into_iter().map(|figure| format!("{GROUPS}.{by}.VALUE.{figure}")).collect::<Vec<_>>()
        };
        groups.iter().flat_map(of).collect()
    };
    let [root, by, value, rest @ ..] = words else { return Err(known()) };
    if !groups.iter().any(|group| group == by) {
        return Err(known());
    }
    let rest = rest.strip_prefix(&["checks"]).unwrap_or(rest);
    let (way, kind) = match rest {
        ["rows" | "succeeded"] | ["cost" | "tokens", "unknown_rows"] | ["tokens", "total"] => {
            (rest.to_vec(), FigureKind::Count)
        }
        ["success_rate"] => (rest.to_vec(), FigureKind::Share),
        ["cost", "total"] => (rest.to_vec(), FigureKind::Cost),
        ["latency" | "latency_ms", time] if TIMES.contains(time) => {
            (vec!["latency_ms", time], FigureKind::Ms)
        }
        [name, figure] if checks.iter().any(|check| check.name == *name) => match *figure {
            "pass_rate" => (vec!["checks", name, figure], FigureKind::Share),
            "passed" | "failed" | "error" => (vec!["checks", name, figure], FigureKind::Count),
            _ => return Err(known()),
        },
        _ => return Err(known()),
    };
    Ok(([*root, *by, *value].into_iter().chain(way).collect(), kind))
}

fn names_of(check: &KnownCheck, repeats: Repeats) -> Vec<String> {
    let mut names: Vec<String> =
        SHARES_OF_A_CHECK.iter().chain(&COUNTS_OF_A_CHECK).map(|name| (*name).to_owned()).collect();
    names.extend(["rows", "better", "worse", "p_worse"].map(|name| format!("baseline.{name}")));
    if check.labels {
        names.extend(SHARES_OF_LABELS.iter().map(|name| (*name).to_owned()));
        names.extend(SHARES_OF_A_CLASS.iter().map(|name| format!("classes.LABEL.{name}")));
    }
    if !repeats.is_once() {
        names.extend(["repeats.agreement".to_owned(), "repeats.flaky_rows".to_owned()]);
        names.extend(repeats.steps().map(|k| format!("repeats.pass_at_{k}")));
        names.extend(repeats.steps().map(|k| format!("repeats.pass_hat_{k}")));
    }
    names
}

/// Walks down a report; an element of a list is found by its `label`, and a group by its name and its value.
pub(super) fn lookup<'a>(report: &'a Value, path: &[String]) -> Option<&'a Value> {
    let Some((step, rest)) = path.split_first() else { return Some(report) };
    let (found, rest) = match report {
        Value::Object(members) => (members.get(step), rest),
        Value::Array(items) if items.iter().any(|item| item.get("by").is_some()) => {
            let (value, rest) = rest.split_first()?;
            let is_it = |item: &&Value| item["by"] == step.as_str() && item["value"] == value.as_str();
            (items.iter().find(is_it), rest)
        }
        Value::Array(items) => (items.iter().find(|item| item["label"] == step.as_str()), rest),
        _ => (None, rest),
    };
    lookup(found?, rest)
}
