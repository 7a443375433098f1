//! What the manifest's own columns and groups say of a row.

use std::borrow::Cow;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::checks::{Check, Checks};
use crate::mapping::{RenderError, ReplyScope, Scope, ScopeParts, Template};
use crate::model::{Answered, Outcome, Record, RowFacts, row_tag};
use crate::report::row::{ResultRow, answer_of, record_of};
use crate::report::{JudgedRow, ReportContext, json};

/// What the templates of a report refer to: only that is laid out for each row.
#[derive(Debug)]
pub(super) struct Scopes<'a> {
    context: &'a ReportContext,
    output: bool,
    reply: bool,
}

impl<'a> Scopes<'a> {
    pub(super) fn new(context: &'a ReportContext) -> Self {
        let refers_to = |name: &str| {
            let templates = context.group_by.iter().chain(&context.columns);
            let of_checks = context.checks.iter().flat_map(Check::references);
            templates
                .flat_map(|(_, template)| template.references())
                .chain(of_checks)
                .any(|reference| reference.path.first().is_some_and(|first| first == name))
        };
        Self { context, output: refers_to("output"), reply: refers_to("reply") }
    }

    /// Gives a row with its checks' verdicts, if it has an answer, and what its templates can see: laid out for checks, and
    /// when something else needs it.
    pub(super) fn row<'f>(&self, read: &'f JudgedRow, needed: bool) -> (ResultRow<'f>, Option<Scope>) {
        let JudgedRow { facts, judged: said } = read;
        let mut row = ResultRow::of(facts);
        let repeats = self.context.repeats;
        row.repeat = (!repeats.is_once()).then(|| repeats.repeat(facts.number));
        let judged = !self.context.checks.is_empty() && row.is_answered();
        let scope = (judged || needed).then(|| self.of(&row, facts));
        if let Some(scope) = scope.as_ref().filter(|_| judged) {
            row.checks = Checks::judge(&self.context.checks, scope, &row.facts(said));
        }
        (row, scope)
    }

    /// Lays out what the templates of a row can see.
    pub(super) fn of(&self, row: &ResultRow<'_>, facts: &RowFacts) -> Scope {
        let context = self.context;
        let record = typed_record(context, facts);
        let output = row.output.as_deref().filter(|_| self.output).map_or(Value::Null, json::exact);
        let reply = answer_of(facts).map(|answer| if self.reply { reply_value(answer) } else { Value::Null });
        Scope::new(&ScopeParts {
            row: &record,
            row_number: row.row_number,
            row_key: row.row_key.map_or("", |key| &key.0),
            row_tag: &row_tag(&context.run_id, row.row_number),
            repeat: context.repeats.repeat(row.row_number),
            vars: &context.vars,
            run_id: &context.run_id,
            manifest_name: &context.manifest_name,
            schedule: context.slot.as_ref(),
            env: &context.env,
            reply: reply.as_ref().map(|reply| ReplyScope { output: &output, reply, outcome: row.outcome }),
        })
    }
}

/// The whole reply.
pub(super) fn reply_value(answer: &Answered) -> Value {
    match (&answer.raw, &answer.raw_text) {
        (Some(raw), _) => json::exact(raw),
        (None, Some(text)) => {
            serde_json::from_str::<&RawValue>(text).map_or_else(|_| Value::String(text.clone()), json::exact)
        }
        (None, None) => Value::Null,
    }
}

/// Renders a template to the text of a cell.
pub(super) fn text_of(template: &Template, scope: &Scope) -> Result<String, RenderError> {
    template.render(scope).map(json::plain_value)
}

/// The record with its declared types; as read when it does not fit them, which is why such a row was rejected.
fn typed_record(context: &ReportContext, facts: &RowFacts) -> Map<String, Value> {
    let record = record_of(facts).and_then(|record| serde_json::from_str::<Record>(record.get()).ok());
    let record = record.unwrap_or_default();
    context.types.apply(&record).unwrap_or(record)
}

/// The cells of `output.columns`, and how often one could not be rendered although its row succeeded.
#[derive(Debug)]
pub(super) struct Columns<'a> {
    templates: &'a [(String, Template)],
    failures: Vec<Failures>,
}

#[derive(Clone, Debug, Default)]
struct Failures {
    rows: u64,
    first: Option<String>,
}

impl<'a> Columns<'a> {
    pub(super) fn new(templates: &'a [(String, Template)]) -> Self {
        Self { templates, failures: vec![Failures::default(); templates.len()] }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.templates.is_empty()
    }

    /// Renders the row's cells; what can't be rendered is an empty cell.
    pub(super) fn cells(&mut self, row: &ResultRow<'_>, scope: &Scope) -> Vec<Cow<'static, str>> {
        let render = |((_, template), failures): (&(String, Template), &mut Failures)| {
            let error = match text_of(template, scope) {
                Ok(text) => return Cow::Owned(text),
                Err(error) => error,
            };
            // A row that did not succeed has no output to speak of.
            if row.outcome == Outcome::Succeeded {
                failures.rows += 1;
                failures.first.get_or_insert_with(|| format!("row {}: {error}", row.row_number));
            }
            Cow::Borrowed("")
        };
        self.templates.iter().zip(&mut self.failures).map(render).collect()
    }

    /// Says which columns could not be rendered.
    pub(super) fn notes(&self) -> impl Iterator<Item = String> + '_ {
        self.templates.iter().zip(&self.failures).filter_map(|((name, _), failures)| {
            let first = failures.first.as_ref()?;
            let rows = failures.rows;
            Some(format!(
                "column `{name}` is empty for {rows} of the rows that succeeded: its template could not be \
                 rendered ({first})"
            ))
        })
    }
}
