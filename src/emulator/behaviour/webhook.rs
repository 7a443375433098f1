//! The switches of webhooks.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::units::{Share, Span};

/// Webhooks (§6, §14.4).
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in super::super) struct Webhook {
    pub(in super::super) when_sync: WhenSync,
    pub(in super::super) too_many: TooMany,
    pub(in super::super) methods: Methods,
    pub(in super::super) get: GetForm,
    pub(in super::super) payload: Payload,
    pub(in super::super) on_failed: OnFailed,
    /// How often a delivery is tried that is not answered with 2xx.
    pub(in super::super) attempts: u32,
    pub(in super::super) backoff: Span,
    pub(in super::super) timeout: Span,
    pub(in super::super) order: Order,
    /// The share of deliveries that are made twice.
    pub(in super::super) duplicates: Share,
    /// How long after its end a run is delivered.
    pub(in super::super) delay: Span,
    pub(in super::super) signature: Signature,
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
