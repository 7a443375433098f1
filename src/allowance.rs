//! A rate that several processes on one machine share: what is left of it, in a small locked file for each host, key
//! and kind of request.
//!
//! The file holds when the next request may theoretically arrive, by the wall clock, and the terms under which that was
//! worked out: a time further ahead than these allow means that the clock was set back, and is not believed.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use crate::pace::{Rates, Request};

/// The first word of each file.
const MAGIC: &str = "flowbatch-rate-1";
/// More than any file holds.
const MOST_BYTES: u64 = 256;
/// How long a file that another process holds is waited for, before it is asked again.
const BUSY: Duration = Duration::from_millis(1);
/// Nobody holds a file longer than for a read and a write; one that is held so long is held by a process that stands
/// still, and sends nothing.
const PATIENCE: Duration = Duration::from_secs(5);
/// Files that nobody has touched for so long are removed.
const STALE: Duration = Duration::from_secs(60 * 24 * 60 * 60);
/// No time between requests is longer.
const LONGEST: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// The time between two requests, and by how much it may fall short.
type Terms = (Duration, Duration);

/// What several processes share of the rates of one key.
#[derive(Debug)]
pub struct Allowance {
    invoke: Option<Bucket>,
    poll: Option<Bucket>,
    /// Stands in for both, when all requests are counted together.
    shared: Option<Bucket>,
}

impl Allowance {
    /// Opens the files of a key in a folder, which is made when it is missing. Only what has a rate has a file.
    pub fn open(folder: &Path, host: &str, key: &str, rates: &Rates) -> io::Result<Self> {
        make(folder)?;
        remove_stale(folder);
        let id = id_of(host, key);
        let open = |kind: &str, is_wanted: bool| {
            is_wanted.then(|| Bucket::open(folder.join(format!("{id}-{kind}")))).transpose()
        };
        let has = |request| rates.of(request).is_some();
        let is_shared = matches!(rates, Rates::Shared(_));
        Ok(Self {
            invoke: open("invoke", !is_shared && has(Request::Invoke))?,
            poll: open("poll", !is_shared && has(Request::Poll))?,
            shared: open("all", is_shared)?,
        })
    }

    /// Says whether nothing was known of these rates before.
    pub fn is_fresh(&self) -> bool {
        [&self.invoke, &self.poll, &self.shared].into_iter().flatten().all(|bucket| bucket.was_empty)
    }

    /// Takes a permit, or says how long it will be until there may be one.
    pub fn take(&mut self, request: Request, terms: (Duration, Duration)) -> Result<(), Duration> {
        self.bucket_mut(request).map_or(Ok(()), |bucket| bucket.take(terms, now()))
    }

    /// Looks how long it will be until there is a permit, when `ahead` others are taken before it.
    pub fn wait(&self, request: Request, terms: (Duration, Duration), ahead: u32) -> Duration {
        let bucket = match request {
            _ if self.shared.is_some() => &self.shared,
            Request::Invoke => &self.invoke,
            Request::Poll => &self.poll,
        };
        bucket.as_ref().map_or(Duration::ZERO, |bucket| bucket.wait(terms, ahead, now()))
    }

    fn bucket_mut(&mut self, request: Request) -> Option<&mut Bucket> {
        match request {
            _ if self.shared.is_some() => self.shared.as_mut(),
            Request::Invoke => self.invoke.as_mut(),
            Request::Poll => self.poll.as_mut(),
        }
    }
}

/// Names a key at a host without giving it away.
fn id_of(host: &str, key: &str) -> String {
    let mut digest = Sha256::new();
    for part in ["flowbatch rate", host, key] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    let digest = hex::encode(digest.finalize());
    digest.chars().take(32).collect()
}

fn make(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Removes what nobody has used for long. A file in use is never that old: the longest time between two requests is
/// much shorter.
fn remove_stale(folder: &Path) {
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        let touched = entry.metadata().and_then(|metadata| metadata.modified());
        let age = touched.ok().and_then(|touched| touched.elapsed().ok());
        if age.is_some_and(|age| age > STALE) {
            // What can't be removed does no harm.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// The wall clock, since 1970.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// What is left of one rate.
#[derive(Debug)]
struct Bucket {
    path: PathBuf,
    file: File,
    was_empty: bool,
    /// Since when another process holds the file, as far as was seen.
    busy_since: Option<Instant>,
    /// It can't be used any more: this process keeps its own pace alone.
    is_given_up: bool,
}

impl Bucket {
    fn open(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        // A file system without locks is found out now, not in the middle of a run.
        match file.try_lock() {
            Ok(()) => file.unlock()?,
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let was_empty = file.metadata()?.len() == 0;
        Ok(Self { path, file, was_empty, busy_since: None, is_given_up: false })
    }

    fn take(&mut self, terms: Terms, now: Duration) -> Result<(), Duration> {
        if self.is_given_up {
            return Ok(());
        }
        match self.file.try_lock() {
            Ok(()) => self.busy_since = None,
            Err(TryLockError::WouldBlock) => {
                let since = *self.busy_since.get_or_insert_with(Instant::now);
                return if since.elapsed() < PATIENCE { Err(BUSY) } else { Ok(()) };
            }
            Err(TryLockError::Error(error)) => {
                self.give_up(&error);
                return Ok(());
            }
        }
        let taken = self.take_locked(terms, now);
        let unlocked = self.file.unlock();
        match taken.and_then(|taken| unlocked.map(|()| taken)) {
            Ok(taken) => taken,
            Err(error) => {
                self.give_up(&error);
                Ok(())
            }
        }
    }

    fn take_locked(&self, terms: Terms, now: Duration) -> io::Result<Result<(), Duration>> {
        let Some(arrival) = self.arrival(now)? else {
            // It may have been a request a moment ago. Kept, so that it is waited for once.
            self.keep(now + terms.0 + terms.1, terms)?;
            return Ok(Err(terms.0));
        };
        let due = arrival.saturating_sub(terms.1);
        if due > now {
            return Ok(Err(due.saturating_sub(now)));
        }
        self.keep(arrival.max(now) + terms.0, terms)?;
        Ok(Ok(()))
    }

    fn keep(&self, arrival: Duration, terms: Terms) -> io::Result<()> {
        let text = written(arrival, terms);
        let mut file = &self.file;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(text.as_bytes())?;
        file.set_len(text.len() as u64)
    }

    fn wait(&self, terms: Terms, ahead: u32, now: Duration) -> Duration {
        if self.is_given_up {
            return Duration::ZERO;
        }
        // Without the lock: what is read may be half written, and is only looked at. What is not believed is mended
        // by the next request.
        let arrival = self.arrival(now).ok().flatten().unwrap_or_default();
        let due = (arrival.max(now) + terms.0.saturating_mul(ahead)).saturating_sub(terms.1);
        due.saturating_sub(now)
    }

    /// Gives the theoretical arrival of the next request; none when it can't be read, or lies further ahead than it may.
    fn arrival(&self, now: Duration) -> io::Result<Option<Duration>> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(0))?;
        let mut text = Vec::new();
        file.take(MOST_BYTES).read_to_end(&mut text)?;
        if text.is_empty() {
            return Ok(Some(Duration::ZERO));
        }
        let arrival = |(arrival, (interval, tolerance)): (Duration, Terms)| {
            (arrival <= now + interval + tolerance).then_some(arrival)
        };
        Ok(read(&text).and_then(arrival))
    }

    fn give_up(&mut self, error: &io::Error) {
        tracing::warn!(path = %self.path.display(), %error, "the rate is not shared with other processes any more");
        self.is_given_up = true;
    }
}

/// Every text has the same length, so that a new one covers the old one at once.
fn written(arrival: Duration, (interval, tolerance): Terms) -> String {
    let [arrival, interval, tolerance] = [arrival, interval, tolerance].map(|time| time.as_micros());
    format!("{MAGIC} {arrival:020} {interval:020} {tolerance:020}\n")
}

fn read(text: &[u8]) -> Option<(Duration, Terms)> {
    let mut words = std::str::from_utf8(text).ok()?.strip_suffix('\n')?.split(' ');
    let is_ours = words.next()? == MAGIC;
    let mut time = || words.next()?.parse().ok().map(Duration::from_micros);
    let (arrival, interval, tolerance) = (time()?, time()?, time()?);
    let is_whole = words.next().is_none() && interval <= LONGEST && tolerance <= LONGEST;
    (is_ours && is_whole).then_some((arrival, (interval, tolerance)))
}

#[cfg(test)]
mod tests;
