//! What was told of a manifest's runs, and has not been mended since: a small file beside them. It holds no address.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::artifact::Artifact;

/// The form's version.
const FORMAT: u32 = 1;

/// Bytes that are read at most.
const MOST: u64 = 1024 * 1024;

/// What was told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    format: u32,
    /// What is still so, by the names of conditions.
    open: BTreeMap<String, Told>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    /// When it was told last, in seconds since 1970.
    at: i64,
    /// Of which run.
    run_id: String,
}

impl Memory {
    /// Reads the file. One that is missing, damaged, or of another version holds nothing: then something may be told
    /// twice, and nothing goes untold.
    pub fn read(path: &Path) -> Self {
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(MOST).read_to_end(&mut bytes));
        let found = read.ok().and_then(|_| serde_json::from_slice::<Self>(&bytes).ok());
        found.filter(|found| found.format == FORMAT).unwrap_or_default()
    }

    /// Writes the file, whole or not at all.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let text = serde_json::to_string_pretty(&Self { format: FORMAT, open: self.open.clone() })?;
        Artifact::write(path, format!("{text}\n").as_bytes())
    }

    /// Says when something was told last.
    pub fn told(&self, key: &str) -> Option<i64> {
        self.open.get(key).map(|told| told.at)
    }

    /// Notes that something was told.
    pub fn tell(&mut self, key: &str, at: i64, run_id: &str) {
        self.open.insert(key.to_owned(), Told { at, run_id: run_id.to_owned() });
    }

    /// Forgets what is no longer so.
    pub fn keep_only(&mut self, is_open: impl Fn(&str) -> bool) {
        self.open.retain(|key, _| is_open(key));
    }

    /// Gives the names of what was told and is still so.
    pub fn open(&self) -> Vec<String> {
        self.open.keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_found_again_and_damage_is_forgetting() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".notify.json");
        assert_eq!(Memory::read(&path), Memory::default());
        let mut memory = Memory::default();
        memory.tell("stopped:budget", 7, "r1");
        memory.write(&path).unwrap();
        assert_eq!(Memory::read(&path).told("stopped:budget"), Some(7));
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..whole.len() - 2 {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert!(Memory::read(&path).open().is_empty(), "{cut}");
        }
        for text in
            ["[]", "null", "{\"format\": 9, \"open\": {}}", "\u{0}", "{\"format\":1,\"open\":{\"a\":3}}"]
        {
            std::fs::write(&path, text).unwrap();
            assert!(Memory::read(&path).open().is_empty(), "{text}");
        }
    }
}
