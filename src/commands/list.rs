//! `flowbatch runs`: the runs below a folder.

use std::fmt::Write;
use std::path::PathBuf;

use serde_json::json;

use crate::commands::{Done, Failure, Host};
use crate::journal::{Found, Runs};
use crate::model::{Counts, RunState};

/// `runs`'s arguments.
#[derive(Clone, Debug, Default)]
pub struct ListArgs {
    /// `-o`; `runs` by default.
    pub dir: Option<PathBuf>,
    /// Only runs of this manifest.
    pub manifest: Option<String>,
    /// `--json`: one object a line.
    pub json: bool,
}

/// Lists runs, oldest first.
pub fn list(args: &ListArgs, host: &mut dyn Host) -> Result<Done, Failure> {
    let dir = args.dir.clone().unwrap_or_else(|| PathBuf::from("runs"));
    let mut output = String::new();
    let runs = Runs::below(&dir).list();
    let wanted = |found: &&Found| args.manifest.as_ref().is_none_or(|manifest| *manifest == found.manifest);
    let mut table = Vec::new();
    for found in runs.iter().filter(wanted) {
        match found.folder.read() {
            Ok(history) => {
                let state = history.into_state();
                if args.json {
                    let _ = writeln!(output, "{}", as_json(found, &state));
                } else {
                    table.push(as_cells(found, &state));
                }
            }
            Err(error) => host.say(&format!("{}: {error}", found.folder.path().display())),
        }
    }
    if !args.json {
        if table.is_empty() {
            host.say(&format!("there are no runs below {}", dir.display()));
        } else {
            output = in_columns(&table);
        }
    }
    Ok(Done::with(output))
}

fn status(found: &Found, state: &RunState) -> &'static str {
    state.status(found.folder.is_locked())
}

fn as_json(found: &Found, state: &RunState) -> serde_json::Value {
    let Counts { total, succeeded, failed, in_doubt, rejected, not_run } = state.counts();
    json!({
        "run_id": found.run_id,
        "manifest": found.manifest,
        "status": status(found, state),
        "rows": {"total": total, "succeeded": succeeded, "failed": failed, "in_doubt": in_doubt,
                 "rejected": rejected, "not_run": not_run},
        "cost": {"total": state.tally().cost, "unknown_rows": state.cost_unknown_rows()},
        "wall_ms": state.wall_ms(),
        "run_dir": found.folder.path().display().to_string(),
    })
}

const HEADS: [&str; 6] = ["RUN", "MANIFEST", "STATUS", "SUCCEEDED", "NOT", "COST"];

fn as_cells(found: &Found, state: &RunState) -> [String; 6] {
    let counts = state.counts();
    let unknown = state.cost_unknown_rows();
    let cost = state.tally().cost.to_string();
    [
        found.run_id.clone(),
        found.manifest.clone(),
        status(found, state).to_owned(),
        format!("{} of {}", counts.succeeded, counts.total),
        (counts.total - counts.succeeded).to_string(),
        if unknown > 0 { format!("{cost} + {unknown} unknown") } else { cost },
    ]
}

fn in_columns(rows: &[[String; 6]]) -> String {
    let mut widths = HEADS.map(|head| head.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let heads = HEADS.map(str::to_owned);
    let mut text = String::new();
    for row in std::iter::once(&heads).chain(rows) {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
    }
    text
}
