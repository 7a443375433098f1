//! `flowbatch plan`: renders every row, and says what a run would do. Sends nothing, and needs no secret.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;

use crate::commands::execute::cost_unit;
use crate::commands::prepare::prepare;
use crate::commands::{Done, Failure, Host, estimate};
use crate::journal::Runs;
use crate::manifest::{Overrides, Secrets};
use crate::model::{ExitCode, RowNumber};
use crate::runner::Renderer;

/// `plan`'s arguments.
#[derive(Clone, Debug, Default)]
pub struct PlanArgs {
    /// The manifest.
    pub manifest: PathBuf,
    /// `--overlay`.
    pub overlays: Vec<String>,
    /// `--set`, and the flags that stand for a key of the manifest.
    pub set: Vec<(String, String)>,
    /// `--var`.
    pub vars: Vec<(String, String)>,
    /// `--dataset`.
    pub dataset: Option<PathBuf>,
    /// `-o`.
    pub dir: Option<PathBuf>,
    /// `--json`.
    pub json: bool,
}

/// Rejected rows that are shown one by one.
const SHOWN: usize = 20;

#[derive(Default)]
struct Count {
    run: u64,
    rejected: u64,
    bytes: u64,
    by_kind: BTreeMap<String, u64>,
    first: Vec<(RowNumber, String)>,
}

/// Says what would run and what would be rejected, and what it may cost.
pub fn plan(args: &PlanArgs, host: &mut dyn Host) -> Result<Done, Failure> {
    let PlanArgs { overlays, set, vars, dataset, .. } = args.clone();
    let overrides = Overrides { overlays, set, vars, dataset, ..Overrides::default() };
    let sound = prepare(&args.manifest, &overrides, Secrets::NotNeeded, None, host)?;
    sound.warnings.iter().for_each(|warning| host.say(warning));
    let manifest = Arc::clone(&sound.manifest);
    let renderer = Renderer::new(Arc::clone(&manifest), "RUN".to_owned(), sound.schema);
    let mut count = Count::default();
    sound.dataset.read(&sound.survey.selection, &mut |item| {
        let prepared = renderer.prepare(item);
        match prepared.content {
            Ok(content) => {
                count.run += 1;
                count.bytes += content.body.len() as u64;
            }
            Err(error) => {
                count.rejected += 1;
                *count.by_kind.entry(error.kind.to_string()).or_default() += 1;
                if count.first.len() < SHOWN {
                    count.first.push((prepared.number, error.message));
                }
            }
        }
        ControlFlow::Continue(())
    })?;
    let dir = args.dir.clone().unwrap_or_else(|| manifest.output.dir.clone());
    let estimate = estimate::from_earlier(&Runs::below(dir), &manifest, count.run);
    let unit = cost_unit(&manifest);
    let output = if args.json {
        let value = json!({
            "manifest": manifest.name,
            "rows": {"dataset": sound.survey.rows, "selected": sound.survey.selection.len(),
                     "run": count.run, "rejected": count.rejected},
            "judges": sound.judges.iter().map(|judge| json!({
                "checks": judge.names, "manifest": judge.manifest.name, "rows": count.run,
            })).collect::<Vec<_>>(),
            "repeat": manifest.dataset.repeats,
            "input_bytes": count.bytes,
            "rejected": count.by_kind,
            "estimate": estimate.as_ref().map(|estimate| json!({
                "cost": estimate.cost.map(|cost| cost.normalize().to_string()),
                "unit": unit, "seconds": estimate.seconds, "from": estimate.from,
            })),
        });
        format!("{value}\n")
    } else {
        let mut text = in_words(
            &manifest.name,
            sound.survey.rows,
            &count,
            estimate.map(|estimate| estimate.in_words(&unit)),
        );
        for judge in &sound.judges {
            let _ =
                writeln!(text, "  then judged: {}, at most {}", judge.in_words(), estimate::rows(count.run));
        }
        text
    };
    // Rows that would be rejected are found here for nothing; the exit code tells a script.
    let exit = if count.rejected > 0 { ExitCode::RowsFailed } else { ExitCode::Accepted };
    Ok(Done { exit_code: exit.code(), output })
}

fn in_words(name: &str, rows: u64, count: &Count, estimate: Option<String>) -> String {
    let mut text =
        format!("{name}: {} of {rows} would run, {} would be rejected\n", count.run, count.rejected);
    let estimate = estimate.unwrap_or_else(|| "no earlier run to estimate cost and time from".to_owned());
    let _ = writeln!(text, "  {estimate}");
    let _ = writeln!(text, "  {} bytes of input in all", count.bytes);
    for (kind, count) in &count.by_kind {
        let _ = writeln!(text, "  {count} {kind}");
    }
    for (row, message) in &count.first {
        let _ = writeln!(text, "  row {row}: {message}");
    }
    if count.rejected > count.first.len() as u64 {
        let _ = writeln!(text, "  … and {} more", count.rejected - count.first.len() as u64);
    }
    text
}
