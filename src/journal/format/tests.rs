use super::*;
use crate::model::{
    Answered, Delivery, ErrorKind, Intended, Outcome, Rejected, Reservation, RowError, RowKey, Via,
};

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
        let entry = decode(&mut line.as_bytes().to_vec(), Extent::Whole).unwrap().numbered(n).unwrap();
        assert_eq!((entry.n, entry.t_ms), (n, 9));
        names.insert(entry.event.name());
        let mut again = Vec::new();
        encode(&mut again, n, 9, &entry.event).unwrap();
        assert_eq!(String::from_utf8(again).unwrap(), format!("{line}\n"));
    }
    assert_eq!(names.len(), 20, "every event is in the list: {names:?}");
}

#[test]
fn any_single_changed_byte_is_found() {
    let line = GOLDEN.lines().next().unwrap().as_bytes().to_vec();
    for at in 0..line.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut changed = line.clone();
            changed[at] ^= flip;
            // The case of a hex digit of the checksum carries nothing, yet it too is a change.
            assert!(decode(&mut changed, Extent::Whole).is_err(), "byte {at} ^ {flip:#x}");
        }
    }
}

#[test]
fn other_versions_gaps_and_unknown_events_are_told_apart() {
    fn check(line: &str, expected: &LineError) {
        let found = decode(&mut sealed(line).into_bytes(), Extent::Whole).and_then(|entry| entry.numbered(0));
        assert_eq!(found.unwrap_err().to_string(), expected.to_string());
    }
    check(r#"{"v":2,"n":0,"e":"stopped","t_ms":9,"crc":"?"}"#, &LineError::Version("2".into()));
    let sound = r#"{"v":1,"n":1,"e":"stopped","t_ms":9,"cause":"dataset_changed","detail":"","crc":"?"}"#;
    check(sound, &LineError::Gap { expected: 0, found: 1 });
    check(r#"{"v":1,"n":0,"e":"paused","t_ms":9,"crc":"?"}"#, &LineError::UnknownEvent("paused".into()));
    let missing = LineError::Members("missing field `cause` at line 1 column 2".into());
    check(r#"{"v":1,"n":0,"e":"stopped","t_ms":9,"crc":"?"}"#, &missing);
    assert_eq!(decode(&mut [], Extent::Whole).unwrap_err(), LineError::Short);
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(mut bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let _ = decode(&mut bytes.clone(), Extent::Whole);
        let _ = decode(&mut bytes, Extent::Brief);
        let _ = number_of(&bytes);
    }
}

/// A text that looks like the members that are cut.
const TRAP: &str = r#"a,"raw":1,"record":2,"raw_text":3}"#;

fn json(text: &str) -> Json {
    RawValue::from_string(text.to_owned()).unwrap()
}

fn record() -> Json {
    json(r#"{"record":1,"raw":[{"input":2}]}"#)
}

fn intended(input: Option<&str>) -> RunEvent {
    RunEvent::Intended(Intended {
        row: 1,
        attempt: 1,
        queue_ms: 0,
        reserved: Reservation::default(),
        delivery: Delivery::AtMostOnce,
        key: Some(RowKey(TRAP.to_owned())),
        row_sha: None,
        input_sha256: None,
        record: input.map(|_| record()),
        input: input.map(json),
    })
}

fn answered(raw: Option<&str>, raw_text: Option<&str>) -> RunEvent {
    RunEvent::Answered(Answered {
        row: 1,
        attempt: 1,
        via: Via::Reply,
        http_status: 200,
        outcome: Outcome::Failed,
        error: Some(RowError::new(ErrorKind::TIMEOUT, TRAP)),
        cost: Some("0.5".parse().unwrap()),
        tokens: Some(3),
        executed: true,
        workflow_run_id: Some(TRAP.to_owned()),
        workflow_version: None,
        workflow_id: None,
        server_ms: None,
        latency_ms: None,
        backoff_ms: 0,
        polls: 0,
        redacted: true,
        raw: raw.map(json),
        raw_text: raw_text.map(str::to_owned),
    })
}

/// What an event is when its payload stands as null, or as 0 where there has to be one.
fn without_payload(mut event: RunEvent) -> String {
    match &mut event {
        RunEvent::Intended(e) => {
            e.record = e.input.as_ref().map(|_| json("null"));
            e.key = e.key.take().filter(|_| e.record.is_none());
        }
        RunEvent::Rejected(e) => e.record = json("0"),
        _ => {}
    }
    format!("{event:?}")
}

#[test]
fn what_is_decoded_in_brief_lacks_the_payload_and_nothing_else() {
    let (key, row_sha) = (Some(RowKey(TRAP.to_owned())), "00".to_owned());
    let error = RowError::new(ErrorKind::MAPPING, TRAP);
    let rejected = RunEvent::Rejected(Rejected { row: 1, key, row_sha, error, record: record() });
    for (event, brief) in [
        (intended(Some(r#"{"q":"x"}"#)), intended(Some("null"))),
        (intended(None), intended(None)),
        (answered(Some(r#"{"raw":{"raw":1}}"#), None), answered(None, None)),
        (answered(None, Some(TRAP)), answered(None, None)),
        (answered(None, None), answered(None, None)),
        (rejected.clone(), rejected),
    ] {
        let mut line = Vec::new();
        encode(&mut line, 7, 1, &event).unwrap();
        line.pop();
        let told = decode(&mut line, Extent::Brief).unwrap().event;
        assert_eq!(without_payload(told), without_payload(brief));
    }
}
