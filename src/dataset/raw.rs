//! A file's bytes: counted and digested as they lie on the disk, then unpacked.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::dataset::Error;
use crate::dataset::files::DataFile;
use crate::dataset::format::Packing;

/// Bytes asked of the disk at a time.
const BLOCK: usize = 64 * 1024;

/// The digest and the length of raw bytes.
#[derive(Default)]
pub(super) struct Tally {
    sha256: Sha256,
    pub(super) bytes: u64,
}

impl Tally {
    /// Gives the digest of what was read, in lower-case hex.
    pub(super) fn sha256(self) -> String {
        hex::encode(self.sha256.finalize())
    }
}

struct Counted<'t> {
    file: File,
    path: &'t Path,
    tally: Option<&'t mut Tally>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = loop {
            match self.file.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Wrapped, so that the disk's errors are told from the unpacker's.
                Err(error) => return Err(io::Error::other(Error::io(self.path, error))),
                Ok(read) => break read,
            }
        };
        if let Some(tally) = &mut self.tally {
            tally.sha256.update(&buffer[..read]);
            tally.bytes += read as u64;
        }
        Ok(read)
    }
}

/// Opens a file for reading its unpacked bytes. Read to its end, every raw byte has gone through `tally`.
pub(super) fn open<'t>(
    path: &'t Path,
    packing: Packing,
    tally: Option<&'t mut Tally>,
) -> Result<Box<dyn Read + 't>, Error> {
    let file = File::open(path).map_err(|error| Error::io(path, error))?;
    let counted = Counted { file, path, tally };
    Ok(match packing {
        Packing::None => Box::new(counted),
        Packing::Gzip => {
            Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::with_capacity(BLOCK, counted)))
        }
        Packing::Zstd => {
            Box::new(zstd::stream::read::Decoder::new(counted).map_err(|error| Error::io(path, error))?)
        }
    })
}

/// Fills the buffer as far as the source goes, and says how far.
pub(super) fn fill(file: &DataFile, source: &mut dyn Read, buffer: &mut [u8]) -> Result<usize, Error> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(cause(file, error)),
        }
    }
    Ok(filled)
}

fn cause(file: &DataFile, error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(ours) => ours,
        Err(error) if file.packing == Packing::None => Error::io(&file.path, error),
        Err(error) => Error::Archive { label: file.label.clone(), message: error.to_string() },
    }
}
