//! Tokens as numbers, so that comparing two costs nothing.

use std::collections::HashMap;
use std::hash::Hash;

/// Numbers for what comes in, the same for the same.
#[derive(Debug)]
pub(super) struct Interned<T> {
    numbers: HashMap<T, u32>,
}

impl<T: Eq + Hash> Interned<T> {
    pub(super) fn new() -> Self {
        Self { numbers: HashMap::new() }
    }

    /// Gives the number of each.
    pub(super) fn all(&mut self, tokens: impl Iterator<Item = T>) -> Vec<u32> {
        tokens.map(|token| self.number(token)).collect()
    }

    fn number(&mut self, token: T) -> u32 {
        let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        *self.numbers.entry(token).or_insert(next)
    }
}
