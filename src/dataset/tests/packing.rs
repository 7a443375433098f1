//! Archives: read whole, or not at all.

use std::io::Write as _;

use sha2::{Digest, Sha256};

use super::*;

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zstandard(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn archives_are_read_and_their_raw_bytes_digested() {
    let text = "a,b\n1,x\n2,y\n";
    for (name, bytes) in [
        ("t.csv.gz", gzip(text.as_bytes())),
        ("t.csv.zst", zstandard(text.as_bytes())),
        ("t.csv.gz", [gzip(&text.as_bytes()[..7]), gzip(&text.as_bytes()[7..])].concat()),
        ("t.csv.zst", [zstandard(&text.as_bytes()[..7]), zstandard(&text.as_bytes()[7..])].concat()),
        ("t.csv", text.as_bytes().to_vec()),
        ("t.tsv.GZ", gzip(text.replace(',', "\t").as_bytes())),
    ] {
        assert_eq!(read(name, &bytes).unwrap(), [r#"1 1 {"a":"1","b":"x"}"#, r#"2 2 {"a":"2","b":"y"}"#]);
        let (_folder, dataset) = opened(&[(name, &bytes)], |_, _| ());
        let survey = surveyed(&dataset.unwrap(), &Select::default()).unwrap();
        assert_eq!(survey.bytes, bytes.len() as u64);
        assert_eq!(survey.sha256, hex::encode(Sha256::digest(&bytes)));
    }
    let lines = "{\"a\":\"1\"}\n".repeat(20_000);
    assert_eq!(read("t.jsonl.gz", &gzip(lines.as_bytes())).unwrap().len(), 20_000);
    assert_eq!(read("t.json.zst", &zstandard(b"[{}]")).unwrap(), ["1 1 {}"]);
}

#[test]
fn a_cut_or_damaged_archive_is_never_a_short_dataset() {
    let text = b"a,b\n1,x\n2,y\n";
    for (name, whole) in [("t.csv.gz", gzip(text)), ("t.csv.zst", zstandard(text))] {
        for length in 0..whole.len() {
            let error = read(name, &whole[..length]).unwrap_err();
            assert!(error.contains("damaged or cut short") || error.contains("not a "), "{error}");
        }
        for rest in [&b"x"[..], b"rest", b"a,b\n3,z\n4,z\n5,z\n"] {
            let error = read(name, &[&whole, rest].concat()).unwrap_err();
            assert!(error.contains("damaged or cut short"), "{error}");
        }
        let mut damaged = whole.clone();
        let last = damaged.len() - 3;
        damaged[last] ^= 1;
        assert!(read(name, &damaged).unwrap_err().contains("damaged or cut short"));
    }
    let two = [gzip(text), gzip(b"3,z\n")].concat();
    assert!(read("t.csv.gz", &two[..two.len() - 1]).is_err());
}

#[test]
fn a_name_that_does_not_fit_the_content_is_said() {
    let check =
        |name: &str, bytes: &[u8], expected: &str| assert_eq!(read(name, bytes).unwrap_err(), expected);
    check("t.csv.gz", b"a\n1\n", "t.csv.gz is plain text, not a gzip archive; correct its name");
    check("t.csv.gz", b"", "t.csv.gz is empty, not a gzip archive; correct its name");
    check("t.csv", &gzip(b"a\n"), "t.csv is a gzip archive, not plain text; correct its name");
    check("t.csv.gz", &zstandard(b"a\n"), "t.csv.gz is a zstd archive, not a gzip archive; correct its name");
    check("t.jsonl", &zstandard(b"{}"), "t.jsonl is a zstd archive, not plain text; correct its name");
}
