use std::fs;

use proptest::prelude::*;

use super::*;
use crate::digest;

fn listed(path: &str, content: &[u8]) -> (Listed, Content) {
    let digest::Digest { sha256, bytes } = digest::of_bytes(content);
    (Listed { path: path.to_owned(), sha256, bytes }, Content::Bytes(content.to_vec()))
}

fn packed(files: Vec<(Listed, Content)>) -> Vec<u8> {
    let (files, content): (Vec<_>, Vec<_>) = files.into_iter().unzip();
    let mut bytes = Vec::new();
    pack(&List::new("r", "m", files), &content, &mut bytes).unwrap();
    bytes
}

fn unpacked(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, String> {
    let temp = tempfile::tempdir().unwrap();
    let into = temp.path().join("in/here");
    fs::create_dir_all(&into).unwrap();
    let list = unpack(bytes, &into).map_err(|error| error.to_string())?;
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1, "nothing leaves its folder");
    let read = |file: &Listed| (file.path.clone(), fs::read(into.join(&file.path)).unwrap());
    Ok(list.files.iter().map(read).collect())
}

#[test]
fn what_is_packed_comes_out_and_the_same_content_is_the_same_bytes() {
    let long = format!("{}/x.txt", "long".repeat(50));
    let files = || vec![listed("a.json", b"1"), listed("kept/b c.yaml", b""), listed(&long, &[7; 100_000])];
    let bytes = packed(files());
    assert_eq!(bytes, packed(files()));
    let out = unpacked(&bytes).unwrap();
    assert_eq!(out.len(), 3);
    assert_eq!(out[2], (long.clone(), vec![7; 100_000]));
}

/// A tar in zstd with a list of its own and whatever entries.
fn forged(list: &str, entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(zstd::Encoder::new(Vec::new(), 1).unwrap());
    let list = ("MANIFEST", tar::EntryType::Regular, list.as_bytes());
    for (path, kind, content) in std::iter::once(&list).chain(entries) {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        // `set_path` would refuse what is tested here.
        header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
        if *kind == tar::EntryType::Symlink {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        tar.append(&header, *content).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

#[test]
fn whatever_is_not_as_listed_is_refused() {
    let list = |path: &str, content: &[u8]| {
        serde_json::to_string(&List::new("r", "m", vec![listed(path, content).0])).unwrap()
    };
    let file = tar::EntryType::Regular;
    let check = |list: &str, entries: &[(&str, tar::EntryType, &[u8])], expected: &str| {
        let found = unpacked(&forged(list, entries)).unwrap_err();
        assert!(found.contains(expected), "{found}");
    };
    unpacked(&forged(&list("a", b"1"), &[("m/r/a", file, b"1")])).unwrap();
    check(&list("a", b"1"), &[("m/r/a", file, b"2")], "digest is another");
    check(&list("a", b"1"), &[("m/r/a", file, b"11")], "has 2 bytes");
    check(&list("a", b"1"), &[], "is missing");
    check(&list("a", b"1"), &[("m/r/a", file, b"1"), ("m/r/a", file, b"1")], "there twice");
    check(&list("a", b"1"), &[("m/r/a", file, b"1"), ("m/r/b", file, b"1")], "not in its list");
    check(&list("a", b"1"), &[("m/r/a", tar::EntryType::Symlink, b"")], "no plain file");
    check(&list("a", b"1"), &[("m/r/a", tar::EntryType::Link, b"")], "no plain file");
    check(&list("a", b"1"), &[("m/r/a", tar::EntryType::Directory, b"")], "no plain file");
    for path in ["../a", "a/../../b", "/etc/a", "a//b", "./a", "C:a", "a\\b", "a.", "", "a\nb", "x/"] {
        check(&list(path, b"1"), &[], "no path below a run folder");
    }
    check(&list("a", b"1").replace("\"r\"", "\"..\""), &[], "can't be a folder");
    check(&list("a", b"1").replace("\"m\"", "\"a/b\""), &[], "can't be a folder");
    check(&list("a", b"1").replace("bundle", "bottle"), &[], "this flowbatch reads");
    check("{}", &[], "its list");
    assert!(unpacked(b"no bundle").is_err());
    assert!(unpacked(&zstd::encode_all(&b"no tar"[..], 1).unwrap()).is_err());
}

#[test]
fn a_bundle_with_any_byte_changed_or_cut_off_is_refused() {
    let bytes = packed(vec![listed("journal.jsonl", b"{\"v\":1}\n{\"v\":2}\n"), listed("b", b"")]);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        let same = unpacked(&changed).is_ok_and(|out| out == unpacked(&bytes).unwrap());
        // A bit of the frame's header that says nothing about the content may be another.
        assert!(same || unpacked(&changed).is_err(), "byte {at}");
        assert!(unpacked(&bytes[..at]).is_err(), "cut at {at}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = unpacked(&bytes);
        let _ = unpacked(&zstd::encode_all(bytes.as_slice(), 1).unwrap());
    }
}
