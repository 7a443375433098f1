//! Reads a journal's rows ahead on a thread of its own, so that two processors derive results.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Builder, Scope};

use crate::journal::{Error, History};
use crate::model::{RowFacts, RunEvent};

type Read = Result<RowFacts, Error>;

/// Rows go over in batches of at most so many, and of about so many bytes; so many batches may wait.
const ROWS: usize = 128;
const BYTES: usize = 256 * 1024;
const WAITING: usize = 2;

/// Gives the rows of a run in the order of the dataset, read ahead. A journal that can't be opened a second time gives
/// its error as its first row.
pub(crate) fn read<'scope>(
    scope: &'scope Scope<'scope, '_>,
    history: &'scope History,
) -> impl Iterator<Item = Read> + use<> {
    let (send, batches) = sync_channel::<Vec<Read>>(WAITING);
    let failed = send.clone();
    let started = Builder::new().name("rows".to_owned()).spawn_scoped(scope, move || {
        // Nobody who takes them means that they are not wanted any more.
        let _ = send_all(history, &send);
    });
    if let Err(source) = started {
        let path = "journal.jsonl".into();
        let _ = failed.try_send(vec![Err(Error::Io { path, source })]);
    }
    batches.into_iter().flatten()
}

fn send_all(history: &History, into: &SyncSender<Vec<Read>>) -> Option<()> {
    let rows = match history.rows() {
        Ok(rows) => rows,
        Err(error) => return into.send(vec![Err(error)]).ok(),
    };
    let (mut batch, mut bytes) = (Vec::with_capacity(ROWS), 0);
    for row in rows {
        bytes += row.as_ref().map_or(0, weight);
        batch.push(row);
        if batch.len() == ROWS || bytes > BYTES {
            into.send(std::mem::replace(&mut batch, Vec::with_capacity(ROWS))).ok()?;
            bytes = 0;
        }
    }
    into.send(batch).ok()
}

/// The bytes of what a row carries along.
fn weight(facts: &RowFacts) -> usize {
    let payload = |event: &RunEvent| match event {
        RunEvent::Intended(e) => {
            [&e.record, &e.input].into_iter().flatten().map(|json| json.get().len()).sum()
        }
        RunEvent::Answered(e) => {
            e.raw.as_ref().map_or(0, |raw| raw.get().len()) + e.raw_text.as_ref().map_or(0, String::len)
        }
        RunEvent::Rejected(e) => e.record.get().len(),
        _ => 0,
    };
    [&facts.begun, &facts.last].into_iter().flatten().map(|(_, event)| payload(event)).sum()
}
