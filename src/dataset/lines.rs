//! JSON a line (JSONL, NDJSON) to the text of each record. Blank lines are passed over.

use std::ops::ControlFlow;

use crate::dataset::Error;
use crate::dataset::scan::{Parser, RECORD_LIMIT, Raw, Sink};

/// The parser of one file.
pub(super) struct Lines<'f> {
    label: &'f str,
    line: u64,
    /// The start of a line that the last block cut.
    pending: String,
    returned: bool,
    first: bool,
}

impl<'f> Lines<'f> {
    pub(super) fn new(label: &'f str) -> Self {
        Self { label, line: 1, pending: String::new(), returned: false, first: true }
    }

    fn give(&mut self, text: &str, sink: &mut Sink<'_>) -> Result<ControlFlow<()>, Error> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        if text.len() > RECORD_LIMIT {
            return Err(self.too_long());
        }
        if std::mem::take(&mut self.first) && (text == "[" || text.starts_with("[{")) {
            let message = "the file holds a JSON array; name it .json or add `format: json`".to_owned();
            return Err(Error::Syntax { label: self.label.to_owned(), line: self.line, message });
        }
        sink(Raw::Json { text, line: self.line })
    }

    fn too_long(&self) -> Error {
        Error::TooLong { label: self.label.to_owned(), line: self.line, limit: RECORD_LIMIT, help: "" }
    }
}

impl Parser for Lines<'_> {
    fn feed(&mut self, text: &str, sink: &mut Sink<'_>) -> Result<ControlFlow<()>, Error> {
        let mut rest = text;
        while let Some(end) = rest.bytes().position(|b| b == b'\n' || b == b'\r') {
            let (line, after) = (&rest[..end], &rest[end + 1..]);
            let is_return = rest.as_bytes()[end] == b'\r';
            rest = after;
            if line.is_empty() && self.pending.is_empty() && self.returned && !is_return {
                // The second half of a break.
                self.returned = false;
                continue;
            }
            let flow = if self.pending.is_empty() {
                self.give(line, sink)?
            } else {
                let mut whole = std::mem::take(&mut self.pending);
                whole.push_str(line);
                self.give(&whole, sink)?
            };
            self.line += 1;
            self.returned = is_return;
            if flow.is_break() {
                return Ok(flow);
            }
        }
        if !rest.is_empty() {
            self.returned = false;
            self.pending.push_str(rest);
        }
        if self.pending.len() > RECORD_LIMIT {
            return Err(self.too_long());
        }
        Ok(ControlFlow::Continue(()))
    }

    fn finish(&mut self, sink: &mut Sink<'_>) -> Result<ControlFlow<()>, Error> {
        let last = std::mem::take(&mut self.pending);
        self.give(&last, sink)
    }
}
