//! One JSON text to a record: strict, because what a lenient reader drops in silence (the first of two members of one
//! name, the last digits of a long id) would be sent to a billed workflow wrong.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::dataset::error::excerpt;
use crate::dataset::number;
use crate::model::Record;

/// Why a text is no record, with what could be read of it.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) record: Record,
    pub(super) message: String,
}

impl Fault {
    fn new(message: String) -> Self {
        Self { record: Record::new(), message }
    }
}

/// Reads a record.
pub(super) fn record(text: &str) -> Result<Record, Fault> {
    let inexact = number::inexact(text);
    let Some(first) = inexact.first().cloned() else { return object(text) };
    // With its long numbers quoted, the record shows what was written.
    let mut quoted = text.to_owned();
    for place in inexact.into_iter().rev() {
        quoted.insert(place.end, '"');
        quoted.insert(place.start, '"');
    }
    Err(Fault { record: object(&quoted)?, message: uncarried(&text[first]) })
}

/// Reads any value, as strictly as a record.
pub(super) fn value(text: &str) -> Result<Value, String> {
    let Strict(value) = serde_json::from_str(text).map_err(|error| described(text, &error))?;
    match number::inexact(text).first().cloned() {
        Some(first) => Err(uncarried(&text[first])),
        None => Ok(value),
    }
}

fn object(text: &str) -> Result<Record, Fault> {
    match serde_json::from_str(text) {
        Ok(Strict(Value::Object(record))) => Ok(record),
        Ok(Strict(other)) => Err(Fault::new(format!("a JSON object is expected, found {}", kind(&other)))),
        Err(error) => Err(Fault::new(described(text, &error))),
    }
}

fn uncarried(number: &str) -> String {
    let number = excerpt(number);
    format!("the number {number} can't be carried exactly; quote it: \"{number}\"")
}

/// Names the type of a value, for messages.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Says what the parser said, with the place as seen from the record's start.
fn described(text: &str, error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    let whole = error.to_string();
    let bare = whole.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&whole);
    if text.contains('\n') {
        format!("not valid JSON: {bare} (line {line} of the record, column {column})")
    } else {
        format!("not valid JSON: {bare} (column {column})")
    }
}

/// A value whose objects name nothing twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        StrictValue.deserialize(deserializer).map(Self)
    }
}

struct StrictValue;

impl<'de> DeserializeSeed<'de> for StrictValue {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StrictValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = access.next_element_seed(StrictValue)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format!("`{}` stands twice in one object", excerpt(&name))));
            }
            object.insert(name, access.next_value_seed(StrictValue)?);
        }
        Ok(Value::Object(object))
    }
}
