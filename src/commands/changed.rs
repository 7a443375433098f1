//! A dataset that is not the one a run was begun with: which rows differ, and which changes may be taken.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde_json::value::{RawValue, to_raw_value};

use crate::commands::prepare::Sound;
use crate::commands::resume::Continue;
use crate::commands::run::{quoted, selected};
use crate::commands::{Failure, Host, estimate, identity};
use crate::dataset::{Item, row_sha};
use crate::journal::{History, RunFolder, RunLock};
use crate::model::{
    Outcome, Reason, Reopened, RowNumber, RowSet, RowState, RunEvent, RunState, SettingsChanged,
};

/// Rows of a kind that are named; the others are counted.
const NAMED: usize = 20;

/// How a dataset differs from what the journal holds of it. Rows that were not begun were not sent, and are not held.
#[derive(Debug, Default, PartialEq, Eq)]
struct Differences {
    /// Rows edited under the same key that were sent, by their keys.
    edited_sent: Vec<String>,
    /// Rows edited under the same key that were never sent.
    edited: Vec<(String, RowNumber)>,
    /// Rows that are gone.
    missing: Vec<String>,
    /// Rows that stand at another place now.
    moved: Vec<String>,
}

/// A row as it was when it was begun.
struct Begun {
    number: RowNumber,
    row_sha: String,
    sent: bool,
}

impl Differences {
    /// Compares the rows that were begun with the dataset as it is.
    fn find(history: &History, sound: &Sound) -> Result<Self, Failure> {
        let mut begun = BTreeMap::new();
        for facts in history.rows()? {
            let facts = facts?;
            let (key, row_sha, sent) = match facts.begun {
                Some((_, RunEvent::Intended(e))) => (e.key, e.row_sha.unwrap_or_default(), true),
                Some((_, RunEvent::Rejected(e))) => (e.key, e.row_sha, false),
                _ => continue,
            };
            let key = key.map_or_else(|| facts.number.to_string(), |key| key.0);
            begun.insert(key, Begun { number: facts.number, row_sha, sent });
        }
        let mut found = Self::default();
        let mut all = RowSet::new();
        all.insert_range(1..=sound.survey.rows);
        sound.dataset.read(&all, &mut |item| {
            let (number, key, sha) = match item {
                Item::Row(row) => (row.number, Some(row.key), row_sha(&row.record)),
                Item::Malformed(row) => (row.number, row.key, row_sha(&row.record)),
            };
            let key = key.map_or_else(|| number.to_string(), |key| key.0);
            if let Some(was) = begun.remove(&key) {
                found.take(key, number, &sha, &was);
            }
            ControlFlow::Continue(())
        })?;
        found.missing.extend(begun.into_keys());
        Ok(found)
    }

    fn take(&mut self, key: String, number: RowNumber, sha: &str, was: &Begun) {
        if number != was.number {
            self.moved.push(key);
        } else if sha != was.row_sha && was.sent {
            self.edited_sent.push(key);
        } else if sha != was.row_sha {
            self.edited.push((key, number));
        }
    }

    /// Says whether every row that was sent stands where it stood, as it was.
    fn leave_sent_rows(&self) -> bool {
        self.edited_sent.is_empty() && self.missing.is_empty() && self.moved.is_empty()
    }

    fn in_words(&self) -> Vec<String> {
        let edited: Vec<_> = self.edited.iter().map(|(key, _)| key.clone()).collect();
        let kinds = [
            ("edited after they were sent", &self.edited_sent),
            ("edited, and never sent", &edited),
            ("missing", &self.missing),
            ("at another place", &self.moved),
        ];
        let kinds = kinds.into_iter().filter(|(_, rows)| !rows.is_empty());
        kinds.map(|(what, rows)| format!("rows {what}: {}", named(rows))).collect()
    }
}

/// Names rows, as many as can be read.
pub(crate) fn named(rows: &[String]) -> String {
    let mut text = rows.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    if rows.len() > NAMED {
        text.push_str(&format!(" and {} more", rows.len() - NAMED));
    }
    text
}

/// Says how the dataset differs, and what can be done about it.
pub(crate) fn describe(
    folder: &RunFolder,
    lock: &RunLock,
    sound: &Sound,
) -> Result<(String, String), Failure> {
    let (was, is) = (&lock.dataset, &sound.survey);
    let mut text = format!(
        "the dataset ({} rows and {} bytes against {} and {})",
        is.rows, is.bytes, was.rows, was.bytes
    );
    let resume = format!("`flowbatch resume {}", quoted(folder.path()));
    if only_grew(lock, sound)? {
        text.push_str(if is.rows > was.rows { ", which only grew" } else { ", whose rows are the same" });
        return Ok((text, format!("{resume} --extend` goes on with it as it is now.")));
    }
    let differences = Differences::find(&folder.read()?, sound)?;
    for words in differences.in_words() {
        text.push_str("\n  ");
        text.push_str(&words);
    }
    let hint = if differences.leave_sent_rows() && is.rows == was.rows {
        format!(
            "No row that was sent differs: {resume} --accept-edits` goes on with the dataset as it is now."
        )
    } else {
        "Put it back to go on, or begin a new run.".to_owned()
    };
    Ok((text, hint))
}

/// Says whether the dataset begins with all rows that it had, each as it was.
fn only_grew(lock: &RunLock, sound: &Sound) -> Result<bool, Failure> {
    let was = &lock.dataset;
    Ok(!was.records_sha256.is_empty()
        && sound.survey.rows >= was.rows
        && sound.survey.columns.starts_with(&was.columns)
        && sound.dataset.records_sha256(was.rows)?.as_ref() == Some(&was.records_sha256))
}

/// Takes a dataset that changed as far as the user allows it: gives the events that say so, or refuses it by name of
/// the rows.
pub(crate) fn accept(
    folder: &RunFolder,
    lock: &RunLock,
    sound: &Sound,
    state: &RunState,
    on: &Continue,
    host: &mut dyn Host,
) -> Result<Vec<RunEvent>, Failure> {
    let was = &lock.dataset;
    if sound.survey.sha256 == was.sha256 {
        if on.extend || on.accept_edits {
            host.say("the dataset is as it was: there is nothing to take");
        }
        return Ok(Vec::new());
    }
    let refuse = |why: &str| {
        let (text, _) = describe(folder, lock, sound)?;
        Err(Failure::environment(Reason::DatasetChanged, format!("{why}; what differs: {text}")))
    };
    let mut events = vec![identity_event(lock, sound, on)?];
    if !(on.extend && only_grew(lock, sound)?) {
        if !on.accept_edits {
            return refuse("--extend takes a dataset that only grew, and this one did more");
        }
        let differences = Differences::find(&folder.read()?, sound)?;
        if !differences.leave_sent_rows() {
            return refuse("--accept-edits takes rows that were never sent");
        }
        if sound.survey.rows < was.rows || (sound.survey.rows > was.rows && !on.extend) {
            return refuse("--accept-edits takes as many rows as there were; --extend takes more");
        }
        let is_ended = |row: &RowNumber| state.row(*row) == RowState::Ended(Outcome::Rejected);
        let mended: Vec<_> = differences.edited.into_iter().map(|(_, row)| row).filter(is_ended).collect();
        let count = mended.len();
        host.say(&format!("the dataset is taken as it is now; mended rows that are asked again: {count}"));
        let (from, by) = (Outcome::Rejected, "resume --accept-edits".to_owned());
        events
            .extend(mended.into_iter().map(|row| RunEvent::Reopened(Reopened { row, from, by: by.clone() })));
    }
    if on.extend {
        let added = added(sound, state, was.rows)?;
        host.say(&format!(
            "the dataset grew by {}; added to the run: {}",
            estimate::rows(sound.survey.rows - was.rows),
            added.len()
        ));
        if !added.is_empty() {
            events.extend(selected(&added));
        }
    }
    Ok(events)
}

/// Gives the rows behind those that the dataset had, as far as the manifest selects them.
fn added(sound: &Sound, state: &RunState, had: u64) -> Result<RowSet, Failure> {
    if sound.manifest.dataset.select.sample.is_some() {
        return Err(Failure::mistake(
            "--extend: the run is a sample, and a sample of more rows would be another one; add rows by number with \
             `resume --range` once they are taken by a run of their own",
        ));
    }
    require_sure_selection(state)?;
    Ok(sound.survey.selection.iter().filter(|row| *row > had && !state.selected().contains(*row)).collect())
}

/// Refuses to add rows to a run whose mended journal can't tell which rows it was given before.
pub(crate) fn require_sure_selection(state: &RunState) -> Result<(), Failure> {
    let unsure = |change: &SettingsChanged| {
        let repair: Option<serde_json::Value> = serde_json::from_str(change.to.get()).ok();
        change.key == SettingsChanged::REPAIRED
            && repair.is_none_or(|repair| repair["selection_unsure"] != false)
    };
    if state.changed().iter().any(unsure) {
        let message = "the run's journal was mended, and lines are lost that may have added rows and sent them: none \
                       can be added any more; send further rows by a run of their own";
        return Err(Failure::environment(Reason::DatasetChanged, message));
    }
    Ok(())
}

fn identity_event(lock: &RunLock, sound: &Sound, on: &Continue) -> Result<RunEvent, Failure> {
    let raw = |value: &crate::journal::DatasetIdentity| -> Result<Box<RawValue>, Failure> {
        to_raw_value(value).map_err(|e| Failure::environment(Reason::Bug, e.to_string()))
    };
    let by = if on.accept_edits { "resume --accept-edits" } else { "resume --extend" };
    let is = identity::dataset(sound, sound.survey.selection.len());
    let (from, to) = (raw(&lock.dataset)?, raw(&is)?);
    let (by, key) = (by.to_owned(), SettingsChanged::DATASET.to_owned());
    Ok(RunEvent::SettingsChanged(SettingsChanged { by, key, from, to }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_told_apart_by_its_key_its_place_and_its_record() {
        let check = |number, sha: &str, sent, expected: Differences| {
            let mut found = Differences::default();
            found.take("k".into(), number, sha, &Begun { number: 1, row_sha: "a".into(), sent });
            assert_eq!(found, expected);
        };
        let key = || vec!["k".to_owned()];
        check(1, "a", true, Differences::default());
        check(1, "b", true, Differences { edited_sent: key(), ..Differences::default() });
        check(1, "b", false, Differences { edited: vec![("k".into(), 1)], ..Differences::default() });
        check(2, "a", true, Differences { moved: key(), ..Differences::default() });
        check(2, "b", false, Differences { moved: key(), ..Differences::default() });
    }

    #[test]
    fn rows_are_named_up_to_twenty() {
        let rows: Vec<_> = (1..=22).map(|row| row.to_string()).collect();
        assert_eq!(named(&rows[..2]), "1, 2");
        assert!(named(&rows).ends_with("19, 20 and 2 more"));
    }
}
