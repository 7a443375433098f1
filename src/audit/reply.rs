//! A stored reply, read once more: the facts that stand beside it must be those that it holds.

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::model::{Answered, Outcome, Reused, Via};
use crate::reply::{
    Body, Delivered, Judgement, PollJudgement, Received, Reply, judge_delivery, judge_invoke, judge_poll,
};

/// Gives the names of the facts that a stored reply does not bear out.
pub(super) fn differences(event: &Answered) -> Vec<&'static str> {
    let Some(reply) = decoded(event) else { return vec!["outcome (the reply is no answer)"] };
    // A reply that names no run was asked for by one that did.
    let same_run = reply.workflow_run_id.is_none() || reply.workflow_run_id == event.workflow_run_id;
    let facts = [
        ("outcome", reply.outcome == event.outcome),
        ("error", reply.error == event.error),
        ("cost", reply.cost == event.cost),
        ("tokens", reply.tokens == event.tokens),
        ("executed", reply.executed == event.executed),
        ("workflow_run_id", same_run),
        ("workflow_version", reply.workflow_version == event.workflow_version),
        ("workflow_id", reply.workflow_id == event.workflow_id),
        ("server_ms", reply.server_ms == event.server_ms),
    ];
    facts.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
}

/// The same for a result that another run has paid for. What it cost then may have been settled otherwise than by its reply.
pub(super) fn differences_of_reused(event: &Reused) -> Vec<&'static str> {
    let received =
        received(event.http_status, event.raw.as_deref(), event.raw_text.as_deref(), event.redacted);
    let Delivered::Ended(reply) = judge_delivery(&received) else {
        return vec!["outcome (the reply is no answer)"];
    };
    let facts = [
        ("outcome", reply.outcome == Outcome::Succeeded),
        ("workflow_version", reply.workflow_version == event.workflow_version),
        ("workflow_id", reply.workflow_id == event.workflow_id),
        ("server_ms", reply.server_ms == event.server_ms),
    ];
    facts.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
}

fn received(status: u16, raw: Option<&RawValue>, raw_text: Option<&str>, redacted: bool) -> Received {
    let text = raw.map(RawValue::get).or(raw_text).unwrap_or_default();
    let body = Body::Whole(Bytes::copy_from_slice(text.as_bytes()));
    Received::Response { status, retry_after: None, location: None, body, redacted }
}

fn decoded(event: &Answered) -> Option<Reply> {
    let received =
        received(event.http_status, event.raw.as_deref(), event.raw_text.as_deref(), event.redacted);
    match event.via {
        Via::Reply | Via::Submit => match judge_invoke(&received) {
            Judgement::Answered(reply) => Some(*reply),
            _ => None,
        },
        Via::Poll => match judge_poll(&received, event.workflow_run_id.as_deref().unwrap_or_default()) {
            PollJudgement::Answered(reply) => Some(*reply),
            _ => None,
        },
        Via::Webhook => match judge_delivery(&received) {
            Delivered::Ended(reply) => Some(*reply),
            _ => None,
        },
        // The run log tells of runs, and answers nothing.
        Via::RunLog => None,
    }
}
