//! The ledger: what was accepted, executed, charged and delivered, one JSON object a line, durable before an answer.
//!
//! One thread writes. While one fsync runs, lines gather; then all of them go out in one write and one fsync.

mod audit;
mod line;

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::watch;

use crate::artifact::sync_name;

pub use audit::first_damage;
pub(super) use line::{Loaded, accepted, delivered, executed, run_of};

/// Why a ledger can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// It can't be opened, read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another emulator uses it.
    #[error("{}: in use by another emulator; stop that one, or name another ledger", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A line before the last one is wrong.
    #[error("{}:{line}: not a line of a ledger: {message}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        message: String,
    },
    /// Nothing more is written, after an error or a stop.
    #[error("the ledger is closed")]
    Closed,
}

/// Where a line stands in the file, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) start: u64,
    pub(super) length: usize,
}

/// An open ledger.
#[derive(Debug)]
pub(super) struct Ledger {
    pending: Arc<Pending>,
    durable: watch::Receiver<u64>,
    reader: File,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// Lines that wait for the writer.
#[derive(Debug)]
struct Pending {
    lines: Mutex<Lines>,
    wake: Condvar,
}

#[derive(Debug)]
struct Lines {
    bytes: Vec<u8>,
    /// The length of the file when all of them are written.
    end: u64,
    closed: bool,
}

impl Pending {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    /// Opens a ledger, or begins one; `each` sees every line that is in it. A torn last line is cut off.
    pub(super) fn open(path: &Path, each: impl FnMut(Loaded, Position)) -> Result<Self, LedgerError> {
        let failed = |source| LedgerError::Io { path: path.to_owned(), source };
        let file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(failed)?;
        file.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => LedgerError::InUse { path: path.to_owned() },
            std::fs::TryLockError::Error(source) => failed(source),
        })?;
        let end = read_all(path, &file, each)?;
        if end == 0 {
            sync_name(path).map_err(failed)?;
        }
        let reader = file.try_clone().map_err(failed)?;
        let (sender, durable) = watch::channel(end);
        let lines = Mutex::new(Lines { bytes: Vec::new(), end, closed: false });
        let pending = Arc::new(Pending { lines, wake: Condvar::new() });
        let of_writer = Arc::clone(&pending);
        let writer = thread::Builder::new()
            .name("emulator ledger".to_owned())
            .spawn(move || write_all(&file, &of_writer, &sender))
            .map_err(failed)?;
        Ok(Self { pending, durable, reader, writer: Mutex::new(Some(writer)) })
    }

    /// Hands lines to the writer, in the order of the calls, and says where they will stand.
    pub(super) fn append(&self, lines: &str) -> Result<Position, LedgerError> {
        let mut pending = self.pending.lock();
        if pending.closed {
            return Err(LedgerError::Closed);
        }
        let start = pending.end;
        pending.bytes.extend_from_slice(lines.as_bytes());
        pending.end += u64::try_from(lines.len()).unwrap_or(0);
        drop(pending);
        self.pending.wake.notify_one();
        Ok(Position { start, length: lines.len() })
    }

    /// Waits until a line is durable.
    pub(super) async fn durable(&self, position: Position) -> Result<(), LedgerError> {
        let end = position.start + u64::try_from(position.length).unwrap_or(0);
        let mut durable = self.durable.clone();
        // The sender is gone when the writer has ended.
        durable.wait_for(|durable| *durable >= end).await.map(drop).map_err(|_| LedgerError::Closed)
    }

    /// Reads a line back.
    pub(super) fn read(&self, position: Position) -> io::Result<String> {
        let mut bytes = vec![0; position.length];
        read_exact_at(&self.reader, &mut bytes, position.start)?;
        String::from_utf8(bytes).map_err(io::Error::other)
    }

    /// Writes what is pending, and nothing after it.
    pub(super) fn close(&self) {
        self.pending.lock().closed = true;
        self.pending.wake.notify_one();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            // A writer that panicked has already closed the ledger for everyone.
            let _ = writer.join();
            let _ = self.reader.unlock();
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.close();
    }
}

fn write_all(mut file: &File, pending: &Pending, durable: &watch::Sender<u64>) {
    loop {
        let mut lines = pending.lock();
        while lines.bytes.is_empty() && !lines.closed {
            lines = pending.wake.wait(lines).unwrap_or_else(PoisonError::into_inner);
        }
        if lines.bytes.is_empty() {
            return;
        }
        let batch = std::mem::take(&mut lines.bytes);
        let end = lines.end;
        drop(lines);
        if let Err(error) = file.write_all(&batch).and_then(|()| file.sync_data()) {
            // What is on the disk is unknown from here on: nothing more is answered.
            tracing::error!("the emulator's ledger can't be written: {error}");
            let mut lines = pending.lock();
            lines.closed = true;
            lines.bytes.clear();
            return;
        }
        durable.send_replace(end);
    }
}

/// Reads every line, cuts off a torn last one, and gives the length of what is left.
fn read_all(path: &Path, file: &File, mut each: impl FnMut(Loaded, Position)) -> Result<u64, LedgerError> {
    let failed = |source| LedgerError::Io { path: path.to_owned(), source };
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let (mut start, mut number, mut text) = (0_u64, 0_u64, Vec::new());
    loop {
        text.clear();
        let length = reader.read_until(b'\n', &mut text).map_err(failed)?;
        if length == 0 {
            return Ok(start);
        }
        number += 1;
        let whole = text.last() == Some(&b'\n');
        match Loaded::parse(&text) {
            Ok(line) if whole => each(line, Position { start, length }),
            parsed => {
                if whole && !reader.fill_buf().map_err(failed)?.is_empty() {
                    let message = parsed.err().unwrap_or_default();
                    return Err(LedgerError::Damaged { path: path.to_owned(), line: number, message });
                }
                tracing::warn!("{}: the last line is torn and is cut off", path.display());
                file.set_len(start).map_err(failed)?;
                return Ok(start);
            }
        }
        start += u64::try_from(length).unwrap_or(0);
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], start: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, start)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut bytes: &mut [u8], mut start: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, bytes, start)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes = &mut bytes[read..];
        start += u64::try_from(read).unwrap_or(0);
    }
    Ok(())
}
