use super::*;
use crate::journal::{LineError, Torn};
use crate::model::{Outcome, PollTally, Selected};

fn selected() -> RunEvent {
    RunEvent::Selected(Selected { count: 2, ranges: vec![(1, 2)] })
}

fn begin(folder: &RunFolder, run_id: &str) -> Writer {
    begin_with(folder, run_id, vec![selected()], 2)
}

/// Begins a run of so many rows.
pub(crate) fn begin_with(folder: &RunFolder, run_id: &str, events: Vec<RunEvent>, selected: u64) -> Writer {
    let claim = folder.claim().unwrap();
    let mut lock = RunLock::example(run_id, 2);
    lock.dataset.selected = selected;
    folder.begin(claim, &lock, b"version: 1\n", events, Durability::Power).unwrap()
}

/// The selection of rows 1 to `count`.
pub(crate) fn rows(count: u64) -> RunEvent {
    RunEvent::Selected(Selected { count, ranges: vec![(1, count)] })
}

#[test]
fn a_run_has_one_writer_and_any_number_of_readers() {
    let temp = tempfile::tempdir().unwrap();
    let folder = RunFolder::at(temp.path().join("m/r1"));
    let writer = begin(&folder, "r1");
    assert!(folder.is_locked());
    assert!(matches!(folder.go_on(Durability::Power), Err(Error::Locked { .. })));
    assert_eq!(folder.read().unwrap().state().selected().len(), 2);
    drop(writer);
    assert!(!folder.is_locked());
    let (writer, history) = folder.go_on(Durability::Power).unwrap();
    assert_eq!((writer.next(), history.state().opened().unwrap().run_id.as_str()), (2, "r1"));
    assert_eq!(folder.lock().unwrap(), RunLock::example("r1", 2));
}

#[test]
fn a_run_folder_is_never_made_over_another() {
    let temp = tempfile::tempdir().unwrap();
    let folder = RunFolder::at(temp.path().join("m/r1"));
    begin(&folder, "r1").append(&[process_started()]).unwrap();
    assert!(folder.claim().is_err());
    assert!(matches!(RunFolder::at(temp.path()).go_on(Durability::Power), Err(Error::NoRun { .. })));
}

#[test]
fn a_torn_tail_is_cut_and_damage_elsewhere_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    let folder = RunFolder::at(temp.path().join("m/r1"));
    drop(begin(&folder, "r1"));
    let whole = fs::read(folder.journal()).unwrap();
    let first = whole.iter().position(|b| *b == b'\n').unwrap() + 1;
    // Cut at every byte: what was whole before the cut is kept, and the rest goes.
    for cut in 0..whole.len() {
        fs::write(folder.journal(), &whole[..cut]).unwrap();
        let history = History::read(&folder.journal()).unwrap();
        let kept = if cut < first { 0 } else { first };
        let torn = (cut > kept).then(|| Torn { offset: kept as u64, bytes: (cut - kept) as u64 });
        assert_eq!((history.replay().length, &history.replay().torn), (kept as u64, &torn), "cut at {cut}");
    }
    fs::write(folder.journal(), &whole[..whole.len() - 5]).unwrap();
    assert!(
        matches!(folder.go_on(Durability::Power), Err(Error::NoRun { .. })),
        "a part of its selection is lost"
    );
    fs::write(folder.journal(), &whole).unwrap();
    folder.go_on(Durability::Power).unwrap().0.append(&[process_started()]).unwrap();
    let longer = fs::read(folder.journal()).unwrap();
    fs::write(folder.journal(), &longer[..longer.len() - 5]).unwrap();
    let (mut writer, _) = folder.go_on(Durability::Power).unwrap();
    assert_eq!(fs::metadata(folder.journal()).unwrap().len(), whole.len() as u64);
    writer.append(&[process_started()]).unwrap();
    assert_eq!(folder.read().unwrap().replay().torn, None);
    // The same bytes damaged in the middle are no torn tail.
    let mut damaged = fs::read(folder.journal()).unwrap();
    damaged[first / 2] ^= 1;
    fs::write(folder.journal(), &damaged).unwrap();
    let error = folder.read().unwrap_err();
    assert!(matches!(error, Error::Damaged { offset: 0, why: LineError::Checksum, .. }), "{error}");
}

fn process_started() -> RunEvent {
    let settings = serde_json::value::to_raw_value("").unwrap();
    let (at, host) = (String::new(), String::new());
    RunEvent::ProcessStarted(crate::model::ProcessStarted { process: 1, at, pid: 1, host, settings })
}

#[test]
fn a_process_that_dies_before_it_begins_a_run_does_not_bar_its_id() {
    let temp = tempfile::tempdir().unwrap();
    let folder = RunFolder::at(temp.path().join("m/r1"));
    drop(begin(&folder, "r1"));
    let whole = fs::read(folder.journal()).unwrap();
    for cut in (0..whole.len()).step_by(9).chain([whole.len() - 1, whole.len()]) {
        fs::write(folder.journal(), &whole[..cut]).unwrap();
        assert!(!folder.is_begun(), "cut at {cut}");
        assert_eq!(folder.go_on(Durability::Power).is_ok(), cut == whole.len(), "cut at {cut}");
        let writer = begin(&folder, "r1");
        assert_eq!((writer.next(), folder.read().unwrap().state().selected().len()), (2, 2));
    }
    fs::remove_file(folder.journal()).unwrap();
    folder.claim().unwrap();
    // A folder that holds anything else is not ours to take.
    fs::write(folder.file("notes.txt"), "").unwrap();
    assert!(folder.claim().is_err());
    fs::remove_file(folder.file("notes.txt")).unwrap();
    // Once a process has worked on it, something may have been sent.
    begin(&folder, "r1").append(&[process_started()]).unwrap();
    assert!(folder.is_begun() && folder.claim().is_err());
    let mut damaged = fs::read(folder.journal()).unwrap();
    damaged[3] ^= 1;
    fs::write(folder.journal(), damaged).unwrap();
    assert!(folder.is_begun() && folder.claim().is_err(), "damage is no reason to begin anew");
}

#[test]
fn of_two_processes_that_begin_a_run_one_does() {
    let temp = tempfile::tempdir().unwrap();
    let folder = RunFolder::at(temp.path().join("m/r1"));
    let writer = begin(&folder, "r1");
    assert!(matches!(folder.claim(), Err(Error::Locked { .. })));
    // Nor later, when the first has written files of its own.
    fs::write(folder.file("journal.reserve"), "").unwrap();
    assert!(matches!(folder.claim(), Err(Error::Locked { .. })));
    fs::remove_file(folder.file("journal.reserve")).unwrap();
    drop(writer);
    folder.claim().unwrap();
}

#[test]
fn an_event_that_cannot_have_happened_is_damage() {
    let temp = tempfile::tempdir().unwrap();
    let folder = RunFolder::at(temp.path().join("m/r1"));
    let mut writer = begin(&folder, "r1");
    let reopened = crate::model::Reopened { row: 1, from: Outcome::Failed, by: String::new() };
    writer
        .append(&[RunEvent::PollTally(PollTally { polls: 1, throttled: 0 }), RunEvent::Reopened(reopened)])
        .unwrap();
    let error = folder.read().unwrap_err().to_string();
    assert!(error.contains("event `reopened` is impossible for row 1, which is not started"), "{error}");
}

#[test]
fn runs_are_found_by_path_id_prefix_and_latest() {
    let temp = tempfile::tempdir().unwrap();
    let runs = Runs::below(temp.path());
    for (manifest, run_id) in
        [("a", "20260101T000000Z-aaaa"), ("b", "20260102T000000Z-bbbb"), ("a", "20260102T000000Z-cccc")]
    {
        let folder = runs.folder(manifest, run_id);
        drop(begin(&folder, run_id));
        folder.point_latest().unwrap();
    }
    let ids: Vec<_> = runs.list().into_iter().map(|found| found.run_id).collect();
    assert_eq!(ids, ["20260101T000000Z-aaaa", "20260102T000000Z-bbbb", "20260102T000000Z-cccc"]);
    let find =
        |name: &str| runs.find(name).map(|folder| name_of(folder.path()).unwrap()).map_err(|e| e.to_string());
    assert_eq!(find("latest").unwrap(), "20260102T000000Z-cccc");
    assert_eq!(find("20260101").unwrap(), "20260101T000000Z-aaaa");
    assert_eq!(find("20260102T000000Z-bbbb").unwrap(), "20260102T000000Z-bbbb");
    let path = runs.folder("a", "20260101T000000Z-aaaa");
    assert_eq!(runs.find(path.path().to_str().unwrap()).unwrap(), path);
    assert!(find("20260102").unwrap_err().contains("fits 2 runs"));
    assert!(find("nothing").unwrap_err().contains("no run is called `nothing`"));
    let latest = fs::canonicalize(temp.path().join("a/latest"));
    if cfg!(unix) {
        assert!(latest.unwrap().ends_with("20260102T000000Z-cccc"));
    }
}

#[test]
fn only_what_begins_as_the_next_line_is_a_torn_tail() {
    let temp = tempfile::tempdir().unwrap();
    let folder = RunFolder::at(temp.path().join("m/r1"));
    begin(&folder, "r1").append(&[process_started()]).unwrap();
    let whole = fs::read(folder.journal()).unwrap();
    let check = |tail: &[u8], torn: bool| {
        fs::write(folder.journal(), [&whole, tail].concat()).unwrap();
        match folder.read() {
            Ok(history) if torn => {
                let offset = whole.len() as u64;
                let found = (!tail.is_empty()).then_some(Torn { offset, bytes: tail.len() as u64 });
                assert_eq!(history.replay().torn, found);
            }
            Err(Error::Damaged { offset, .. }) if !torn => assert_eq!(offset, whole.len() as u64),
            other => panic!("{:?}: {other:?}", String::from_utf8_lossy(tail)),
        }
        // A repair is of one mind with a reader.
        assert_eq!(folder.plan_repair().unwrap().is_none(), torn);
    };
    for tail in [
        &b""[..],
        b"{",
        b"{\"v\":1,\"n\":3",
        b"{\"v\":1,\"n\":3,\"e\":\"answered\",\"t_ms\":17",
        b"{\"v\":1,\"n\":3,\"e\":\"answered\",\"t_ms\":17\n",
        b"\0",
        &[0; 9_000],
        b"{\"v\":1,\"n\"\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    ] {
        check(tail, true);
    }
    for tail in [
        &b"x"[..],
        b"{\"v\":1,\"n\":4,\"e\":\"answered\"",
        b"{\"v\":1,\"n\":30",
        b"\0\0\0{\"v\":1,\"n\":3",
        &[0xff; 9_000],
        b"\x01\"v\":1,\"n\":3,\"e\":\"answered\",\"t_ms\":17",
    ] {
        check(tail, false);
    }
    // The last line that was whole is not taken for one that never was, when its beginning is damaged.
    let mut damaged = whole.clone();
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    damaged[last + 3] ^= 1;
    fs::write(folder.journal(), damaged).unwrap();
    assert!(matches!(folder.read(), Err(Error::Damaged { n: 2, .. })));
}

#[test]
fn a_journal_from_the_future_is_gone_on_with_and_its_clock_never_runs_backwards() {
    const YEAR: u64 = 31_536_000_000;
    let temp = tempfile::tempdir().unwrap();
    let folder = RunFolder::at(temp.path().join("m/r1"));
    let mut writer = begin(&folder, "r1");
    let ahead = writer.t_ms() + YEAR;
    writer.clock = super::super::clock::Clock::behind(ahead);
    writer.append(&[process_started()]).unwrap();
    assert!(writer.t_ms() >= ahead);
    drop(writer);
    let (mut writer, _) = folder.go_on(Durability::Power).unwrap();
    writer.append(&[process_started()]).unwrap();
    let tally = |polls| RunEvent::PollTally(PollTally { polls, throttled: 0 });
    writer.append(&[tally(1)]).unwrap();
    writer.append(&[tally(2)]).unwrap();
    let mut instants = Vec::new();
    crate::journal::replay(&folder.journal(), |_, entry| {
        instants.push(entry.t_ms);
        Ok(())
    })
    .unwrap();
    assert!(instants.is_sorted() && instants[2] >= ahead, "{instants:?}");
    let history = folder.read().unwrap();
    assert_eq!(history.replay().t_ms, *instants.last().unwrap());
    assert!(history.state().wall_ms() < YEAR / 2, "{}", history.state().wall_ms());
}

#[test]
fn an_event_of_a_row_that_there_is_not_is_refused_whatever_number_it_names() {
    use crate::model::{Withdrawn, WithdrawnWhy};
    for row in [0, 3, 1 << 40, u64::MAX] {
        let temp = tempfile::tempdir().unwrap();
        let folder = RunFolder::at(temp.path().join("m/r1"));
        let mut writer = begin(&folder, "r1");
        let stray = Withdrawn { row, attempt: 1, why: WithdrawnWhy::Stop };
        writer.append(&[process_started(), RunEvent::Withdrawn(stray)]).unwrap();
        assert!(matches!(folder.read(), Err(Error::Impossible { .. })), "row {row}");
    }
}
