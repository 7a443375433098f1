//! `POST /v1/workflow/invoke`.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request as HttpRequest, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::answer::{self, Ids, Ready};
use super::behaviour::{AtLimit, Order, SameRequest, Unfinished};
use super::connection::Wire;
use super::draw::{Draws, InputDigest};
use super::fault::Fault;
use super::input;
use super::ledger::LedgerError;
use super::life::{self, Ended};
use super::run::{Asked, Mode, Run};
use super::shared::Shared;
use super::spoil;
use super::webhook::{self, Hook};
use super::witness::Request;

/// The request's body (§3). Keys that no document names are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    #[serde(borrow, default)]
    user_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
    #[serde(default)]
    is_async: Option<bool>,
    #[serde(default)]
    webhook: Option<Vec<webhook::Written>>,
}

/// Handles an invoke.
pub(super) async fn invoke(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    request: HttpRequest,
) -> Response {
    let (parts, body) = request.into_parts();
    match shared.refuse(Request::Invoke, &parts.headers) {
        Some(refusal) => refusal,
        // An early answer is an answer like the others.
        None => handle(&shared, &wire, body).await.unwrap_or_else(|early| early),
    }
}

async fn handle(shared: &Arc<Shared>, wire: &Wire, body: Body) -> Result<Response, Response> {
    let bytes = shared.body(body).await?;
    let written: Written<'_> = serde_json::from_slice(&bytes)
        .map_err(|error| shared.invalid(&format!("the body can't be read: {error}")))?;
    let text = written.input.ok_or_else(|| shared.invalid("`input` is required"))?;
    let given: Map<String, Value> = serde_json::from_str(text.get())
        .map_err(|error| shared.invalid(&format!("`input` must be an object: {error}")))?;
    let definition = &shared.definition;
    let checked = input::check(&definition.inputs.fields, &definition.behaviour.input, given)
        .map_err(|message| shared.invalid(&message))?;
    let mode = if written.is_async == Some(true) { Mode::Async } else { Mode::Sync };
    let hooks = webhook::check(&definition.behaviour.webhook, mode, written.webhook.unwrap_or_default())
        .map_err(|message| shared.invalid(&message))?;
    let user_id = written.user_id.as_deref();
    let digest = InputDigest::of(text.get());

    if definition.behaviour.invoke.same_request == SameRequest::Joins
        && let Some(run) = shared.store().twin(user_id, &digest)
    {
        return Ok(accepted(shared, &run, Ids::All).into_response());
    }
    let (nth, unfinished) = {
        let mut store = shared.store();
        (store.count(user_id, &digest), store.unfinished)
    };
    let user = user_id.unwrap_or_default();
    let draws = Draws::of_request(definition.seed, user, &digest, nth);
    let fault = definition.forced.of(user, nth).unwrap_or_else(|| definition.faults.draw(draws));
    if !fault.executes(&definition.behaviour.fault) {
        return Ok(spoil::instead(shared, wire, fault).await);
    }
    if unfinished >= definition.queue {
        return Err(shared.unavailable(definition.behaviour.fault.retry_after.0));
    }
    let asked = Asked { user_id, text, input: checked, digest, nth, mode };
    let run = Arc::new(Run::decide(definition, &asked, fault, shared.clock.now_ms()));
    let ready = start(shared, wire, &run, fault, hooks).await.map_err(|_| shared.broken())?;
    Ok(spoil::after(shared, wire, fault, ready).await)
}

/// Starts a run and gives what an honest service answers, when it does.
async fn start(
    shared: &Arc<Shared>,
    wire: &Wire,
    run: &Arc<Run>,
    fault: Fault,
    hooks: Vec<Hook>,
) -> Result<Ready, LedgerError> {
    let early = shared.definition.behaviour.webhook.order == Order::Early && !hooks.is_empty();
    let (position, ended) = life::accept(shared, run, hooks)?;
    let at_once = run.mode == Mode::Async
        || matches!(fault, Fault::UnknownStatus | Fault::Hang | Fault::UnavailableBare);
    if !at_once {
        return wait(shared, wire, run, ended, Ids::of(fault)).await;
    }
    if let (Some(ledger), Some(position)) = (&shared.ledger, position) {
        ledger.durable(position).await?;
    }
    if early {
        // Delivered before the end is told; an end that can't be told leaves the acceptance as it is.
        let _ = ended.await;
    }
    Ok(accepted(shared, run, Ids::of(fault)))
}

/// The answer to an acceptance.
fn accepted(shared: &Shared, run: &Run, ids: Ids) -> Ready {
    let definition = &shared.definition;
    let rules = &definition.behaviour.invoke;
    let status = if run.odd_status { definition.behaviour.fault.status_word.word() } else { "PENDING" };
    let body = answer::unfinished(definition, run, status, rules.accepted, ids);
    Ready::json(rules.accepted_status, body)
}

/// Waits for a synchronous run's end, or for the limit of such calls.
async fn wait(shared: &Shared, wire: &Wire, run: &Run, ended: Ended, ids: Ids) -> Result<Ready, LedgerError> {
    let definition = &shared.definition;
    let end_ms = match definition.behaviour.sync.limit {
        Some(limit) if run.over_limit => {
            tokio::time::sleep(limit.0).await;
            None
        }
        // The queue can take longer than the limit, too.
        Some(limit) => tokio::time::timeout(limit.0, ended).await.ok(),
        None => Some(ended.await),
    };
    let Some(end_ms) = end_ms else { return Ok(at_limit(shared, wire, run)) };
    let end_ms = end_ms.map_err(|_| LedgerError::Closed)?;
    let rules = &definition.behaviour;
    let status = if run.result.failed { rules.failed.status } else { rules.invoke.status };
    Ok(Ready::json(status, answer::result(definition, run, end_ms, ids)))
}

/// The answer to a synchronous call that took too long.
fn at_limit(shared: &Shared, wire: &Wire, run: &Run) -> Ready {
    let definition = &shared.definition;
    let internal = definition.behaviour.error.internal;
    match definition.behaviour.sync.at_limit {
        AtLimit::Gateway504 => Ready::page(504, "504 Gateway Time-out"),
        AtLimit::Reset => {
            wire.cut();
            Ready::page(504, "")
        }
        AtLimit::Running => {
            Ready::json(200, answer::unfinished(definition, run, "RUNNING", Unfinished::Ids, Ids::All))
        }
        AtLimit::ServerError => Ready::json(
            internal.status,
            answer::envelope(&definition.behaviour, internal.code, "the run took too long"),
        ),
    }
}
