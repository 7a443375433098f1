//! Looks in the provider's run log for rows whose replies were lost, so that they need not stay in doubt.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use futures::{StreamExt, stream};
use jiff::Timestamp;

use crate::journal::{self, Lost};
use crate::model::{Record, Row, RowKey, RowNumber, RowSet, row_tag};
use crate::reply::LogEntry;
use crate::runner::Renderer;
use crate::runner::reconcile::{matched, unowned};
use crate::workflow::{LogQuery, Workflow};

/// How far the provider's clock may be from ours.
const CLOCKS_APART: Duration = Duration::from_secs(600);
/// How many requests for the log are on the wire at once: they are free, and no reason to hurry.
const AT_ONCE: usize = 4;

/// How long a search may take: rows wait for it.
const LONGEST: Duration = Duration::from_secs(60);

/// What a search needs.
#[derive(Debug)]
pub struct Recovery {
    /// The journal, which holds the rows' inputs.
    pub journal: PathBuf,
    /// Says what `userId` each row carried.
    pub renderer: Renderer,
    /// Our own id of the run.
    pub run_id: String,
}

/// Searches the run log for the runs of rows in doubt, and gives those that were found. A log that can't be read finds
/// nothing, and is no reason to end a run.
pub(crate) async fn search<W: Workflow>(
    workflow: &W,
    recovery: &Recovery,
    rows: RowSet,
) -> Vec<(RowNumber, String)> {
    match try_search(workflow, recovery, rows).await {
        Ok(found) => found,
        Err(why) => {
            let told =
                "the provider's run log could not be searched; rows whose replies were lost stay in doubt";
            tracing::warn!(why, "{told}");
            Vec::new()
        }
    }
}

async fn try_search<W: Workflow>(
    workflow: &W,
    recovery: &Recovery,
    rows: RowSet,
) -> Result<Vec<(RowNumber, String)>, String> {
    let (logged, owners) = read_log(workflow, recovery, rows).await?;
    let found = matched(&logged, &owners);
    tracing::info!(searched = logged.len(), found = found.len(), "the provider's run log was searched");
    Ok(found)
}

/// Finds the runs of executions that no answer told of: rows sent again since, which have another run for their own.
/// Gives, for each row, all entries of the log that are its, and known of no row.
pub async fn untold<W: Workflow>(
    workflow: &W,
    recovery: &Recovery,
    rows: RowSet,
) -> Result<Vec<(RowNumber, Vec<String>)>, String> {
    let (logged, owners) = read_log(workflow, recovery, rows).await?;
    Ok(unowned(&logged, &owners))
}

/// The log's entries for each row, and whose runs the journal says they are.
type Log = (Vec<(Lost, Vec<LogEntry>)>, HashMap<String, RowNumber>);

async fn read_log<W: Workflow>(workflow: &W, recovery: &Recovery, rows: RowSet) -> Result<Log, String> {
    let journal = recovery.journal.clone();
    let lost = blocking(move || journal::lost(&journal, &rows)).await?;
    let asked = lost.into_iter().filter_map(|lost| Some((recovery.query(&lost)?, lost)));
    let mut logged = Vec::new();
    let mut answers = pin!(
        stream::iter(asked)
            .map(|(query, lost)| async move { (lost, workflow.run_log(&query).await) })
            .buffered(AT_ONCE)
            .take_until(tokio::time::sleep(LONGEST))
    );
    while let Some((lost, entries)) = answers.next().await {
        match entries {
            Ok(entries) => logged.push((lost, entries)),
            // What was told before still holds.
            Err(error) if !logged.is_empty() => {
                tracing::warn!(
                    why = error.message,
                    "the provider's run log could not be searched for all rows"
                );
                break;
            }
            Err(error) => return Err(error.message),
        }
    }
    let ids: BTreeSet<_> =
        logged.iter().flat_map(|(_, entries)| entries).map(|entry| entry.workflow_run_id.clone()).collect();
    let journal = recovery.journal.clone();
    let owners = blocking(move || journal::owners(&journal, &ids)).await?;
    Ok((logged, owners))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, journal::Error> + Send + 'static,
) -> Result<T, String> {
    let joined = tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())?;
    joined.map_err(|error| error.to_string())
}

impl Recovery {
    /// Gives what is asked of the log for a row; none when its entry could not be told from others.
    fn query(&self, lost: &Lost) -> Option<LogQuery> {
        let record: Record = serde_json::from_str(lost.record.get()).ok()?;
        let key = lost.key.clone().unwrap_or_else(|| RowKey(lost.row.to_string()));
        let user_id = self.renderer.user_id(&Row { number: lost.row, key, record })?;
        if !user_id.contains(&row_tag(&self.run_id, lost.row)) {
            return None;
        }
        let apart = u64::try_from(CLOCKS_APART.as_millis()).unwrap_or_default();
        let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
        let (first_ms, last_ms) = lost.sent_ms;
        Some(LogQuery {
            user_id,
            from_ms: first_ms.saturating_sub(apart),
            // Our clock may have been set back since.
            to_ms: now.max(last_ms).saturating_add(apart),
        })
    }
}
