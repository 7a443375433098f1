use super::*;

/// Every event of format 1, written out with checksums that another program computed. These lines never change:
/// they are what older journals look like.
const GOLDEN: &str = include_str!("v1.jsonl");

/// A line with its right checksum in place of the one it has.
fn sealed(line: &str) -> String {
    let body = line.rsplit_once(",\"crc\":\"").unwrap().0;
    format!("{body},\"crc\":\"{:08x}\"}}", crc32c::crc32c(body.as_bytes()))
}

#[test]
fn every_event_of_format_1_is_read_and_written_as_ever() {
    let mut names = std::collections::BTreeSet::new();
    for (n, line) in (0..).zip(GOLDEN.lines()) {
        let entry = decode(&mut line.as_bytes().to_vec(), n).unwrap();
        assert_eq!((entry.n, entry.t_ms), (n, 9));
        names.insert(entry.event.name());
        let mut again = Vec::new();
        encode(&mut again, n, 9, &entry.event).unwrap();
        assert_eq!(String::from_utf8(again).unwrap(), format!("{line}\n"));
    }
    assert_eq!(names.len(), 18, "every event is in the list: {names:?}");
}

#[test]
fn any_single_changed_byte_is_found() {
    let line = GOLDEN.lines().next().unwrap().as_bytes().to_vec();
    for at in 0..line.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut changed = line.clone();
            changed[at] ^= flip;
            // The case of a hex digit of the checksum carries nothing, yet it too is a change.
            assert!(decode(&mut changed, 0).is_err(), "byte {at} ^ {flip:#x}");
        }
    }
}

#[test]
fn other_versions_gaps_and_unknown_events_are_told_apart() {
    fn check(line: &str, expected: &LineError) {
        assert_eq!(decode(&mut sealed(line).into_bytes(), 0).unwrap_err().to_string(), expected.to_string());
    }
    check(r#"{"v":2,"n":0,"e":"stopped","t_ms":9,"crc":"?"}"#, &LineError::Version("2".into()));
    check(r#"{"v":1,"n":1,"e":"stopped","t_ms":9,"crc":"?"}"#, &LineError::Gap { expected: 0, found: 1 });
    check(r#"{"v":1,"n":0,"e":"paused","t_ms":9,"crc":"?"}"#, &LineError::UnknownEvent("paused".into()));
    let missing = LineError::Members("missing field `cause` at line 1 column 2".into());
    check(r#"{"v":1,"n":0,"e":"stopped","t_ms":9,"crc":"?"}"#, &missing);
    assert_eq!(decode(&mut [], 0).unwrap_err(), LineError::Short);
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(mut bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let _ = decode(&mut bytes, 0);
        let _ = number_of(&bytes);
    }
}
