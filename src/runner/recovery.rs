//! Looks in the provider's run log for rows whose replies were lost, so that they need not stay in doubt.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use crate::journal::{self, Lost};
use crate::model::{Record, Row, RowKey, RowNumber, RowSet, row_tag};
use crate::runner::Renderer;
use crate::runner::reconcile::matched;
use crate::workflow::{LogQuery, Workflow};

/// How far the provider's clock may be from ours.
const CLOCKS_APART: Duration = Duration::from_secs(600);
/// How many requests for the log are on the wire at once: they are free, and no reason to hurry.
const AT_ONCE: usize = 4;

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
    let journal = recovery.journal.clone();
    let lost = blocking(move || journal::lost(&journal, &rows)).await?;
    let asked = lost.into_iter().filter_map(|lost| Some((recovery.query(&lost)?, lost)));
    let logged: Vec<_> = stream::iter(asked)
        .map(|(query, lost)| async move {
            let entries = workflow.run_log(&query).await.map_err(|error| error.message)?;
            Ok::<_, String>((lost, entries))
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let ids: HashSet<_> =
        logged.iter().flat_map(|(_, entries)| entries).map(|entry| entry.workflow_run_id.clone()).collect();
    let journal = recovery.journal.clone();
    let owners = blocking(move || journal::owners(&journal, &ids)).await?;
    let found = matched(&logged, &owners);
    tracing::info!(searched = logged.len(), found = found.len(), "the provider's run log was searched");
    Ok(found)
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
        let (first, last) = lost.sent_ms;
        Some(LogQuery {
            user_id,
            from_ms: first.saturating_sub(apart),
            // Our clock may have been set back since.
            to_ms: now.max(last).saturating_add(apart),
        })
    }
}
