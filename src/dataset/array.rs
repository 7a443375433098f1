//! One JSON array to the text of each element, so that neither the file nor a bad element is more than one record.
//! Only finds where elements end; whether one is JSON is `json`'s to say.

use std::ops::ControlFlow;

use crate::dataset::Error;
use crate::dataset::scan::{Parser, RECORD_LIMIT, Raw, Sink};

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before the opening bracket.
    Start,
    /// After the opening bracket.
    First,
    /// After a comma.
    Next,
    /// In an element, so many brackets deep.
    Element { depth: usize },
    /// In a text within an element.
    Text { depth: usize, escaped: bool },
    /// After the closing bracket.
    End,
}

/// The parser of one file.
pub(super) struct Array<'f> {
    label: &'f str,
    at: At,
    line: u64,
    element_line: u64,
    element: String,
    returned: bool,
}

impl<'f> Array<'f> {
    pub(super) fn new(label: &'f str) -> Self {
        Self { label, at: At::Start, line: 1, element_line: 1, element: String::new(), returned: false }
    }

    fn wrong(&self, message: impl Into<String>) -> Error {
        Error::Syntax { label: self.label.to_owned(), line: self.line, message: message.into() }
    }

    /// Takes a byte between elements. `None` when the byte begins an element.
    fn between(&mut self, byte: u8) -> Result<Option<At>, Error> {
        match (self.at, byte) {
            (at, b' ' | b'\t' | b'\n' | b'\r') => Ok(Some(at)),
            (At::Start, b'[') => Ok(Some(At::First)),
            (At::Start, b'{') => Err(self.wrong(
                "the file holds a JSON object, not an array; if it is one object a line, name it .jsonl or add `format: jsonl`",
            )),
            (At::Start, _) => Err(self.wrong("a JSON array (`[…]`) is expected here")),
            (At::First, b']') => Ok(Some(At::End)),
            (At::Next, b']') => Err(self.wrong("a record is expected after the comma; remove the comma")),
            (At::First | At::Next, b',') => Err(self.wrong("a record is expected before the comma")),
            (At::End, _) => Err(self.wrong("text after the end of the array; a file holds one array")),
            _ => Ok(None),
        }
    }

    /// Takes a byte of an element; says `true` when the element ended before it.
    fn within(&mut self, byte: u8) -> bool {
        self.at = match (self.at, byte) {
            (At::Text { depth, escaped: true }, _) | (At::Element { depth }, b'"') => {
                At::Text { depth, escaped: false }
            }
            (At::Text { depth, .. }, b'\\') => At::Text { depth, escaped: true },
            (At::Text { depth, .. }, b'"') => At::Element { depth },
            (At::Element { depth }, b'{' | b'[') => At::Element { depth: depth + 1 },
            (At::Element { depth: 0 }, b',') => At::Next,
            (At::Element { depth: 0 }, b']') => At::End,
            (At::Element { depth }, b'}' | b']') => At::Element { depth: depth.saturating_sub(1) },
            (at, _) => at,
        };
        matches!(self.at, At::Next | At::End)
    }

    fn count_line(&mut self, byte: u8) {
        if byte == b'\r' || (byte == b'\n' && !self.returned) {
            self.line += 1;
        }
        self.returned = byte == b'\r';
    }
}

impl Parser for Array<'_> {
    fn feed(&mut self, text: &str, sink: &mut Sink<'_>) -> Result<ControlFlow<()>, Error> {
        // Where the current element begins in this block.
        let mut begin = 0;
        for (index, byte) in text.bytes().enumerate() {
            if !matches!(self.at, At::Element { .. } | At::Text { .. }) {
                if let Some(at) = self.between(byte)? {
                    self.at = at;
                    self.count_line(byte);
                    continue;
                }
                begin = index;
                self.element_line = self.line;
                self.at = At::Element { depth: 0 };
            }
            if self.within(byte) {
                self.element.push_str(&text[begin..index]);
                let raw = Raw::Json { text: self.element.trim(), line: self.element_line };
                let flow = sink(raw)?;
                self.element.clear();
                if flow.is_break() {
                    return Ok(flow);
                }
            }
            self.count_line(byte);
        }
        if matches!(self.at, At::Element { .. } | At::Text { .. }) {
            self.element.push_str(&text[begin..]);
        }
        if self.element.len() > RECORD_LIMIT {
            let (label, line) = (self.label.to_owned(), self.element_line);
            return Err(Error::TooLong { label, line, limit: RECORD_LIMIT, help: "" });
        }
        Ok(ControlFlow::Continue(()))
    }

    fn finish(&mut self, _sink: &mut Sink<'_>) -> Result<ControlFlow<()>, Error> {
        match self.at {
            // An empty file is an empty dataset, whatever its name.
            At::Start | At::End => Ok(ControlFlow::Continue(())),
            _ => Err(self.wrong("the file ends before the array's closing `]`; it may be cut short")),
        }
    }
}
