//! A CSV file: RFC 4180, with a byte order mark and in the encoding asked for, so that a spreadsheet opens it
//! ungarbled.
//!
//! CSV can't say that a cell is text: a spreadsheet that opens the file by a double click rounds ids of more than 15
//! digits on its screen, though the file has them whole. Import them as text, or take results.jsonl.

use std::borrow::Cow;
use std::io::{self, Write};

use crate::report::CsvOptions;
use crate::report::cell::defuse;
use crate::report::encoding::Encoded;
use crate::report::layout::Cells;

/// UTF-16 units that a cell of a spreadsheet can hold.
const SPREADSHEET_CELL: usize = 32_767;

/// Which of the two files it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// For people and spreadsheets.
    Results,
    /// The same, but usable as a dataset: the dataset's cells are there, and exactly as read.
    Failures,
}

/// A CSV file being written.
pub(super) struct Table<W: Write> {
    writer: csv::Writer<Encoded<W>>,
    inputs: bool,
    defuse_inputs: bool,
    defuse_others: bool,
    long_cells: u64,
}

/// What a spreadsheet will not show as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Unfit {
    /// Characters that the encoding lacks.
    pub(super) lost: u64,
    /// Cells longer than a spreadsheet's.
    pub(super) long_cells: u64,
}

impl<W: Write> Table<W> {
    /// Begins the file with its header.
    pub(super) fn begin(
        target: W,
        options: &CsvOptions,
        purpose: Purpose,
        header: &Cells<'_>,
    ) -> io::Result<Self> {
        let mut target = Encoded::new(target, options.encoding);
        if options.bom {
            target.write_bom()?;
        }
        let writer = csv::WriterBuilder::new()
            .delimiter(options.delimiter)
            .terminator(csv::Terminator::CRLF)
            .from_writer(target);
        let mut table = Self {
            writer,
            inputs: options.inputs || purpose == Purpose::Failures,
            // Subtle: an apostrophe in a cell of a dataset would be sent to the workflow.
            defuse_inputs: options.safe && purpose == Purpose::Results,
            defuse_others: options.safe,
            long_cells: 0,
        };
        table.write(header)?;
        Ok(table)
    }

    /// Writes a row.
    pub(super) fn write(&mut self, cells: &Cells<'_>) -> io::Result<()> {
        let inputs = if self.inputs { cells.dataset.as_slice() } else { &[] };
        let inputs = inputs.iter().map(|cell| (cell, self.defuse_inputs));
        let others = cells.others.iter().map(|cell| (cell, self.defuse_others));
        for (cell, dangerous) in inputs.chain(others) {
            let cell = Cow::Borrowed(cell.as_ref());
            let cell = if dangerous { defuse(cell) } else { cell };
            let long = cell.len() > SPREADSHEET_CELL && cell.encode_utf16().count() > SPREADSHEET_CELL;
            self.long_cells += u64::from(long);
            self.writer.write_field(cell.as_bytes())?;
        }
        self.writer.write_record(None::<&[u8]>)?;
        Ok(())
    }

    /// Ends the file.
    pub(super) fn finish(self) -> io::Result<(W, Unfit)> {
        let long_cells = self.long_cells;
        let target = self.writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
        let lost = target.lost();
        Ok((target.into_inner(), Unfit { lost, long_cells }))
    }
}
