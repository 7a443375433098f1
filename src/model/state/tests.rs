use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::value::to_raw_value;

use super::*;
use crate::model::{
    Ambiguous, Answered, Attached, Closed, Delivery, Ended, ErrorKind, Json, Origin, PollTally, ProcessEnded,
    ProcessStarted, Receipt, Refused, Rejected, Reopened, Reused, RowError, Settled, StopCause, Via,
    Withdrawn,
};

const ROW: RowNumber = 1;

fn json(text: &str) -> Json {
    to_raw_value(text).unwrap()
}

fn error() -> RowError {
    RowError::new(ErrorKind::TIMEOUT, "")
}

fn intended(row: RowNumber, delivery: Delivery) -> RunEvent {
    RunEvent::Intended(Intended {
        row,
        attempt: 1,
        queue_ms: 0,
        reserved: Reservation::default(),
        delivery,
        key: None,
        row_sha: None,
        input_sha256: None,
        record: Some(json("r")),
        input: Some(json("i")),
    })
}

fn answered(row: RowNumber, via: Via, outcome: Outcome, cost: Option<&str>) -> RunEvent {
    RunEvent::Answered(Answered {
        row,
        attempt: 1,
        via,
        http_status: 200,
        outcome,
        error: None,
        cost: cost.map(|c| c.parse().unwrap()),
        tokens: Some(10),
        executed: true,
        workflow_run_id: None,
        workflow_version: Some("1".to_owned()),
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

fn attached(row: RowNumber, via: Via) -> RunEvent {
    RunEvent::Attached(Attached {
        row,
        attempt: 1,
        workflow_run_id: "id".to_owned(),
        workflow_version: None,
        workflow_id: None,
        via,
    })
}

fn ended(row: RowNumber, outcome: Outcome, run_id: Option<&str>) -> RunEvent {
    let workflow_run_id = run_id.map(str::to_owned);
    RunEvent::Ended(Ended { row, outcome, error: error(), workflow_run_id, backoff_ms: 0 })
}

fn withdrawn(row: RowNumber, why: WithdrawnWhy) -> RunEvent {
    RunEvent::Withdrawn(Withdrawn { row, attempt: 1, why })
}

fn refused(row: RowNumber, throttled: bool) -> RunEvent {
    let kind = ErrorKind::CONNECT;
    let message = String::new();
    RunEvent::Refused(Refused {
        row,
        attempt: 1,
        kind,
        message,
        http_status: None,
        code: None,
        retry_after_ms: None,
        throttled,
        probe: false,
    })
}

fn ambiguous(row: RowNumber) -> RunEvent {
    let kind = ErrorKind::CONNECTION_LOST;
    RunEvent::Ambiguous(Ambiguous {
        row,
        attempt: 1,
        kind,
        message: String::new(),
        http_status: None,
        body: None,
    })
}

fn rejected(row: RowNumber) -> RunEvent {
    let error = RowError::new(ErrorKind::MAPPING, "");
    RunEvent::Rejected(Rejected { row, key: None, row_sha: String::new(), error, record: json("r") })
}

fn reopened(row: RowNumber, from: Outcome) -> RunEvent {
    RunEvent::Reopened(Reopened { row, from, by: "resume --retry".to_owned() })
}

fn receipt(row: RowNumber) -> RunEvent {
    let (method, sha256) = ("POST".to_owned(), String::new());
    RunEvent::Receipt(Receipt { row, method, sha256, token_ok: true, differs: false })
}

fn settled(row: RowNumber, run_id: &str, cost: &str) -> RunEvent {
    let (workflow_run_id, by) = (run_id.to_owned(), "reconcile".to_owned());
    RunEvent::Settled(Settled { row, workflow_run_id, cost: cost.parse().unwrap(), by })
}

fn reused(row: RowNumber, cost: Option<&str>) -> RunEvent {
    RunEvent::Reused(Reused {
        row,
        from: Origin { run_id: "earlier".to_owned(), row: 9 },
        cost: cost.map(|cost| cost.parse().unwrap()),
        tokens: Some(7),
        latency_ms: None,
        server_ms: None,
        answered_ms: 0,
        http_status: 200,
        workflow_run_id: None,
        workflow_version: Some("1".to_owned()),
        workflow_id: None,
        redacted: false,
        key: None,
        row_sha: None,
        input_sha256: None,
        record: None,
        input: None,
        raw: None,
        raw_text: None,
    })
}

fn run_of(rows: u64) -> RunState {
    let mut state = RunState::new();
    let selected = Selected { count: rows, ranges: vec![(1, rows)] };
    state.apply(0, &RunEvent::Selected(selected)).unwrap();
    state
}

/// Every state of a row, by the events that lead there.
fn states() -> Vec<(&'static str, Vec<RunEvent>)> {
    use Delivery::AtMostOnce as Once;
    let intent = || intended(ROW, Once);
    vec![
        ("unstarted", vec![]),
        ("ready", vec![intent(), withdrawn(ROW, WithdrawnWhy::Pause)]),
        ("intended", vec![intent()]),
        ("held", vec![intent(), ambiguous(ROW)]),
        ("attached", vec![intent(), attached(ROW, Via::Submit)]),
        ("succeeded", vec![intent(), answered(ROW, Via::Reply, Outcome::Succeeded, None)]),
        ("failed", vec![intent(), answered(ROW, Via::Reply, Outcome::Failed, None)]),
        ("rejected", vec![rejected(ROW)]),
        ("doubt", vec![intent(), ambiguous(ROW), ended(ROW, Outcome::InDoubt, None)]),
        ("doubt+id", vec![intent(), attached(ROW, Via::Submit), ended(ROW, Outcome::InDoubt, Some("id"))]),
    ]
}

/// Every event that can befall a row, in the forms that matter.
fn events() -> Vec<(&'static str, RunEvent)> {
    use Outcome::{Failed, InDoubt, NotRun, Rejected, Succeeded};
    vec![
        ("rejected", rejected(ROW)),
        ("intended once", intended(ROW, Delivery::AtMostOnce)),
        ("intended again", intended(ROW, Delivery::AtLeastOnce)),
        ("withdrawn", withdrawn(ROW, WithdrawnWhy::Stop)),
        ("refused", refused(ROW, false)),
        ("ambiguous", ambiguous(ROW)),
        ("attached submit", attached(ROW, Via::Submit)),
        ("attached webhook", attached(ROW, Via::Webhook)),
        ("attached log", attached(ROW, Via::RunLog)),
        ("answered reply", answered(ROW, Via::Reply, Succeeded, None)),
        ("answered submit", answered(ROW, Via::Submit, Failed, None)),
        ("answered poll", answered(ROW, Via::Poll, Succeeded, None)),
        ("answered webhook", answered(ROW, Via::Webhook, Failed, None)),
        ("answered log", answered(ROW, Via::RunLog, Succeeded, None)),
        ("answered doubt", answered(ROW, Via::Reply, InDoubt, None)),
        ("ended failed", ended(ROW, Failed, None)),
        ("ended doubt", ended(ROW, InDoubt, None)),
        ("ended doubt id", ended(ROW, InDoubt, Some("id"))),
        ("ended doubt other", ended(ROW, InDoubt, Some("other"))),
        ("ended succeeded", ended(ROW, Succeeded, None)),
        ("reopened failed", reopened(ROW, Failed)),
        ("reopened rejected", reopened(ROW, Rejected)),
        ("reopened doubt", reopened(ROW, InDoubt)),
        ("reopened succeeded", reopened(ROW, Succeeded)),
        ("reopened not_run", reopened(ROW, NotRun)),
        ("receipt", receipt(ROW)),
        ("settled", settled(ROW, "id", "1")),
        ("reused", reused(ROW, Some("1"))),
    ]
}

/// What each event makes of each state; `.` is impossible.
const TABLE: &str = "
                    unstarted ready    intended  held      attached  succeeded failed    rejected  doubt     doubt+id
rejected            rejected  rejected .         .         .         .         .         .         .         .
intended once       intended  intended .         .         .         .         .         .         .         .
intended again      intended  intended .         intended  .         .         .         .         .         .
withdrawn           .         .        ready     .         .         .         .         .         .         .
refused             .         .        ready     .         .         .         .         .         .         .
ambiguous           .         .        held      .         .         .         .         .         .         .
attached submit     .         .        attached  .         .         .         .         .         .         .
attached webhook    .         .        attached  attached  .         .         .         .         attached  .
attached log        .         .        attached  attached  .         .         .         .         attached  .
answered reply      .         .        succeeded .         .         .         .         .         .         .
answered submit     .         .        failed    .         .         .         .         .         .         .
answered poll       .         .        .         .         succeeded .         .         .         .         succeeded
answered webhook    .         .        failed    failed    failed    .         .         .         failed    failed
answered log        .         .        .         .         .         .         .         .         .         .
answered doubt      .         .        .         .         .         .         .         .         .         .
ended failed        .         failed   .         .         .         .         .         .         .         .
ended doubt         .         .        .         doubt     .         .         .         .         .         .
ended doubt id      .         .        .         doubt     doubt+id  .         .         .         .         .
ended doubt other   .         .        .         doubt     .         .         .         .         .         .
ended succeeded     .         .        .         .         .         .         .         .         .         .
reopened failed     .         .        .         .         .         .         ready     .         .         .
reopened rejected   .         .        .         .         .         .         .         ready     .         .
reopened doubt      .         .        .         .         .         .         .         .         ready     ready
reopened succeeded  .         .        .         .         .         .         .         .         .         .
reopened not_run    .         .        .         .         .         .         .         .         .         .
receipt             .         ready    intended  held      attached  succeeded failed    rejected  doubt     doubt+id
settled             .         .        .         .         .         succeeded failed    .         doubt     doubt+id
reused              succeeded .        .         .         .         .         .         .         .         .
";

fn word(state: &RowState) -> &'static str {
    match state {
        RowState::Unstarted => "unstarted",
        RowState::Ready => "ready",
        RowState::Intended => "intended",
        RowState::Held => "held",
        RowState::Attached(_) => "attached",
        RowState::Ended(Outcome::Succeeded) => "succeeded",
        RowState::Ended(Outcome::Failed) => "failed",
        RowState::Ended(Outcome::Rejected) => "rejected",
        RowState::Ended(_) => "?",
        RowState::InDoubt(None) => "doubt",
        RowState::InDoubt(Some(_)) => "doubt+id",
    }
}

#[test]
fn every_event_in_every_state_does_what_the_table_says() {
    let mut lines = TABLE.trim_matches('\n').lines();
    let header: Vec<_> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(header, states().iter().map(|(name, _)| *name).collect::<Vec<_>>());
    let events = events();
    assert_eq!(lines.clone().count(), events.len(), "a row of the table for each event");
    for (line, (name, event)) in lines.zip(&events) {
        assert_eq!(line[..20].trim(), *name);
        for (expected, (from, path)) in line[20..].split_whitespace().zip(states()) {
            let mut run = run_of(2);
            for step in &path {
                run.apply(0, step).unwrap();
            }
            assert_eq!(word(&run.row(ROW)), from);
            let got = run.apply(0, event).map_or(".", |()| word(&run.row(ROW)));
            assert_eq!(got, expected, "{name} in state {from}");
            let counts = run.counts();
            assert_eq!(counts.finished() + counts.not_run, 2);
        }
    }
}

#[test]
fn an_event_for_a_row_outside_the_selection_is_impossible() {
    let mut run = run_of(2);
    assert!(run.apply(0, &intended(3, Delivery::AtMostOnce)).is_err());
    assert!(run.apply(0, &RunEvent::Selected(Selected { count: 2, ranges: vec![(2, 3)] })).is_err());
    assert!(run.apply(0, &RunEvent::Selected(Selected { count: 0, ranges: vec![(0, 0)] })).is_err());
}

fn apply_all(run: &mut RunState, events: &[RunEvent]) {
    for event in events {
        run.apply(0, event).unwrap();
    }
}

#[test]
fn sends_are_counted_apart_from_attempts() {
    let mut run = run_of(1);
    let intent = || intended(1, Delivery::AtMostOnce);
    apply_all(&mut run, &[intent(), withdrawn(1, WithdrawnWhy::Pause), intent(), refused(1, true)]);
    assert_eq!((run.tally().invokes, run.tally().attempts, run.tally().throttled), (1, 0, 1));
    apply_all(&mut run, &[intent(), refused(1, false)]);
    assert_eq!((run.tally().invokes, run.tally().attempts, run.attempts(1)), (2, 1, 1));
    apply_all(&mut run, &[intent(), answered(1, Via::Reply, Outcome::Succeeded, Some("0.1"))]);
    assert_eq!((run.tally().invokes, run.tally().attempts), (3, 2));
}

#[test]
fn costs_are_exact_and_the_unknown_is_counted_apart() {
    let mut run = run_of(5);
    let intent = |row| intended(row, Delivery::AtLeastOnce);
    apply_all(&mut run, &[intent(1), answered(1, Via::Reply, Outcome::Succeeded, Some("0.1"))]);
    apply_all(&mut run, &[intent(2), answered(2, Via::Reply, Outcome::Failed, Some("0.2"))]);
    apply_all(&mut run, &[intent(3), answered(3, Via::Reply, Outcome::Succeeded, None)]);
    assert_eq!((run.tally().cost.to_string(), run.cost_unknown_rows()), ("0.3".to_owned(), 1));
    // A lost first execution stays unknown, even when the second one is known.
    apply_all(&mut run, &[intent(4), ambiguous(4), intent(4)]);
    apply_all(&mut run, &[answered(4, Via::Reply, Outcome::Succeeded, Some("0.4"))]);
    assert_eq!((run.tally().cost.to_string(), run.cost_unknown_rows()), ("0.7".to_owned(), 2));
    // A reply that was lost and found again by a webhook is known.
    apply_all(&mut run, &[intent(5), ambiguous(5)]);
    assert_eq!(run.cost_unknown_rows(), 3);
    apply_all(
        &mut run,
        &[attached(5, Via::Webhook), answered(5, Via::Poll, Outcome::Succeeded, Some("0.5"))],
    );
    assert_eq!((run.tally().cost.to_string(), run.cost_unknown_rows()), ("1.2".to_owned(), 2));
    // Asking a failed row again adds to the bill; what was paid stays paid.
    apply_all(&mut run, &[reopened(2, Outcome::Failed), intent(2)]);
    apply_all(&mut run, &[answered(2, Via::Reply, Outcome::Succeeded, Some("0.2"))]);
    assert_eq!(run.tally().cost.to_string(), "1.4");
    assert_eq!(run.tally().versions, BTreeMap::from([("1".to_owned(), 6)]));
}

#[test]
fn what_was_reused_is_no_cost_of_the_run_and_is_told_apart() {
    let mut run = run_of(3);
    apply_all(&mut run, &[reused(1, Some("0.1")), reused(2, Some("0.25")), reused(3, None)]);
    let tally = run.tally();
    assert_eq!((tally.cost, tally.tokens, tally.invokes, run.cost_unknown_rows()), (Cost::ZERO, 0, 0, 0));
    let reused = tally.reused;
    assert_eq!((reused.rows, reused.cost.to_string(), reused.unknown_rows), (3, "0.35".to_owned(), 1));
    assert_eq!((reused.tokens, run.counts().succeeded), (21, 3));
}

#[test]
fn reopening_does_not_forget_an_unknown_cost() {
    let mut run = run_of(1);
    let intent = || intended(1, Delivery::AtMostOnce);
    apply_all(&mut run, &[intent(), answered(1, Via::Reply, Outcome::Failed, None)]);
    apply_all(&mut run, &[reopened(1, Outcome::Failed), intent(), ambiguous(1)]);
    apply_all(&mut run, &[attached(1, Via::Webhook), answered(1, Via::Poll, Outcome::Succeeded, Some("1"))]);
    assert_eq!(run.cost_unknown_rows(), 1);
}

#[test]
fn the_number_of_sends_survives_the_end_of_a_row() {
    let mut run = run_of(1);
    apply_all(&mut run, &[intended(1, Delivery::AtMostOnce), answered(1, Via::Reply, Outcome::Failed, None)]);
    assert_eq!(run.sends(1), 1);
    apply_all(&mut run, &[reopened(1, Outcome::Failed)]);
    assert_eq!((run.sends(1), run.attempts(1)), (1, 0));
}

#[test]
fn a_run_is_complete_when_all_ended_and_none_is_attached() {
    let mut run = run_of(1);
    assert!(!run.is_complete(), "a journal without its first event is no run");
    let opened = serde_json::from_str(
        r#"{"format":1,"run_id":"r","flowbatch":"0","lock":{"sha256":"","bytes":0},"manifest":{"sha256":"","bytes":0}}"#,
    )
    .unwrap();
    apply_all(&mut run, &[RunEvent::Opened(opened)]);
    assert!(!run.is_complete());
    apply_all(&mut run, &[intended(1, Delivery::AtMostOnce), attached(1, Via::Submit)]);
    apply_all(&mut run, &[ended(1, Outcome::InDoubt, Some("id"))]);
    assert_eq!((run.counts().in_doubt, run.unsettled(), run.is_complete()), (1, 1, false));
    apply_all(&mut run, &[answered(1, Via::Poll, Outcome::Succeeded, None)]);
    assert_eq!((run.counts().in_doubt, run.unsettled(), run.is_complete()), (0, 0, true));
}

fn process(number: u32) -> RunEvent {
    let (at, host) = (String::new(), String::new());
    RunEvent::ProcessStarted(ProcessStarted { process: number, at, pid: 1, host, settings: json("s") })
}

#[test]
fn wall_time_is_that_of_processes_and_not_of_the_pauses_between() {
    let mut run = run_of(1);
    run.apply(1_000, &process(1)).unwrap();
    run.apply(1_400, &intended(1, Delivery::AtMostOnce)).unwrap();
    run.apply(9_000, &process(2)).unwrap();
    assert_eq!(run.wall_ms(), 400);
    let stopped = Stopped { cause: StopCause::Halt, detail: String::new() };
    run.apply(9_050, &RunEvent::Stopped(stopped)).unwrap();
    run.apply(9_060, &RunEvent::Stopped(Stopped { cause: StopCause::Disk, detail: String::new() })).unwrap();
    assert_eq!(run.stopped().unwrap().cause, StopCause::Halt, "the first cause wins");
    run.apply(
        9_100,
        &RunEvent::ProcessEnded(ProcessEnded { wall_ms: 100, polls: 3, throttled: 1, places: None }),
    )
    .unwrap();
    let closed = Closed { flowbatch: String::new(), rows: [0; 4], cost: None, tokens: 0 };
    run.apply(9_500, &RunEvent::Closed(closed)).unwrap();
    assert_eq!((run.wall_ms(), run.tally().polls, run.is_closed()), (500, 3, true));
    run.apply(10_000, &process(3)).unwrap();
    assert!(!run.is_closed() && run.stopped().is_none());
    // It died, and the next process found nothing to do but to say so.
    run.apply(10_020, &RunEvent::PollTally(PollTally { polls: 1, throttled: 0 })).unwrap();
    let closed = Closed { flowbatch: String::new(), rows: [0; 4], cost: None, tokens: 0 };
    run.apply(99_000, &RunEvent::Closed(closed)).unwrap();
    assert_eq!((run.wall_ms(), run.is_closed()), (520, true));
}

proptest! {
    /// Whatever happens in whatever order, no event half-applies, and counts follow from the rows' states alone.
    #[test]
    fn counts_follow_from_states(picks in proptest::collection::vec((1_u64..5, 0_usize..27), 0..80)) {
        let mut run = run_of(4);
        for (row, pick) in picks {
            let mut event = events().swap_remove(pick).1;
            set_row(&mut event, row);
            let before = (run.counts(), run.row(row), run.tally().invokes);
            if run.apply(0, &event).is_err() {
                prop_assert_eq!(before, (run.counts(), run.row(row), run.tally().invokes));
            }
            let states: Vec<_> = (1..5).map(|row| run.row(row)).collect();
            let count = |wanted: Outcome| {
                states.iter().filter(|s| **s == RowState::Ended(wanted)).count() as u64
            };
            let doubt = |s: &&RowState| {
                !matches!(s, RowState::Unstarted | RowState::Ready | RowState::Ended(_))
            };
            let doubts = states.iter().filter(doubt).count() as u64;
            let counts = run.counts();
            prop_assert_eq!(counts.succeeded, count(Outcome::Succeeded));
            prop_assert_eq!(counts.failed, count(Outcome::Failed));
            prop_assert_eq!(counts.rejected, count(Outcome::Rejected));
            prop_assert_eq!(counts.in_doubt, doubts);
            prop_assert_eq!(counts.finished() + counts.not_run, 4);
            let held = states.iter().filter(|s| matches!(s, RowState::InDoubt(None))).count() as u64;
            prop_assert_eq!(run.unsettled(), doubts - held);
        }
    }
}

fn set_row(event: &mut RunEvent, row: RowNumber) {
    match event {
        RunEvent::Reopened(e) => e.row = row,
        RunEvent::Rejected(e) => e.row = row,
        RunEvent::Intended(e) => e.row = row,
        RunEvent::Withdrawn(e) => e.row = row,
        RunEvent::Refused(e) => e.row = row,
        RunEvent::Ambiguous(e) => e.row = row,
        RunEvent::Attached(e) => e.row = row,
        RunEvent::Receipt(e) => e.row = row,
        RunEvent::Answered(e) => e.row = row,
        RunEvent::Ended(e) => e.row = row,
        RunEvent::Settled(e) => e.row = row,
        other => panic!("no event of a row: {}", other.name()),
    }
}

/// What is set aside after some events, each intent having reserved 2 credits and no tokens: the money, and how many
/// sends have no tokens reserved.
fn check_reserved(events: &[RunEvent], money: &str, without_tokens: u64) {
    let mut run = run_of(1);
    let events: Vec<_> = events
        .iter()
        .map(|event| match event {
            RunEvent::Intended(e) => {
                let reserved = Reservation { cost: Some("2".parse().unwrap()), tokens: None };
                RunEvent::Intended(Intended { reserved, ..e.clone() })
            }
            other => other.clone(),
        })
        .collect();
    apply_all(&mut run, &events);
    let found = (run.reserved().cost().unwrap().to_string(), run.reserved().without_tokens());
    assert_eq!(found, (money.to_owned(), without_tokens), "{events:?}");
}

#[test]
fn a_reservation_is_kept_until_it_is_known_what_the_send_cost() {
    let intent = || intended(1, Delivery::AtLeastOnce);
    let answer = |cost| answered(1, Via::Reply, Outcome::Failed, cost);
    check_reserved(&[intent()], "2", 1);
    for why in [WithdrawnWhy::Pause, WithdrawnWhy::Stop, WithdrawnWhy::RunRefused] {
        check_reserved(&[intent(), withdrawn(1, why)], "0", 0);
    }
    check_reserved(&[intent(), refused(1, true)], "0", 0);
    check_reserved(&[intent(), refused(1, false), intent()], "2", 1);
    check_reserved(&[intent(), answer(Some("9"))], "0", 0);
    check_reserved(&[intent(), attached(1, Via::Submit)], "2", 1);
    // Unknown, so charged for good: also when the row is sent again.
    check_reserved(&[intent(), answer(None)], "2", 0);
    check_reserved(
        &[intent(), answer(None), reopened(1, Outcome::Failed), intent(), answer(Some("1"))],
        "2",
        0,
    );
    let in_doubt = || [intent(), ambiguous(1), ended(1, Outcome::InDoubt, None)];
    check_reserved(&in_doubt(), "2", 1);
    let again = [reopened(1, Outcome::InDoubt), intent()];
    check_reserved(&[&in_doubt()[..], &again].concat(), "4", 2);
    // Each ambiguous send keeps its own; the one that is answered gives its own back.
    let lost = [intent(), ambiguous(1), intent(), ambiguous(1), intent()];
    check_reserved(&lost, "6", 3);
    check_reserved(&[&lost[..], &[answer(Some("1"))]].concat(), "4", 2);
    check_reserved(&[&lost[..], &[refused(1, false)]].concat(), "4", 2);
    // A lost reply that is found again is known.
    let found = [attached(1, Via::Webhook), answered(1, Via::Poll, Outcome::Succeeded, Some("1"))];
    check_reserved(&[&in_doubt()[..], &found].concat(), "0", 0);
}

#[test]
fn the_dearest_execution_is_remembered() {
    let mut run = run_of(2);
    assert_eq!(run.largest(), Reservation::default());
    for (row, cost) in [(1, "0.7"), (2, "0.5")] {
        let answer = answered(row, Via::Reply, Outcome::Failed, Some(cost));
        apply_all(&mut run, &[intended(row, Delivery::AtMostOnce), answer]);
    }
    assert_eq!(run.largest(), Reservation { cost: Some("0.7".parse().unwrap()), tokens: Some(10) });
}

#[test]
fn a_retry_by_policy_goes_on_counting_attempts_and_not_throttled_sends() {
    let mut state = run_of(1);
    let mut apply = |event: RunEvent| state.apply(0, &event).unwrap();
    let fail = || answered(ROW, Via::Reply, Outcome::Failed, None);
    for _ in 0..3 {
        apply(intended(ROW, Delivery::AtMostOnce));
        apply(refused(ROW, true));
    }
    apply(intended(ROW, Delivery::AtMostOnce));
    apply(fail());
    apply(reopened(ROW, Outcome::Failed));
    apply(intended(ROW, Delivery::AtMostOnce));
    apply(fail());
    let by = Reopened::BY_POLICY.to_owned();
    apply(RunEvent::Reopened(Reopened { row: ROW, from: Outcome::Failed, by }));
    assert_eq!(state.attempts(ROW), 1, "the one since a person asked for the row");
}

/// What a row comes to after some events: the run's total, whether the row's cost is known, and what is set aside.
fn check_settled(events: &[RunEvent], total: &str, known: bool, set_aside: &str) {
    let mut run = run_of(1);
    for event in events {
        let event = match event {
            RunEvent::Intended(e) => {
                let reserved = Reservation { cost: Some("2".parse().unwrap()), tokens: None };
                RunEvent::Intended(Intended { reserved, ..e.clone() })
            }
            other => other.clone(),
        };
        run.apply(0, &event).unwrap();
    }
    let found = (run.tally().cost.to_string(), run.is_cost_known(1), run.cost_unknown_rows());
    assert_eq!(found, (total.to_owned(), known, u64::from(!known)), "{events:?}");
    assert_eq!(run.reserved().cost().unwrap().to_string(), set_aside, "{events:?}");
}

#[test]
fn what_the_ledger_settles_is_counted_once() {
    let intent = || intended(1, Delivery::AtLeastOnce);
    let untold = [intent(), attached(1, Via::Submit), answered(1, Via::Poll, Outcome::Succeeded, None)];
    check_settled(&untold, "0", false, "2");
    check_settled(&[&untold[..], &[settled(1, "id", "0.3")]].concat(), "0.3", true, "2");
    // A row in doubt whose run the provider does not tell of: its ledger may.
    let doubt = [intent(), attached(1, Via::Submit), ended(1, Outcome::InDoubt, Some("id"))];
    check_settled(&doubt, "0", false, "2");
    let known = [&doubt[..], &[settled(1, "id", "0.3")]].concat();
    check_settled(&known, "0.3", true, "0");
    // When the run tells after all, its own word counts, and the ledger's is not added to it.
    let told = |cost| answered(1, Via::Poll, Outcome::Succeeded, cost);
    check_settled(&[&known[..], &[told(Some("0.4"))]].concat(), "0.4", true, "0");
    check_settled(&[&known[..], &[told(None)]].concat(), "0.3", true, "0");
    // One that is given up and asked again costs twice.
    let again =
        [reopened(1, Outcome::InDoubt), intent(), answered(1, Via::Reply, Outcome::Succeeded, Some("1"))];
    check_settled(&[&known[..], &again].concat(), "1.3", true, "0");
    check_settled(&[&doubt[..], &again].concat(), "1", false, "2");
    // A row that stays in doubt, of which it is known what it cost.
    let held = [intent(), ambiguous(1), ended(1, Outcome::InDoubt, None)];
    check_settled(&[&held[..], &[settled(1, "a", "0.1")]].concat(), "0.1", true, "2");
    // Of two lost executions each is settled by itself.
    let lost = [intent(), ambiguous(1), intent(), ambiguous(1), intent()];
    let lost = [&lost[..], &[answered(1, Via::Reply, Outcome::Succeeded, Some("1"))]].concat();
    check_settled(&[&lost[..], &[settled(1, "a", "0.1")]].concat(), "1.1", false, "4");
    let both = [&lost[..], &[settled(1, "a", "0.1"), settled(1, "b", "0.2")]].concat();
    check_settled(&both, "1.3", true, "4");
}

#[test]
fn what_has_nothing_to_settle_is_refused() {
    let intent = || intended(1, Delivery::AtMostOnce);
    let told = [intent(), answered(1, Via::Reply, Outcome::Succeeded, Some("1"))];
    let doubt = [intent(), attached(1, Via::Submit), ended(1, Outcome::InDoubt, Some("id"))];
    let twice = [&doubt[..], &[settled(1, "id", "1")]].concat();
    for (before, event) in [
        (&told[..], settled(1, "id", "1")),
        (&doubt, settled(1, "other", "1")),
        (&twice, settled(1, "id", "1")),
    ] {
        let mut run = run_of(1);
        apply_all(&mut run, before);
        let total = run.tally().cost;
        assert!(run.apply(0, &event).is_err(), "{before:?}");
        assert_eq!(run.tally().cost, total);
    }
}

#[test]
fn instants_that_jump_make_no_negative_time_and_overflow_nothing() {
    let started = |process| {
        let (at, host) = (String::new(), String::new());
        RunEvent::ProcessStarted(ProcessStarted { process, at, pid: 1, host, settings: json("") })
    };
    let ended = |wall_ms| {
        RunEvent::ProcessEnded(ProcessEnded { wall_ms, polls: u64::MAX, throttled: 0, places: None })
    };
    let mut run = RunState::new();
    // Killed, with a clock that ran backwards; then one that is a year ahead, and one that is behind again.
    for (t_ms, event, wall_ms) in [
        (9_000, started(1), 0),
        (4_000, RunEvent::PollTally(crate::model::PollTally { polls: 1, throttled: 0 }), 0),
        (31_536_000_000, started(2), 0),
        (31_536_000_500, ended(400), 400),
        (10_000, started(3), 400),
        (u64::MAX, RunEvent::PollTally(crate::model::PollTally { polls: u64::MAX, throttled: 1 }), u64::MAX),
        (7, ended(u64::MAX), u64::MAX),
        (8, started(4), u64::MAX),
        (9, ended(1), u64::MAX),
    ] {
        run.apply(t_ms, &event).unwrap();
        if !matches!(event, RunEvent::PollTally(_)) || t_ms < u64::MAX {
            assert_eq!(run.wall_ms(), wall_ms, "after `{}` at {t_ms}", event.name());
        }
    }
}
