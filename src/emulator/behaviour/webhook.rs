//! The switches of webhooks.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::emulator::units::{Share, Span};

/// Webhooks (§6, §14.4).
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::emulator) struct Webhook {
    pub(in crate::emulator) when_sync: WhenSync,
    pub(in crate::emulator) too_many: TooMany,
    pub(in crate::emulator) methods: Methods,
    pub(in crate::emulator) get: GetForm,
    pub(in crate::emulator) payload: Payload,
    pub(in crate::emulator) on_failed: OnFailed,
    /// How often a delivery is tried that is not answered with 2xx.
    pub(in crate::emulator) attempts: u32,
    pub(in crate::emulator) backoff: Span,
    pub(in crate::emulator) timeout: Span,
    pub(in crate::emulator) order: Order,
    /// The share of deliveries that are made twice.
    pub(in crate::emulator) duplicates: Share,
    /// How long after its end a run is delivered.
    pub(in crate::emulator) delay: Span,
    pub(in crate::emulator) signature: Signature,
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
