//! `POST /v1/workflow/query/result`.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request as HttpRequest, State};
use axum::response::Response;
use serde::Deserialize;

use super::answer::{self, Ids, Ready};
use super::behaviour::{Found, Transitions};
use super::connection::Wire;
use super::draw::{Draws, RunId};
use super::run::{Mode, Run};
use super::shared::Shared;
use super::spoil;
use super::store::Progress;
use super::witness::Request;

/// The request's body (§5).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    #[serde(borrow)]
    workflow_run_id: Cow<'a, str>,
}

/// Handles a query of a result.
pub(super) async fn query(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    request: HttpRequest,
) -> Response {
    let (parts, body) = request.into_parts();
    match shared.refuse(Request::Poll, &parts.headers) {
        Some(refusal) => refusal,
        None => handle(&shared, &wire, body).await.unwrap_or_else(|early| early),
    }
}

async fn handle(shared: &Shared, wire: &Wire, body: Body) -> Result<Response, Response> {
    let bytes = shared.body(body).await?;
    let written: Written<'_> = serde_json::from_slice(&bytes)
        .map_err(|error| shared.invalid(&format!("the body can't be read: {error}")))?;
    let definition = &shared.definition;
    let unknown = || shared.error(definition.behaviour.error.unknown_run, "the run does not exist");
    let id = RunId::parse(&written.workflow_run_id).ok_or_else(unknown)?;
    let entry = {
        let mut store = shared.store();
        let entry = store.get_mut(id).ok_or_else(unknown)?;
        entry.polls = entry.polls.saturating_add(1);
        entry.clone()
    };
    let rules = &definition.behaviour.query;
    let visible_ms = entry.accepted_ms.saturating_add(rules.visible_after.ms());
    let hidden = entry.mode == Mode::Sync && rules.sync_runs == Found::Unknown;
    if hidden || shared.clock.now_ms() < visible_ms {
        return Err(unknown());
    }
    let run = shared.particulars(&entry).ok_or_else(|| shared.broken())?;
    let body = match entry.progress {
        Progress::Finished { end_ms } => answer::result(definition, &run, end_ms, Ids::All),
        progress => {
            let status = word(shared, &run, progress);
            answer::unfinished(definition, &run, status, rules.unfinished, Ids::All)
        }
    };
    let fault = definition.poll_faults.draw(Draws::of_query(definition.seed, id, entry.polls));
    Ok(spoil::after(shared, wire, fault, Ready::json(200, body)).await)
}

/// The status word of a run that has not ended.
fn word(shared: &Shared, run: &Run, progress: Progress) -> &'static str {
    let behaviour = &shared.definition.behaviour;
    if run.odd_status {
        return behaviour.fault.status_word.word();
    }
    let running = match progress {
        Progress::Running { since_ms } => shared.clock.now_ms() >= since_ms,
        Progress::Queued | Progress::Finished { .. } => false,
    };
    match behaviour.query.transitions {
        Transitions::RunningOnly => "RUNNING",
        Transitions::PendingRunning if running => "RUNNING",
        Transitions::PendingRunning | Transitions::PendingOnly => "PENDING",
    }
}
