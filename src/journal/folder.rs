//! Run folders: what lies where, how they are made, and how they are found again.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::fail_point::{self, Point};
use crate::journal::{Durability, Entry, Error, FORMAT, History, Replay, RunLock, Writer, format};
use crate::manifest::KEPT;
use crate::model::{Digest, Opened, RunEvent};

/// The file that carries a run's lock. Windows lets nobody else read a file that is locked, so there it is another.
const LOCKED: &str = if cfg!(windows) { "journal.lock" } else { "journal.jsonl" };

/// A run's lock, held.
#[derive(Debug)]
pub struct Claim(#[expect(dead_code, reason = "the lock lasts as long as the file is open")] File);

/// A run's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Names a folder, which need not exist.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Gives its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the path of one of its files.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Gives the journal's path.
    pub fn journal(&self) -> PathBuf {
        self.file("journal.jsonl")
    }

    /// Makes the folder and takes the run's lock, so that of two processes one begins the run. Fails when the folder
    /// is there already, unless it is what a process left that died before it began.
    pub fn claim(&self) -> Result<Claim, Error> {
        if let Some(parent) = self.path.parent() {
            fs::create_dir_all(parent).map_err(Error::io(parent))?;
        }
        match fs::create_dir(&self.path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && self.is_ours() => {}
            Err(_) if self.is_locked() => return Err(Error::Locked { path: self.path.clone() }),
            made => made.map_err(Error::io(&self.path))?,
        }
        let claim = Claim(self.take_lock()?);
        fail_point::pass(Point::FolderClaimed);
        let taken = || Error::io(&self.path)(io::ErrorKind::AlreadyExists.into());
        if self.is_begun() { Err(taken()) } else { Ok(claim) }
    }

    /// Says whether the folder holds nothing but what a run writes before it begins.
    fn is_ours(&self) -> bool {
        let ours = [KEPT, "dataset.input", "journal.jsonl", "manifest.yaml", "run.lock.json", LOCKED];
        let is_ours = |entry: fs::DirEntry| ours.iter().any(|name| entry.file_name() == *name);
        fs::read_dir(&self.path).is_ok_and(|mut entries| entries.all(|entry| entry.is_ok_and(is_ours)))
    }

    /// Says whether a process has begun to work on the run: before that nothing is sent, so a journal that holds no
    /// more than the run's selection, or a part of it, may be begun anew. What can't be read counts as begun.
    pub fn is_begun(&self) -> bool {
        let has_worked = || -> io::Result<bool> {
            let mut journal = BufReader::new(File::open(self.journal())?);
            let mut line = Vec::new();
            loop {
                line.clear();
                journal.read_until(b'\n', &mut line)?;
                if line.last() != Some(&b'\n') {
                    return Ok(false);
                }
                if !matches!(format::name_of(&line), Some("opened" | "selected")) {
                    return Ok(true);
                }
            }
        };
        has_worked().unwrap_or_else(|error| error.kind() != io::ErrorKind::NotFound)
    }

    /// Begins the run: writes manifest and lock, then the journal with its first event and those in `events`. All of
    /// it is durable when this returns.
    pub fn begin(
        &self,
        claim: Claim,
        lock: &RunLock,
        manifest: &[u8],
        events: Vec<RunEvent>,
        durability: Durability,
    ) -> Result<Writer, Error> {
        let lock_text = serde_json::to_vec_pretty(lock)
            .map_err(|e| Error::Lock { path: self.file("run.lock.json"), why: e.to_string() })?;
        // Subtle: the journal first, emptied of what was never begun, so that it can't go with another's manifest.
        let path = self.journal();
        let options = OpenOptions::new().create(true).truncate(true).read(true).write(true).open(&path);
        let file = options.map_err(Error::io(&path))?;
        let mut writer = Writer::open(&path, file, claim, &Replay::default(), durability)?;
        write_durably(&self.file("manifest.yaml"), manifest)?;
        fail_point::pass(Point::ManifestWritten);
        write_durably(&self.file("run.lock.json"), &lock_text)?;
        fail_point::pass(Point::LockWritten);
        let opened = Opened {
            format: FORMAT,
            run_id: lock.run_id.clone(),
            flowbatch: lock.flowbatch.clone(),
            lock: digest(&lock_text),
            manifest: digest(manifest),
        };
        let mut first = vec![RunEvent::Opened(opened)];
        first.extend(events);
        writer.append(&first)?;
        fail_point::pass(Point::RunOpened);
        sync_folder(&self.path)?;
        if let Some(parent) = self.path.parent() {
            sync_folder(parent)?;
        }
        Ok(writer)
    }

    /// Goes on with a run: locks it, reads its journal through, and cuts off a torn tail.
    pub fn go_on(&self, durability: Durability) -> Result<(Writer, History), Error> {
        let path = self.journal();
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(Error::NoRun { path: self.path.clone() });
            }
            Err(e) => return Err(Error::io(&path)(e)),
        };
        let claim = Claim(self.take_lock()?);
        let history = self.read()?;
        let writer = Writer::open(&path, file, claim, history.replay(), durability)?;
        // Of a process that died. This one keeps its own, if it has anything to send.
        let _ = fs::remove_file(self.file("journal.reserve"));
        fail_point::pass(Point::RunTakenUp);
        Ok((writer, history))
    }

    /// Reads the journal through, without locking: a run that is alive may be read too.
    pub fn read(&self) -> Result<History, Error> {
        let path = self.journal();
        if !path.exists() {
            return Err(Error::NoRun { path: self.path.clone() });
        }
        let history = History::read(&path)?;
        let state = history.state();
        // Subtle: the selection may be cut off behind the first event, and an empty one would pass for a finished run.
        let is_whole = state.opened().is_some()
            && (state.processes() > 0 || state.selected().len() >= self.lock()?.dataset.selected);
        if is_whole { Ok(history) } else { Err(Error::NoRun { path: self.path.clone() }) }
    }

    /// Says whether a process works on the run just now.
    pub fn is_locked(&self) -> bool {
        let Ok(file) = File::open(self.file(LOCKED)) else { return false };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    /// Says whether the journal ends with `closed`, by its last line alone: false when that can't be told.
    pub fn is_closed(&self) -> bool {
        const TAIL: u64 = 4096;
        let tail = || -> io::Result<Vec<u8>> {
            let mut file = File::open(self.journal())?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let Ok(bytes) = tail() else { return false };
        let Some(whole) = bytes.strip_suffix(b"\n") else { return false };
        let mut line = whole.rsplit(|b| *b == b'\n').next().unwrap_or_default().to_vec();
        let last = format::decode(&mut line, format::Extent::Brief);
        matches!(last, Ok(Entry { event: RunEvent::Closed(_), .. }))
    }

    /// Reads run.lock.json.
    pub fn lock(&self) -> Result<RunLock, Error> {
        let path = self.file("run.lock.json");
        let text = fs::read(&path).map_err(Error::io(&path))?;
        serde_json::from_slice(&text).map_err(|e| Error::Lock { path, why: e.to_string() })
    }

    /// Takes the lock of a run that is there.
    pub(crate) fn claim_begun(&self) -> Result<Claim, Error> {
        if !self.journal().exists() {
            return Err(Error::NoRun { path: self.path.clone() });
        }
        Ok(Claim(self.take_lock()?))
    }

    fn take_lock(&self) -> Result<File, Error> {
        let path = self.file(LOCKED);
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
        let file = file.map_err(Error::io(&path))?;
        // Subtle: whoever only asks whether the run is locked holds its lock for a moment, as does a child process
        // between its fork and its exec. Neither is another process that works on the run.
        for wait_ms in [5, 10, 20, 40, 0] {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(wait_ms)),
                Err(TryLockError::Error(e)) => return Err(Error::io(&self.path)(e)),
            }
        }
        Err(Error::Locked { path: self.path.clone() })
    }

    /// Points `latest`, beside the folder, at it: a link where the system has them, else a text file with its name.
    pub fn point_latest(&self) -> Result<(), Error> {
        let (Some(parent), Some(name)) = (self.path.parent(), self.path.file_name()) else { return Ok(()) };
        let latest = parent.join("latest");
        let fresh = parent.join(format!(".latest-{}", std::process::id()));
        let _ = fs::remove_file(&fresh);
        link(Path::new(name), &fresh).and_then(|()| fs::rename(&fresh, &latest)).map_err(Error::io(&latest))
    }
}

#[cfg(unix)]
fn link(target: &Path, at: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, at)
}

#[cfg(not(unix))]
fn link(target: &Path, at: &Path) -> io::Result<()> {
    fs::write(at, target.to_string_lossy().as_bytes())
}

fn digest(bytes: &[u8]) -> Digest {
    Digest { sha256: hex::encode(Sha256::digest(bytes)), bytes: bytes.len() as u64 }
}

fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let write = || {
        let mut file = File::create(path)?;
        if path.ends_with("run.lock.json") {
            fail_point::tear(Point::LockHalfWritten, bytes, &mut file)?;
        }
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(Error::io(path))
}

/// Makes the names in a folder durable, where the system can.
pub(super) fn sync_folder(path: &Path) -> Result<(), Error> {
    if cfg!(unix) {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        File::open(path).and_then(|folder| folder.sync_all()).map_err(Error::io(path))?;
    }
    Ok(())
}

/// A run that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its folder.
    pub folder: RunFolder,
    /// The manifest's name.
    pub manifest: String,
    /// Its id.
    pub run_id: String,
}

/// The runs below an output folder: `DIR/MANIFEST/RUN`.
#[derive(Clone, Debug)]
pub struct Runs {
    root: PathBuf,
}

impl Runs {
    /// Looks below this folder.
    pub fn below(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Gives the output folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Gives the folder for a run of a manifest.
    pub fn folder(&self, manifest: &str, run_id: &str) -> RunFolder {
        RunFolder::at(self.of(manifest).join(run_id))
    }

    /// Gives the folder of a manifest's runs.
    pub(super) fn of(&self, manifest: &str) -> PathBuf {
        self.root.join(manifest)
    }

    /// Lists all runs, oldest first.
    pub fn list(&self) -> Vec<Found> {
        let mut found = Vec::new();
        for manifest in folders_in(&self.root) {
            for run in folders_in(&manifest) {
                // An empty journal is what a process left that died before it began the run.
                let is_run = fs::metadata(run.join("journal.jsonl")).is_ok_and(|file| file.len() > 0);
                if let (true, Some(manifest), Some(run_id)) = (is_run, name_of(&manifest), name_of(&run)) {
                    found.push(Found { folder: RunFolder::at(&run), manifest, run_id });
                }
            }
        }
        // The lock is written once, when the run begins; ids of the user's own tell nothing of time.
        found.sort_by_cached_key(|run| {
            let begun = fs::metadata(run.folder.file("run.lock.json")).and_then(|meta| meta.modified()).ok();
            (begun, run.run_id.clone())
        });
        found
    }

    /// Finds a run by a path, by `latest`, by its id or by a prefix of it that only one has.
    pub fn find(&self, name: &str) -> Result<RunFolder, Error> {
        let path = Path::new(name);
        if path.join("journal.jsonl").is_file() {
            return Ok(RunFolder::at(path));
        }
        let all = self.list();
        if name == "latest" {
            let newest = all.into_iter().next_back();
            let none = || Error::NotFound(format!("there are no runs below {}", self.root.display()));
            return newest.map(|found| found.folder).ok_or_else(none);
        }
        if let Some(exact) = all.iter().find(|found| found.run_id == name) {
            return Ok(exact.folder.clone());
        }
        let fits: Vec<_> = all.iter().filter(|found| found.run_id.starts_with(name)).collect();
        match fits.as_slice() {
            [one] => Ok(one.folder.clone()),
            [] => Err(Error::NotFound(format!(
                "no run is called `{name}` below {}; `flowbatch runs` lists them",
                self.root.display()
            ))),
            several => {
                let ids: Vec<_> = several.iter().take(5).map(|found| found.run_id.as_str()).collect();
                Err(Error::NotFound(format!("`{name}` fits {} runs: {}", several.len(), ids.join(", "))))
            }
        }
    }
}

fn folders_in(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    // What begins with a dot is work that was not finished, as of an import that was killed.
    let is_hidden =
        |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    // `latest` is a link to a run that is listed under its own name.
    let mut folders: Vec<_> =
        paths.filter(|path| path.is_dir() && !path.is_symlink() && !is_hidden(path)).collect();
    folders.sort();
    folders
}

fn name_of(path: &Path) -> Option<String> {
    path.file_name().map(|name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
pub(super) mod tests;
