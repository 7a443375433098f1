//! The GPTBots Workflow API's answers: what each meaning comes to for an invoke, and for a query of the result.

mod records;
mod table;
#[cfg(test)]
mod tests;
mod wire;

use std::time::Duration;

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::model::{ErrorKind, Json, Outcome, RowError, StopCause};
use crate::reply::gptbots::table::{Meaning, Trouble, meaning_of};
use crate::reply::gptbots::wire::{Run, Said};
use crate::reply::{Body, Delivered, Judgement, PollJudgement, Received, Refusal, Reply};

pub use records::{read_credits, read_run_log};

/// How much of a body is kept when its meaning is unknown, in bytes.
const BODY_START_BYTES: usize = 4096;

/// Judges the answer to `POST /v1/workflow/invoke`.
pub fn judge_invoke(received: &Received) -> Judgement {
    let (trouble, error) = match meaning_of(received) {
        Meaning::Run(run) => return judge_run(received, &run),
        Meaning::Trouble(trouble, error) => (trouble, error),
    };
    let retry_after = retry_after(received);
    let refused =
        |error, throttled, stop| Judgement::Refused(Refusal { error, retry_after, throttled, stop });
    let failed = |error, executed| {
        Judgement::Answered(Box::new(Reply { error: Some(error), executed, ..bare_reply(received) }))
    };
    match trouble {
        Trouble::NotTaken => refused(error, false, None),
        Trouble::Throttled => refused(error, true, None),
        Trouble::Stop(cause) => refused(error, false, Some(cause)),
        Trouble::Refused | Trouble::Forbidden => failed(error, false),
        Trouble::Failed => failed(error, true),
        Trouble::Unknown => Judgement::Ambiguous { error, body: body_start(received) },
    }
}

/// Judges the answer to `POST /v1/workflow/query/result` for a run id.
pub fn judge_poll(received: &Received, workflow_run_id: &str) -> PollJudgement {
    let (trouble, error) = match meaning_of(received) {
        Meaning::Run(run) => return judge_polled_run(received, &run, workflow_run_id),
        Meaning::Trouble(trouble, error) => (trouble, error),
    };
    let retry_after = retry_after(received);
    let again =
        |error, throttled| PollJudgement::Again(Refusal { error, retry_after, throttled, stop: None });
    match trouble {
        Trouble::Throttled => again(error, true),
        // Asking again brings the same bytes; the user must learn which limit to raise.
        Trouble::Unknown if error.kind == ErrorKind::REPLY_TOO_LARGE && is_success(received) => {
            PollJudgement::Refused(error)
        }
        // A poll is free, so even an error on the service's side is given time to pass.
        Trouble::NotTaken | Trouble::Failed | Trouble::Unknown => again(error, false),
        Trouble::Stop(cause) => PollJudgement::Stop(cause, error),
        // Subtle: for a row it would be final, but here the row has a run, which is kept by stopping.
        Trouble::Forbidden => PollJudgement::Stop(StopCause::Authentication, error),
        Trouble::Refused => PollJudgement::Refused(RowError { kind: ErrorKind::POLL_REFUSED, ..error }),
    }
}

/// Judges what a webhook delivered: the object that a query answers with, as far as documents tell
/// (gptbots-workflow-api.md, section 6).
pub fn judge_delivery(received: &Received) -> Delivered {
    let Meaning::Run(run) = meaning_of(received) else { return Delivered::Nothing };
    if let Some(reply) = ended_run(received, &run) {
        return Delivered::Ended(Box::new(reply));
    }
    match run.workflow_run_id() {
        Some(workflow_run_id) => Delivered::Known {
            workflow_run_id,
            workflow_version: run.workflow_version(),
            workflow_id: run.workflow_id(),
        },
        None => Delivered::Nothing,
    }
}

/// Gives the workflow's output out of a raw reply, in the reply's own text; none when it is absent or null.
pub fn output_of(raw: &RawValue) -> Option<&RawValue> {
    Said::read(raw.get())?.run.output
}

/// Gives the workflow's output out of a reply that was kept as text, as JSON on one line.
pub fn output_of_text(raw_text: &str) -> Option<Json> {
    let output = Said::read(raw_text)?.run.output?.get();
    // A line break in JSON is white space: inside of strings it is escaped.
    RawValue::from_string(output.replace(['\n', '\r'], " ")).ok()
}

fn judge_run(received: &Received, run: &Run<'_>) -> Judgement {
    if let Some(reply) = ended_run(received, run) {
        return Judgement::Answered(Box::new(reply));
    }
    if let Some(workflow_run_id) = run.workflow_run_id() {
        let (workflow_version, workflow_id) = (run.workflow_version(), run.workflow_id());
        return Judgement::Acknowledged { workflow_run_id, workflow_version, workflow_id };
    }
    let status_word = run.status().unwrap_or_default();
    let message = format!("the service answered with status {status_word} and no run id to ask for");
    let error = RowError::new(ErrorKind::REPLY_UNREADABLE, message);
    Judgement::Ambiguous {
        error: RowError { http_status: status(received), ..error },
        body: body_start(received),
    }
}

fn judge_polled_run(received: &Received, run: &Run<'_>, ours: &str) -> PollJudgement {
    if let Some(theirs) = run.workflow_run_id().filter(|theirs| theirs != ours) {
        let message = format!("asked for the workflow run {ours}, the service answered about {theirs}");
        let error = RowError::new(ErrorKind::POLL_REFUSED, message);
        return PollJudgement::Refused(RowError { http_status: status(received), ..error });
    }
    match ended_run(received, run) {
        Some(reply) => {
            PollJudgement::Answered(Box::new(Reply { workflow_run_id: Some(ours.to_owned()), ..reply }))
        }
        None => PollJudgement::Pending,
    }
}

/// Reads a run that has ended; none when it has not, or its status is a word that is not known.
fn ended_run(received: &Received, run: &Run<'_>) -> Option<Reply> {
    let error = match run.status()?.as_str() {
        "SUCCEED" => None,
        "FAILED" => {
            let message = run.reason().unwrap_or_else(|| {
                "the workflow ended with status FAILED; the API gives no reason".to_owned()
            });
            let error = RowError::new(ErrorKind::WORKFLOW_FAILED, message);
            Some(RowError { http_status: status(received), code: run.code(), ..error })
        }
        _ => return None,
    };
    Some(Reply {
        outcome: if error.is_none() { Outcome::Succeeded } else { Outcome::Failed },
        error,
        cost: run.cost(),
        tokens: run.tokens(),
        executed: true,
        workflow_run_id: run.workflow_run_id(),
        workflow_id: run.workflow_id(),
        workflow_version: run.workflow_version(),
        server_ms: run.server_ms(),
        ..bare_reply(received)
    })
}

/// A failed reply that carries the body and nothing read from it.
fn bare_reply(received: &Received) -> Reply {
    let (raw, raw_text) = bytes_of(received).map_or((None, None), raw_of);
    let redacted = matches!(received, Received::Response { redacted: true, .. });
    Reply {
        outcome: Outcome::Failed,
        error: None,
        http_status: status(received).unwrap_or(0),
        cost: None,
        tokens: None,
        executed: false,
        workflow_run_id: None,
        workflow_id: None,
        workflow_version: None,
        server_ms: None,
        raw,
        raw_text,
        redacted,
    }
}

/// Keeps a body as JSON, byte for byte, when it is JSON on one line (white space around it left off); else as text.
fn raw_of(bytes: &Bytes) -> (Option<Json>, Option<String>) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return (None, Some(String::from_utf8_lossy(bytes).into_owned()));
    };
    let value = text.trim_matches(wire::WHITE_SPACE);
    if !value.contains(['\n', '\r'])
        && let Ok(raw) = serde_json::from_str::<&RawValue>(value)
    {
        return (Some(raw.to_owned()), None);
    }
    (None, (!text.is_empty()).then(|| text.to_owned()))
}

fn body_start(received: &Received) -> Option<String> {
    let bytes = bytes_of(received)?;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(BODY_START_BYTES)]);
    // Subtle: the sign for a byte that is no text is longer than the byte.
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
    ends.take_while(|end| *end <= BODY_START_BYTES).last().map(|end| text[..end].to_owned())
}

fn bytes_of(received: &Received) -> Option<&Bytes> {
    match received {
        Received::Response {
            body: Body::Whole(bytes) | Body::Cut(bytes) | Body::TooLarge(bytes), ..
        } => Some(bytes),
        _ => None,
    }
}

fn status(received: &Received) -> Option<u16> {
    match received {
        Received::Response { status, .. } => Some(*status),
        _ => None,
    }
}

fn is_success(received: &Received) -> bool {
    status(received).is_some_and(|status| (200..300).contains(&status))
}

fn retry_after(received: &Received) -> Option<Duration> {
    match received {
        Received::Response { retry_after, .. } => *retry_after,
        _ => None,
    }
}
