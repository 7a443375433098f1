//! Runs that are killed at random instants by a provider that does anything: the promises must hold all the same.

use proptest::prelude::*;

use super::*;
use crate::manifest::{PerTime, RateSpec, RatesSpec};

/// What befalls a row, send by send. A provider that throttles for ever suspends the run, so the last is something
/// else.
fn scripts() -> impl Strategy<Value = Vec<Script>> {
    proptest::collection::vec(script(), 1..4).prop_map(|mut scripts| {
        if let Some(Throttle(_)) = scripts.last() {
            scripts.push(Succeed("0.3"));
        }
        scripts
    })
}

fn script() -> impl Strategy<Value = Script> {
    prop_oneof![
        6 => Just(Succeed("0.3")),
        1 => Just(Fail),
        1 => Just(ServerError),
        1 => Just(Refuse),
        1 => Just(Throttle(Some(700))),
        1 => Just(Throttle(None)),
        2 => Just(Lose),
        1 => Just(Hang),
        4 => (0_u64..70_000).prop_map(|ms| Accept(ms, "0.7")),
    ]
}

/// When webhooks come, of which send of which row, and how much of the truth they tell.
fn deliveries() -> impl Strategy<Value = Vec<(u64, u64, u32, u32)>> {
    proptest::collection::vec((0_u64..40_000, 1_u64..=12, 1_u32..4, 0_u32..4), 0..60)
}

/// Rates, or none.
fn rates() -> impl Strategy<Value = Option<RateSpec>> {
    let per = |count, seconds| PerTime { count, per: Duration::from_secs(seconds) };
    prop_oneof![
        3 => Just(None),
        1 => Just(Some(RatesSpec::Shared(per(5, 1)))),
        1 => Just(Some(RatesSpec::Shared(per(40, 1)))),
        1 => Just(Some(RatesSpec::Apart { invoke: Some(per(90, 60)), poll: None })),
        1 => Just(Some(RatesSpec::Apart { invoke: Some(per(5, 1)), poll: Some(per(120, 60)) })),
        1 => Just(Some(RatesSpec::Apart { invoke: None, poll: Some(per(2, 1)) })),
    ]
    .prop_flat_map(|rates| {
        proptest::option::of(1_u32..4).prop_map(move |burst| rates.map(|rates| RateSpec { rates, burst }))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn however_often_it_is_killed_no_row_is_lost_and_none_is_executed_twice(
        scripts in proptest::collection::vec(scripts(), 12),
        kills in proptest::collection::vec(0_u64..40_000, 0..6),
        honest in deliveries(),
        rate in rates(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut run = Run { honest, ..Run::of(scripts.len() as u64) };
            run.limits.rate = rate;
            let provider = run.provider((1..).zip(scripts));
            for kill in kills {
                // A process that is killed: its future is dropped, and only the journal is left.
                let _ = tokio::time::timeout(Duration::from_millis(kill), run.go(&provider)).await;
                // A report may be asked for at any time.
                agree(&run.folder.read().unwrap());
            }
            let mut state = run.go(&provider).await;
            for _ in 0..3 {
                state = run.go(&provider).await;
            }
            let books = provider.books.lock().unwrap();
            assert!(state.is_complete() && state.counts().not_run == 0, "{:?}", state.counts());
            for (row, executed) in &books.executed {
                assert_eq!(*executed, 1, "row {row}");
            }
            // What is not billed in our books is in doubt in them.
            let unknown: Vec<_> = books.executed.keys().filter(|row| {
                matches!(state.row(**row), RowState::InDoubt(_))
            }).collect();
            let known = state.tally().cost;
            let doubtful = unknown.len() as u64;
            assert!(doubtful <= state.counts().in_doubt);
            assert!(doubtful > 0 || known == books.billed, "{known} of {}", books.billed);
            assert!(known <= books.billed);
        });
    }

    #[test]
    fn whatever_is_asked_again_the_rows_agree_with_the_events(
        scripts in proptest::collection::vec(scripts(), 10),
        kills in proptest::collection::vec((0_u64..40_000, any::<bool>()), 0..5),
        honest in deliveries(),
        signals in proptest::collection::vec(0_u64..20_000, 0..3),
        (at_least_once, also, halts) in any::<(bool, bool, bool)>(),
        rate in rates(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut run = Run { honest, ..Run::of(scripts.len() as u64) };
            run.limits.rate = rate;
            if at_least_once {
                run.delivery = Delivery::AtLeastOnce;
            }
            if also {
                run.limits.retry.also = vec![RetryAlso::Failed, RetryAlso::ServerError];
            }
            run.limits.halt = halts.then_some(Halt { failures: Limit::Count(2), after: 0 });
            run.limits.drain = Some(Duration::from_secs(3));
            run.signals = signals.into_iter().map(Duration::from_millis).collect();
            let provider = run.provider((1..).zip(scripts));
            for (kill, asks_again) in kills {
                let _ = tokio::time::timeout(Duration::from_millis(kill), run.go(&provider)).await;
                agree(&run.folder.read().unwrap());
                if asks_again {
                    ask_again(&run);
                }
            }
            run.signals.clear();
            run.limits.halt = None;
            let mut state = run.go(&provider).await;
            for _ in 0..3 {
                state = run.go(&provider).await;
            }
            assert!(state.is_complete() && state.counts().not_run == 0, "{:?}", state.counts());
            let (known, billed) = (state.tally().cost, provider.books.lock().unwrap().billed);
            assert!(known <= billed);
            assert!(state.cost_unknown_rows() > 0 || known == billed, "{known} of {billed}");
        });
    }
}

/// What `resume --retry failed,in_doubt` does.
fn ask_again(run: &Run) {
    let (mut writer, history) = run.folder.go_on(Durability::Process).unwrap();
    let state = history.into_state();
    let reopened = state.selected().iter().filter_map(|row| {
        let from = match state.row(row) {
            RowState::Ended(Outcome::Failed) => Outcome::Failed,
            RowState::InDoubt(None) => Outcome::InDoubt,
            _ => return None,
        };
        Some(RunEvent::Reopened(crate::model::Reopened { row, from, by: "resume --retry".to_owned() }))
    });
    writer.append(&reopened.collect::<Vec<_>>()).unwrap();
}
