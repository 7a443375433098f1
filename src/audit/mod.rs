//! What can be found wrong with a run by reading it, without the code that wrote it where that can be: sums, replies, events.

mod decimal;
mod journal;
mod reply;

use std::fmt;

use serde::Serialize;

pub use decimal::Sum;
pub use journal::{Audited, journal};

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file, by its path below the run folder.
    pub file: String,
    /// The line, from 1, where that says more than the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Where it begins, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// What is wrong.
    pub what: String,
}

impl Finding {
    /// Makes one about a file as a whole.
    pub fn of(file: impl Into<String>, what: impl Into<String>) -> Self {
        Self { file: file.into(), line: None, offset: None, what: what.into() }
    }

    /// Names the place.
    #[must_use]
    pub fn at(self, line: u64, offset: u64) -> Self {
        Self { line: Some(line), offset: Some(offset), ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let (Some(line), Some(offset)) = (self.line, self.offset) {
            write!(f, " (line {line}, byte {offset})")?;
        }
        write!(f, ": {}", self.what)
    }
}
