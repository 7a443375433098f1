use std::collections::HashMap;
use std::sync::Mutex;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::*;
use crate::journal::{Durability, RunFolder, RunLock};
use crate::manifest::{Backoff, ClassRetry, Concurrency, Halt, Retry, RetryAlso, RetryClass};
use crate::model::{Cost, ErrorKind, Limit, RowError, RowKey, RowState, Selected, Verdict};
use crate::reply::{Delivered, LogEntry, Refusal, Reply};
use crate::runner::{Content, Plan};
use crate::workflow::{self, Ask, Call, LogQuery};

mod budget;
mod chaos;
mod deliveries;
mod flow;
mod impossible;
mod ordeals;
mod polling;
mod rates;

/// What the provider does with a request.
#[derive(Clone, Debug)]
enum Script {
    /// Answers with success, at this cost.
    Succeed(&'static str),
    /// Executes it, and answers with status FAILED.
    Fail,
    /// The service's own error, which may have been billed.
    ServerError,
    /// Refuses it; a certain time later it may be tried again, when given.
    Throttle(Option<u64>),
    Refuse,
    RefuseKey,
    /// Executes it, and the reply is lost.
    Lose,
    /// Accepts it; the run ends after so many ms, at this cost.
    Accept(u64, &'static str),
    /// The same, and says so only after so many ms.
    AcceptLate(u64, u64, &'static str),
    /// Accepts it, and then never knows of it.
    AcceptAndForget,
    /// Executes it, and names the run of another row.
    AcceptAs(u64),
    Hang,
    /// Succeeds after so many ms.
    Linger(u64),
    Panic,
}

use Script::{
    Accept, AcceptAndForget, AcceptAs, AcceptLate, Fail, Hang, Linger, Lose, Panic, Refuse, RefuseKey,
    ServerError, Succeed, Throttle,
};

/// A provider that does as it is told, row by row, and keeps its own books.
#[derive(Default)]
struct Provider {
    scripts: HashMap<u64, Vec<Script>>,
    default: Option<Script>,
    latency: Duration,
    poll_latency: Duration,
    /// Polls that are asked to slow down, by their place in the order of all.
    throttled_polls: Vec<usize>,
    /// What it says once, with an answer: for how long it will take nothing more.
    used_up: Mutex<Option<Duration>>,
    /// Each so manieth invoke waits for a new connection so long; the first does.
    connects: Option<(usize, Duration)>,
    connected: Mutex<Option<Instant>>,
    books: Mutex<Books>,
    journal: std::path::PathBuf,
    /// More requests than this at a time are asked to slow down.
    capacity: Option<usize>,
    /// Nothing is reached until then.
    down_until: Option<Instant>,
    /// But before then it still was.
    up_until: Option<Instant>,
}

#[derive(Default)]
struct Books {
    sent: Vec<(u64, Instant)>,
    /// When invokes were written, after what their connection took.
    written: Vec<Instant>,
    polled: Vec<(u64, Instant)>,
    executed: HashMap<u64, u32>,
    billed: Cost,
    runs: HashMap<String, (u64, Instant, &'static str)>,
    in_flight: usize,
    most_in_flight: usize,
    polling: usize,
    most_polling: usize,
    /// What became of each send that was executed.
    truths: HashMap<(u64, u32), (Outcome, &'static str, Option<String>)>,
}

impl Provider {
    fn row_of(user_id: &str) -> u64 {
        user_id.rsplit('-').next().unwrap().parse().unwrap()
    }

    fn script(&self, row: u64) -> Script {
        let sent = self.books.lock().unwrap().sent.iter().filter(|(sent, _)| *sent == row).count();
        let script = self.scripts.get(&row).and_then(|scripts| scripts.get(sent - 1).or(scripts.last()));
        script.or(self.default.as_ref()).cloned().unwrap_or(Succeed("0.1"))
    }

    fn execute(&self, row: u64, cost: &str) {
        let mut books = self.books.lock().unwrap();
        *books.executed.entry(row).or_default() += 1;
        books.billed = books.billed.checked_add(cost.parse().unwrap()).unwrap();
    }

    fn note(&self, call: &Call, outcome: Outcome, cost: &'static str, run_id: Option<String>) {
        self.books.lock().unwrap().truths.insert((call.row, call.attempt), (outcome, cost, run_id));
    }

    /// What a webhook says of a send: the truth, or as much of it as its form has; nothing when it was not executed.
    fn truth(&self, row: u64, attempt: u32, form: u32) -> Option<Delivered> {
        let (outcome, cost, run_id) = self.books.lock().unwrap().truths.get(&(row, attempt))?.clone();
        let kind = (outcome == Outcome::Failed).then_some(ErrorKind::WORKFLOW_FAILED);
        Some(match (form, run_id) {
            (0, _) => Delivered::Nothing,
            (1, Some(workflow_run_id)) => {
                Delivered::Known { workflow_run_id, workflow_version: None, workflow_id: None }
            }
            (_, workflow_run_id) => {
                Delivered::Ended(Box::new(Reply { workflow_run_id, ..*reply(outcome, Some(cost), kind) }))
            }
        })
    }

    fn assert_durable(&self, what: &str) {
        let journal = std::fs::read_to_string(&self.journal).unwrap();
        assert!(journal.contains(what), "{what} was not in the journal");
    }
}

fn refusal(kind: ErrorKind, retry_after: Option<u64>, throttled: bool) -> Refusal {
    let retry_after = retry_after.map(Duration::from_millis);
    Refusal { error: RowError::new(kind, "refused"), retry_after, throttled, stop: None }
}

fn reply(outcome: Outcome, cost: Option<&str>, kind: Option<ErrorKind>) -> Box<Reply> {
    Box::new(Reply {
        outcome,
        error: kind.map(|kind| RowError::new(kind, "said so")),
        http_status: 200,
        cost: cost.map(|cost| cost.parse().unwrap()),
        tokens: None,
        executed: true,
        workflow_run_id: None,
        workflow_id: None,
        workflow_version: None,
        server_ms: None,
        raw: Some(RawValue::from_string("{}".to_owned()).unwrap()),
        raw_text: None,
        redacted: false,
    })
}

/// Leaves the provider's counters right when a request is dropped.
struct InFlight<'a>(&'a Provider);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.books.lock().unwrap().in_flight -= 1;
    }
}

impl Workflow for Provider {
    fn used_up(&self) -> Option<Instant> {
        self.used_up.lock().unwrap().take().map(|wait| Instant::now() + wait)
    }

    async fn verify(&self) -> Result<(), RowError> {
        Ok(())
    }

    async fn run_log(&self, _: &LogQuery) -> Result<Vec<LogEntry>, RowError> {
        Ok(Vec::new())
    }

    fn connected(&self, _: crate::pace::Request) -> Option<Instant> {
        self.connected.lock().unwrap().take()
    }

    async fn invoke(&self, call: Call) -> Judgement {
        let row = Self::row_of(&call.user_id);
        let attempt = {
            let mut books = self.books.lock().unwrap();
            books.sent.push((row, Instant::now()));
            books.in_flight += 1;
            books.most_in_flight = books.most_in_flight.max(books.in_flight);
            books.sent.iter().filter(|(sent, _)| *sent == row).count()
        };
        let _in_flight = InFlight(self);
        self.connect().await;
        self.assert_durable(&format!("\"row\":{row},\"attempt\":{attempt},"));
        if let Some(refused) = self.turn_away().await {
            return refused;
        }
        let script = self.script(row);
        let ambiguous = |kind| Judgement::Ambiguous { error: RowError::new(kind, "lost"), body: None };
        if let Hang | Lose = script {
            self.execute(row, "0.5");
            self.note(&call, Outcome::Succeeded, "0.5", None);
        }
        if let Hang = script {
            tokio::time::sleep(call.timeout).await;
            return ambiguous(ErrorKind::TIMEOUT);
        }
        if let Accept(_, cost) | AcceptLate(_, _, cost) = script {
            self.note(&call, Outcome::Succeeded, cost, Some(format!("run-{row}")));
        }
        if let Accept(..) | AcceptAndForget | AcceptAs(_) = script {
            return self.accept(row, &script);
        }
        if let AcceptLate(after, ms, cost) = script {
            let accepted = self.accept(row, &Accept(ms, cost));
            tokio::time::sleep(Duration::from_millis(after)).await;
            return accepted;
        }
        let latency = if let Linger(ms) = script { Duration::from_millis(ms) } else { self.latency };
        tokio::time::sleep(latency).await;
        match script {
            Linger(_) => {
                self.execute(row, "0.1");
                Judgement::Answered(reply(Outcome::Succeeded, Some("0.1"), None))
            }
            Succeed(cost) => {
                self.execute(row, cost);
                self.note(&call, Outcome::Succeeded, cost, None);
                Judgement::Answered(reply(Outcome::Succeeded, Some(cost), None))
            }
            Fail => {
                self.execute(row, "0.2");
                self.note(&call, Outcome::Failed, "0.2", None);
                Judgement::Answered(reply(Outcome::Failed, Some("0.2"), Some(ErrorKind::WORKFLOW_FAILED)))
            }
            ServerError => Judgement::Answered(reply(Outcome::Failed, None, Some(ErrorKind::SERVER_ERROR))),
            Throttle(retry_after) => Judgement::Refused(refusal(ErrorKind::THROTTLED, retry_after, true)),
            Refuse => Judgement::Refused(refusal(ErrorKind::CONNECT, None, false)),
            RefuseKey => {
                let refusal = refusal(ErrorKind::AUTHENTICATION, None, false);
                Judgement::Refused(Refusal { stop: Some(StopCause::Authentication), ..refusal })
            }
            Lose => ambiguous(ErrorKind::CONNECTION_LOST),
            Panic => panic!("the provider's client broke"),
            Hang | Accept(..) | AcceptLate(..) | AcceptAndForget | AcceptAs(_) => unreachable!(),
        }
    }

    async fn query(&self, run_id: &str) -> PollJudgement {
        self.assert_durable(&format!("\"workflow_run_id\":\"{run_id}\""));
        let known = self.books.lock().unwrap().runs.get(run_id).copied();
        let row: u64 = run_id.rsplit('-').next().unwrap().parse().unwrap();
        let place = {
            let mut books = self.books.lock().unwrap();
            books.polled.push((row, Instant::now()));
            books.polling += 1;
            books.most_polling = books.most_polling.max(books.polling);
            books.polled.len() - 1
        };
        tokio::time::sleep(self.poll_latency).await;
        self.books.lock().unwrap().polling -= 1;
        if self.throttled_polls.contains(&place) {
            return PollJudgement::Again(refusal(ErrorKind::THROTTLED, None, true));
        }
        match known {
            None => PollJudgement::Refused(RowError::new(ErrorKind::POLL_REFUSED, "never heard of it")),
            Some((_, due, _)) if due > Instant::now() => PollJudgement::Pending,
            Some((_, _, cost)) => PollJudgement::Answered(reply(Outcome::Succeeded, Some(cost), None)),
        }
    }
}

impl Provider {
    /// Refuses what comes while it is down or full.
    async fn turn_away(&self) -> Option<Judgement> {
        let now = Instant::now();
        if self.down_until.is_some_and(|until| now < until) && self.up_until.is_none_or(|until| now >= until)
        {
            return Some(Judgement::Refused(refusal(ErrorKind::CONNECT, None, false)));
        }
        let is_full = self.capacity.is_some_and(|most| self.books.lock().unwrap().in_flight > most);
        if !is_full {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        Some(Judgement::Refused(refusal(ErrorKind::THROTTLED, Some(1_000), true)))
    }

    async fn connect(&self) {
        let Some((each, takes)) = self.connects else { return };
        let sent = self.books.lock().unwrap().sent.len();
        if sent % each == 1 {
            tokio::time::sleep(takes).await;
            *self.connected.lock().unwrap() = Some(Instant::now());
        }
        self.books.lock().unwrap().written.push(Instant::now());
    }

    fn accept(&self, row: u64, script: &Script) -> Judgement {
        let named = if let AcceptAs(other) = script { *other } else { row };
        let workflow_run_id = format!("run-{named}");
        if let AcceptAs(_) = script {
            self.execute(row, "0.5");
        }
        if let Accept(ms, cost) = script {
            self.execute(row, cost);
            let due = Instant::now() + Duration::from_millis(*ms);
            self.books.lock().unwrap().runs.insert(workflow_run_id.clone(), (row, due, *cost));
        }
        Judgement::Acknowledged { workflow_run_id, workflow_version: None, workflow_id: None }
    }
}

/// A run over rows 1 to `rows`, in a folder of its own.
struct Run {
    _temp: tempfile::TempDir,
    folder: RunFolder,
    rows: u64,
    limits: Limits,
    delivery: Delivery,
    signals: Vec<Duration>,
    /// What webhooks bring: when, for which row and send, and what they say.
    deliveries: Vec<(u64, u64, u32, Delivered)>,
    /// The same, for what was executed by then: the truth, in one of a few forms.
    honest: Vec<(u64, u64, u32, u32)>,
    /// The shortest and the longest time between two polls.
    interval: Option<(Duration, Duration)>,
    /// Free requests that ask the first process for a permit.
    asks: Mutex<Option<mpsc::Receiver<Ask>>>,
    /// Whether each was told that it is durable, in the order of the answers.
    told: Arc<Mutex<Vec<bool>>>,
}

impl Run {
    fn of(rows: u64) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let folder = RunFolder::at(temp.path().join("m/r"));
        let claim = folder.claim().unwrap();
        let selected = RunEvent::Selected(Selected { count: rows, ranges: vec![(1, rows)] });
        drop(
            folder.begin(claim, &RunLock::example("r", 0), b"", vec![selected], Durability::Process).unwrap(),
        );
        let limits = Limits {
            concurrency: Concurrency::fixed(4),
            timeout: Duration::from_secs(60),
            deadline: None,
            drain: None,
            retry: Retry {
                attempts: 3,
                backoff: Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(8) },
                ..Retry::default()
            },
            delivery: Delivery::AtMostOnce,
            budget: None,
            halt: None,
            rate: None,
            longest_throttle: crate::pace::LONGEST_THROTTLE,
        };
        Self {
            _temp: temp,
            folder,
            rows,
            limits,
            delivery: Delivery::AtMostOnce,
            signals: vec![],
            deliveries: vec![],
            honest: vec![],
            interval: Some((Duration::from_secs(2), Duration::from_secs(15))),
            asks: Mutex::default(),
            told: Arc::default(),
        }
    }

    fn provider(&self, scripts: impl IntoIterator<Item = (u64, Vec<Script>)>) -> Arc<Provider> {
        let scripts = scripts.into_iter().collect();
        let latency = Duration::from_millis(100);
        Arc::new(Provider { scripts, latency, journal: self.folder.journal(), ..Provider::default() })
    }

    /// Delivers what is to be delivered to one process; none when that is nothing.
    fn deliver(&self, provider: &Arc<Provider>) -> Option<mpsc::Receiver<workflow::Delivery>> {
        let (into, incoming) = mpsc::channel(256);
        let told = self.deliveries.iter().map(|(after, row, attempt, said)| {
            let said = said.clone();
            (*after, *row, *attempt, Box::new(move || Some(said)) as Box<dyn FnOnce() -> _ + Send>)
        });
        let honest = self.honest.iter().map(|(after, row, attempt, form)| {
            let (provider, row, attempt, form) = (Arc::clone(provider), *row, *attempt, *form);
            (*after, row, attempt, Box::new(move || provider.truth(row, attempt, form)) as Box<_>)
        });
        for (after, row, attempt, said) in told.chain(honest) {
            let (into, told) = (into.clone(), Arc::clone(&self.told));
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(after)).await;
                let Some(said) = said() else { return };
                let (durable, is_durable) = tokio::sync::oneshot::channel();
                let (method, sha256) = ("POST", String::new());
                let delivery = workflow::Delivery { row, attempt, method, sha256, said, durable };
                let sent = into.send(delivery).await.is_ok();
                let is_durable = sent && is_durable.await.is_ok();
                told.lock().unwrap().push(is_durable);
            });
        }
        let is_any = !self.deliveries.is_empty() || !self.honest.is_empty();
        is_any.then_some(incoming)
    }

    fn pace(&self) -> Pace {
        let rates = self.limits.rate.map(|rate| rate.rates()).unwrap_or_default();
        Pace::new(rates, self.limits.longest_throttle)
    }

    /// One process over what remains.
    async fn go(&self, provider: &Arc<Provider>) -> RunState {
        // The waits of back-off are drawn: the same ones each time.
        fastrand::seed(7);
        let (mut writer, history) = self.folder.go_on(Durability::Process).unwrap();
        let mut state = history.into_state();
        let plan = Plan::of(&state, self.delivery);
        crate::runner::run::settle_doubts(&mut writer, &mut state, &plan, self.delivery).unwrap();
        let (send, source) = mpsc::channel(1_000);
        for row in plan.send.iter().filter(|row| *row <= self.rows) {
            send.try_send(Rows::Prepared(Box::new(prepared(row)))).unwrap();
        }
        drop(send);
        let (signal, signals) = mpsc::channel(4);
        for after in self.signals.clone() {
            let signal = signal.clone();
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                let _ = signal.send(Signal::Stop).await;
            });
        }
        let schedule = PollSchedule::new(None, self.interval);
        let is_fresh = state.is_untouched();
        let deliveries = self.deliver(provider);
        let mut dispatcher = Dispatcher::new(Parts {
            workflow: Arc::clone(provider),
            observer: (),
            limits: self.limits.clone(),
            trial: Trial::of(None),
            delivery: self.delivery,
            committer: Committer::immediate(writer),
            state,
            source,
            deliveries,
            pace: self.pace(),
            allowance: None,
            asks: self.asks.lock().unwrap().take(),
            schedule,
            control: Some(Watch::new(self.folder.path(), 1)),
            start: Instant::now(),
            ahead: 16,
        });
        for (row, run_id) in plan.poll {
            dispatcher.take_up(row, run_id);
        }
        let driven = dispatcher.drive(signals).await.unwrap();
        // What the dispatcher believes is what the journal says.
        let told = self.folder.read().unwrap();
        assert_eq!(driven.state.counts(), told.state().counts());
        agree(&told);
        assert!(driven.index.is_some() || !is_fresh || !self.limits.retry.also.is_empty());
        if let Some(index) = &driven.index {
            assert_eq!(index, told.index(), "what is noted on the way is what the journal says");
        }
        driven.state
    }
}

/// What the rows of a journal come to one by one is what its events come to as a whole.
fn agree(history: &crate::journal::History) {
    let state = history.state();
    let mut counted = [0; 5];
    let (mut attempts, mut cost, mut unknown) = (0, Some(Cost::ZERO), 0);
    for facts in history.rows().unwrap() {
        let facts = facts.unwrap();
        counted[facts.outcome() as usize] += 1;
        attempts += u64::from(facts.attempts);
        unknown += u64::from(facts.cost.is_none());
        cost = cost.and_then(|sum| sum.checked_add(facts.cost?));
    }
    assert_eq!(counted, outcomes(state));
    assert_eq!((attempts, unknown), (state.tally().attempts, state.cost_unknown_rows()));
    assert!(cost.is_none_or(|cost| cost == state.tally().cost), "{cost:?} against {}", state.tally().cost);
}

fn prepared(row: u64) -> Prepared {
    let json = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
    Prepared {
        number: row,
        key: Some(RowKey(row.to_string())),
        row_sha: String::new(),
        record: json("{}"),
        content: Ok(Content {
            input_sha256: String::new(),
            journal_input: json("{\"x\":1}"),
            body: Bytes::from_static(b"{\"x\":1}"),
            user_id: format!("fb-r-{row}"),
        }),
    }
}

fn outcomes(state: &RunState) -> [u64; 5] {
    let counts = state.counts();
    Outcome::ALL.map(|outcome| counts.of(outcome))
}

#[tokio::test(start_paused = true)]
async fn every_row_is_sent_once_and_never_more_at_a_time_than_allowed() {
    let run = Run::of(100);
    let provider = run.provider([]);
    let state = run.go(&provider).await;
    let books = provider.books.lock().unwrap();
    assert_eq!((outcomes(&state), state.is_complete()), ([100, 0, 0, 0, 0], true));
    assert_eq!((books.sent.len(), books.most_in_flight), (100, 4));
    assert_eq!(state.tally().cost, books.billed);
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_is_tried_again_and_fails_when_attempts_are_used_up() {
    let run = Run::of(2);
    let provider = run.provider([(1, vec![Refuse, Refuse, Succeed("1")]), (2, vec![Refuse])]);
    let state = run.go(&provider).await;
    assert_eq!(outcomes(&state), [1, 1, 0, 0, 0]);
    assert_eq!((state.tally().attempts, state.tally().invokes), (6, 6));
    assert_eq!(state.cost_unknown_rows(), 0, "what never ran costs nothing, and that is known");
}

#[tokio::test(start_paused = true)]
async fn a_row_that_may_have_run_is_held_and_never_sent_again() {
    let run = Run::of(3);
    let provider = run.provider([(2, vec![Lose, Succeed("1")])]);
    let state = run.go(&provider).await;
    assert_eq!((outcomes(&state), state.is_complete()), ([2, 0, 1, 0, 0], true));
    assert_eq!((state.row(2), state.cost_unknown_rows()), (RowState::InDoubt(None), 1));
    run.go(&provider).await;
    assert_eq!(provider.books.lock().unwrap().executed[&2], 1);
}

#[tokio::test(start_paused = true)]
async fn under_at_least_once_it_is_sent_again_and_its_cost_stays_unknown() {
    let run = Run { delivery: Delivery::AtLeastOnce, ..Run::of(3) };
    let provider = run.provider([(2, vec![Lose, Succeed("1")])]);
    let state = run.go(&provider).await;
    assert_eq!((outcomes(&state), state.cost_unknown_rows()), ([3, 0, 0, 0, 0], 1));
}

#[tokio::test(start_paused = true)]
async fn a_call_to_slow_down_pauses_the_key_and_is_no_attempt() {
    let run = Run::of(8);
    let provider = run.provider([(1, vec![Throttle(Some(30_000)), Succeed("0.1")])]);
    let start = Instant::now();
    let state = run.go(&provider).await;
    assert_eq!(outcomes(&state), [8, 0, 0, 0, 0]);
    assert_eq!((state.tally().throttled, state.tally().attempts, state.tally().invokes), (1, 8, 9));
    let books = provider.books.lock().unwrap();
    let during = books.sent.iter().filter(|(_, at)| {
        let after = *at - start;
        after > Duration::from_millis(100) && after < Duration::from_millis(30_100)
    });
    assert_eq!(during.count(), 0, "nothing is sent during the pause");
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_would_be_too_long_suspends_the_run() {
    let run = Run::of(8);
    let provider = run.provider([(1, vec![Throttle(Some(3_000_000))])]);
    let state = run.go(&provider).await;
    assert_eq!((state.stopped().unwrap().cause, state.counts().failed), (StopCause::Throttled, 0));
    assert!(state.counts().not_run > 0);
}

#[tokio::test(start_paused = true)]
async fn an_accepted_row_is_polled_until_it_ends_and_never_sent_again() {
    let run = Run::of(20);
    let mut provider = Arc::into_inner(run.provider([])).unwrap();
    provider.default = Some(Accept(5_000, "0.25"));
    let provider = Arc::new(provider);
    let state = run.go(&provider).await;
    assert_eq!((outcomes(&state), state.tally().cost.to_string()), ([20, 0, 0, 0, 0], "5.00".to_owned()));
    let books = provider.books.lock().unwrap();
    assert_eq!(books.sent.len(), 20);
    assert!(books.polled.len() <= 60, "{} polls for 20 runs", books.polled.len());
}

#[tokio::test(start_paused = true)]
async fn a_timeout_after_the_acknowledgement_leaves_the_row_attached_for_resume() {
    let run = Run::of(2);
    let provider = run.provider([(1, vec![Accept(90_000, "0.7")])]);
    let state = run.go(&provider).await;
    assert_eq!(outcomes(&state), [1, 0, 1, 0, 0]);
    assert_eq!((state.row(1), state.is_complete()), (RowState::InDoubt(Some("run-1".into())), false));
    let state = run.go(&provider).await;
    assert_eq!((outcomes(&state), state.is_complete()), ([2, 0, 0, 0, 0], true));
    assert_eq!(provider.books.lock().unwrap().executed[&1], 1);
    assert_eq!(state.tally().cost.to_string(), "0.8");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_the_provider_never_heard_of_ends_in_doubt() {
    let run = Run::of(1);
    let provider = run.provider([(1, vec![AcceptAndForget])]);
    let state = run.go(&provider).await;
    assert_eq!(outcomes(&state), [0, 0, 1, 0, 0]);
    assert_eq!(provider.books.lock().unwrap().polled.len(), 3, "it is not believed at once");
}

#[tokio::test(start_paused = true)]
async fn one_workflow_run_is_never_taken_for_two_rows() {
    let run = Run::of(2);
    let provider = run.provider([(1, vec![Accept(5_000, "0.5")]), (2, vec![AcceptAs(1)])]);
    let state = run.go(&provider).await;
    assert_eq!(outcomes(&state), [1, 0, 1, 0, 0]);
    assert_eq!((state.tally().cost.to_string(), state.cost_unknown_rows()), ("0.5".to_owned(), 1));
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_stops_the_run_and_leaves_rows_to_be_run() {
    let run = Run::of(50);
    let provider = run.provider((1..=50).map(|row| (row, vec![RefuseKey, Succeed("1")])));
    let state = run.go(&provider).await;
    assert_eq!(
        (outcomes(&state), state.stopped().unwrap().cause),
        ([0, 0, 0, 0, 50], StopCause::Authentication)
    );
    assert!(provider.books.lock().unwrap().sent.len() <= 4);
    let state = run.go(&provider).await;
    assert!(state.counts().not_run > 0, "rows that were not sent before meet the refusal only now");
}

#[tokio::test(start_paused = true)]
async fn the_first_signal_waits_for_the_wire_and_leaves_accepted_rows_to_resume() {
    let run = Run { signals: vec![Duration::from_millis(50)], ..Run::of(50) };
    let provider = run.provider([(1, vec![Accept(90_000, "1")])]);
    let start = Instant::now();
    let state = run.go(&provider).await;
    assert_eq!(
        (start.elapsed(), state.stopped().unwrap().cause),
        (Duration::from_millis(100), StopCause::Interrupted)
    );
    assert_eq!(outcomes(&state), [3, 0, 1, 0, 46]);
    assert_eq!(state.row(1), RowState::Attached("run-1".into()));
    let run = Run { signals: vec![], ..run };
    let state = run.go(&provider).await;
    assert_eq!(outcomes(&state)[0], 49);
}

#[tokio::test(start_paused = true)]
async fn what_outlasts_the_drain_or_a_second_signal_is_in_doubt() {
    for (drain, signals) in [(Some(Duration::from_secs(5)), vec![1]), (None, vec![1, 6])] {
        let mut run = Run { signals: signals.into_iter().map(Duration::from_secs).collect(), ..Run::of(50) };
        run.limits.drain = drain;
        let provider = run.provider([(3, vec![Hang])]);
        let mut provider = Arc::into_inner(provider).unwrap();
        provider.latency = Duration::from_secs(2);
        let start = Instant::now();
        let state = run.go(&Arc::new(provider)).await;
        assert_eq!((start.elapsed(), outcomes(&state)), (Duration::from_secs(6), [3, 0, 1, 0, 46]));
        assert_eq!(state.row(3), RowState::InDoubt(None));
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_drains_like_a_signal() {
    let mut run = Run::of(50);
    run.limits.deadline = Some(Duration::from_millis(250));
    let provider = run.provider([]);
    let state = run.go(&provider).await;
    assert_eq!((outcomes(&state), state.stopped().unwrap().cause), ([12, 0, 0, 0, 38], StopCause::Deadline));
}

#[tokio::test(start_paused = true)]
async fn a_halt_finishes_what_is_on_its_way_and_can_be_resumed() {
    let mut run = Run::of(50);
    run.limits.halt = Some(Halt { failures: Limit::Count(2), after: 0 });
    let provider = run.provider((1..=6).map(|row| (row, vec![Fail])));
    let state = run.go(&provider).await;
    assert_eq!((outcomes(&state), state.stopped().unwrap().cause), ([0, 4, 0, 0, 46], StopCause::Halt));
    let verdict = Verdict::of_run(
        "r",
        &state.counts(),
        0,
        Some((StopCause::Halt, "")),
        &crate::model::Accept::default(),
    );
    assert_eq!(verdict.exit_code, 4);
    let state = run.go(&provider).await;
    assert_eq!(outcomes(&state), [2, 6, 0, 0, 42], "only this process's rows count against it");
}

#[tokio::test(start_paused = true)]
async fn failures_are_sent_again_only_when_the_manifest_says_so() {
    let mut run = Run::of(3);
    let scripts = || [(1, vec![Fail, Succeed("1")]), (2, vec![ServerError, Succeed("1")]), (3, vec![Fail])];
    let provider = run.provider(scripts());
    assert_eq!(outcomes(&run.go(&provider).await), [0, 3, 0, 0, 0]);
    run = Run::of(3);
    run.limits.retry.also = vec![RetryAlso::Failed, RetryAlso::ServerError];
    let provider = run.provider(scripts());
    let state = run.go(&provider).await;
    assert_eq!(outcomes(&state), [2, 1, 0, 0, 0]);
    // Three executions of row 3, two of row 1, and one of row 2 whose first cost was not said.
    assert_eq!((state.tally().cost.to_string(), state.cost_unknown_rows()), ("2.8".to_owned(), 1));
    assert_eq!(provider.books.lock().unwrap().executed[&3], 3);
}

#[tokio::test(start_paused = true)]
async fn an_outage_never_begins_more_rows_than_memory_allows() {
    let run = Run::of(500);
    let mut provider = Arc::into_inner(run.provider([])).unwrap();
    provider.default = Some(Refuse);
    let mut run = run;
    run.limits.retry.attempts = 100;
    run.limits.deadline = Some(Duration::from_secs(30));
    let provider = Arc::new(provider);
    let state = run.go(&provider).await;
    assert_eq!(outcomes(&state), [0, 0, 0, 0, 500]);
    let rows: std::collections::BTreeSet<_> =
        provider.books.lock().unwrap().sent.iter().map(|(row, _)| *row).collect();
    assert_eq!(rows.len(), 8, "2 x concurrency");
}

#[tokio::test(start_paused = true)]
async fn a_panic_after_the_intent_leaves_the_row_in_doubt_and_ends_the_run() {
    let run = Run::of(20);
    let provider = run.provider([(2, vec![Panic])]);
    let state = run.go(&provider).await;
    assert_eq!((state.row(2), state.stopped().unwrap().cause), (RowState::InDoubt(None), StopCause::Bug));
    assert_eq!(outcomes(&state), [3, 0, 1, 0, 16]);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_cannot_be_sent_is_rejected_and_costs_nothing() {
    let run = Run::of(2);
    let provider = run.provider([]);
    let (mut writer, history) = run.folder.go_on(Durability::Process).unwrap();
    writer.append(&[]).unwrap();
    let (send, source) = mpsc::channel(4);
    let error = RowError::new(ErrorKind::MAPPING, "no such column");
    send.try_send(Rows::Prepared(Box::new(Prepared { content: Err(error), ..prepared(1) }))).unwrap();
    let detail = "the dataset was cut off".to_owned();
    send.try_send(Rows::Failed { cause: StopCause::DatasetChanged, detail }).unwrap();
    let dispatcher = Dispatcher::new(Parts {
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
    let state = dispatcher.drive(mpsc::channel(1).1).await.unwrap().state;
    assert_eq!((outcomes(&state), provider.books.lock().unwrap().sent.len()), ([0, 0, 0, 1, 1], 0));
    assert_eq!(state.stopped().unwrap().cause, StopCause::DatasetChanged);
}
