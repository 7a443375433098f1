//! A file's text: decoded to UTF-8 without ever replacing a byte that does not decode.

use std::io::Read;

use encoding_rs::{Decoder, DecoderResult, UTF_8};

use crate::dataset::files::DataFile;
use crate::dataset::raw::fill;
use crate::dataset::{Error, guess};
use crate::manifest::Encoding;

/// Bytes decoded at a time.
const BLOCK: usize = 64 * 1024;

/// The text of one file, block by block.
pub(super) struct Text<'f> {
    file: &'f DataFile,
    source: Box<dyn Read + 'f>,
    encoding: Encoding,
    /// None for UTF-8, which is only checked.
    decoder: Option<Decoder>,
    block: Vec<u8>,
    /// Bytes at the start of `block` that belong to a character cut by its end.
    kept: usize,
    decoded: String,
    /// Bytes of the unpacked file before `block`.
    offset: u64,
    /// Line breaks in the text given so far.
    breaks: u64,
    started: bool,
    ended: bool,
}

impl<'f> Text<'f> {
    pub(super) fn new(file: &'f DataFile, source: Box<dyn Read + 'f>, encoding: Encoding) -> Self {
        Self {
            file,
            source,
            encoding,
            decoder: None,
            block: vec![0; BLOCK],
            kept: 0,
            decoded: String::new(),
            offset: 0,
            breaks: 0,
            started: false,
            ended: false,
        }
    }

    /// Gives the next block of text; empty at the end. The first one holds at least the first 16,000 characters of
    /// a file that is so long.
    pub(super) fn next(&mut self) -> Result<&str, Error> {
        self.decoded.clear();
        while self.decoded.is_empty() && !self.ended {
            let read = fill(self.file, &mut *self.source, &mut self.block[self.kept..])?;
            let filled = self.kept + read;
            self.ended = filled < self.block.len();
            let skipped = if self.started { 0 } else { self.start(filled) };
            if self.decoder.is_some() {
                self.decode(skipped, filled)?;
            } else {
                self.check(skipped, filled)?;
            }
        }
        self.breaks += self.decoded.bytes().filter(|b| *b == b'\n').count() as u64;
        Ok(&self.decoded)
    }

    /// Settles the encoding by the byte order mark, which goes before any other word on it, and gives its length.
    fn start(&mut self, filled: usize) -> usize {
        self.started = true;
        let (encoding, length) = match (encoding_rs::Encoding::for_bom(&self.block[..filled]), self.encoding)
        {
            (Some(found), _) => found,
            (None, Encoding::Named(encoding)) => (encoding, 0),
            (None, Encoding::Auto) => (UTF_8, 0),
        };
        self.decoder = (encoding != UTF_8).then(|| encoding.new_decoder_without_bom_handling());
        length
    }

    /// Takes `block[from..filled]` as UTF-8, and keeps a character that is cut off for the next block.
    fn check(&mut self, from: usize, filled: usize) -> Result<(), Error> {
        let bytes = &self.block[from..filled];
        let valid = match std::str::from_utf8(bytes) {
            Ok(text) => {
                self.decoded.push_str(text);
                bytes.len()
            }
            Err(error) => {
                let valid = &bytes[..error.valid_up_to()];
                // Nothing is lost here: it was just found valid.
                self.decoded.push_str(&String::from_utf8_lossy(valid));
                if self.ended || error.error_len().is_some() {
                    return Err(self.undecodable(from + valid.len()));
                }
                valid.len()
            }
        };
        let end = from + valid;
        self.block.copy_within(end..filled, 0);
        self.kept = filled - end;
        self.offset += end as u64;
        Ok(())
    }

    fn decode(&mut self, from: usize, filled: usize) -> Result<(), Error> {
        let mut at = from;
        while let Some(decoder) = &mut self.decoder {
            let bytes = &self.block[at..filled];
            let room = decoder.max_utf8_buffer_length_without_replacement(bytes.len()).unwrap_or(BLOCK);
            self.decoded.reserve(room);
            let (result, read) =
                decoder.decode_to_string_without_replacement(bytes, &mut self.decoded, self.ended);
            at += read;
            match result {
                DecoderResult::InputEmpty => break,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(length, after) => {
                    let end = self.offset + at as u64;
                    let offset = end.saturating_sub(u64::from(length) + u64::from(after));
                    let encoding = decoder.encoding().name().to_ascii_lowercase();
                    let (label, line) = (self.file.label.clone(), self.line());
                    return Err(Error::NotInEncoding { label, line, offset, encoding });
                }
            }
        }
        self.offset += filled as u64;
        Ok(())
    }

    /// The line that the text stands in.
    fn line(&self) -> u64 {
        self.breaks + self.decoded.bytes().filter(|b| *b == b'\n').count() as u64 + 1
    }

    fn undecodable(&self, at: usize) -> Error {
        let (label, line, offset) = (self.file.label.clone(), self.line(), self.offset + at as u64);
        match self.encoding {
            Encoding::Named(named) if named == UTF_8 => {
                Error::NotInEncoding { label, line, offset, encoding: "utf-8".to_owned() }
            }
            _ => Error::NotUtf8 { label, line, offset, guess: guess::encoding(self.file, offset) },
        }
    }
}
