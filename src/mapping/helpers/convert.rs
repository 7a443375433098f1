//! Helpers that change a value's type, or find one.

use serde_json::{Number, Value};

use crate::mapping::helpers::Arguments;
use crate::mapping::values::{boolean, compare_numbers, excerpt, integer, number, show, step};

pub(super) fn default(call: &Arguments<'_>) -> Value {
    let value = call.get(0);
    let absent = value.is_null() || value.as_str() == Some("");
    if absent { call.get(1) } else { value }.clone()
}

pub(super) fn json(call: &Arguments<'_>) -> Value {
    call.get(0).to_string().into()
}

pub(super) fn parse_json(call: &Arguments<'_>) -> Result<Value, String> {
    match call.get(0) {
        Value::String(text) => serde_json::from_str(text)
            .map_err(|error| format!("{} is not JSON ({error})", excerpt(call.get(0)))),
        other => Ok(other.clone()),
    }
}

pub(super) fn int(call: &Arguments<'_>) -> Result<Value, String> {
    let value = call.get(0);
    let read = match value {
        Value::Number(number) => integer(&number.to_string()),
        Value::String(text) => integer(text),
        _ => Err("is not a whole number".to_owned()),
    };
    read.map(Value::Number).map_err(|wrong| format!("{} {wrong}", excerpt(value)))
}

pub(super) fn float(call: &Arguments<'_>) -> Result<Value, String> {
    let value = call.get(0);
    let read = match value {
        Value::Number(number) => Ok(number.clone()),
        Value::String(text) => number(text),
        _ => Err("is not a number".to_owned()),
    };
    let float = read.and_then(|exact| {
        let float = exact.as_f64().and_then(Number::from_f64);
        float
            .filter(|float| compare_numbers(float, &exact).is_eq())
            .ok_or_else(|| "has more digits than a float can carry exactly".to_owned())
    });
    float.map(Value::Number).map_err(|wrong| format!("{} {wrong}", excerpt(value)))
}

pub(super) fn bool(call: &Arguments<'_>) -> Result<Value, String> {
    let value = call.get(0);
    let read = match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) => boolean(text),
        Value::Number(number) => boolean(&number.to_string()),
        _ => None,
    };
    read.map(Value::Bool).ok_or_else(|| format!("{} is none of true, false, 1 and 0", excerpt(value)))
}

pub(super) fn lookup(call: &Arguments<'_>) -> Result<Value, String> {
    let name = show(call.get(1));
    step(call.get(0), &name).cloned().ok_or_else(|| format!("has no {}", excerpt(call.get(1))))
}

pub(super) fn env(call: &Arguments<'_>) -> Result<Value, String> {
    let name = show(call.get(0));
    let value = call.env.get(&*name).map(|value| value.as_str().into());
    value.ok_or_else(|| {
        format!("the manifest does not name the variable {name}: write `vars: {{x: ${{{name}}}}}` and `{{{{vars.x}}}}`")
    })
}
