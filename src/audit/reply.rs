//! A stored reply, read once more: the facts that stand beside it must be those that it holds.

use bytes::Bytes;

use crate::model::{Answered, Via};
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

fn decoded(event: &Answered) -> Option<Reply> {
    let text = event.raw.as_ref().map(|raw| raw.get()).or(event.raw_text.as_deref()).unwrap_or_default();
    let received = Received::Response {
        status: event.http_status,
        retry_after: None,
        location: None,
        body: Body::Whole(Bytes::copy_from_slice(text.as_bytes())),
        redacted: event.redacted,
    };
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
