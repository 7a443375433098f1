//! Text on its way to a file in another encoding than UTF-8.

use std::io::{self, Write};

use encoding_rs::{Encoder, EncoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// The start of the longest possible unfinished character.
const LONGEST_TAIL: usize = 3;

/// Takes UTF-8, cut anywhere, and writes it in an encoding. What the encoding lacks becomes `?`, and is counted.
pub(super) struct Encoded<W: Write> {
    target: W,
    form: Form,
    /// The start of a character whose rest is still to come.
    tail: Vec<u8>,
    lost: u64,
}

enum Form {
    Utf8,
    Utf16 { to_bytes: fn(u16) -> [u8; 2] },
    Other(Box<Encoder>),
}

impl<W: Write> Encoded<W> {
    pub(super) fn new(target: W, encoding: &'static Encoding) -> Self {
        let form = if encoding == UTF_16LE {
            Form::Utf16 { to_bytes: u16::to_le_bytes }
        } else if encoding == UTF_16BE {
            Form::Utf16 { to_bytes: u16::to_be_bytes }
        } else if encoding.output_encoding() == UTF_8 {
            Form::Utf8
        } else {
            Form::Other(Box::new(encoding.new_encoder()))
        };
        Self { target, form, tail: Vec::with_capacity(LONGEST_TAIL), lost: 0 }
    }

    /// Writes a byte order mark, where the encoding has one.
    pub(super) fn write_bom(&mut self) -> io::Result<()> {
        match self.form {
            Form::Utf8 | Form::Utf16 { .. } => self.write_text("\u{feff}"),
            Form::Other(_) => Ok(()),
        }
    }

    /// Gives the target back.
    pub(super) fn into_inner(self) -> W {
        self.target
    }

    /// Gives how many characters the encoding lacks.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    fn write_text(&mut self, text: &str) -> io::Result<()> {
        match &mut self.form {
            Form::Utf8 => self.target.write_all(text.as_bytes()),
            Form::Utf16 { to_bytes } => {
                let bytes: Vec<u8> = text.encode_utf16().flat_map(*to_bytes).collect();
                self.target.write_all(&bytes)
            }
            Form::Other(encoder) => {
                let (bytes, lost) = encode(encoder, text);
                self.lost += lost;
                self.target.write_all(&bytes)
            }
        }
    }
}

fn encode(encoder: &mut Encoder, mut text: &str) -> (Vec<u8>, u64) {
    let (mut bytes, mut lost) = (Vec::with_capacity(text.len() + 16), 0);
    loop {
        let (result, read) = encoder.encode_from_utf8_to_vec_without_replacement(text, &mut bytes, false);
        text = &text[read..];
        match result {
            EncoderResult::InputEmpty => return (bytes, lost),
            EncoderResult::OutputFull => bytes.reserve(text.len() + 16),
            EncoderResult::Unmappable(_) => {
                // Through the encoder, since some encodings have to shift back to ASCII first.
                bytes.reserve(16);
                let _ = encoder.encode_from_utf8_to_vec_without_replacement("?", &mut bytes, false);
                lost += 1;
            }
        }
    }
}

impl<W: Write> Write for Encoded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if matches!(self.form, Form::Utf8) {
            return self.target.write(bytes);
        }
        let mut all = std::mem::take(&mut self.tail);
        all.extend_from_slice(bytes);
        let valid = match std::str::from_utf8(&all) {
            Ok(_) => all.len(),
            Err(cut) if cut.error_len().is_none() => cut.valid_up_to(),
            Err(wrong) => return Err(io::Error::new(io::ErrorKind::InvalidData, wrong)),
        };
        self.tail = all.split_off(valid);
        if let Ok(text) = std::str::from_utf8(&all) {
            self.write_text(text)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.target.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(label: &str, text: &str, expected: &[u8], lost: u64) {
        for cut in 1..5 {
            let encoding = Encoding::for_label(label.as_bytes()).unwrap();
            let mut encoded = Encoded::new(Vec::new(), encoding);
            for bytes in text.as_bytes().chunks(cut) {
                encoded.write_all(bytes).unwrap();
            }
            assert_eq!((encoded.target.as_slice(), encoded.lost), (expected, lost), "{label} {text:?}");
        }
    }

    #[test]
    fn text_is_written_in_the_encoding_however_it_is_cut() {
        check("utf-8", "é单", "é单".as_bytes(), 0);
        check("utf-16le", "é😀", &[0xe9, 0, 0x3d, 0xd8, 0, 0xde], 0);
        check("utf-16be", "é", &[0, 0xe9], 0);
        check("gbk", "单", &[0xb5, 0xa5], 0);
        check("windows-1252", "é😀单x", b"\xe9??x", 2);
        check("iso-2022-jp", "日😀x", b"\x1b$BF|\x1b(B?x", 1);
        check("shift_jis", "日", &[0x93, 0xfa], 0);
        check("replacement", "é", "é".as_bytes(), 0);
    }

    #[test]
    fn only_unicode_has_a_byte_order_mark() {
        let bom = |encoding| {
            let mut encoded = Encoded::new(Vec::new(), encoding);
            encoded.write_bom().unwrap();
            encoded.target
        };
        assert_eq!(bom(UTF_8), "\u{feff}".as_bytes());
        assert_eq!(bom(UTF_16LE), [0xff, 0xfe]);
        assert_eq!(bom(encoding_rs::GBK), b"");
    }
}
