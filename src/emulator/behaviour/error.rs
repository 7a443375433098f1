//! The switches of errors and faults.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::emulator::units::Span;

/// The errors (§8, §14.6): one status and code each.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::emulator) struct Errors {
    pub(in crate::emulator) envelope: Envelope,
    pub(in crate::emulator) retry_after: RetryAfter,
    pub(in crate::emulator) unauthorized: ErrorForm,
    pub(in crate::emulator) wrong_key_kind: ErrorForm,
    pub(in crate::emulator) invalid: ErrorForm,
    pub(in crate::emulator) too_large: ErrorForm,
    pub(in crate::emulator) throttled: ErrorForm,
    pub(in crate::emulator) unknown_run: ErrorForm,
    pub(in crate::emulator) forbidden: ErrorForm,
    pub(in crate::emulator) internal: ErrorForm,
    pub(in crate::emulator) unavailable: ErrorForm,
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
pub(in crate::emulator) struct ErrorForm {
    pub(in crate::emulator) status: u16,
    pub(in crate::emulator) code: i64,
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
pub(in crate::emulator) struct FaultRule {
    /// Whether an `unavailable_bare` request is executed.
    pub(in crate::emulator) unavailable_bare: Executed,
    /// Whether a `hang` request is executed.
    pub(in crate::emulator) hang: Executed,
    /// The wait that `unavailable` and `throttled` ask for.
    pub(in crate::emulator) retry_after: Span,
    /// The word of `unknown_status`.
    pub(in crate::emulator) status_word: StatusWord,
    /// The time over which `slow_body` drips.
    pub(in crate::emulator) drip: Span,
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
pub(in crate::emulator) enum Executed {
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
    pub(in crate::emulator) fn word(self) -> &'static str {
        match self {
            Self::Queueing => "QUEUEING",
            Self::Success => "SUCCESS",
            Self::Cancelled => "CANCELLED",
        }
    }
}
