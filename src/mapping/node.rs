//! A template as meant: helpers found, names resolved to where they start.

use serde_json::Value;

use crate::mapping::helpers::HelperDoc;

/// A template's parts in their order; adjoining texts are one.
#[derive(Debug, Default)]
pub(super) struct Body(pub(super) Vec<Node>);

/// A part of a template.
#[derive(Debug)]
pub(super) enum Node {
    /// Text as written.
    Text(String),
    /// `{{…}}`.
    Value(Term),
    /// `{{#…}}…{{/…}}`.
    Block(Box<Block>),
}

/// A block form.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) kind: BlockKind,
    pub(super) subject: Term,
    pub(super) body: Body,
    pub(super) otherwise: Body,
}

/// Which block form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockKind {
    /// `#if`, and `#unless` when negated.
    If { negated: bool, include_zero: bool },
    /// `#each`.
    Each,
    /// `#with`.
    With,
}

/// What has a value.
#[derive(Debug)]
pub(super) enum Term {
    /// A literal.
    Literal(Value),
    /// A name.
    Path(Path),
    /// A helper's call.
    Call(Box<Call>),
}

/// A name, resolved to where it starts.
#[derive(Debug)]
pub(super) struct Path {
    /// As written, for messages.
    pub(super) text: String,
    pub(super) start: Start,
    pub(super) segments: Vec<String>,
}

/// Where a name starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// At all names.
    Root,
    /// At what the block looks at, so many frames further out.
    Frame(usize),
    /// At a name that `#each` sets, so many frames further out.
    Local(usize, Local),
}

/// The names that `#each` sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Local {
    /// `@index`.
    Index,
    /// `@key`: of objects only.
    Key,
    /// `@first`.
    First,
    /// `@last`.
    Last,
    /// The second name of `as |value key|`: the key, or the index in a list.
    KeyOrIndex,
}

/// A helper's call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) helper: &'static HelperDoc,
    pub(super) arguments: Vec<Term>,
    /// `name=value`, sorted by name.
    pub(super) options: Vec<(String, Term)>,
}
