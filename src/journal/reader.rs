//! Reads a journal back: every event in order, and a torn tail told from damage.

use std::fs::File;
use std::io::{self, BufRead};
use std::path::Path;

use crate::journal::blocks::{Bad, Decoded, Stop, decode_all};
use crate::journal::format::Extent;
use crate::journal::{Entry, Error, LineError, format};

/// What a killed process left at the end: bytes of an event that was never durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// Where they begin.
    pub offset: u64,
    /// How many they are.
    pub bytes: u64,
}

/// How a journal ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// How many events it holds.
    pub events: u64,
    /// The length of its good part, in bytes.
    pub length: u64,
    /// The instant of its last event, in ms since 1970; 0 without one.
    pub t_ms: u64,
    /// What stands behind it.
    pub torn: Option<Torn>,
}

/// Lines longer than this are damage. Subtle: whatever may be written must be read again, or a result that was paid
/// for is lost: a body of the largest `workflow.body_limit` (1 GiB) is six times as long where it has to be escaped.
pub(super) const LONGEST_LINE: u64 = 8 << 30;

/// Hands over every event with the offset of its line. A last line that is not whole is reported and left alone;
/// any other is an error.
pub fn replay(path: &Path, each: impl FnMut(u64, Entry) -> Result<(), Error>) -> Result<Replay, Error> {
    walk(path, Extent::Whole, each)
}

/// Does the same with events that lack records, inputs and raw replies, which is several times as fast: enough for the
/// fold.
pub(crate) fn replay_brief(
    path: &Path,
    each: impl FnMut(u64, Entry) -> Result<(), Error>,
) -> Result<Replay, Error> {
    walk(path, Extent::Brief, each)
}

fn walk(
    path: &Path,
    extent: Extent,
    mut each: impl FnMut(u64, Entry) -> Result<(), Error>,
) -> Result<Replay, Error> {
    let file = File::open(path).map_err(Error::io(path))?;
    let mut replay = Replay::default();
    decode_all(file, extent, |Decoded { offset, entries, bad }, is_last| {
        let mut offset = offset;
        for (length, entry) in entries {
            let n = replay.events;
            let entry =
                entry.numbered(n).map_err(|why| Error::Damaged { path: path.to_owned(), offset, n, why })?;
            replay.t_ms = entry.t_ms.max(replay.t_ms);
            each(offset, entry)?;
            offset += length;
            replay.events += 1;
        }
        replay.length = offset;
        let Some(Bad { line, bytes, why, ends_block }) = bad else { return Ok(()) };
        // Subtle: only a checksum that fails, or a missing end, can come of a torn write, and only where the next line
        // was begun. A sound line of another version or out of order is never cut off.
        let can_be_torn = matches!(why, LineError::Short | LineError::Checksum) && ends_block && is_last;
        if can_be_torn && is_torn(&line, replay.events) {
            replay.torn = Some(Torn { offset, bytes });
            return Ok(());
        }
        Err(Error::Damaged { path: path.to_owned(), offset, n: replay.events, why })
    })
    .map_err(|stop| match stop {
        Stop::Io(source) => Error::io(path)(source),
        Stop::Told(error) => error,
    })?;
    Ok(replay)
}

/// Says whether the bytes at a journal's end can be what a crash left of its next line: they begin as that line does,
/// however few they are. Where a file system had made room and written nothing yet, power loss leaves zeros.
pub(super) fn is_torn(tail: &[u8], next: u64) -> bool {
    let written = tail.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let head = head(next);
    let length = written.min(head.len());
    tail[..length] == head.as_bytes()[..length]
}

/// What the line of an event begins with.
pub(super) fn head(n: u64) -> String {
    format!("{{\"v\":{},\"n\":{n},", format::FORMAT)
}

/// The lines of a journal, one at a time.
pub(super) struct Lines<R> {
    reader: R,
    pub(super) line: Vec<u8>,
    pub(super) offset: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, line: Vec::new(), offset: 0 }
    }

    /// Reads the next line into `line`, without its line feed, and says whether it had one; none at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<bool>> {
        self.line.clear();
        let limited = &mut io::Read::take(&mut self.reader, LONGEST_LINE);
        let read = limited.read_until(b'\n', &mut self.line)? as u64;
        self.offset += read;
        if read == 0 {
            return Ok(None);
        }
        let whole = self.line.last() == Some(&b'\n');
        if whole {
            self.line.pop();
        }
        Ok(Some(whole))
    }

    pub(super) fn at_end(&mut self) -> io::Result<bool> {
        Ok(self.reader.fill_buf()?.is_empty())
    }
}
