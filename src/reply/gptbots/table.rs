//! The one table: what was received, to what it means. Whether it answers an invoke or a poll does not matter here.

use crate::model::{ErrorKind, RowError, StopCause};
use crate::reply::gptbots::wire::{Run, Said, is_services_own};
use crate::reply::{Body, Received};

/// What an answer means.
pub(super) enum Meaning<'a> {
    /// The service speaks of a run: there is a status word, or an id.
    Run(Box<Run<'a>>),
    /// Anything else, and how it is told to a person.
    Trouble(Trouble, RowError),
}

/// What stands in the way of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The request did not reach the service, or it was not ready to take it.
    NotTaken,
    /// The service asks to slow down.
    Throttled,
    /// It would be the same for every row.
    Stop(StopCause),
    /// Definitely refused; nothing was executed.
    Refused,
    /// Definitely refused by something in front of the service; nothing was executed.
    Forbidden,
    /// The service says that it failed, maybe half-way.
    Failed,
    /// Nobody says what became of the request.
    Unknown,
}

/// What is known of a response.
struct Response<'a> {
    status: u16,
    /// Whether the service says when to come back.
    retry_after: bool,
    body: &'a Body,
    /// The service's own error code.
    code: Option<&'a str>,
}

/// Gives what an answer means.
pub(super) fn meaning_of(received: &Received) -> Meaning<'_> {
    let (status, retry_after, location, body) = match received {
        Received::NotSent { message } => {
            return told(Trouble::NotTaken, ErrorKind::CONNECT, format!("nothing was sent: {message}"));
        }
        // Subtle: a row is not to blame for it, and another attempt would meet the same.
        Received::OutOfFiles { message } => {
            return told(Trouble::Stop(StopCause::Disk), ErrorKind::CONNECT, message.clone());
        }
        Received::Lost { timed_out: true, message } => {
            return told(Trouble::Unknown, ErrorKind::TIMEOUT, format!("no answer in time: {message}"));
        }
        Received::Lost { timed_out: false, message } => {
            let message = format!("the connection was lost before an answer came: {message}");
            return told(Trouble::Unknown, ErrorKind::CONNECTION_LOST, message);
        }
        Received::Response { status, retry_after, location, body, .. } => {
            (*status, retry_after.is_some(), location.as_deref(), body)
        }
    };
    let said = whole_text(body).and_then(Said::read).unwrap_or_default();
    let code = said.code.clone();
    // Subtle: outside of 2xx a bare `status` may be anybody's word; there, only a run id speaks of a run.
    let about_a_run = match status {
        300..=399 => false,
        200..=299 => said.run.is_about_a_run(),
        _ => said.run.workflow_run_id().is_some(),
    };
    if about_a_run {
        return Meaning::Run(Box::new(said.run));
    }
    let (trouble, kind) = look_up(&Response { status, retry_after, body, code: code.as_deref() });
    let reason = if trouble == Trouble::Stop(StopCause::Network) {
        location.map(|host| format!("to {host}"))
    } else {
        said.run.message()
    };
    let message = message_of(&kind, status, code.as_deref(), reason.as_deref());
    Meaning::Trouble(trouble, RowError { kind, message, http_status: Some(status), code })
}

/// The table itself; the first line that fits counts.
///
/// Codes: gptbots-workflow-api.md, section 8.
fn look_up(response: &Response<'_>) -> (Trouble, ErrorKind) {
    let stop = Trouble::Stop;
    match (response.status, response.code) {
        (300..=399, _) => (stop(StopCause::Network), ErrorKind::REDIRECT),
        (_, Some("40001")) | (429, _) => (Trouble::Throttled, ErrorKind::THROTTLED),
        (_, Some("20022" | "40379" | "COIN_NOT_ENOUGH")) => (stop(StopCause::Credits), ErrorKind::NO_CREDITS),
        (_, Some("40127" | "20055")) | (401, _) | (403, Some(_)) => {
            (stop(StopCause::Authentication), ErrorKind::AUTHENTICATION)
        }
        (503, _) if response.retry_after => (Trouble::Throttled, ErrorKind::UNAVAILABLE),
        // From here on the body decides, so all of it has to be there.
        _ if matches!(response.body, Body::Cut(_)) => (Trouble::Unknown, ErrorKind::REPLY_CUT),
        _ if matches!(response.body, Body::TooLarge(_)) => (Trouble::Unknown, ErrorKind::REPLY_TOO_LARGE),
        // An internal error may come half-way, and then be billed.
        (200..=299, Some("50000")) => (Trouble::Failed, ErrorKind::SERVICE_ERROR),
        (200..=299, Some(_)) => (Trouble::Refused, ErrorKind::SERVICE_ERROR),
        (200..=299, None) => (Trouble::Unknown, ErrorKind::REPLY_UNREADABLE),
        (503, Some(code)) if is_services_own(code) => (Trouble::NotTaken, ErrorKind::UNAVAILABLE),
        (408 | 502..=504, _) => (Trouble::Unknown, ErrorKind::GATEWAY),
        (403, None) => (Trouble::Forbidden, ErrorKind::FORBIDDEN),
        (400..=499, _) => (Trouble::Refused, ErrorKind::BAD_REQUEST),
        (500..=599, Some(_)) => (Trouble::Failed, ErrorKind::SERVER_ERROR),
        _ => (Trouble::Unknown, ErrorKind::GATEWAY),
    }
}

fn message_of(kind: &ErrorKind, status: u16, code: Option<&str>, reason: Option<&str>) -> String {
    let lead = match kind.as_str() {
        "redirect" => {
            "the service answered with a redirect, which is never followed: check `workflow.base_url`"
        }
        "throttled" => "the service asks to slow down",
        "no_credits" => "the account has no credits left",
        "authentication" => "the service refused the API key",
        "unavailable" => "the service is not available",
        "forbidden" => "something in front of the service forbids the request",
        "bad_request" => "the service refused the request",
        "server_error" => "the service failed",
        "service_error" => "the service answered with an error",
        "reply_cut" => "the reply was cut short",
        "reply_too_large" => "the reply is larger than `workflow.body_limit`",
        "reply_unreadable" => "the reply is not the service's answer",
        _ => "a gateway answered in the service's place, or the service without its own words",
    };
    let code = code.map_or(String::new(), |code| format!(", code {code}"));
    let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
    format!("{lead} (HTTP {status}{code}){reason}")
}

fn told(trouble: Trouble, kind: ErrorKind, message: String) -> Meaning<'static> {
    Meaning::Trouble(trouble, RowError::new(kind, message))
}

pub(super) fn whole_text(body: &Body) -> Option<&str> {
    match body {
        Body::Whole(bytes) => std::str::from_utf8(bytes).ok(),
        Body::Cut(_) | Body::TooLarge(_) => None,
    }
}
