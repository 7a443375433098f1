//! The manifest's JSON Schema, generated from types that mirror the file, and its reference as Markdown, generated from
//! the schema. Reads no manifest: the reader in `read` is the authority, and a test holds the two together.

#[expect(dead_code, reason = "the types exist for their schema; the reader takes keys from a tree instead")]
mod raw;
mod raw_checks;
#[expect(dead_code, reason = "as above")]
mod raw_flow;
#[expect(dead_code, reason = "as above")]
mod raw_reuse;
#[expect(dead_code, reason = "as above")]
mod raw_schedule;
#[expect(dead_code, reason = "as above")]
mod raw_workflow;
mod reference;
mod values;

pub use reference::reference;

use serde_json::Value;

/// Gives the JSON Schema (draft 2020-12) of a manifest, for editors.
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(raw::RawManifest).to_value();
    unwrap_descriptions(&mut schema);
    schema
}

/// A doc comment's line breaks are no part of a description.
fn unwrap_descriptions(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(text)) = map.get_mut("description") {
                *text = text.replace('\n', " ");
            }
            map.values_mut().for_each(unwrap_descriptions);
        }
        Value::Array(items) => items.iter_mut().for_each(unwrap_descriptions),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
