//! Rules about a text: what it holds, how it begins, what it matches.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use crate::checks::result::{CheckResult, written};
use crate::checks::{Choices, Folding, Shape};
use crate::mapping::{Reference, Scope, Template, show};

/// The largest compiled regex, in bytes.
const REGEX_BYTES: usize = 1024 * 1024;

/// A regular expression: compiled at load, unless names stand in it.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// One for all rows.
    Fixed(Regex),
    /// By a template.
    Of(Template, Folding, Compiled),
}

/// What a template's patterns were compiled to: rows often have the same one, of their label for instance.
#[derive(Clone, Debug, Default)]
pub struct Compiled(Arc<Mutex<HashMap<String, Arc<Regex>>>>);

/// So many are kept, each of up to a few megabytes.
const MOST_COMPILED: usize = 16;

/// Why a regular expression can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this regular expression can't be read: {0}")]
pub struct PatternError(String);

impl Pattern {
    /// Compiles a pattern; one that names stand in is compiled for the rows' own texts.
    pub fn new(template: Template, folding: Folding) -> Result<Self, PatternError> {
        // What names nothing renders without a row.
        match template.render_text(&Scope::of(serde_json::Map::new())) {
            Ok(text) if template.references().is_empty() => compile(&text, folding).map(Self::Fixed),
            _ => Ok(Self::Of(template, folding, Compiled::default())),
        }
    }

    pub(super) fn references(&self) -> &[Reference] {
        match self {
            Self::Fixed(_) => &[],
            Self::Of(template, ..) => template.references(),
        }
    }

    pub(super) fn judge(&self, value: &Value, scope: &Scope) -> CheckResult {
        let found = match self {
            Self::Fixed(regex) => return matched(regex, value),
            Self::Of(template, folding, compiled) => template
                .render_text(scope)
                .map_err(|error| error.message)
                .and_then(|text| compiled.of(text, *folding).map_err(|error| error.to_string())),
        };
        found.map_or_else(CheckResult::error, |regex| matched(&regex, value))
    }
}

impl Compiled {
    fn of(&self, text: String, folding: Folding) -> Result<Arc<Regex>, PatternError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(regex) = known.get(&text) {
            // Subtle: a copy of the regex itself would begin without what matching has learnt.
            return Ok(Arc::clone(regex));
        }
        let regex = Arc::new(compile(&text, folding)?);
        if known.len() >= MOST_COMPILED {
            known.clear();
        }
        known.insert(text, Arc::clone(&regex));
        Ok(regex)
    }
}

fn compile(text: &str, folding: Folding) -> Result<Regex, PatternError> {
    RegexBuilder::new(text).size_limit(REGEX_BYTES).case_insensitive(folding.case).build().map_err(|error| {
        let reason = error.to_string();
        PatternError(reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned())
    })
}

fn matched(regex: &Regex, value: &Value) -> CheckResult {
    if regex.is_match(&show(value)) {
        CheckResult::pass()
    } else {
        CheckResult::fail("does not match").expected(regex.as_str()).actual(value)
    }
}

/// Judges `contains`.
pub(super) fn contains(value: &Value, part: &Shape, folding: Folding, scope: &Scope) -> CheckResult {
    let part = match part.render(scope) {
        Ok(part) => part,
        Err(error) => return CheckResult::error(error.message),
    };
    match holds(value, &part, folding) {
        Err(wrong) => CheckResult::error(wrong),
        Ok(true) => CheckResult::pass(),
        Ok(false) => CheckResult::fail("does not contain it").expected(written(&part)).actual(value),
    }
}

/// Judges `contains_all`.
pub(super) fn contains_all(value: &Value, parts: &Choices, folding: Folding, scope: &Scope) -> CheckResult {
    match found_in(value, parts, folding, scope) {
        Err(wrong) => CheckResult::error(wrong),
        Ok(found) => {
            let lacking: Vec<_> =
                found.iter().filter(|(_, holds)| !holds).map(|(part, _)| written(part)).collect();
            if lacking.is_empty() {
                CheckResult::pass()
            } else {
                CheckResult::fail(format!("lacks {} of {}", lacking.len(), found.len()))
                    .expected(lacking.join(", "))
                    .actual(value)
            }
        }
    }
}

/// Judges `contains_any`.
pub(super) fn contains_any(value: &Value, parts: &Choices, folding: Folding, scope: &Scope) -> CheckResult {
    match found_in(value, parts, folding, scope) {
        Err(wrong) => CheckResult::error(wrong),
        Ok(found) if found.iter().any(|(_, holds)| *holds) => CheckResult::pass(),
        Ok(found) => {
            let parts: Vec<_> = found.iter().map(|(part, _)| written(part)).collect();
            CheckResult::fail("contains none of them").expected(parts.join(", ")).actual(value)
        }
    }
}

/// Judges `starts_with`.
pub(super) fn starts_with(value: &Value, start: &Shape, folding: Folding, scope: &Scope) -> CheckResult {
    let start = match start.render(scope) {
        Ok(start) => start,
        Err(error) => return CheckResult::error(error.message),
    };
    let wanted = show(&start);
    let folded = folding.fold(&wanted);
    if folded.is_empty() {
        return CheckResult::error(NOTHING);
    }
    if folding.fold(&show(value)).starts_with(&folded) {
        CheckResult::pass()
    } else {
        CheckResult::fail("begins otherwise").expected(&wanted).actual(value)
    }
}

const NOTHING: &str = "what is looked for is empty";

fn found_in(
    value: &Value,
    parts: &Choices,
    folding: Folding,
    scope: &Scope,
) -> Result<Vec<(Value, bool)>, String> {
    let judge = |part: Value| match holds(value, &part, folding) {
        Ok(holds) => Ok((part, holds)),
        Err(wrong) => Err(wrong.to_owned()),
    };
    parts.render(scope)?.into_iter().map(judge).collect()
}

/// Says whether a list has an element, or a text a part.
fn holds(value: &Value, part: &Value, folding: Folding) -> Result<bool, &'static str> {
    if let Value::Array(items) = value {
        return Ok(items.iter().any(|item| folding.same(part, item)));
    }
    let (wanted, text) = (show(part), show(value));
    let folded = folding.fold(&wanted);
    if folded.is_empty() {
        return Err(NOTHING);
    }
    Ok(text.contains(&*wanted) || (folding != Folding::default() && folding.fold(&text).contains(&folded)))
}
