//! From a byte of a scalar's text back to where it was written.

use crate::manifest::Span;
use crate::manifest::tree::{Place, Scalar, Style};

/// Where the lines of a scalar's text stand in the manifest.
pub(super) struct Origin {
    /// Pairs of a place in the text and the same place in the manifest, rising; each holds up to the next. Empty where
    /// the text does not stand as it was written: escapes, folded lines, variables.
    lines: Vec<(usize, usize)>,
}

impl Origin {
    /// Finds a scalar's text in the manifest.
    pub(super) fn of(source: &str, place: &Place, scalar: &Scalar) -> Self {
        let found = place.span().filter(|_| scalar.replaced.is_empty());
        let lines = found.and_then(|span| match scalar.style {
            Style::Literal => block_lines(source, &span, &scalar.text),
            _ => one_line(source, &span, &scalar.text),
        });
        Self { lines: lines.unwrap_or_default() }
    }

    /// Gives the place in the manifest of a byte of the text.
    pub(super) fn find(&self, offset: usize) -> Option<usize> {
        let after = self.lines.partition_point(|(text, _)| *text <= offset);
        let (text, written) = self.lines.get(after.checked_sub(1)?)?;
        Some(written + offset - text)
    }
}

/// A plain scalar, or one in quotes without escapes.
fn one_line(source: &str, span: &Span, text: &str) -> Option<Vec<(usize, usize)>> {
    let written = source.get(span.clone())?;
    if written == text {
        Some(vec![(0, span.start)])
    } else if written.get(1..written.len().saturating_sub(1)) == Some(text) {
        Some(vec![(0, span.start + 1)])
    } else {
        None
    }
}

/// A block's lines stand in the manifest as they are, behind an indentation.
fn block_lines(source: &str, span: &Span, text: &str) -> Option<Vec<(usize, usize)>> {
    // The parser's span begins at the first line that is not empty.
    let mut at = source.get(..span.start)?.rfind('\n').map_or(0, |line| line + 1);
    let mut lines = Vec::new();
    let mut done = text.len() - text.trim_start_matches('\n').len();
    for line in text[done..].split_inclusive('\n') {
        let written = source.get(at..)?.split_inclusive('\n').next()?;
        let indent = written.trim_end().len().checked_sub(line.trim_end().len())?;
        if !written.is_char_boundary(indent) || written[indent..].trim_end() != line.trim_end() {
            return None;
        }
        lines.push((done, at + indent));
        done += line.len();
        at += written.len();
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::tree::{self, Kind};

    /// Checks that every `x` of the text is found in the source.
    fn check(source: &str, found: bool) {
        let (root, _) = tree::parse(source).unwrap();
        let Kind::Map(entries) = root.kind else { panic!("a map") };
        let node = &entries[0].1;
        let Kind::Scalar(scalar) = &node.kind else { panic!("a scalar") };
        let origin = Origin::of(source, &node.place, scalar);
        for (at, _) in scalar.text.match_indices('x') {
            let place = origin.find(at);
            assert_eq!(place.is_some(), found, "{source:?}");
            assert!(
                place.is_none_or(|place| source[place..].starts_with('x')),
                "{source:?}: {at} at {place:?}"
            );
        }
    }

    #[test]
    fn a_text_is_found_where_it_stands_as_it_was_written() {
        check("a: 你 x", true);
        check("a: 'x你 x'", true);
        check("a: \"x x\" # x", true);
        check("a: |\n  x\n\n    你x\n  x\n", true);
        check("a: |-\n    x\r\n\r\n    x\r\n", true);
        check("a: |2\n    x\n   x", true);
        check("a: |+ # x\n\n  x\n\n", true);
        check("a: \"x\\n x\"", false);
        check("a: 'x'' x'", false);
        check("a: >\n  x\n  x\n", false);
        check("a: x\n  x\n", false);
    }
}
