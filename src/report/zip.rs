//! A ZIP archive, written from front to back: APPNOTE.TXT 6.3, without ZIP64. Times of entries are the format's
//! earliest, so that the same content gives the same bytes.

use std::io::{self, Write};

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// Bytes that an entry, and the archive, can have without ZIP64.
const MAX: u64 = u32::MAX as u64;

/// 1 January 1980, in the format's way of writing a date.
const DATE: u16 = 0x21;

/// Deflated; sizes follow the data; names are UTF-8.
const METHOD: u16 = 8;
const FLAGS: u16 = 0x0808;
const VERSION: u16 = 20;

/// An archive being written.
pub(super) struct Archive<W: Write> {
    target: Counted<W>,
    entries: Vec<Entry>,
}

struct Entry {
    name: &'static str,
    offset: u32,
    crc: u32,
    compressed: u32,
    size: u32,
}

/// An entry being written.
pub(super) struct EntryWriter<W: Write> {
    encoder: DeflateEncoder<Counted<W>>,
    entries: Vec<Entry>,
    name: &'static str,
    offset: u64,
    begin: u64,
    crc: Crc,
    size: u64,
}

struct Counted<W> {
    inner: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn too_large() -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, "more than 4 GiB")
}

fn small(bytes: u64) -> io::Result<u32> {
    u32::try_from(bytes).map_err(|_| too_large())
}

impl<W: Write> Archive<W> {
    pub(super) fn begin(target: W) -> Self {
        Self { target: Counted { inner: target, bytes: 0 }, entries: Vec::new() }
    }

    /// Begins an entry.
    pub(super) fn entry(mut self, name: &'static str) -> io::Result<EntryWriter<W>> {
        let offset = self.target.bytes;
        let mut header = Vec::new();
        put32(&mut header, 0x0403_4b50);
        put16(&mut header, &[VERSION, FLAGS, METHOD, 0, DATE]);
        for _ in 0..3 {
            put32(&mut header, 0);
        }
        put16(&mut header, &[length(name), 0]);
        header.extend_from_slice(name.as_bytes());
        self.target.write_all(&header)?;
        let begin = self.target.bytes;
        Ok(EntryWriter {
            encoder: DeflateEncoder::new(self.target, Compression::fast()),
            entries: self.entries,
            name,
            offset,
            begin,
            crc: Crc::new(),
            size: 0,
        })
    }

    /// Writes a whole entry.
    pub(super) fn file(self, name: &'static str, text: &str) -> io::Result<Self> {
        let mut entry = self.entry(name)?;
        entry.write_all(text.as_bytes())?;
        entry.finish()
    }

    /// Ends the archive, and gives back what it was written to.
    pub(super) fn finish(mut self) -> io::Result<W> {
        let begin = small(self.target.bytes)?;
        for entry in &self.entries {
            let mut header = Vec::new();
            put32(&mut header, 0x0201_4b50);
            put16(&mut header, &[VERSION, VERSION, FLAGS, METHOD, 0, DATE]);
            put32(&mut header, entry.crc);
            put32(&mut header, entry.compressed);
            put32(&mut header, entry.size);
            put16(&mut header, &[length(entry.name), 0, 0, 0, 0]);
            put32(&mut header, 0);
            put32(&mut header, entry.offset);
            header.extend_from_slice(entry.name.as_bytes());
            self.target.write_all(&header)?;
        }
        let size = small(self.target.bytes)? - begin;
        let count = u16::try_from(self.entries.len()).map_err(|_| too_large())?;
        let mut end = Vec::new();
        put32(&mut end, 0x0605_4b50);
        put16(&mut end, &[0, 0, count, count]);
        put32(&mut end, size);
        put32(&mut end, begin);
        put16(&mut end, &[0]);
        self.target.write_all(&end)?;
        self.target.flush()?;
        Ok(self.target.inner)
    }
}

impl<W: Write> EntryWriter<W> {
    /// Bytes that still fit.
    pub(super) fn room(&self) -> u64 {
        MAX.saturating_sub(self.size)
    }

    /// Ends the entry.
    pub(super) fn finish(self) -> io::Result<Archive<W>> {
        let Self { encoder, mut entries, name, offset, begin, crc, size } = self;
        let mut target = encoder.finish()?;
        let entry = Entry {
            name,
            offset: small(offset)?,
            crc: crc.sum(),
            compressed: small(target.bytes - begin)?,
            size: small(size)?,
        };
        let mut descriptor = Vec::new();
        put32(&mut descriptor, 0x0807_4b50);
        put32(&mut descriptor, entry.crc);
        put32(&mut descriptor, entry.compressed);
        put32(&mut descriptor, entry.size);
        target.write_all(&descriptor)?;
        entries.push(entry);
        Ok(Archive { target, entries })
    }
}

impl<W: Write> Write for EntryWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.encoder.write(bytes)?;
        self.crc.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.encoder.flush()
    }
}

/// Names are this crate's own, and short.
fn length(name: &str) -> u16 {
    u16::try_from(name.len()).unwrap_or(u16::MAX)
}

fn put16(bytes: &mut Vec<u8>, values: &[u16]) {
    for value in values {
        bytes.extend_from_slice(&value.to_le_bytes());
    }
}

fn put32(bytes: &mut Vec<u8>, value: u32) {
    bytes.extend_from_slice(&value.to_le_bytes());
}
