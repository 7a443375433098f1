//! A results row: what is said of one row of the dataset, in the fields and the order of the contract.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::checks::{Checks, Facts, Judgement};
use crate::model::{
    Answered, Cost, Kept, Outcome, RowError, RowFacts, RowKey, RowNumber, RowState, RunEvent,
};
use crate::reply;

/// One object of results.jsonl.
#[derive(Debug, Serialize)]
pub struct ResultRow<'a> {
    /// The row's place in the dataset, from 1.
    pub row_number: RowNumber,
    /// Its key; null when the row was never begun, or its record is too broken to have one.
    pub row_key: Option<&'a RowKey>,
    /// Which of its record's rows it is, from 1; absent where each record is one row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
    /// The rendered input; files stand in it as `{file, format, bytes, sha256}`.
    pub input: Option<&'a RawValue>,
    /// The workflow's output in the reply's own text, so that no digit of it is lost.
    pub output: Option<Cow<'a, RawValue>>,
    /// Why it did not succeed.
    pub error: Option<ResultError<'a>>,
    /// Sends of invoke that were not throttled.
    pub attempts: u32,
    /// The provider's run id.
    pub workflow_run_id: Option<&'a str>,
    /// The version that ran.
    pub workflow_version: Option<&'a str>,
    /// The sum over the row's executions; null when one of them is unknown.
    pub cost: Option<Cost>,
    /// The same for tokens.
    pub tokens: Option<u64>,
    /// From the send of the last attempt to its result.
    pub latency_ms: Option<u64>,
    /// The execution time that the service reports.
    pub server_ms: Option<u64>,
    /// How long the row waited for a place; null when it was not sent.
    pub queue_ms: Option<u64>,
    /// Time in back-off and pauses; null when it was not sent.
    pub backoff_ms: Option<u64>,
    /// When it was first about to be sent: RFC 3339, UTC, ms.
    pub started_at: Option<String>,
    /// When it ended: RFC 3339, UTC, ms.
    pub finished_at: Option<String>,
    /// `started_at` in ms since 1970, for what counts by time.
    #[serde(skip)]
    pub started_ms: Option<u64>,
    /// `finished_at` in ms since 1970.
    #[serde(skip)]
    pub finished_ms: Option<u64>,
    /// Verdicts of checks by name; none for a row without an answer.
    pub checks: Checks,
    /// The run that paid for the result, and what it took there; absent for a result of this run's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reused: Option<ReusedResult<'a>>,
}

/// A result that an earlier run has paid for.
#[derive(Debug, Serialize)]
pub struct ReusedResult<'a> {
    /// That run.
    pub run_id: &'a str,
    /// Its row.
    pub row_number: RowNumber,
    /// When the answer came: RFC 3339, UTC, ms.
    pub answered_at: Option<String>,
    /// What it cost; null when that is not known.
    pub cost: Option<Cost>,
    /// The tokens it took; null when that is not known.
    pub tokens: Option<u64>,
    /// From the send of its last attempt to its result.
    pub latency_ms: Option<u64>,
    /// The execution time that the service reported.
    pub server_ms: Option<u64>,
}

impl<'a> From<&'a Kept> for ReusedResult<'a> {
    fn from(kept: &'a Kept) -> Self {
        let Kept { from, answered_ms, cost, tokens, latency_ms, server_ms } = kept;
        Self {
            run_id: &from.run_id,
            row_number: from.row,
            answered_at: instant(*answered_ms),
            cost: *cost,
            tokens: *tokens,
            latency_ms: *latency_ms,
            server_ms: *server_ms,
        }
    }
}

/// Why a row did not succeed, with every field written.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ResultError<'a> {
    /// The stable word to group by.
    pub kind: &'a str,
    /// What happened, for a person.
    pub message: &'a str,
    /// The HTTP status, when there was a response.
    pub http_status: Option<u16>,
    /// The service's own error code.
    pub code: Option<&'a str>,
}

impl<'a> From<&'a RowError> for ResultError<'a> {
    fn from(error: &'a RowError) -> Self {
        Self {
            kind: error.kind.as_str(),
            message: &error.message,
            http_status: error.http_status,
            code: error.code.as_deref(),
        }
    }
}

impl ResultError<'_> {
    const fn own(kind: &'static str, message: &'static str) -> Self {
        Self { kind, message, http_status: None, code: None }
    }
}

impl<'a> ResultRow<'a> {
    /// Says what the journal knows of a row.
    pub fn of(facts: &'a RowFacts) -> Self {
        let outcome = facts.outcome();
        let end = end_of(facts);
        let answer = answer_of(facts);
        let (started_ms, intended) = match &facts.begun {
            Some((t_ms, RunEvent::Intended(event))) => (Some(*t_ms), Some(event)),
            _ => (None, None),
        };
        // What was reused was neither sent nor waited for.
        let own = facts.kept.is_none();
        let started_ms = started_ms.filter(|_| own);
        let finished_ms = end.map(|(t_ms, _)| *t_ms).filter(|_| own);
        let sent = intended.filter(|_| own && !matches!(outcome, Outcome::Rejected | Outcome::NotRun));
        Self {
            row_number: facts.number,
            row_key: match &facts.begun {
                Some((_, RunEvent::Intended(event))) => event.key.as_ref(),
                Some((_, RunEvent::Rejected(event))) => event.key.as_ref(),
                _ => None,
            },
            repeat: None,
            outcome,
            input: intended.and_then(|event| event.input.as_deref()),
            output: answer.and_then(output_of),
            error: error_of(facts, outcome),
            attempts: facts.attempts,
            workflow_run_id: run_id_of(facts),
            workflow_version: answer.and_then(|answer| answer.workflow_version.as_deref()),
            cost: facts.cost,
            tokens: facts.tokens,
            latency_ms: answer.and_then(|answer| answer.latency_ms),
            server_ms: answer.and_then(|answer| answer.server_ms),
            queue_ms: sent.map(|event| event.queue_ms),
            backoff_ms: match end {
                Some((_, RunEvent::Answered(event))) => Some(event.backoff_ms).filter(|_| own),
                Some((_, RunEvent::Ended(event))) => Some(event.backoff_ms),
                _ => None,
            },
            started_at: started_ms.and_then(instant),
            finished_at: finished_ms.and_then(instant),
            started_ms,
            finished_ms,
            checks: Checks::default(),
            reused: facts.kept.as_ref().map(ReusedResult::from),
        }
    }
}

impl ResultRow<'_> {
    /// Says whether the row has a definite answer, which checks look at.
    pub(super) fn is_answered(&self) -> bool {
        matches!(self.outcome, Outcome::Succeeded | Outcome::Failed)
    }

    /// Gives what the result took in time, money and tokens, whichever run paid for it.
    pub fn took(&self) -> (Option<u64>, Option<Cost>, Option<u64>) {
        let own = (self.latency_ms, self.cost, self.tokens);
        self.reused.as_ref().map_or(own, |reused| (reused.latency_ms, reused.cost, reused.tokens))
    }

    /// Gives what checks may look at beside texts.
    pub(super) fn facts<'j>(&self, judged: &'j [(Arc<str>, Judgement)]) -> Facts<'j> {
        let (latency_ms, cost, tokens) = self.took();
        Facts { latency_ms, cost, tokens, succeeded: self.outcome == Outcome::Succeeded, judged }
    }
}

/// The row's record as read, when the journal holds it.
pub(super) fn record_of(facts: &RowFacts) -> Option<&RawValue> {
    match &facts.begun {
        Some((_, RunEvent::Intended(event))) => event.record.as_deref(),
        Some((_, RunEvent::Rejected(event))) => Some(&event.record),
        _ => None,
    }
}

/// The answer that counts.
pub(super) fn answer_of(facts: &RowFacts) -> Option<&Answered> {
    match end_of(facts) {
        Some((_, RunEvent::Answered(answer))) => Some(answer),
        _ => None,
    }
}

/// The event that ended the row. Subtle: a row that was reopened still has its old one, which no longer counts.
fn end_of(facts: &RowFacts) -> Option<&(u64, RunEvent)> {
    let over = matches!(facts.state, RowState::Ended(_) | RowState::InDoubt(_));
    facts.last.as_ref().filter(|_| over)
}

/// The workflow's output, in the reply's own text.
pub(super) fn output_of(answer: &Answered) -> Option<Cow<'_, RawValue>> {
    match (&answer.raw, &answer.raw_text) {
        (Some(raw), _) => reply::output_of(raw).map(Cow::Borrowed),
        (None, Some(text)) => reply::output_of_text(text).map(Cow::Owned),
        (None, None) => None,
    }
}

fn run_id_of(facts: &RowFacts) -> Option<&str> {
    if let RowState::Attached(run_id) | RowState::InDoubt(Some(run_id)) = &facts.state {
        return Some(run_id);
    }
    match end_of(facts) {
        Some((_, RunEvent::Answered(event))) => event.workflow_run_id.as_deref(),
        Some((_, RunEvent::Ended(event))) => event.workflow_run_id.as_deref(),
        _ => None,
    }
}

fn error_of(facts: &RowFacts, outcome: Outcome) -> Option<ResultError<'_>> {
    let told = match end_of(facts) {
        Some((_, RunEvent::Answered(event))) => event.error.as_ref(),
        Some((_, RunEvent::Ended(event))) => Some(&event.error),
        Some((_, RunEvent::Rejected(event))) => Some(&event.error),
        _ => None,
    };
    if let Some(error) = told {
        return Some(error.into());
    }
    match (outcome, &facts.state) {
        (Outcome::Failed, _) => {
            Some(ResultError::own("workflow_failed", "the workflow failed without saying why"))
        }
        (Outcome::InDoubt, RowState::Attached(_)) => Some(ResultError::own(
            "interrupted",
            "the service runs it, and its result was not fetched before flowbatch stopped; resume fetches it",
        )),
        (Outcome::InDoubt, _) => Some(ResultError::own(
            "interrupted",
            "flowbatch stopped between the send and the answer, so it may have run",
        )),
        _ => None,
    }
}

/// RFC 3339 in UTC with milliseconds; none outside the years that it can write.
fn instant(t_ms: u64) -> Option<String> {
    let timestamp = Timestamp::from_millisecond(i64::try_from(t_ms).ok()?).ok()?;
    Some(format!("{timestamp:.3}"))
}
