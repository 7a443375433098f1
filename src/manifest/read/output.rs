//! `output` and `report`: what is written, what is kept out of it, and how rows are grouped.

use std::path::PathBuf;

use crate::manifest::read::reader::Reader;
use crate::manifest::read::section::Entry;
use crate::manifest::read::templates::When;
use crate::manifest::{ColumnReference, OutputFormat, OutputSpec};
use crate::mapping::Template;
use crate::model::Durability;

/// What is written when the manifest does not say.
const FORMATS: [OutputFormat; 4] =
    [OutputFormat::Jsonl, OutputFormat::Csv, OutputFormat::Html, OutputFormat::Junit];

/// Reads `output`; `key` is the dataset's.
pub(super) fn read(reader: &mut Reader<'_>, entry: Option<Entry>, key: Option<&str>) -> OutputSpec {
    let mut output = OutputSpec {
        dir: PathBuf::from("runs"),
        durability: Durability::Power,
        formats: FORMATS.to_vec(),
        redact: Vec::new(),
        columns: Vec::new(),
        csv_bom: true,
        csv_inputs: true,
        csv_safe: true,
        csv_delimiter: b',',
        csv_encoding: encoding_rs::UTF_8,
    };
    let Some(mut section) = entry.and_then(|entry| reader.section(entry)) else { return output };
    if let Some(dir) = section.take("dir").and_then(|entry| reader.full_text(&entry)) {
        output.dir = PathBuf::from(dir);
    }
    let words = [("power", Durability::Power), ("process", Durability::Process)];
    if let Some(durability) = section.take("durability").and_then(|entry| reader.word(&entry, &words)) {
        output.durability = durability;
    }
    if let Some(formats) = section.take("formats").and_then(|entry| reader.list(entry)) {
        output.formats = read_formats(reader, formats);
    }
    if let Some(entries) = section.take("redact").and_then(|entry| reader.list(entry)) {
        output.redact = entries.iter().filter_map(|entry| read_redacted(reader, entry, key)).collect();
    }
    output.columns = reader.named(section.take("columns"), after_reply);
    if let Some(csv) = section.take("csv") {
        read_csv(reader, csv, &mut output);
    }
    section.finish(&mut reader.diagnostics);
    output
}

fn read_formats(reader: &mut Reader<'_>, entries: Vec<Entry>) -> Vec<OutputFormat> {
    let words = [
        ("jsonl", OutputFormat::Jsonl),
        ("csv", OutputFormat::Csv),
        ("html", OutputFormat::Html),
        ("junit", OutputFormat::Junit),
        ("xlsx", OutputFormat::Xlsx),
    ];
    let mut formats = Vec::new();
    for entry in entries {
        match reader.word(&entry, &words) {
            None => {}
            Some(format) if formats.contains(&format) => {
                reader.refuse::<()>(&entry, "stands in the list already", None);
            }
            Some(format) => formats.push(format),
        }
    }
    formats
}

/// Reads a name whose value is kept out of what is written: `row.email`, `output`, `input.items`.
fn read_redacted(reader: &mut Reader<'_>, entry: &Entry, key: Option<&str>) -> Option<Vec<String>> {
    const HELP: &str =
        "write a name as in templates, such as `row.email`, `row.[Customer Name]` or `output.reply`";
    let text = reader.scalar(entry, "a name such as `row.email`")?.text.clone();
    let template = Template::parse(&format!("{{{{{text}}}}}")).ok().filter(|_| is_lone_name(&text));
    let path = template.and_then(|template| match template.references() {
        [reference] => Some(reference.path.clone()),
        _ => None,
    });
    let path = path.unwrap_or_default();
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["row", column] if Some(*column) == key => {
            let help = "choose another key: results are told apart by it";
            return reader.refuse(
                entry,
                "is the dataset's key, which can't be kept out of results",
                Some(help),
            );
        }
        ["row", column, ..] => reader.references.push(ColumnReference {
            column: (*column).to_owned(),
            span: entry.node.place.span(),
            optional: false,
        }),
        ["output" | "input", ..] => {}
        _ => {
            return reader.refuse(
                entry,
                "must be the name of something in `row`, `input` or `output`",
                Some(HELP),
            );
        }
    }
    Some(path)
}

/// Says whether a text is a name alone, without helpers or blocks.
fn is_lone_name(text: &str) -> bool {
    let mut outside = text.split(['[', ']']).step_by(2);
    outside.all(|part| !part.contains(|c: char| c.is_whitespace() || "(){}#/\"'|&!>^~@=".contains(c)))
}

fn read_csv(reader: &mut Reader<'_>, entry: Entry, output: &mut OutputSpec) {
    let Some(mut section) = reader.section(entry) else { return };
    let bom = section.take("bom");
    let given_bom = bom.as_ref().and_then(|entry| reader.boolean(entry));
    for (key, place) in [("inputs", &mut output.csv_inputs), ("safe", &mut output.csv_safe)] {
        if let Some(boolean) = section.take(key).and_then(|entry| reader.boolean(&entry)) {
            *place = boolean;
        }
    }
    if let Some(entry) = section.take("encoding")
        && let Some(encoding) = reader.encoding(&entry)
    {
        if encoding.output_encoding() == encoding {
            output.csv_encoding = encoding;
        } else {
            reader.refuse::<()>(&entry, "can be read but not written", Some("leave it out for UTF-8"));
        }
    }
    if let Some(delimiter) = section.take("delimiter").and_then(|entry| reader.delimiter(&entry)) {
        output.csv_delimiter = delimiter;
    }
    section.finish(&mut reader.diagnostics);
    let is_utf8 = output.csv_encoding == encoding_rs::UTF_8;
    output.csv_bom = given_bom.unwrap_or(is_utf8);
    if let Some(entry) = bom
        && output.csv_bom
        && !is_utf8
    {
        let told = format!("can't be `true`: {} has no byte order mark", output.csv_encoding.name());
        reader.refuse::<()>(&entry, &told, Some("leave it out"));
    }
}

/// Reads `report`: the groups.
pub(super) fn read_report(reader: &mut Reader<'_>, entry: Option<Entry>) -> Vec<(String, Template)> {
    let Some(mut section) = entry.and_then(|entry| reader.section(entry)) else { return Vec::new() };
    let group_by = reader.named(section.take("group_by"), after_reply);
    section.finish(&mut reader.diagnostics);
    group_by
}

fn after_reply(reader: &mut Reader<'_>, entry: &Entry) -> Option<Template> {
    reader.template(entry, When::AfterReply)
}
