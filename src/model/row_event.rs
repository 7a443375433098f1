//! The events that befall a row.

use serde::{Deserialize, Serialize};

use crate::model::{Cost, ErrorKind, Json, Outcome, RowError, RowKey, RowNumber};

/// The user asked for an ended row again, and agreed to pay for it again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reopened {
    /// The row.
    pub row: RowNumber,
    /// How it had ended.
    pub from: Outcome,
    /// By what: `resume --retry`.
    pub by: String,
}

impl Reopened {
    /// `by` when `limits.retry.also` asked for it, and not a person.
    pub const BY_POLICY: &'static str = "limits.retry.also";
}

/// A row was refused before anything was sent; it costs nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rejected {
    /// The row.
    pub row: RowNumber,
    /// Its key, unless the record is too broken to have one.
    pub key: Option<RowKey>,
    /// The first 64 bits of the record's SHA-256, in hex.
    pub row_sha: String,
    /// Why.
    pub error: RowError,
    /// The record as read, as far as it could be read.
    pub record: Json,
}

/// What was set aside from the budget for a send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// Money, when a money budget is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// Tokens, when a token budget is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
}

/// What is done with a send whose fate is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// The row is held: never executed twice.
    #[default]
    AtMostOnce,
    /// The row is sent again: never left without a result.
    AtLeastOnce,
}

/// A row is about to be sent. Durable before the send.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Intended {
    /// The row.
    pub row: RowNumber,
    /// Which send of the row this is, from 1, throttled ones included.
    pub attempt: u32,
    /// How long the row had waited for a place, back-off not included.
    pub queue_ms: u64,
    /// What was reserved for it.
    pub reserved: Reservation,
    /// What happens if its fate becomes unknown.
    pub delivery: Delivery,
    /// The row's key; on the row's first intent only, as are the fields below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<RowKey>,
    /// The first 64 bits of the record's SHA-256, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_sha: Option<String>,
    /// SHA-256 of the input as sent, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_sha256: Option<String>,
    /// The record as read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Json>,
    /// The rendered input; files stand in it as `{file, format, bytes, sha256}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Json>,
}

/// Why an intent was taken back before it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WithdrawnWhy {
    /// The key was paused between intent and send.
    Pause,
    /// The run was stopped or interrupted.
    Stop,
    /// The service refused the whole run (key, credits, redirect).
    RunRefused,
}

/// An intent was taken back: nothing was sent, or what was sent was refused for a reason that is the run's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Withdrawn {
    /// The row.
    pub row: RowNumber,
    /// The send.
    pub attempt: u32,
    /// Why.
    pub why: WithdrawnWhy,
}

/// The send was refused, certainly without an execution: free to retry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refused {
    /// The row.
    pub row: RowNumber,
    /// The send.
    pub attempt: u32,
    /// Why.
    pub kind: ErrorKind,
    /// For a person.
    pub message: String,
    /// The HTTP status, when there was a response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// The service's own code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What the service asked us to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// A call to slow down, which is no attempt of the row.
    pub throttled: bool,
    /// It only probed whether the service is back, which is no attempt of the row either.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub probe: bool,
}

impl Refused {
    /// Says whether it counts against `limits.retry.attempts`.
    pub fn is_attempt(&self) -> bool {
        !self.throttled && !self.probe
    }
}

/// The send may have become a billed execution; the result is unknown.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ambiguous {
    /// The row.
    pub row: RowNumber,
    /// The send.
    pub attempt: u32,
    /// Why.
    pub kind: ErrorKind,
    /// For a person.
    pub message: String,
    /// The HTTP status, when there was a response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// The start of the body, when there was one: at most 4 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// By which way a fact reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// The reply to a synchronous invoke.
    Reply,
    /// The reply to an asynchronous submit.
    Submit,
    /// A query of the result.
    Poll,
    /// A webhook delivery.
    Webhook,
    /// The provider's run log.
    RunLog,
}

/// The service accepted the row under a run id, which is the row's run for ever. Durable before the first poll.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attached {
    /// The row.
    pub row: RowNumber,
    /// The send.
    pub attempt: u32,
    /// The provider's id, opaque.
    pub workflow_run_id: String,
    /// The version that took it, when said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_version: Option<String>,
    /// The workflow that took it, when said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_id: Option<String>,
    /// How we learned it.
    pub via: Via,
}

/// Something arrived that changes no row: a second terminal answer, a webhook that only hints.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Receipt {
    /// The row.
    pub row: RowNumber,
    /// How it arrived: `POST`, `GET`, `poll`.
    pub method: String,
    /// SHA-256 of its body, in hex.
    pub sha256: String,
    /// Whether it carried the row's token.
    pub token_ok: bool,
    /// Whether it says something else than the answer that counts.
    #[serde(default)]
    pub differs: bool,
}

/// A definite answer, raw and as decoded; it ends the row. Durable before it is counted, scored or shown.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answered {
    /// The row.
    pub row: RowNumber,
    /// The send that it answers.
    pub attempt: u32,
    /// How it came.
    pub via: Via,
    /// The HTTP status.
    pub http_status: u16,
    /// Succeeded or failed.
    pub outcome: Outcome,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RowError>,
    /// What the service says it cost; absent: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// The tokens the service says it used; absent: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Whether the workflow was executed, so that an absent cost is unknown and not nothing.
    pub executed: bool,
    /// The provider's run id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_run_id: Option<String>,
    /// The version that ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_version: Option<String>,
    /// The workflow that ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_id: Option<String>,
    /// The execution time that the service reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_ms: Option<u64>,
    /// From the send of the last attempt to its result; absent when it spans a crash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// Time spent in back-off and pauses.
    pub backoff_ms: u64,
    /// How many polls it took.
    pub polls: u32,
    /// Secrets were cut out of the raw reply.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redacted: bool,
    /// The reply's body when it is JSON on one line, byte for byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Json>,
    /// The reply's body otherwise, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_text: Option<String>,
}

/// A row ends without an answer: refusals used up, held, timed out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ended {
    /// The row.
    pub row: RowNumber,
    /// How: failed or in doubt.
    pub outcome: Outcome,
    /// Why.
    pub error: RowError,
    /// The provider's run id, when the row stays attached to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_run_id: Option<String>,
    /// Time spent in back-off and pauses.
    #[serde(default)]
    pub backoff_ms: u64,
}

/// The provider's ledger says what an execution was charged of which no answer told the cost.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settled {
    /// The row.
    pub row: RowNumber,
    /// The execution, by the provider's run id.
    pub workflow_run_id: String,
    /// What it was charged.
    pub cost: Cost,
    /// By what: `reconcile`.
    pub by: String,
}
