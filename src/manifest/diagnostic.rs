//! A mistake in a manifest: where, what, and how to fix it; and how it is shown.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet, normalize_untrusted_str};

use crate::manifest::Texts;

/// A place in the texts of a manifest and its layers, in bytes.
pub type Span = Range<usize>;

/// Mistakes shown at most; a file that is no manifest at all could have thousands.
const SHOWN: usize = 50;

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

impl Diagnostic {
    /// Makes an error.
    pub fn error(span: Option<Span>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: None, is_error: true }
    }

    /// Makes a warning.
    pub fn warning(span: Option<Span>, message: impl Into<String>) -> Self {
        Self { is_error: false, ..Self::error(span, message) }
    }

    /// Adds how to fix it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// All mistakes of one manifest.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    /// The manifest's path, as the user gave it.
    pub path: String,
    /// The texts of the manifest and its layers, without byte order marks; where a secret was written into them stand
    /// stars.
    pub texts: Texts,
    /// The mistakes, in the order of the text.
    pub items: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Puts the mistakes into the order of the text; those that stand nowhere in it come last.
    pub fn new(path: String, texts: Texts, mut items: Vec<Diagnostic>) -> Self {
        items.sort_by_key(|item| item.span.as_ref().map_or((usize::MAX, 0), |span| (span.start, span.end)));
        // What an anchor repeats is one mistake.
        items.dedup();
        Self { path, texts, items }
    }

    /// Says whether one of them stops the run.
    pub fn has_errors(&self) -> bool {
        self.items.iter().any(|item| item.is_error)
    }

    /// Renders all of them, each with its file, line and column, an excerpt, a caret and the help; the last line
    /// counts them. Gives nothing when there are none.
    pub fn render(&self, colour: bool) -> String {
        if self.items.is_empty() {
            return String::new();
        }
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let mut text = String::new();
        for item in self.items.iter().take(SHOWN) {
            text.push_str(&self.render_one(item, &renderer));
            text.push_str("\n\n");
        }
        if self.items.len() > SHOWN {
            text = format!("{text}and {} more\n\n", self.items.len() - SHOWN);
        }
        text.push_str(&self.count());
        text
    }

    fn render_one(&self, item: &Diagnostic, renderer: &Renderer) -> String {
        let level = if item.is_error { Level::ERROR } else { Level::WARNING };
        let mut group = Group::with_title(level.primary_title(normalize_untrusted_str(&item.message)));
        if let Some(span) = &item.span {
            let (path, source, span) = self.texts.file(span);
            let (line, number, within) = excerpt(source, &span);
            let caret = AnnotationKind::Primary.span(within);
            let path = normalize_untrusted_str(path);
            group = group.element(Snippet::source(line).line_start(number).path(path).annotation(caret));
        }
        if let Some(help) = &item.help {
            group = group.element(Level::HELP.message(normalize_untrusted_str(help)));
        }
        renderer.render(&[group])
    }

    fn count(&self) -> String {
        let errors = self.items.iter().filter(|item| item.is_error).count();
        let counted = |count: usize, word: &str| match count {
            0 => None,
            1 => Some(format!("1 {word}")),
            _ => Some(format!("{count} {word}s")),
        };
        let parts: Vec<_> = [counted(errors, "error"), counted(self.items.len() - errors, "warning")]
            .into_iter()
            .flatten()
            .collect();
        format!("{} in {}\n", parts.join(" and "), normalize_untrusted_str(&self.path))
    }
}

/// Gives the line that a place starts on, its number, and the part of the place that lies on it.
fn excerpt<'a>(source: &'a str, span: &Span) -> (&'a str, usize, Span) {
    let start = boundary(source, span.start);
    let line_start = source[..start].rfind('\n').map_or(0, |at| at + 1);
    let rest = &source[start..];
    let line_end = start + rest.find('\n').unwrap_or(rest.len());
    let line = source[line_start..line_end].trim_end_matches('\r');
    let number = source[..line_start].matches('\n').count() + 1;
    let from = (start - line_start).min(line.len());
    let to = boundary(line, span.end.saturating_sub(line_start));
    let next = line[from..].chars().next().map_or(0, char::len_utf8);
    (line, number, from..to.max(from + next))
}

/// Gives the last place at or before a byte where a character begins, or the end.
pub(super) fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}
