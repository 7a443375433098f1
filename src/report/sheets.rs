//! results.csv, failures.csv and results.xlsx, written together: the second has the rows that did not succeed.

use serde_json::value::RawValue;

use crate::artifact::Restart;
use crate::mapping::Scope;
use crate::model::{Outcome, RowNumber};
use crate::report::derive::Failed;
use crate::report::layout::Layout;
use crate::report::table::{Purpose, Table, Unfit};
use crate::report::templates::Columns;
use crate::report::xlsx::Workbook;
use crate::report::{ReportContext, ResultRow};

const RESULTS_CSV: &str = "results.csv";
const FAILURES_CSV: &str = "failures.csv";
const RESULTS_XLSX: &str = "results.xlsx";

/// The tables being written, those of them that are asked for.
pub(super) struct Sheets<'a, 't> {
    context: &'a ReportContext,
    layout: Layout,
    columns: Columns<'a>,
    results: Option<Sheet<'t>>,
    failures: Option<Sheet<'t>>,
    book: Option<Workbook<&'t mut dyn Restart>>,
    /// A row had a field without a column: the files must be written again.
    lacking: bool,
    /// Rows that failures.csv leaves out.
    without_record: u64,
    /// The dataset's row that failures.csv has last.
    failed_record: RowNumber,
}

struct Sheet<'t> {
    file: &'static str,
    purpose: Purpose,
    table: Table<&'t mut dyn Restart>,
}

impl<'t> Sheet<'t> {
    fn begin(
        target: &'t mut dyn Restart,
        (file, purpose): (&'static str, Purpose),
        context: &ReportContext,
        layout: &Layout,
    ) -> Result<Self, Failed> {
        let table = Table::begin(target, &context.csv, purpose, &layout.header());
        Ok(Self { file, purpose, table: table.map_err(|error| Failed(file, error))? })
    }

    fn finish(self) -> Result<(&'t mut dyn Restart, Unfit), Failed> {
        self.table.finish().map_err(|error| Failed(self.file, error))
    }

    fn restart(self, context: &ReportContext, layout: &Layout) -> Result<Self, Failed> {
        let (file, purpose) = (self.file, self.purpose);
        let (target, _) = self.finish()?;
        target.restart().map_err(|error| Failed(file, error))?;
        Self::begin(target, (file, purpose), context, layout)
    }
}

impl<'a, 't> Sheets<'a, 't> {
    pub(super) fn begin(
        context: &'a ReportContext,
        layout: Layout,
        results: Option<&'t mut dyn Restart>,
        failures: Option<&'t mut dyn Restart>,
        book: Option<&'t mut dyn Restart>,
    ) -> Result<Self, Failed> {
        let begin = |target: Option<&'t mut dyn Restart>, of| {
            target.map(|target| Sheet::begin(target, of, context, &layout)).transpose()
        };
        let results = begin(results, (RESULTS_CSV, Purpose::Results))?;
        let failures = begin(failures, (FAILURES_CSV, Purpose::Failures))?;
        let book = book.map(|target| begin_book(target, context, &layout)).transpose()?;
        let columns = Columns::new(&context.columns);
        Ok(Self {
            context,
            layout,
            columns,
            results,
            failures,
            book,
            lacking: false,
            without_record: 0,
            failed_record: 0,
        })
    }

    fn is_empty(&self) -> bool {
        self.results.is_none() && self.failures.is_none() && self.book.is_none()
    }

    /// Says whether rows come with what their templates can see.
    pub(super) fn needs_a_scope(&self) -> bool {
        !self.is_empty() && !self.columns.is_empty()
    }

    /// Says whether a row had a field without a column, so that all rows must be written again after a `restart`.
    pub(super) fn lack_columns(&self) -> bool {
        self.lacking
    }

    /// Begins the files anew, with the columns of all rows seen.
    pub(super) fn restart(&mut self) -> Result<(), Failed> {
        let (context, layout) = (self.context, &self.layout);
        let restart =
            |sheet: Option<Sheet<'t>>| sheet.map(|sheet| sheet.restart(context, layout)).transpose();
        self.results = restart(self.results.take())?;
        self.failures = restart(self.failures.take())?;
        (self.columns, self.lacking) = (Columns::new(&context.columns), false);
        (self.without_record, self.failed_record) = (0, 0);
        if let Some(book) = self.book.take() {
            let (target, _) = book.finish().map_err(|error| Failed(RESULTS_XLSX, error))?;
            target.restart().map_err(|error| Failed(RESULTS_XLSX, error))?;
            self.book = Some(begin_book(target, context, &self.layout)?);
        }
        Ok(())
    }

    /// Writes a row, or only learns its columns where the files must be written again anyway.
    pub(super) fn write(
        &mut self,
        row: &ResultRow<'_>,
        record: Option<&RawValue>,
        scope: Option<&Scope>,
    ) -> Result<(), Failed> {
        if self.is_empty() {
            return Ok(());
        }
        if self.lacking {
            self.layout.see(record, row.output.as_deref());
            return Ok(());
        }
        let columns = scope.map(|scope| self.columns.cells(row, scope)).unwrap_or_default();
        let cells = self.layout.cells(row, record, columns);
        if cells.missed && self.layout.see(record, row.output.as_deref()) {
            self.lacking = true;
            return Ok(());
        }
        if let Some(Sheet { table, .. }) = &mut self.results {
            table.write(&cells).map_err(|error| Failed(RESULTS_CSV, error))?;
        }
        if let Some(book) = &mut self.book {
            book.write(&cells).map_err(|error| Failed(RESULTS_XLSX, error))?;
        }
        if let Some(Sheet { table, .. }) =
            self.failures.as_mut().filter(|_| row.outcome != Outcome::Succeeded)
        {
            let record = self.context.repeats.record(row.row_number);
            // Subtle: as a row of a dataset, empty cells would be sent, and paid for; and so would a record that stands twice.
            if cells.recorded && record == self.failed_record {
                return Ok(());
            }
            if cells.recorded {
                self.failed_record = record;
                table.write(&cells).map_err(|error| Failed(FAILURES_CSV, error))?;
            } else {
                self.without_record += 1;
            }
        }
        Ok(())
    }

    /// Ends the files and says what a reader should know of them.
    pub(super) fn finish(self) -> Result<Vec<String>, Failed> {
        let mut notes: Vec<String> = self.layout.notes().chain(self.columns.notes()).collect();
        if self.without_record > 0 {
            notes.push(format!(
                "{FAILURES_CSV} leaves out rows whose records the journal does not hold ({}): they were not begun, \
                 or are malformed",
                self.without_record
            ));
        }
        for sheet in [self.results, self.failures].into_iter().flatten() {
            let file = sheet.file;
            let (_, unfit) = sheet.finish()?;
            notes.extend(unfit_notes(file, unfit));
        }
        if let Some(book) = self.book {
            let (_, unfit) = book.finish().map_err(|error| Failed(RESULTS_XLSX, error))?;
            notes.extend(unfit.notes(RESULTS_XLSX));
        }
        Ok(notes)
    }
}

fn begin_book<'t>(
    target: &'t mut dyn Restart,
    context: &ReportContext,
    layout: &Layout,
) -> Result<Workbook<&'t mut dyn Restart>, Failed> {
    let book = Workbook::begin(target, context.csv.inputs, &layout.header());
    book.map_err(|error| Failed(RESULTS_XLSX, error))
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
