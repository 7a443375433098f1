//! The values that were taken out of a row, and texts about the row without them.

use serde_json::value::RawValue;

use crate::report::json;
use crate::report::redact::REDACTED;

/// Bytes of a value that is looked for in messages: shorter ones stand in any text by chance.
const LEAST_FOUND: usize = 4;

/// Values that are looked for in a row's message.
const MAX_FOUND: usize = 1_000;

/// Levels of a value that are looked into.
const MAX_DEPTH: usize = 64;

/// Characters before a `\u{2026}` that may be the beginning of a value which a message shows in part.
const CUT: usize = 512;

/// What was taken out of a row.
#[derive(Debug, Default)]
pub(super) struct Taken {
    texts: Vec<String>,
    /// More was taken out than is looked for.
    more: bool,
}

impl Taken {
    /// Takes in the texts and numbers of a value.
    pub(super) fn gather(&mut self, raw: &RawValue) {
        self.gather_below(raw, 0);
    }

    fn gather_below(&mut self, raw: &RawValue, depth: usize) {
        if self.texts.len() >= MAX_FOUND || depth >= MAX_DEPTH {
            self.more = true;
            return;
        }
        if let Some(members) = json::members(raw) {
            for (_, value) in &members {
                self.gather_below(value, depth + 1);
            }
        } else if raw.get().starts_with('[') {
            let items = serde_json::from_str::<Vec<&RawValue>>(raw.get()).unwrap_or_default();
            for item in items {
                self.gather_below(item, depth + 1);
            }
        } else {
            let text = json::plain(raw);
            let text = text.trim();
            if text.len() >= LEAST_FOUND {
                self.texts.push(text.to_owned());
                let written = serde_json::Value::from(text).to_string();
                let escaped = &written[1..written.len() - 1];
                if escaped != text {
                    self.texts.push(escaped.to_owned());
                }
            }
            // A text may be JSON, whose parts a message names.
            if text.starts_with(['{', '['])
                && let Ok(inner) = serde_json::from_str::<&RawValue>(text)
            {
                self.gather_below(inner, depth + 1);
            }
        }
    }

    /// Gives a text without what was taken out, also where it shows only the beginning of that.
    pub(super) fn out_of(&self, text: &str) -> String {
        if self.more {
            return REDACTED.to_owned();
        }
        let mut by_length: Vec<&String> = self.texts.iter().collect();
        // A value may hold another: the longer goes first.
        by_length.sort_by_key(|text| std::cmp::Reverse(text.len()));
        let whole =
            by_length.iter().fold(text.to_owned(), |text, value| text.replace(value.as_str(), REDACTED));
        self.without_beginnings(&whole)
    }

    fn without_beginnings(&self, text: &str) -> String {
        let mut parts = text.split('\u{2026}');
        let last = parts.next_back().unwrap_or_default();
        let mut clean = String::with_capacity(text.len());
        for part in parts {
            let window = part.char_indices().rev().take(CUT).last().map_or(0, |(at, _)| at);
            let starts = part[window..].char_indices().map(|(at, _)| window + at);
            let is_beginning = |at: &usize| {
                let shown = &part[*at..];
                shown.len() >= LEAST_FOUND && self.texts.iter().any(|value| value.starts_with(shown))
            };
            if let Some(at) = starts.into_iter().find(is_beginning) {
                clean.push_str(&part[..at]);
                clean.push_str(REDACTED);
            } else {
                clean.push_str(part);
                clean.push('\u{2026}');
            }
        }
        clean.push_str(last);
        clean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[&str], text: &str, expected: &str) {
        let mut taken = Taken::default();
        for value in values {
            taken.gather(&RawValue::from_string((*value).to_owned()).unwrap());
        }
        assert_eq!(taken.out_of(text), expected, "{values:?} in {text:?}");
    }

    #[test]
    fn a_message_loses_the_values_that_are_kept_out() {
        let mails = [r#""ann@example""#, r#"["ann@example.com", 5, "abc"]"#];
        check(
            &mails,
            "`ann@example.com` is no address; ann@example",
            "`[redacted]` is no address; [redacted]",
        );
        check(&mails, "5 abc \u{2026}", "5 abc \u{2026}");
        check(&["123456"], "no 1234567", "no [redacted]7");
    }

    #[test]
    fn a_message_loses_a_value_that_it_shows_the_beginning_of() {
        let long = format!("\"Ann Smith, 12 High Street, {}\"", "Leeds ".repeat(40));
        check(&[&long], "\"Ann Smith, 12 High\u{2026} is no number", "\"[redacted] is no number");
        check(&[&long], "wait\u{2026} Ann\u{2026}", "wait\u{2026} Ann\u{2026}");
    }

    #[test]
    fn a_message_loses_a_value_that_it_shows_as_json() {
        check(&[r#""say \"hi\" to Ann""#], r#"got "say \"hi\" to Ann""#, r#"got "[redacted]""#);
    }

    #[test]
    fn a_message_loses_what_stands_in_a_text_that_is_json() {
        check(&[r#""{\"mail\":\"ann@example.com\"}""#], "ann@example.com?", "[redacted]?");
    }

    #[test]
    fn nothing_is_said_where_more_was_taken_out_than_is_looked_for() {
        let many = format!("[{}]", (10_000..12_000).map(|n| n.to_string()).collect::<Vec<_>>().join(","));
        check(&[&many], "and 11999", REDACTED);
    }
}
