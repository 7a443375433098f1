//! Where each row of the first run stands, by its key: sixteen bytes a row, so that no row is kept.

use std::hash::{DefaultHasher, Hash, Hasher};

/// The rows of a run by the hash of their keys. A hash is no proof: whoever finds a place compares the key that stands
/// there.
#[derive(Debug, Default)]
pub struct Keys {
    /// Hash and offset, sorted once all are in.
    places: Vec<(u64, u64)>,
    taken: Vec<bool>,
}

/// What a run's keys turned out to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Rows without a partner in the other run.
    pub alone: u64,
    /// Rows whose key another row of the same run has, too.
    pub again: u64,
}

fn hash_of(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

impl Keys {
    /// Takes in where the row of a key begins.
    pub fn add(&mut self, key: &str, offset: u64) {
        self.places.push((hash_of(key), offset));
    }

    /// Makes the places ready to be found.
    pub fn seal(&mut self) {
        self.places.sort_unstable();
        self.taken = vec![false; self.places.len()];
    }

    /// Gives the places that may hold a key, with their offsets, in the order of the file.
    pub fn find(&self, key: &str) -> Vec<(usize, u64)> {
        let hash = hash_of(key);
        let first = self.places.partition_point(|(other, _)| *other < hash);
        let same = self.places.iter().enumerate().skip(first).take_while(|(_, (other, _))| *other == hash);
        same.map(|(place, (_, offset))| (place, *offset)).collect()
    }

    /// Marks a place as paired; false when it was already.
    pub fn take(&mut self, place: usize) -> bool {
        self.taken.get_mut(place).is_some_and(|taken| !std::mem::replace(taken, true))
    }

    /// Says what became of the rows: one with the key of a paired row is there again, any other that is not paired is
    /// alone.
    pub fn seen(&self) -> Seen {
        let mut seen = Seen::default();
        for group in self.places.chunk_by(|a, b| a.0 == b.0).scan(0, |start, group| {
            let taken = self.taken.get(*start..*start + group.len()).unwrap_or_default();
            *start += group.len();
            Some(taken)
        }) {
            let rest = group.iter().filter(|taken| !**taken).count() as u64;
            if rest < group.len() as u64 {
                seen.again += rest;
            } else {
                seen.alone += 1;
                seen.again += rest - 1;
            }
        }
        seen
    }
}
