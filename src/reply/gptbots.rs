//! The GPTBots Workflow API's answers.

use serde_json::value::RawValue;

use crate::reply::{Judgement, PollJudgement, Received};

/// Judges the answer to `POST /v1/workflow/invoke`.
pub fn judge_invoke(_received: &Received) -> Judgement {
    unimplemented!()
}

/// Judges the answer to `POST /v1/workflow/query/result` for a run id.
pub fn judge_poll(_received: &Received, _workflow_run_id: &str) -> PollJudgement {
    unimplemented!()
}

/// Gives the workflow's output out of a raw reply, in the reply's own text.
pub fn output_of(_raw: &RawValue) -> Option<&RawValue> {
    unimplemented!()
}
