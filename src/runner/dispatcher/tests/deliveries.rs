//! Webhooks in every order: before the submit's reply, twice, in contradiction, after the end, after a crash.

use super::*;
use crate::model::Reopened;

fn ended(run_id: Option<&str>, outcome: Outcome, cost: Option<&str>) -> Delivered {
    let kind = (outcome == Outcome::Failed).then_some(ErrorKind::WORKFLOW_FAILED);
    Delivered::Ended(Box::new(Reply {
        workflow_run_id: run_id.map(str::to_owned),
        ..*reply(outcome, cost, kind)
    }))
}

fn succeeded(run_id: &str, cost: &str) -> Delivered {
    ended(Some(run_id), Outcome::Succeeded, Some(cost))
}

fn known(run_id: &str) -> Delivered {
    Delivered::Known { workflow_run_id: run_id.to_owned(), workflow_version: None, workflow_id: None }
}

impl Run {
    fn delivering(self, deliveries: impl IntoIterator<Item = (u64, u64, u32, Delivered)>) -> Self {
        Self { deliveries: deliveries.into_iter().collect(), told: Arc::default(), ..self }
    }

    fn told(&self) -> Vec<bool> {
        self.told.lock().unwrap().clone()
    }
}

fn receipts(state: &RunState) -> (u64, u64) {
    (state.tally().receipts, state.tally().contradictions)
}

fn polls_of(provider: &Provider, row: u64, start: Instant) -> Vec<u128> {
    let books = provider.books.lock().unwrap();
    let of_row = books.polled.iter().filter(|(polled, _)| *polled == row);
    of_row.map(|(_, at)| (*at - start).as_millis()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_delivery_ends_an_attached_row_before_its_next_poll() {
    let run = Run::of(1).delivering([(500, 1, 1, succeeded("run-1", "0.7"))]);
    let provider = run.provider([(1, vec![Accept(400, "0.7")])]);
    let start = Instant::now();
    let state = run.go(&provider).await;
    assert_eq!((start.elapsed().as_millis(), state.row(1)), (500, RowState::Ended(Outcome::Succeeded)));
    assert_eq!((state.tally().cost.to_string(), polls_of(&provider, 1, start)), ("0.7".to_owned(), vec![]));
    tokio::task::yield_now().await;
    assert_eq!((run.told(), receipts(&state)), (vec![true], (0, 0)));
}

#[tokio::test(start_paused = true)]
async fn a_delivery_before_the_submits_reply_ends_the_row_and_the_late_reply_is_ignored() {
    for run_id in [Some("run-1"), None] {
        let said = ended(run_id, Outcome::Succeeded, Some("0.7"));
        let run = Run::of(2).delivering([(1_000, 1, 1, said)]);
        // The second row keeps the run alive until long after the first one's reply.
        let scripts = [(1, vec![AcceptLate(3_000, 900, "0.7")]), (2, vec![Accept(9_000, "0.1")])];
        let provider = run.provider(scripts);
        let state = run.go(&provider).await;
        assert_eq!((outcomes(&state), state.is_complete()), ([2, 0, 0, 0, 0], true));
        let tally = state.tally();
        assert_eq!((tally.cost.to_string(), tally.attempts, tally.invokes), ("0.8".to_owned(), 2, 2));
        assert_eq!((state.cost_unknown_rows(), polls_of(&provider, 1, Instant::now())), (0, vec![]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_delivery_before_the_submits_reply_that_tells_no_cost_attaches_the_row() {
    for said in [known("run-1"), ended(Some("run-1"), Outcome::Succeeded, None)] {
        let run = Run::of(1).delivering([(1_000, 1, 1, said)]);
        let provider = run.provider([(1, vec![AcceptLate(30_000, 900, "0.7")])]);
        let start = Instant::now();
        let state = run.go(&provider).await;
        assert_eq!((outcomes(&state), state.tally().cost.to_string()), ([1, 0, 0, 0, 0], "0.7".to_owned()));
        assert!(start.elapsed() < Duration::from_secs(10), "the submit's reply is not waited for");
        assert_eq!((state.tally().attempts, polls_of(&provider, 1, start).len()), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_delivery_is_a_receipt_and_a_contradiction_is_counted() {
    let run = Run::of(2).delivering([
        (950, 1, 1, succeeded("run-1", "0.7")),
        (950, 1, 1, succeeded("run-1", "0.70")),
        (2_000, 1, 1, succeeded("run-1", "0.7")),
        (2_000, 1, 1, ended(Some("run-1"), Outcome::Succeeded, None)),
        (3_000, 1, 1, succeeded("run-1", "0.9")),
        (4_000, 1, 1, ended(Some("run-1"), Outcome::Failed, Some("0.7"))),
        (4_000, 1, 1, Delivered::Nothing),
    ]);
    let provider = run.provider([(1, vec![Accept(900, "0.7")]), (2, vec![Accept(9_000, "0.1")])]);
    let state = run.go(&provider).await;
    assert_eq!((outcomes(&state), state.tally().cost.to_string()), ([2, 0, 0, 0, 0], "0.8".to_owned()));
    assert_eq!((receipts(&state), run.told()), ((6, 2), vec![true; 7]));
    assert_eq!(provider.books.lock().unwrap().executed[&1], 1);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_is_not_believed_triggers_one_poll() {
    for said in [
        Delivered::Nothing,
        known("run-1"),
        succeeded("run-2", "0.7"),
        ended(None, Outcome::Succeeded, Some("0.7")),
        ended(Some("run-1"), Outcome::Succeeded, None),
    ] {
        let differs =
            matches!(&said, Delivered::Ended(reply) if reply.workflow_run_id.as_deref() == Some("run-2"));
        let run = Run::of(1).delivering([(700, 1, 1, said.clone()), (701, 1, 1, said.clone())]);
        let provider = run.provider([(1, vec![Accept(600, "0.7")])]);
        let start = Instant::now();
        let state = run.go(&provider).await;
        assert_eq!((start.elapsed().as_millis(), outcomes(&state)), (700, [1, 0, 0, 0, 0]), "{said:?}");
        assert_eq!(polls_of(&provider, 1, start), [700]);
        assert_eq!(receipts(&state), (1, u64::from(differs)));
        // Too early, however often, it is asked once, and then as if nothing had come.
        let often = (100..200).map(|after| (after, 1, 1, said.clone()));
        let run = Run::of(1).delivering(often);
        let provider = run.provider([(1, vec![Accept(600, "0.7")])]);
        let start = Instant::now();
        let state = run.go(&provider).await;
        assert_eq!((outcomes(&state), polls_of(&provider, 1, start)), ([1, 0, 0, 0, 0], vec![100, 2_100]));
        assert_eq!(run.told(), vec![true; 100]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_in_doubt_is_settled_by_a_delivery_while_the_run_lives() {
    for (said, polls) in [
        (succeeded("run-1", "0.5"), 0),
        (ended(None, Outcome::Succeeded, Some("0.5")), 0),
        (known("run-1"), 1),
        (ended(Some("run-1"), Outcome::Succeeded, None), 1),
    ] {
        // The second delivery comes while the first one's event is on its way to the disk.
        let run = Run::of(2).delivering([(1_000, 1, 1, said.clone()), (1_000, 1, 1, said)]);
        let provider = run.provider([(1, vec![Lose]), (2, vec![Accept(9_000, "0.1")])]);
        provider.books.lock().unwrap().runs.insert("run-1".into(), (1, Instant::now(), "0.5"));
        let state = run.go(&provider).await;
        assert_eq!((outcomes(&state), state.is_complete()), ([2, 0, 0, 0, 0], true));
        assert_eq!((state.tally().cost.to_string(), state.cost_unknown_rows()), ("0.6".to_owned(), 0));
        assert_eq!((polls_of(&provider, 1, Instant::now()).len(), receipts(&state)), (polls, (1, 0)));
        assert_eq!(provider.books.lock().unwrap().executed[&1], 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_delivery_settles_what_an_earlier_process_left() {
    for script in [Hang, Lose, Accept(90_000, "0.5")] {
        let run = Run::of(2);
        let provider = run.provider([(1, vec![script]), (2, vec![Succeed("0.1"), Accept(9_000, "0.2")])]);
        // A process that is killed: its future is dropped, and only the journal is left.
        let _ = tokio::time::timeout(Duration::from_millis(50), run.go(&provider)).await;
        let run = run.delivering([(500, 1, 1, succeeded("run-1", "0.5"))]);
        let (mut writer, history) = run.folder.go_on(Durability::Process).unwrap();
        let mut state = history.into_state();
        assert!(!state.is_complete());
        let plan = Plan::of(&state, run.delivery);
        crate::runner::run::settle_doubts(&mut writer, &mut state, &plan, run.delivery).unwrap();
        // Row 2 was on its way too: asked again, it keeps the run alive.
        let by = "resume --retry".to_owned();
        let reopened = Reopened { row: 2, from: Outcome::InDoubt, by };
        writer.append(&[RunEvent::Reopened(reopened)]).unwrap();
        drop(writer);
        let state = run.go(&provider).await;
        assert_eq!((state.row(1), run.told()), (RowState::Ended(Outcome::Succeeded), vec![true]));
        assert_eq!(provider.books.lock().unwrap().executed[&1], 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_delivery_for_a_send_that_the_journal_does_not_know_is_turned_away() {
    let run = Run::of(3).delivering([
        (50, 1, 2, succeeded("run-1", "0.7")),
        (50, 1, 0, succeeded("run-1", "0.7")),
        (50, 4, 1, succeeded("run-4", "0.7")),
        (50, 3, 1, succeeded("run-3", "0.7")),
    ]);
    let mut run = run;
    run.limits.concurrency = Concurrency::fixed(1);
    let provider = run.provider([]);
    let state = run.go(&provider).await;
    assert_eq!((outcomes(&state), receipts(&state)), ([3, 0, 0, 0, 0], (0, 0)));
    assert_eq!((state.tally().cost.to_string(), run.told()), ("0.3".to_owned(), vec![false; 4]));
}

#[tokio::test(start_paused = true)]
async fn a_delivery_of_an_earlier_send_never_answers_a_later_one() {
    let failed = || ended(Some("run-x"), Outcome::Failed, Some("0.2"));
    // At 150 ms the row waits to be sent again; at 5 s it is attached to its second run.
    let mut run = Run::of(1).delivering([(150, 1, 1, failed()), (5_000, 1, 1, failed())]);
    run.limits.retry.also = vec![RetryAlso::Failed];
    let provider = run.provider([(1, vec![Fail, Accept(9_000, "0.7")])]);
    let state = run.go(&provider).await;
    assert_eq!((outcomes(&state), receipts(&state)), ([1, 0, 0, 0, 0], (2, 0)));
    assert_eq!((state.tally().cost.to_string(), run.told()), ("0.9".to_owned(), vec![true; 2]));
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_says_a_refused_send_has_run_is_a_contradiction() {
    let run = Run::of(1).delivering([(110, 1, 1, succeeded("run-1", "0.7"))]);
    let provider = run.provider([(1, vec![Refuse, Succeed("0.1")])]);
    let state = run.go(&provider).await;
    assert_eq!((outcomes(&state), receipts(&state)), ([1, 0, 0, 0, 0], (1, 1)));
}

#[tokio::test(start_paused = true)]
async fn a_delivery_spares_a_row_in_doubt_its_second_send() {
    for said in [succeeded("run-1", "0.5"), known("run-1")] {
        let mut run = Run::of(1).delivering([(110, 1, 1, said)]);
        run.delivery = Delivery::AtLeastOnce;
        run.limits.retry.backoff.first = Duration::from_secs(100);
        run.limits.retry.backoff.longest = Duration::from_secs(100);
        let provider = run.provider([(1, vec![Lose])]);
        provider.books.lock().unwrap().runs.insert("run-1".into(), (1, Instant::now(), "0.5"));
        let state = run.go(&provider).await;
        assert_eq!((outcomes(&state), state.tally().cost.to_string()), ([1, 0, 0, 0, 0], "0.5".to_owned()));
        assert_eq!((state.tally().invokes, state.cost_unknown_rows()), (1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_delivery_after_a_stop_still_counts() {
    // The first signal leaves row 1 to resume, and waits for what is on the wire: meanwhile its result arrives.
    let run = Run { signals: vec![Duration::from_millis(500)], ..Run::of(2) };
    let run = run.delivering([(1_000, 1, 1, succeeded("run-1", "0.7"))]);
    let provider = run.provider([(1, vec![Accept(90_000, "0.7")]), (2, vec![Linger(3_000)])]);
    let state = run.go(&provider).await;
    assert_eq!((outcomes(&state), state.is_complete()), ([2, 0, 0, 0, 0], true));
}

#[tokio::test(start_paused = true)]
async fn a_delivery_spares_a_row_that_a_crash_left_in_doubt_its_second_send() {
    for said in [succeeded("run-2", "0.5"), known("run-2")] {
        let mut run = Run::of(2);
        run.delivery = Delivery::AtLeastOnce;
        let provider = run.provider([(1, vec![Refuse, Linger(2_000)]), (2, vec![Hang])]);
        let _ = tokio::time::timeout(Duration::from_millis(110), run.go(&provider)).await;
        // The next process is busy with another row, while the one in doubt waits behind it.
        run.limits.concurrency = Concurrency::fixed(1);
        provider.books.lock().unwrap().runs.insert("run-2".into(), (2, Instant::now(), "0.5"));
        let run = run.delivering([(500, 2, 1, said)]);
        let state = run.go(&provider).await;
        assert_eq!((outcomes(&state), state.cost_unknown_rows()), ([2, 0, 0, 0, 0], 0));
        assert_eq!(provider.books.lock().unwrap().executed[&2], 1);
    }
}
