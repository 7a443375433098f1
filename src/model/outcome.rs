//! How a row ended, and why.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// How a row ended: a closed list, in results, reports and exit codes alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The workflow said SUCCEED, and the reply was decoded.
    Succeeded,
    /// A definite answer that it failed: status FAILED, a permanent error, or retries used up on refusals.
    Failed,
    /// It may have run and been billed; the result is unknown, and nothing was re-sent.
    InDoubt,
    /// Never sent: a malformed record, or the mapping or the input schema refused it. Costs nothing.
    Rejected,
    /// Selected but not started: halted, out of budget, interrupted.
    NotRun,
}

impl Outcome {
    /// Every outcome, in the order in which reports list them.
    pub const ALL: [Self; 5] = [Self::Succeeded, Self::Failed, Self::InDoubt, Self::Rejected, Self::NotRun];

    /// Gives the word that stands in files and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::InDoubt => "in_doubt",
            Self::Rejected => "rejected",
            Self::NotRun => "not_run",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A short, stable word for why a row did not succeed (`timeout`, `workflow_failed`, `mapping`, …). The words that
/// flowbatch itself gives are the constants; the type stays open, so that an older binary reads a newer journal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ErrorKind(pub Cow<'static, str>);

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        impl ErrorKind {
            $($(#[$doc])* pub const $name: Self = Self(Cow::Borrowed($text));)*
        }
    };
}

kinds! {
    /// The record itself could not be read (a ragged line, a bad number, a wrong type).
    MALFORMED = "malformed_record";
    /// The mapping could not be rendered for this row.
    MAPPING = "mapping";
    /// The rendered input breaks the workflow's input schema.
    SCHEMA = "input_schema";
    /// No connection could be made; nothing was sent.
    CONNECT = "connect";
    /// The service asked to slow down.
    THROTTLED = "throttled";
    /// The service said that it is unavailable, before it took the request.
    UNAVAILABLE = "unavailable";
    /// The API key was refused.
    AUTHENTICATION = "authentication";
    /// The account has no credits left.
    NO_CREDITS = "no_credits";
    /// The service answered with a redirect, which is never followed.
    REDIRECT = "redirect";
    /// A 403 from something in front of the service (a firewall), not from the service.
    FORBIDDEN = "forbidden";
    /// The service refused the request as wrong (another 4xx).
    BAD_REQUEST = "bad_request";
    /// The service said that it failed, in its own words (a 5xx with its envelope).
    SERVER_ERROR = "server_error";
    /// The service answered 2xx with an error code in the body.
    SERVICE_ERROR = "service_error";
    /// The workflow ran and ended with status FAILED.
    WORKFLOW_FAILED = "workflow_failed";
    /// No result within `limits.timeout`.
    TIMEOUT = "timeout";
    /// The connection was lost after the request was written.
    CONNECTION_LOST = "connection_lost";
    /// A gateway answered in the service's place.
    GATEWAY = "gateway";
    /// A reply was cut short.
    REPLY_CUT = "reply_cut";
    /// A reply was larger than the limit on bodies.
    REPLY_TOO_LARGE = "reply_too_large";
    /// A reply could not be read as the service's answer.
    REPLY_UNREADABLE = "reply_unreadable";
    /// The service definitely refused to tell the result of a run that it had accepted.
    POLL_REFUSED = "poll_refused";
    /// flowbatch was stopped or killed between the send and the answer.
    INTERRUPTED = "interrupted";
    /// The machine refused something, for instance to open another file: the run's trouble, and no row's.
    MACHINE = "machine";
    /// A bug in flowbatch.
    BUG = "bug";
}

impl ErrorKind {
    /// Gives the word itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a row did not succeed: data, never an `Err` that ends the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowError {
    /// The stable word to group by.
    pub kind: ErrorKind,
    /// What happened, for a person; holds no secret.
    pub message: String,
    /// The HTTP status, when there was a response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// The service's own error code, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

impl RowError {
    /// Makes an error that no HTTP response stands behind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), http_status: None, code: None }
    }
}
