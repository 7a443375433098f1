//! The switches of errors and faults.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::units::Span;

/// The errors (§8, §14.6): one status and code each.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in super::super) struct Errors {
    pub(in super::super) envelope: Envelope,
    pub(in super::super) retry_after: RetryAfter,
    pub(in super::super) unauthorized: ErrorForm,
    pub(in super::super) wrong_key_kind: ErrorForm,
    pub(in super::super) invalid: ErrorForm,
    pub(in super::super) too_large: ErrorForm,
    pub(in super::super) throttled: ErrorForm,
    pub(in super::super) unknown_run: ErrorForm,
    pub(in super::super) forbidden: ErrorForm,
    pub(in super::super) internal: ErrorForm,
    pub(in super::super) unavailable: ErrorForm,
}

impl Default for Errors {
    fn default() -> Self {
        let form = |status, code| ErrorForm { status, code };
        Self {
            envelope: Envelope::CodeMessage,
            retry_after: RetryAfter::Seconds,
            unauthorized: form(401, 40127),
            wrong_key_kind: form(403, 403_204),
            invalid: form(400, 40000),
            too_large: form(413, 40000),
            throttled: form(429, 40001),
            unknown_run: form(404, 40348),
            forbidden: form(403, 40353),
            internal: form(500, 50000),
            unavailable: form(503, 50000),
        }
    }
}

/// An error's HTTP status and code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ErrorForm {
    pub(in super::super) status: u16,
    pub(in super::super) code: i64,
}

switch!(
    /// The body of an error.
    Envelope { CodeMessage, CodeMsg, Nested }
);
switch!(
    /// The form of `Retry-After`.
    RetryAfter { Seconds, Date, Absent }
);

/// What the faults leave open.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in super::super) struct FaultRule {
    /// Whether an `unavailable_bare` request is executed.
    pub(in super::super) unavailable_bare: Executed,
    /// Whether a `hang` request is executed.
    pub(in super::super) hang: Executed,
    /// The wait that `unavailable` and `throttled` ask for.
    pub(in super::super) retry_after: Span,
    /// The word of `unknown_status`.
    pub(in super::super) status_word: StatusWord,
    /// The time over which `slow_body` drips.
    pub(in super::super) drip: Span,
}

impl Default for FaultRule {
    fn default() -> Self {
        Self {
            unavailable_bare: Executed::No,
            hang: Executed::Yes,
            retry_after: Span(Duration::from_secs(1)),
            status_word: StatusWord::Queueing,
            drip: Span(Duration::from_secs(1)),
        }
    }
}

/// Whether a spoiled request is executed and billed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum Executed {
    #[serde(rename = "executed")]
    Yes,
    #[serde(rename = "not_executed")]
    No,
}

switch!(
    /// A status word that no document names.
    StatusWord { Queueing, Success, Cancelled }
);

impl StatusWord {
    pub(in super::super) fn word(self) -> &'static str {
        match self {
            Self::Queueing => "QUEUEING",
            Self::Success => "SUCCESS",
            Self::Cancelled => "CANCELLED",
        }
    }
}
