//! JSON values as templates, types and conditions read them: as text, as a truth, as exact numbers.

use std::borrow::Cow;
use std::cmp::Ordering;

use rust_decimal::Decimal;
use serde_json::{Number, Value};

use crate::model::Cost;

/// How much of a value a message shows, in characters.
const EXCERPT: usize = 40;

/// Gives a value as it stands inside a text: text as it is, null as nothing, all else as compact JSON.
pub(crate) fn show(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Null => Cow::Borrowed(""),
        other => Cow::Owned(other.to_string()),
    }
}

/// Gives a value for a message: as JSON, cut to 40 characters.
pub(super) fn excerpt(value: &Value) -> String {
    let whole = value.to_string();
    match whole.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", &whole[..end]),
        None => whole,
    }
}

/// Names a value's kind, in the words of messages.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Says whether `#if` takes a value for true: not null, false, zero, nor an empty text, list or object.
pub(super) fn is_truthy(value: &Value, include_zero: bool) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => include_zero || number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(object) => !object.is_empty(),
    }
}

/// Walks down to a value, through objects by name and lists by index.
pub(super) fn lookup<'a>(start: &'a Value, segments: &[String]) -> Option<&'a Value> {
    segments.iter().try_fold(start, |value, segment| step(value, segment))
}

/// Takes one step down.
pub(super) fn step<'a>(value: &'a Value, segment: &str) -> Option<&'a Value> {
    match value {
        Value::Object(object) => object.get(segment),
        Value::Array(list) => list.get(segment.parse::<usize>().ok()?),
        _ => None,
    }
}

/// Reads a decimal in the forms that JSON allows, exactly; none when it is no number or has too many digits.
pub(crate) fn decimal(text: &str) -> Option<Decimal> {
    // `Cost` owns the exact reader; it only lacks a sign.
    match text.strip_prefix('-') {
        Some(digits) => digits.parse().ok().map(|cost: Cost| -cost.amount()),
        None => text.parse().ok().map(Cost::amount),
    }
}

/// Compares two numbers exactly.
pub(super) fn compare_numbers(left: &Number, right: &Number) -> Ordering {
    if let (Some(left), Some(right)) = (decimal(&left.to_string()), decimal(&right.to_string())) {
        return left.cmp(&right);
    }
    // Subtle: what is no decimal of 28 digits is a float far from every integer, so floats decide rightly.
    let float = |number: &Number| number.as_f64().unwrap_or_default();
    float(left).total_cmp(&float(right))
}

/// Says whether two values are equal: numbers as numbers (`1` is `1.0`), all else as JSON.
pub(crate) fn is_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => compare_numbers(left, right).is_eq(),
        _ => left == right,
    }
}

/// Reads a whole number that 64 bits can hold.
pub(super) fn integer(text: &str) -> Result<Number, String> {
    let text = text.trim();
    if let Ok(small) = text.parse::<i64>() {
        return Ok(small.into());
    }
    if let Ok(large) = text.parse::<u64>() {
        return Ok(large.into());
    }
    match Digits::read(text) {
        Some(digits) if digits.is_whole() => {
            digits.to_integer().ok_or_else(|| "has more than 64 bits: keep it as text".to_owned())
        }
        _ => Err("is not a whole number".to_owned()),
    }
}

/// Reads a number; whole numbers stay whole.
pub(super) fn number(text: &str) -> Result<Number, String> {
    let text = text.trim();
    let digits = Digits::read(text).ok_or_else(|| "is not a number".to_owned())?;
    if digits.is_whole() && !text.contains(['.', 'e', 'E']) {
        return integer(text);
    }
    let too_precise = || "has more digits than a JSON number can carry exactly: keep it as text".to_owned();
    let number = text.parse().ok().and_then(Number::from_f64).ok_or_else(too_precise)?;
    if Digits::read(&number.to_string()) == Some(digits) { Ok(number) } else { Err(too_precise()) }
}

/// Reads `true`, `false`, in any case, `1` or `0`.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.trim() {
        "1" => Some(true),
        "0" => Some(false),
        text if text.eq_ignore_ascii_case("true") => Some(true),
        text if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// A decimal number as its digits, so that two ways of writing it can be told to be one number, whatever its size.
#[derive(Debug, PartialEq, Eq)]
struct Digits {
    negative: bool,
    /// Without zeros at either end.
    significant: String,
    /// The power of ten of the last of them.
    exponent: i64,
}

impl Digits {
    fn read(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, i64::from(exponent.parse::<i32>().ok()?)),
            None => (text, 0),
        };
        let unsigned = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let all = format!("{whole}{fraction}");
        if all.is_empty() || !all.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let trimmed = all.trim_end_matches('0');
        let dropped = i64::try_from(all.len() - trimmed.len()).ok()?;
        let exponent = exponent - i64::try_from(fraction.len()).ok()? + dropped;
        let significant = trimmed.trim_start_matches('0').to_owned();
        if significant.is_empty() {
            return Some(Self { negative: false, significant, exponent: 0 });
        }
        Some(Self { negative: mantissa.starts_with('-'), significant, exponent })
    }

    fn is_whole(&self) -> bool {
        self.exponent >= 0
    }

    fn to_integer(&self) -> Option<Number> {
        if self.significant.is_empty() {
            return Some(0.into());
        }
        let zeros = usize::try_from(self.exponent).ok().filter(|zeros| *zeros <= 20)?;
        let sign = if self.negative { "-" } else { "" };
        let text = format!("{sign}{}{}", self.significant, "0".repeat(zeros));
        text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from)).ok()
    }
}
