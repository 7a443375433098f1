//! Appends events durably: one write and one fsync for all that have gathered.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::fail_point::{self, Point};
use crate::journal::clock::Clock;
use crate::journal::{Claim, Error, Replay, format};
use crate::model::{Durability, RunEvent};

/// What became of a group of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// All are durable.
    Durable,
    /// All are durable, but in the room that was kept in reserve: the disk is full.
    DurableInReserve,
}

/// What a journal is written to. A seam, so that tests can fill the disk or break an fsync at any byte.
pub(crate) trait Storage: Send {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    fn sync(&mut self) -> io::Result<()>;
    /// Fails when what is written can't be found again.
    fn is_there(&mut self) -> io::Result<()> {
        Ok(())
    }
    /// Cuts the file back to what is known to be good.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

impl Storage for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        fail_point::tear(Point::GroupHalfWritten, bytes, self)?;
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn is_there(&mut self) -> io::Result<()> {
        has_a_name(self)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)?;
        self.seek(SeekFrom::Start(length)).map(drop)
    }
}

/// The one writer of a journal.
pub struct Writer {
    path: PathBuf,
    storage: Box<dyn Storage>,
    reserve: Option<PathBuf>,
    durability: Durability,
    next: u64,
    length: u64,
    buffer: Vec<u8>,
    /// Where the lines of the last group begin.
    offsets: Vec<u64>,
    broken: bool,
    pub(super) clock: Clock,
    t_ms: u64,
    /// The run's lock, held as long as the writer lives.
    claim: Option<Claim>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer")
            .field("path", &self.path)
            .field("next", &self.next)
            .field("claim", &self.claim)
            .finish_non_exhaustive()
    }
}

impl Writer {
    /// Goes on with a journal at the end of its good part. What stands behind is cut off. The run's lock lasts as long
    /// as the writer.
    pub(super) fn open(
        path: &Path,
        file: File,
        claim: Claim,
        end: &Replay,
        durability: Durability,
    ) -> Result<Self, Error> {
        let mut storage = file;
        storage.cut(end.length).map_err(Error::io(path))?;
        let mut writer = Self::over(path, Box::new(storage), end.events, end.length, durability);
        writer.clock = Clock::behind(end.t_ms);
        writer.claim = Some(claim);
        Ok(writer)
    }

    pub(crate) fn over(
        path: &Path,
        storage: Box<dyn Storage>,
        next: u64,
        length: u64,
        durability: Durability,
    ) -> Self {
        Self {
            path: path.to_owned(),
            storage,
            reserve: None,
            durability,
            next,
            length,
            buffer: Vec::new(),
            offsets: Vec::new(),
            broken: false,
            clock: Clock::behind(0),
            t_ms: 0,
            claim: None,
        }
    }

    /// Keeps room beside the journal, of real bytes, so that what a run of this concurrency has on the wire can still
    /// be recorded when the disk is full.
    pub fn keep_reserve(&mut self, concurrency: usize) -> Result<(), Error> {
        let bytes = (concurrency as u64 * 64 * 1024).clamp(4 << 20, 64 << 20);
        let path = self.path.with_extension("reserve");
        let write = || -> io::Result<()> {
            let mut file = File::create(&path)?;
            let block = vec![0xa5_u8; 64 * 1024];
            let mut left = bytes;
            while left > 0 {
                let length = left.min(block.len() as u64);
                file.write_all(&block[..usize::try_from(length).unwrap_or(block.len())])?;
                left -= length;
            }
            Ok(())
        };
        let written = write().map_err(Error::io(&path));
        // Known before it is judged: a part of it must not stay behind on a disk that is full.
        self.reserve = Some(path.clone());
        written
    }

    /// Says how far later appends go before they count.
    pub fn set_durability(&mut self, durability: Durability) {
        self.durability = durability;
    }

    /// Gives the wall-clock instant of the last group, in ms since 1970.
    pub fn t_ms(&self) -> u64 {
        self.t_ms
    }

    /// Gives the number that the next event will have.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Gives the journal's present instant, for `append_at`.
    pub fn instant(&mut self) -> u64 {
        self.clock.now()
    }

    /// Gives where the lines of the last group begin, in bytes from the start of the journal; once.
    pub(super) fn take_offsets(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.offsets)
    }

    /// Appends a group of events as of now.
    pub fn append(&mut self, events: &[RunEvent]) -> Result<Appended, Error> {
        let t_ms = self.instant();
        self.append_at(t_ms, events)
    }

    /// Appends a group of events of one instant and makes it durable, whole or not at all.
    ///
    /// After an error nothing more is appended: what the disk holds is no longer known.
    pub fn append_at(&mut self, t_ms: u64, events: &[RunEvent]) -> Result<Appended, Error> {
        if self.broken {
            let source = io::Error::other("an earlier write failed");
            return Err(Error::NotDurable { path: self.path.clone(), source });
        }
        self.t_ms = self.t_ms.max(t_ms);
        self.buffer.clear();
        self.offsets.clear();
        for (n, event) in (self.next..).zip(events) {
            self.offsets.push(self.length + self.buffer.len() as u64);
            format::encode(&mut self.buffer, n, self.t_ms, event).map_err(|e| self.not_durable(e.into()))?;
        }
        fail_point::pass(Point::GroupReady);
        let appended = match self.storage.append(&self.buffer) {
            Ok(()) => Appended::Durable,
            Err(error) => self.append_in_reserve(error)?,
        };
        fail_point::pass(Point::GroupWritten);
        if self.durability == Durability::Power {
            self.storage.sync().map_err(|e| self.not_durable(e))?;
        }
        fail_point::pass(Point::GroupSynced);
        self.storage.is_there().map_err(|e| self.not_durable(e))?;
        self.next += events.len() as u64;
        self.length += self.buffer.len() as u64;
        if self.buffer.capacity() > BUFFER_KEPT {
            self.buffer = Vec::new();
        }
        Ok(appended)
    }

    /// The disk is full: gives up the reserve and writes the group again, from the last good byte on.
    fn append_in_reserve(&mut self, error: io::Error) -> Result<Appended, Error> {
        let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        let Some(reserve) = self.reserve.take().filter(|_| full) else { return Err(self.not_durable(error)) };
        let again = std::fs::remove_file(&reserve)
            .and_then(|()| self.storage.cut(self.length))
            .and_then(|()| self.storage.append(&self.buffer));
        again.map_err(|e| self.not_durable(e))?;
        Ok(Appended::DurableInReserve)
    }

    fn not_durable(&mut self, source: io::Error) -> Error {
        self.broken = true;
        Error::NotDurable { path: self.path.clone(), source }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(reserve) = self.reserve.take() {
            // Nothing depends on it any more; a reserve left behind is only wasted room.
            let _ = std::fs::remove_file(reserve);
        }
    }
}

/// A file that was deleted takes every byte and keeps none: rows would be paid for and their results lost.
#[cfg(unix)]
fn has_a_name(file: &File) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    if file.metadata()?.nlink() > 0 {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::NotFound, "it was deleted while the run was going on"))
}

/// An open file can't be deleted here.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
fn has_a_name(_file: &File) -> io::Result<()> {
    Ok(())
}

/// A buffer larger than this is given back after the group that needed it.
const BUFFER_KEPT: usize = 4 * 1024 * 1024;

#[cfg(test)]
mod tests;
