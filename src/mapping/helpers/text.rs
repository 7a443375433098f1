//! Helpers over text and lists.

use serde_json::Value;

use crate::mapping::helpers::Arguments;
use crate::mapping::values::{excerpt, kind, show};

pub(super) fn trim(call: &Arguments<'_>) -> Value {
    show(call.get(0)).trim().into()
}

pub(super) fn lower(call: &Arguments<'_>) -> Value {
    show(call.get(0)).to_lowercase().into()
}

pub(super) fn upper(call: &Arguments<'_>) -> Value {
    show(call.get(0)).to_uppercase().into()
}

pub(super) fn truncate(call: &Arguments<'_>) -> Result<Value, String> {
    let text = show(call.get(0));
    let limit = show(call.get(1)).trim().parse::<usize>();
    let limit = limit.map_err(|_| format!("the length {} is not a whole number", excerpt(call.get(1))))?;
    let end = text.char_indices().nth(limit).map_or(text.len(), |(end, _)| end);
    Ok(text[..end].into())
}

pub(super) fn replace(call: &Arguments<'_>) -> Result<Value, String> {
    let from = show(call.get(1));
    if from.is_empty() {
        return Err("the text to be replaced is empty".to_owned());
    }
    Ok(show(call.get(0)).replace(&*from, &show(call.get(2))).into())
}

pub(super) fn split(call: &Arguments<'_>) -> Result<Value, String> {
    let text = show(call.get(0));
    let separator = show(call.get(1));
    if separator.is_empty() {
        return Err("the separator is empty".to_owned());
    }
    let parts = text.split(&*separator).filter(|_| !text.is_empty());
    Ok(parts.map(Value::from).collect())
}

pub(super) fn join(call: &Arguments<'_>) -> Result<Value, String> {
    let Value::Array(list) = call.get(0) else {
        return Err(format!("needs a list, and has {}", kind(call.get(0))));
    };
    let parts: Vec<_> = list.iter().map(show).collect();
    Ok(parts.join(&*show(call.get(1))).into())
}

pub(super) fn concat(call: &Arguments<'_>) -> Value {
    call.values.iter().map(|value| show(value)).collect::<String>().into()
}

pub(super) fn length(call: &Arguments<'_>) -> Result<Value, String> {
    match call.get(0) {
        Value::Array(list) => Ok(list.len().into()),
        Value::Object(object) => Ok(object.len().into()),
        Value::String(text) => Ok(text.chars().count().into()),
        other => Err(format!("needs a text, a list or an object, and has {}", kind(other))),
    }
}
