//! A run in one file: a tar in zstd, whose first entry lists every other with its size and digest. The same content makes
//! the same bytes; what is read back is taken whole or not at all.

mod unpack;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use unpack::{check, list, unpack};

/// The name of the list, which is the first entry.
const LIST: &str = "MANIFEST";

/// What the list says it is.
const FORMAT: &str = "flowbatch bundle";

/// The version of the form.
const VERSION: u32 = 1;

/// A balance of time and size; another level makes other bytes of the same content.
const LEVEL: i32 = 6;

/// What a bundle holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    format: String,
    version: u32,
    /// The run's id.
    pub run_id: String,
    /// The name of its manifest.
    pub manifest: String,
    /// The version of flowbatch that made the bundle.
    pub flowbatch: String,
    /// Every file, in the order of the bundle.
    pub files: Vec<Listed>,
}

/// A file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its path below the run folder, with `/`.
    pub path: String,
    /// Its SHA-256, in hex.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
}

/// Where a file's content is.
#[derive(Clone, Debug)]
pub enum Content {
    /// In a file.
    File(PathBuf),
    /// Here.
    Bytes(Vec<u8>),
}

/// Why a bundle is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It can't be read, or what comes of it can't be written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is not what a bundle is.
    #[error("{0}")]
    Wrong(String),
}

impl List {
    /// Lists the files of a run.
    pub fn new(run_id: &str, manifest: &str, files: Vec<Listed>) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            run_id: run_id.to_owned(),
            manifest: manifest.to_owned(),
            flowbatch: env!("CARGO_PKG_VERSION").to_owned(),
            files,
        }
    }
}

/// Writes a bundle; `content` has a content for each file of the list, in its order.
pub fn pack(list: &List, content: &[Content], out: impl Write) -> io::Result<()> {
    let mut zstd = zstd::Encoder::new(out, LEVEL)?;
    zstd.include_checksum(true)?;
    let mut tar = tar::Builder::new(zstd);
    let mut text = serde_json::to_vec_pretty(list)?;
    text.push(b'\n');
    append(&mut tar, LIST, text.len() as u64, &mut text.as_slice())?;
    for (file, content) in list.files.iter().zip(content) {
        let path = format!("{}/{}/{}", list.manifest, list.run_id, file.path);
        match content {
            Content::Bytes(bytes) => append(&mut tar, &path, file.bytes, &mut bytes.as_slice())?,
            Content::File(at) => append(&mut tar, &path, file.bytes, &mut File::open(at)?)?,
        }
    }
    tar.into_inner()?.finish()?.flush()
}

fn append(
    tar: &mut tar::Builder<impl Write>,
    path: &str,
    bytes: u64,
    content: &mut dyn Read,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_size(bytes);
    header.set_mode(0o644);
    header.set_mtime(0);
    let mut counted = Counted { inner: content.take(bytes), read: 0 };
    tar.append_data(&mut header, path, &mut counted)?;
    if counted.read == bytes {
        Ok(())
    } else {
        Err(io::Error::other(format!("{path} became shorter while it was read")))
    }
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    read: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read += read as u64;
        Ok(read)
    }
}

/// Says whether a path stays below its folder on every system, and names one file there.
fn is_safe(path: &str) -> bool {
    let plain = |part: &str| {
        let odd = |c: char| c.is_control() || "\\:*?\"<>|".contains(c);
        !part.is_empty() && part.len() <= 255 && !part.contains(odd) && !part.ends_with(['.', ' '])
    };
    let parts = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    parts && path.len() <= 4_096 && path.split('/').all(plain)
}

#[cfg(test)]
mod tests;
