//! What an answer means: the one table from what was received to refused, ambiguous or answered. Pure.

mod gptbots;

use std::time::Duration;

use bytes::Bytes;

pub use gptbots::{
    judge_delivery, judge_invoke, judge_poll, output_of, output_of_text, read_credits, read_run_log,
};

use crate::model::{Cost, Json, Outcome, RowError, StopCause};

/// What came back, or did not, when a request was sent.
#[derive(Clone, Debug)]
pub enum Received {
    /// The request was certainly not sent: no name, no connection, no TLS, no tunnel.
    NotSent {
        /// What failed, for a person; without secrets.
        message: String,
    },
    /// The same, and it is this machine that is at fault: it opens no more files, and so no connection.
    OutOfFiles {
        /// What to do, for a person.
        message: String,
    },
    /// The request may have been written, and no whole response head came back.
    Lost {
        /// Whether it was a time-out (else a reset, or a closed connection).
        timed_out: bool,
        /// What failed, for a person; without secrets.
        message: String,
    },
    /// A response.
    Response {
        /// The HTTP status.
        status: u16,
        /// What `Retry-After` asks for, already read as a duration.
        retry_after: Option<Duration>,
        /// The host that `Location` names; of a redirect only.
        location: Option<String>,
        /// The body, as far as it came.
        body: Body,
        /// Whether secrets were cut out of the body.
        redacted: bool,
    },
}

/// A response's body.
#[derive(Clone, Debug)]
pub enum Body {
    /// All of it.
    Whole(Bytes),
    /// The connection failed, or time ran out, before its end.
    Cut(Bytes),
    /// It is larger than the limit; the start of it.
    TooLarge(Bytes),
}

/// What the answer to an invoke means.
#[derive(Clone, Debug)]
pub enum Judgement {
    /// Certainly not executed: free to retry.
    Refused(Refusal),
    /// It may have been executed and billed.
    Ambiguous {
        /// Why the result is unknown.
        error: RowError,
        /// The start of the body, at most 4 KiB.
        body: Option<String>,
    },
    /// The service runs it under this id.
    Acknowledged {
        /// The provider's id.
        workflow_run_id: String,
        /// The version that took it.
        workflow_version: Option<String>,
        /// The workflow that took it.
        workflow_id: Option<String>,
    },
    /// A definite answer.
    Answered(Box<Reply>),
}

/// A request that was certainly not executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub error: RowError,
    /// What the service asks us to wait.
    pub retry_after: Option<Duration>,
    /// A call to slow down: pauses the key, and is no attempt of the row.
    pub throttled: bool,
    /// Set when it would be the same for every row: the run stops.
    pub stop: Option<StopCause>,
}

/// What the answer to a query of a result means.
#[derive(Clone, Debug)]
pub enum PollJudgement {
    /// Still queued or running, or a status word that is not known.
    Pending,
    /// No answer this time: ask again later.
    Again(Refusal),
    /// The service definitely refuses to tell; the row is in doubt if it stays so.
    Refused(RowError),
    /// The run stops; the row stays attached.
    Stop(StopCause, RowError),
    /// The result.
    Answered(Box<Reply>),
}

/// What a webhook delivery says of a run.
#[derive(Clone, Debug)]
pub enum Delivered {
    /// It has ended so.
    Ended(Box<Reply>),
    /// There is such a run.
    Known {
        /// The provider's id.
        workflow_run_id: String,
        /// The version that runs.
        workflow_version: Option<String>,
        /// The provider's workflow id.
        workflow_id: Option<String>,
    },
    /// Nothing that can be read.
    Nothing,
}

/// A definite answer, decoded.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Succeeded or failed.
    pub outcome: Outcome,
    /// Why it failed.
    pub error: Option<RowError>,
    /// The HTTP status.
    pub http_status: u16,
    /// What it cost, exactly; none is unknown.
    pub cost: Option<Cost>,
    /// Tokens; none is unknown.
    pub tokens: Option<u64>,
    /// Whether a workflow was executed, so that an absent cost is unknown and not nothing.
    pub executed: bool,
    /// The provider's run id.
    pub workflow_run_id: Option<String>,
    /// The provider's workflow id.
    pub workflow_id: Option<String>,
    /// The version that ran.
    pub workflow_version: Option<String>,
    /// The execution time that the service reports, in ms.
    pub server_ms: Option<u64>,
    /// The body, when it is JSON on one line.
    pub raw: Option<Json>,
    /// The body otherwise, as text.
    pub raw_text: Option<String>,
    /// Whether secrets were cut out of the body.
    pub redacted: bool,
}

/// What the answer to a request for a page of a list means.
#[derive(Clone, Debug)]
pub enum Listed<T> {
    /// The page.
    Page(Page<T>),
    /// No answer this time: ask again later.
    Again(Refusal),
    /// The service definitely refuses to tell, or has no such list.
    Refused(RowError),
}

/// A page of a list that the service keeps.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// What could be read.
    pub entries: Vec<T>,
    /// How many entries it has, and how many of them can't be read.
    pub length: usize,
    /// Of the entries, those that can't be read.
    pub unreadable: usize,
    /// How many entries all pages have, when it says so.
    pub total: Option<u64>,
}

/// A run, as the service's run log has it. The log tells no status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// The provider's run id.
    pub workflow_run_id: String,
    /// The text of the input's JSON.
    pub input: Option<String>,
}

/// What the service charged for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The provider's run id.
    pub workflow_run_id: String,
    /// The charge, exactly; none when it can't be read.
    pub cost: Option<Cost>,
}
