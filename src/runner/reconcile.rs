//! Which entries of the provider's run log are which rows' lost runs: pure.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use crate::journal::Lost;
use crate::model::RowNumber;
use crate::reply::LogEntry;

/// Finds the runs of rows whose replies were lost. `logged` holds, for each row, the entries that carry its tag and
/// started in its time; `owners` the run ids that the journal knows already.
///
/// A row is matched when exactly one entry may be its run and is no other row's: none proves nothing, since the log may
/// lag, and of two it can't be said which one it is.
pub(crate) fn matched(
    logged: &[(Lost, Vec<LogEntry>)],
    owners: &HashMap<String, RowNumber>,
) -> Vec<(RowNumber, String)> {
    let one = |(row, mut ids): (RowNumber, Vec<String>)| {
        let id = ids.pop()?;
        ids.is_empty().then_some((row, id))
    };
    unowned(logged, owners).into_iter().filter_map(one).collect()
}

/// Finds, for each row, the entries that may be its runs and are no other row's. A row that shares one with another row
/// is left out.
pub(crate) fn unowned(
    logged: &[(Lost, Vec<LogEntry>)],
    owners: &HashMap<String, RowNumber>,
) -> Vec<(RowNumber, Vec<String>)> {
    let mut found = Vec::new();
    let mut taken: HashMap<&str, u32> = HashMap::new();
    for (lost, entries) in logged {
        let ids: BTreeSet<_> = entries
            .iter()
            .filter(|entry| !owners.contains_key(&entry.workflow_run_id) && is_of(lost, entry))
            .map(|entry| entry.workflow_run_id.as_str())
            .collect();
        for id in &ids {
            *taken.entry(id).or_default() += 1;
        }
        if !ids.is_empty() {
            found.push((lost.row, ids));
        }
    }
    let alone = |ids: &BTreeSet<&str>| ids.iter().all(|id| taken.get(id) == Some(&1));
    let owned = |ids: BTreeSet<&str>| ids.into_iter().map(str::to_owned).collect();
    found.into_iter().filter(|(_, ids)| alone(ids)).map(|(row, ids)| (row, owned(ids))).collect()
}

/// Says whether an entry's input is the row's.
fn is_of(lost: &Lost, entry: &LogEntry) -> bool {
    let theirs = entry.input.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let ours = serde_json::from_str::<Value>(lost.input.get()).ok();
    theirs.zip(ours).is_some_and(|(theirs, ours)| same(&ours, &theirs))
}

/// Says whether the log's value is ours. Files are left out, and so are numbers' ways of being written, and keys that
/// the service adds.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Object(ours), _) if is_file(ours) => true,
        (Value::Object(ours), Value::Object(theirs)) => {
            ours.iter().all(|(key, value)| match theirs.get(key) {
                Some(theirs) => same(value, theirs),
                // What is empty may have been left out.
                None => value.is_null() || matches!(value, Value::Object(file) if is_file(file)),
            })
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| same(ours, theirs))
        }
        (Value::Number(ours), Value::Number(theirs)) => ours == theirs || ours.as_f64() == theirs.as_f64(),
        _ => ours == theirs,
    }
}

/// Says whether an object stands for a file in the journal.
fn is_file(object: &Map<String, Value>) -> bool {
    object.len() == 4 && ["file", "format", "bytes", "sha256"].iter().all(|key| object.contains_key(*key))
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    fn lost(row: RowNumber, input: &str) -> Lost {
        Lost { row, key: None, record: raw("{}"), input: raw(input), sent_ms: (0, 0) }
    }

    fn entry(id: &str, input: Option<&str>) -> LogEntry {
        LogEntry { workflow_run_id: id.to_owned(), input: input.map(str::to_owned) }
    }

    /// Each row as its input and the entries of the log for it; gives the rows that were matched.
    fn check(rows: &[(&str, &[(&str, &str)])], owned: &[&str], expected: &[(RowNumber, &str)]) {
        let logged: Vec<_> = (1..)
            .zip(rows)
            .map(|(row, (input, entries))| {
                let entries = entries.iter().map(|(id, input)| entry(id, Some(input))).collect();
                (lost(row, input), entries)
            })
            .collect();
        let owners = owned.iter().map(|id| ((*id).to_owned(), 99)).collect();
        let expected: Vec<_> = expected.iter().map(|(row, id)| (*row, (*id).to_owned())).collect();
        assert_eq!(matched(&logged, &owners), expected, "{rows:?}");
    }

    #[test]
    fn exactly_one_entry_that_is_no_other_rows_is_a_match() {
        let q = r#"{"q":1}"#;
        check(&[(q, &[("a", q)])], &[], &[(1, "a")]);
        check(&[(q, &[])], &[], &[]);
        check(&[(q, &[("a", q), ("b", q)])], &[], &[]);
        check(&[(q, &[("a", q), ("a", q)])], &[], &[(1, "a")]);
        check(&[(q, &[("a", q), ("b", q)])], &["a"], &[(1, "b")]);
        check(&[(q, &[("a", q)])], &["a"], &[]);
        check(&[(q, &[("a", q)]), (q, &[("a", q)])], &[], &[]);
        check(&[(q, &[("a", q)]), (q, &[("a", q), ("b", q)])], &[], &[]);
        check(&[(q, &[("a", q)]), (q, &[("b", q)])], &[], &[(1, "a"), (2, "b")]);
    }

    #[test]
    fn inputs_are_compared_without_files_and_without_what_the_service_adds() {
        let file = r#"{"doc":{"file":"a.pdf","format":"pdf","bytes":3,"sha256":"00"},"q":"x"}"#;
        for (ours, theirs, is_match) in [
            (file, r#"{"q":"x","doc":"https://files.example/1"}"#, true),
            (file, r#"{"q":"x"}"#, true),
            (file, r#"{"q":"y"}"#, false),
            (r#"{"n":1}"#, r#"{"n":1.0,"sys":{"user_id":"u"}}"#, true),
            (r#"{"n":1}"#, r#"{"n":"1"}"#, false),
            (r#"{"l":[1,2]}"#, r#"{"l":[1]}"#, false),
            (r#"{"l":[{"a":null}]}"#, r#"{"l":[{}]}"#, true),
            (r#"{"q":1}"#, "not JSON", false),
        ] {
            check(&[(ours, &[("a", theirs)])], &[], if is_match { &[(1, "a")] } else { &[] });
        }
        let untold = [(lost(1, "{}"), vec![entry("a", None)])];
        assert!(matched(&untold, &HashMap::new()).is_empty(), "an entry without its input");
    }
}
