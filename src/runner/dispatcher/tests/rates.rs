//! Rates: by the instants at which requests go out, exact, since time is paused.

use super::*;
use crate::control::Control;
use crate::manifest::{PerTime, RateSpec, RatesSpec};
use crate::workflow::Asks;

fn per(count: u32, seconds: u64) -> PerTime {
    PerTime { count, per: Duration::from_secs(seconds) }
}

fn invokes(count: u32, seconds: u64) -> RateSpec {
    RateSpec { rates: RatesSpec::Apart { invoke: Some(per(count, seconds)), poll: None }, burst: None }
}

fn shared(count: u32, seconds: u64) -> RateSpec {
    RateSpec { rates: RatesSpec::Shared(per(count, seconds)), burst: None }
}

fn run_at(rate: RateSpec, rows: u64, concurrency: usize) -> Run {
    let mut run = Run::of(rows);
    run.limits.rate = Some(rate);
    run.limits.concurrency = Concurrency::fixed(concurrency);
    run.limits.timeout = Duration::from_secs(24 * 3_600);
    run
}

/// The most requests that any window of this length holds, both its ends included.
fn most_in(sent: &[Instant], window: Duration) -> usize {
    let mut sent = sent.to_vec();
    sent.sort_unstable();
    let within = |(index, start): (usize, &Instant)| {
        sent[index..].iter().take_while(|at| **at <= *start + window).count()
    };
    sent.iter().enumerate().map(within).max().unwrap_or(0)
}

fn instants(requests: &[(u64, Instant)]) -> Vec<Instant> {
    requests.iter().map(|(_, at)| *at).collect()
}

/// How much of the time that a rate allows was used: 1 is all of it.
fn used(sent: &[Instant], rate: PerTime) -> f64 {
    let took = sent.iter().max().unwrap().duration_since(*sent.iter().min().unwrap());
    let gaps = u32::try_from(sent.len() - 1).unwrap();
    (rate.per * gaps).as_secs_f64() / f64::from(rate.count) / took.as_secs_f64()
}

#[tokio::test(start_paused = true)]
async fn no_window_holds_more_invokes_than_the_rate_and_hardly_any_time_is_wasted() {
    for (count, seconds, concurrency) in [
        (90, 60, 4),
        (5, 1, 4),
        (5, 1, 1),
        (50, 1, 16),
        (200, 1, 64),
        (3, 60, 8),
        (2_000, 60, 16),
        (20, 10, 8),
    ] {
        let rate = per(count, seconds);
        let rows = u64::from(count.min(200)) + 60;
        let run = run_at(invokes(count, seconds), rows, concurrency);
        let provider = run.provider([]);
        let state = run.go(&provider).await;
        assert_eq!((outcomes(&state), state.tally().attempts), ([rows, 0, 0, 0, 0], rows));
        let sent = instants(&provider.books.lock().unwrap().sent);
        let (most, share) = (most_in(&sent, rate.per), used(&sent, rate));
        assert!(most <= count as usize, "{rate}: {most} in a window");
        assert!(share >= 0.98, "{rate}: only {share} of the time was used");
    }
}

#[tokio::test(start_paused = true)]
async fn a_burst_goes_at_once_and_a_window_holds_so_many_more_at_most() {
    let run = run_at(RateSpec { burst: Some(4), ..invokes(60, 60) }, 150, 8);
    let provider = run.provider([]);
    let start = Instant::now();
    run.go(&provider).await;
    let sent = instants(&provider.books.lock().unwrap().sent);
    assert_eq!(sent.iter().filter(|at| **at == start).count(), 4);
    assert!(most_in(&sent, Duration::from_secs(60)) <= 63);
}

#[tokio::test(start_paused = true)]
async fn an_intent_is_written_only_when_its_permit_is_about_due() {
    let run = run_at(invokes(3, 60), 9, 8);
    let provider = run.provider([]);
    run.go(&provider).await;
    let journal = std::fs::read_to_string(run.folder.journal()).unwrap();
    assert!(!journal.contains("\"withdrawn\""), "{journal}");
    // A stop in the middle of a wait for a permit finds no intent to take back.
    let run = Run { signals: vec![Duration::from_secs(30)], ..run_at(invokes(3, 60), 9, 8) };
    let provider = run.provider([]);
    let start = Instant::now();
    let state = run.go(&provider).await;
    assert_eq!((outcomes(&state), start.elapsed()), ([2, 0, 0, 0, 7], Duration::from_secs(30)));
    let journal = std::fs::read_to_string(run.folder.journal()).unwrap();
    assert_eq!((journal.matches("\"intended\"").count(), journal.matches("\"withdrawn\"").count()), (2, 0));
}

/// Rows that are accepted and polled, at one rate for all requests: the requests, and who sent them.
async fn all_requests(run: &Run, runs_for_ms: u64) -> (Vec<Instant>, Vec<Instant>) {
    let mut provider = Arc::into_inner(run.provider([])).unwrap();
    provider.default = Some(Accept(runs_for_ms, "0.1"));
    let provider = Arc::new(provider);
    let state = run.go(&provider).await;
    assert_eq!(state.counts().succeeded, run.rows);
    let books = provider.books.lock().unwrap();
    (instants(&books.sent), instants(&books.polled))
}

#[tokio::test(start_paused = true)]
async fn where_all_requests_count_together_no_window_holds_more_of_them() {
    for (count, seconds, concurrency, runs_for_ms) in
        [(3, 60, 8, 5_000), (3, 60, 2, 5_000), (60, 60, 8, 30_000), (20, 1, 16, 3_000), (300, 1, 32, 400)]
    {
        let rate = per(count, seconds);
        let run = run_at(shared(count, seconds), 40, concurrency);
        let (sent, polled) = all_requests(&run, runs_for_ms).await;
        let all = [sent, polled].concat();
        let most = most_in(&all, rate.per);
        assert!(most <= count as usize, "{rate}: {most} in a window");
    }
}

#[tokio::test(start_paused = true)]
async fn polls_and_submits_take_turns_at_one_rate() {
    let run = run_at(shared(30, 60), 60, 30);
    let (sent, polled) = all_requests(&run, 120_000).await;
    assert_eq!(sent.len(), 60);
    // As long as there is room to submit and results to ask for, neither waits for more than a turn of the other.
    let full = sent[29];
    let all: Vec<_> = sent.iter().chain(&polled).copied().filter(|at| *at <= full).collect();
    let share = used(&all, per(30, 60));
    assert!(share >= 0.98, "while anything waits, no permit is wasted: {share}");
    let polled_by_then = polled.iter().filter(|at| **at < full).count();
    assert!((24..=30).contains(&polled_by_then), "{polled_by_then} polls beside the first 30 submits");
    let mut order: Vec<_> =
        sent.iter().map(|at| (*at, 's')).chain(polled.iter().map(|at| (*at, 'p'))).collect();
    order.sort_unstable();
    let word: String = order.iter().take_while(|(at, _)| *at <= full).map(|(_, kind)| *kind).collect();
    assert!(word.ends_with("spspspspsps") && !word.contains("pp"), "{word}");
}

#[tokio::test(start_paused = true)]
async fn polls_have_a_rate_of_their_own_which_holds_no_submit() {
    let rates = RatesSpec::Apart { invoke: None, poll: Some(per(30, 60)) };
    let run = run_at(RateSpec { rates, burst: None }, 30, 30);
    let start = Instant::now();
    let (sent, polled) = all_requests(&run, 20_000).await;
    assert!(sent.iter().all(|at| *at == start), "nothing holds submits");
    assert!(most_in(&polled, Duration::from_secs(60)) <= 30);
    assert!(polled.len() >= 30);
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_calls_to_slow_down_leaves_the_rate_kept_and_no_attempt_used_up() {
    let mut run = run_at(invokes(60, 60), 120, 8);
    run.limits.retry.attempts = 1;
    let storm = (20..60).map(|row| (row, vec![Throttle(Some(2_000)), Throttle(None), Succeed("0.1")]));
    let provider = run.provider(storm);
    let state = run.go(&provider).await;
    assert_eq!((outcomes(&state), state.tally().attempts), ([120, 0, 0, 0, 0], 120));
    assert_eq!(state.tally().throttled, 80);
    let sent = instants(&provider.books.lock().unwrap().sent);
    assert_eq!(sent.len(), 200);
    assert!(most_in(&sent, Duration::from_secs(60)) <= 60);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_the_rate_holds_no_place() {
    let run = run_at(invokes(60, 60), 20, 4);
    let provider = run.provider([]);
    run.go(&provider).await;
    assert_eq!(provider.books.lock().unwrap().most_in_flight, 1, "each is answered before the next may go");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_says_its_limit_is_used_up_is_not_asked_until_it_is_reset() {
    let run = Run::of(8);
    let mut provider = Arc::into_inner(run.provider([])).unwrap();
    // Told with the first answers, 100 ms after the start.
    provider.used_up = Mutex::new(Some(Duration::from_secs(20)));
    let provider = Arc::new(provider);
    let start = Instant::now();
    let state = run.go(&provider).await;
    assert_eq!((outcomes(&state), state.tally().throttled), ([8, 0, 0, 0, 0], 0));
    let sent = instants(&provider.books.lock().unwrap().sent);
    let after: Vec<_> = sent.iter().map(|at| (*at - start).as_millis()).collect();
    assert_eq!(after, [0, 0, 0, 0, 20_100, 20_100, 20_100, 20_100]);
}

#[tokio::test(start_paused = true)]
async fn a_used_up_limit_beyond_what_a_pause_may_last_is_put_to_the_test() {
    let mut run = Run::of(8);
    run.limits.longest_throttle = Duration::from_secs(10);
    let mut provider = Arc::into_inner(run.provider([])).unwrap();
    provider.used_up = Mutex::new(Some(Duration::from_secs(20)));
    let start = Instant::now();
    run.go(&Arc::new(provider)).await;
    assert_eq!(start.elapsed(), Duration::from_millis(200));
}

#[tokio::test(start_paused = true)]
async fn the_manifest_says_how_long_a_pause_may_last_and_a_suspended_run_says_when_to_resume() {
    let mut run = Run::of(8);
    run.limits.longest_throttle = Duration::from_secs(30);
    let provider = run.provider([(1, vec![Throttle(Some(30_000)), Throttle(Some(31_000)), Succeed("1")])]);
    let start = Instant::now();
    let state = run.go(&provider).await;
    let stopped = state.stopped().unwrap();
    assert_eq!((stopped.cause, start.elapsed().as_secs()), (StopCause::Throttled, 30));
    let detail = &stopped.detail;
    assert!(detail.contains("for 62 s on end, and `limits.throttle` allows 30 s: resume at 2"), "{detail}");
    assert_eq!(state.counts().failed, 0, "no row has used up its attempts");
    let state = run.go(&provider).await;
    assert_eq!(outcomes(&state), [8, 0, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_had_to_wait_for_its_connection_counts_from_when_it_went_out() {
    let run = run_at(invokes(5, 1), 60, 8);
    let mut provider = Arc::into_inner(run.provider([])).unwrap();
    // Each tenth connection takes 150 ms to stand; the others are there.
    provider.connects = Some((10, Duration::from_millis(150)));
    let provider = Arc::new(provider);
    run.go(&provider).await;
    let books = provider.books.lock().unwrap();
    let (most, share) = (most_in(&books.written, Duration::from_secs(1)), used(&books.written, per(5, 1)));
    assert!(most <= 5, "{most} in a window, as written to the socket");
    assert!(share >= 0.9, "{share}");
}

#[tokio::test(start_paused = true)]
async fn other_free_requests_take_their_turn_among_polls_where_all_count_together() {
    for (rate, waits) in [(shared(30, 60), true), (invokes(30, 60), false)] {
        let run = run_at(rate, 40, 20);
        let (asks, asked) = Asks::channel();
        *run.asks.lock().unwrap() = Some(asked);
        let others = tokio::spawn(async move {
            let mut at = Vec::new();
            for _ in 0..10 {
                // Where it does not count it need not wait, and goes on at once.
                asks.permit().await;
                at.push(Instant::now());
            }
            at
        });
        let (sent, polled) = all_requests(&run, 30_000).await;
        let others = others.await.unwrap();
        let took = others[9] - others[0];
        if waits {
            let all = [sent, polled, others].concat();
            assert!(most_in(&all, Duration::from_secs(60)) <= 30);
            assert!(took > Duration::from_secs(20) && took < Duration::from_secs(400), "{took:?}");
        } else {
            assert_eq!(took, Duration::ZERO);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_probed_by_one_row_at_a_time_within_the_rate_and_loses_no_row() {
    for (rate, polls) in [(invokes(60, 60), false), (invokes(50, 1), false), (shared(60, 60), true)] {
        let mut run = run_at(rate, 80, 8);
        run.limits.retry = Retry { attempts: 4, ..Retry::default() };
        run.limits.halt = Some(Halt { failures: Limit::Count(1), after: 0 });
        let mut provider = Arc::into_inner(run.provider([])).unwrap();
        provider.default = polls.then_some(Accept(5_000, "0.1")).or(provider.default);
        let (from, until) =
            (Instant::now() + Duration::from_secs(1), Instant::now() + Duration::from_secs(900));
        (provider.up_until, provider.down_until) = (Some(from), Some(until));
        let provider = Arc::new(provider);
        let state = run.go(&provider).await;
        assert_eq!(outcomes(&state), [80, 0, 0, 0, 0], "{rate}");
        let books = provider.books.lock().unwrap();
        let sent = instants(&books.sent);
        let all = [sent.clone(), if polls { instants(&books.polled) } else { vec![] }].concat();
        let most = most_in(&all, Duration::from_secs(1));
        assert!(most <= 50 && (most <= 2 || rate == invokes(50, 1)), "{rate}: {most} in a second");
        if rate != invokes(50, 1) {
            assert!(most_in(&all, Duration::from_secs(60)) <= 60, "{rate}");
        }
        // Once it is known to be away, which takes a few refusals, little is sent.
        let known = from + Duration::from_secs(20);
        let probes = sent.iter().filter(|at| **at > known && **at < until).count();
        assert!((10..40).contains(&probes), "{rate}: {probes} probes");
        let journal = std::fs::read_to_string(run.folder.journal()).unwrap();
        let of = |event: &str| journal.matches(&format!("\"e\":\"{event}\"")).count();
        assert_eq!(of("intended"), sent.len() + of("withdrawn"), "{rate}");
        assert!(of("withdrawn") <= 8, "{rate}: what waited as it went away, at most");
    }
}

#[tokio::test(start_paused = true)]
async fn adaptive_concurrency_finds_nothing_to_grow_into_where_a_rate_holds_it() {
    let mut run = run_at(invokes(5, 1), 200, 1);
    run.limits.concurrency = Concurrency { max: 64, adaptive: true };
    let provider = run.provider([]);
    let state = run.go(&provider).await;
    assert_eq!(outcomes(&state), [200, 0, 0, 0, 0]);
    let books = provider.books.lock().unwrap();
    assert!(most_in(&instants(&books.sent), Duration::from_secs(1)) <= 5 && books.most_in_flight <= 2);
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_changed_while_the_run_lives_and_what_went_out_before_counts() {
    for (first, changes) in [
        (None, ["60/min", "600/min"]),
        (Some(invokes(300, 60)), ["60/min", "20/s"]),
        (Some(RateSpec { burst: Some(3), ..shared(120, 60) }), ["180/min", "60/min"]),
    ] {
        let mut run = Run::of(500);
        run.limits.rate = first;
        let provider = run.provider([]);
        let folder = run.folder.path().to_path_buf();
        let asking = tokio::spawn(async move {
            let mut in_force = Vec::new();
            for (seconds, rate) in [5, 150].into_iter().zip(changes) {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                Control { rate: Some(rate.to_owned()), ..Control::of(1) }.write(&folder).unwrap();
                while Control::waits(&folder) {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                in_force.push((Instant::now(), rate.parse::<PerTime>().unwrap()));
            }
            in_force
        });
        let state = run.go(&provider).await;
        assert_eq!(outcomes(&state), [500, 0, 0, 0, 0]);
        let in_force = asking.await.unwrap();
        let sent = instants(&provider.books.lock().unwrap().sent);
        let burst = first.and_then(|rate| rate.burst).unwrap_or(1) as usize;
        for (index, last) in sent.iter().enumerate() {
            let Some((_, rate)) = in_force.iter().rev().find(|(at, _)| at <= last) else { continue };
            let within = sent[..=index].iter().filter(|at| **at + rate.per >= *last).count();
            assert!(within < rate.count as usize + burst, "{first:?}: {within} in a window of {rate}");
        }
        let after = |index: usize| sent.iter().filter(|at| **at > in_force[index].0).count();
        assert!(after(0) > after(1) && after(1) > 0, "{first:?}: sends go on after each change");
        let last = state.changed().last().unwrap();
        let to = RateSpec::with(first, changes[1].parse().unwrap()).to_json();
        assert_eq!(serde_json::from_str::<String>(last.to.get()).unwrap(), to.to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn at_a_tight_rate_of_all_requests_polls_leave_submits_their_share() {
    // What waits for its permit grows older meanwhile: one poll is enough where permits are few, without a plan for it.
    let mut random = fastrand::Rng::with_seed(3);
    let durations: Vec<u64> = (0..120).map(|_| 5_000 << random.u64(0..4)).collect();
    for (rate, concurrency, most) in
        [(per(6, 60), 8, 126), (per(30, 60), 16, 144), (per(60, 60), 30, 160), (per(2, 1), 30, 200)]
    {
        let mut run = run_at(RateSpec { rates: RatesSpec::Shared(rate), burst: None }, 120, concurrency);
        run.interval = None;
        let provider = run.provider((1..).zip(&durations).map(|(row, ms)| (row, vec![Accept(*ms, "0.1")])));
        assert_eq!(outcomes(&run.go(&provider).await), [120, 0, 0, 0, 0]);
        let polled = provider.books.lock().unwrap().polled.len();
        assert!(polled <= most, "{rate}: {polled} polls of 120 rows");
    }
}
