//! Decodes a journal in blocks of whole lines, on several processors when it is long: a line's meaning hangs on those before
//! it, but not its form.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, Scope, available_parallelism};

use crate::journal::format::Extent;
use crate::journal::reader::LONGEST_LINE;
use crate::journal::{Entry, LineError, format};

/// Bytes that are read at once; a block ends with a line, so it may be longer.
const BLOCK: usize = 256 * 1024;

/// Blocks that are decoded right here before it is worth while to start threads.
const FEW: u64 = 8;

/// Threads that decode, at most: beyond that the one that folds is the slowest.
const THREADS: usize = 4;

/// Blocks that each thread has before it: one in work, one waiting; and the bytes of all that are at work, of which there
/// is always one.
const WAITING: usize = 2;
const WAITING_BYTES: usize = 8 * 1024 * 1024;

/// Some lines of a journal as they stand in the file.
#[derive(Debug)]
struct Block {
    offset: u64,
    bytes: Vec<u8>,
}

/// The events of a block.
#[derive(Debug)]
pub(super) struct Decoded {
    /// Where its first line begins.
    pub(super) offset: u64,
    /// Each event, with the length of its line.
    pub(super) entries: Vec<(u64, Entry)>,
    /// The first line that is no event: what comes behind it is not decoded.
    pub(super) bad: Option<Bad>,
}

/// A line that is no event.
#[derive(Debug)]
pub(super) struct Bad {
    /// It, without its line feed.
    pub(super) line: Vec<u8>,
    /// Its length, with its line feed.
    pub(super) bytes: u64,
    pub(super) why: LineError,
    /// Whether nothing follows it in its block.
    pub(super) ends_block: bool,
}

/// Why the reading ended early.
#[derive(Debug)]
pub(super) enum Stop<E> {
    /// The file could not be read.
    Io(io::Error),
    /// The one who takes the blocks said so.
    Told(E),
}

impl Block {
    fn decode(mut self, extent: Extent) -> Decoded {
        let mut decoded = Decoded { offset: self.offset, entries: Vec::new(), bad: None };
        let mut from = 0;
        while from < self.bytes.len() {
            let rest = &mut self.bytes[from..];
            let end = memchr::memchr(b'\n', rest);
            let length = end.map_or(rest.len(), |end| end + 1);
            let line = &mut rest[..end.unwrap_or(length)];
            let entry = if end.is_some() { format::decode(line, extent) } else { Err(LineError::Short) };
            match entry {
                Ok(entry) => decoded.entries.push((length as u64, entry)),
                Err(why) => {
                    let line = line.to_vec();
                    let ends_block = from + length == self.bytes.len();
                    decoded.bad = Some(Bad { line, bytes: length as u64, why, ends_block });
                    break;
                }
            }
            from += length;
        }
        decoded
    }
}

/// Hands over all lines of a journal in their order, block by block, up to the first one that is no event, with whether
/// the block is the last.
pub(super) fn decode_all<E>(
    file: impl Read,
    extent: Extent,
    mut take: impl FnMut(Decoded, bool) -> Result<(), E>,
) -> Result<(), Stop<E>> {
    let mut blocks = Blocks { file, rest: Vec::new(), offset: 0, is_over: false };
    let mut next = blocks.next().map_err(Stop::Io)?;
    let mut take = |decoded: Decoded, is_last| {
        let is_over = decoded.bad.is_some();
        take(decoded, is_last).map(|()| is_over).map_err(Stop::Told)
    };
    for _ in 0..FEW {
        let Some(block) = next else { return Ok(()) };
        next = blocks.next().map_err(Stop::Io)?;
        if take(block.decode(extent), next.is_none())? {
            return Ok(());
        }
    }
    std::thread::scope(|scope| {
        let threads = available_parallelism().map_or(1, usize::from).min(THREADS);
        // Where the system gives no threads, the lines are decoded right here, too.
        let decoders: Vec<_> = (0..threads).map_while(|_| Decoder::start(scope, extent).ok()).collect();
        let mut turns = decoders.iter().cycle();
        let mut at_work = VecDeque::new();
        let mut bytes_at_work = 0;
        loop {
            while let Some(block) = next.take_if(|_| {
                at_work.is_empty()
                    || (at_work.len() < decoders.len() * WAITING && bytes_at_work < WAITING_BYTES)
            }) {
                next = blocks.next().map_err(Stop::Io)?;
                let Some(decoder) = turns.next() else {
                    if take(block.decode(extent), next.is_none())? {
                        return Ok(());
                    }
                    continue;
                };
                bytes_at_work += block.bytes.len();
                at_work.push_back((decoder, block.bytes.len()));
                decoder.blocks.send(block).map_err(|_| Stop::Io(gone()))?;
            }
            let Some((first, bytes)) = at_work.pop_front() else { return Ok(()) };
            bytes_at_work -= bytes;
            let decoded = first.decoded.recv().map_err(|_| Stop::Io(gone()))?;
            if take(decoded, at_work.is_empty() && next.is_none())? {
                return Ok(());
            }
        }
    })
}

/// A thread that decodes blocks, and gives them back in the order that it got them.
#[derive(Debug)]
struct Decoder {
    blocks: SyncSender<Block>,
    decoded: Receiver<Decoded>,
}

impl Decoder {
    fn start<'scope>(scope: &'scope Scope<'scope, '_>, extent: Extent) -> io::Result<Self> {
        let (blocks, given) = sync_channel::<Block>(WAITING);
        let (done, decoded) = sync_channel(WAITING);
        Builder::new().name("decode".to_owned()).spawn_scoped(scope, move || {
            // Nobody who takes them means that they are not wanted any more.
            given.into_iter().try_for_each(|block| done.send(block.decode(extent)))
        })?;
        Ok(Self { blocks, decoded })
    }
}

fn gone() -> io::Error {
    io::Error::other("a thread that decodes the journal has ended")
}

/// The blocks of a file.
struct Blocks<R> {
    file: R,
    /// The beginning of a line that did not end yet.
    rest: Vec<u8>,
    offset: u64,
    is_over: bool,
}

impl<R: Read> Blocks<R> {
    fn next(&mut self) -> io::Result<Option<Block>> {
        let mut bytes = Vec::with_capacity(BLOCK + self.rest.len());
        bytes.append(&mut self.rest);
        while !self.is_over {
            let before = bytes.len();
            if before as u64 > LONGEST_LINE {
                // No line, whatever comes behind it.
                break;
            }
            let read = (&mut self.file).take(BLOCK as u64).read_to_end(&mut bytes)?;
            self.is_over = read < BLOCK;
            if let Some(end) = memchr::memrchr(b'\n', &bytes[before..]).filter(|_| !self.is_over) {
                self.rest.extend_from_slice(&bytes[before + end + 1..]);
                bytes.truncate(before + end + 1);
                break;
            }
        }
        let offset = self.offset;
        self.offset += bytes.len() as u64;
        Ok((!bytes.is_empty()).then_some(Block { offset, bytes }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{RunEvent, StopCause, Stopped};

    /// Lines of lengths that fall on no boundary, one of them longer than a block.
    fn journal(lines: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        for n in 0..lines {
            let length = if n == 1_000 { 3 * BLOCK } else { 1_000 + (bytes.len() * 7) % 900 };
            let detail = "x".repeat(length);
            let event = RunEvent::Stopped(Stopped { cause: StopCause::Network, detail });
            format::encode(&mut bytes, n, n, &event).unwrap();
        }
        bytes
    }

    /// The numbers of the events, where they ended, and what was bad, with whether it was the last of all.
    fn read(bytes: &[u8]) -> (u64, u64, Option<(LineError, bool)>) {
        let (mut events, mut offset, mut found) = (0, 0, None);
        decode_all(bytes, Extent::Whole, |decoded, is_last| {
            assert_eq!(decoded.offset, offset);
            for (length, entry) in decoded.entries {
                assert_eq!(entry.n, events);
                (events, offset) = (events + 1, offset + length);
            }
            found = decoded.bad.map(|bad| (bad.why, bad.ends_block && is_last));
            Ok::<_, ()>(())
        })
        .unwrap();
        (events, offset, found)
    }

    #[test]
    fn lines_come_in_their_order_however_many_blocks_and_threads_there_are() {
        for lines in [0, 1, 999, 1_001, 5_000] {
            let bytes = journal(lines);
            assert_eq!(read(&bytes), (lines, bytes.len() as u64, None), "{lines} lines");
        }
    }

    #[test]
    fn what_stands_behind_a_bad_line_is_not_told_and_a_cut_end_is_known_for_the_last() {
        let bytes = journal(5_000);
        let whole = |n: u64| journal(n).len();
        for n in [3, 2_000, 4_999] {
            let mut damaged = bytes.clone();
            damaged[whole(n) + 30] ^= 1;
            let expected = (n, whole(n) as u64, Some((LineError::Checksum, n == 4_999)));
            assert_eq!(read(&damaged), expected, "line {n}");
            let cut = &bytes[..whole(n) + 30];
            assert_eq!(read(cut), (n, whole(n) as u64, Some((LineError::Short, true))), "cut in line {n}");
        }
    }
}
