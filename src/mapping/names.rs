//! Which value a name means at a place of a template: all of it is known when the template is compiled.

use crate::mapping::SyntaxError;
use crate::mapping::node::{Local, Path, Start};
use crate::mapping::path::{Origin, Parts, parse};

/// The blocks around a place that change what names mean.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// The enclosing `#each` and `#with`, outermost first.
    frames: Vec<Frame>,
}

/// An enclosing `#each` or `#with`.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) is_loop: bool,
    /// The path from the roots to what it looks at, when that is known (`#with row.meta`).
    pub(super) base: Option<Vec<String>>,
    /// The names of `as |value key|`.
    pub(super) names: Vec<String>,
}

/// A name, resolved.
pub(super) struct Resolved {
    pub(super) path: Path,
    /// The whole path from the roots, when that is known.
    pub(super) reference: Option<Vec<String>>,
}

/// Where a name starts, and the path from the roots to there, when that is known.
type Begin = (Start, Option<Vec<String>>);

impl Names {
    /// Enters a block.
    pub(super) fn enter(&mut self, frame: Frame) {
        self.frames.push(frame);
    }

    /// Leaves the innermost block.
    pub(super) fn leave(&mut self) {
        self.frames.pop();
    }

    /// Resolves a name as written, which stands at an offset.
    pub(super) fn resolve(&self, text: &str, offset: usize) -> Result<Resolved, SyntaxError> {
        let Parts { origin, explicit, mut segments } = parse(text);
        let given = match (origin, segments.first()) {
            (Origin::This(0), Some(first)) if !explicit => self.given_by_block(first),
            _ => None,
        };
        let takes_first = given.is_some() || matches!(origin, Origin::Local(_));
        let (start, base) = match (given, origin) {
            (Some(given), _) => given,
            (None, Origin::Root) => (Start::Root, Some(vec![])),
            (None, Origin::This(up)) => self.this(text, up, offset)?,
            (None, Origin::Local(up)) => {
                (self.local(text, up, segments.first().map(String::as_str), offset)?, None)
            }
        };
        if takes_first {
            segments.remove(0);
        }
        let reference = base.map(|mut path| {
            path.extend(segments.iter().cloned());
            path
        });
        if reference.as_ref().is_some_and(Vec::is_empty) {
            let message = format!("`{text}` means something only inside `#each` and `#with`");
            return Err(SyntaxError::at(offset, message).help("name what you mean, for instance `row`"));
        }
        Ok(Resolved { path: Path { text: text.to_owned(), start, segments }, reference })
    }

    /// Finds the block that gives a name by `as |value key|`.
    fn given_by_block(&self, name: &str) -> Option<Begin> {
        self.frames.iter().rev().enumerate().find_map(|(out, frame)| {
            match frame.names.iter().position(|given| given == name)? {
                0 => Some((Start::Frame(out), frame.base.clone())),
                _ => Some((Start::Local(out, Local::KeyOrIndex), None)),
            }
        })
    }

    fn this(&self, text: &str, up: usize, offset: usize) -> Result<Begin, SyntaxError> {
        let depth = self.frames.len();
        if up > depth {
            let error = SyntaxError::at(offset, format!("`{text}` goes further out than there are blocks"));
            return Err(error.help("only `#each` and `#with` count"));
        }
        Ok(match self.frames.iter().rev().nth(up) {
            Some(frame) => (Start::Frame(up), frame.base.clone()),
            None => (Start::Root, Some(vec![])),
        })
    }

    fn local(&self, text: &str, up: usize, name: Option<&str>, offset: usize) -> Result<Start, SyntaxError> {
        let local = match name {
            Some("index") => Local::Index,
            Some("key") => Local::Key,
            Some("first") => Local::First,
            Some("last") => Local::Last,
            _ => {
                let error = SyntaxError::at(offset, format!("there is no `{text}`"));
                return Err(error.help("`#each` gives `@index`, `@key`, `@first` and `@last`"));
            }
        };
        // `#with` gives none of these: it passes on those of the `#each` around it.
        let mut outwards = self.frames.iter().rev().enumerate().skip(up);
        match outwards.find(|(_, frame)| frame.is_loop) {
            Some((out, _)) => Ok(Start::Local(out, local)),
            None => Err(SyntaxError::at(offset, format!("`{text}` means something only inside `#each`"))),
        }
    }
}
