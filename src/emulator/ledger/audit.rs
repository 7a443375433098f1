//! A ledger, read line by line without using it: which line is not as it was written.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use crate::emulator::ledger::line::is_sound;

/// Gives the number, from 1, and the offset of the first line of a ledger that is not as it was written.
pub fn first_damage(path: &Path) -> io::Result<Option<(u64, u64)>> {
    let mut reader = BufReader::with_capacity(1 << 16, File::open(path)?);
    let (mut number, mut offset, mut line) = (0, 0, Vec::new());
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line)? as u64;
        if read == 0 {
            return Ok(None);
        }
        number += 1;
        if !line.strip_suffix(b"\n").is_some_and(is_sound) {
            return Ok(Some((number, offset)));
        }
        offset += read;
    }
}
