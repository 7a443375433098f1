//! How soon results are fetched, and for how many polls.

use super::*;

/// Runs rows whose workflow runs take so many ms, with nothing said of polls; gives polls a row, and by which part of
/// what the runs took their results were late.
async fn cost(durations: &[u64]) -> (f64, f64) {
    let mut run = Run::of(durations.len() as u64);
    run.limits.concurrency = Concurrency::fixed(8);
    run.limits.timeout = Duration::from_secs(3_600);
    run.interval = None;
    let provider = run.provider((1..).zip(durations).map(|(row, ms)| (row, vec![Accept(*ms, "0.1")])));
    let state = run.go(&provider).await;
    assert_eq!(outcomes(&state)[0], durations.len() as u64);
    let books = provider.books.lock().unwrap();
    let fetched: HashMap<u64, Instant> = books.polled.iter().copied().collect();
    let late = books.runs.values().map(|(row, due, _)| fetched[row] - *due).sum::<Duration>();
    let whole = Duration::from_millis(durations.iter().sum());
    let rows = f64::from(u32::try_from(durations.len()).unwrap());
    let polls = f64::from(u32::try_from(books.polled.len()).unwrap());
    (polls / rows, late.as_secs_f64() / whole.as_secs_f64())
}

#[tokio::test(start_paused = true)]
async fn results_are_fetched_within_a_tenth_of_what_runs_take() {
    // The service never says how long a run took, so it is learned from the polls alone.
    let mut random = fastrand::Rng::with_seed(3);
    let mut normal = move || (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some seconds in ms")]
    let mut of = |median: f64, sigma: f64| (median * (sigma * normal()).exp()) as u64;
    let lognormal: Vec<u64> = (0..240).map(|_| of(20_000.0, 0.4)).collect();
    let bimodal: Vec<u64> =
        (0..240).map(|row| if row % 3 == 0 { of(40_000.0, 0.1) } else { of(2_000.0, 0.1) }).collect();
    for (name, durations) in [
        ("constant", vec![5_000; 240]),
        ("short", vec![130; 240]),
        ("lognormal", lognormal),
        ("bimodal", bimodal),
    ] {
        let (polls, late) = cost(&durations).await;
        assert!(polls <= 6.0 && late <= 0.10, "{name}: {polls} polls a row, {late} late");
    }
}

#[tokio::test(start_paused = true)]
async fn polls_do_not_keep_rows_from_being_sent() {
    // Polls that hang, one for each place: the next row goes out as soon as a place is free.
    let mut run = Run::of(3);
    run.limits.concurrency = Concurrency::fixed(2);
    run.interval = None;
    let mut provider = Arc::into_inner(run.provider([
        (1, vec![Accept(1_000_000, "0.1")]),
        (2, vec![Linger(3_000)]),
        (3, vec![Linger(1_000)]),
    ]))
    .unwrap();
    provider.poll_latency = Duration::from_secs(10_000);
    let provider = Arc::new(provider);
    let start = Instant::now();
    run.go(&provider).await;
    let sent: Vec<_> =
        provider.books.lock().unwrap().sent.iter().map(|(row, at)| (*row, (*at - start).as_secs())).collect();
    assert_eq!(sent, [(1, 0), (2, 0), (3, 3)]);
}
