//! The texts of a manifest and of the layers that it rests on, one behind another: one place in bytes tells the file too.

use std::path::{Path, PathBuf};

use crate::manifest::Span;
use crate::manifest::tree::Place;

/// The texts that a manifest was read from. A place in them is a place in one of the files.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    text: String,
    files: Vec<Part>,
}

/// One of the files.
#[derive(Clone, Debug)]
struct Part {
    /// Where its text begins.
    start: usize,
    /// Its path, as it is shown.
    shown: String,
    /// The folder that its relative paths start from.
    folder: PathBuf,
}

impl Texts {
    /// Adds a file, and gives the place at which its text begins.
    pub(super) fn push(&mut self, shown: String, folder: PathBuf, text: &str) -> usize {
        if !self.files.is_empty() {
            // Also the end of a file is a place of its own.
            self.text.push('\n');
        }
        let start = self.text.len();
        self.text.push_str(text);
        self.files.push(Part { start, shown, folder });
        start
    }

    /// Gives all of it.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Gives the folder that a path starts from: that of the file which it is written in. What the command line says
    /// stands in none.
    pub(super) fn folder(&self, place: &Place) -> Option<&Path> {
        let Place::File(span) = place else { return None };
        self.part(span.start).map(|part| self.files[part].folder.as_path())
    }

    /// Gives the file in which a place lies, with its text, and the place within it.
    pub(super) fn file(&self, span: &Span) -> (&str, &str, Span) {
        let Some(at) = self.part(span.start) else { return ("", "", 0..0) };
        let Part { start, shown, .. } = &self.files[at];
        let end = self.files.get(at + 1).map_or(self.text.len(), |next| next.start - 1);
        (shown, &self.text[*start..end], span.start - start..span.end.saturating_sub(*start))
    }

    fn part(&self, at: usize) -> Option<usize> {
        self.files.partition_point(|part| part.start <= at).checked_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_tells_its_file_and_where_it_lies_in_it() {
        let mut texts = Texts::default();
        texts.push("a".into(), "x".into(), "one");
        assert_eq!(texts.push("b".into(), "y".into(), "two"), 4);
        texts.push("c".into(), "z".into(), "");
        for (span, file, text, within) in [
            (0..3, "a", "one", 0..3),
            (3..3, "a", "one", 3..3),
            (4..5, "b", "two", 0..1),
            (7..7, "b", "two", 3..3),
            (8..8, "c", "", 0..0),
            (90..95, "c", "", 82..87),
        ] {
            assert_eq!(texts.file(&span), (file, text, within));
        }
        assert_eq!(texts.folder(&Place::File(5..6)), Some(Path::new("y")));
        assert_eq!(texts.folder(&Place::Flag("--set".into())), None);
        assert_eq!(Texts::default().file(&(1..2)), ("", "", 0..0));
    }
}
