//! The service's JSON as it stands in a body. Every field is optional and kept as its own text until it is asked
//! for, so that no digit is lost and nothing unexpected in one field spoils another.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::Cost;

/// What JSON takes for white space.
pub(super) const WHITE_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// How long a reason may be that is taken over into a message, in characters.
const REASON_CHARS: usize = 1000;

/// Names that the service gives in place of, or beside, a number.
const NAMES: [&str; 2] = ["COIN_NOT_ENOUGH", "AGENT_WORKFLOW_PUBLISHED_NOT_EXIST"];

type Field<'a> = Option<&'a RawValue>;

/// A JSON object, read as the service's word.
#[derive(Default)]
pub(super) struct Said<'a> {
    /// The object that speaks of the run, if one does: the body itself, or what `data` wraps.
    pub(super) run: Run<'a>,
    /// The error code, when the body is an error in the service's own form, `{code, message}`.
    pub(super) code: Option<String>,
}

/// The fields of a run, as sync replies, acknowledgements and query results have them
/// (gptbots-workflow-api.md, sections 4, 5 and 8).
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Run<'a> {
    #[serde(borrow)]
    code: Field<'a>,
    #[serde(borrow)]
    name: Field<'a>,
    #[serde(borrow)]
    message: Field<'a>,
    #[serde(borrow)]
    msg: Field<'a>,
    #[serde(borrow)]
    error: Field<'a>,
    #[serde(borrow)]
    error_message: Field<'a>,
    #[serde(borrow)]
    data: Field<'a>,
    #[serde(borrow)]
    status: Field<'a>,
    #[serde(borrow)]
    workflow_id: Field<'a>,
    #[serde(borrow)]
    workflow_version: Field<'a>,
    #[serde(borrow)]
    workflow_run_id: Field<'a>,
    #[serde(borrow)]
    workflow_execution_time: Field<'a>,
    #[serde(borrow)]
    total_cost: Field<'a>,
    #[serde(borrow)]
    total_tokens: Field<'a>,
    #[serde(borrow)]
    start_time: Field<'a>,
    #[serde(borrow)]
    end_time: Field<'a>,
    /// The End node's values, in the reply's own text.
    #[serde(borrow)]
    pub(super) output: Field<'a>,
}

impl<'a> Said<'a> {
    /// Reads a body; none when it is not a JSON object, or one that says the same thing twice.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let outer = Run::read(text)?;
        // Subtle: what is said of a run outranks an error code beside it, since a run may have been billed.
        let wrapped = if outer.is_about_a_run() { None } else { outer.data.and_then(|d| Run::read(d.get())) };
        let run = match wrapped {
            Some(inner) if inner.is_about_a_run() => inner,
            _ => outer,
        };
        let is_error = run.status.is_none() && !run.is_about_a_run();
        let code = if is_error { run.code().or_else(|| run.nested()?.services_own_code()) } else { None };
        Some(Self { run, code })
    }
}

impl<'a> Run<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let text = text.trim_start_matches('\u{feff}').trim_matches(WHITE_SPACE);
        // Subtle: serde would take a list for the fields in their order.
        text.starts_with('{').then(|| serde_json::from_str(text).ok())?
    }

    /// Says whether the object has a status word or names a run id.
    pub(super) fn is_about_a_run(&self) -> bool {
        self.status().is_some() || self.workflow_run_id().is_some()
    }

    /// Gives the status, when it is a word.
    pub(super) fn status(&self) -> Option<String> {
        string(self.status?)
    }

    /// Gives the provider's run id.
    pub(super) fn workflow_run_id(&self) -> Option<String> {
        identifier(self.workflow_run_id?)
    }

    /// Gives the provider's workflow id.
    pub(super) fn workflow_id(&self) -> Option<String> {
        identifier(self.workflow_id?)
    }

    /// Gives the version as text: `"9"`, `9` and `"1.0.1"` have all been seen.
    pub(super) fn workflow_version(&self) -> Option<String> {
        identifier(self.workflow_version?)
    }

    /// Gives the cost, exactly; none is unknown.
    pub(super) fn cost(&self) -> Option<Cost> {
        number_text(self.total_cost?)?.parse().ok()
    }

    /// Gives the tokens; none is unknown.
    pub(super) fn tokens(&self) -> Option<u64> {
        let tokens = number(self.total_tokens?)?;
        tokens.fract().is_zero().then(|| tokens.to_u64())?
    }

    /// Gives the execution time in ms, rounded down: as the service reports it, else from its two clock readings.
    pub(super) fn server_ms(&self) -> Option<u64> {
        let ms = |field: Field<'_>| number(field?)?.to_u64();
        ms(self.workflow_execution_time).or_else(|| ms(self.end_time)?.checked_sub(ms(self.start_time)?))
    }

    /// Gives the service's error code: one of its names, else a number.
    pub(super) fn code(&self) -> Option<String> {
        let mut words = [self.code, self.name].into_iter().flatten().filter_map(string);
        let named = words.find(|word| NAMES.contains(&word.as_str()));
        let mentioned = || {
            let message = self.message()?;
            NAMES.iter().find(|name| message.contains(**name)).map(|name| (*name).to_owned())
        };
        named.or_else(|| self.number_code()).or_else(mentioned)
    }

    /// 0 is success, and so is 200 in the forms nearby that repeat the HTTP status.
    fn number_code(&self) -> Option<String> {
        let code: i64 = number_text(self.code?)?.trim().parse().ok()?;
        (code != 0 && code != 200).then(|| code.to_string())
    }

    /// Gives why it failed: in the error's own words, else what the workflow put out.
    pub(super) fn reason(&self) -> Option<String> {
        self.message().or_else(|| words(self.output?))
    }

    /// Gives the words of an error.
    pub(super) fn message(&self) -> Option<String> {
        // Subtle: one level deep, since nothing bounds how deep a body goes.
        let nested = || self.nested().and_then(|inner| inner.message.or(inner.msg)).and_then(words);
        let flat = [self.message, self.msg].into_iter().flatten().find_map(words);
        flat.or_else(nested)
            .or_else(|| [self.error, self.error_message].into_iter().flatten().find_map(words))
    }

    /// `{"error": {code, message}}`: many write it, so only a code of the service's own form makes it the service's.
    fn nested(&self) -> Option<Run<'a>> {
        Run::read(self.error?.get())
    }

    fn services_own_code(&self) -> Option<String> {
        self.number_code().filter(|code| is_services_own(code))
    }
}

/// Says whether a code has the service's form: a name, or at least five digits. Subtle: gateways write
/// `{"code":503,…}` after a reset too, and taking that for a refusal would pay twice.
pub(super) fn is_services_own(code: &str) -> bool {
    code.parse::<i64>().map_or(true, |number| number >= 10_000)
}

fn string(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

/// The text of a number, or of a string that should hold one.
pub(super) fn number_text(raw: &RawValue) -> Option<String> {
    match raw.get().as_bytes().first()? {
        b'"' => string(raw),
        b'-' | b'0'..=b'9' => Some(raw.get().to_owned()),
        _ => None,
    }
}

/// A number that is not below zero and fits exactly.
fn number(raw: &RawValue) -> Option<Decimal> {
    Some(number_text(raw)?.parse::<Cost>().ok()?.amount())
}

/// A string that is not blank, or the text of a number.
pub(super) fn identifier(raw: &RawValue) -> Option<String> {
    number_text(raw).filter(|text| !text.trim().is_empty())
}

/// A value as words for a person: on one line, of bounded length; none when it says nothing.
fn words(raw: &RawValue) -> Option<String> {
    let text = string(raw).unwrap_or_else(|| raw.get().to_owned());
    let mut words = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        let gap = if words.is_empty() { "" } else { " " };
        words.push_str(gap);
        words.push_str(word);
        if words.len() > 4 * REASON_CHARS {
            break;
        }
    }
    if let Some((end, _)) = words.char_indices().nth(REASON_CHARS) {
        words.truncate(end);
        words.push('…');
    }
    (!matches!(words.as_str(), "" | "{}" | "[]" | "false" | "true")).then_some(words)
}
