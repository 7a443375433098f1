//! The faults on the wire: answers that are refused, replaced, cut, dripped or never given.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_LENGTH, HeaderValue};
use axum::response::Response;
use futures::stream;

use super::answer::{self, Ready};
use super::connection::Wire;
use super::fault::Fault;
use super::shared::Shared;

/// How many pieces a slow body comes in, at most.
const DRIPS: usize = 16;

/// Answers a request whose fault keeps it from being executed.
pub(super) async fn instead(shared: &Shared, wire: &Wire, fault: Fault) -> Response {
    after(shared, wire, fault, Ready::json(200, "{}".to_owned())).await
}

/// Gives what the fault makes of an answer.
pub(super) async fn after(shared: &Shared, wire: &Wire, fault: Fault, ready: Ready) -> Response {
    let behaviour = &shared.definition.behaviour;
    let errors = &behaviour.error;
    let page = |status, title| Ready::page(status, title).into_response();
    match fault {
        Fault::None | Fault::Failed | Fault::UnknownStatus | Fault::NoRunId => ready.into_response(),
        Fault::BadRequest => shared.invalid("invalid parameter"),
        Fault::ServerError => shared.error(errors.internal, "java.lang.NullPointerException"),
        Fault::ErrorIn200 => {
            answer::json(200, answer::envelope(behaviour, errors.internal.code, "internal error"))
        }
        Fault::Unavailable => shared.unavailable(behaviour.fault.retry_after.0),
        Fault::UnavailableBare => page(503, "503 Service Temporarily Unavailable"),
        Fault::Throttled => {
            shared.store().figures.throttled += 1;
            shared.throttled(behaviour.fault.retry_after.0)
        }
        Fault::Gateway502 => page(502, "502 Bad Gateway"),
        Fault::Gateway504 => page(504, "504 Gateway Time-out"),
        Fault::ResetBeforeAccept | Fault::ResetAfterAccept => {
            wire.cut();
            ready.into_response()
        }
        Fault::CutBody => cut(&ready),
        Fault::NotJson => Ready { body: half(&ready.body), ..ready }.into_response(),
        Fault::SlowBody => slow(ready, behaviour.fault.drip.0),
        Fault::Redirect => answer::redirect(&format!("http://{}/moved", shared.address)),
        Fault::ForbiddenHtml => page(403, "403 Forbidden"),
        Fault::Hang => std::future::pending().await,
    }
}

/// Gives the first half of a text, which is no JSON.
fn half(text: &str) -> String {
    let middle = (1..=text.len() / 2).rev().find(|at| text.is_char_boundary(*at));
    middle.map_or("<", |at| &text[..at]).to_owned()
}

/// Promises the whole body, sends half of it and closes the connection.
fn cut(ready: &Ready) -> Response {
    let length = ready.body.len().max(2);
    let first = Bytes::from(half(&ready.body));
    // Subtle: one turn of the runtime lies between the half and the error, so that the half is on the wire.
    let body = stream::unfold(Some(first), |left| async move {
        match left {
            Some(first) if !first.is_empty() => Some((Ok(first), Some(Bytes::new()))),
            Some(_) => {
                tokio::task::yield_now().await;
                Some((Err(io::Error::from(io::ErrorKind::ConnectionAborted)), None))
            }
            None => None,
        }
    });
    let mut response = answer::with_body(ready.status, ready.media_type, Body::from_stream(body));
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// Sends the body piece by piece.
fn slow(ready: Ready, over: Duration) -> Response {
    let bytes = Bytes::from(ready.body);
    let piece = bytes.len().div_ceil(DRIPS).max(1);
    let pieces = u32::try_from(bytes.len().div_ceil(piece).max(1)).unwrap_or(u32::MAX);
    let length = bytes.len();
    let body = stream::unfold(bytes, move |mut left| async move {
        if left.is_empty() {
            return None;
        }
        tokio::time::sleep(over / pieces).await;
        let next = left.split_to(piece.min(left.len()));
        Some((Ok::<_, Infallible>(next), left))
    });
    let mut response = answer::with_body(ready.status, ready.media_type, Body::from_stream(body));
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    response
}
