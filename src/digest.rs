//! The SHA-256 of files, and lists of them in the form that `sha256sum -c` reads: what is kept can be checked by anyone.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256};

pub use crate::model::Digest;

/// What a list of digests is called, in the folder that it is about.
pub const SUMS: &str = "SHA256SUMS";

/// Bytes read at a time.
const BUFFER: usize = 64 * 1024;

/// Gives the digest of what a reader holds.
pub fn of_reader(reader: &mut dyn Read) -> io::Result<Digest> {
    let (mut digest, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; BUFFER];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(Digest { sha256: hex::encode(digest.finalize()), bytes }),
            Ok(read) => {
                digest.update(&buffer[..read]);
                bytes += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Gives a file's digest.
pub fn of_file(path: &Path) -> io::Result<Digest> {
    of_reader(&mut File::open(path)?)
}

/// Gives the digest of bytes.
pub fn of_bytes(bytes: &[u8]) -> Digest {
    Digest { sha256: hex::encode(Sha256::digest(bytes)), bytes: bytes.len() as u64 }
}

/// Writes a list: a line for each file, with its path below the folder.
pub fn write_sums(sums: &BTreeMap<String, String>) -> String {
    let lines: Vec<_> = sums.iter().map(|(name, sha256)| format!("{sha256}  {name}\n")).collect();
    lines.concat()
}

/// Reads a list just as it is written, or gives the number of the first line that is not; lines count from 1.
pub fn read_sums(text: &str) -> Result<BTreeMap<String, String>, u64> {
    let mut sums = BTreeMap::new();
    for (line, number) in text.split_inclusive('\n').zip(1..) {
        let whole = line.strip_suffix('\n').and_then(|line| line.split_once("  "));
        let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        let (sha256, name) =
            whole.filter(|(sha, _)| sha.len() == 64 && sha.chars().all(is_hex)).ok_or(number)?;
        // Subtle: in another order, or twice, it is not what was written.
        if sums.last_key_value().is_some_and(|(last, _): (&String, _)| name <= last.as_str()) {
            return Err(number);
        }
        sums.insert(name.to_owned(), sha256.to_owned());
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_it_was_written_and_no_other_way() {
        let names = ["a.json", "b/c d.csv"];
        let sums =
            names.into_iter().map(|name| (name.to_owned(), of_bytes(name.as_bytes()).sha256)).collect();
        let text = write_sums(&sums);
        assert_eq!(read_sums(&text), Ok(sums));
        assert_eq!(read_sums(""), Ok(BTreeMap::new()));
        for wrong in
            [text.trim_end(), &text.to_uppercase(), &text.replace("  ", " *"), &text.repeat(2), "x\n"]
        {
            assert!(read_sums(wrong).is_err(), "{wrong}");
        }
    }
}
