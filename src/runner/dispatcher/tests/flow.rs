//! How much is asked of the service, and when.

use super::*;

fn sends(provider: &Provider) -> usize {
    provider.books.lock().unwrap().sent.len()
}

#[tokio::test(start_paused = true)]
async fn adaptive_concurrency_grows_to_its_ceiling_while_the_service_bears_it() {
    let mut run = Run::of(200);
    run.limits.concurrency = Concurrency { max: 16, adaptive: true };
    let provider = run.provider([]);
    let state = run.go(&provider).await;
    assert_eq!(outcomes(&state), [200, 0, 0, 0, 0]);
    assert_eq!(provider.books.lock().unwrap().most_in_flight, 16);
}

#[tokio::test(start_paused = true)]
async fn adaptive_concurrency_stays_near_what_the_service_bears() {
    let refused = async |adaptive: bool| {
        let mut run = Run::of(300);
        run.limits.concurrency = Concurrency { max: 64, adaptive };
        let mut provider = Arc::into_inner(run.provider([])).unwrap();
        provider.capacity = Some(12);
        let provider = Arc::new(provider);
        let state = run.go(&provider).await;
        assert_eq!(outcomes(&state), [300, 0, 0, 0, 0]);
        sends(&provider) - 300
    };
    let (fixed, adaptive) = (refused(false).await, refused(true).await);
    assert!(adaptive * 10 < fixed, "{adaptive} refusals against {fixed}");
}

/// A provider that nothing reaches for so many seconds.
fn down_for(run: &Run, seconds: u64) -> Provider {
    let mut provider = Arc::into_inner(run.provider([])).unwrap();
    provider.down_until = Some(Instant::now() + Duration::from_secs(seconds));
    provider
}

/// A run whose service is reached at first, and then not for so many seconds.
fn with_an_outage(rows: u64, seconds: u64) -> (Run, Arc<Provider>) {
    let mut run = Run::of(rows);
    run.limits.concurrency = Concurrency::fixed(64);
    run.limits.retry = Retry { attempts: 4, ..Retry::default() };
    run.limits.halt = Some(Halt { failures: Limit::Count(1), after: 0 });
    let mut provider = down_for(&run, seconds);
    provider.up_until = Some(Instant::now() + Duration::from_secs(1));
    (run, Arc::new(provider))
}

#[tokio::test(start_paused = true)]
async fn an_outage_costs_a_handful_of_probes_and_no_row() {
    let (run, provider) = with_an_outage(1_000, 600);
    let start = Instant::now();
    let state = run.go(&provider).await;
    assert_eq!(outcomes(&state), [1_000, 0, 0, 0, 0]);
    let probes = {
        let books = provider.books.lock().unwrap();
        let sent_at = |after: u64, before: u64| {
            let within = (start + Duration::from_secs(after))..(start + Duration::from_secs(before));
            books.sent.iter().filter(|(_, at)| within.contains(at)).count()
        };
        sent_at(2, 600)
    };
    assert!((10..=20).contains(&probes), "{probes} probes in ten minutes");
    assert!(start.elapsed() < Duration::from_secs(680), "it goes on soon after: {:?}", start.elapsed());
    let sends = sends(&provider);
    assert!(sends < 1_100, "{sends} sends for 1,000 rows");
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_lasts_suspends_the_run_and_loses_no_row() {
    let (run, provider) = with_an_outage(900, 7_200);
    let start = Instant::now();
    let state = run.go(&provider).await;
    let stopped = state.stopped().unwrap();
    assert_eq!((stopped.cause, stopped.cause.exit().code()), (StopCause::Outage, 5));
    assert!((1_800..1_870).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    assert_eq!(outcomes(&state)[1..4], [0, 0, 0]);
    let mut run = run;
    run.limits.timeout = Duration::from_secs(30);
    let provider = run.provider([]);
    assert_eq!(outcomes(&run.go(&provider).await), [900, 0, 0, 0, 0], "resume goes on");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_was_never_reached_stops_the_run_within_minutes() {
    let mut run = Run::of(1_000);
    run.limits.retry = Retry::default();
    let provider = Arc::new(down_for(&run, 1_000_000));
    let start = Instant::now();
    let state = run.go(&provider).await;
    assert_eq!(state.stopped().unwrap().cause, StopCause::Network);
    assert_eq!(outcomes(&state), [0, 0, 0, 0, 1_000]);
    assert!(start.elapsed() < Duration::from_secs(180), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_deadline_is_kept_during_an_outage() {
    let (mut run, provider) = with_an_outage(900, 7_200);
    run.limits.deadline = Some(Duration::from_secs(300));
    let start = Instant::now();
    let state = run.go(&provider).await;
    assert_eq!((state.stopped().unwrap().cause, start.elapsed().as_secs()), (StopCause::Deadline, 300));
}

#[tokio::test(start_paused = true)]
async fn a_probe_uses_up_no_attempt() {
    let mut run = Run::of(8);
    run.limits.retry.attempts = 2;
    run.limits.concurrency = Concurrency::fixed(8);
    let provider = Arc::new(down_for(&run, 500));
    let state = run.go(&provider).await;
    assert_eq!(state.stopped().unwrap().cause, StopCause::Network);
    assert_eq!(outcomes(&state), [0, 0, 0, 0, 8]);
    let journal = std::fs::read_to_string(run.folder.journal()).unwrap();
    assert_eq!(journal.matches("\"probe\":true").count(), 7);
    let attempts: u32 = (1..=8).map(|row| state.attempts(row)).sum();
    assert_eq!((attempts, state.tally().attempts, state.tally().invokes), (8, 8, 15));
}

#[tokio::test(start_paused = true)]
async fn retries_beyond_the_budget_wait_for_each_other_and_none_is_lost() {
    let seconds = async |budget: Limit| {
        let mut run = Run::of(40);
        run.limits.retry = Retry { budget, ..run.limits.retry };
        run.limits.concurrency = Concurrency::fixed(40);
        // Every other row is refused once, and takes five seconds when it is sent again.
        let flaky = |row| (row, vec![Refuse, Linger(5_000)]);
        let provider = run.provider((1..=40).filter(|row| row % 2 == 0).map(flaky));
        let start = Instant::now();
        assert_eq!(outcomes(&run.go(&provider).await), [40, 0, 0, 0, 0]);
        start.elapsed().as_secs()
    };
    let share = |percent| Limit::Share(rust_decimal::Decimal::new(percent, 2));
    assert!((100..103).contains(&seconds(Limit::Count(0)).await), "one at a time");
    // Ten are always allowed, and one more goes beyond; what helped is given back, so the others follow.
    assert!((8..15).contains(&seconds(share(0)).await));
    assert!(seconds(share(100)).await < 8, "side by side");
}

#[tokio::test(start_paused = true)]
async fn each_kind_of_trouble_may_have_attempts_and_waits_of_its_own() {
    let mut run = Run::of(1);
    let backoff = Backoff { first: Duration::from_secs(100), longest: Duration::from_secs(100) };
    let of_connect = ClassRetry { attempts: Some(4), backoff: Some(backoff) };
    run.limits.retry =
        Retry { attempts: 1, classes: vec![(RetryClass::Connect, of_connect)], ..Retry::default() };
    let provider = run.provider([(1, vec![Refuse])]);
    let start = Instant::now();
    let state = run.go(&provider).await;
    assert_eq!((outcomes(&state)[1], sends(&provider)), (1, 4));
    assert!(start.elapsed() > Duration::from_secs(60), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn limits_are_changed_while_the_run_lives() {
    let mut run = Run::of(60);
    run.limits.concurrency = Concurrency { max: 6, adaptive: true };
    let mut provider = Arc::into_inner(run.provider([])).unwrap();
    provider.default = Some(Linger(1_000));
    let provider = Arc::new(provider);
    let folder = run.folder.path().to_owned();
    let most = Arc::clone(&provider);
    let asking = tokio::spawn(async move {
        let mut seen = Vec::new();
        for concurrency in [2, 7] {
            tokio::time::sleep(Duration::from_millis(3_500)).await;
            let control =
                crate::control::Control { concurrency: Some(concurrency), ..crate::control::Control::of(1) };
            control.write(&folder).unwrap();
            // Looked for once a second; what is on the wire ends as usual.
            tokio::time::sleep(Duration::from_millis(2_500)).await;
            seen.push(crate::control::Control::waits(&folder));
            most.books.lock().unwrap().most_in_flight = 0;
            tokio::time::sleep(Duration::from_millis(2_500)).await;
            seen.push(most.books.lock().unwrap().most_in_flight <= concurrency);
        }
        seen
    });
    let state = run.go(&provider).await;
    assert_eq!(asking.await.unwrap(), [false, true, false, true]);
    assert_eq!(outcomes(&state), [60, 0, 0, 0, 0]);
    let changes: Vec<_> =
        state.changed().iter().map(|c| (&*c.by, &*c.key, c.from.get(), c.to.get())).collect();
    let (six, two) = (r#"{"max":6,"adaptive":true}"#, r#"{"max":2,"adaptive":true}"#);
    let written = ["\"{max: 2, adaptive: true}\"", "\"{max: 7, adaptive: true}\""];
    let key = "limits.concurrency";
    assert_eq!(changes, [("limits", key, six, written[0]), ("limits", key, two, written[1])]);
}
