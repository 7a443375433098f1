//! The ledger on disk: one line of JSON a record, counted and with a checksum, durable before what it says is done. One
//! scheduler holds it at a time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::artifact::Artifact;
use crate::schedule::{Log, Record, State, What};

/// The version of the ledger's form.
const FORMAT: u32 = 1;

/// A longer ledger is put aside when a scheduler starts, and a new one begun.
const LONG: u64 = 8 * 1024 * 1024;

const CRC_START: &[u8] = b",\"crc\":\"";
const CRC_LENGTH: usize = CRC_START.len() + 8 + 2;

/// Why a ledger can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// Another scheduler works on the folder.
    #[error("another scheduler works on {}", path.display())]
    Locked {
        /// The state folder.
        path: PathBuf,
    },
    /// A line is not what was written.
    #[error(
        "{}: line {line}: {why}; the ledger is damaged, and a scheduler that went on could start a slot again. Put it \
         aside to begin anew: no run is paid for twice, since a slot's run keeps its id",
        path.display()
    )]
    Damaged {
        /// The ledger.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// Another process wrote to it.
    #[error("{}: another process wrote to the ledger", path.display())]
    Foreign {
        /// The ledger.
        path: PathBuf,
    },
    /// A bug: a record that has no place.
    #[error("the scheduler decided what can't be: {0}")]
    Impossible(String),
}

/// A line of the ledger.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    v: u32,
    n: u64,
    t_ms: i64,
    #[serde(flatten)]
    record: Record,
}

/// The ledger, held by this process.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    file: File,
    length: u64,
    next: u64,
    /// After a failed write it is not known what the disk holds.
    is_broken: bool,
    _lock: File,
}

impl Ledger {
    /// Takes the state folder for this process, reads its ledger through and cuts off a torn tail.
    pub fn open(folder: &Path) -> Result<(Self, State), Error> {
        fs::create_dir_all(folder).map_err(at(folder))?;
        let lock = lock(folder)?;
        let path = folder.join("ledger.jsonl");
        let is_new = !path.exists();
        let options = OpenOptions::new().create(true).truncate(false).read(true).append(true).open(&path);
        let mut file = options.map_err(at(&path))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(at(&path))?;
        let Readable { mut state, mut next, mut whole } = read(&path, &bytes)?;
        if whole < bytes.len() as u64 {
            file.set_len(whole).and_then(|()| file.sync_all()).map_err(at(&path))?;
        }
        if is_new {
            sync(folder)?;
        }
        if whole > LONG {
            (file, whole, next) = begin_anew(folder, &path, &state)?;
            state = self::read(&path, &fs::read(&path).map_err(at(&path))?)?.state;
        }
        Ok((Self { path, file, length: whole, next, is_broken: false, _lock: lock }, state))
    }

    /// Reads a ledger that another process may be writing; without one, nothing stands anywhere.
    pub fn look(folder: &Path) -> Result<State, Error> {
        let path = folder.join("ledger.jsonl");
        match fs::read(&path) {
            Ok(bytes) => Ok(read(&path, &bytes)?.state),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(State::default()),
            Err(error) => Err(at(&path)(error)),
        }
    }

    /// Says whether a scheduler works on the folder, and its process.
    pub fn holder(folder: &Path) -> Option<String> {
        let path = folder.join("lock");
        let file = File::open(&path).ok()?;
        let held = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
        held.then(|| fs::read_to_string(folder.join("pid")).unwrap_or_default().trim().to_owned())
    }
}

impl Log for Ledger {
    fn append(&mut self, now: Timestamp, records: &[Record]) -> Result<(), Error> {
        let length = self.file.metadata().map_err(at(&self.path))?.len();
        if self.is_broken || length != self.length {
            return Err(Error::Foreign { path: self.path.clone() });
        }
        let mut bytes = Vec::new();
        let mut next = self.next;
        for record in records {
            encode(&mut bytes, next, now, record).map_err(at(&self.path))?;
            next += 1;
        }
        let written = self.file.write_all(&bytes).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            self.is_broken = true;
            return Err(at(&self.path)(error));
        }
        (self.next, self.length) = (next, self.length + bytes.len() as u64);
        Ok(())
    }
}

fn lock(folder: &Path) -> Result<File, Error> {
    let path = folder.join("lock");
    let options = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
    let file = options.map_err(at(&path))?;
    // Subtle: whoever only looks holds the lock for a moment, and so does a child between its fork and its exec.
    for wait_ms in [5, 10, 20, 40, 0] {
        match file.try_lock() {
            Ok(()) => {
                // What people see of the holder; the lock itself says who may write.
                let _ = fs::write(folder.join("pid"), std::process::id().to_string());
                let _ = fs::write(folder.join(".gitignore"), "*\n");
                return Ok(file);
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(std::time::Duration::from_millis(wait_ms)),
            Err(TryLockError::Error(error)) => return Err(at(&path)(error)),
        }
    }
    Err(Error::Locked { path: folder.to_owned() })
}

/// Puts a ledger aside that has grown long, and begins one that says where its schedules stand.
fn begin_anew(folder: &Path, path: &Path, state: &State) -> Result<(File, u64, u64), Error> {
    let now = Timestamp::now();
    let aside = folder.join(format!("ledger-{}.jsonl", now.strftime("%Y%m%dT%H%M%SZ")));
    let mut bytes = Vec::new();
    let mut next = 0;
    for (schedule, standing) in &state.schedules {
        let what = What::Carried { standing: Box::new(standing.clone()) };
        encode(&mut bytes, next, now, &Record { schedule: schedule.clone(), what }).map_err(at(path))?;
        next += 1;
    }
    // Subtle: a copy first, and the new one in its place by one rename, so that there is a ledger at any instant.
    fs::copy(path, &aside).and_then(|_| File::open(&aside)?.sync_all()).map_err(at(&aside))?;
    Artifact::write(path, &bytes).map_err(at(path))?;
    sync(folder)?;
    let file = OpenOptions::new().read(true).append(true).open(path).map_err(at(path))?;
    Ok((file, bytes.len() as u64, next))
}

/// A ledger as it was read.
struct Readable {
    state: State,
    /// The number of the next record.
    next: u64,
    /// The length of its whole lines.
    whole: u64,
}

fn read(path: &Path, bytes: &[u8]) -> Result<Readable, Error> {
    let mut found = Readable { state: State::default(), next: 0, whole: 0 };
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        // A line without its end was being written when the process died: nothing that it says was done.
        let Some(text) = line.strip_suffix(b"\n") else { break };
        let took = decode(text).and_then(|Line { n, t_ms, record, .. }| {
            if n != found.next {
                return Err(format!("record {n} stands where record {} should", found.next));
            }
            let at = Timestamp::from_millisecond(t_ms).map_err(|error| error.to_string())?;
            found.state.apply(&record, at)
        });
        if let Err(why) = took {
            return Err(Error::Damaged { path: path.to_owned(), line: found.next + 1, why });
        }
        found.next += 1;
        found.whole += line.len() as u64;
    }
    Ok(found)
}

fn encode(bytes: &mut Vec<u8>, n: u64, now: Timestamp, record: &Record) -> io::Result<()> {
    let start = bytes.len();
    let line = Line { v: FORMAT, n, t_ms: now.as_millisecond(), record: record.clone() };
    serde_json::to_writer(&mut *bytes, &line)?;
    bytes.pop();
    let crc = crc32c::crc32c(&bytes[start..]);
    bytes.extend_from_slice(CRC_START);
    bytes.extend_from_slice(format!("{crc:08x}\"}}\n").as_bytes());
    Ok(())
}

fn decode(line: &[u8]) -> Result<Line, String> {
    let short = || "the line is cut short".to_owned();
    let crc_at = line.len().checked_sub(CRC_LENGTH).ok_or_else(short)?;
    let (body, tail) = line.split_at(crc_at);
    let crc = tail.strip_prefix(CRC_START).and_then(|rest| rest.strip_suffix(b"\"}")).ok_or_else(short)?;
    if crc != format!("{:08x}", crc32c::crc32c(body)).as_bytes() {
        return Err("the checksum is wrong".to_owned());
    }
    let line: Line = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    if line.v != FORMAT {
        return Err(format!(
            "written in version {} of the ledger's form, and this flowbatch reads {FORMAT}",
            line.v
        ));
    }
    Ok(line)
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
    move |source| Error::Io { path: path.to_owned(), source }
}

fn sync(folder: &Path) -> Result<(), Error> {
    if cfg!(unix) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))?;
    }
    Ok(())
}
