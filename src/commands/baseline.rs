//! A run as a baseline: its figures, and of each row what can be compared without showing any text.

use crate::commands::interrupt::Interrupt;
use crate::commands::{Failure, Host, derive, quoted};
use crate::gates::{Baseline, BaselineRow, Identity};
use crate::journal::RunFolder;
use crate::manifest::Secrets;
use crate::model::{RowFacts, RunEvent};
use crate::report::{ResultRow, Targets};

/// Gives the baseline's file. Writes nothing.
pub(crate) fn baseline(folder: &RunFolder, host: &dyn Host) -> Result<String, Failure> {
    let history = folder.read()?;
    let changed = history.state().changed();
    let lock = folder.lock()?.as_changed(changed);
    let manifest = derive::frozen(folder, &lock, changed, Secrets::Recorded, host)?;
    let context = derive::context(manifest, &lock.run_id, &lock);
    let mut rows = Vec::new();
    // What has no key - never begun, or too broken for one - can't be paired; its number may be another row's key.
    let with_input = !context.redact.covers_input();
    let mut each = |row: &ResultRow<'_>, facts: &RowFacts| rows.extend(kept_of(row, facts, with_input));
    let targets = Targets { each: Some(&mut each), ..Targets::default() };
    let summary = derive::summarize(context, folder, &history, targets, &Interrupt::default(), host)?;
    if !summary.complete {
        let id = quoted(folder.path());
        return Err(Failure::mistake(format!(
            "the run is not complete, so it is no baseline: `flowbatch resume {id}` finishes it"
        )));
    }
    let report = serde_json::to_value(&summary).unwrap_or_default();
    let identity = Identity {
        dataset_sha256: Some(lock.dataset.records_sha256).filter(|digest| !digest.is_empty()),
        mapping_sha256: Some(lock.mapping_sha256).filter(|digest| !digest.is_empty()),
        repeat: Some(lock.dataset.repeat.get()).filter(|times| *times > 1),
        workflow_versions: summary.versions,
    };
    Ok(Baseline::of(&report, identity).write(&rows))
}

fn kept_of(row: &ResultRow<'_>, facts: &RowFacts, with_input: bool) -> Option<BaselineRow> {
    let input_sha256 = match &facts.begun {
        Some((_, RunEvent::Intended(event))) if with_input => event.input_sha256.clone(),
        _ => None,
    };
    let (latency_ms, cost, _) = row.took();
    let verdicts = row.checks.0.iter().map(|(name, result)| (&**name, result.verdict.as_str()));
    Some(BaselineRow {
        row_key: row.row_key?.0.clone(),
        input_sha256,
        outcome: row.outcome.as_str().to_owned(),
        checks: BaselineRow::verdicts(verdicts),
        cost,
        latency_ms,
    })
}
