//! A mistake in a manifest: where, what, and how to fix it.

use std::ops::Range;

/// A place in the manifest's text, in bytes.
pub type Span = Range<usize>;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where; none for a mistake that stands nowhere in the file (a flag, a missing file).
    pub span: Option<Span>,
    /// What is wrong.
    pub message: String,
    /// How to fix it.
    pub help: Option<String>,
    /// Whether it stops the run, or only warns.
    pub is_error: bool,
}

/// All mistakes of one manifest.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    /// The manifest's path, as the user gave it.
    pub path: String,
    /// The manifest's text.
    pub source: String,
    /// The mistakes, in the order of the text.
    pub items: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Says whether one of them stops the run.
    pub fn has_errors(&self) -> bool {
        self.items.iter().any(|item| item.is_error)
    }

    /// Renders all of them, each with its file, line and column, an excerpt, a caret and the help.
    pub fn render(&self, _colour: bool) -> String {
        unimplemented!()
    }
}
