//! A derived file, whole or not at all: written beside its place, made durable, then moved there.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::fail_point::{self, Point};

/// What a file is called until it is at its place.
const PREFIX: &str = ".flowbatch-";
const SUFFIX: &str = ".tmp";

/// Bytes gathered before they are written.
const BUFFER: usize = 64 * 1024;

/// A file that is being written. Dropped without `commit`, it leaves nothing behind, and what stood at its place
/// stays as it was.
#[derive(Debug)]
pub struct Artifact {
    writer: BufWriter<NamedTempFile>,
    path: PathBuf,
}

impl Artifact {
    /// Begins a file in the folder of `path`, which must exist.
    pub fn create(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX).suffix(SUFFIX);
        // A temporary file is its owner's alone unless told otherwise; a result is as readable as any other file.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        loop {
            let file = builder.tempfile_in(folder_of(&path))?;
            // Where nothing can be locked, nothing is swept either.
            let _ = file.as_file().try_lock();
            // Subtle: it may have been swept between its making and its lock.
            if file.path().exists() {
                return Ok(Self { writer: BufWriter::with_capacity(BUFFER, file), path });
            }
        }
    }

    /// Removes what processes that died have left in a folder: files begun, and held by nobody any more.
    pub fn sweep(folder: &Path) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if !(name.starts_with(PREFIX) && name.ends_with(SUFFIX)) {
                continue;
            }
            // What can't be removed does no harm, and is tried again the next time.
            if let Ok(file) = File::options().write(true).open(&path)
                && file.try_lock().is_ok()
            {
                let _ = fs::remove_file(&path);
            }
        }
    }

    /// Writes a whole file at once.
    pub fn write(path: impl Into<PathBuf>, bytes: &[u8]) -> io::Result<()> {
        let mut artifact = Self::create(path)?;
        artifact.write_all(bytes)?;
        artifact.commit()
    }

    /// Makes the file durable and moves it to its place, over what stood there.
    pub fn commit(self) -> io::Result<()> {
        let file = self.writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        fail_point::pass(Point::FileWritten);
        file.as_file().sync_all()?;
        fail_point::pass(Point::FileSynced);
        file.persist(&self.path).map_err(|refused| refused.error)?;
        fail_point::pass(Point::FileMoved);
        sync_name(&self.path)
    }
}

/// What can be written anew from its beginning, so that what was written so far counts for nothing.
pub trait Restart: Write {
    /// Goes back to an empty file.
    fn restart(&mut self) -> io::Result<()>;
}

impl Restart for Artifact {
    fn restart(&mut self) -> io::Result<()> {
        self.writer.flush()?;
        let file = self.writer.get_mut().as_file_mut();
        file.set_len(0)?;
        file.rewind()
    }
}

impl Restart for Vec<u8> {
    fn restart(&mut self) -> io::Result<()> {
        self.clear();
        Ok(())
    }
}

impl Restart for io::Sink {
    fn restart(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for Artifact {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a file's name durable: that it was made, or moved there. Windows opens no folder as a file, and keeps its
/// journal of names on its own.
pub fn sync_name(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder_of(path))?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_that_is_restarted_holds_only_what_came_after() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.csv");
        let mut artifact = Artifact::create(&path).unwrap();
        artifact.write_all(&vec![b'x'; BUFFER + 1]).unwrap();
        artifact.write_all(b"not yet written").unwrap();
        artifact.restart().unwrap();
        artifact.write_all(b"new").unwrap();
        artifact.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_committed_file_is_whole_and_replaces_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        fs::write(&path, "old").unwrap();
        let mut artifact = Artifact::create(&path).unwrap();
        artifact.write_all(&vec![b'x'; 3 * BUFFER]).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old", "until it is committed, the old one stands");
        artifact.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap().len(), 3 * BUFFER);
        assert_eq!(names(folder.path()), ["report.json"]);
    }

    #[test]
    fn a_dropped_file_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        fs::write(&path, "old").unwrap();
        let mut artifact = Artifact::create(&path).unwrap();
        artifact.write_all(b"half").unwrap();
        drop(artifact);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["report.json"]);
    }

    #[test]
    fn what_a_dead_process_left_is_swept_and_what_is_being_written_is_not() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".flowbatch-left.tmp", ".flowbatch-notes", "report.json"] {
            fs::write(folder.path().join(name), "half").unwrap();
        }
        let path = folder.path().join("results.csv");
        let mut artifact = Artifact::create(&path).unwrap();
        artifact.write_all(b"whole").unwrap();
        Artifact::sweep(folder.path());
        artifact.commit().unwrap();
        let mut left = names(folder.path());
        left.sort();
        assert_eq!(left, [".flowbatch-notes", "report.json", "results.csv"]);
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        Artifact::sweep(&path);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Artifact::create(folder.path().join("none").join("report.json")).is_err());
    }

    #[test]
    fn a_place_that_is_a_folder_keeps_it_and_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("inside"), "").unwrap();
        assert!(Artifact::write(&path, b"text").is_err());
        assert_eq!(names(folder.path()), ["report.json"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_as_readable_as_any_other() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        Artifact::write(&path, b"text").unwrap();
        fs::write(folder.path().join("plain"), "").unwrap();
        let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode("report.json"), mode("plain"));
    }
}
