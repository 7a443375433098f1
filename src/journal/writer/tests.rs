use std::sync::{Arc, Mutex};

use super::*;
use crate::journal::{Committer, replay};
use crate::model::{PollTally, RunState};

fn tally(polls: u64) -> RunEvent {
    RunEvent::PollTally(PollTally { polls, throttled: 0 })
}

/// A disk with so many bytes of room, whose fsync can be made to fail.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<DiskState>>);

#[derive(Default)]
struct DiskState {
    bytes: Vec<u8>,
    synced: usize,
    room: usize,
    sync_fails: bool,
    syncs: usize,
}

impl Storage for Disk {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let disk = &mut *self.0.lock().unwrap();
        let fits = bytes.len().min(disk.room.saturating_sub(disk.bytes.len()));
        disk.bytes.extend_from_slice(&bytes[..fits]);
        if fits < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        let disk = &mut *self.0.lock().unwrap();
        if disk.sync_fails {
            return Err(io::Error::other("the device is gone"));
        }
        disk.synced = disk.bytes.len();
        disk.syncs += 1;
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        let disk = &mut *self.0.lock().unwrap();
        disk.bytes.truncate(usize::try_from(length).unwrap());
        // Whoever cuts has given up the reserve.
        disk.room += 10_000;
        Ok(())
    }
}

fn on(disk: &Disk) -> Writer {
    Writer::over(Path::new("journal.jsonl"), Box::new(disk.clone()), 0, 0, Durability::Power)
}

fn with_room(room: usize) -> Disk {
    let disk = Disk::default();
    disk.0.lock().unwrap().room = room;
    disk
}

#[test]
fn a_group_is_one_write_and_one_fsync() {
    let disk = with_room(100_000);
    let mut writer = on(&disk);
    let group: Vec<_> = (0..100).map(tally).collect();
    assert_eq!(writer.append(&group).unwrap(), Appended::Durable);
    let state = disk.0.lock().unwrap();
    assert_eq!((state.syncs, state.synced), (1, state.bytes.len()));
    assert_eq!(String::from_utf8_lossy(&state.bytes).lines().count(), 100);
}

#[test]
fn nothing_is_synced_when_only_the_process_may_die() {
    let disk = with_room(100_000);
    let mut writer = on(&disk);
    writer.append(&[tally(1)]).unwrap();
    writer.set_durability(Durability::Process);
    assert_eq!(writer.append(&[tally(2)]).unwrap(), Appended::Durable);
    let state = disk.0.lock().unwrap();
    assert_eq!((state.syncs, String::from_utf8_lossy(&state.bytes).lines().count()), (1, 2));
}

#[test]
fn a_full_disk_is_cut_back_and_goes_on_in_the_reserve() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let disk = with_room(300);
    let mut writer = Writer::over(&path, Box::new(disk.clone()), 0, 0, Durability::Power);
    writer.keep_reserve(1).unwrap();
    assert_eq!(std::fs::metadata(path.with_extension("reserve")).unwrap().len(), 4 << 20);
    let mut appended = Vec::new();
    for polls in 0..10 {
        appended.push(writer.append(&[tally(polls)]).unwrap());
    }
    assert_eq!(appended.iter().filter(|a| **a == Appended::DurableInReserve).count(), 1);
    assert!(!path.with_extension("reserve").exists());
    std::fs::write(&path, &disk.0.lock().unwrap().bytes).unwrap();
    let mut polls = Vec::new();
    let end = replay(&path, |_, entry| {
        polls.push(entry.n);
        Ok(())
    });
    assert_eq!(
        (polls, end.unwrap().torn),
        ((0..10).collect::<Vec<_>>(), None),
        "nothing torn, nothing twice"
    );
}

#[test]
fn without_a_reserve_a_full_disk_ends_the_journal() {
    let disk = with_room(100);
    let mut writer = on(&disk);
    let results: Vec<_> = (0..5).map(|polls| writer.append(&[tally(polls)]).is_ok()).collect();
    assert_eq!(results, [true, false, false, false, false]);
}

#[test]
fn after_a_failed_fsync_nothing_more_is_appended() {
    let disk = with_room(100_000);
    let mut writer = on(&disk);
    writer.append(&[tally(1)]).unwrap();
    disk.0.lock().unwrap().sync_fails = true;
    assert!(writer.append(&[tally(2)]).is_err());
    disk.0.lock().unwrap().sync_fails = false;
    let before = disk.0.lock().unwrap().bytes.len();
    assert!(writer.append(&[tally(3)]).is_err(), "what the disk holds is no longer known");
    assert_eq!(disk.0.lock().unwrap().bytes.len(), before);
}

#[tokio::test]
async fn events_come_back_when_they_are_durable_and_in_order() {
    let disk = with_room(10_000_000);
    let mut committer = Committer::start(on(&disk)).unwrap();
    let (mut appended, mut back) = (0, Vec::new());
    while back.len() < 1_000 {
        for _ in 0..(1_000 - appended).min(7) {
            committer.append(tally(appended));
            appended += 1;
        }
        committer.flush(&RunState::new());
        let batch = committer.durable().await.unwrap();
        assert!(disk.0.lock().unwrap().synced > 0);
        back.extend(batch.events.iter().map(|event| match event {
            RunEvent::PollTally(tally) => tally.polls,
            other => panic!("{}", other.name()),
        }));
    }
    assert_eq!(back, (0..1_000).collect::<Vec<_>>());
    assert!(committer.is_idle());
    assert_eq!(committer.finish().unwrap().next(), 1_000);
}

#[tokio::test]
async fn a_failed_fsync_reaches_whoever_waits() {
    let disk = with_room(10_000);
    disk.0.lock().unwrap().sync_fails = true;
    let mut committer = Committer::start(on(&disk)).unwrap();
    committer.append(tally(1));
    committer.flush(&RunState::new());
    assert!(committer.durable().await.is_err());
}

#[test]
fn a_committer_that_is_dropped_leaves_no_reserve_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let mut writer = Writer::over(&path, Box::new(with_room(10_000)), 0, 0, Durability::Power);
    writer.keep_reserve(1).unwrap();
    let mut committer = Committer::start(writer).unwrap();
    committer.append(tally(1));
    committer.flush(&RunState::new());
    drop(committer);
    assert!(!path.with_extension("reserve").exists());
}
