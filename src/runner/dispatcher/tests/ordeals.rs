//! Things that come in an order nobody wishes for.

use super::*;

/// A dispatcher over all rows of a run, with nothing done yet but what its journal says.
fn dispatcher(run: &Run, provider: &Arc<Provider>) -> Dispatcher<Provider, ()> {
    let (writer, history) = run.folder.go_on(Durability::Process).unwrap();
    let state = history.into_state();
    let plan = Plan::of(&state, run.delivery);
    let (send, source) = mpsc::channel(10_000);
    for row in plan.send.iter() {
        send.try_send(Rows::Prepared(Box::new(prepared(row)))).unwrap();
    }
    let mut dispatcher = Dispatcher::new(Parts {
        workflow: Arc::clone(provider),
        observer: (),
        limits: run.limits.clone(),
        delivery: run.delivery,
        committer: Committer::immediate(writer),
        state,
        source,
        pace: Pace::default(),
        schedule: PollSchedule::new(None, Duration::from_secs(2), Duration::from_secs(15)),
        start: Instant::now(),
        ahead: 16,
    });
    for (row, run_id) in plan.poll {
        dispatcher.take_up(row, run_id);
    }
    dispatcher
}

#[tokio::test(start_paused = true)]
async fn a_signal_is_heard_before_another_row_is_begun() {
    let run = Run::of(100);
    let provider = run.provider([]);
    let (signal, signals) = mpsc::channel(4);
    signal.try_send(Signal::Stop).unwrap();
    let state = dispatcher(&run, &provider).drive(signals).await.unwrap().state;
    assert_eq!(provider.books.lock().unwrap().sent.len(), 0, "however busy the run is");
    assert_eq!(state.stopped().unwrap().cause, StopCause::Interrupted);
}
