//! Where the rows of each record of a run stand, by its key: a few bytes a row, so that no row is kept.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

/// The rows of a run by the hash of their records' keys. A hash is no proof: whoever finds a place compares the key that
/// stands there.
#[derive(Debug, Default)]
pub struct Keys {
    /// Sorted by record and offset once all are in.
    places: Vec<Place>,
    records: u64,
    again: u64,
}

/// Where a row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    record: u64,
    offset: u64,
    key: u64,
}

/// What a run's keys turned out to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Records without a partner in the other run.
    pub alone: u64,
    /// Rows whose key an earlier row of the same run has, too.
    pub again: u64,
}

fn hash_of(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

impl Keys {
    /// Takes in where a row begins, with its record's key and its own.
    pub fn add(&mut self, record: &str, key: &str, offset: u64) {
        self.places.push(Place { record: hash_of(record), offset, key: hash_of(key) });
    }

    /// Makes the places ready to be found.
    pub fn seal(&mut self) {
        self.places.sort_unstable();
        for rows in self.places.chunk_by(|a, b| a.record == b.record) {
            self.records += 1;
            let mut keys: Vec<u64> = rows.iter().map(|place| place.key).collect();
            keys.sort_unstable();
            keys.dedup();
            self.again += (rows.len() - keys.len()) as u64;
        }
    }

    /// Gives the offsets of the rows that may be of a record, in the order of the file.
    pub fn find(&self, record: &str) -> Vec<u64> {
        let hash = hash_of(record);
        let first = self.places.partition_point(|place| place.record < hash);
        self.places
            .iter()
            .skip(first)
            .take_while(|place| place.record == hash)
            .map(|place| place.offset)
            .collect()
    }

    /// Gives the offsets of the rows of each record, in the order of the file.
    pub fn records(&self) -> impl Iterator<Item = Vec<u64>> {
        let mut start = 0;
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for rows in self.places.chunk_by(|a, b| a.record == b.record) {
            ranges.push(start..start + rows.len());
            start += rows.len();
        }
        ranges.sort_unstable_by_key(|range| self.places.get(range.start).map(|place| place.offset));
        ranges.into_iter().map(|range| {
            self.places.get(range).unwrap_or_default().iter().map(|place| place.offset).collect()
        })
    }

    /// Says what became of the rows, so many records of which are paired.
    pub fn seen(&self, paired: u64) -> Seen {
        Seen { alone: self.records.saturating_sub(paired), again: self.again }
    }
}
