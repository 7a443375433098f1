//! The declared inputs of the workflow, and the check of a request's input against them.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};
use serde_json::{Map, Value};

use crate::flow_file::{Field, FieldKind};

use super::behaviour::{ExtraInput, Input as Rules, MissingInput, Taken, WrongType};

/// The types that a definition may write; those of the platform's files (doc, image, …) are files.
const TYPES: &str = "string, integer, number, boolean, object, file, any, or array<…> of one of them";

/// An input as a definition writes it: `integer`, or `{type: integer, required: true}`.
#[derive(Clone, Debug)]
pub(super) struct WrittenInput {
    kind: FieldKind,
    required: bool,
    description: String,
}

impl WrittenInput {
    /// Gives the input under its name.
    pub(super) fn named(self, name: String) -> Field {
        Field { name, kind: self.kind, required: self.required, description: self.description }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WrittenFields {
    #[serde(rename = "type")]
    input_type: String,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    description: String,
}

impl WrittenFields {
    fn read(self) -> Result<WrittenInput, String> {
        let kind = FieldKind::read(&self.input_type);
        if kind == FieldKind::Any && !self.input_type.eq_ignore_ascii_case("any") {
            return Err(format!("`{}` is no type of an input: use {TYPES}", self.input_type));
        }
        Ok(WrittenInput { kind, required: self.required, description: self.description })
    }
}

impl JsonSchema for WrittenInput {
    fn schema_name() -> Cow<'static, str> {
        "Input".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let fields = generator.subschema_for::<WrittenFields>();
        json_schema!({ "anyOf": [{ "type": "string" }, fields] })
    }
}

impl<'de> Deserialize<'de> for WrittenInput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = WrittenInput;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a type (integer) or {type: integer, required: true}")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<WrittenInput, E> {
                let input_type = text.to_owned();
                let fields = WrittenFields { input_type, required: false, description: String::new() };
                fields.read().map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<WrittenInput, A::Error> {
                let fields = WrittenFields::deserialize(MapAccessDeserializer::new(map))?;
                fields.read().map_err(de::Error::custom)
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// Checks an input, and gives what templates see: declared inputs that are missing are null.
pub(super) fn check(
    declared: &[Field],
    rules: &Rules,
    mut input: Map<String, Value>,
) -> Result<Map<String, Value>, String> {
    if rules.extra == ExtraInput::Refuse
        && let Some(name) = input.keys().find(|name| declared.iter().all(|field| field.name != **name))
    {
        return Err(format!("the input `{name}` is not declared by the Start node"));
    }
    for Field { name, kind, required, .. } in declared {
        let Some(value) = input.get_mut(name) else {
            if *required && rules.missing == MissingInput::Refuse {
                return Err(format!("the input `{name}` is required"));
            }
            input.insert(name.clone(), Value::Null);
            continue;
        };
        if value.is_null() {
            if *required && rules.nulls == Taken::Refuse {
                return Err(format!("the input `{name}` is null"));
            }
            continue;
        }
        let taken = fits(value, kind, rules.file_url)
            || rules.wrong_type == WrongType::Accept
            || (rules.wrong_type == WrongType::Coerce && coerce(value, kind));
        if !taken {
            return Err(format!("the input `{name}` is of the wrong type"));
        }
    }
    Ok(input)
}

fn fits(value: &Value, kind: &FieldKind, file_url: Taken) -> bool {
    match kind {
        FieldKind::Any => true,
        FieldKind::Text => value.is_string(),
        FieldKind::Integer => value.is_i64() || value.is_u64(),
        FieldKind::Number => value.is_number(),
        FieldKind::Boolean => value.is_boolean(),
        FieldKind::Object => value.is_object(),
        FieldKind::File => is_file(value, file_url),
        FieldKind::List(kind) => {
            value.as_array().is_some_and(|values| values.iter().all(|value| fits(value, kind, file_url)))
        }
    }
}

fn is_file(value: &Value, file_url: Taken) -> bool {
    let has = |key: &str| value.get(key).is_some_and(Value::is_string);
    (has("format") && has("base64_content")) || (file_url == Taken::Accept && has("url"))
}

/// Turns a scalar into the type where its text allows.
fn coerce(value: &mut Value, kind: &FieldKind) -> bool {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        _ => return false,
    };
    let coerced = match kind {
        FieldKind::Text => Some(Value::from(text)),
        FieldKind::Integer => text.parse::<i64>().ok().map(Value::from),
        FieldKind::Number => text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from),
        FieldKind::Boolean => text.parse::<bool>().ok().map(Value::from),
        FieldKind::Object | FieldKind::File | FieldKind::List(_) | FieldKind::Any => None,
    };
    coerced.map(|coerced| *value = coerced).is_some()
}
