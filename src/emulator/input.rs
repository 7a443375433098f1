//! The declared inputs of the workflow, and the check of a request's input against them.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};
use serde_json::{Map, Value};

use super::behaviour::{ExtraInput, Input as Rules, MissingInput, Taken, WrongType};

/// One declared input.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its type.
    pub input_type: InputType,
    /// Whether a request must carry it.
    pub required: bool,
}

/// The type of an input: one value, or a list of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputType {
    /// The type of the value, or of each of them.
    pub kind: InputKind,
    /// Whether it is a list.
    pub list: bool,
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKind {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// An object.
    Object,
    /// A file of any of the kinds that the platform knows.
    File,
}

impl FromStr for InputType {
    type Err = String;

    /// Reads the platform's names in any case, `Array<…>` and `…[]` for lists.
    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.trim().to_ascii_lowercase();
        let inner = name
            .strip_prefix("array<")
            .and_then(|rest| rest.strip_suffix('>'))
            .or_else(|| name.strip_suffix("[]"));
        let kind = match inner.unwrap_or(&name).trim() {
            "string" | "text" => InputKind::String,
            "integer" => InputKind::Integer,
            "number" => InputKind::Number,
            "boolean" => InputKind::Boolean,
            "object" => InputKind::Object,
            "file" | "doc" | "excel" | "ppt" | "image" | "code" | "audio" | "video" => InputKind::File,
            _ => {
                return Err(format!(
                    "`{text}` is no type of an input: use string, integer, number, boolean, object, file, or array<…> of one"
                ));
            }
        };
        Ok(Self { kind, list: inner.is_some() })
    }
}

impl fmt::Display for InputType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            InputKind::String => "String",
            InputKind::Integer => "Integer",
            InputKind::Number => "Number",
            InputKind::Boolean => "Boolean",
            InputKind::Object => "Object",
            InputKind::File => "File",
        };
        if self.list { write!(f, "Array<{kind}>") } else { f.write_str(kind) }
    }
}

/// An input as a definition writes it: `integer`, or `{type: integer, required: true}`.
#[derive(Clone, Debug)]
pub(super) struct WrittenInput {
    pub(super) input_type: InputType,
    pub(super) required: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFields {
    #[serde(rename = "type")]
    input_type: InputType,
    #[serde(default)]
    required: bool,
    #[serde(default, rename = "description")]
    _description: String,
}

impl<'de> Deserialize<'de> for InputType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
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
                Ok(WrittenInput { input_type: text.parse().map_err(E::custom)?, required: false })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<WrittenInput, A::Error> {
                let fields = WrittenFields::deserialize(MapAccessDeserializer::new(map))?;
                Ok(WrittenInput { input_type: fields.input_type, required: fields.required })
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// Checks an input, and gives what templates see: declared inputs that are missing are null.
pub(super) fn check(
    declared: &[Input],
    rules: &Rules,
    mut input: Map<String, Value>,
) -> Result<Map<String, Value>, String> {
    if rules.extra == ExtraInput::Refuse
        && let Some(name) = input.keys().find(|name| !declared.iter().any(|input| input.name == **name))
    {
        return Err(format!("the input `{name}` is not declared by the Start node"));
    }
    for Input { name, input_type, required } in declared {
        let Some(value) = input.get_mut(name) else {
            if *required && rules.missing == MissingInput::Refuse {
                return Err(format!("the input `{name}` is required"));
            }
            input.insert(name.clone(), Value::Null);
            continue;
        };
        if value.is_null() {
            if rules.null == Taken::Refuse && *required {
                return Err(format!("the input `{name}` is null"));
            }
            continue;
        }
        if !fits(value, *input_type, rules.file_url) {
            match rules.wrong_type {
                WrongType::Accept => {}
                WrongType::Coerce if coerce(value, *input_type) => {}
                WrongType::Coerce | WrongType::Refuse => {
                    return Err(format!("the input `{name}` is not of type {input_type}"));
                }
            }
        }
    }
    Ok(input)
}

fn fits(value: &Value, input_type: InputType, file_url: Taken) -> bool {
    if input_type.list {
        let one = InputType { list: false, ..input_type };
        return value.as_array().is_some_and(|values| values.iter().all(|value| fits(value, one, file_url)));
    }
    match input_type.kind {
        InputKind::String => value.is_string(),
        InputKind::Integer => value.is_i64() || value.is_u64(),
        InputKind::Number => value.is_number(),
        InputKind::Boolean => value.is_boolean(),
        InputKind::Object => value.is_object(),
        InputKind::File => is_file(value, file_url),
    }
}

fn is_file(value: &Value, file_url: Taken) -> bool {
    let has = |key: &str| value.get(key).is_some_and(Value::is_string);
    (has("format") && has("base64_content")) || (file_url == Taken::Accept && has("url"))
}

/// Turns a scalar into the type where its text allows.
fn coerce(value: &mut Value, input_type: InputType) -> bool {
    if input_type.list {
        return false;
    }
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        _ => return false,
    };
    let coerced = match input_type.kind {
        InputKind::String => Some(Value::from(text)),
        InputKind::Integer => text.parse::<i64>().ok().map(Value::from),
        InputKind::Number => text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from),
        InputKind::Boolean => text.parse::<bool>().ok().map(Value::from),
        InputKind::Object | InputKind::File => None,
    };
    coerced.map(|coerced| *value = coerced).is_some()
}
