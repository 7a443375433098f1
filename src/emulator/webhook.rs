//! Webhooks: which are taken, and their delivery.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use reqwest::{Client, Url};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::sync::{Semaphore, oneshot};

use super::answer::{self, Ids, Object};
use super::behaviour::{
    GetForm, Methods, OnFailed, Order, Payload, Signature, TooMany, Unfinished, Webhook, WhenSync,
};
use super::draw::Draws;
use super::ledger;
use super::run::{Mode, Run};
use super::shared::Shared;

/// How many entries a call may have (§3).
const MOST: usize = 5;

/// How many deliveries are under way at the same time.
const AT_ONCE: usize = 64;

/// How many runs may wait for their deliveries; those of one more are dropped, as any service drops them some day.
const WAITING: usize = 10_000;

/// How long a delivery that is to be swapped waits for the next one.
const SWAP_WAIT: Duration = Duration::from_millis(500);

/// An entry as a request writes it.
#[derive(Debug, Deserialize)]
pub(super) struct Written {
    method: String,
    url: String,
    #[serde(default)]
    headers: Option<BTreeMap<String, String>>,
}

/// An entry that is taken.
#[derive(Clone, Debug)]
pub(super) struct Hook {
    method: Method,
    url: Url,
    headers: HeaderMap,
}

/// Checks the entries of a call.
pub(super) fn check(rules: &Webhook, mode: Mode, mut written: Vec<Written>) -> Result<Vec<Hook>, String> {
    if mode == Mode::Sync && !written.is_empty() {
        match rules.when_sync {
            WhenSync::Ignore => return Ok(Vec::new()),
            WhenSync::Refuse => return Err("`webhook` needs `isAsync`: true".to_owned()),
            WhenSync::Deliver => {}
        }
    }
    if written.len() > MOST {
        match rules.too_many {
            TooMany::Refuse => return Err(format!("`webhook` has more than {MOST} entries")),
            TooMany::FirstFive => written.truncate(MOST),
        }
    }
    written.into_iter().map(|entry| hook(rules, entry)).collect()
}

fn hook(rules: &Webhook, written: Written) -> Result<Hook, String> {
    let method = Method::from_bytes(written.method.to_ascii_uppercase().as_bytes())
        .map_err(|_| "`webhook[].method` is no HTTP method".to_owned())?;
    if rules.methods == Methods::PostAndGet && method != Method::POST && method != Method::GET {
        return Err("`webhook[].method` must be POST or GET".to_owned());
    }
    let url = Url::parse(&written.url).map_err(|_| "`webhook[].url` is no URL".to_owned())?;
    if url.scheme() != "http" || !is_loopback(&url) {
        return Err("the emulator delivers webhooks to plain-http loopback addresses only".to_owned());
    }
    let mut headers = HeaderMap::new();
    for (name, value) in written.headers.unwrap_or_default() {
        let name = HeaderName::from_bytes(name.as_bytes());
        let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) else {
            return Err("`webhook[].headers` has a name or a value that no header can have".to_owned());
        };
        headers.insert(name, value);
    }
    Ok(Hook { method, url, headers })
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Makes deliveries.
#[derive(Debug)]
pub(super) struct Courier {
    places: Semaphore,
    waiting: Semaphore,
    /// Built with the first delivery: most emulators make none.
    client: OnceLock<Option<Client>>,
    /// A delivery that waits for the next one to overtake it.
    held: Mutex<Option<oneshot::Sender<()>>>,
}

impl Courier {
    pub(super) fn new() -> Self {
        Self {
            places: Semaphore::new(AT_ONCE),
            waiting: Semaphore::new(WAITING),
            client: OnceLock::new(),
            held: Mutex::new(None),
        }
    }

    fn client(&self) -> Option<&Client> {
        let build = || {
            // The client never speaks TLS, and yet can't be built without a provider; an earlier one serves as well.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
            client.tls_certs_only([]).build().ok()
        };
        self.client.get_or_init(build).as_ref()
    }

    /// Lets every second delivery overtake the one before it.
    async fn swap(&self) -> Option<oneshot::Sender<()>> {
        let waiting = {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            // One whose wait is over has gone ahead by itself.
            if let Some(earlier) = held.take().filter(|earlier| !earlier.is_closed()) {
                return Some(earlier);
            }
            let (sender, receiver) = oneshot::channel();
            *held = Some(sender);
            receiver
        };
        // Either way it is delivered now.
        let _ = tokio::time::timeout(SWAP_WAIT, waiting).await;
        None
    }
}

/// Delivers a run's end to all its webhooks.
pub(super) async fn deliver_all(shared: &Arc<Shared>, run: &Run, end_ms: u64, hooks: &[Hook]) {
    let rules = &shared.definition.behaviour.webhook;
    if hooks.is_empty() || (run.result.failed && rules.on_failed == OnFailed::Skip) {
        return;
    }
    let Ok(_waiting) = shared.courier.waiting.try_acquire() else {
        tracing::warn!("the webhooks of run {} are dropped: {WAITING} runs wait for theirs", run.id);
        return;
    };
    tokio::time::sleep(rules.delay.0).await;
    let overtaken = match rules.order {
        Order::Swapped => shared.courier.swap().await,
        Order::AsFinished | Order::Early => None,
    };
    let body = payload(shared, run, end_ms);
    let draws = Draws::of_query(shared.definition.seed, run.id, 0);
    let times = if draws.unit("duplicate") < rules.duplicates.0 { 2 } else { 1 };
    for hook in hooks.iter().flat_map(|hook| std::iter::repeat_n(hook, times)) {
        deliver(shared, run, hook, &body).await;
    }
    if let Some(overtaken) = overtaken {
        // It may have lost patience.
        let _ = overtaken.send(());
    }
}

fn payload(shared: &Shared, run: &Run, end_ms: u64) -> String {
    let definition = &shared.definition;
    let result = || answer::result(definition, run, end_ms, Ids::All);
    match definition.behaviour.webhook.payload {
        Payload::Result => result(),
        Payload::Ids => answer::unfinished(definition, run, run.final_status(), Unfinished::Ids, Ids::All),
        Payload::Enveloped => {
            let mut object = Object::new();
            object.raw("code", "0").text("message", "OK").raw("data", &result());
            object.finish()
        }
    }
}

/// Makes one delivery, with its further attempts.
async fn deliver(shared: &Shared, run: &Run, hook: &Hook, body: &str) {
    let rules = &shared.definition.behaviour.webhook;
    for attempt in 1..=rules.attempts {
        // Places are never closed.
        let place = shared.courier.places.acquire().await;
        let status = send(shared, run, hook, body).await;
        drop(place);
        let taken = status.is_some_and(|status| (200..300).contains(&status));
        if taken {
            shared.store().figures.delivered += 1;
        }
        if let Some(ledger) = &shared.ledger {
            // A closed ledger ends the emulator's life anyway.
            let _ = ledger.append(&ledger::delivered(run, shared.clock.now_ms(), status));
        }
        if taken || attempt == rules.attempts {
            return;
        }
        tokio::time::sleep(rules.backoff.0).await;
    }
}

/// Sends a delivery and gives the HTTP status of its answer.
async fn send(shared: &Shared, run: &Run, hook: &Hook, body: &str) -> Option<u16> {
    let rules = &shared.definition.behaviour.webhook;
    let mut url = hook.url.clone();
    let get = (hook.method == Method::GET).then_some(rules.get);
    if get == Some(GetForm::Query) {
        url.query_pairs_mut()
            .append_pair("workflowRunId", &run.id.to_string())
            .append_pair("status", run.final_status());
    }
    let mut request = shared.courier.client()?.request(hook.method.clone(), url).timeout(rules.timeout.0);
    if get.is_none_or(|form| form == GetForm::Body) {
        if rules.signature == Signature::Sha256 {
            let mut hash = Sha256::new();
            hash.update(shared.key().as_bytes());
            hash.update(body.as_bytes());
            request = request.header("X-Signature", hex::encode(hash.finalize()));
        }
        request = request.header("Content-Type", "application/json").body(body.to_owned());
    }
    let answer = request.headers(hook.headers.clone()).send().await.ok()?;
    Some(answer.status().as_u16())
}
