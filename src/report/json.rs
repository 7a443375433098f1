//! Reading JSON text one level at a time, so that numbers keep their own digits and nothing is built that is not
//! asked for.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Levels that `exact` looks into; numbers below are read as numbers, whatever their digits.
const EXACT_DEPTH: u32 = 64;

/// A number of fewer digits is carried exactly by a double, or by an integer of 64 bits.
const SAFE_DIGITS: usize = 16;

/// Gives the members of an object in their order, or nothing when the text is no object.
pub(super) fn members(raw: &RawValue) -> Option<Vec<(Cow<'_, str>, &RawValue)>> {
    // Asked first, so that no error is built for each of a million scalars.
    if !raw.get().starts_with('{') {
        return None;
    }
    serde_json::from_str::<Members<'_>>(raw.get()).ok().map(|members| members.0)
}

/// Gives a value as the text of a cell: strings plain, null empty, all else as its JSON text.
pub(super) fn plain(raw: &RawValue) -> Cow<'_, str> {
    let text = raw.get();
    match text.as_bytes().first() {
        // As most are: nothing in it is written in another way.
        Some(b'"') if !text.contains('\\') => Cow::Borrowed(text.trim_matches('"')),
        // A string that is no valid Unicode (half a surrogate pair) stays as it is written.
        Some(b'"') => serde_json::from_str::<Text<'_>>(text).map_or(Cow::Borrowed(text), |text| text.0),
        Some(b'n') => Cow::Borrowed(""),
        _ => Cow::Borrowed(text),
    }
}

/// Gives a value as the text of a cell, like `plain`.
pub(super) fn plain_value(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Reads a value for templates. A number whose digits a 64-bit number can't carry becomes a string of just these
/// digits.
pub(super) fn exact(raw: &RawValue) -> Value {
    match serde_json::from_str(raw.get()) {
        Ok(value) if !has_long_number(raw.get()) => value,
        // A number beyond all bounds (`1e999`) is an error to the parser.
        _ => exact_below(raw, 0),
    }
}

fn has_long_number(text: &str) -> bool {
    let mut run = 0;
    text.bytes().any(|byte| {
        run = match byte {
            b'0'..=b'9' => run + 1,
            b'.' => run,
            _ => 0,
        };
        run >= SAFE_DIGITS
    })
}

fn exact_below(raw: &RawValue, depth: u32) -> Value {
    let text = raw.get();
    let whole = || serde_json::from_str(text).unwrap_or(Value::Null);
    match text.as_bytes().first() {
        Some(b'{') if depth < EXACT_DEPTH => members(raw).map_or_else(whole, |members| {
            let members = members.into_iter();
            let map: Map<_, _> =
                members.map(|(name, value)| (name.into_owned(), exact_below(value, depth + 1))).collect();
            Value::Object(map)
        }),
        Some(b'[') if depth < EXACT_DEPTH => serde_json::from_str::<Vec<&RawValue>>(text).map_or_else(
            |_| whole(),
            |items| items.into_iter().map(|item| exact_below(item, depth + 1)).collect(),
        ),
        Some(b'-' | b'0'..=b'9') => exact_number(text),
        _ => whole(),
    }
}

/// Reads a value so that whatever is written of it is read back the same by the strictest reader: a number that can't be
/// carried exactly, and what lies deeper than is looked into, is its own text; of members of one name the last counts; half of
/// a surrogate pair is U+FFFD.
pub(super) fn carried(text: &str) -> Value {
    let whole = whole_characters(text);
    let raw = RawValue::from_string(whole.into_owned());
    raw.map_or_else(|_| text.into(), |raw| carried_below(&raw, 0))
}

fn carried_below(raw: &RawValue, depth: u32) -> Value {
    let text = raw.get();
    let as_text = || Value::String(text.to_owned());
    match text.as_bytes().first() {
        Some(b'{') if depth < EXACT_DEPTH => members(raw).map_or_else(as_text, |members| {
            let members = members.into_iter();
            let map: Map<_, _> =
                members.map(|(name, value)| (name.into_owned(), carried_below(value, depth + 1))).collect();
            Value::Object(map)
        }),
        Some(b'[') if depth < EXACT_DEPTH => serde_json::from_str::<Vec<&RawValue>>(text).map_or_else(
            |_| as_text(),
            |items| items.into_iter().map(|item| carried_below(item, depth + 1)).collect(),
        ),
        Some(b'{' | b'[') => as_text(),
        Some(b'-' | b'0'..=b'9') => exact_number(text),
        _ => serde_json::from_str(text).unwrap_or_else(|_| as_text()),
    }
}

/// Writes U+FFFD for each half of a surrogate pair that stands alone.
fn whole_characters(text: &str) -> Cow<'_, str> {
    if !text.contains("\\u") {
        return text.into();
    }
    let unit = |at: usize| {
        let digits = text.get(at..)?.strip_prefix("\\u")?.get(..4)?;
        u32::from_str_radix(digits, 16).ok()
    };
    let (mut whole, mut at) = (String::with_capacity(text.len()), 0);
    while let Some(found) = text[at..].find('\\') {
        whole.push_str(&text[at..at + found]);
        at += found;
        let (written, length) = match (unit(at), unit(at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (None, 12),
            (Some(0xd800..=0xdfff), _) => (Some("\\ufffd"), 6),
            (Some(_), _) => (None, 6),
            // A backslash, and what it makes another character of.
            (None, _) => (None, 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8)),
        };
        whole.push_str(written.unwrap_or(&text[at..at + length]));
        at += length;
    }
    whole.push_str(&text[at..]);
    whole.into()
}

/// `1.50` and `1e3` are other ways to write a number that is carried exactly; what is more than that stays text.
fn exact_number(text: &str) -> Value {
    let digits = text.split(['e', 'E']).next().unwrap_or(text).bytes().filter(u8::is_ascii_digit).count();
    match serde_json::from_str::<Value>(text) {
        Ok(value) if digits < SAFE_DIGITS || is_written_as(&value, text) => value,
        _ => Value::String(text.to_owned()),
    }
}

fn is_written_as(value: &Value, text: &str) -> bool {
    serde_json::to_string(value).is_ok_and(|written| written == text)
}

struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;

        impl<'de> Visitor<'de> for Each {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
                    members.push((name.0, value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn a_cell_holds_strings_plain_and_all_else_as_its_own_text() {
        let check = |text: &str, expected: &str| assert_eq!(plain(&raw(text)), expected, "{text}");
        check(r#""a\"b\n订单""#, "a\"b\n订单");
        check("null", "");
        check("12345678901234567890123", "12345678901234567890123");
        check("1.50", "1.50");
        check("true", "true");
        check(r#"[1, {"a": null}]"#, r#"[1, {"a": null}]"#);
        check(r#""half \ud800""#, r#""half \ud800""#);
    }

    #[test]
    fn templates_see_long_numbers_as_the_text_of_their_digits() {
        let check =
            |text: &str, expected: &str| assert_eq!(exact(&raw(text)).to_string(), expected, "{text}");
        check(r#"{"id":12345678901234567890123}"#, r#"{"id":"12345678901234567890123"}"#);
        check(r#"[{"id":1234567890123456789}]"#, r#"[{"id":1234567890123456789}]"#);
        check("[0.12345678901234567890]", r#"["0.12345678901234567890"]"#);
        check("1.50", "1.5");
        check(r#"{"a":1e999,"b":1}"#, r#"{"a":"1e999","b":1}"#);
        check(r#"{"a":1.50,"b":18446744073709551615}"#, r#"{"a":1.5,"b":18446744073709551615}"#);
    }

    #[test]
    fn what_is_too_deep_for_the_parser_is_cut_short_and_no_overflow() {
        let deep = raw(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)));
        assert!(exact(&deep).to_string().len() < 1_000);
    }

    #[test]
    fn what_no_dataset_may_have_is_carried_all_the_same() {
        let check = |text: &str, expected: &str| assert_eq!(carried(text).to_string(), expected, "{text}");
        check(r#"{"a":0.12345678901234567890}"#, r#"{"a":"0.12345678901234567890"}"#);
        check(
            r#"{"a":12345678901234567890123,"b":[1e999]}"#,
            r#"{"a":"12345678901234567890123","b":["1e999"]}"#,
        );
        check(r#"{"a":1,"a":{"b":1,"b":2}}"#, r#"{"a":{"b":2}}"#);
        check(r#"{"\ud83d":"\ud83d \ude00 \ud83d\ude00"}"#, "{\"\u{fffd}\":\"\u{fffd} \u{fffd} \u{1f600}\"}");
        check(r#"["\\ud83d \u00e9 \\\ud83d"]"#, "[\"\\\\ud83d é \\\\\u{fffd}\"]");
        check(r#"{"a":1.5,"b":null,"c":[true]}"#, r#"{"a":1.5,"b":null,"c":[true]}"#);
        let deep = format!("{}1{}", "[".repeat(70), "]".repeat(70));
        assert_eq!(carried(&deep).to_string().matches('"').count(), 2);
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(serde_json::from_str::<Value>(&carried(&deep).to_string()).is_ok());
    }

    #[test]
    fn members_keep_their_order() {
        let raw = raw(r#"{"b":1,"a\n":[2],"b":3}"#);
        let names: Vec<_> = members(&raw).unwrap().into_iter().map(|(n, v)| (n, v.get())).collect();
        assert_eq!(names, [("b".into(), "1"), ("a\n".into(), "[2]"), ("b".into(), "3")]);
    }
}
