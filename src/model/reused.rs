//! The event of a row that takes the result of an earlier run.

use serde::{Deserialize, Serialize};

use crate::model::{Answered, Cost, Delivery, Intended, Json, Outcome, Reservation, RowKey, RowNumber, Via};

/// A row takes the result that an earlier run has of the same input: nothing is sent, and nothing is paid.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reused {
    /// The row.
    pub row: RowNumber,
    /// Where the result was paid for.
    pub from: Origin,
    /// What it cost then; absent: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// The tokens it took then; absent: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// How long it took then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// The execution time that the service reported then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_ms: Option<u64>,
    /// When the answer came, in ms since 1970.
    pub answered_ms: u64,
    /// The HTTP status of the reply.
    pub http_status: u16,
    /// The provider's run id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_run_id: Option<String>,
    /// The version that ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_version: Option<String>,
    /// The workflow that ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_id: Option<String>,
    /// Secrets were cut out of the raw reply.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redacted: bool,
    /// The row's key in this run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<RowKey>,
    /// The first 64 bits of the record's SHA-256, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_sha: Option<String>,
    /// SHA-256 of the input, in hex: the same in both runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_sha256: Option<String>,
    /// The record as read in this run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Json>,
    /// The rendered input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Json>,
    /// The reply's body when it is JSON on one line, byte for byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Json>,
    /// The reply's body otherwise, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_text: Option<String>,
}

/// The row of the run that paid for a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The run.
    pub run_id: String,
    /// Its row.
    pub row: RowNumber,
}

impl Reused {
    /// Gives what the row's first intent would say.
    pub fn into_begun(self) -> Intended {
        let Self { row, key, row_sha, input_sha256, record, input, .. } = self;
        let (reserved, delivery) = (Reservation::default(), Delivery::default());
        Intended {
            row,
            attempt: 0,
            queue_ms: 0,
            reserved,
            delivery,
            key,
            row_sha,
            input_sha256,
            record,
            input,
        }
    }

    /// Gives the answer, as this run has it: for nothing.
    pub fn into_answer(self) -> Answered {
        Answered {
            row: self.row,
            attempt: 0,
            via: Via::Reply,
            http_status: self.http_status,
            outcome: Outcome::Succeeded,
            error: None,
            cost: Some(Cost::ZERO),
            tokens: Some(0),
            executed: false,
            workflow_run_id: self.workflow_run_id,
            workflow_version: self.workflow_version,
            workflow_id: self.workflow_id,
            server_ms: None,
            latency_ms: None,
            backoff_ms: 0,
            polls: 0,
            redacted: self.redacted,
            raw: self.raw,
            raw_text: self.raw_text,
        }
    }
}
