//! What the journal knows of rows in doubt that have no run id, and whose run a run id is.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use crate::journal::{Error, replay, replay_brief};
use crate::model::{Json, RowKey, RowNumber, RowSet, RunEvent};

/// A row of which an execution may be found in the provider's run log.
#[derive(Clone, Debug)]
pub struct Lost {
    /// The row.
    pub row: RowNumber,
    /// Its key.
    pub key: Option<RowKey>,
    /// Its record as read.
    pub record: Json,
    /// Its rendered input; files stand in it as `{file, format, bytes, sha256}`.
    pub input: Json,
    /// The wall clock of its first intent and of its last one, in ms since 1970.
    pub sent_ms: (u64, u64),
}

/// Reads what is known of some rows; those that the journal holds no input of are left out.
pub fn lost(journal: &Path, rows: &RowSet) -> Result<Vec<Lost>, Error> {
    let mut found: BTreeMap<RowNumber, Lost> = BTreeMap::new();
    replay(journal, |_, entry| {
        let RunEvent::Intended(event) = entry.event else { return Ok(()) };
        if !rows.contains(event.row) {
            return Ok(());
        }
        if let Some(lost) = found.get_mut(&event.row) {
            lost.sent_ms.1 = lost.sent_ms.1.max(entry.t_ms);
        } else if let (Some(record), Some(input)) = (event.record, event.input) {
            let sent_ms = (entry.t_ms, entry.t_ms);
            let (row, key) = (event.row, event.key);
            found.insert(row, Lost { row, key, record, input, sent_ms });
        }
        Ok(())
    })?;
    Ok(found.into_values().collect())
}

/// Finds the rows whose runs the journal says some run ids are.
pub fn owners(journal: &Path, run_ids: &BTreeSet<String>) -> Result<HashMap<String, RowNumber>, Error> {
    let mut owners = HashMap::new();
    if run_ids.is_empty() {
        return Ok(owners);
    }
    replay_brief(journal, |_, entry| {
        let (row, run_id) = match entry.event {
            RunEvent::Attached(event) => (event.row, Some(event.workflow_run_id)),
            RunEvent::Answered(event) => (event.row, event.workflow_run_id),
            RunEvent::Settled(event) => (event.row, Some(event.workflow_run_id)),
            _ => return Ok(()),
        };
        if let Some(run_id) = run_id.filter(|run_id| run_ids.contains(run_id)) {
            owners.insert(run_id, row);
        }
        Ok(())
    })?;
    Ok(owners)
}
