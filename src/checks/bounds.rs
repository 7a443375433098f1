//! A least and a most, both included.

/// A least and a most, both included; either may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds<T> {
    /// The least.
    pub min: Option<T>,
    /// The most.
    pub max: Option<T>,
}

/// On which side of its bounds a value lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beyond<T> {
    /// It is less than this.
    Least(T),
    /// It is more than this.
    Most(T),
}

impl<T: PartialOrd + Copy> Bounds<T> {
    /// Says which bound a value breaks.
    pub(super) fn broken_by(&self, value: T) -> Option<Beyond<T>> {
        match (self.min, self.max) {
            (Some(min), _) if value < min => Some(Beyond::Least(min)),
            (_, Some(max)) if value > max => Some(Beyond::Most(max)),
            _ => None,
        }
    }
}

impl<T> Beyond<T> {
    /// Gives the bound in words: `at least 5`.
    pub(super) fn in_words(self, write: impl FnOnce(T) -> String) -> String {
        match self {
            Self::Least(bound) => format!("at least {}", write(bound)),
            Self::Most(bound) => format!("at most {}", write(bound)),
        }
    }
}
