//! `input`: the mapping of a row to what the workflow is sent.

use crate::manifest::read::reader::Reader;
use crate::manifest::read::section::Entry;
use crate::manifest::read::templates::When;
use crate::manifest::scalar::scalar_to_json;
use crate::manifest::tree::{Key, Kind, Node};
use crate::mapping::InputTemplate;

/// Reads `input`: a map, or a template that renders to one.
pub(super) fn read(reader: &mut Reader<'_>, entry: &Entry) -> Option<InputTemplate> {
    let help = r#"write the workflow's inputs, such as `question: "{{row.question}}"`, or `{}` for none"#;
    let input = read_node(reader, &entry.name, entry.node.clone(), When::BeforeReply);
    match input? {
        InputTemplate::List(_) | InputTemplate::Literal(_) | InputTemplate::File { .. } => {
            reader.refuse(entry, "must be a map of the workflow's inputs", Some(help))
        }
        input => Some(input),
    }
}

/// Reads any JSON whose strings are templates.
pub(super) fn read_shape(reader: &mut Reader<'_>, entry: &Entry, when: When) -> Option<InputTemplate> {
    read_node(reader, &entry.name, entry.node.clone(), when)
}

fn read_node(reader: &mut Reader<'_>, name: &str, node: Node, when: When) -> Option<InputTemplate> {
    match node.kind {
        Kind::Broken => None,
        Kind::Scalar(ref scalar) => match scalar_to_json(scalar) {
            Ok(serde_json::Value::String(_)) => {
                let entry = Entry { name: name.to_owned(), key: node.place.clone(), node };
                reader.template(&entry, when).map(InputTemplate::Text)
            }
            Ok(literal) => Some(InputTemplate::Literal(literal)),
            Err(message) => {
                let diagnostic = node.place.error(message);
                reader.diagnostics.push(diagnostic.with_help("write it in quotes, as text"));
                None
            }
        },
        Kind::List(items) => {
            // What is wrong is told and left out, so that the rest can be held against the dataset's columns.
            let read = items
                .into_iter()
                .enumerate()
                .filter_map(|(index, item)| read_node(reader, &format!("{name}[{index}]"), item, when));
            Some(InputTemplate::List(read.collect()))
        }
        Kind::Map(entries) if when == When::BeforeReply && is_file(&entries) => {
            read_file(reader, name, entries)
        }
        Kind::Map(entries) => {
            let read = entries.into_iter().filter_map(|(key, value)| {
                Some((key.text.clone(), read_node(reader, &format!("{name}.{}", key.text), value, when)?))
            });
            Some(InputTemplate::Object(read.collect()))
        }
    }
}

/// A map is a file only with exactly these keys, so that a workflow may have an input named `file` beside others.
fn is_file(entries: &[(Key, Node)]) -> bool {
    let has = |name: &str| entries.iter().any(|(key, _)| key.text == name);
    has("file") && entries.iter().all(|(key, _)| key.text == "file" || key.text == "format")
}

fn read_file(reader: &mut Reader<'_>, name: &str, entries: Vec<(Key, Node)>) -> Option<InputTemplate> {
    let mut path = None;
    let mut format = None;
    for (key, node) in entries {
        let entry = Entry { name: format!("{name}.{}", key.text), key: key.place, node };
        let template = reader.template(&entry, When::BeforeReply);
        if key.text == "file" {
            path = template;
        } else {
            format = template;
        }
    }
    Some(InputTemplate::File { path: path?, format })
}
