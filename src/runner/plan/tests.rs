use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::model::{Outcome, RunEvent};

#[test]
fn what_remains_follows_from_the_state_alone() {
    let id = || "id".to_owned();
    let table = [
        (RowState::Unstarted, Next::Send),
        (RowState::Ready, Next::Send),
        (RowState::Intended, Next::Doubt),
        (RowState::Held, Next::Settle),
        (RowState::Attached(id()), Next::Poll(id())),
        (RowState::InDoubt(Some(id())), Next::Poll(id())),
        (RowState::InDoubt(None), Next::Nothing),
        (RowState::Ended(Outcome::Succeeded), Next::Nothing),
        (RowState::Ended(Outcome::Failed), Next::Nothing),
        (RowState::Ended(Outcome::Rejected), Next::Nothing),
    ];
    for (state, expected) in table {
        assert_eq!(next(&state), expected, "{state:?}");
    }
}

/// The rows of the run; row 3 is none of it.
const ROWS: [RowNumber; 5] = [1, 2, 4, 5, 6];

/// An event as the oracle knows it: its name and what is said with it.
type Told = (&'static str, Value);

/// What may come after the events of a row, by the picture of a row's life, and not by the table of the program.
fn may_follow(told: &[Told], nth: usize) -> Vec<Told> {
    let reply = |via: &str, outcome: &str| ("answered", json!({"via": via, "outcome": outcome}));
    let by_webhook = || [reply("webhook", "succeeded"), reply("webhook", "failed")];
    let by_poll = || [reply("poll", "succeeded"), reply("poll", "failed")];
    let run_id = format!("run {nth}");
    let attached = |via: &str| ("attached", json!({"via": via, "workflow_run_id": run_id}));
    let reopened = |from: &str| ("reopened", json!({"from": from}));
    let send = || ("intended", json!({"delivery": "at_most_once"}));
    let Some((name, last)) = told.iter().rfind(|(name, _)| *name != "receipt") else {
        return vec![send(), ("rejected", json!({}))];
    };
    let mut next = match *name {
        "intended" => vec![
            ("withdrawn", json!({"why": "pause"})),
            ("withdrawn", json!({"why": "run_refused"})),
            ("refused", json!({"throttled": false})),
            ("refused", json!({"throttled": true})),
            ("ambiguous", json!({})),
            attached("submit"),
            attached("webhook"),
            reply("reply", "succeeded"),
            reply("reply", "failed"),
            reply("webhook", "succeeded"),
        ],
        "withdrawn" | "refused" | "reopened" => {
            vec![send(), send(), ("rejected", json!({})), ("ended", json!({"outcome": "failed"}))]
        }
        "ambiguous" => {
            let again = ("intended", json!({"delivery": "at_least_once"}));
            [again, ("ended", json!({"outcome": "in_doubt"})), attached("webhook"), attached("run_log")]
                .into_iter()
                .chain(by_webhook())
                .collect()
        }
        "attached" => {
            let doubt = json!({"outcome": "in_doubt", "workflow_run_id": last["workflow_run_id"]});
            [("ended", doubt)].into_iter().chain(by_poll()).chain(by_webhook()).collect()
        }
        "ended" if last["outcome"] == "in_doubt" && last["workflow_run_id"].is_string() => {
            [reopened("in_doubt")].into_iter().chain(by_poll()).chain(by_webhook()).collect()
        }
        "ended" if last["outcome"] == "in_doubt" => {
            [reopened("in_doubt"), attached("webhook")].into_iter().chain(by_webhook()).collect()
        }
        "answered" if last["outcome"] == "succeeded" => Vec::new(),
        "rejected" => vec![reopened("rejected")],
        "answered" | "ended" => vec![reopened("failed")],
        other => panic!("{other}"),
    };
    next.push(("receipt", json!({})));
    next
}

/// What the next process does about a row, from its events alone: the last one decides, and a receipt says nothing.
fn expected(told: &[Told]) -> Next {
    let run_id = |last: &Value| last["workflow_run_id"].as_str().map(str::to_owned);
    match told.iter().rfind(|(name, _)| *name != "receipt") {
        None => Next::Send,
        Some((name, last)) => match (*name, run_id(last)) {
            ("withdrawn" | "refused" | "reopened", _) => Next::Send,
            ("intended", _) => Next::Doubt,
            ("ambiguous", _) => Next::Settle,
            ("attached", Some(run_id)) => Next::Poll(run_id),
            ("ended", Some(run_id)) if last["outcome"] == "in_doubt" => Next::Poll(run_id),
            ("answered" | "rejected" | "ended", _) => Next::Nothing,
            other => panic!("{other:?}"),
        },
    }
}

fn read<'a, T: serde::Deserialize<'a>>(text: &'a str) -> T {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The event that the program knows, with what is not told left at some value.
fn event(row: RowNumber, (name, told): &Told, attempt: usize) -> RunEvent {
    let error = json!({"kind": "timeout", "message": ""});
    let mut all = json!({
        "row": row, "attempt": attempt, "queue_ms": 0, "reserved": {}, "kind": "timeout", "message": "",
        "error": error, "by": "resume --retry", "row_sha": "", "key": null, "record": {}, "http_status": 200,
        "executed": true, "backoff_ms": 0, "polls": 0, "method": "POST", "sha256": "", "token_ok": true,
    });
    if told.get("outcome").is_some_and(|outcome| outcome == "succeeded") {
        all["error"] = Value::Null;
    }
    all.as_object_mut().unwrap().extend(told.as_object().unwrap().clone());
    let text = all.to_string();
    match *name {
        "intended" => RunEvent::Intended(read(&text)),
        "withdrawn" => RunEvent::Withdrawn(read(&text)),
        "refused" => RunEvent::Refused(read(&text)),
        "ambiguous" => RunEvent::Ambiguous(read(&text)),
        "attached" => RunEvent::Attached(read(&text)),
        "answered" => RunEvent::Answered(read(&text)),
        "ended" => RunEvent::Ended(read(&text)),
        "rejected" => RunEvent::Rejected(read(&text)),
        "reopened" => RunEvent::Reopened(read(&text)),
        "receipt" => RunEvent::Receipt(read(&text)),
        other => panic!("{other}"),
    }
}

/// Events of the run that say nothing of a row.
fn of_the_run(pick: u8, process: u32) -> RunEvent {
    let null = || serde_json::value::RawValue::NULL.to_owned();
    match pick % 4 {
        0 => RunEvent::ProcessStarted(crate::model::ProcessStarted {
            process,
            at: String::new(),
            pid: 1,
            host: String::new(),
            settings: null(),
        }),
        1 => RunEvent::PollTally(crate::model::PollTally { polls: 1, throttled: 0 }),
        2 => RunEvent::Stopped(crate::model::Stopped {
            cause: crate::model::StopCause::Halt,
            detail: String::new(),
        }),
        _ => RunEvent::ProcessEnded(crate::model::ProcessEnded {
            wall_ms: 1,
            polls: 1,
            throttled: 0,
            places: None,
        }),
    }
}

fn run_of_rows() -> RunState {
    let mut state = RunState::new();
    let selected = crate::model::Selected { count: 5, ranges: vec![(1, 2), (4, 6)] };
    state.apply(0, &RunEvent::Selected(selected)).unwrap();
    state
}

fn check(picks: &[(u8, u8)]) {
    let mut state = run_of_rows();
    let mut told: BTreeMap<RowNumber, Vec<Told>> = BTreeMap::new();
    for (nth, (which, pick)) in picks.iter().enumerate() {
        let Some(row) = ROWS.get(usize::from(*which) % 6).copied() else {
            state.apply(0, &of_the_run(*pick, 1)).unwrap();
            continue;
        };
        let events = told.entry(row).or_default();
        let mut next = may_follow(events, nth);
        let next = next.swap_remove(usize::from(*pick) % next.len());
        let attempt = events.iter().filter(|(name, _)| *name == "intended").count().max(1);
        let applied = state.apply(0, &event(row, &next, attempt));
        assert!(applied.is_ok(), "{applied:?} after {events:?}");
        events.push(next);
        // After each event, as a process may die after each.
        for delivery in [Delivery::AtMostOnce, Delivery::AtLeastOnce] {
            compare(&Plan::of(&state, delivery), &told, delivery);
        }
    }
}

fn compare(plan: &Plan, told: &BTreeMap<RowNumber, Vec<Told>>, delivery: Delivery) {
    let (mut send, mut poll, mut doubt, mut settle) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for row in ROWS {
        let next = expected(told.get(&row).map_or(&[][..], Vec::as_slice));
        let may_have_run = matches!(next, Next::Doubt | Next::Settle);
        if next == Next::Send || (may_have_run && delivery == Delivery::AtLeastOnce) {
            send.push(row);
        }
        match next {
            Next::Poll(run_id) => poll.push((row, run_id)),
            Next::Doubt => doubt.push(row),
            Next::Settle => settle.push(row),
            Next::Nothing | Next::Send => {}
        }
    }
    let found: Vec<_> = plan.send.iter().collect();
    assert_eq!((found, &plan.poll, &plan.doubt, &plan.settle), (send, &poll, &doubt, &settle), "{told:?}");
    assert_eq!(
        plan.is_empty(),
        plan.send.is_empty() && poll.is_empty() && doubt.is_empty() && settle.is_empty()
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Whatever happened to the rows, in whatever order a row's life allows.
    #[test]
    fn the_plan_is_what_a_naive_reading_of_the_events_says(
        picks in proptest::collection::vec((any::<u8>(), any::<u8>()), 0..90),
    ) {
        check(&picks);
    }
}
