//! Delimited text (RFC 4180) to cells. Ours and not a crate's, because a row must never be misread in silence: a quote
//! that is never closed would swallow the rest of the file as one cell, and text after a closing quote would be glued on.

use std::ops::ControlFlow;

use crate::dataset::Error;
use crate::dataset::scan::{Parser, RECORD_LIMIT, Raw, Sink};

/// The cells of one record.
#[derive(Debug, Default)]
pub(super) struct Cells {
    text: String,
    ends: Vec<usize>,
}

impl Cells {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.text.get(start..end)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    fn end_cell(&mut self) {
        self.ends.push(self.text.len());
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    fn is_empty(&self) -> bool {
        self.text.is_empty() && self.ends.is_empty()
    }

    /// Bytes held in memory.
    fn size(&self) -> usize {
        self.text.len() + self.ends.len() * size_of::<usize>()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    CellStart,
    Bare,
    Quoted,
    /// After a quote in a quoted cell: the cell's end, or the first half of a doubled quote.
    Quote,
}

/// How far into the file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Start,
    Header,
    Rows,
}

/// The parser of one file.
pub(super) struct Csv<'f> {
    label: &'f str,
    delimiter: u8,
    /// Whether a first line `sep=;`, as Excel writes and reads it, may set the delimiter.
    sep: bool,
    at: At,
    cells: Cells,
    fault: Option<String>,
    /// The line of the next byte, the record's first, and that of the quote opened last.
    line: u64,
    record_line: u64,
    quote_line: u64,
    /// The last byte was a carriage return: a line feed that follows is no second break.
    returned: bool,
    stage: Stage,
}

impl<'f> Csv<'f> {
    /// `delimiter` is what the manifest says; `usual` is the format's own.
    pub(super) fn new(label: &'f str, delimiter: Option<u8>, usual: u8) -> Self {
        Self {
            label,
            // Cells are cut at its places, so it must be a whole character.
            delimiter: delimiter.filter(u8::is_ascii).unwrap_or(usual),
            sep: delimiter.is_none(),
            at: At::CellStart,
            cells: Cells::default(),
            fault: None,
            line: 1,
            record_line: 1,
            quote_line: 1,
            returned: false,
            stage: Stage::Start,
        }
    }

    /// Takes off Excel's `sep=;` line.
    fn take_sep<'t>(&mut self, text: &'t str) -> &'t str {
        self.stage = Stage::Header;
        let bytes = text.as_bytes();
        let named = bytes.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"sep="));
        match bytes.get(4..) {
            Some(
                [delimiter @ (b'\t' | b' '..=b'~')] | [delimiter @ (b'\t' | b' '..=b'~'), b'\r' | b'\n', ..],
            ) if named => {
                if self.sep {
                    self.delimiter = *delimiter;
                }
                &text[5..]
            }
            _ => text,
        }
    }

    fn ends_bare(&self, byte: u8) -> bool {
        byte == self.delimiter || byte == b'\n' || byte == b'\r'
    }

    /// Counts the line breaks of text within quotes.
    fn count_lines(&mut self, text: &str) {
        for byte in text.bytes() {
            match byte {
                b'\n' if self.returned => self.returned = false,
                b'\n' | b'\r' => {
                    self.line += 1;
                    self.returned = byte == b'\r';
                }
                _ => self.returned = false,
            }
        }
    }

    fn limit(&self) -> Result<(), Error> {
        if self.cells.size() <= RECORD_LIMIT {
            return Ok(());
        }
        let help = if self.at == At::Quoted { "; is a quote never closed?" } else { "" };
        Err(Error::TooLong {
            label: self.label.to_owned(),
            line: self.record_line,
            limit: RECORD_LIMIT,
            help,
        })
    }

    /// Ends the cell, and the record if `byte` is a line break.
    fn end_cell(&mut self, byte: u8, sink: &mut Sink<'_>) -> Result<ControlFlow<()>, Error> {
        self.at = At::CellStart;
        self.cells.end_cell();
        if byte == self.delimiter {
            return Ok(ControlFlow::Continue(()));
        }
        let flow = self.end_record(sink);
        self.line += 1;
        self.record_line = self.line;
        self.returned = byte == b'\r';
        flow
    }

    fn end_record(&mut self, sink: &mut Sink<'_>) -> Result<ControlFlow<()>, Error> {
        let (cells, line, fault) = (&self.cells, self.record_line, self.fault.take());
        let raw = match (self.stage, fault) {
            (Stage::Rows, fault) => Raw::Cells { cells, line, fault },
            (_, None) => Raw::Header { cells, delimiter: self.delimiter },
            (_, Some(message)) => return Err(Error::Syntax { label: self.label.to_owned(), line, message }),
        };
        self.stage = Stage::Rows;
        let flow = sink(raw);
        self.cells.clear();
        flow
    }
}

impl Parser for Csv<'_> {
    fn feed(&mut self, text: &str, sink: &mut Sink<'_>) -> Result<ControlFlow<()>, Error> {
        let text = match self.stage {
            Stage::Start => self.take_sep(text),
            Stage::Header | Stage::Rows => text,
        };
        let bytes = text.as_bytes();
        let mut next = 0;
        while next < bytes.len() {
            let byte = bytes[next];
            match self.at {
                At::CellStart if byte == b'"' => {
                    (self.at, self.quote_line, self.returned) = (At::Quoted, self.line, false);
                    next += 1;
                }
                At::CellStart if self.cells.is_empty() && (byte == b'\n' || byte == b'\r') => {
                    // An empty line, or the second half of a break.
                    if !(byte == b'\n' && self.returned) {
                        self.line += 1;
                    }
                    self.record_line = self.line;
                    self.returned = byte == b'\r';
                    next += 1;
                }
                At::CellStart | At::Bare => {
                    let length = bytes[next..].iter().position(|b| self.ends_bare(*b));
                    let end = length.map_or(bytes.len(), |length| next + length);
                    self.cells.text.push_str(&text[next..end]);
                    (self.at, self.returned) = (At::Bare, false);
                    self.limit()?;
                    next = end + 1;
                    if end < bytes.len() && self.end_cell(bytes[end], sink)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                At::Quoted => {
                    let length = bytes[next..].iter().position(|b| *b == b'"');
                    let end = length.map_or(bytes.len(), |length| next + length);
                    self.cells.text.push_str(&text[next..end]);
                    self.count_lines(&text[next..end]);
                    self.limit()?;
                    next = end + 1;
                    if end < bytes.len() {
                        self.at = At::Quote;
                    }
                }
                At::Quote if byte == b'"' => {
                    self.cells.text.push('"');
                    self.at = At::Quoted;
                    next += 1;
                }
                At::Quote if self.ends_bare(byte) => {
                    next += 1;
                    if self.end_cell(byte, sink)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                At::Quote => {
                    let cell = self.cells.len() + 1;
                    self.fault.get_or_insert_with(|| {
                        format!("cell {cell} has text after its closing quote; double a quote that is part of a cell")
                    });
                    self.at = At::Bare;
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn finish(&mut self, sink: &mut Sink<'_>) -> Result<ControlFlow<()>, Error> {
        match self.at {
            At::Quoted => Err(Error::OpenQuote { label: self.label.to_owned(), line: self.quote_line }),
            At::CellStart if self.cells.is_empty() => Ok(ControlFlow::Continue(())),
            At::CellStart | At::Bare | At::Quote => {
                self.cells.end_cell();
                self.end_record(sink)
            }
        }
    }
}
