//! One row's life, as far as memory must hold it.

use std::time::Duration;

use bytes::Bytes;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::model::{Json, RowError, RowKey, RowNumber};
use crate::runner::retry_budget::Charge;

/// A row, read and rendered.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// Its number.
    pub number: RowNumber,
    /// Its key; none when the record is too broken to have one.
    pub key: Option<RowKey>,
    /// The first 64 bits of its record's SHA-256, in hex.
    pub row_sha: String,
    /// Its record, as read.
    pub record: Json,
    /// What is sent for it, or why it can't be.
    pub content: Result<Content, RowError>,
}

/// What is sent for a row.
#[derive(Clone, Debug)]
pub struct Content {
    /// SHA-256 of the input as sent, in hex.
    pub input_sha256: String,
    /// The input for the journal: files as `{file, format, bytes, sha256}`.
    pub journal_input: Json,
    /// The input for the wire.
    pub body: Bytes,
    /// `userId`.
    pub user_id: String,
}

/// Where a started row is.
#[derive(Debug)]
pub(crate) enum Stage {
    /// In the queue for a place.
    Queued,
    /// Waiting for another attempt since this instant.
    BackingOff(Instant),
    /// Its intent is on the way to the disk.
    Intending,
    /// Its intent is durable; it waits for its permit.
    Permitted,
    /// On the wire since this instant.
    Sent(Instant, AbortHandle),
    /// Accepted by the provider, which is on the way to the disk.
    Attaching,
    /// Run by the provider; polled when a timer says so.
    Attached,
    /// Run by the provider; a poll is on the wire since this instant.
    Polling(Instant, AbortHandle),
    /// Its end is on the way to the disk.
    Ending,
}

/// Whether a webhook has hinted that the result is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hint {
    None,
    /// The next poll goes out at once.
    Due,
    /// It has gone out: no further hint is followed.
    Followed,
}

/// A started row.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) stage: Stage,
    /// Changes with each stage: a timer of an earlier one is stale.
    pub(crate) epoch: u32,
    /// What is written with the first intent, until it is.
    pub(crate) unrecorded: Option<Box<Prepared>>,
    pub(crate) body: Bytes,
    pub(crate) user_id: String,
    /// Sends so far, and those of them that count as attempts.
    pub(crate) sends: u32,
    pub(crate) attempts: u32,
    /// What it is counted as in the budget of retries.
    pub(crate) charge: Charge,
    /// Since when it waits for a place. Being read ahead is no wait: that is the reader's haste.
    pub(crate) queued_at: Instant,
    pub(crate) backoff: Duration,
    /// When its last attempt was sent; none when that was another process.
    pub(crate) sent_at: Option<Instant>,
    pub(crate) run_id: Option<String>,
    pub(crate) polls: u32,
    /// Definite refusals to tell the result, one after the other.
    pub(crate) poll_refusals: u32,
    /// Since when it is attached, as far as this process knows.
    pub(crate) attached_at: Instant,
    /// How long after that it was last seen unfinished.
    pub(crate) unfinished_at: Duration,
    pub(crate) holds_place: bool,
    pub(crate) hint: Hint,
    /// Whether it had ended in doubt, or had been left to resume, before its answer came by webhook.
    pub(crate) is_late: bool,
}

impl Invocation {
    /// A row that is to be sent.
    pub(crate) fn to_send(prepared: Prepared, content: Content, now: Instant) -> Self {
        let (body, user_id) = (content.body.clone(), content.user_id.clone());
        let unrecorded = Some(Box::new(Prepared { content: Ok(content), ..prepared }));
        Self { stage: Stage::Queued, unrecorded, body, user_id, ..Self::bare(now) }
    }

    /// A row that the provider runs since before this process.
    pub(crate) fn attached(run_id: String, sends: u32, now: Instant) -> Self {
        Self { stage: Stage::Attached, run_id: Some(run_id), sends, holds_place: true, ..Self::bare(now) }
    }

    fn bare(now: Instant) -> Self {
        Self {
            stage: Stage::Queued,
            epoch: 0,
            unrecorded: None,
            body: Bytes::new(),
            user_id: String::new(),
            sends: 0,
            attempts: 0,
            charge: Charge::None,
            queued_at: now,
            backoff: Duration::ZERO,
            sent_at: None,
            run_id: None,
            polls: 0,
            poll_refusals: 0,
            attached_at: now,
            unfinished_at: Duration::ZERO,
            holds_place: false,
            hint: Hint::None,
            is_late: false,
        }
    }

    /// Moves on; timers of the stage before are stale from now on.
    pub(crate) fn enter(&mut self, stage: Stage) {
        self.epoch += 1;
        self.stage = stage;
    }
}
