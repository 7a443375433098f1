//! Helpers that give booleans.

use std::cmp::Ordering;

use serde_json::Value;

use crate::mapping::helpers::Arguments;
use crate::mapping::values::{compare_numbers, decimal, excerpt, is_equal, is_truthy, kind};

pub(super) fn eq(call: &Arguments<'_>) -> Result<Value, String> {
    equal(call).map(Value::Bool)
}

pub(super) fn ne(call: &Arguments<'_>) -> Result<Value, String> {
    equal(call).map(|equal| Value::Bool(!equal))
}

pub(super) fn lt(call: &Arguments<'_>) -> Result<Value, String> {
    order(call).map(|order| order.is_lt().into())
}

pub(super) fn le(call: &Arguments<'_>) -> Result<Value, String> {
    order(call).map(|order| order.is_le().into())
}

pub(super) fn gt(call: &Arguments<'_>) -> Result<Value, String> {
    order(call).map(|order| order.is_gt().into())
}

pub(super) fn ge(call: &Arguments<'_>) -> Result<Value, String> {
    order(call).map(|order| order.is_ge().into())
}

pub(super) fn and(call: &Arguments<'_>) -> Value {
    call.values.iter().all(|value| is_truthy(value, false)).into()
}

pub(super) fn or(call: &Arguments<'_>) -> Value {
    call.values.iter().any(|value| is_truthy(value, false)).into()
}

pub(super) fn not(call: &Arguments<'_>) -> Value {
    (!is_truthy(call.get(0), false)).into()
}

fn equal(call: &Arguments<'_>) -> Result<bool, String> {
    let (left, right) = (call.get(0), call.get(1));
    match (left, right) {
        // A cell that reads as a number is text unless declared: `false` here would be silently wrong in every row.
        (Value::String(text), Value::Number(_)) | (Value::Number(_), Value::String(text))
            if decimal(text.trim()).is_some() =>
        {
            Err(unlike(left, right))
        }
        _ => Ok(is_equal(left, right)),
    }
}

fn order(call: &Arguments<'_>) -> Result<Ordering, String> {
    match (call.get(0), call.get(1)) {
        (Value::Number(left), Value::Number(right)) => Ok(compare_numbers(left, right)),
        (Value::String(left), Value::String(right)) => Ok(left.cmp(right)),
        (left, right) => Err(unlike(left, right)),
    }
}

fn unlike(left: &Value, right: &Value) -> String {
    format!(
        "compares {} ({}) with {} ({}): use `int` or `float`, or declare the column in `dataset.types`",
        kind(left),
        excerpt(left),
        kind(right),
        excerpt(right)
    )
}
