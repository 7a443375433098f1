use super::*;
use crate::journal::folder::tests::{begin_with, rows};
use crate::journal::repair::events::intended;
use crate::journal::{Durability, History};
use crate::model::{
    Ambiguous, Answered, Attached, Ended, ErrorKind, Outcome, ProcessStarted, Refused, Rejected, Reopened,
    RowError, RowNumber, Via, Withdrawn, WithdrawnWhy,
};

const ROWS: u64 = 12;

/// A run as it truly went: its events one by one, and where each row stood after each of them.
struct Truth {
    random: fastrand::Rng,
    state: RunState,
    events: Vec<RunEvent>,
}

impl Truth {
    fn of(seed: u64) -> Self {
        let mut truth =
            Self { random: fastrand::Rng::with_seed(seed), state: RunState::new(), events: vec![] };
        truth.state.apply(0, &opened()).unwrap();
        truth.state.apply(0, &rows(ROWS)).unwrap();
        let mut process = 0;
        while process < 3 {
            process += 1;
            truth.begin_process(process);
            let steps = truth.random.usize(5..60);
            for _ in 0..steps {
                truth.step();
            }
        }
        truth
    }

    fn tell(&mut self, event: RunEvent) {
        self.state.apply(0, &event).unwrap();
        self.events.push(event);
    }

    fn begin_process(&mut self, process: u32) {
        let settings = serde_json::value::to_raw_value("").unwrap();
        let (at, host) = (String::new(), String::new());
        self.tell(RunEvent::ProcessStarted(ProcessStarted { process, at, pid: 1, host, settings }));
        for row in 1..=ROWS {
            match self.state.row(row) {
                RowState::Ended(from) if from != Outcome::Succeeded && self.random.bool() => {
                    self.tell(RunEvent::Reopened(Reopened { row, from, by: "resume --retry".into() }));
                }
                RowState::Intended => {
                    let attempt = self.state.sends(row);
                    for event in hold(row, &RowState::Ready, attempt).into_iter().skip(1) {
                        self.tell(event);
                    }
                }
                _ => {}
            }
        }
    }

    /// Something happens to some row, as the runner does it: rows begin in order.
    fn step(&mut self) {
        let open: Vec<_> = (1..=ROWS)
            .filter(|row| {
                matches!(self.state.row(*row), RowState::Ready | RowState::Intended | RowState::Attached(_))
            })
            .collect();
        let fresh = (1..=ROWS).find(|row| self.state.row(*row) == RowState::Unstarted);
        let row = match fresh {
            Some(row) if open.len() < 3 => row,
            _ if open.is_empty() => return,
            _ => open[self.random.usize(..open.len())],
        };
        let attempt = self.state.sends(row).max(1);
        let (kind, message) = (ErrorKind::CONNECT, String::new());
        let event = match self.state.row(row) {
            RowState::Unstarted if self.random.u8(..6) == 0 => RunEvent::Rejected(Rejected {
                row,
                key: None,
                row_sha: String::new(),
                error: RowError::new(ErrorKind::MAPPING, ""),
                record: serde_json::value::to_raw_value(&row).unwrap(),
            }),
            RowState::Unstarted | RowState::Ready => intended(row, self.state.sends(row) + 1),
            RowState::Intended => match self.random.u8(..6) {
                0 => RunEvent::Withdrawn(Withdrawn { row, attempt, why: WithdrawnWhy::Pause }),
                1 => RunEvent::Refused(Refused {
                    row,
                    attempt,
                    kind,
                    message,
                    http_status: None,
                    code: None,
                    retry_after_ms: None,
                    throttled: false,
                    probe: false,
                }),
                2 => RunEvent::Ambiguous(Ambiguous {
                    row,
                    attempt,
                    kind,
                    message,
                    http_status: None,
                    body: None,
                }),
                3 => RunEvent::Attached(Attached {
                    row,
                    attempt,
                    workflow_run_id: format!("run-{row}"),
                    workflow_version: None,
                    workflow_id: None,
                    via: Via::Submit,
                }),
                _ => answered(row, attempt, Via::Reply, self.random.bool()),
            },
            _ => answered(row, attempt, Via::Poll, self.random.bool()),
        };
        let is_ambiguous = matches!(event, RunEvent::Ambiguous(_));
        self.tell(event);
        if is_ambiguous {
            let error = RowError::new(ErrorKind::INTERRUPTED, "");
            let outcome = Outcome::InDoubt;
            self.tell(RunEvent::Ended(Ended { row, outcome, error, workflow_run_id: None, backoff_ms: 0 }));
        }
    }
}

fn opened() -> RunEvent {
    let digest = || crate::model::Digest { sha256: String::new(), bytes: 0 };
    let (run_id, flowbatch) = ("r".into(), String::new());
    RunEvent::Opened(crate::model::Opened {
        format: 1,
        run_id,
        flowbatch,
        lock: digest(),
        manifest: digest(),
    })
}

fn answered(row: RowNumber, attempt: u32, via: Via, succeeded: bool) -> RunEvent {
    RunEvent::Answered(Answered {
        row,
        attempt,
        via,
        http_status: 200,
        outcome: if succeeded { Outcome::Succeeded } else { Outcome::Failed },
        error: None,
        cost: Some("0.5".parse().unwrap()),
        tokens: None,
        executed: true,
        workflow_run_id: Some(format!("run-{row}")),
        workflow_version: None,
        workflow_id: None,
        server_ms: None,
        latency_ms: None,
        backoff_ms: 0,
        polls: 0,
        redacted: false,
        raw: None,
        raw_text: None,
    })
}

/// A run folder whose journal holds a truth.
fn folder(temp: &tempfile::TempDir, events: &[RunEvent]) -> RunFolder {
    let folder = RunFolder::at(temp.path().join("m/r"));
    begin_with(&folder, "r", vec![rows(ROWS)], ROWS).append(events).unwrap();
    folder
}

fn is_sent_again(state: &RunState, row: RowNumber) -> bool {
    matches!(state.row(row), RowState::Unstarted | RowState::Ready)
}

fn mend(folder: &RunFolder) -> Option<Damage> {
    let repair = folder.plan_repair().unwrap()?;
    let damage = repair.damage().clone();
    repair.commit().unwrap();
    Some(damage)
}

/// Spoils a journal behind its first two lines, in some way.
fn spoil(bytes: &mut Vec<u8>, random: &mut fastrand::Rng) {
    let ends: Vec<_> =
        bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect();
    let line = random.usize(2..ends.len() - 1);
    let (start, end) = (ends[line - 1], ends[line]);
    match random.u8(..6) {
        0 => bytes[random.usize(start..end)] ^= 1,
        1 => drop(bytes.drain(start..ends[(line + random.usize(..3)).min(ends.len() - 1)])),
        2 => {
            let hole = (start + random.usize(1..2_000)).min(bytes.len());
            bytes[start..hole].fill(0);
        }
        3 => drop(bytes.splice(start..start, b"stray\n".iter().copied())),
        4 => {
            let again = bytes[start..end].to_vec();
            bytes.splice(end..end, again);
        }
        _ => bytes[start..].fill(b'?'),
    }
}

#[test]
fn no_row_that_may_have_been_sent_is_sent_again_whatever_the_damage() {
    for seed in 0..100 {
        let truth = Truth::of(seed);
        let temp = tempfile::tempdir().unwrap();
        let folder = folder(&temp, &truth.events);
        let mut random = fastrand::Rng::with_seed(seed);
        let mut bytes = fs::read(folder.journal()).unwrap();
        for _ in 0..random.u8(1..=2) {
            spoil(&mut bytes, &mut random);
        }
        fs::write(folder.journal(), &bytes).unwrap();
        let damage = mend(&folder);
        let mended = folder.read().unwrap().into_state();
        for row in 1..=ROWS {
            let (was, is) = (truth.state.row(row), mended.row(row));
            if !is_sent_again(&truth.state, row) && damage.is_some() {
                assert!(
                    !is_sent_again(&mended, row),
                    "seed {seed}: row {row} was {was:?} and is {is:?}: {damage:?}"
                );
            }
            if matches!(is, RowState::Ended(Outcome::Succeeded)) {
                assert_eq!(was, is, "seed {seed}: row {row}");
            }
        }
        if damage.is_some() {
            assert_eq!(fs::read(folder.file("journal.damaged.jsonl")).unwrap(), bytes);
            assert!(!folder.file("journal.mended").exists());
        }
        assert!(folder.plan_repair().unwrap().is_none(), "what was mended is sound");
    }
}

#[test]
fn one_damaged_line_costs_one_row_at_most() {
    for seed in 0..40 {
        let truth = Truth::of(seed);
        let temp = tempfile::tempdir().unwrap();
        let folder = folder(&temp, &truth.events);
        let whole = fs::read(folder.journal()).unwrap();
        let ends: Vec<_> = whole.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at).collect();
        let line = fastrand::Rng::with_seed(seed).usize(2..ends.len() - 1);
        let mut bytes = whole.clone();
        bytes[ends[line] - 30] ^= 1;
        fs::write(folder.journal(), &bytes).unwrap();
        let damage = mend(&folder).unwrap();
        assert_eq!((damage.event, damage.lost, damage.selection_unsure), (line as u64, 1, false));
        let mended = History::read(&folder.journal()).unwrap().into_state();
        let differ = (1..=ROWS).filter(|row| mended.row(*row) != truth.state.row(*row)).count();
        let ready = (1..=ROWS).filter(|row| truth.state.row(*row) == RowState::Ready).count();
        assert!(differ <= 2 + ready, "seed {seed}: {differ} rows differ: {damage:?}");
    }
}

#[test]
fn what_surely_happened_is_kept_although_the_line_before_it_is_lost() {
    let attached = || {
        let (workflow_version, workflow_id, via) = (None, None, Via::Submit);
        let workflow_run_id = "run-1".to_owned();
        RunEvent::Attached(Attached {
            row: 1,
            attempt: 1,
            workflow_run_id,
            workflow_version,
            workflow_id,
            via,
        })
    };
    let done = RowState::Ended(Outcome::Succeeded);
    let check = |events: &[RunEvent], lost: usize, expected: [RowState; 2]| {
        let temp = tempfile::tempdir().unwrap();
        let folder = folder(&temp, events);
        let text = fs::read_to_string(folder.journal()).unwrap();
        let kept = text.lines().enumerate().filter(|(at, _)| *at != lost + 2);
        let kept: Vec<_> = kept.map(|(_, line)| line).collect();
        fs::write(folder.journal(), kept.join("\n") + "\n").unwrap();
        mend(&folder).unwrap();
        let state = folder.read().unwrap().into_state();
        assert_eq!([state.row(1), state.row(2)], expected);
    };
    let reply = answered(1, 1, Via::Reply, true);
    check(&[intended(1, 1), reply.clone(), intended(2, 1)], 0, [done.clone(), RowState::Intended]);
    check(&[intended(1, 1), reply, intended(2, 1)], 1, [RowState::Intended, RowState::Intended]);
    let poll = answered(1, 1, Via::Poll, true);
    check(&[intended(1, 1), attached(), poll.clone()], 1, [done.clone(), RowState::InDoubt(None)]);
    check(&[intended(1, 1), attached(), poll], 0, [done, RowState::Unstarted]);
}

#[test]
fn damage_in_the_first_events_is_beyond_repair_and_another_versions_lines_are_no_damage() {
    let temp = tempfile::tempdir().unwrap();
    let folder = folder(&temp, &[intended(1, 1), intended(2, 1), intended(3, 1)]);
    let whole = fs::read(folder.journal()).unwrap();
    for at in [3, whole.iter().position(|byte| *byte == b'\n').unwrap() + 9] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(folder.journal(), &bytes).unwrap();
        assert!(matches!(folder.plan_repair(), Err(Error::Beyond { .. })), "byte {at}");
        assert_eq!(fs::read(folder.journal()).unwrap(), bytes);
    }
    let mut later = b"{\"v\":1,\"n\":5,\"e\":\"unheard_of\",\"t_ms\":1".to_vec();
    let crc = crc32c::crc32c(&later);
    later.extend_from_slice(format!(",\"crc\":\"{crc:08x}\"}}\n").as_bytes());
    fs::write(folder.journal(), [whole, later].concat()).unwrap();
    let error = folder.plan_repair().unwrap_err();
    assert!(matches!(error, Error::Damaged { why: LineError::UnknownEvent(_), .. }), "{error}");
    assert!(!folder.file("journal.mended").exists());
}

#[test]
fn a_second_repair_writes_over_nothing_and_a_live_run_is_left_alone() {
    let temp = tempfile::tempdir().unwrap();
    let folder = folder(&temp, &[intended(1, 1), intended(2, 1), intended(3, 1)]);
    for name in ["journal.damaged.jsonl", "journal.damaged-2.jsonl"] {
        let mut bytes = fs::read(folder.journal()).unwrap();
        let third = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).unwrap().0 + 9;
        bytes[third] ^= 1;
        fs::write(folder.journal(), &bytes).unwrap();
        mend(&folder).unwrap();
        assert_eq!(fs::read(folder.file(name)).unwrap(), bytes);
    }
    let (_writer, _) = folder.go_on(Durability::Power).unwrap();
    assert!(matches!(folder.plan_repair(), Err(Error::Locked { .. })));
    let nothing = RunFolder::at(temp.path().join("none"));
    assert!(matches!(nothing.plan_repair(), Err(Error::NoRun { .. })));
}
