//! A condition's tree. What can repeat is a list, so that its depth is that of the brackets, which is bounded.

use std::cmp::Ordering;
use std::ops::Range;

use regex::Regex;
use rust_decimal::Decimal;

use crate::mapping::Reference;

/// A part of a condition, with its place in the text, in bytes.
#[derive(Clone, Debug)]
pub(crate) struct Ast {
    pub(crate) kind: Kind,
    pub(crate) span: Range<usize>,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Null,
    Boolean(bool),
    /// With its unit applied, where it has one of ours: a fraction for `%`, milliseconds for durations.
    Number(Decimal, Unit),
    Text(String),
    List(Vec<Ast>),
    Path(Vec<String>),
    Not(Box<Ast>),
    And(Vec<Ast>),
    Or(Vec<Ast>),
    Compare(Box<Ast>, Comparison, Box<Ast>),
    In {
        item: Box<Ast>,
        of: Box<Ast>,
        negated: bool,
    },
    Matches(Box<Ast>, Regex),
    /// A first number, and what is added (or, when negative, taken off).
    Sum(Box<Ast>, Vec<(Sign, Ast)>),
    Negative(Box<Ast>),
}

/// The unit of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    None,
    Percent,
    Time,
    /// One of money, say: only where the dialect has such units, and not applied.
    Named(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    Plus,
    Minus,
}

impl Comparison {
    pub(super) fn is_equality(self) -> bool {
        matches!(self, Self::Equal | Self::Unequal)
    }

    /// Says whether it holds of a value that stands so to another.
    pub(crate) fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Unequal => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::More => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }
}

impl Ast {
    /// Gathers every name.
    pub(super) fn gather(&self, found: &mut Vec<Reference>) {
        match &self.kind {
            Kind::Path(path) => {
                found.push(Reference { path: path.clone(), offset: self.span.start, optional: false });
            }
            Kind::Null | Kind::Boolean(_) | Kind::Number(..) | Kind::Text(_) => {}
            Kind::List(parts) | Kind::And(parts) | Kind::Or(parts) => {
                for part in parts {
                    part.gather(found);
                }
            }
            Kind::Not(part) | Kind::Negative(part) | Kind::Matches(part, _) => part.gather(found),
            Kind::Compare(left, _, right) | Kind::In { item: left, of: right, .. } => {
                left.gather(found);
                right.gather(found);
            }
            Kind::Sum(first, rest) => {
                first.gather(found);
                for (_, part) in rest {
                    part.gather(found);
                }
            }
        }
    }
}
