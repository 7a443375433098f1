//! Encodings: read exactly, or refused with the place and the cure.

use super::*;

fn named(bytes: &[u8], label: &str) -> Result<Vec<String>, String> {
    let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).unwrap();
    read_with(&[("t.csv", bytes)], |spec, _| spec.encoding = Encoding::Named(encoding))
}

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

const TEXT: &str = "名,b\n中文🙂,é\n";
const ROWS: [&str; 1] = [r#"1 1 {"名":"中文🙂","b":"é"}"#];

#[test]
fn a_byte_order_mark_settles_the_encoding() {
    let marked = format!("\u{feff}{TEXT}");
    for bytes in
        [marked.as_bytes().to_vec(), utf16(&marked, u16::to_le_bytes), utf16(&marked, u16::to_be_bytes)]
    {
        assert_eq!(read("t.csv", &bytes).unwrap(), ROWS);
        assert_eq!(named(&bytes, "utf-16le").unwrap(), ROWS, "the mark goes before the manifest");
    }
    let lines = utf16("\u{feff}{\"a\":\"é\"}\r\n", u16::to_le_bytes);
    assert_eq!(read("t.jsonl", &lines).unwrap(), [r#"1 1 {"a":"é"}"#]);
    assert_eq!(read("t.csv", &[0xFF, 0xFE]).unwrap(), [""; 0]);
}

#[test]
fn a_named_encoding_is_used() {
    assert_eq!(named(&utf16(TEXT, u16::to_le_bytes), "utf-16").unwrap(), ROWS);
    assert_eq!(named(&utf16(TEXT, u16::to_be_bytes), "utf-16be").unwrap(), ROWS);
    assert_eq!(named(b"a\n\x80\xE9\n", "windows-1252").unwrap(), [r#"1 1 {"a":"€é"}"#]);
    assert_eq!(named(b"a\n\xD6\xD0\xCE\xC4\n", "gb2312").unwrap(), [r#"1 1 {"a":"中文"}"#]);
}

#[test]
fn every_whatwg_encoding_reads_what_it_writes() {
    let samples = [
        ("big5", "中文"),
        ("euc-jp", "日本語"),
        ("euc-kr", "한국어"),
        ("gb18030", "中文🙂"),
        ("gbk", "中文"),
        ("ibm866", "Привет"),
        ("iso-2022-jp", "日本語"),
        ("iso-8859-2", "ąęł"),
        ("iso-8859-3", "ħ"),
        ("iso-8859-4", "āē"),
        ("iso-8859-5", "Привет"),
        ("iso-8859-6", "سلام"),
        ("iso-8859-7", "αβγ"),
        ("iso-8859-8", "שלום"),
        ("iso-8859-8-i", "שלום"),
        ("iso-8859-10", "ðþ"),
        ("iso-8859-13", "ąčę"),
        ("iso-8859-14", "ŵŷ"),
        ("iso-8859-15", "€œ"),
        ("iso-8859-16", "șț"),
        ("koi8-r", "Привет"),
        ("koi8-u", "їєґ"),
        ("macintosh", "é∂"),
        ("shift_jis", "日本語ｶﾅ"),
        ("utf-8", "é🙂"),
        ("windows-874", "ไทย"),
        ("windows-1250", "ąęł"),
        ("windows-1251", "Привет"),
        ("windows-1252", "€é"),
        ("windows-1253", "αβγ"),
        ("windows-1254", "ğış"),
        ("windows-1255", "שלום"),
        ("windows-1256", "سلام"),
        ("windows-1257", "āēč"),
        ("windows-1258", "ơư"),
        ("x-mac-cyrillic", "Привет"),
        ("x-user-defined", "\u{f780}"),
    ];
    for (label, sample) in samples {
        let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).unwrap();
        // A block's end must fall into characters and escape sequences too.
        let cell = sample.repeat(70_000 / encoding.encode(sample).0.len());
        let text = format!("a\n{cell}\n");
        let (bytes, _, unmappable) = encoding.encode(&text);
        assert!(!unmappable, "{label}");
        assert_eq!(named(&bytes, label).unwrap(), [format!(r#"1 1 {{"a":"{cell}"}}"#)], "{label}");
    }
}

#[test]
fn what_is_not_utf8_stops_and_says_which_encoding_reads_it() {
    let chinese = "订单号,内容\n1,我的订单还没有到，请帮我查一下物流信息\n2,退款什么时候到账\n";
    let (gbk, ..) = encoding_rs::GBK.encode(chinese);
    assert_eq!(
        read("t.csv", &gbk).unwrap_err(),
        "t.csv:1: byte 0 is not UTF-8; gbk reads it: add `encoding: gbk` to `dataset`"
    );
    let japanese = "番号,内容\n1,注文がまだ届いていません。配送状況を教えてください\n";
    let (bytes, ..) = encoding_rs::SHIFT_JIS.encode(japanese);
    assert!(read("t.csv", &bytes).unwrap_err().ends_with("add `encoding: shift_jis` to `dataset`"));
    let french = "id,texte\n1,livré\n2,Où est ma commande ? Déjà payée à réception\n";
    let (bytes, ..) = encoding_rs::WINDOWS_1252.encode(french);
    assert_eq!(
        read("t.csv", &bytes).unwrap_err(),
        "t.csv:2: byte 15 is not UTF-8; windows-1252 reads it: add `encoding: windows-1252` to `dataset`"
    );
    let bare = utf16("name,text\n1,Où est ma commande\n", u16::to_le_bytes);
    assert!(read("t.csv", &bare).unwrap_err().ends_with("add `encoding: utf-16le` to `dataset`"));
    let bare = utf16("name,text\n1,Où est ma commande\n", u16::to_be_bytes);
    assert!(read("t.csv", &bare).unwrap_err().ends_with("add `encoding: utf-16be` to `dataset`"));
}

#[test]
fn the_first_bad_byte_is_found_wherever_it_lies() {
    for before in [0, 1, 65_530, 65_531, 65_532, 65_533, 65_534, 65_535, 200_000] {
        for bad in [&b"\xFF\n"[..], b"\xE4\xB8\n", b"\xE4\xB8", b"\xC3"] {
            let mut bytes = b"a\n".to_vec();
            bytes.extend("x".repeat(before).bytes());
            bytes.extend(bad);
            let error = read("t.csv", &bytes).unwrap_err();
            assert!(error.starts_with(&format!("t.csv:2: byte {} is not UTF-8; ", before + 2)), "{error}");
        }
        let text = format!("a\n{}中文é🙂\n", "x".repeat(before));
        assert_eq!(read("t.csv", text.as_bytes()).unwrap().len(), 1);
    }
}

#[test]
fn a_bad_sequence_in_a_named_encoding_is_never_replaced() {
    for before in [0, 65_532, 65_533, 65_534, 200_000] {
        for (label, bad) in [
            ("gbk", &b"\xFF\n"[..]),
            ("gbk", b"\x81"),
            ("utf-8", b"\xFF\n"),
            ("shift_jis", b"\x81"),
            ("windows-1253", b"\xAA\n"),
            ("euc-kr", b"\xFF\n"),
        ] {
            let bytes = [b"a\n", "x".repeat(before).as_bytes(), bad].concat();
            assert_eq!(
                named(&bytes, label).unwrap_err(),
                format!(
                    "t.csv:2: the bytes at {} are no valid {label}; correct `encoding`, or mend the file",
                    before + 2
                )
            );
        }
    }
    let odd = [utf16("\u{feff}a\nb\n", u16::to_le_bytes), vec![0x41]].concat();
    assert_eq!(
        read("t.csv", &odd).unwrap_err(),
        "t.csv:3: the bytes at 10 are no valid utf-16le; correct `encoding`, or mend the file"
    );
}
