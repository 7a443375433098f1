//! The figures of report.json against the rows of results.jsonl and the events of the journal, added up once more.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};

use serde::Deserialize;
use serde_json::Value;

use crate::audit::{Audited, Finding, Sum};
use crate::commands::Failure;
use crate::commands::verify::Verified;
use crate::journal::RunFolder;

/// Of a row, what is added up.
#[derive(Deserialize)]
struct Row {
    outcome: String,
    cost: Option<String>,
    tokens: Option<u64>,
}

/// What rows add up to.
#[derive(Default)]
struct Rows {
    outcomes: std::collections::BTreeMap<String, u64>,
    cost: Sum,
    tokens: u128,
    /// Rows without a cost, and without a token count.
    without: [u64; 2],
    unreadable: bool,
}

/// Compares the totals. Files that are missing or behind the journal are told of elsewhere.
pub(super) fn compare(
    folder: &RunFolder,
    prefix: &str,
    audited: &Audited,
    verified: &mut Verified,
) -> Result<(), Failure> {
    let path = folder.file("report.json");
    let Some(report) = fs::read(&path).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok())
    else {
        return Ok(());
    };
    if !audited.state.is_closed() {
        return Ok(());
    }
    let mut wrong = Vec::new();
    let total = report["cost"]["total"].as_str().and_then(Sum::read);
    if total != audited.cost {
        let sum = audited.cost.map_or("more than can be added".to_owned(), |sum| sum.to_string());
        wrong.push(format!(
            "`cost.total` is {}, and the journal's costs come to {sum}",
            report["cost"]["total"]
        ));
    }
    if report["tokens"]["total"].as_u64().map(u128::from) != Some(audited.tokens) {
        let (said, sum) = (&report["tokens"]["total"], audited.tokens);
        wrong.push(format!("`tokens.total` is {said}, and the journal's tokens come to {sum}"));
    }
    let results = folder.file("results.jsonl");
    if results.is_file() {
        let rows = add_up(&results)?;
        wrong.extend(rows.against(&report));
    }
    let file = format!("{prefix}report.json");
    verified.findings.extend(wrong.into_iter().map(|what| Finding::of(file.clone(), what)));
    Ok(())
}

fn add_up(results: &std::path::Path) -> Result<Rows, Failure> {
    let mut rows = Rows::default();
    for line in BufReader::new(File::open(results).map_err(Failure::disk(results))?).split(b'\n') {
        let line = line.map_err(Failure::disk(results))?;
        let Ok(row) = serde_json::from_slice::<Row>(&line) else {
            rows.unreadable = true;
            continue;
        };
        *rows.outcomes.entry(row.outcome).or_default() += 1;
        rows.without[0] += u64::from(row.cost.is_none());
        rows.without[1] += u64::from(row.tokens.is_none());
        let cost = row.cost.as_deref().map_or(Some(Sum::default()), Sum::read);
        match cost.and_then(|cost| rows.cost.plus(cost)) {
            Some(sum) => rows.cost = sum,
            None => rows.unreadable = true,
        }
        rows.tokens += u128::from(row.tokens.unwrap_or_default());
    }
    Ok(rows)
}

impl Rows {
    fn against(&self, report: &Value) -> Vec<String> {
        if self.unreadable {
            return vec![
                "results.jsonl has lines that are no rows, so its rows can't be added up".to_owned(),
            ];
        }
        let mut wrong = Vec::new();
        let mut all = 0;
        for outcome in ["succeeded", "failed", "in_doubt", "rejected", "not_run"] {
            let rows = self.outcomes.get(outcome).copied().unwrap_or_default();
            all += rows;
            let said = &report["rows"][outcome];
            if said.as_u64() != Some(rows) {
                wrong.push(format!("`rows.{outcome}` is {said}, and results.jsonl has {rows}"));
            }
        }
        if report["rows"]["total"].as_u64() != Some(all) {
            wrong.push(format!("`rows.total` is {}, and results.jsonl has {all}", report["rows"]["total"]));
        }
        // A row of unknown cost may have earlier executions whose cost is known, and in the total.
        if report["cost"]["unknown_rows"].as_u64() == Some(0)
            && report["cost"]["total"].as_str().and_then(Sum::read) != Some(self.cost)
        {
            let said = &report["cost"]["total"];
            wrong
                .push(format!("`cost.total` is {said}, and the rows of results.jsonl come to {}", self.cost));
        }
        if report["tokens"]["unknown_rows"].as_u64() == Some(0)
            && report["tokens"]["total"].as_u64().map(u128::from) != Some(self.tokens)
        {
            let said = &report["tokens"]["total"];
            wrong.push(format!(
                "`tokens.total` is {said}, and the rows of results.jsonl come to {}",
                self.tokens
            ));
        }
        wrong
    }
}
