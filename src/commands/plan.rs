//! `flowbatch plan`: renders every row, and says what a run would do. Sends nothing, and needs no secret.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;

use crate::commands::earlier::{Earlier, Match};
use crate::commands::execute::cost_unit;
use crate::commands::prepare::{Sound, prepare};
use crate::commands::{Done, Failure, Host, estimate, reuse};
use crate::journal::Runs;
use crate::manifest::{Overrides, Secrets};
use crate::model::{Cost, ExitCode, RowNumber};
use crate::report;
use crate::runner::Renderer;

/// `plan`'s arguments.
#[derive(Clone, Debug, Default)]
pub struct PlanArgs {
    /// The manifest.
    pub manifest: PathBuf,
    /// `--set`, and the flags that stand for a key of the manifest.
    pub set: Vec<(String, String)>,
    /// `--var`.
    pub vars: Vec<(String, String)>,
    /// `--dataset`.
    pub dataset: Option<PathBuf>,
    /// `--reuse`.
    pub reuse: Option<String>,
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
    /// What an earlier run has, when results are reused.
    reuse: Option<ReuseCount>,
}

#[derive(Default)]
struct ReuseCount {
    from: String,
    reused: u64,
    /// What they cost then, as far as it is known.
    cost: Cost,
    added: u64,
    changed: BTreeMap<&'static str, u64>,
    removed: u64,
}

impl ReuseCount {
    /// Counts a row, and says whether it would be sent.
    fn add(&mut self, found: &Match) -> bool {
        match found {
            Match::Taken(reused) => {
                self.reused += 1;
                let cost = reused.cost.and_then(|cost| self.cost.checked_add(cost));
                self.cost = cost.unwrap_or(self.cost);
                return false;
            }
            Match::Changed(why) => *self.changed.entry(*why).or_default() += 1,
            Match::Added => self.added += 1,
        }
        true
    }
}

/// Renders every row, and counts what would become of it.
fn count(args: &PlanArgs, sound: &Sound, runs: &Runs, host: &mut dyn Host) -> Result<Count, Failure> {
    let renderer = Renderer::new(Arc::clone(&sound.manifest), "RUN".to_owned(), sound.schema.clone());
    let source = reuse::find(sound, args.reuse.as_deref(), runs, host)?;
    let mut earlier =
        source.map(|source| Earlier::open(&source, sound, host).map(|earlier| (source, earlier)));
    let mut earlier = earlier.take().transpose()?;
    let mut count = Count::default();
    let mut reuse = ReuseCount::default();
    let mut failed = None;
    sound.dataset.read(&sound.survey.selection, &mut |item| {
        let prepared = renderer.prepare(item);
        let found = earlier.as_mut().map(|(_, earlier)| earlier.look(&prepared)).transpose();
        let found = match found {
            Ok(found) => found,
            Err(failure) => {
                failed = Some(failure);
                return ControlFlow::Break(());
            }
        };
        match prepared.content {
            Ok(content) => {
                if found.is_none_or(|found| reuse.add(&found)) {
                    count.run += 1;
                    count.bytes += content.body.len() as u64;
                }
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
    failed.map_or(Ok(()), Err)?;
    if let Some((source, earlier)) = earlier {
        count.reuse = Some(ReuseCount { from: source.run_id, removed: earlier.removed(), ..reuse });
    }
    Ok(count)
}

/// Says what would run and what would be rejected, and what it may cost.
pub fn plan(args: &PlanArgs, host: &mut dyn Host) -> Result<Done, Failure> {
    let PlanArgs { set, vars, dataset, .. } = args.clone();
    let overrides = Overrides { set, vars, dataset, ..Overrides::default() };
    let sound = prepare(&args.manifest, &overrides, Secrets::NotNeeded, None, host)?;
    sound.warnings.iter().for_each(|warning| host.say(warning));
    let manifest = Arc::clone(&sound.manifest);
    let runs = Runs::below(args.dir.clone().unwrap_or_else(|| manifest.output.dir.clone()));
    let count = count(args, &sound, &runs, host)?;
    let estimate = estimate::from_earlier(&runs, &manifest, count.run);
    let unit = cost_unit(&manifest);
    let budget = estimate
        .as_ref()
        .and_then(|estimate| estimate.stopped_by(manifest.limits.budget.as_ref()?, count.run));
    let output = if args.json {
        let value = json!({
            "manifest": manifest.name,
            "rows": {"dataset": sound.survey.rows, "selected": sound.survey.selection.len(),
                     "run": count.run, "rejected": count.rejected},
            "judges": sound.judges.iter().map(|judge| json!({
                "checks": judge.names, "manifest": judge.manifest.name, "rows": count.run,
            })).collect::<Vec<_>>(),
            "repeat": manifest.dataset.repeats,
            "reuse": count.reuse.as_ref().map(|reuse| json!({
                "from": reuse.from, "reused": reuse.reused, "added": reuse.added,
                "changed": reuse.changed.values().sum::<u64>(), "reasons": reuse.changed,
                "removed": reuse.removed, "cost_then": reuse.cost.to_string(),
            })),
            "input_bytes": count.bytes,
            "rejected": count.by_kind,
            "estimate": estimate.as_ref().map(|estimate| json!({
                "cost": estimate.cost.map(|cost| cost.normalize().to_string()),
                "cost_range": estimate.cost_range.map(|(low, high)| [low, high].map(|cost| cost.normalize().to_string())),
                "unit": unit, "seconds": estimate.seconds, "seconds_range": estimate.seconds_range,
                "from": estimate.from, "runs": estimate.runs,
            })),
            "budget_stops_after": budget,
        });
        format!("{value}\n")
    } else {
        let mut text = in_words(
            &manifest.name,
            sound.survey.rows,
            &count,
            estimate.map(|estimate| estimate.in_words(&unit)),
            &unit,
        );
        if let Some(rows) = budget {
            let _ = writeln!(text, "  the budget would stop it after about {}", estimate::rows(rows));
        }
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

fn in_words(name: &str, rows: u64, count: &Count, estimate: Option<String>, unit: &str) -> String {
    let mut text = format!("{name}: {} of {rows} would run", count.run);
    if let Some(reuse) = &count.reuse {
        let _ = write!(text, ", {} would be reused", reuse.reused);
    }
    let _ = writeln!(text, ", {} would be rejected", count.rejected);
    if let Some(reuse) = &count.reuse {
        let cost = reuse.cost.to_string();
        let _ = writeln!(
            text,
            "  reused from run {}, where they cost {cost} {}; of the others {} are new",
            reuse.from,
            report::unit(&cost, unit),
            reuse.added,
        );
        for (why, count) in &reuse.changed {
            let _ = writeln!(text, "  {count} changed: {why}");
        }
        if reuse.removed > 0 {
            let _ = writeln!(text, "  {} of that run are gone", estimate::rows(reuse.removed));
        }
    }
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
