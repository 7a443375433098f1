//! A file of rows - a results.jsonl, a baseline - a line at a time, forwards or by place.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::compare::row::Row;

/// Why rows can't be compared.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file can't be read.
    #[error("{}: {error}", path.display())]
    Disk {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A line is no row.
    #[error("{}: the line at byte {offset} is no row of results: {why}", path.display())]
    Row {
        /// In which file.
        path: PathBuf,
        /// Where the line begins.
        offset: u64,
        /// What is wrong with it.
        why: String,
    },
}

/// A file of rows. A line without an outcome at the top of a file is a baseline's head.
pub(super) struct Lines {
    path: PathBuf,
    file: BufReader<File>,
    line: Vec<u8>,
    /// Where the line begins, and where the next one does.
    offset: u64,
    next: u64,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|error| Error::Disk { path: path.to_owned(), error })?;
        let file = BufReader::with_capacity(1 << 16, file);
        Ok(Self { path: path.to_owned(), file, line: Vec::new(), offset: 0, next: 0 })
    }

    /// Reads the next line, and gives where it begins; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<u64>, Error> {
        self.line.clear();
        self.offset = self.next;
        let read = self.file.read_until(b'\n', &mut self.line);
        let read = read.map_err(|error| Error::Disk { path: self.path.clone(), error })?;
        self.next += read as u64;
        Ok((read > 0).then_some(self.offset))
    }

    /// Reads the line that begins there. In the order of the file it costs no more than reading on.
    pub(super) fn go_to(&mut self, offset: u64) -> Result<(), Error> {
        if offset == self.offset && !self.line.is_empty() {
            return Ok(());
        }
        self.seek(offset).map_err(|error| Error::Disk { path: self.path.clone(), error })?;
        self.next = offset;
        self.next().map(|_| ())
    }

    fn seek(&mut self, offset: u64) -> io::Result<()> {
        match (i64::try_from(offset), i64::try_from(self.next)) {
            (Ok(to), Ok(from)) => self.file.seek_relative(to - from),
            _ => self.file.seek(SeekFrom::Start(offset)).map(|_| ()),
        }
    }

    pub(super) fn first(mut self) -> Result<Vec<u8>, Error> {
        self.next()?;
        Ok(self.line.strip_prefix(b"\xef\xbb\xbf").map_or(self.line.clone(), <[u8]>::to_vec))
    }

    /// Reads the line as a row, or a part of one; none for an empty line, and for a baseline's head.
    pub(super) fn read<'l, T: Deserialize<'l>>(&'l self) -> Result<Option<T>, Error> {
        let line = self.line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.line).trim_ascii();
        if line.is_empty() || (self.offset == 0 && line.starts_with(b"{\"format\":")) {
            return Ok(None);
        }
        serde_json::from_slice(line).map(Some).map_err(|why| Error::Row {
            path: self.path.clone(),
            offset: self.offset,
            why: why.to_string(),
        })
    }

    /// Reads the rows that begin there. One is read as it is; of several only so much is kept as a comparison needs.
    pub(super) fn rows(&mut self, offsets: &[u64], text: usize) -> Result<Vec<Row<'_>>, Error> {
        if let [offset] = offsets {
            self.go_to(*offset)?;
            return Ok(self.read()?.map(Row::with_taken).into_iter().collect());
        }
        let mut rows = Vec::new();
        for offset in offsets {
            self.go_to(*offset)?;
            rows.extend(self.read()?.map(Row::with_taken).map(|row| row.kept(text)));
        }
        Ok(rows)
    }
}
