//! What can be wrong with a dataset, each with what to do about it.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use crate::dataset::Malformed;
use crate::machine;
use crate::model::RowNumber;

/// Why a dataset can't be used. `label` is a file's name as messages show it.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum Error {
    #[error("{}: there is no such file", path.display())]
    Missing { path: PathBuf },
    #[error("`{pattern}` matches no file")]
    NoMatch { pattern: String },
    #[error("`{pattern}` is no pattern that can be read: {message}")]
    Pattern { pattern: String, message: String },
    #[error("{} is a folder; name its files, for instance `{}`", path.display(), path.join("*.csv").display())]
    Folder { path: PathBuf },
    #[error("{} is no regular file, and a dataset is read more than once; pipe it in and write `-`", path.display())]
    Special { path: PathBuf },
    #[error("{} is named twice, and its rows would be paid for twice", path.display())]
    Twice { path: PathBuf },
    #[error("`-` (standard input) must be the only path")]
    StdinInList,
    #[error("`format: {name}` is unknown; write csv, tsv, jsonl, ndjson or json")]
    FormatName { name: String },
    #[error(
        "{label}: the name does not say the format; add `format: csv` (or tsv, jsonl, json) to `dataset`"
    )]
    UnknownFormat { label: String },
    #[error("{label} is an Excel workbook; save it as CSV UTF-8")]
    Workbook { label: String },
    #[error(
        "{first} and {other} have different formats; the files of a dataset must all be tables or all be JSON"
    )]
    MixedFormats { first: String, other: String },
    #[error("{label} is {found}, not {named}; correct its name")]
    WrongContent { label: String, found: &'static str, named: &'static str },
    #[error("{label}: the archive is damaged or cut short ({message}); fetch or make it again")]
    Archive { label: String, message: String },
    #[error("{label}:{line}: byte {offset} is not UTF-8; {}", encoding_help(guess.as_deref()))]
    NotUtf8 { label: String, line: u64, offset: u64, guess: Option<String> },
    #[error(
        "{label}:{line}: the bytes at {offset} are no valid {encoding}; correct `encoding`, or mend the file"
    )]
    NotInEncoding { label: String, line: u64, offset: u64, encoding: String },
    #[error("{label}: column {position} has no name; name it in the header, or remove the column")]
    EmptyColumn { label: String, position: usize },
    #[error("{label}: columns {first} and {second} are both named `{name}`; rename one")]
    DuplicateColumn { label: String, name: String, first: usize, second: usize },
    #[error(
        "{label}: the name of column {position} holds a NUL; is the file UTF-16? add `encoding: utf-16le`"
    )]
    NulInColumn { label: String, position: usize },
    #[error("{label} has other columns than {first}: {difference}")]
    OtherColumns { label: String, first: String, difference: String },
    #[error("{label} has no column `{column}`, which `{named_by}` names; it has {}", listed(columns))]
    UnknownColumn { label: String, column: String, named_by: &'static str, columns: Vec<String> },
    #[error("the dataset's records have more than {limit} different names")]
    TooManyNames { limit: usize },
    #[error("{label}:{line}: the record that starts here is over {} MiB{help}", limit >> 20)]
    TooLong { label: String, line: u64, limit: usize, help: &'static str },
    #[error(
        "{label}:{line}: the quote that opens here is never closed; double a quote that is part of a cell"
    )]
    OpenQuote { label: String, line: u64 },
    #[error("{label}:{line}: {message}")]
    Syntax { label: String, line: u64, message: String },
    #[error("{}", malformed(first, *count))]
    Malformed { first: Vec<Malformed>, count: u64 },
    #[error("the key `{}` stands twice: {first} and {second}{}; keys must be unique", excerpt(key), also(*more))]
    DuplicateKey { key: String, first: String, second: String, more: u64 },
    #[error("{place}: row {number}: `where` can't be evaluated: {message}")]
    Condition { place: String, number: RowNumber, message: String },
    #[error(
        "the dataset is not the pinned one: `sha256` is {pinned}, the files have {found}; \
         restore them, or change the pin"
    )]
    Pin { pinned: String, found: String },
    #[error("{} changed while it was in use; start again", path.display())]
    Changed { path: PathBuf },
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl Error {
    /// Says whether the dataset or the manifest is wrong (exit 2), and not the environment (exit 3).
    pub fn is_mistake(&self) -> bool {
        !matches!(self, Self::Io { .. } | Self::Changed { .. } | Self::Pin { .. })
    }

    /// Says whether the machine is at fault, and not the dataset.
    pub fn is_of_machine(&self) -> bool {
        matches!(self, Self::Io { .. })
    }

    /// Says whether no more files can be opened.
    pub fn is_out_of_files(&self) -> bool {
        matches!(self, Self::Io { source, .. } if machine::is_out_of_files(source))
    }

    /// Names the path that an I/O error belongs to; a missing file is a mistake of its own.
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { path: path.to_owned() },
            _ => Self::Io { path: path.to_owned(), source },
        }
    }
}

/// Characters of a file's text that a message quotes.
const QUOTED: usize = 60;

/// Cuts text out of a file to what a message can show.
pub(super) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn encoding_help(guess: Option<&str>) -> String {
    match guess {
        Some(name) => format!("{name} reads it: add `encoding: {name}` to `dataset`"),
        None => "name its encoding in `dataset`, for instance `encoding: windows-1252`".to_owned(),
    }
}

/// At most this many columns are listed in a message.
const LISTED: usize = 20;

fn listed(columns: &[String]) -> String {
    let mut text = columns.iter().take(LISTED).map(|c| format!("`{c}`")).collect::<Vec<_>>().join(", ");
    if columns.len() > LISTED {
        let _ = write!(text, " and {} more", columns.len() - LISTED);
    }
    text
}

fn also(more: u64) -> String {
    match more {
        0 => String::new(),
        1 => " (and 1 more row repeats a key)".to_owned(),
        n => format!(" (and {n} more rows repeat a key)"),
    }
}

fn malformed(first: &[Malformed], count: u64) -> String {
    let mut text = if count == 1 {
        "1 record is malformed:".to_owned()
    } else {
        format!("{count} records are malformed:")
    };
    for bad in first {
        let _ = write!(text, "\n  {}: {}", bad.place, bad.error.message);
    }
    let rest = count.saturating_sub(first.len() as u64);
    if rest > 0 {
        let _ = write!(text, "\n  and {rest} more");
    }
    text.push_str("\nmend them, or add `on_bad_row: reject` to `dataset` to go on without them");
    text
}
