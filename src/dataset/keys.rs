//! Unique keys at 8 bytes a row: a hash each; what looks repeated is confirmed by reading the dataset again.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::ControlFlow;

use crate::dataset::reading::Typed;
use crate::dataset::{Dataset, Error};

/// Repeated hashes that are looked into; bounds the memory of the second reading.
const CONFIRMED: usize = 10_000;

/// The hashes of all keys so far.
#[derive(Default)]
pub(super) struct Keys {
    hashes: Vec<u64>,
}

impl Keys {
    pub(super) fn take(&mut self, key: &str) {
        self.hashes.push(hash(key));
    }

    /// Gives the hashes that stand more than once, in order, and how many rows repeat one.
    fn repeated(mut self) -> (Vec<u64>, u64) {
        self.hashes.sort_unstable();
        let pairs = self.hashes.windows(2).filter(|pair| pair[0] == pair[1]);
        let mut hashes: Vec<u64> = pairs.map(|pair| pair[0]).collect();
        let repeats = hashes.len() as u64;
        hashes.dedup();
        (hashes, repeats)
    }
}

fn hash(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

impl Dataset {
    /// Refuses keys that stand twice, naming the first two places.
    pub(super) fn require_unique(&self, keys: Keys) -> Result<(), Error> {
        let (mut hashes, repeats) = keys.repeated();
        if hashes.is_empty() {
            return Ok(());
        }
        hashes.truncate(CONFIRMED);
        let mut places: HashMap<String, String> = HashMap::new();
        let mut found = None;
        self.scan(None, &mut |reading| {
            let place = reading.place();
            // Malformed records have no key to compare.
            let Ok(sound) = reading.examine(&self.spec, Typed::Declared) else {
                return Ok(ControlFlow::Continue(()));
            };
            let key = sound.key.filter(|key| hashes.binary_search(&hash(key)).is_ok());
            let Some(key) = key else { return Ok(ControlFlow::Continue(())) };
            match places.insert(key.clone().into_owned(), place.clone()) {
                None => Ok(ControlFlow::Continue(())),
                Some(first) => {
                    found = Some((key.into_owned(), first, place));
                    Ok(ControlFlow::Break(()))
                }
            }
        })?;
        match found {
            // Two keys with one hash.
            None => Ok(()),
            Some((key, first, second)) => {
                Err(Error::DuplicateKey { key, first, second, more: repeats.saturating_sub(1) })
            }
        }
    }
}
