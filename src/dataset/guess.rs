//! Which encoding would read a file that is not UTF-8.

use std::io::{self, Read};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{DecoderResult, Encoding, UTF_16BE, UTF_16LE};

use crate::dataset::files::DataFile;
use crate::dataset::raw;

/// Bytes looked at, around the first one that is not UTF-8.
const WINDOW: u64 = 1 << 20;

/// Names the encoding that reads the file around `offset`, as `dataset.encoding` takes it; none when nothing fits.
/// For a message only: no row is ever read by a guess.
pub(super) fn encoding(file: &DataFile, offset: u64) -> Option<String> {
    let start = offset.saturating_sub(WINDOW / 2);
    let mut source = raw::open(&file.path, file.packing, None).ok()?;
    io::copy(&mut (&mut source).take(start), &mut io::sink()).ok()?;
    let mut bytes = Vec::new();
    // An archive that breaks off later has still given bytes to judge by.
    let _cut = source.take(WINDOW).read_to_end(&mut bytes);
    let whole_lines = match start {
        0 => 0,
        _ => bytes.iter().position(|b| *b == b'\n').map_or(0, |at| at + 1),
    };
    let bytes = &bytes[whole_lines..];
    let guess = utf16(bytes).unwrap_or_else(|| {
        let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
        detector.feed(bytes, true);
        detector.guess(None, Utf8Detection::Deny)
    });
    reads(guess, bytes).then(|| guess.name().to_ascii_lowercase())
}

/// UTF-16 without a byte order mark: in most texts every other byte is zero.
fn utf16(bytes: &[u8]) -> Option<&'static Encoding> {
    let zeros = |parity| bytes.iter().skip(parity).step_by(2).filter(|b| **b == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    match bytes.len() / 8 {
        few if odd > few && odd > even => Some(UTF_16LE),
        few if even > few => Some(UTF_16BE),
        _ => None,
    }
}

fn reads(encoding: &'static Encoding, bytes: &[u8]) -> bool {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let Some(room) = decoder.max_utf8_buffer_length_without_replacement(bytes.len()) else { return false };
    let mut text = String::with_capacity(room);
    let (result, _) = decoder.decode_to_string_without_replacement(bytes, &mut text, false);
    !matches!(result, DecoderResult::Malformed(..))
}
