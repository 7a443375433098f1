//! Group commit without a timer: while one group is being made durable, the next one gathers.
//!
//! The events themselves come back when they are durable, so that whoever acts on an event can only do so once it
//! would survive: the dispatcher sends a row when it gets its `intended` back, and polls when it gets `attached`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::thread;

use tokio::sync::mpsc;

use crate::journal::{Appended, Error, Writer};
use crate::model::{Impossible, RowNumber, RowState, RunEvent, RunState};

/// A group of events that is durable now.
#[derive(Debug)]
pub struct Batch {
    /// The events, in the order of the journal.
    pub events: Vec<RunEvent>,
    /// Where the line of each begins, in bytes from the start of the journal.
    pub offsets: Vec<u64>,
    /// Their wall-clock instant, in ms since 1970.
    pub t_ms: u64,
    /// Whether the disk had room for them.
    pub appended: Appended,
}

/// The journal's thread, and the events that wait for it.
#[derive(Debug)]
pub struct Committer {
    gathered: Vec<RunEvent>,
    /// How many events were taken, and how many of each row are not durable yet.
    taken: u64,
    pending: HashMap<RowNumber, u32>,
    /// Where the rows of the group that goes out will stand; empty otherwise.
    ahead: HashMap<RowNumber, RowState>,
    /// The event that was not let out, since it can't happen: a bug.
    refused: Option<Impossible>,
    busy: bool,
    to_thread: Option<mpsc::Sender<Vec<RunEvent>>>,
    from_thread: mpsc::Receiver<Result<Batch, Error>>,
    thread: Option<thread::JoinHandle<Writer>>,
    #[cfg(test)]
    immediate: Option<(Writer, Option<Result<Batch, Error>>)>,
}

impl Committer {
    /// Starts the thread that owns the writer.
    pub fn start(mut writer: Writer) -> std::io::Result<Self> {
        // One group is under way at a time, so a single place in each direction never blocks.
        let (to_thread, mut groups) = mpsc::channel::<Vec<RunEvent>>(1);
        let (batches, from_thread) = mpsc::channel(1);
        let thread = thread::Builder::new().name("journal".to_owned()).spawn(move || {
            while let Some(events) = groups.blocking_recv() {
                let done = writer.append(&events);
                let (t_ms, offsets) = (writer.t_ms(), writer.take_offsets());
                let done = done.map(|appended| Batch { events, offsets, t_ms, appended });
                if batches.blocking_send(done).is_err() {
                    break;
                }
            }
            writer
        })?;
        Ok(Self {
            gathered: Vec::new(),
            taken: 0,
            pending: HashMap::new(),
            ahead: HashMap::new(),
            refused: None,
            busy: false,
            to_thread: Some(to_thread),
            from_thread,
            thread: Some(thread),
            #[cfg(test)]
            immediate: None,
        })
    }

    /// A committer without a thread, for tests that pause time: a thread's work would look like idleness to them.
    #[cfg(test)]
    pub(crate) fn immediate(writer: Writer) -> Self {
        let (_, from_thread) = mpsc::channel(1);
        let immediate = Some((writer, None));
        Self {
            gathered: Vec::new(),
            taken: 0,
            pending: HashMap::new(),
            ahead: HashMap::new(),
            refused: None,
            busy: false,
            to_thread: None,
            from_thread,
            thread: None,
            immediate,
        }
    }

    /// Takes an event; it goes out with the next group.
    pub fn append(&mut self, event: RunEvent) {
        self.taken += 1;
        if let Some(row) = event.row() {
            *self.pending.entry(row).or_default() += 1;
        }
        self.gathered.push(event);
    }

    /// Gives how many events were taken since the start.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Says whether an event of the row is not durable yet.
    pub fn is_pending(&self, row: RowNumber) -> bool {
        self.pending.contains_key(&row)
    }

    /// Hands over what has gathered, if the thread is free. Never blocks. `state` is what all earlier groups came to.
    ///
    /// Subtle: an event that can't happen is not let out, and nothing behind it is. Once durable it would make the journal
    /// unreadable.
    pub fn flush(&mut self, state: &RunState) {
        if self.busy || self.gathered.is_empty() || self.refused.is_some() {
            return;
        }
        let mut group = std::mem::take(&mut self.gathered);
        self.let_out(&mut group, state);
        if group.is_empty() {
            return;
        }
        #[cfg(test)]
        if let Some((writer, done)) = &mut self.immediate {
            let appended = writer.append(&group);
            let (t_ms, offsets) = (writer.t_ms(), writer.take_offsets());
            *done = Some(appended.map(|appended| Batch { events: group, offsets, t_ms, appended }));
            self.busy = true;
            return;
        }
        if let Some(to_thread) = &self.to_thread {
            // A thread that is gone has said why; `durable` reports it.
            self.busy = to_thread.try_send(group).is_ok();
        }
    }

    /// Cuts a group off before an event that can't happen.
    fn let_out(&mut self, group: &mut Vec<RunEvent>, state: &RunState) {
        self.ahead.clear();
        for (at, event) in group.iter().enumerate() {
            let Some(row) = event.row() else { continue };
            match state.foresee(event, self.ahead.get(&row)) {
                Ok(next) => {
                    self.ahead.insert(row, next);
                }
                Err(impossible) => {
                    self.refused = Some(impossible);
                    return group.truncate(at);
                }
            }
        }
    }

    /// Gives the event that was not let out, once what went before it is durable.
    pub async fn refused(&mut self) -> Option<Impossible> {
        let refused = self.refused.take()?;
        if self.busy {
            // Whether it is durable or not: the run ends here, and nothing is done about its events any more.
            let _ = self.durable().await;
        }
        Some(refused)
    }

    /// Says whether every event is durable.
    pub fn is_idle(&self) -> bool {
        !self.busy && self.gathered.is_empty()
    }

    /// Waits for the group that is under way. Pending for ever when none is; safe to drop and call again.
    pub async fn durable(&mut self) -> Result<Batch, Error> {
        let batch = self.receive().await?;
        for row in batch.events.iter().filter_map(RunEvent::row) {
            if let Entry::Occupied(mut count) = self.pending.entry(row) {
                *count.get_mut() -= 1;
                if *count.get() == 0 {
                    count.remove();
                }
            }
        }
        Ok(batch)
    }

    async fn receive(&mut self) -> Result<Batch, Error> {
        if !self.busy {
            return std::future::pending().await;
        }
        #[cfg(test)]
        if let Some(done) = self.immediate.as_mut().and_then(|(_, done)| done.take()) {
            self.busy = false;
            return done;
        }
        let batch = self.from_thread.recv().await;
        self.busy = false;
        batch.unwrap_or_else(|| {
            let source = std::io::Error::other("the journal's thread has ended");
            Err(Error::NotDurable { path: "journal.jsonl".into(), source })
        })
    }

    /// Ends the thread, once the group under way is done, and gives the writer back.
    pub fn finish(mut self) -> Option<Writer> {
        #[cfg(test)]
        if let Some((writer, _)) = self.immediate.take() {
            return Some(writer);
        }
        self.end_thread()
    }

    fn end_thread(&mut self) -> Option<Writer> {
        self.to_thread = None;
        self.from_thread.close();
        self.thread.take().and_then(|thread| thread.join().ok())
    }
}

impl Drop for Committer {
    /// A run that ends with an error still ends its thread, or the process might leave before the writer has let go
    /// of the lock and of the reserve.
    fn drop(&mut self) {
        drop(self.end_thread());
    }
}
