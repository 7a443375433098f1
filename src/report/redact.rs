//! What `output.redact` keeps out of every derived file: decided from names, once, and put in place row by row.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::value::RawValue;

use crate::checks::{Check, CheckResult, Checks};
use crate::mapping::{InputTemplate, Template};
use crate::model::Outcome;
use crate::report::json;
use crate::report::row::{ResultError, ResultRow};
use crate::report::taken::Taken;

/// What stands in place of a value.
pub(super) const REDACTED: &str = "[redacted]";

/// The same as JSON.
const REDACTED_JSON: &str = "\"[redacted]\"";

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
    code: Option<String>,
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
            // A judge sees all of a row, and may say any of it.
            |check: &&Check| (check.judge_rule().is_some() && !redaction.is_empty())
                || check.references().iter().any(|reference| redaction.holds(&reference.path));
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

    /// Says whether any of an input is kept out: then its digest tells who guesses that whether they are right.
    pub fn covers_input(&self) -> bool {
        !self.input.is_empty()
    }

    /// Says whether what a template renders may hold what is kept out.
    pub fn covers(&self, template: &Template) -> bool {
        template.references().iter().any(|reference| self.holds(&reference.path))
    }

    /// Says whether what a name refers to holds, or is a part of, what is kept out.
    pub fn holds(&self, path: &[String]) -> bool {
        let Some((root, rest)) = path.split_first() else { return !self.is_empty() };
        let meets = |kept: &Vec<Vec<String>>| kept.iter().any(|path| leads_to(path, rest));
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

    /// Cuts the way down to a value where it goes into what is kept out: the names of its members may be data.
    fn way(&self, path: &str) -> String {
        let kept = [("row", &self.row), ("output", &self.output)];
        let within = kept.into_iter().flat_map(|(root, kept)| kept.iter().map(move |steps| (root, steps)));
        let names = within.map(|(root, steps)| std::iter::once(root).chain(steps.iter().map(String::as_str)));
        let reached = names.filter_map(|names| way_along(path, names)).min();
        match reached {
            Some(end) if end < path.len() => format!("{}.{REDACTED}", &path[..end]),
            _ => path.to_owned(),
        }
    }

    fn hide_checks(&self, checks: &Checks) -> Checks {
        let hidden = |text: &Option<String>| text.as_ref().map(|_| REDACTED.to_owned());
        let shown = checks.0.iter().map(|(name, result)| {
            let result = if self.checks.contains(name) {
                CheckResult {
                    reason: hidden(&result.reason),
                    expected: hidden(&result.expected),
                    actual: hidden(&result.actual),
                    path: result.path.as_deref().map(|path| self.way(path)),
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
        let mut taken = Taken::default();
        let mut hide = |raw: Option<&RawValue>, paths: &[Vec<String>]| {
            let raw = raw.filter(|_| !paths.is_empty())?;
            let paths: Vec<&[String]> = paths.iter().map(Vec::as_slice).collect();
            let mut text = String::with_capacity(raw.get().len());
            write(raw, &paths, 0, &mut text, &mut taken);
            // Nothing is shown of what could not be put together again.
            RawValue::from_string(text).or_else(|_| RawValue::from_string(REDACTED_JSON.to_owned())).ok()
        };
        // A record that is no object is malformed: nobody knows which part of it is which column.
        let whole = [Vec::new()];
        let broken = record.is_some_and(|record| json::members(record).is_none()) && !self.row.is_empty();
        let hidden_record = hide(record, if broken { &whole } else { &self.row });
        let input = hide(row.input, &self.input);
        let output = hide(row.output.as_deref(), &self.output);
        let kept_out = |text: &str| if broken { REDACTED.to_owned() } else { taken.out_of(text) };
        // What helpers made of a value, as `{{lower row.email}}`, is in no list of what was taken.
        let ours = row.outcome == Outcome::Rejected && is_changed(record, hidden_record.as_deref());
        let message = row
            .error
            .map(|error| kept_out(&if ours { without_quotes(error.message) } else { error.message.into() }));
        let code = row.error.and_then(|error| error.code).map(kept_out);
        let checks = self.hide_checks(&row.checks);
        Some(Hidden { record: hidden_record, input, output, message, code, checks })
    }
}

impl Hidden {
    /// Gives the row as it may be shown, and its record if that is another than it was.
    pub(super) fn row<'a>(&'a mut self, row: ResultRow<'a>) -> (ResultRow<'a>, Option<&'a RawValue>) {
        let checks = std::mem::take(&mut self.checks);
        let row = ResultRow {
            input: self.input.as_deref().or(row.input),
            output: self.output.as_deref().map(Cow::Borrowed).or(row.output),
            error: row.error.map(|error| ResultError {
                message: self.message.as_deref().unwrap_or(error.message),
                code: self.code.as_deref().or(error.code),
                ..error
            }),
            checks,
            ..row
        };
        (row, self.record.as_deref())
    }
}

fn is_changed(before: Option<&RawValue>, after: Option<&RawValue>) -> bool {
    before.zip(after).is_some_and(|(before, after)| before.get() != after.get())
}

/// Cuts a message of our own, about a row that was not sent, before the first value that it quotes.
fn without_quotes(message: &str) -> Cow<'_, str> {
    const FILE: &str = "file `";
    let path = if message.starts_with(FILE) {
        Some(FILE.len() - 1)
    } else {
        message.contains("` has no extension").then(|| message.find('`')).flatten()
    };
    match path.or_else(|| message.find('"')) {
        Some(at) => format!("{}{REDACTED}", &message[..at]).into(),
        None => message.into(),
    }
}

/// Writes a value with what the paths lead to replaced, and gathers the texts that were taken out. All else keeps its
/// own digits and order.
fn write(raw: &RawValue, paths: &[&[String]], depth: usize, text: &mut String, taken: &mut Taken) {
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
                let mut inner = below(paths, |step| place(step) == Some(index));
                inner.extend(paths.iter().filter(|path| place(&path[0]).is_none()));
                write(value, &inner, depth + 1, text, taken);
            }
            text.push(']');
            return;
        }
    }
    // Subtle: a text at which a path does not end may be JSON that holds what it leads to.
    taken.gather(raw);
    text.push_str(REDACTED_JSON);
}

/// Where a path such as `output.items[0].price` has gone by all of these names; the numbers of items count as none.
fn way_along<'n>(path: &str, names: impl Iterator<Item = &'n str>) -> Option<usize> {
    let mut at = 0;
    for name in names {
        loop {
            let rest = &path[at..];
            let dot = usize::from(rest.starts_with('.'));
            let step = &rest[dot..];
            let bracketed = step.strip_prefix('[').and_then(|inner| Some(&inner[..inner.find(']')?]));
            let end = step.find(['.', '[']).unwrap_or(step.len());
            let (found, length) =
                bracketed.map_or((&step[..end], end), |inner| (inner, inner.len() + "[]".len()));
            if length == 0 {
                return None;
            }
            at += dot + length;
            if found == name {
                break;
            }
            if bracketed.is_none() || found.parse::<usize>().is_err() {
                return None;
            }
        }
    }
    Some(at)
}

/// Says whether a name holds, or is a part of, what a kept path leads to: a name in the path leads to that field of every
/// item of a list.
fn leads_to(kept: &[String], name: &[String]) -> bool {
    match (kept, name) {
        ([], _) | (_, []) => true,
        ([kept_step, kept_rest @ ..], [step, rest @ ..]) => {
            let same = kept_step == step || place(kept_step).is_some_and(|at| place(step) == Some(at));
            let of_each = place(step).is_some() && place(kept_step).is_none();
            (same && leads_to(kept_rest, rest)) || (of_each && leads_to(kept, rest))
        }
    }
}

/// The place in a list that a step of a path means, read as templates do.
fn place(step: &str) -> Option<usize> {
    step.parse().ok()
}

fn below<'a>(paths: &[&'a [String]], is: impl Fn(&str) -> bool) -> Vec<&'a [String]> {
    paths.iter().filter(|path| path.first().is_some_and(|step| is(step))).map(|path| &path[1..]).collect()
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
            let (mut text, mut taken) = (String::new(), Taken::default());
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
    fn the_way_of_a_check_ends_where_it_would_name_what_is_kept_out() {
        let redaction = Redaction::new(
            &paths(&["output.customers", "row.email", "output.[a b].c"]),
            &InputTemplate::Literal(serde_json::Value::Null),
            &[],
        );
        let check = |path: &str, expected: &str| assert_eq!(redaction.way(path), expected, "{path}");
        check("output.customers.[ann@example.com].age", "output.customers.[redacted]");
        check("output.customers[0].ann", "output.customers.[redacted]");
        check("output.customers", "output.customers");
        check("output.customersx.y", "output.customersx.y");
        check("output.label", "output.label");
        check("output[2].customers.ann", "output[2].customers.[redacted]");
        check("", "");
        check("output", "output");
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
    fn a_name_with_the_index_of_an_item_is_covered_by_the_name_of_all_items() {
        let check = |kept: &str, template: &str, expected: bool| {
            let redaction = Redaction::new(&paths(&[kept]), &InputTemplate::Object(Vec::new()), &[]);
            let template = Template::parse(template).unwrap();
            assert_eq!(redaction.covers(&template), expected, "{kept} {}", template.source());
        };
        check("output.items.price", "{{output.items.[0].price}}", true);
        check("output.items.price", "{{output.items.[0]}}", true);
        check("output.items.price", "{{output.items.[0].name}}", false);
        check("output.items.price.net", "{{output.items.[0].price.[1].net}}", true);
        check("output.items.0.price", "{{output.items.[0].price}}", true);
        check("output.items.0.price", "{{output.items.[00].price}}", true);
        check("output.items.0.price", "{{output.items.[1].price}}", false);
        check("row.meta.x", "{{row.meta.[0].x}}", true);
    }

    #[test]
    fn a_rejected_row_s_message_does_not_quote_what_helpers_made_of_a_value() {
        let check = |message: &str, expected: &str| assert_eq!(without_quotes(message), expected);
        check(
            "input.phone: {{int (lower row.phone)}}: \"ann\" is not a whole number",
            "input.phone: {{int (lower row.phone)}}: [redacted]",
        );
        check("file `ann.pdf`: is no regular file", "file [redacted]");
        check("input.scan: `ann` has no extension: name its `format:`", "input.scan: [redacted]");
        check("`row.subject` is missing", "`row.subject` is missing");
    }
}
