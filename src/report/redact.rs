//! What `output.redact` keeps out of every derived file: decided from names, once, and put in place row by row.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::value::RawValue;

use crate::checks::{Check, CheckResult, Checks};
use crate::mapping::{InputTemplate, Template};
use crate::report::json;
use crate::report::row::{ResultError, ResultRow};

/// What stands in place of a value.
const REDACTED: &str = "[redacted]";

/// The same as JSON.
const REDACTED_JSON: &str = "\"[redacted]\"";

/// Bytes of a value that is looked for in messages: shorter ones stand in any text by chance.
const LEAST_FOUND: usize = 4;

/// Values that are looked for in a row's message.
const MAX_FOUND: usize = 1_000;

/// Levels of a value that are looked into; what lies deeper is kept out whole.
const MAX_DEPTH: usize = 64;

/// Names whose values are kept out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redaction {
    row: Vec<Vec<String>>,
    input: Vec<Vec<String>>,
    output: Vec<Vec<String>>,
    /// Checks that look at any of it.
    checks: Vec<Arc<str>>,
}

/// A row's parts as they may be shown.
#[derive(Debug, Default)]
pub(super) struct Hidden {
    record: Option<Box<RawValue>>,
    input: Option<Box<RawValue>>,
    output: Option<Box<RawValue>>,
    message: Option<String>,
    checks: Checks,
}

impl Redaction {
    /// Takes paths that begin with `row`, `input` or `output`. A field of the input whose template refers to a column
    /// that is kept out is kept out as well, and so is what a check says of either, but for its verdict.
    pub fn new(paths: &[Vec<String>], input: &InputTemplate, checks: &[Check]) -> Self {
        let below = |root: &str| {
            let of_root = paths.iter().filter(|path| path.first().is_some_and(|first| first == root));
            of_root.map(|path| path[1..].to_vec()).collect::<Vec<_>>()
        };
        let (row, output) = (below("row"), below("output"));
        let mut redaction = Self { row, input: below("input"), output, checks: Vec::new() };
        if !redaction.row.is_empty() {
            let mut found = Vec::new();
            redaction.gather(input, &mut Vec::new(), &mut found);
            redaction.input.extend(found);
        }
        let covered =
            |check: &&Check| check.references().iter().any(|reference| redaction.holds(&reference.path));
        redaction.checks = checks.iter().filter(covered).map(|check| Arc::clone(&check.name)).collect();
        redaction
    }

    fn gather(&self, input: &InputTemplate, place: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
        let mut below = |step: String, inner: &InputTemplate| {
            place.push(step);
            self.gather(inner, place, found);
            place.pop();
        };
        match input {
            InputTemplate::Literal(_) => {}
            InputTemplate::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    below(index.to_string(), item);
                }
            }
            InputTemplate::Object(members) => {
                for (name, member) in members {
                    below(name.clone(), member);
                }
            }
            InputTemplate::Text(template) => {
                if self.covers(template) {
                    found.push(place.clone());
                }
            }
            InputTemplate::File { path, format } => {
                if self.covers(path) || format.as_ref().is_some_and(|format| self.covers(format)) {
                    found.push(place.clone());
                }
            }
        }
    }

    /// Says whether nothing is kept out.
    pub fn is_empty(&self) -> bool {
        self.row.is_empty() && self.input.is_empty() && self.output.is_empty()
    }

    /// Says whether what a template renders may hold what is kept out.
    pub fn covers(&self, template: &Template) -> bool {
        template.references().iter().any(|reference| self.holds(&reference.path))
    }

    /// Says whether what a name refers to holds, or is a part of, what is kept out.
    pub fn holds(&self, path: &[String]) -> bool {
        let Some((root, rest)) = path.split_first() else { return !self.is_empty() };
        let meets =
            |kept: &Vec<Vec<String>>| kept.iter().any(|path| path.iter().zip(rest).all(|(a, b)| a == b));
        match root.as_str() {
            "row" => meets(&self.row),
            "output" => meets(&self.output),
            // Where in a reply its output lies is the provider's matter.
            "reply" => !self.output.is_empty(),
            _ => false,
        }
    }

    /// Replaces the templates whose values may not be shown.
    pub fn over(&self, templates: Vec<(String, Template)>) -> Vec<(String, Template)> {
        let constant = Template::parse(REDACTED).ok();
        templates
            .into_iter()
            .map(|(name, template)| match &constant {
                Some(constant) if self.covers(&template) => (name, constant.clone()),
                _ => (name, template),
            })
            .collect()
    }

    fn hide_checks(&self, checks: &Checks) -> Checks {
        let hidden = |text: &Option<String>| text.as_ref().map(|_| REDACTED.to_owned());
        let shown = checks.0.iter().map(|(name, result)| {
            let result = if self.checks.contains(name) {
                CheckResult {
                    reason: hidden(&result.reason),
                    expected: hidden(&result.expected),
                    actual: hidden(&result.actual),
                    path: result.path.clone(),
                    // The labels themselves would stand in report.json.
                    labels: None,
                    ..*result
                }
            } else {
                result.clone()
            };
            (Arc::clone(name), result)
        });
        Checks(shown.collect())
    }

    /// Says that something is kept out.
    pub(super) fn note(&self) -> Option<String> {
        (!self.is_empty()).then(|| {
            "values are kept out of every file but the journal (`output.redact`): failures.csv can't be run again as \
             it is"
                .to_owned()
        })
    }

    /// Works out what may be shown of a row; none when that is everything.
    pub(super) fn hide(&self, row: &ResultRow<'_>, record: Option<&RawValue>) -> Option<Hidden> {
        if self.is_empty() {
            return None;
        }
        let mut taken = Vec::new();
        let mut hide = |raw: Option<&RawValue>, paths: &[Vec<String>]| {
            let raw = raw.filter(|_| !paths.is_empty())?;
            let paths: Vec<&[String]> = paths.iter().map(Vec::as_slice).collect();
            let mut text = String::with_capacity(raw.get().len());
            write(raw, &paths, 0, &mut text, &mut taken);
            RawValue::from_string(text).ok()
        };
        // A record that is no object is malformed: nobody knows which part of it is which column.
        let whole = [Vec::new()];
        let broken = record.is_some_and(|record| json::members(record).is_none()) && !self.row.is_empty();
        let hidden_record = hide(record, if broken { &whole } else { &self.row });
        let input = hide(row.input, &self.input);
        let output = hide(row.output.as_deref(), &self.output);
        let message =
            row.error.map(|error| if broken { REDACTED.to_owned() } else { without(error.message, &taken) });
        let checks = self.hide_checks(&row.checks);
        Some(Hidden { record: hidden_record, input, output, message, checks })
    }
}

impl Hidden {
    /// Gives the row as it may be shown.
    pub(super) fn row<'a>(&'a self, row: ResultRow<'a>) -> ResultRow<'a> {
        ResultRow {
            input: self.input.as_deref().or(row.input),
            output: self.output.as_deref().map(Cow::Borrowed).or(row.output),
            error: row.error.map(|error| ResultError {
                message: self.message.as_deref().unwrap_or(error.message),
                ..error
            }),
            checks: self.checks.clone(),
            ..row
        }
    }

    /// Gives the record as it may be shown.
    pub(super) fn record<'a>(&'a self, record: Option<&'a RawValue>) -> Option<&'a RawValue> {
        self.record.as_deref().or(record)
    }
}

/// Writes a value with what the paths lead to replaced, and gathers the texts that were taken out. All else keeps its
/// own digits and order.
fn write(raw: &RawValue, paths: &[&[String]], depth: usize, text: &mut String, taken: &mut Vec<String>) {
    if paths.is_empty() {
        text.push_str(raw.get());
        return;
    }
    if raw.get() == "null" {
        text.push_str("null");
        return;
    }
    let members = json::members(raw);
    let items =
        || serde_json::from_str::<Vec<&RawValue>>(raw.get()).ok().filter(|_| raw.get().starts_with('['));
    if depth < MAX_DEPTH && paths.iter().all(|path| !path.is_empty()) {
        if let Some(members) = members {
            text.push('{');
            for (index, (name, value)) in members.iter().enumerate() {
                text.push_str(if index > 0 { "," } else { "" });
                text.push_str(&serde_json::Value::from(name.as_ref()).to_string());
                text.push(':');
                write(value, &below(paths, |step| step == name), depth + 1, text, taken);
            }
            text.push('}');
            return;
        }
        if let Some(items) = items() {
            text.push('[');
            for (index, value) in items.iter().enumerate() {
                text.push_str(if index > 0 { "," } else { "" });
                // A name leads to that field of every item, a number to one item.
                let number = index.to_string();
                let mut inner = below(paths, |step| step == number);
                inner.extend(paths.iter().filter(|path| path[0].parse::<usize>().is_err()));
                write(value, &inner, depth + 1, text, taken);
            }
            text.push(']');
            return;
        }
    }
    // Subtle: a text at which a path does not end may be JSON that holds what it leads to.
    gather(raw, 0, taken);
    text.push_str(REDACTED_JSON);
}

fn below<'a>(paths: &[&'a [String]], is: impl Fn(&str) -> bool) -> Vec<&'a [String]> {
    paths.iter().filter(|path| path.first().is_some_and(|step| is(step))).map(|path| &path[1..]).collect()
}

/// Gathers the texts and numbers of a value.
fn gather(raw: &RawValue, depth: usize, taken: &mut Vec<String>) {
    if taken.len() >= MAX_FOUND || depth >= MAX_DEPTH {
        return;
    }
    if let Some(members) = json::members(raw) {
        for (_, value) in &members {
            gather(value, depth + 1, taken);
        }
    } else if raw.get().starts_with('[') {
        let items = serde_json::from_str::<Vec<&RawValue>>(raw.get()).unwrap_or_default();
        for item in items {
            gather(item, depth + 1, taken);
        }
    } else {
        let text = json::plain(raw);
        if text.trim().len() >= LEAST_FOUND {
            taken.push(text.trim().to_owned());
        }
    }
}

fn without(message: &str, taken: &[String]) -> String {
    let mut by_length: Vec<&String> = taken.iter().collect();
    // A value may hold another: the longer goes first.
    by_length.sort_by_key(|text| std::cmp::Reverse(text.len()));
    by_length.iter().fold(message.to_owned(), |message, text| message.replace(text.as_str(), REDACTED))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(names: &[&str]) -> Vec<Vec<String>> {
        names.iter().map(|name| name.split('.').map(str::to_owned).collect()).collect()
    }

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn what_a_path_leads_to_is_replaced_and_all_else_keeps_its_own_text() {
        let check = |value: &str, names: &[&str], expected: &str| {
            let (mut text, mut taken) = (String::new(), Vec::new());
            let paths = paths(names);
            let paths: Vec<&[String]> = paths.iter().map(Vec::as_slice).collect();
            write(&raw(value), &paths, 0, &mut text, &mut taken);
            assert_eq!(text, expected, "{value} {names:?}");
        };
        check(r#"{"a":1.50,"b":"x"}"#, &["b"], r#"{"a":1.50,"b":"[redacted]"}"#);
        check(
            r#"{"a":{"b":"x","c":12345678901234567890}}"#,
            &["a.b"],
            r#"{"a":{"b":"[redacted]","c":12345678901234567890}}"#,
        );
        check(
            r#"{"a":[{"b":1},{"b":2,"c":3}]}"#,
            &["a.b"],
            r#"{"a":[{"b":"[redacted]"},{"b":"[redacted]","c":3}]}"#,
        );
        check(r#"{"a":[1,2]}"#, &["a.1"], r#"{"a":[1,"[redacted]"]}"#);
        check(r#"{"a":null,"b":{"c":1}}"#, &["a", "b"], r#"{"a":null,"b":"[redacted]"}"#);
        check(r#"{"a":"{\"b\":\"secret\"}"}"#, &["a.b"], r#"{"a":"[redacted]"}"#);
        check(r#"{"x\"y":1}"#, &["z"], r#"{"x\"y":1}"#);
    }

    #[test]
    fn a_template_that_may_show_what_is_kept_out_is_covered() {
        let input = InputTemplate::Object(vec![
            ("who".to_owned(), InputTemplate::Text(Template::parse("Mail of {{row.email}}").unwrap())),
            ("what".to_owned(), InputTemplate::Text(Template::parse("{{row.text}}").unwrap())),
            (
                "list".to_owned(),
                InputTemplate::List(vec![InputTemplate::Text(
                    Template::parse("{{lower row.email}}").unwrap(),
                )]),
            ),
        ]);
        let redaction = Redaction::new(&paths(&["row.email", "output.reply.text"]), &input, &[]);
        assert_eq!(redaction.input, paths(&["who", "list.0"]));
        let check = |template: &str, expected: bool| {
            assert_eq!(redaction.covers(&Template::parse(template).unwrap()), expected, "{template}");
        };
        check("{{row.email}}", true);
        check("{{row.email.domain}}", true);
        check("{{#each row}}{{this}}{{/each}}", true);
        check("{{row.lang}}", false);
        check("{{output.reply}}", true);
        check("{{output.reply.text.first}}", true);
        check("{{output.label}}", false);
        check("{{json reply}}", true);
        check("{{row_key}} {{outcome}}", false);
    }

    #[test]
    fn a_message_loses_the_values_that_are_kept_out() {
        let taken = ["ann@example.com".to_owned(), "ann@example".to_owned()];
        assert_eq!(
            without("`ann@example.com` is no address; ann@example", &taken),
            "`[redacted]` is no address; [redacted]"
        );
    }
}
