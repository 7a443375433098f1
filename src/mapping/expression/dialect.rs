//! What the one language is called where it is used, and the little that differs from place to place.

/// A use of the language.
#[derive(Debug)]
pub(crate) struct Dialect {
    /// What a text of it is called.
    pub(crate) noun: &'static str,
    /// A short example.
    pub(crate) like: &'static str,
    /// What it does, in a sentence with an example.
    pub(crate) help: &'static str,
    /// How comparisons are joined.
    pub(crate) join: &'static str,
    /// The longest text, in bytes.
    pub(crate) longest: usize,
    /// Whether numbers may have units that have names, as money has.
    pub(crate) named_units: bool,
}

/// `where`, `when` and their like: something about a row.
pub(super) const CONDITION: Dialect = Dialect {
    noun: "condition",
    like: "row.lang == \"en\"",
    help: "a condition compares values: `row.lang == \"en\" and row.priority >= 2`",
    join: "join them with `and`: `1 < row.n and row.n < 5`",
    longest: 10_000,
    named_units: false,
};
