//! The ledger on disk: what a process leaves that died while it wrote, and what damage looks like.

use std::fs;

use super::*;

fn record(slot: i64, why: Why) -> Record {
    let at = Timestamp::from_second(slot).unwrap();
    Record { schedule: "job".to_owned(), what: What::Missed { from: at, to: at, count: 1, why } }
}

fn filled(folder: &std::path::Path) -> Timestamp {
    let now = instant("2026-11-24T06:00:00Z");
    let (mut ledger, state) = Ledger::open(folder).unwrap();
    assert_eq!(state, State::default());
    ledger.append(now, &[record(1, Why::Down), record(2, Why::Paused)]).unwrap();
    ledger.append(now, &[record(3, Why::Window)]).unwrap();
    now
}

#[test]
fn what_was_written_is_read_and_a_torn_tail_is_cut_off() {
    let temp = tempfile::tempdir().unwrap();
    let now = filled(temp.path());
    let path = temp.path().join("ledger.jsonl");
    let whole = fs::read(&path).unwrap();
    let third = whole.len() - whole.split_inclusive(|b| *b == b'\n').next_back().unwrap().len();
    for cut in third..=whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let expected = if cut == whole.len() { 3 } else { 2 };
        let (mut ledger, state) = Ledger::open(temp.path()).unwrap();
        assert_eq!(state.schedules["job"].counts.missed, expected, "cut at {cut}");
        ledger.append(now, &[record(9, Why::Down)]).unwrap();
        assert_eq!(Ledger::look(temp.path()).unwrap().schedules["job"].counts.missed, expected + 1);
    }
}

#[test]
fn any_changed_byte_is_found() {
    let temp = tempfile::tempdir().unwrap();
    filled(temp.path());
    let path = temp.path().join("ledger.jsonl");
    let whole = fs::read(&path).unwrap();
    // The last line feed makes a torn tail of its line.
    for at in 0..whole.len() - 1 {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert!(matches!(Ledger::open(temp.path()), Err(Error::Damaged { .. })), "byte {at}");
    }
}

#[test]
fn a_second_scheduler_is_refused_and_a_foreign_write_is_seen() {
    let temp = tempfile::tempdir().unwrap();
    let (mut ledger, _) = Ledger::open(temp.path()).unwrap();
    assert!(matches!(Ledger::open(temp.path()), Err(Error::Locked { .. })));
    assert_eq!(Ledger::holder(temp.path()), Some(std::process::id().to_string()));
    fs::write(temp.path().join("ledger.jsonl"), "x").unwrap();
    assert!(matches!(
        ledger.append(Timestamp::UNIX_EPOCH, &[record(1, Why::Down)]),
        Err(Error::Foreign { .. })
    ));
    drop(ledger);
    assert_eq!(Ledger::holder(temp.path()), None);
}

#[test]
fn a_second_entry_of_a_slot_is_damage() {
    let temp = tempfile::tempdir().unwrap();
    let (mut ledger, _) = Ledger::open(temp.path()).unwrap();
    ledger.append(Timestamp::UNIX_EPOCH, &[record(1, Why::Down), record(1, Why::Down)]).unwrap();
    drop(ledger);
    assert!(matches!(Ledger::open(temp.path()), Err(Error::Damaged { line: 2, .. })));
}

#[test]
fn a_long_ledger_is_put_aside_and_nothing_of_it_is_forgotten() {
    let temp = tempfile::tempdir().unwrap();
    let now = filled(temp.path());
    let (mut ledger, _) = Ledger::open(temp.path()).unwrap();
    let many: Vec<_> = (4..60_000).map(|slot| record(slot, Why::Superseded)).collect();
    ledger.append(now, &many).unwrap();
    drop(ledger);
    let before = Ledger::look(temp.path()).unwrap();
    let (mut ledger, state) = Ledger::open(temp.path()).unwrap();
    assert_eq!(state, before);
    assert!(fs::metadata(temp.path().join("ledger.jsonl")).unwrap().len() < 100_000);
    ledger.append(now, &[record(60_000, Why::Down)]).unwrap();
    drop(ledger);
    assert_eq!(
        Ledger::look(temp.path()).unwrap().schedules["job"].counts.missed,
        before.schedules["job"].counts.missed + 1
    );
}

#[test]
fn requests_are_taken_in_their_order() {
    let temp = tempfile::tempdir().unwrap();
    let inbox = Inbox::of(temp.path());
    let asked = |request| Asked { schedule: "job".to_owned(), request };
    let at = instant("2026-11-24T06:00:00Z");
    for (after, request) in [(2, Request::Resume), (1, Request::Pause), (3, Request::RunNow { at })] {
        inbox.put(&asked(request), plus(at, after)).unwrap();
    }
    fs::write(temp.path().join("requests/x.json"), "{").unwrap();
    let found: Vec<_> =
        inbox.look().into_iter().map(|(_, asked)| asked.map(|asked| asked.request).ok()).collect();
    assert_eq!(found, [Some(Request::Pause), Some(Request::Resume), Some(Request::RunNow { at }), None]);
}
