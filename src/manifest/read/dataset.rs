//! `dataset`: the files, how they are read, and which rows are selected.

use std::path::{Path, PathBuf};

use crate::manifest::load::Secrets;
use crate::manifest::meant::Places;
use crate::manifest::read::reader::Reader;
use crate::manifest::read::section::{Entry, Section};
use crate::manifest::read::templates::When;
use crate::manifest::tree::Kind;
use crate::manifest::{DatasetSpec, Diagnostic, Encoding, OnBadRow, Sample, Select, files, units};
use crate::mapping::{ColumnType, ColumnTypes, Expression};
use crate::model::Repeats;

const FORMATS: [(&str, &str); 5] =
    [("csv", "csv"), ("tsv", "tsv"), ("jsonl", "jsonl"), ("ndjson", "ndjson"), ("json", "json")];

/// How often a record may be invoked.
const MOST_REPEATS: u64 = 1_000;

const TYPES: [(&str, ColumnType); 5] = [
    ("text", ColumnType::Text),
    ("integer", ColumnType::Integer),
    ("number", ColumnType::Number),
    ("boolean", ColumnType::Boolean),
    ("json", ColumnType::Json),
];

/// Reads `dataset`; `given` is the command line's file, which replaces the path.
pub(super) fn read(
    reader: &mut Reader<'_>,
    root: &mut Section,
    given: Option<&Path>,
) -> Option<(DatasetSpec, Places)> {
    let mut spec = DatasetSpec {
        paths: given.map(Path::to_path_buf).into_iter().collect(),
        span: None,
        format: None,
        encoding: Encoding::Auto,
        delimiter: None,
        key: None,
        key_span: None,
        types: ColumnTypes::default(),
        sha256: None,
        on_bad_row: OnBadRow::Stop,
        repeats: read_repeats(reader, root.take("repeat")),
        select: Select::default(),
    };
    let mut places = Places::default();
    if let Some(given) = given {
        check_given(reader, given);
    }
    let entry = root.take("dataset");
    let Some(entry) = entry else {
        if given.is_none() {
            let missing = root.place.error("`dataset` is missing");
            reader
                .diagnostics
                .push(missing.with_help("add it: `dataset: tickets.csv`, or give `--dataset FILE`"));
            return None;
        }
        return Some((spec, places));
    };
    if let Kind::Map(_) = entry.node.kind {
        spec.span = entry.key.span();
        read_map(reader, entry, given.is_some(), &mut spec, &mut places);
    } else if given.is_none() {
        spec.span = entry.span();
        spec.paths = read_paths(reader, entry);
    }
    Some((spec, places))
}

/// Reads `repeat`, which stands beside `dataset`.
fn read_repeats(reader: &mut Reader<'_>, entry: Option<Entry>) -> Repeats {
    let times = entry.and_then(|entry| reader.whole(&entry, 1..=MOST_REPEATS));
    times.and_then(Repeats::new).unwrap_or_default()
}

fn check_given(reader: &mut Reader<'_>, given: &Path) {
    let text = given.to_string_lossy();
    if text == "-" || is_pattern(&text) || reader.secrets == Secrets::Recorded {
        return;
    }
    if let Some((message, help)) = files::missing(given) {
        let message = format!("--dataset: {message}");
        reader.diagnostics.push(Diagnostic { help, ..Diagnostic::error(None, message) });
    }
}

fn read_map(
    reader: &mut Reader<'_>,
    entry: Entry,
    is_given: bool,
    spec: &mut DatasetSpec,
    places: &mut Places,
) {
    let Some(mut section) = reader.section(entry) else { return };
    if is_given {
        section.take("path");
    } else if let Some(path) = section.need("path", "path: tickets.csv", &mut reader.diagnostics) {
        spec.span = path.span();
        spec.paths = read_paths(reader, path);
    }
    spec.format = section.take("format").and_then(|entry| reader.word(&entry, &FORMATS)).map(str::to_owned);
    if let Some(entry) = section.take("encoding") {
        let is_auto = matches!(&entry.node.kind, Kind::Scalar(scalar) if scalar.text == "auto");
        if !is_auto && let Some(encoding) = reader.encoding(&entry) {
            spec.encoding = Encoding::Named(encoding);
        }
    }
    spec.delimiter = section.take("delimiter").and_then(|entry| reader.delimiter(&entry));
    if let Some(entry) = section.take("key") {
        spec.key_span = entry.span();
        spec.key = reader.full_text(&entry);
    }
    let types = section.take("types");
    let read_type =
        |reader: &mut Reader<'_>, entry: &Entry| Some((reader.word(entry, &TYPES)?, entry.key.span()));
    for (column, (column_type, span)) in reader.named(types, read_type) {
        spec.types.0.insert(column.clone(), column_type);
        places.types.push((column, span));
    }
    spec.sha256 = section.take("sha256").and_then(|entry| read_sha256(reader, &entry));
    let words = [("stop", OnBadRow::Stop), ("reject", OnBadRow::Reject)];
    if let Some(word) = section.take("on_bad_row").and_then(|entry| reader.word(&entry, &words)) {
        spec.on_bad_row = word;
    }
    if let Some(entry) = section.take("select") {
        spec.select = read_select(reader, entry, places);
    }
    section.finish(&mut reader.diagnostics);
}

fn read_paths(reader: &mut Reader<'_>, entry: Entry) -> Vec<PathBuf> {
    let (entries, is_list) = match entry.node.kind {
        Kind::List(ref items) if items.is_empty() => {
            reader.refuse::<()>(&entry, "is an empty list", Some("name a file"));
            return Vec::new();
        }
        Kind::List(_) => (reader.list(entry).unwrap_or_default(), true),
        _ => (vec![entry], false),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let Some(text) = reader.full_text(&entry) else { continue };
        if text == "-" {
            if is_list {
                reader.refuse::<()>(
                    &entry,
                    "can't be `-` among other files",
                    Some("stdin stands alone: `path: -`"),
                );
            }
            paths.push(PathBuf::from(text));
            continue;
        }
        let Some(path) = reader.path(&entry) else { continue };
        if !is_pattern(&text) {
            reader.exists(&entry, &path);
        }
        paths.push(path);
    }
    paths
}

/// A pattern is matched where the files are opened.
fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

fn read_sha256(reader: &mut Reader<'_>, entry: &Entry) -> Option<String> {
    reader.parsed(entry, "a SHA-256 digest", |text| {
        if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            Ok(text.to_ascii_lowercase())
        } else {
            Err("64 hexadecimal digits, in quotes; `sha256sum FILE` prints them".to_owned())
        }
    })
}

fn read_select(reader: &mut Reader<'_>, entry: Entry, places: &mut Places) -> Select {
    let mut select = Select::default();
    let Some(mut section) = reader.section(entry) else { return select };
    if let Some(entry) = section.take("range") {
        select.range = reader.parsed(&entry, "a range of rows", units::row_range);
    }
    if let Some(entry) = section.take("where") {
        places.condition = entry.span();
        select.condition = reader.condition(&entry, When::BeforeReply);
        let mut references = select.condition.iter().flat_map(Expression::references);
        if references.any(|reference| reference.path.first().is_some_and(|name| name == "repeat")) {
            let help = "all of a row's repeats are run, or none";
            reader.refuse::<()>(&entry, "can't name `repeat`: it selects rows of the dataset", Some(help));
        }
    }
    select.limit = section.take("limit").and_then(|entry| reader.whole(&entry, 1..=u64::MAX));
    if let Some(mut sample) = section.take("sample").and_then(|entry| reader.section(entry)) {
        let size = sample.need("n", "n: 100", &mut reader.diagnostics);
        let size = size.and_then(|entry| {
            reader.parsed(&entry, "a number of rows or a share of them", units::sample_size)
        });
        let seed = sample.take("seed").and_then(|entry| reader.whole(&entry, 0..=u64::MAX)).unwrap_or(0);
        sample.finish(&mut reader.diagnostics);
        select.sample = size.map(|size| Sample { size, seed });
    }
    section.finish(&mut reader.diagnostics);
    select
}
