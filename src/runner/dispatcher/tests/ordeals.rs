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
        trial: Trial::of(None),
        delivery: run.delivery,
        committer: Committer::immediate(writer),
        state,
        source,
        deliveries: None,
        pace: Pace::default(),
        allowance: None,
        asks: None,
        schedule: PollSchedule::new(None, run.interval),
        control: None,
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

#[tokio::test(start_paused = true)]
async fn the_first_signal_after_another_stop_drains_too() {
    // Two rows fail and halt the run, with two sends on the wire: the first Ctrl-C still waits for those.
    let mut run = Run { signals: vec![Duration::from_secs(1)], ..Run::of(50) };
    run.limits.halt = Some(Halt { failures: Limit::Count(1), after: 0 });
    run.limits.drain = Some(Duration::from_secs(20));
    let provider =
        run.provider([(1, vec![Refuse]), (2, vec![Linger(5_000)]), (3, vec![Accept(40_000, "1")])]);
    run.limits.retry.attempts = 1;
    let start = Instant::now();
    let state = run.go(&provider).await;
    assert_eq!(state.stopped().unwrap().cause, StopCause::Halt);
    assert_eq!((state.row(2), start.elapsed().as_secs()), (RowState::Ended(Outcome::Succeeded), 5));
    assert_eq!(state.row(3), RowState::Attached("run-3".into()), "resume polls it");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_a_run_that_was_halted_before() {
    let mut run = Run::of(50);
    run.limits.halt = Some(Halt { failures: Limit::Count(1), after: 0 });
    run.limits.retry.attempts = 1;
    run.limits.timeout = Duration::from_secs(3_600);
    run.limits.deadline = Some(Duration::from_secs(10));
    let provider = run.provider([(1, vec![Refuse]), (2, vec![Accept(1_800_000, "1")])]);
    let start = Instant::now();
    let state = run.go(&provider).await;
    assert_eq!((start.elapsed().as_secs(), state.row(2)), (10, RowState::Attached("run-2".into())));
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_is_answered_ends_a_series_of_calls_to_slow_down() {
    let mut run = Run::of(1);
    run.limits.timeout = Duration::from_secs(7_200);
    let mut provider = Arc::into_inner(run.provider([(1, vec![Accept(1_500_000, "1")])])).unwrap();
    // Two calls to slow down, more than ten minutes apart, with many answers between them.
    provider.throttled_polls = vec![1, 80];
    let provider = Arc::new(provider);
    let state = run.go(&provider).await;
    assert_eq!(state.stopped().map(|stopped| stopped.cause), None);
    assert_eq!(outcomes(&state), [1, 0, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn rows_that_earlier_processes_left_are_not_all_polled_at_once() {
    let mut run = Run::of(200);
    run.limits.timeout = Duration::from_secs(1);
    run.limits.concurrency = Concurrency::fixed(200);
    let mut provider = Arc::into_inner(run.provider([])).unwrap();
    provider.default = Some(Accept(5_000, "0.1"));
    let state = run.go(&Arc::new(provider)).await;
    assert_eq!(outcomes(&state), [0, 0, 200, 0, 0], "all in doubt, all attached");
    run.limits.timeout = Duration::from_secs(60);
    run.limits.concurrency = Concurrency::fixed(4);
    let mut provider = Arc::into_inner(run.provider([])).unwrap();
    provider.poll_latency = Duration::from_millis(100);
    for row in 1..=200 {
        provider.accept(row, &Accept(0, "0.1"));
    }
    let provider = Arc::new(provider);
    let state = run.go(&provider).await;
    assert_eq!(outcomes(&state), [200, 0, 0, 0, 0]);
    let most = provider.books.lock().unwrap().most_polling;
    assert!(most <= 8, "{most} polls at a time");
}

#[tokio::test(start_paused = true)]
async fn a_row_that_may_have_run_and_can_no_longer_be_rendered_stays_in_doubt() {
    let run = Run { delivery: Delivery::AtLeastOnce, ..Run::of(1) };
    let provider = run.provider([(1, vec![Lose])]);
    // Killed while the row waits to be sent again.
    let _ = tokio::time::timeout(Duration::from_millis(200), run.go(&provider)).await;
    let (writer, history) = run.folder.go_on(Durability::Process).unwrap();
    let state = history.into_state();
    assert_eq!(state.row(1), RowState::Held);
    let (send, source) = mpsc::channel(1);
    let error = RowError::new(ErrorKind::MAPPING, "its file is gone");
    send.try_send(Rows::Prepared(Box::new(Prepared { content: Err(error), ..prepared(1) }))).unwrap();
    drop(send);
    let dispatcher = Dispatcher::new(Parts {
        workflow: Arc::clone(&provider),
        observer: (),
        limits: run.limits.clone(),
        trial: Trial::of(None),
        delivery: run.delivery,
        committer: Committer::immediate(writer),
        state,
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
    let state = dispatcher.drive(mpsc::channel(1).1).await.unwrap().state;
    assert_eq!(state.row(1), RowState::InDoubt(None));
}

#[tokio::test(start_paused = true)]
async fn under_at_least_once_a_crash_uses_up_an_attempt() {
    let run = Run { delivery: Delivery::AtLeastOnce, ..Run::of(1) };
    let provider = run.provider([(1, vec![Hang])]);
    for _ in 0..3 {
        assert!(tokio::time::timeout(Duration::from_secs(5), run.go(&provider)).await.is_err());
    }
    let state = run.go(&provider).await;
    assert_eq!((state.row(1), provider.books.lock().unwrap().sent.len()), (RowState::InDoubt(None), 3));
}
