//! An input or an output as the page shows it: its fields one by one, texts as texts, cut to size.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::report::html::PAGE_CELL_BYTES;
use crate::report::json;

/// Fields of an object that are shown apart; those beyond stand together as the last.
const MAX_FIELDS: usize = 100;

/// Bytes of a field's name.
const MAX_NAME: usize = 200;

/// Characters of the line that stands in the table for a whole input or output.
const PREVIEW: usize = 140;

/// One field: its name, its text, what the text is, and how long it was before it was cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Field<'a>(Option<Cow<'a, str>>, Cow<'a, str>, Kind, Option<usize>);

/// What a field's text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum Kind {
    /// A string's own text.
    #[serde(rename = "s")]
    Text,
    /// JSON, with the digits of its source.
    #[serde(rename = "j")]
    Json,
}

/// Gives the fields of a value, at most so many bytes of them.
pub(super) fn fields(raw: &RawValue) -> Vec<Field<'_>> {
    let mut room = PAGE_CELL_BYTES;
    let Some(members) = json::members(raw).filter(|members| !members.is_empty()) else {
        return if raw.get() == "null" { Vec::new() } else { vec![field(None, raw, &mut room)] };
    };
    let more = members.len().saturating_sub(MAX_FIELDS);
    let mut fields: Vec<_> = members
        .into_iter()
        .take(MAX_FIELDS)
        .map(|(name, value)| field(Some(cut(name, MAX_NAME)), value, &mut room))
        .collect();
    if more > 0 {
        let text = format!("and {more} more fields, in results.jsonl");
        fields.push(Field(None, text.into(), Kind::Text, None));
    }
    fields
}

fn field<'a>(name: Option<Cow<'a, str>>, value: &'a RawValue, room: &mut usize) -> Field<'a> {
    let (text, kind) = if value.get().starts_with('"') {
        (json::plain(value), Kind::Text)
    } else {
        (readable(value.get()), Kind::Json)
    };
    let whole = text.len();
    let text = cut(text, *room);
    *room -= text.len();
    let was = (text.len() < whole).then_some(whole);
    Field(name, text, kind, was)
}

/// Gives the first so many bytes of a text, and no part of a character.
pub(super) fn cut(text: Cow<'_, str>, bytes: usize) -> Cow<'_, str> {
    if text.len() <= bytes {
        return text;
    }
    let end = (0..=bytes).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    }
}

/// JSON whose strings are written in characters: many services write `\u4e2d` for each character that isn't ASCII.
pub(crate) fn readable(json: &str) -> Cow<'_, str> {
    if !json.contains("\\u") {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(start) = rest.find('"') {
        text.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = end_of_string(rest);
        let (string, behind) = rest.split_at(end);
        let written = serde_json::from_str::<String>(string).and_then(|it| serde_json::to_string(&it));
        text.push_str(written.as_deref().unwrap_or(string));
        rest = behind;
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// Where a JSON string that begins with its quote ends, the closing quote included.
fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    let closing = text.bytes().skip(1).position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    });
    closing.map_or(text.len(), |at| at + 2)
}

/// Gives fields on one short line.
pub(super) fn preview(fields: &[Field<'_>]) -> String {
    let mut line = String::new();
    let mut room = PREVIEW;
    for Field(name, text, ..) in fields {
        if room == 0 {
            break;
        }
        if let Some(name) = name.as_deref().filter(|_| fields.len() > 1) {
            let dot = if line.is_empty() { "" } else { " · " };
            push(&mut line, &format!("{dot}{name}: "), &mut room);
        }
        push(&mut line, text, &mut room);
    }
    line
}

/// Gives a text on one short line.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::new();
    push(&mut line, text, &mut PREVIEW.clone());
    line
}

fn push(line: &mut String, text: &str, room: &mut usize) {
    for character in text.chars() {
        if *room == 0 {
            break;
        }
        let character = if character.is_whitespace() { ' ' } else { character };
        line.push(character);
        *room -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(json: &str) -> String {
        let raw = RawValue::from_string(json.to_owned()).unwrap();
        serde_json::to_string(&fields(&raw)).unwrap()
    }

    #[test]
    fn an_object_is_shown_field_by_field_and_numbers_keep_their_digits() {
        let check = |json: &str, expected: &str| assert_eq!(shown(json), expected, "{json}");
        check("null", "[]");
        check("{}", r#"[[null,"{}","j",null]]"#);
        check(r#""a\nb""#, r#"[[null,"a\nb","s",null]]"#);
        check("12345678901234567890123.10", r#"[[null,"12345678901234567890123.10","j",null]]"#);
        check(
            r#"{"reply":"hi","n":1.50,"tags":["\u4e2d\u6587","\\u"]}"#,
            r#"[["reply","hi","s",null],["n","1.50","j",null],["tags","[\"中文\",\"\\\\u\"]","j",null]]"#,
        );
        check(r#"{"a":"\ud800"}"#, r#"[["a","\"\\ud800\"","s",null]]"#);
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters_and_says_how_long_it_was() {
        let long = "é".repeat(PAGE_CELL_BYTES);
        let raw = RawValue::from_string(format!(r#"{{"x":"a","long":"{long}","y":"b"}}"#)).unwrap();
        let fields = fields(&raw);
        let lengths: Vec<_> = fields.iter().map(|field| (field.1.len(), field.3)).collect();
        assert_eq!(lengths, [(1, None), (PAGE_CELL_BYTES - 2, Some(2 * PAGE_CELL_BYTES)), (1, None)]);
    }

    #[test]
    fn the_fields_of_a_wide_object_beyond_a_bound_are_counted() {
        let wide = (0..250).map(|n| format!("\"f{n}\":{n}")).collect::<Vec<_>>().join(",");
        let raw = RawValue::from_string(format!("{{{wide}}}")).unwrap();
        let fields = fields(&raw);
        assert_eq!((fields.len(), fields[100].1.as_ref()), (101, "and 150 more fields, in results.jsonl"));
    }

    #[test]
    fn a_preview_is_one_short_line() {
        let check = |json: &str, expected: &str| {
            let raw = RawValue::from_string(json.to_owned()).unwrap();
            assert_eq!(preview(&fields(&raw)), expected, "{json}");
        };
        check(r#"{"reply":"two\nlines"}"#, "two lines");
        check(r#"{"label":"refund","score":0.90}"#, "label: refund · score: 0.90");
        check("null", "");
        let raw = RawValue::from_string(format!("\"{}\"", "中".repeat(1_000))).unwrap();
        assert_eq!(preview(&fields(&raw)).chars().count(), PREVIEW);
    }

    proptest::proptest! {
        #[test]
        fn any_json_can_be_shown(text in ".*", inner in "\\PC*") {
            let quoted = serde_json::to_string(&text).unwrap();
            for json in [quoted.clone(), format!("{{{quoted}:[{quoted},\"\\u0041\"]}}"), inner] {
                if let Ok(raw) = RawValue::from_string(json) {
                    let read = serde_json::from_str::<serde_json::Value>(&readable(raw.get())).ok();
                    proptest::prop_assert_eq!(read, serde_json::from_str(raw.get()).ok());
                    let _ = preview(&fields(&raw));
                }
            }
        }
    }
}
