//! How a run as a whole ended, and the exit code that says so.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::model::Counts;

/// The exit codes: an interface, since schedulers and CI act on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExitCode {
    /// 0: accepted.
    Accepted,
    /// 1: complete, but more rows did not succeed than accepted.
    RowsFailed,
    /// 2: a usage or manifest mistake.
    Mistake,
    /// 3: the environment, or a refused start.
    Environment,
    /// 4: a gate failed, or a budget, pin or halt rule stopped the run.
    Gate,
    /// 5: interrupted, resumable.
    Interrupted,
    /// 101: a bug.
    Bug,
}

impl ExitCode {
    /// Gives the number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Accepted => 0,
            Self::RowsFailed => 1,
            Self::Mistake => 2,
            Self::Environment => 3,
            Self::Gate => 4,
            Self::Interrupted => 5,
            Self::Bug => 101,
        }
    }
}

/// Why a run was stopped before its rows ran out. A stop closes admission only; what is on the wire ends as usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopCause {
    /// A signal.
    Interrupted,
    /// `limits.deadline` has passed.
    Deadline,
    /// The service asked for a longer pause than the run allows.
    Throttled,
    /// The service could not be reached for longer than `limits.retry.outage`.
    Outage,
    /// `limits.halt`: too many rows did not succeed.
    Halt,
    /// The budget is used up.
    Budget,
    /// The workflow is not the one that was pinned.
    Pin,
    /// The service refused the API key.
    Authentication,
    /// The account has no credits left.
    Credits,
    /// The service answered with a redirect, or could not be reached at all.
    Network,
    /// The journal can't be written.
    Disk,
    /// The dataset changed under the run.
    DatasetChanged,
    /// A bug in flowbatch.
    Bug,
}

impl StopCause {
    /// Gives the exit code that the cause leads to.
    pub const fn exit(self) -> ExitCode {
        match self {
            Self::Interrupted | Self::Deadline | Self::Throttled | Self::Outage => ExitCode::Interrupted,
            Self::Halt | Self::Budget | Self::Pin => ExitCode::Gate,
            Self::Authentication | Self::Credits | Self::Network | Self::Disk | Self::DatasetChanged => {
                ExitCode::Environment
            }
            Self::Bug => ExitCode::Bug,
        }
    }

    /// Says whether asking the service for results of accepted runs makes sense after the stop.
    pub const fn still_polls(self) -> bool {
        matches!(self, Self::Halt | Self::Budget | Self::Pin | Self::DatasetChanged)
    }

    const fn reason(self) -> Reason {
        match self {
            Self::Interrupted => Reason::Interrupted,
            Self::Deadline => Reason::Deadline,
            Self::Throttled => Reason::Throttled,
            Self::Outage => Reason::Outage,
            Self::Halt => Reason::Halt,
            Self::Budget => Reason::Budget,
            Self::Pin => Reason::Pin,
            Self::Authentication => Reason::Authentication,
            Self::Credits => Reason::Credits,
            Self::Network => Reason::Network,
            Self::Disk => Reason::Disk,
            Self::DatasetChanged => Reason::DatasetChanged,
            Self::Bug => Reason::Bug,
        }
    }
}

/// The word for a verdict, in report.json and `--json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are those of docs/exit-codes.md")]
pub enum Reason {
    Accepted,
    RowsFailed,
    GateFailed,
    Budget,
    Pin,
    Halt,
    Deadline,
    Throttled,
    Outage,
    Interrupted,
    Authentication,
    Credits,
    Network,
    Disk,
    DatasetChanged,
    NotClean,
    Locked,
    Manifest,
    Bug,
}

/// Whether the run may be tried again without a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// `flowbatch resume` may be run unattended.
    Resume,
    /// A person has to mend something first.
    Fix,
    /// There is nothing left to do.
    None,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The process's exit code.
    pub exit_code: u8,
    /// Why.
    pub reason: Reason,
    /// Whether to try again.
    pub retry: Retry,
    /// One sentence for a person.
    pub message: String,
    /// The command to go on with, verbatim.
    pub next: Option<String>,
}

/// How many rows may end badly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// A share of the rows, between 0 and 1.
    Share(Decimal),
    /// A number of rows.
    Count(u64),
}

impl Limit {
    /// Says whether `count` of `total` rows is more than the limit allows.
    pub fn exceeded_by(self, count: u64, total: u64) -> bool {
        match self {
            Self::Count(allowed) => count > allowed,
            Self::Share(share) => Decimal::from(count) > share * Decimal::from(total),
        }
    }
}

/// What still exits 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accept {
    /// Failed rows.
    pub failed: Limit,
    /// Rejected rows.
    pub rejected: Limit,
    /// Rows in doubt.
    pub in_doubt: Limit,
}

impl Default for Accept {
    fn default() -> Self {
        Self { failed: Limit::Count(0), rejected: Limit::Count(0), in_doubt: Limit::Count(0) }
    }
}

impl Verdict {
    /// Judges a run from what its journal says: `unsettled` rows are on their way or still open at the provider;
    /// `stop` is the last process's stop, with its detail.
    pub fn of_run(
        run_id: &str,
        counts: &Counts,
        unsettled: u64,
        stop: Option<(StopCause, &str)>,
        accept: &Accept,
    ) -> Self {
        let complete = counts.not_run == 0 && unsettled == 0;
        match stop {
            Some((cause, detail)) if !complete || matches!(cause, StopCause::Pin | StopCause::Bug) => {
                let exit = cause.exit();
                let retry = if exit == ExitCode::Interrupted { Retry::Resume } else { Retry::Fix };
                let mut next = format!("flowbatch resume {run_id}");
                if cause == StopCause::Budget {
                    next.push_str(&format!(" --set {}=…", budget_key(detail)));
                }
                Self::new(exit, cause.reason(), retry, detail, Some(next))
            }
            _ if !complete => {
                let message = if counts.not_run > 0 {
                    format!("{} still to be run", some(counts.not_run, "row is", "rows are"))
                } else {
                    let rows = some(unsettled, "row is", "rows are");
                    format!("{rows} on the way, with results still to be fetched")
                };
                let next = Some(format!("flowbatch resume {run_id}"));
                Self::new(ExitCode::Interrupted, Reason::Interrupted, Retry::Resume, &message, next)
            }
            _ => Self::of_complete(run_id, counts, accept),
        }
    }

    fn of_complete(run_id: &str, counts: &Counts, accept: &Accept) -> Self {
        let judged = [
            ("failed", counts.failed, accept.failed),
            ("in_doubt", counts.in_doubt, accept.in_doubt),
            ("rejected", counts.rejected, accept.rejected),
        ];
        let over: Vec<_> =
            judged.into_iter().filter(|(_, count, limit)| limit.exceeded_by(*count, counts.total)).collect();
        if over.is_empty() {
            let message = format!("{} of {} succeeded", counts.succeeded, some(counts.total, "row", "rows"));
            return Self::new(ExitCode::Accepted, Reason::Accepted, Retry::None, &message, None);
        }
        let said: Vec<_> =
            over.iter().map(|(word, count, _)| format!("{count} {}", word.replace('_', " "))).collect();
        // A rejected row would only be rejected again.
        let words: Vec<_> =
            over.iter().map(|(word, _, _)| *word).filter(|word| *word != "rejected").collect();
        let of = some(counts.total, "row", "rows");
        let mut message = format!("{} of {of}: more than `accept` allows", said.join(", "));
        if words.is_empty() {
            message.push_str(
                "; mend what is wrong with them, then `resume --accept-edits` (the dataset) or `--retry rejected` (files)",
            );
        }
        let next =
            (!words.is_empty()).then(|| format!("flowbatch resume {run_id} --retry {}", words.join(",")));
        Self::new(ExitCode::RowsFailed, Reason::RowsFailed, Retry::Fix, &message, next)
    }

    /// Takes in the gates of a complete run that failed: they weigh more than rows that did not succeed, and less than
    /// whatever else stopped the run.
    #[must_use]
    pub fn gated(self, failed: &[&str], of: usize) -> Self {
        let weighs_less =
            [ExitCode::Accepted, ExitCode::RowsFailed].iter().any(|exit| exit.code() == self.exit_code);
        if failed.is_empty() || !weighs_less {
            return self;
        }
        let told = failed.join("; ");
        let gates = if of == 1 { "gate" } else { "gates" };
        let mut message = format!("{} of {of} {gates} failed: {told}", failed.len());
        if self.exit_code != 0 {
            message.push_str(&format!("; and {}", self.message));
        }
        Self::new(ExitCode::Gate, Reason::GateFailed, Retry::None, &message, None)
    }

    /// Makes a verdict from its parts.
    pub fn new(exit: ExitCode, reason: Reason, retry: Retry, message: &str, next: Option<String>) -> Self {
        Self { exit_code: exit.code(), reason, retry, message: message.to_owned(), next }
    }
}

/// Gives the key that a run which its budget stopped needs to go on, out of what was said then.
fn budget_key(detail: &str) -> &str {
    let key = |after: &str, before: char| detail.split_once(after)?.1.split_once(before).map(|(key, _)| key);
    let is_key = |key: &&str| key.starts_with("limits.budget.") && !key.contains(char::is_whitespace);
    key("--set ", '=')
        .filter(is_key)
        .or_else(|| key("(`", '`').filter(is_key))
        .unwrap_or("limits.budget.cost")
}

/// Counts in words.
fn some(count: u64, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(succeeded: u64, failed: u64, in_doubt: u64, rejected: u64, not_run: u64) -> Counts {
        let total = succeeded + failed + in_doubt + rejected + not_run;
        Counts { total, succeeded, failed, in_doubt, rejected, not_run }
    }

    fn check(
        counts: Counts,
        unsettled: u64,
        stop: Option<StopCause>,
        accept: Accept,
        exit: u8,
        reason: Reason,
    ) {
        let verdict = Verdict::of_run("r", &counts, unsettled, stop.map(|cause| (cause, "because")), &accept);
        assert_eq!((verdict.exit_code, verdict.reason), (exit, reason), "{counts:?} {stop:?}");
        assert_eq!(verdict.retry == Retry::None, exit == 0, "a run that needs nothing is an accepted one");
    }

    #[test]
    fn the_next_command_is_one_that_can_succeed() {
        let next = |counts: &Counts, stop: Option<(StopCause, &str)>| {
            Verdict::of_run("r", counts, 0, stop, &Accept::default()).next
        };
        let over = |key: &str| format!("the budget of 5 (`{key}`) does not allow another row: 5 spent");
        let budget = |detail: &str| next(&counts(5, 0, 0, 0, 5), Some((StopCause::Budget, detail))).unwrap();
        assert_eq!(budget(&over("limits.budget.tokens")), "flowbatch resume r --set limits.budget.tokens=…");
        let unknown =
            format!("{}; `resume --set limits.budget.cost_per_row=…` says", over("limits.budget.cost"));
        assert_eq!(budget(&unknown), "flowbatch resume r --set limits.budget.cost_per_row=…");
        assert_eq!(budget("spent"), "flowbatch resume r --set limits.budget.cost=…");
        assert_eq!(next(&counts(5, 0, 0, 5, 0), None), None);
        assert_eq!(next(&counts(5, 1, 0, 5, 0), None).unwrap(), "flowbatch resume r --retry failed");
        assert_eq!(next(&counts(5, 1, 1, 1, 0), None).unwrap(), "flowbatch resume r --retry failed,in_doubt");
    }

    #[test]
    fn a_verdict_follows_from_counts_stop_and_accept() {
        let none = Accept::default();
        let one_percent = Accept { failed: Limit::Share("0.01".parse().unwrap()), ..none };
        check(counts(10, 0, 0, 0, 0), 0, None, none, 0, Reason::Accepted);
        check(counts(0, 0, 0, 0, 0), 0, None, none, 0, Reason::Accepted);
        check(counts(9, 1, 0, 0, 0), 0, None, none, 1, Reason::RowsFailed);
        check(counts(9, 0, 1, 0, 0), 0, None, none, 1, Reason::RowsFailed);
        check(counts(9, 0, 0, 1, 0), 0, None, none, 1, Reason::RowsFailed);
        check(counts(99, 1, 0, 0, 0), 0, None, one_percent, 0, Reason::Accepted);
        check(counts(98, 2, 0, 0, 0), 0, None, one_percent, 1, Reason::RowsFailed);
        check(counts(9, 0, 0, 0, 1), 0, None, none, 5, Reason::Interrupted);
        check(counts(9, 0, 1, 0, 0), 1, None, none, 5, Reason::Interrupted);
        check(counts(9, 0, 0, 0, 1), 0, Some(StopCause::Halt), none, 4, Reason::Halt);
        check(counts(9, 0, 0, 0, 1), 0, Some(StopCause::Authentication), none, 3, Reason::Authentication);
        check(counts(9, 0, 0, 0, 1), 0, Some(StopCause::Interrupted), none, 5, Reason::Interrupted);
        check(counts(10, 0, 0, 0, 0), 0, Some(StopCause::Interrupted), none, 0, Reason::Accepted);
        check(counts(10, 0, 0, 0, 0), 0, Some(StopCause::Bug), none, 101, Reason::Bug);
    }
}
