//! Results and reports against a fresh derivation: byte for byte, or field for field when another version made them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use serde_json::Value;

use crate::audit::{Audited, Finding};
use crate::commands::verify::Verified;
use crate::commands::verify::run::names_in;
use crate::commands::{Failure, Host, derive};
use crate::journal::RunFolder;

/// Every file that is derived.
pub(crate) const DERIVED: [&str; 9] = [
    "results.jsonl",
    "results.csv",
    "results.xlsx",
    "failures.jsonl",
    "failures.csv",
    "report.json",
    "report.md",
    "report.html",
    "junit.xml",
];

/// Compares every derived file, and gives the files that are known.
pub(super) fn compare(
    folder: &RunFolder,
    prefix: &str,
    audited: &Audited,
    can_be_derived: bool,
    mut seen: BTreeSet<String>,
    verified: &mut Verified,
    host: &dyn Host,
) -> Result<BTreeSet<String>, Failure> {
    if !can_be_derived {
        seen.extend(DERIVED.map(str::to_owned));
        if !folder.is_locked() {
            let what = "results and reports: what they are derived from does not hold";
            verified.notes.push(format!("{prefix}{what}"));
        }
        return Ok(seen);
    }
    let temp = tempfile::tempdir().map_err(Failure::disk(&std::env::temp_dir()))?;
    if let Err(failure) = derive::derive_elsewhere(folder, temp.path(), host) {
        seen.extend(DERIVED.map(str::to_owned));
        verified.notes.push(format!("{prefix}results and reports can't be derived: {}", failure.message));
        return Ok(seen);
    }
    let theirs = audited.closed.as_ref().map(|closed| closed.flowbatch.clone());
    let theirs = theirs.or_else(|| audited.state.opened().map(|opened| opened.flowbatch.clone()));
    let theirs = theirs.unwrap_or_default();
    let is_closed = audited.state.is_closed();
    for name in names_in(temp.path())? {
        let (ours, path) = (temp.path().join(&name), folder.file(&name));
        let file = format!("{prefix}{name}");
        seen.insert(name.clone());
        if !path.exists() {
            if is_closed {
                verified.findings.push(Finding::of(file, "it is missing; `flowbatch report` makes it again"));
            } else {
                verified.notes.push(format!("{file}: not derived yet; `flowbatch report` makes it"));
            }
            continue;
        }
        let difference = first_difference(&ours, &path).map_err(Failure::disk(&path))?;
        let Some(at) = difference else {
            verified.holds(file, "byte for byte what the journal gives");
            continue;
        };
        if !is_closed && is_older(&path, &folder.journal()) {
            let what = "older than the journal; `flowbatch report` brings it up to date";
            verified.notes.push(format!("{file}: {what}"));
        } else if theirs == env!("CARGO_PKG_VERSION") {
            let what = "it is not what the journal gives; `flowbatch report` makes it again";
            verified.findings.push(Finding::of(file, what).at(at.0, at.1));
        } else {
            of_another_version(&ours, &path, (file, at), &theirs, verified)?;
        }
    }
    Ok(seen)
}

/// Compares what can be compared of a file that another version made; `differs` is what it is called and where it differs.
fn of_another_version(
    ours: &Path,
    path: &Path,
    differs: (String, (u64, u64)),
    theirs: &str,
    verified: &mut Verified,
) -> Result<(), Failure> {
    let (file, at) = differs;
    match compare_fields(ours, path).map_err(Failure::disk(path))? {
        Some(true) => verified.holds(file, "field for field what the journal gives: another version made it"),
        Some(false) => {
            let what = format!("fields of it, made by flowbatch {theirs}, are not what the journal gives");
            verified.findings.push(Finding::of(file, what).at(at.0, at.1));
        }
        None => {
            let us = env!("CARGO_PKG_VERSION");
            verified
                .notes
                .push(format!("{file}: made by flowbatch {theirs}, and not to be compared by {us}"));
        }
    }
    Ok(())
}

fn is_older(file: &Path, journal: &Path) -> bool {
    let written = |path: &Path| fs::metadata(path).and_then(|meta| meta.modified());
    match (written(file), written(journal)) {
        (Ok(file), Ok(journal)) => file < journal,
        _ => false,
    }
}

/// Gives the line, from 1, and the offset of the first byte in which two files differ.
fn first_difference(one: &Path, other: &Path) -> io::Result<Option<(u64, u64)>> {
    let open = |path: &Path| File::open(path).map(|file| BufReader::with_capacity(1 << 16, file));
    let (mut one, mut other) = (open(one)?, open(other)?);
    let (mut line, mut offset) = (1, 0);
    loop {
        let (left, right) = (one.fill_buf()?, other.fill_buf()?);
        let length = left.len().min(right.len());
        if length == 0 {
            let is_same = left.is_empty() && right.is_empty();
            return Ok((!is_same).then_some((line, offset)));
        }
        let same = left.iter().zip(right).take_while(|(left, right)| left == right).count();
        line += memchr::memchr_iter(b'\n', &left[..same]).count() as u64;
        offset += same as u64;
        if same < length {
            return Ok(Some((line, offset)));
        }
        one.consume(length);
        other.consume(length);
    }
}

/// Says whether the fields that both files have are the same; none for files without fields.
fn compare_fields(one: &Path, other: &Path) -> io::Result<Option<bool>> {
    let name = one.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let agree = |left: &str, right: &str| {
        let parsed = serde_json::from_str::<Value>(left).ok().zip(serde_json::from_str::<Value>(right).ok());
        parsed.is_some_and(|(left, right)| agree(&left, &right))
    };
    if name == "report.json" {
        return Ok(Some(agree(&fs::read_to_string(one)?, &fs::read_to_string(other)?)));
    }
    if !has_rows(name) {
        return Ok(None);
    }
    let open = |path: &Path| File::open(path).map(|file| BufReader::new(file).lines());
    let (mut one, mut other) = (open(one)?, open(other)?);
    loop {
        match (one.next().transpose()?, other.next().transpose()?) {
            (None, None) => return Ok(Some(true)),
            (Some(left), Some(right)) if agree(&left, &right) => {}
            _ => return Ok(Some(false)),
        }
    }
}

/// Says whether a file of that name is one of a JSON object a line.
pub(crate) fn has_rows(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "jsonl")
}

/// Says whether two values are the same, but for members that only one of them has.
fn agree(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            left.iter().all(|(name, left)| right.get(name).is_none_or(|right| agree(left, right)))
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| agree(left, right))
        }
        (left, right) => left == right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_that_differs_has_a_line_and_an_offset() {
        let temp = tempfile::tempdir().unwrap();
        let check = |one: &str, other: &str, expected| {
            let path = |name: &str, text: &str| {
                let path = temp.path().join(name);
                fs::write(&path, text).unwrap();
                path
            };
            assert_eq!(
                first_difference(&path("a", one), &path("b", other)).unwrap(),
                expected,
                "{one} {other}"
            );
        };
        check("", "", None);
        check("a\nb\n", "a\nb\n", None);
        check("a\nb\n", "a\nc\n", Some((2, 2)));
        check("a\nb\n", "a\nb", Some((2, 3)));
        check("a", "a\nb", Some((1, 1)));
        check(&"x".repeat(70_000), &format!("{}y", "x".repeat(69_999)), Some((1, 69_999)));
    }

    #[test]
    fn fields_that_only_one_version_writes_are_no_difference() {
        let check = |left: &str, right: &str, expected| {
            let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            assert_eq!(agree(&read(left), &read(right)), expected, "{left} {right}");
        };
        check(r#"{"a":1,"b":{"c":2}}"#, r#"{"b":{"c":2,"d":3},"e":4}"#, true);
        check(r#"{"a":1,"b":{"c":2}}"#, r#"{"a":1,"b":{"c":3}}"#, false);
        check("[1,2]", "[1]", false);
        check("1", "1", true);
    }
}
