//! An event that can't happen is a bug of ours: it must not reach the disk.

use super::*;
use crate::model::{Attached, Impossible, Via};

#[tokio::test(start_paused = true)]
async fn an_impossible_event_ends_the_run_before_it_is_durable_and_spoils_nothing() {
    let run = Run::of(2);
    let provider = run.provider([]);
    let (writer, history) = run.folder.go_on(Durability::Process).unwrap();
    let (send, source) = mpsc::channel(4);
    send.try_send(Rows::Prepared(Box::new(prepared(1)))).unwrap();
    let mut dispatcher = Dispatcher::new(Parts {
        workflow: Arc::clone(&provider),
        observer: (),
        limits: run.limits.clone(),
        trial: Trial::of(None),
        delivery: run.delivery,
        committer: Committer::immediate(writer),
        state: history.into_state(),
        source,
        deliveries: None,
        pace: Pace::default(),
        allowance: None,
        asks: None,
        schedule: PollSchedule::new(None, Some((TICK, TICK))),
        control: None,
        start: Instant::now(),
        ahead: 1,
    });
    dispatcher.committer.append(RunEvent::PollTally(PollTally { polls: 7, throttled: 0 }));
    dispatcher.committer.append(RunEvent::Attached(Attached {
        row: 2,
        attempt: 1,
        workflow_run_id: "of nothing".to_owned(),
        workflow_version: None,
        workflow_id: None,
        via: Via::Submit,
    }));
    dispatcher.committer.append(RunEvent::PollTally(PollTally { polls: 9, throttled: 0 }));
    let error = dispatcher.drive(mpsc::channel(1).1).await.err().unwrap();
    assert!(
        matches!(&error, Error::Bug(Impossible { event: "attached", row: Some(2), .. })),
        "it ends with {error}"
    );
    let told = run.folder.read().unwrap();
    assert_eq!(told.state().tally().polls, 7, "what went before it is kept, and nothing behind it");
    assert!(provider.books.lock().unwrap().sent.is_empty());
    let state = run.go(&provider).await;
    assert_eq!(outcomes(&state), [2, 0, 0, 0, 0]);
}
