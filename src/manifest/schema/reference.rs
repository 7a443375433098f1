//! The reference of the manifest's keys as Markdown, from the schema.

use serde_json::{Map, Value};

use super::schema;

/// Gives every key with its type, default and description, as Markdown: a table for each map of the manifest.
pub fn reference() -> String {
    let schema = schema();
    let mut sections = Vec::new();
    write_section("", &schema, &schema, &mut sections);
    sections.join("\n")
}

fn write_section(path: &str, section: &Value, schema: &Value, sections: &mut Vec<String>) {
    let Some(properties) = section["properties"].as_object() else { return };
    let title = if path.is_empty() { "## The manifest".to_owned() } else { format!("## `{path}`") };
    let description = section["description"].as_str().unwrap_or_default();
    let required = section["required"].as_array().or_else(|| section["then"]["required"].as_array());
    let required = required.map_or(&[] as &[Value], Vec::as_slice);
    let mut text = format!("{title}\n\n{description}\n\n| key | type | default | |\n|---|---|---|---|\n");
    let place = sections.len();
    for (key, property) in properties {
        let default = match property.get("default") {
            Some(default) => format!("`{}`", plain(default)),
            None if required.iter().any(|name| name == key) => "required".to_owned(),
            None => String::new(),
        };
        let kind = kind(property, schema);
        let told = property["description"].as_str().unwrap_or_default().replace('|', "\\|");
        text = format!("{text}| `{key}` | {kind} | {default} | {told} |\n");
        if let Some(map) = map_of(property, schema) {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let path = if is_named(property, schema) { format!("{path}.NAME") } else { path };
            write_section(&path, map, schema, sections);
        }
    }
    sections.insert(place, text);
}

/// Follows a reference into the definitions.
fn resolve<'a>(value: &'a Value, schema: &'a Value) -> &'a Value {
    let name = value["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/"));
    name.and_then(|name| schema["$defs"].get(name)).unwrap_or(value)
}

/// Gives the map of known keys that a property is, or can be. What `$comment` names is no map worth a table.
fn map_of<'a>(property: &'a Value, schema: &'a Value) -> Option<&'a Value> {
    let resolved = resolve(property, schema);
    if !resolved["$comment"].is_null() {
        return None;
    }
    if resolved["properties"].is_object() {
        return Some(resolved);
    }
    if is_named(property, schema) {
        return map_of(&resolved["additionalProperties"], schema);
    }
    if resolved["items"].is_object() {
        return map_of(&resolved["items"], schema);
    }
    resolved["anyOf"].as_array()?.iter().find_map(|choice| map_of(choice, schema))
}

/// Says whether a property is a map from the user's names to maps.
fn is_named(property: &Value, schema: &Value) -> bool {
    let values = &resolve(property, schema)["additionalProperties"];
    values.is_object() && resolve(values, schema)["properties"].is_object()
}

/// Names the type of a property.
fn kind(property: &Value, schema: &Value) -> String {
    let resolved = resolve(property, schema);
    if let Some(words) = resolved["$comment"].as_str() {
        words.to_owned()
    } else if let Some(choices) = resolved["anyOf"].as_array() {
        choices.iter().map(|choice| kind(choice, schema)).collect::<Vec<_>>().join(", or ")
    } else if resolved["type"] == "array" {
        format!("list of {}", kind(&resolved["items"], schema))
    } else if let Some(values) = resolved.get("additionalProperties").filter(|values| values.is_object()) {
        format!("map of names to {}", kind(values, schema))
    } else {
        "map".to_owned()
    }
}

/// Writes a default as YAML would have it on one line.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(plain).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => format!("{{{}}}", entries(map)),
        other => other.to_string(),
    }
}

fn entries(map: &Map<String, Value>) -> String {
    map.iter().map(|(key, value)| format!("{key}: {}", plain(value))).collect::<Vec<_>>().join(", ")
}
