//! What a scalar's text means in YAML 1.2's core schema, read exactly: a number that would lose digits is refused.

use serde_json::{Number, Value};

use crate::manifest::tree::{Kind, Node, Scalar, Style};

impl Scalar {
    /// Says whether quotes or a block make it text whatever it looks like. What came from the environment has no
    /// quotes of its own.
    pub(super) fn is_text(&self) -> bool {
        self.style != Style::Plain && self.replaced.is_empty()
    }

    /// Says whether nothing was written.
    pub(super) fn is_null(&self) -> bool {
        !self.is_text() && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }

    /// Reads `true` or `false`.
    pub(super) fn boolean(&self) -> Option<bool> {
        match self.text.as_str() {
            _ if self.is_text() => None,
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => None,
        }
    }

    /// Reads a whole number that is not below zero and fits 64 bits.
    pub(super) fn whole(&self) -> Option<u64> {
        if self.is_text() { None } else { integer(&self.text)?.as_u64() }
    }
}

/// Reads a node as JSON: strings literally, numbers exactly. The error names the node that can't be JSON.
pub(super) fn to_json(node: &Node) -> Result<Value, (&Node, String)> {
    match &node.kind {
        Kind::Broken => Ok(Value::Null),
        Kind::Scalar(scalar) => scalar_to_json(scalar).map_err(|message| (node, message)),
        Kind::List(items) => Ok(Value::Array(items.iter().map(to_json).collect::<Result<_, _>>()?)),
        Kind::Map(entries) => {
            let read = entries.iter().map(|(key, value)| Ok((key.text.clone(), to_json(value)?)));
            Ok(Value::Object(read.collect::<Result<_, _>>()?))
        }
    }
}

/// Reads a scalar as JSON. What came from the environment is text where no other type is wanted: a variable's value
/// has no quotes to tell `007` from 7.
pub(super) fn scalar_to_json(scalar: &Scalar) -> Result<Value, String> {
    let text = scalar.text.as_str();
    if scalar.is_text() || !scalar.replaced.is_empty() {
        Ok(Value::from(text))
    } else if scalar.is_null() {
        Ok(Value::Null)
    } else if let Some(boolean) = scalar.boolean() {
        Ok(Value::from(boolean))
    } else if looks_like_integer(text) {
        integer(text).map(Value::Number).ok_or_else(|| format!("`{text}` does not fit 64 bits"))
    } else if looks_like_float(text) {
        let number =
            text.parse::<f64>().ok().filter(|number| number.is_finite() && keeps_digits(text, *number));
        let number = number.and_then(Number::from_f64);
        number
            .map(Value::Number)
            .ok_or_else(|| format!("`{text}` has more digits than JSON can carry exactly"))
    } else if matches!(
        text.trim_start_matches(['-', '+']),
        ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN"
    ) {
        Err(format!("`{text}` is no number that JSON has"))
    } else {
        Ok(Value::from(text))
    }
}

fn looks_like_integer(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let all = |digits: &str, valid: fn(u8) -> bool| !digits.is_empty() && digits.bytes().all(valid);
    all(digits, |b| b.is_ascii_digit())
        || text.strip_prefix("0x").is_some_and(|digits| all(digits, |b| b.is_ascii_hexdigit()))
        || text.strip_prefix("0o").is_some_and(|digits| all(digits, |b| (b'0'..=b'7').contains(&b)))
}

fn integer(text: &str) -> Option<Number> {
    if let Some(digits) = text.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok().filter(|_| looks_like_integer(text)).map(Number::from);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return u64::from_str_radix(digits, 8).ok().filter(|_| looks_like_integer(text)).map(Number::from);
    }
    if !looks_like_integer(text) {
        return None;
    }
    text.parse::<u64>().map(Number::from).or_else(|_| text.parse::<i64>().map(Number::from)).ok()
}

fn looks_like_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let exponent_is_good = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
    });
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    exponent_is_good
        && !(whole.is_empty() && fraction.is_empty())
        && whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit())
}

/// Says whether a float, written out again in its shortest form, is the number that was written.
fn keeps_digits(text: &str, number: f64) -> bool {
    significant(text) == significant(&format!("{number:e}"))
}

/// Gives the digits of a decimal number without zeros at either end, and the power of ten of the last digit.
fn significant(text: &str) -> (String, i64) {
    let unsigned = text.trim_start_matches(['-', '+']);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let kept = digits.trim_end_matches('0');
    let cut = digits.len() - kept.len();
    let kept = kept.trim_start_matches('0');
    if kept.is_empty() {
        return (String::new(), 0);
    }
    let exponent = exponent.parse::<i64>().unwrap_or(i64::MAX / 2);
    let places = |count: usize| i64::try_from(count).unwrap_or(i64::MAX / 4);
    (kept.to_owned(), exponent.saturating_sub(places(fraction.len())).saturating_add(places(cut)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, ()>) {
        let scalar = Scalar { text: text.to_owned(), style: Style::Plain, replaced: Vec::new() };
        let read = scalar_to_json(&scalar).map(|value| value.to_string());
        assert_eq!(read.map_err(drop), expected.map(str::to_owned), "{text:?}");
    }

    #[test]
    fn plain_scalars_are_read_by_the_core_schema_of_yaml_1_2() {
        check("", Ok("null"));
        check("~", Ok("null"));
        check("no", Ok(r#""no""#));
        check("on", Ok(r#""on""#));
        check("True", Ok("true"));
        check("12", Ok("12"));
        check("+12", Ok("12"));
        check("-12", Ok("-12"));
        check("0x1F", Ok("31"));
        check("0o17", Ok("15"));
        check("017", Ok("17"));
        check("1.10", Ok("1.1"));
        check(".5", Ok("0.5"));
        check("1e3", Ok("1000.0"));
        check("0.0", Ok("0.0"));
        check("1.2.3", Ok(r#""1.2.3""#));
        check("12abc", Ok(r#""12abc""#));
        check("1_000", Ok(r#""1_000""#));
        check("+", Ok(r#""+""#));
        check(".", Ok(r#"".""#));
        check("e5", Ok(r#""e5""#));
        check("2026-11-24", Ok(r#""2026-11-24""#));
    }

    #[test]
    fn a_number_that_would_lose_digits_is_refused() {
        check("18446744073709551615", Ok("18446744073709551615"));
        check("-9223372036854775808", Ok("-9223372036854775808"));
        check("18446744073709551616", Err(()));
        check("-9223372036854775809", Err(()));
        check("0xFFFFFFFFFFFFFFFFF", Err(()));
        check("0.1", Ok("0.1"));
        check("0.1234567890123456", Ok("0.1234567890123456"));
        check("0.123456789012345678901", Err(()));
        check("1e400", Err(()));
        check("1e-400", Err(()));
        check("1e99999999999999999999", Err(()));
        check(".nan", Err(()));
        check("-.inf", Err(()));
    }
}
