//! `output` and `report`: what is written, and how rows are grouped.

use std::path::PathBuf;

use crate::manifest::read::reader::Reader;
use crate::manifest::read::section::Entry;
use crate::manifest::read::templates::When;
use crate::manifest::{OutputFormat, OutputSpec};
use crate::mapping::Template;
use crate::model::Durability;

/// Reads `output`.
pub(super) fn read(reader: &mut Reader<'_>, entry: Option<Entry>) -> OutputSpec {
    let mut output = OutputSpec {
        dir: PathBuf::from("runs"),
        durability: Durability::Power,
        formats: vec![OutputFormat::Jsonl, OutputFormat::Csv],
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
    output.columns = reader.named(section.take("columns"), after_reply);
    if let Some(csv) = section.take("csv") {
        read_csv(reader, csv, &mut output);
    }
    section.finish(&mut reader.diagnostics);
    output
}

fn read_formats(reader: &mut Reader<'_>, entries: Vec<Entry>) -> Vec<OutputFormat> {
    let words = [("jsonl", Some(OutputFormat::Jsonl)), ("csv", Some(OutputFormat::Csv)), ("xlsx", None)];
    let mut formats = Vec::new();
    for entry in entries {
        match reader.word(&entry, &words) {
            None => {}
            Some(None) => {
                let told = "can't be `xlsx` in this version of flowbatch yet";
                reader.refuse::<()>(&entry, told, Some("csv opens in every spreadsheet"));
            }
            Some(Some(format)) if formats.contains(&format) => {
                reader.refuse::<()>(&entry, "stands in the list already", None);
            }
            Some(Some(format)) => formats.push(format),
        }
    }
    formats
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
