//! What a file is: by its name, confirmed by its first bytes.

use std::path::Path;

use crate::dataset::Error;

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Csv,
    Tsv,
    /// One JSON object a line.
    Lines,
    /// One JSON array of objects.
    Array,
}

impl Format {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "tsv" => Some(Self::Tsv),
            "jsonl" | "ndjson" => Some(Self::Lines),
            "json" => Some(Self::Array),
            _ => None,
        }
    }

    pub(super) fn is_json(self) -> bool {
        matches!(self, Self::Lines | Self::Array)
    }

    /// Guesses the format of nameless text. A table's header may begin with a bracket (`[id],[name]`), so an array
    /// must go on with an object or its end.
    pub(super) fn of_text(start: &[u8]) -> Self {
        let start = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start);
        // What UTF-16 adds around ASCII is passed over.
        let mut visible = start.iter().filter(|b| !b.is_ascii_whitespace() && !matches!(b, 0 | 0xFE | 0xFF));
        match visible.next() {
            Some(b'{') => Self::Lines,
            Some(b'[') if matches!(visible.next(), Some(b'{' | b']') | None) => Self::Array,
            _ => Self::Csv,
        }
    }
}

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    None,
    Gzip,
    Zstd,
}

impl Packing {
    fn described(self) -> &'static str {
        match self {
            Self::None => "plain text",
            Self::Gzip => "a gzip archive",
            Self::Zstd => "a zstd archive",
        }
    }

    /// Tells the packing from a file's first bytes (RFC 1952, section 2.3.1; RFC 8878, sections 3.1.1 and 3.1.2).
    pub(super) fn of_bytes(start: &[u8]) -> Self {
        match start {
            [0x1F, 0x8B, ..] => Self::Gzip,
            [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }

    /// Compares what a file's name says with its first bytes.
    pub(super) fn confirm(self, label: &str, start: &[u8]) -> Result<(), Error> {
        let found = Self::of_bytes(start);
        if found != self {
            let found = if start.is_empty() { "empty" } else { found.described() };
            return Err(Error::WrongContent { label: label.to_owned(), found, named: self.described() });
        }
        if start.starts_with(b"PK\x03\x04") || start.starts_with(&[0xD0, 0xCF, 0x11, 0xE0]) {
            return Err(Error::Workbook { label: label.to_owned() });
        }
        Ok(())
    }
}

/// Reads format and packing off a file's name (`tickets.csv.gz`); the format is none when the name does not say it.
pub(super) fn of_name(path: &Path) -> (Option<Format>, Packing) {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let (name, packing) = match name.rsplit_once('.') {
        Some((stem, "gz")) => (stem, Packing::Gzip),
        Some((stem, "zst")) => (stem, Packing::Zstd),
        _ => (name.as_str(), Packing::None),
    };
    (name.rsplit_once('.').and_then(|(_, extension)| Format::named(extension)), packing)
}
