//! The switches: what the documents of the API leave open, each with the setting that seems likeliest as its default.
//!
//! `docs/emulator.md` has the table; a section number there or here is one of the API reference's.

/// Declares a switch: an enumeration whose first setting is the default.
macro_rules! switch {
    ($(#[$doc:meta])* $name:ident { $(#[$first_doc:meta])* $first:ident, $($(#[$setting_doc:meta])* $setting:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub(in crate::emulator) enum $name { $(#[$first_doc])* #[default] $first, $($(#[$setting_doc])* $setting),+ }
    };
}

mod error;
mod webhook;

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

pub(super) use error::{Envelope, ErrorForm, Errors, Executed, FaultRule, RetryAfter};
pub(super) use webhook::{GetForm, Methods, OnFailed, Order, Payload, Signature, TooMany, Webhook, WhenSync};

use super::units::{Share, Span};

/// Every switch, in groups.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
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
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
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
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
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
    WrongMethod { NotAllowed, NotFound, #[serde(rename = "error_in_200")] ErrorIn200 }
);

/// Synchronous runs (§14.5).
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Sync {
    /// The longest that a synchronous call waits.
    pub(super) limit: Option<Span>,
    pub(super) at_limit: AtLimit,
    pub(super) after_limit: AfterLimit,
}

switch!(
    /// What a synchronous call gets at its limit.
    AtLimit { #[serde(rename = "gateway_504")] Gateway504, Reset, Running, ServerError }
);
switch!(
    /// What becomes of the run then.
    AfterLimit { Continues, Stops }
);

/// The check of the input (§7, §14.8, §14.9).
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Input {
    pub(super) missing: MissingInput,
    pub(super) extra: ExtraInput,
    pub(super) wrong_type: WrongType,
    /// Null for a required input.
    pub(super) nulls: Taken,
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
            nulls: Taken::Refuse,
            file_url: Taken::Accept,
            file_echo: FileEcho::AsSent,
            body_limit: 10 << 20,
        }
    }
}

switch!(
    /// A required input that is missing.
    MissingInput { Refuse, AsNull }
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
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Output {
    pub(super) form: OutputForm,
    /// The key that a TEXT output stands under.
    pub(super) text_key: String,
    pub(super) unset: Unset,
}

impl Default for Output {
    fn default() -> Self {
        Self { form: OutputForm::Object, text_key: "output".to_owned(), unset: Unset::AsNull }
    }
}

switch!(
    /// What `output` is on success.
    OutputForm { Object, JsonText, Empty, AsNull, Absent }
);
switch!(
    /// An output whose value is not set.
    Unset { AsNull, Absent }
);

/// Runs that fail (§4, §9, §14.1).
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
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
    FailedOutput { Absent, AsNull, Empty }
);
switch!(
    /// The bill of a failed run: charged and told, nothing, or charged without a word.
    FailedCost { Charged, Free, Untold }
);

/// `POST /v1/workflow/query/result` (§5, §14.2, §14.3, §14.15).
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
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

/// Numbers in answers (§4, §14.16).
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
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
    NumberForm { Number, Text, AsNull, Absent }
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
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
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
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
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
