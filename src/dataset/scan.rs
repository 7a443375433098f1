//! The way through all files: bytes to text to records, each with its number and its line.

use std::ops::ControlFlow;

use crate::dataset::array::Array;
use crate::dataset::csv::{Cells, Csv};
use crate::dataset::files::DataFile;
use crate::dataset::format::Format;
use crate::dataset::header::Table;
use crate::dataset::lines::Lines;
use crate::dataset::raw::Tally;
use crate::dataset::reading::{Reading, Source};
use crate::dataset::text::Text;
use crate::dataset::{Dataset, Error, raw};
use crate::manifest::DatasetSpec;
use crate::model::RowNumber;

/// The largest record taken, in bytes of UTF-8: 64 MiB. (Unit tests, which are not optimised, reach for it at 4 MiB.)
pub(super) const RECORD_LIMIT: usize = if cfg!(test) { 4 << 20 } else { 64 << 20 };

/// What a parser gives.
pub(super) enum Raw<'a> {
    /// A table's first record.
    Header { cells: &'a Cells, delimiter: u8 },
    /// A further one; `fault` says why it can't be trusted.
    Cells { cells: &'a Cells, line: u64, fault: Option<String> },
    /// The text of a JSON record.
    Json { text: &'a str, line: u64 },
}

/// Takes what a parser gives.
pub(super) type Sink<'s> = dyn FnMut(Raw<'_>) -> Result<ControlFlow<()>, Error> + 's;

/// Splits one file's text into records. Text comes in blocks that end anywhere.
pub(super) trait Parser {
    fn feed(&mut self, text: &str, sink: &mut Sink<'_>) -> Result<ControlFlow<()>, Error>;
    /// The text has ended.
    fn finish(&mut self, sink: &mut Sink<'_>) -> Result<ControlFlow<()>, Error>;
}

/// Goes through one file.
pub(super) fn walk(
    file: &DataFile,
    spec: &DatasetSpec,
    tally: Option<&mut Tally>,
    sink: &mut Sink<'_>,
) -> Result<ControlFlow<()>, Error> {
    file.require_unchanged()?;
    let source = raw::open(&file.path, file.packing, tally)?;
    let mut text = Text::new(file, source, spec.encoding);
    let mut parser: Box<dyn Parser + '_> = match file.format {
        Format::Csv => Box::new(Csv::new(&file.label, spec.delimiter, b',')),
        Format::Tsv => Box::new(Csv::new(&file.label, spec.delimiter, b'\t')),
        Format::Lines => Box::new(Lines::new(&file.label)),
        Format::Array => Box::new(Array::new(&file.label)),
    };
    loop {
        let block = text.next()?;
        // Subtle: before its rows are taken, and also when the last row that is wanted comes before the file's end.
        file.require_unchanged()?;
        let ended = block.is_empty();
        let flow = if ended { parser.finish(sink)? } else { parser.feed(block, sink)? };
        if ended || flow.is_break() {
            return Ok(flow);
        }
    }
}

impl Dataset {
    /// Goes through all rows in order, malformed ones included, and gives a table's columns.
    pub(super) fn scan(
        &self,
        mut tally: Option<&mut Tally>,
        visit: &mut dyn FnMut(Reading<'_>) -> Result<ControlFlow<()>, Error>,
    ) -> Result<Vec<String>, Error> {
        let mut table = Table::default();
        let mut number: RowNumber = 0;
        for file in &self.files {
            let label = &*file.label;
            let flow = walk(file, &self.spec, tally.as_deref_mut(), &mut |raw| {
                let (line, source) = match raw {
                    Raw::Header { cells, .. } => {
                        table.take(label, cells)?;
                        self.require_columns(&table)?;
                        return Ok(ControlFlow::Continue(()));
                    }
                    Raw::Cells { cells, line, fault } => {
                        (line, Source::Cells { cells, table: &table, fault })
                    }
                    Raw::Json { text, line } => (line, Source::Json(text)),
                };
                number += 1;
                visit(Reading { number, label, line, source })
            })?;
            if flow.is_break() {
                break;
            }
        }
        Ok(table.columns)
    }

    fn require_columns(&self, table: &Table) -> Result<(), Error> {
        if let Some(key) = &self.spec.key {
            table.require(key, "key")?;
        }
        self.spec.types.0.keys().try_for_each(|column| table.require(column, "types"))
    }
}
