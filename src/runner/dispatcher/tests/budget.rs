//! What a run may cost: never more than the budget, however it is killed, and as much of it as can be used.

use proptest::prelude::*;

use super::*;
use crate::manifest::Budget;

fn cost(text: &str) -> Cost {
    text.parse().unwrap()
}

fn budget(total: &str, per_row: Option<&str>) -> Budget {
    Budget { cost: Some(cost(total)), tokens: None, cost_per_row: per_row.map(cost) }
}

fn run_with(rows: u64, concurrency: usize, budget: Budget) -> Run {
    let mut run = Run::of(rows);
    run.limits.concurrency = Concurrency::fixed(concurrency);
    run.limits.budget = Some(budget);
    run
}

fn provider_of(run: &Run, default: Script) -> Arc<Provider> {
    let mut provider = Arc::into_inner(run.provider([])).unwrap();
    provider.default = Some(default);
    Arc::new(provider)
}

fn sent(provider: &Provider) -> usize {
    provider.books.lock().unwrap().sent.len()
}

/// Expects a stop by the budget, and gives what is told of it.
fn stopped(state: &RunState) -> String {
    let stopped = state.stopped().expect("it stopped").clone();
    assert_eq!(stopped.cause, StopCause::Budget);
    assert!(!state.is_complete(), "a stop leaves something to be done");
    stopped.detail
}

#[tokio::test(start_paused = true)]
async fn the_budget_is_used_to_the_last_credit_and_a_larger_one_goes_on() {
    let mut run = run_with(10, 4, budget("5", Some("1")));
    let provider = provider_of(&run, Succeed("1"));
    let state = run.go(&provider).await;
    let told = stopped(&state);
    assert_eq!((outcomes(&state), sent(&provider)), ([5, 0, 0, 0, 5], 5), "{told}");
    assert!(told.contains("5 spent"), "{told}");
    let state = run.go(&provider).await;
    assert_eq!((stopped(&state), sent(&provider)), (told, 5), "nothing more is sent for the same budget");
    run.limits.budget = Some(budget("10", Some("1")));
    let state = run.go(&provider).await;
    assert_eq!((outcomes(&state), sent(&provider)), ([10, 0, 0, 0, 0], 10));
}

#[tokio::test(start_paused = true)]
async fn rows_in_flight_are_waited_for_when_they_may_cost_less_than_was_set_aside() {
    let run = run_with(10, 4, budget("3", Some("2")));
    let provider = provider_of(&run, Succeed("0.5"));
    let state = run.go(&provider).await;
    stopped(&state);
    // Three times 2 fit one after the other: with 0, 0.5 and 1 spent.
    assert_eq!((outcomes(&state), provider.books.lock().unwrap().most_in_flight), ([3, 0, 0, 0, 7], 1));
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_suffices_changes_nothing() {
    let run = run_with(10, 10, budget("10", Some("1")));
    let provider = provider_of(&run, Accept(5_000, "1"));
    let state = run.go(&provider).await;
    assert_eq!((outcomes(&state), state.stopped()), ([10, 0, 0, 0, 0], None));
    assert_eq!(sent(&provider), 10);
}

#[tokio::test(start_paused = true)]
async fn the_start_is_careful_until_a_cost_is_known() {
    let run = run_with(40, 16, budget("1000", None));
    let provider = provider_of(&run, Succeed("1"));
    let start = Instant::now();
    let state = run.go(&provider).await;
    assert_eq!(outcomes(&state)[0], 40);
    let books = provider.books.lock().unwrap();
    let at_once = books.sent.iter().filter(|(_, at)| *at < start + provider.latency).count();
    assert_eq!((at_once, books.most_in_flight), (4, 16));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_tells_no_costs_is_not_trusted_with_a_budget() {
    let mut run = run_with(40, 16, budget("1000", None));
    let provider = provider_of(&run, ServerError);
    let state = run.go(&provider).await;
    assert_eq!(sent(&provider), 4);
    assert!(stopped(&state).contains("limits.budget.cost_per_row"));
    // With a bound, each unknown is charged at it.
    run.limits.budget = Some(budget("10", Some("1")));
    let state = run.go(&provider).await;
    assert_eq!((sent(&provider), outcomes(&state)), (10, [0, 10, 0, 0, 30]));
}

#[tokio::test(start_paused = true)]
async fn rows_in_doubt_keep_what_was_set_aside_for_them_also_in_the_next_process() {
    let run = run_with(10, 1, budget("3", Some("1")));
    let provider = run.provider([(1, vec![Lose]), (2, vec![Refuse, Succeed("0.5")])]);
    let first = tokio::time::timeout(Duration::from_millis(150), run.go(&provider)).await;
    assert!(first.is_err(), "killed with the second row on its way");
    let state = run.go(&provider).await;
    // Two rows in doubt at 1 each; ten rows of 0.1 do not fit, so that one row and no more is sent.
    assert_eq!(outcomes(&state), [1, 0, 2, 0, 7]);
    assert!(stopped(&state).contains("0.1 spent, 2 set aside"), "{state:?}");
}

#[tokio::test(start_paused = true)]
async fn each_send_that_may_have_run_is_charged() {
    let run = Run { delivery: Delivery::AtLeastOnce, ..run_with(3, 1, budget("4", Some("1"))) };
    let provider = run.provider([(1, vec![Lose, Lose, Succeed("0.5")])]);
    let state = run.go(&provider).await;
    // Two lost sends at 1, then 0.5, 0.1 and 0.1 to the second and the third row.
    assert_eq!((outcomes(&state), state.stopped()), ([3, 0, 0, 0, 0], None));
    assert_eq!(state.reserved().cost(), Some(cost("2")));
    let run = Run { delivery: Delivery::AtLeastOnce, ..run_with(3, 1, budget("2.9", Some("1"))) };
    let provider = run.provider([(1, vec![Lose, Lose, Succeed("0.5")])]);
    let state = run.go(&provider).await;
    assert_eq!((sent(&provider) < 5, stopped(&state).contains("2 set aside")), (true, true));
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_costs_nothing() {
    let run = run_with(4, 4, budget("1", Some("0.25")));
    let script = || vec![Refuse, Throttle(Some(1_000)), Succeed("0.25")];
    let provider = run.provider((1..=4).map(|row| (row, script())));
    let state = run.go(&provider).await;
    assert_eq!((outcomes(&state), state.stopped()), ([4, 0, 0, 0, 0], None));
}

/// What a row may do that costs at most 0.7.
fn script() -> impl Strategy<Value = Script> {
    prop_oneof![
        4 => proptest::sample::select(vec!["0", "0.1", "0.33", "0.7"]).prop_map(Succeed),
        2 => (0_u64..40_000, proptest::sample::select(vec!["0.05", "0.7"])).prop_map(|(ms, cost)| Accept(ms, cost)),
        1 => Just(Fail),
        1 => Just(ServerError),
        1 => Just(Refuse),
        1 => Just(Throttle(Some(700))),
        2 => Just(Lose),
        1 => Just(Hang),
    ]
}

fn scripts() -> impl Strategy<Value = Vec<Vec<Script>>> {
    let of_a_row = proptest::collection::vec(script(), 1..4).prop_map(|mut scripts| {
        scripts.push(Succeed("0.2"));
        scripts
    });
    proptest::collection::vec(of_a_row, 12)
}

fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// What intents set aside, by row and send.
fn reservations(run: &Run) -> HashMap<(u64, u64), Option<Cost>> {
    let journal = std::fs::read_to_string(run.folder.journal()).unwrap();
    let events = journal.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let intents = events.filter(|event| event["e"] == "intended");
    intents
        .map(|event| {
            let reserved = event["reserved"]["cost"].as_str().map(cost);
            ((event["row"].as_u64().unwrap(), event["attempt"].as_u64().unwrap()), reserved)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn with_a_true_bound_for_each_row_the_provider_never_bills_more_than_the_budget(
        scripts in scripts(),
        kills in proptest::collection::vec(0_u64..40_000, 0..6),
        concurrency in 1_usize..9,
        tenths in 0_u32..60,
        again in any::<bool>(),
    ) {
        paused().block_on(async {
            let total = format!("{}.{}", tenths / 10, tenths % 10);
            let mut run = run_with(scripts.len() as u64, concurrency, budget(&total, Some("0.7")));
            run.delivery = if again { Delivery::AtLeastOnce } else { Delivery::AtMostOnce };
            let provider = run.provider((1..).zip(scripts));
            for kill in kills {
                let _ = tokio::time::timeout(Duration::from_millis(kill), run.go(&provider)).await;
            }
            for _ in 0..3 {
                let state = run.go(&provider).await;
                let billed = provider.books.lock().unwrap().billed;
                assert!(billed <= cost(&total), "{billed} of {total}");
                let charged = state.reserved().cost().unwrap().checked_add(state.tally().cost).unwrap();
                assert!(billed <= charged && charged <= cost(&total), "{billed}, {charged} of {total}");
                assert!(state.stopped().is_some() || state.counts().not_run == 0);
            }
        });
    }

    #[test]
    fn without_a_bound_it_is_exceeded_at_most_by_what_rows_in_flight_cost_above_their_reservation(
        costs in proptest::collection::vec(proptest::sample::select(vec!["0.1", "0.3", "1", "4"]), 20),
        latencies in proptest::collection::vec(0_u64..20_000, 20),
        concurrency in 1_usize..9,
        total in 0_u32..20,
    ) {
        paused().block_on(async {
            let run = run_with(20, concurrency, budget(&total.to_string(), None));
            let scripts = costs.iter().zip(latencies).map(|(cost, ms)| vec![Accept(ms, cost)]);
            let provider = run.provider((1..).zip(scripts));
            run.go(&provider).await;
            let mut above: Vec<_> = reservations(&run)
                .into_iter()
                .map(|((row, _), reserved)| {
                    let cost = cost(costs[usize::try_from(row).unwrap() - 1]);
                    cost.checked_sub(reserved.unwrap_or(Cost::ZERO)).unwrap_or(Cost::ZERO)
                })
                .collect();
            above.sort_unstable_by(|a, b| b.cmp(a));
            // A row is in flight until its answer is durable, and so many are begun at most.
            let above: Option<Cost> = above.into_iter().take(2 * concurrency).sum();
            let most = cost(&total.to_string()).checked_add(above.unwrap()).unwrap();
            let billed = provider.books.lock().unwrap().billed;
            assert!(billed <= most, "{billed} is more than {most}");
        });
    }
}
