//! What a scheduler says of what it did.

use crate::schedule::{PauseWhy, Record, What};

/// How much a person has to know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// It goes as it should.
    Usual,
    /// A person may have to look.
    Trouble,
}

/// Says a record in words; none when it says nothing that another does not.
pub(super) fn in_words(record: &Record) -> Option<(Weight, String)> {
    let (weight, text) = match &record.what {
        What::Registered { timing, .. } if timing.is_empty() => {
            (Weight::Usual, "has no schedule any more".to_owned())
        }
        What::Registered { timing, .. } => (Weight::Usual, format!("is followed: {timing}")),
        What::Claimed { .. } | What::Carried { .. } => return None,
        What::Queued { slot, .. } => (Weight::Usual, format!("{slot} waits")),
        What::Started { slot, process: 1 } => {
            (Weight::Usual, format!("{slot} started: run {}", slot.run_id(&record.schedule)))
        }
        What::Started { slot, process } => (
            Weight::Usual,
            format!("{slot} goes on: process {process} of run {}", slot.run_id(&record.schedule)),
        ),
        What::Interrupted { slot, exit, reason, retry_at, drained } => {
            let weight = if *drained { Weight::Usual } else { Weight::Trouble };
            (
                weight,
                format!(
                    "{slot} was interrupted ({}), and is gone on with from {retry_at}",
                    came(*exit, reason.as_deref())
                ),
            )
        }
        What::Cancelling { slot, by } => (Weight::Usual, format!("{slot} is stopped in favour of {by}")),
        What::Finished { slot, exit: Some(0), .. } => (Weight::Usual, format!("{slot} finished: accepted")),
        What::Finished { slot, exit, reason } => {
            (Weight::Trouble, format!("{slot} finished: {}", came(*exit, reason.as_deref())))
        }
        What::Cancelled { slot, by, .. } => (Weight::Usual, format!("{slot} was stopped in favour of {by}")),
        What::Skipped { slot, why } => (Weight::Trouble, format!("{slot} skipped: {}", why.in_words())),
        What::Dropped { slot, why } => (Weight::Trouble, format!("{slot} dropped: {}", why.in_words())),
        What::Missed { from, to, count, why } => {
            (Weight::Trouble, format!("{} missed: {}", stretch(*from, *to, *count), why.in_words()))
        }
        What::Paused { why: PauseWhy::Asked } => (Weight::Usual, "is paused".to_owned()),
        What::Paused { why: PauseWhy::Failure(slot) } => (
            Weight::Trouble,
            format!(
                "is paused, since {slot} was not accepted: `flowbatch schedule resume {}` goes on",
                record.schedule
            ),
        ),
        What::Resumed => (Weight::Usual, "is followed again".to_owned()),
    };
    Some((weight, format!("{}: {text}", record.schedule)))
}

/// Says how a process ended.
pub(super) fn came(exit: Option<i32>, reason: Option<&str>) -> String {
    match (exit, reason) {
        (Some(exit), Some(reason)) => format!("exit {exit}, {reason}"),
        (Some(exit), None) => format!("exit {exit}"),
        (None, Some(reason)) => reason.to_owned(),
        (None, None) => "no process".to_owned(),
    }
}

/// Names slots in a row.
pub(super) fn stretch(from: jiff::Timestamp, to: jiff::Timestamp, count: u64) -> String {
    let at = |at: jiff::Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    if count == 1 { at(from) } else { format!("{count} slots from {} to {}", at(from), at(to)) }
}
