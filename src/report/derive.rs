//! From the rows of a journal to all derived files and the summary, one row at a time.

use std::fmt;
use std::io::{self, Write};

use serde_json::value::RawValue;

use crate::checks::Checks;
use crate::gates::Gate;
use crate::mapping::Scope;
use crate::model::{Outcome, RowFacts, RowNumber, RunState};
use crate::report::builder::SummaryBuilder;
use crate::report::layout::Layout;
use crate::report::row::{answer_of, output_of, record_of};
use crate::report::table::{Purpose, Table, Unfit};
use crate::report::templates::{Columns, Scopes};
use crate::report::{ReportContext, ResultRow, Summary};

/// Where the derived files go; what is none is not written.
#[derive(Default)]
pub struct Targets<'a> {
    /// One object per row, in dataset order.
    pub results_jsonl: Option<&'a mut dyn Write>,
    /// The rows that did not succeed; each has its `record` as its last field.
    pub failures_jsonl: Option<&'a mut dyn Write>,
    /// One row per row, in dataset order.
    pub results_csv: Option<&'a mut dyn Write>,
    /// The rows that did not succeed, usable as a dataset: without rows whose record is not known.
    pub failures_csv: Option<&'a mut dyn Write>,
    /// Called with each row, in dataset order.
    pub each: Option<&'a mut Each<'a>>,
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

/// Derives results and summary from a run.
///
/// `rows` gives the run's rows in dataset order. It is called a second time when CSV columns have to be gathered
/// before a header can be written: without `output.columns`, or when the dataset's header is not known.
pub fn derive<I, E>(
    context: &ReportContext,
    state: &RunState,
    mut rows: impl FnMut() -> I,
    targets: Targets<'_>,
) -> Result<Summary, Error<E>>
where
    I: IntoIterator<Item = Result<RowFacts, E>>,
{
    let mut layout = Layout::new(context);
    let csv = targets.results_csv.is_some() || targets.failures_csv.is_some();
    if csv && layout.needs_a_pass() {
        for facts in rows() {
            let facts = facts.map_err(Error::Rows)?;
            layout.see(record_of(&facts), answer_of(&facts).and_then(output_of).as_deref());
        }
    }
    let mut targets = targets;
    let mut each = targets.each.take();
    let mut files = Files::begin(context, &layout, targets).map_err(Failed::into_error)?;
    let counts = state.counts();
    let mut builder = SummaryBuilder::new(context, counts.answered());
    let scopes = Scopes::new(context);
    let judges = !context.checks.is_empty();
    let mut last = 0;
    for facts in rows() {
        let facts = facts.map_err(Error::Rows)?;
        last = next_row(last, facts.number)?;
        let mut row = ResultRow::of(&facts);
        let judged = judges && row.is_answered();
        let scope = (judged || files.needs_a_scope()).then(|| scopes.of(&row, &facts));
        if let Some(scope) = scope.as_ref().filter(|_| judged) {
            row.checks = Checks::judge(&context.checks, scope, &row.facts());
        }
        builder.add(&row, &facts, scope.as_ref());
        if let Some(each) = &mut each {
            each(&row, &facts);
        }
        files.write(&row, record_of(&facts), scope.as_ref()).map_err(Failed::into_error)?;
    }
    if builder.counts() != counts {
        return Err(Error::Disagree { what: format!("{:?} against {counts:?}", builder.counts()) });
    }
    let notes = files.finish().map_err(Failed::into_error)?;
    Ok(judged_by_gates(builder.finish(state, notes), context))
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

fn next_row<E>(last: RowNumber, number: RowNumber) -> Result<RowNumber, Error<E>> {
    if number > last {
        Ok(number)
    } else {
        Err(Error::Disagree { what: format!("row {number} comes after row {last}") })
    }
}

/// Which file could not be written, and why.
struct Failed(&'static str, io::Error);

impl Failed {
    fn into_error<E>(self) -> Error<E> {
        Error::Write { file: self.0, source: self.1 }
    }
}

const RESULTS_JSONL: &str = "results.jsonl";
const FAILURES_JSONL: &str = "failures.jsonl";
const RESULTS_CSV: &str = "results.csv";
const FAILURES_CSV: &str = "failures.csv";

/// The files being written.
struct Files<'a, 't> {
    layout: &'a Layout,
    columns: Columns<'a>,
    groups: bool,
    results_jsonl: Option<&'t mut dyn Write>,
    failures_jsonl: Option<&'t mut dyn Write>,
    results_csv: Option<Table<&'t mut dyn Write>>,
    failures_csv: Option<Table<&'t mut dyn Write>>,
    line: Vec<u8>,
    /// Rows that failures.csv leaves out.
    without_record: u64,
}

impl<'a, 't> Files<'a, 't> {
    fn begin(context: &'a ReportContext, layout: &'a Layout, targets: Targets<'t>) -> Result<Self, Failed> {
        let header = layout.header();
        let begin = |target: Option<&'t mut dyn Write>, purpose, file| {
            let table = target.map(|target| Table::begin(target, &context.csv, purpose, &header));
            table.transpose().map_err(|error| Failed(file, error))
        };
        Ok(Self {
            layout,
            columns: Columns::new(&context.columns),
            groups: !context.group_by.is_empty(),
            results_jsonl: targets.results_jsonl,
            failures_jsonl: targets.failures_jsonl,
            results_csv: begin(targets.results_csv, Purpose::Results, RESULTS_CSV)?,
            failures_csv: begin(targets.failures_csv, Purpose::Failures, FAILURES_CSV)?,
            line: Vec::new(),
            without_record: 0,
        })
    }

    fn has_csv(&self) -> bool {
        self.results_csv.is_some() || self.failures_csv.is_some()
    }

    fn needs_a_scope(&self) -> bool {
        self.groups || (self.has_csv() && !self.columns.is_empty())
    }

    fn write(
        &mut self,
        row: &ResultRow<'_>,
        record: Option<&RawValue>,
        scope: Option<&Scope>,
    ) -> Result<(), Failed> {
        let failed = row.outcome != Outcome::Succeeded;
        self.write_jsonl(row, record.filter(|_| failed))?;
        if self.has_csv() {
            let columns = scope.map(|scope| self.columns.cells(row, scope)).unwrap_or_default();
            let cells = self.layout.cells(row, record, columns);
            if let Some(table) = &mut self.results_csv {
                table.write(&cells).map_err(|error| Failed(RESULTS_CSV, error))?;
            }
            if let Some(table) = self.failures_csv.as_mut().filter(|_| failed) {
                // Subtle: as a row of a dataset, empty cells would be sent, and paid for.
                if cells.recorded {
                    table.write(&cells).map_err(|error| Failed(FAILURES_CSV, error))?;
                } else {
                    self.without_record += 1;
                }
            }
        }
        Ok(())
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

    /// Ends the files and says what a reader should know of them.
    fn finish(self) -> Result<Vec<String>, Failed> {
        let finish = |table: Option<Table<_>>, file| {
            let unfit = table.map(Table::finish).transpose().map_err(|error| Failed(file, error))?;
            Ok(unfit.unwrap_or_default())
        };
        let results = finish(self.results_csv, RESULTS_CSV)?;
        let failures = finish(self.failures_csv, FAILURES_CSV)?;
        let mut notes: Vec<String> = self.layout.notes().chain(self.columns.notes()).collect();
        if self.without_record > 0 {
            notes.push(format!(
                "{FAILURES_CSV} leaves out rows whose records the journal does not hold ({}): they were not begun, \
                 or are malformed",
                self.without_record
            ));
        }
        notes.extend(unfit_notes(RESULTS_CSV, results));
        notes.extend(unfit_notes(FAILURES_CSV, failures));
        Ok(notes)
    }
}

/// A line break can only stand between two tokens of a JSON text, where a space does as well.
fn on_one_line(json: &mut [u8]) {
    for byte in json.iter_mut().filter(|byte| **byte == b'\n') {
        *byte = b' ';
    }
}

fn unfit_notes(file: &str, unfit: Unfit) -> impl Iterator<Item = String> {
    let lost = (unfit.lost > 0).then(|| {
        format!(
            "{file} has `?` in place of characters that its encoding lacks ({}); results.jsonl has them",
            unfit.lost
        )
    });
    let long = (unfit.long_cells > 0).then(|| {
        format!(
            "{file} has cells longer than the 32,767 characters that a spreadsheet shows ({}); results.jsonl \
             has them whole too",
            unfit.long_cells
        )
    });
    lost.into_iter().chain(long)
}
