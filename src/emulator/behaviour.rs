//! The switches: what the documents of the API leave open, each with the setting that seems likeliest as its default.
//!
//! `docs/emulator.md` has the table; a section number there or here is one of the API reference's.

use std::time::Duration;

use serde::Deserialize;

use super::units::{Share, Span};

/// Declares a switch: an enumeration whose first setting is the default.
macro_rules! switch {
    ($(#[$doc:meta])* $name:ident { $(#[$first_doc:meta])* $first:ident, $($(#[$setting_doc:meta])* $setting:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub(super) enum $name { $(#[$first_doc])* #[default] $first, $($(#[$setting_doc])* $setting),+ }
    };
}

/// Every switch, in groups.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Behaviour {
    pub(super) key: Key,
    pub(super) verify: Verify,
    pub(super) invoke: Invoke,
    pub(super) sync: Sync,
    pub(super) input: Input,
    pub(super) output: Output,
    pub(super) failed: Failed,
    pub(super) query: Query,
    pub(super) webhook: Webhook,
    pub(super) number: Number,
    pub(super) log: Log,
    pub(super) rate: RateRule,
    pub(super) error: Errors,
    pub(super) fault: FaultRule,
}

/// The API key (§2, §14.13).
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Key {
    pub(super) bare: Taken,
    pub(super) scheme: Scheme,
    pub(super) kind: KeyKind,
}

switch!(
    /// Whether something is taken.
    Taken { Refuse, Accept }
);
switch!(
    /// How the scheme word of `Authorization` is compared.
    Scheme { AnyCase, Exact }
);
switch!(
    /// What the key belongs to; an agent's key may verify, and may not invoke.
    KeyKind { Workflow, Agent }
);
switch!(
    /// The body of `GET /v1/api-key/verify` (§14.14).
    Verify { Camel, Snake, Enveloped, Missing }
);

/// `POST /v1/workflow/invoke` (§3, §4, §14.11, §14.16).
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Invoke {
    /// The HTTP status of a run that succeeded.
    pub(super) status: u16,
    /// The HTTP status of an asynchronous acceptance.
    pub(super) accepted_status: u16,
    /// The body of an asynchronous acceptance.
    pub(super) accepted: Unfinished,
    pub(super) form: Form,
    pub(super) same_request: SameRequest,
    pub(super) wrong_method: WrongMethod,
}

impl Default for Invoke {
    fn default() -> Self {
        Self {
            status: 200,
            accepted_status: 200,
            accepted: Unfinished::Ids,
            form: Form::Current,
            same_request: SameRequest::NewRun,
            wrong_method: WrongMethod::NotAllowed,
        }
    }
}

switch!(
    /// The body of a run that has not finished: ids and status, the other keys as null, or what is known so far.
    Unfinished { Ids, Nulls, Whole }
);
switch!(
    /// Whether answers name workflow id, name and version; those of 2025-04 did not.
    Form { Current, Early }
);
switch!(
    /// Whether the same user and input start another run while the first one is unfinished.
    SameRequest { NewRun, Joins }
);
switch!(
    /// How a wrong HTTP method is answered.
    WrongMethod { NotAllowed, NotFound, ErrorIn200 }
);

/// Synchronous runs (§14.5).
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Sync {
    /// The longest that a synchronous call waits.
    pub(super) limit: Option<Span>,
    pub(super) at_limit: AtLimit,
    pub(super) after_limit: AfterLimit,
}

switch!(
    /// What a synchronous call gets at its limit.
    AtLimit { Gateway504, Reset, Running, ServerError }
);
switch!(
    /// What becomes of the run then.
    AfterLimit { Continues, Stops }
);

/// The check of the input (§7, §14.8, §14.9).
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Input {
    pub(super) missing: MissingInput,
    pub(super) extra: ExtraInput,
    pub(super) wrong_type: WrongType,
    /// Null for a declared input.
    pub(super) null: Taken,
    /// `{"url": …}` for a file.
    pub(super) file_url: Taken,
    pub(super) file_echo: FileEcho,
    /// The longest request body, in bytes.
    pub(super) body_limit: usize,
}

impl Default for Input {
    fn default() -> Self {
        Self {
            missing: MissingInput::Refuse,
            extra: ExtraInput::Refuse,
            wrong_type: WrongType::Refuse,
            null: Taken::Refuse,
            file_url: Taken::Accept,
            file_echo: FileEcho::AsSent,
            body_limit: 10 << 20,
        }
    }
}

switch!(
    /// A required input that is missing.
    MissingInput { Refuse, Null }
);
switch!(
    /// An input that is not declared.
    ExtraInput { Refuse, Ignore }
);
switch!(
    /// An input of another type than declared: refused, turned into the type where its text allows (`"5"` for an
    /// integer), or taken as it is.
    WrongType { Refuse, Coerce, Accept }
);
switch!(
    /// How a file comes back in the echo of the input.
    FileEcho { AsSent, Url, WithoutContent }
);

/// The output of a run (§7, §14.10).
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Output {
    pub(super) form: OutputForm,
    /// The key that a TEXT output stands under.
    pub(super) text_key: String,
    pub(super) unset: Unset,
}

impl Default for Output {
    fn default() -> Self {
        Self { form: OutputForm::Object, text_key: "output".to_owned(), unset: Unset::Null }
    }
}

switch!(
    /// What `output` is on success.
    OutputForm { Object, JsonText, Empty, Null, Absent }
);
switch!(
    /// An output whose value is not set.
    Unset { Null, Absent }
);

/// Runs that fail (§4, §9, §14.1).
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Failed {
    /// The HTTP status of a synchronous run that failed.
    pub(super) status: u16,
    pub(super) reason: FailedReason,
    pub(super) output: FailedOutput,
    pub(super) cost: FailedCost,
}

impl Default for Failed {
    fn default() -> Self {
        Self {
            status: 200,
            reason: FailedReason::None,
            output: FailedOutput::Absent,
            cost: FailedCost::Charged,
        }
    }
}

switch!(
    /// Where a failed run says why.
    FailedReason { None, Message, Error, ErrorMessage, CodeAndMessage }
);
switch!(
    /// The output of a failed run.
    FailedOutput { Absent, Null, Empty }
);
switch!(
    /// The bill of a failed run: charged and told, nothing, or charged without a word.
    FailedCost { Charged, Free, Untold }
);

/// `POST /v1/workflow/query/result` (§5, §14.2, §14.3, §14.15).
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Query {
    pub(super) unfinished: Unfinished,
    pub(super) sync_runs: Found,
    /// How many runs are remembered; the oldest are forgotten first.
    pub(super) retention: usize,
    /// How long after its acceptance a run is still unknown.
    pub(super) visible_after: Span,
    pub(super) transitions: Transitions,
    /// The part of a run's latency that it spends in the queue.
    pub(super) pending: Share,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            unfinished: Unfinished::Ids,
            sync_runs: Found::Found,
            retention: 50_000,
            visible_after: Span(Duration::ZERO),
            transitions: Transitions::PendingRunning,
            pending: Share(0.2),
        }
    }
}

switch!(
    /// Whether a run is found.
    Found { Found, Unknown }
);
switch!(
    /// The words that an unfinished run goes through.
    Transitions { PendingRunning, PendingOnly, RunningOnly }
);

/// Webhooks (§6, §14.4).
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Webhook {
    pub(super) when_sync: WhenSync,
    pub(super) too_many: TooMany,
    pub(super) methods: Methods,
    pub(super) get: GetForm,
    pub(super) payload: Payload,
    pub(super) on_failed: OnFailed,
    /// How often a delivery is tried that is not answered with 2xx.
    pub(super) attempts: u32,
    pub(super) backoff: Span,
    pub(super) timeout: Span,
    pub(super) order: Order,
    /// The share of deliveries that are made twice.
    pub(super) duplicates: Share,
    /// How long after its end a run is delivered.
    pub(super) delay: Span,
    pub(super) signature: Signature,
}

impl Default for Webhook {
    fn default() -> Self {
        Self {
            when_sync: WhenSync::Ignore,
            too_many: TooMany::Refuse,
            methods: Methods::PostAndGet,
            get: GetForm::Query,
            payload: Payload::Result,
            on_failed: OnFailed::Deliver,
            attempts: 3,
            backoff: Span(Duration::from_secs(1)),
            timeout: Span(Duration::from_secs(5)),
            order: Order::AsFinished,
            duplicates: Share(0.0),
            delay: Span(Duration::ZERO),
            signature: Signature::None,
        }
    }
}

switch!(
    /// `webhook` in a synchronous call.
    WhenSync { Ignore, Refuse, Deliver }
);
switch!(
    /// More than five entries.
    TooMany { Refuse, FirstFive }
);
switch!(
    /// The methods that are taken.
    Methods { PostAndGet, Any }
);
switch!(
    /// What a GET delivery carries: ids and status in its query, the payload as its body, or nothing.
    GetForm { Query, Body, Nothing }
);
switch!(
    /// The body of a delivery.
    Payload { Result, Ids, Enveloped }
);
switch!(
    /// Whether failed runs are delivered.
    OnFailed { Deliver, Skip }
);
switch!(
    /// The order of deliveries: as runs finish, pairs swapped, or before the acceptance is answered.
    Order { AsFinished, Swapped, Early }
);
switch!(
    /// `X-Signature: hex(sha256(key ‖ body))` on a delivery.
    Signature { None, Sha256 }
);

/// Numbers in answers (§4, §14.16).
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Number {
    pub(super) cost: NumberForm,
    pub(super) tokens: NumberForm,
    pub(super) times: TimeForm,
    /// Keys that no document names.
    pub(super) extra_keys: ExtraKeys,
}

switch!(
    /// How a figure is written.
    NumberForm { Number, Text, Null, Absent }
);
switch!(
    /// How times are written: `1758765323024`, `1758765323024.0`, `"1758765323024"`.
    TimeForm { Integer, Decimal, Text }
);
switch!(
    /// Whether answers carry keys that no document names.
    ExtraKeys { None, Some }
);

/// `GET /v1/workflow/run/logs` (§10).
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Log {
    pub(super) access: Access,
    /// How long after its acceptance a run is not yet listed.
    pub(super) lag: Span,
}

switch!(
    /// Whether the key may read the run log.
    Access { Allowed, Forbidden, Missing }
);

/// The rate limit (§8, §14.7).
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RateRule {
    pub(super) window: Window,
    pub(super) polls: Polls,
}

switch!(
    /// Whether the window slides or starts anew.
    Window { Sliding, Fixed }
);
switch!(
    /// Whether polls count against the rate of invoke, or only against their own.
    Polls { Apart, Shared }
);

/// The errors (§8, §14.6): one status and code each.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Errors {
    pub(super) envelope: Envelope,
    pub(super) retry_after: RetryAfter,
    pub(super) unauthorized: ErrorForm,
    pub(super) wrong_key_kind: ErrorForm,
    pub(super) invalid: ErrorForm,
    pub(super) too_large: ErrorForm,
    pub(super) throttled: ErrorForm,
    pub(super) unknown_run: ErrorForm,
    pub(super) forbidden: ErrorForm,
    pub(super) internal: ErrorForm,
    pub(super) unavailable: ErrorForm,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ErrorForm {
    pub(super) status: u16,
    pub(super) code: i64,
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
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FaultRule {
    /// Whether an `unavailable_bare` request is executed.
    pub(super) unavailable_bare: Executed,
    /// Whether a `hang` request is executed.
    pub(super) hang: Executed,
    /// The wait that `unavailable` and `throttled` ask for.
    pub(super) retry_after: Span,
    /// The word of `unknown_status`.
    pub(super) status_word: StatusWord,
    /// The time over which `slow_body` drips.
    pub(super) drip: Span,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Executed {
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
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Queueing => "QUEUEING",
            Self::Success => "SUCCESS",
            Self::Cancelled => "CANCELLED",
        }
    }
}
