//! From the rows of a journal to all derived files and the summary, one row at a time.

use std::fmt;
use std::io::{self, Write};

use serde_json::value::RawValue;

use crate::artifact::Restart;
use crate::gates::Gate;
use crate::mapping::Scope;
use crate::model::{Outcome, RowFacts, RowNumber, RunState};
use crate::report::builder::SummaryBuilder;
use crate::report::judged::with_judges;
use crate::report::layout::Layout;
use crate::report::pages::{PageTarget, Pages};
use crate::report::redact::Hidden;
use crate::report::row::{answer_of, record_of};
use crate::report::sheets::Sheets;
use crate::report::templates::Scopes;
use crate::report::{JudgedRow, ReportContext, ResultRow, Summary};

/// Where the derived files go; what is none is not written.
#[derive(Default)]
pub struct Targets<'a> {
    /// One object per row, in dataset order.
    pub results_jsonl: Option<&'a mut dyn Write>,
    /// The rows that did not succeed; each has its `record` as its last field.
    pub failures_jsonl: Option<&'a mut dyn Write>,
    /// One row per row, in dataset order.
    pub results_csv: Option<&'a mut dyn Restart>,
    /// The rows that did not succeed, usable as a dataset: without rows whose record is not known.
    pub failures_csv: Option<&'a mut dyn Restart>,
    /// The columns of results.csv, as a workbook.
    pub results_xlsx: Option<&'a mut dyn Restart>,
    /// report.html.
    pub html: Option<PageTarget<'a>>,
    /// junit.xml.
    pub junit: Option<PageTarget<'a>>,
    /// Called with each row, in dataset order.
    pub each: Option<&'a mut Each<'a>>,
}

impl Targets<'_> {
    fn has_sheets(&self) -> bool {
        self.results_csv.is_some() || self.failures_csv.is_some() || self.results_xlsx.is_some()
    }
}

/// What is called with each row.
pub type Each<'a> = dyn FnMut(&ResultRow<'_>, &RowFacts) + 'a;

impl fmt::Debug for Targets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Targets").finish_non_exhaustive()
    }
}

/// Why the derived files could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error<E> {
    /// The rows could not be read.
    #[error(transparent)]
    Rows(E),
    /// A file could not be written.
    #[error("cannot write {file}")]
    Write {
        /// Which one.
        file: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The rows are not those that the run's events speak of: a damaged journal, or a bug.
    #[error("the rows read from the journal are not those that its events count: {what}")]
    Disagree {
        /// In what they differ.
        what: String,
    },
}

/// Rows that are looked at for their columns before anything is written, and the bytes that they may have.
const SAMPLE_ROWS: usize = 64;
const SAMPLE_BYTES: usize = 1024 * 1024;

/// Derives results and summary from a run.
///
/// `rows` gives the run's rows in dataset order. It is called a second time when a row has a CSV column that the first rows
/// lack, which needs `output.columns` or the dataset's header not to be known.
pub fn derive<I, R, E>(
    context: &ReportContext,
    state: &RunState,
    mut rows: impl FnMut() -> I,
    targets: Targets<'_>,
) -> Result<Summary, Error<E>>
where
    I: IntoIterator<Item = Result<R, E>>,
    R: Into<JudgedRow>,
{
    let mut layout = Layout::new(context);
    let mut later = rows().into_iter();
    let mut sample = Vec::new();
    if layout.grows() && targets.has_sheets() {
        let mut bytes = 0;
        while sample.len() < SAMPLE_ROWS
            && bytes < SAMPLE_BYTES
            && let Some(facts) = later.next()
        {
            let read = facts.map_err(Error::Rows)?.into();
            let JudgedRow { facts, .. } = &read;
            bytes += payload_of(facts);
            let (row, record) = (ResultRow::of(facts), record_of(facts));
            let mut hidden = context.redact.hide(&row, record);
            let (row, record) = shown(row, record, hidden.as_mut());
            layout.see(record, row.output.as_deref());
            sample.push(read);
        }
    }
    let mut targets = targets;
    let mut each = targets.each.take();
    let mut files = Files::begin(context, layout, targets).map_err(Failed::into_error)?;
    let counts = state.counts();
    let mut builder = SummaryBuilder::new(context, counts.answered());
    let scopes = Scopes::new(context);
    let mut last = 0;
    for read in sample.into_iter().map(Ok).chain(later.map(|read| read.map(Into::into))) {
        let read = read.map_err(Error::Rows)?;
        let facts = &read.facts;
        last = next_row(last, facts.number)?;
        let (row, scope) = scopes.row(&read, files.needs_a_scope());
        let mut hidden = context.redact.hide(&row, record_of(facts));
        let (row, record) = shown(row, record_of(facts), hidden.as_mut());
        builder.add(&row, &read, scope.as_ref());
        if let Some(each) = &mut each {
            each(&row, facts);
        }
        files.write(&row, record, scope.as_ref()).map_err(Failed::into_error)?;
    }
    if builder.counts() != counts {
        return Err(Error::Disagree { what: format!("{:?} against {counts:?}", builder.counts()) });
    }
    if files.sheets.lack_columns() {
        files.sheets.restart().map_err(Failed::into_error)?;
        for facts in rows() {
            let read = facts.map_err(Error::Rows)?.into();
            let facts = &read.facts;
            let (row, scope) = scopes.row(&read, files.sheets.needs_a_scope());
            let mut hidden = context.redact.hide(&row, record_of(facts));
            let (row, record) = shown(row, record_of(facts), hidden.as_mut());
            let written = files.sheets.write(&row, record, scope.as_ref());
            written.map_err(Failed::into_error)?;
        }
    }
    let mut notes = files.sheets.finish().map_err(Failed::into_error)?;
    notes.extend(context.redact.note());
    let summary = judged_by_gates(with_judges(builder.finish(state, notes), context), context);
    files.pages.finish(&summary, state.throttling()).map_err(Failed::into_error)?;
    Ok(summary)
}

/// A row and its record, as they may be shown.
fn shown<'a>(
    row: ResultRow<'a>,
    record: Option<&'a RawValue>,
    hidden: Option<&'a mut Hidden>,
) -> (ResultRow<'a>, Option<&'a RawValue>) {
    let Some(hidden) = hidden else { return (row, record) };
    let (row, hidden) = hidden.row(row);
    (row, hidden.or(record))
}

/// Holds the gates against the summary that readers see.
fn judged_by_gates(mut summary: Summary, context: &ReportContext) -> Summary {
    if context.gates.is_empty() {
        return summary;
    }
    let report = serde_json::to_value(&summary).unwrap_or_default();
    let judge = |gate: &Gate| gate.judge(&report, context.baseline.as_ref(), summary.complete);
    summary.gates = context.gates.iter().map(judge).collect();
    let failed = summary.gates.iter().filter(|gate| gate.passed == Some(false));
    let failed: Vec<_> = failed.map(|gate| gate.gate.as_str()).collect();
    summary.verdict = summary.verdict.clone().gated(&failed, summary.gates.len());
    summary
}

/// The bytes of a row's record and reply.
fn payload_of(facts: &RowFacts) -> usize {
    let record = record_of(facts).map_or(0, |record| record.get().len());
    let reply = answer_of(facts).map_or(0, |answer| {
        answer.raw.as_ref().map_or(0, |raw| raw.get().len()) + answer.raw_text.as_ref().map_or(0, String::len)
    });
    record + reply
}

fn next_row<E>(last: RowNumber, number: RowNumber) -> Result<RowNumber, Error<E>> {
    if number > last {
        Ok(number)
    } else {
        Err(Error::Disagree { what: format!("row {number} comes after row {last}") })
    }
}

/// Which file could not be written, and why.
pub(super) struct Failed(pub(super) &'static str, pub(super) io::Error);

impl Failed {
    fn into_error<E>(self) -> Error<E> {
        Error::Write { file: self.0, source: self.1 }
    }
}

const RESULTS_JSONL: &str = "results.jsonl";
const FAILURES_JSONL: &str = "failures.jsonl";

/// The files being written.
struct Files<'a, 't> {
    groups: bool,
    results_jsonl: Option<&'t mut dyn Write>,
    failures_jsonl: Option<&'t mut dyn Write>,
    sheets: Sheets<'a, 't>,
    pages: Pages<'t>,
    line: Vec<u8>,
}

impl<'a, 't> Files<'a, 't> {
    fn begin(context: &'a ReportContext, layout: Layout, targets: Targets<'t>) -> Result<Self, Failed> {
        Ok(Self {
            groups: !context.group_by.is_empty(),
            results_jsonl: targets.results_jsonl,
            failures_jsonl: targets.failures_jsonl,
            sheets: Sheets::begin(
                context,
                layout,
                targets.results_csv,
                targets.failures_csv,
                targets.results_xlsx,
            )?,
            pages: Pages::begin(targets.html, targets.junit, &context.manifest_name),
            line: Vec::new(),
        })
    }

    fn needs_a_scope(&self) -> bool {
        self.groups || self.sheets.needs_a_scope()
    }

    fn write(
        &mut self,
        row: &ResultRow<'_>,
        record: Option<&RawValue>,
        scope: Option<&Scope>,
    ) -> Result<(), Failed> {
        self.write_jsonl(row, record.filter(|_| row.outcome != Outcome::Succeeded))?;
        self.pages.add(row)?;
        self.sheets.write(row, record, scope)
    }

    fn write_jsonl(&mut self, row: &ResultRow<'_>, record: Option<&RawValue>) -> Result<(), Failed> {
        if self.results_jsonl.is_none() && self.failures_jsonl.is_none() {
            return Ok(());
        }
        let line = &mut self.line;
        line.clear();
        serde_json::to_writer(&mut *line, row).map_err(|error| Failed(RESULTS_JSONL, error.into()))?;
        on_one_line(line);
        line.push(b'\n');
        if let Some(target) = &mut self.results_jsonl {
            target.write_all(line).map_err(|error| Failed(RESULTS_JSONL, error))?;
        }
        let failures = self.failures_jsonl.as_mut().filter(|_| row.outcome != Outcome::Succeeded);
        if let Some(target) = failures {
            line.truncate(line.len() - "}\n".len());
            line.extend_from_slice(b",\"record\":");
            line.extend_from_slice(record.map_or("null", RawValue::get).as_bytes());
            on_one_line(line);
            line.extend_from_slice(b"}\n");
            target.write_all(line).map_err(|error| Failed(FAILURES_JSONL, error))?;
        }
        Ok(())
    }
}

/// A line break can only stand between two tokens of a JSON text, where a space does as well.
fn on_one_line(json: &mut [u8]) {
    let mut from = 0;
    while let Some(at) = memchr::memchr(b'\n', &json[from..]) {
        json[from + at] = b' ';
        from += at + 1;
    }
}
