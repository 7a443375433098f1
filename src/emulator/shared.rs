//! What all handlers share: the definition, the memory, the ledger; and the gate that each request passes.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::response::Response;
use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::answer;
use super::behaviour::{KeyKind, Polls, Scheme, Taken};
use super::clock::Clock;
use super::definition::Definition;
use super::error::Error;
use super::ledger::{self, Ledger, Loaded, Position};
use super::rate::RateLimit;
use super::run::Run;
use super::server::Options;
use super::store::{Entry, Place, Progress, Store};
use super::webhook::Courier;
use super::witness::{Request, Witness};

/// What all handlers share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) definition: Definition,
    pub(super) address: SocketAddr,
    pub(super) clock: Clock,
    pub(super) ledger: Option<Ledger>,
    /// The places for runs, when their number is limited.
    pub(super) places: Option<Semaphore>,
    pub(super) courier: Courier,
    api_key: Option<String>,
    store: Mutex<Store>,
    limits: Mutex<Limits>,
    tasks: Mutex<JoinSet<()>>,
}

#[derive(Debug)]
struct Limits {
    invoke: Option<RateLimit>,
    poll: Option<RateLimit>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Opens the ledger and lays out the memory.
    pub(super) fn open(
        definition: Definition,
        options: Options,
        address: SocketAddr,
    ) -> Result<Arc<Self>, Error> {
        let mut store = Store::default();
        let retention = definition.behaviour.query.retention;
        let ledger = match &options.ledger {
            None => None,
            Some(path) => {
                Some(Ledger::open(path, |line, position| load(&mut store, line, position, retention))?)
            }
        };
        let window = definition.behaviour.rate.window;
        let limit = |rate: Option<_>| rate.map(|rate| RateLimit::new(rate, window));
        let limits = Limits { invoke: limit(definition.rate), poll: limit(definition.poll_rate) };
        Ok(Arc::new(Self {
            address,
            clock: Clock::start(),
            ledger,
            places: definition.concurrency.map(Semaphore::new),
            courier: Courier::new(),
            api_key: options.api_key,
            store: Mutex::new(store),
            limits: Mutex::new(limits),
            tasks: Mutex::default(),
            definition,
        }))
    }

    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }

    /// Spawns a task that ends with the emulator.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// Ends all tasks and closes the ledger.
    pub(super) fn close(&self) {
        lock(&self.tasks).abort_all();
        if let Some(ledger) = &self.ledger {
            ledger.close();
        }
    }

    /// Notes a request, and gives its refusal for a wrong key or too high a rate.
    pub(super) fn refuse(&self, request: Request, headers: &HeaderMap) -> Option<Response> {
        let errors = &self.definition.behaviour.error;
        let authorized = self.authorized(headers);
        {
            let figures = &mut self.store().figures;
            figures.arrived(request);
            figures.unauthorized += u64::from(!authorized);
        }
        if !authorized {
            return Some(self.error(errors.unauthorized, "developer authentication failed"));
        }
        if self.definition.behaviour.key.kind == KeyKind::Agent && request != Request::Verify {
            return Some(self.error(errors.wrong_key_kind, "the API key does not belong to a workflow"));
        }
        let wait = self.pace(request).err()?;
        self.store().figures.throttled += 1;
        Some(self.throttled(wait))
    }

    fn pace(&self, request: Request) -> Result<(), Duration> {
        let mut limits = lock(&self.limits);
        let shared = self.definition.behaviour.rate.polls == Polls::Shared;
        let limit = match request {
            Request::Invoke => &mut limits.invoke,
            Request::Poll if shared => &mut limits.invoke,
            Request::Poll => &mut limits.poll,
            _ => return Ok(()),
        };
        limit.as_mut().map_or(Ok(()), |limit| limit.take(Instant::now()))
    }

    fn authorized(&self, headers: &HeaderMap) -> bool {
        let rules = &self.definition.behaviour.key;
        let Some(written) = headers.get(AUTHORIZATION) else { return false };
        let written = written.as_bytes();
        let (scheme, key) = match written.iter().position(|byte| *byte == b' ') {
            Some(at) => (&written[..at], written[at..].trim_ascii()),
            None if rules.bare == Taken::Accept => (b"Bearer".as_slice(), written),
            None => return false,
        };
        let bearer = match rules.scheme {
            Scheme::AnyCase => scheme.eq_ignore_ascii_case(b"Bearer"),
            Scheme::Exact => scheme == b"Bearer",
        };
        bearer && !key.is_empty() && self.api_key.as_ref().is_none_or(|known| known.as_bytes() == key)
    }

    /// Gives the key that is taken, "" when any is.
    pub(super) fn key(&self) -> &str {
        self.api_key.as_deref().unwrap_or_default()
    }

    /// Reads a request's body.
    pub(super) async fn body(&self, body: Body) -> Result<Bytes, Response> {
        let behaviour = &self.definition.behaviour;
        to_bytes(body, behaviour.input.body_limit)
            .await
            .map_err(|_| self.error(behaviour.error.too_large, "the request body is too large"))
    }

    pub(super) fn error(&self, form: super::behaviour::ErrorForm, message: &str) -> Response {
        answer::error(&self.definition.behaviour, form, message)
    }

    pub(super) fn invalid(&self, message: &str) -> Response {
        self.error(self.definition.behaviour.error.invalid, message)
    }

    /// The answer to a request that comes too early.
    pub(super) fn throttled(&self, wait: Duration) -> Response {
        let behaviour = &self.definition.behaviour;
        let response = self.error(behaviour.error.throttled, "the request frequency is over the limit");
        answer::retry_after(response, behaviour, &self.clock, wait)
    }

    /// The answer when the service has no room.
    pub(super) fn unavailable(&self, wait: Duration) -> Response {
        let behaviour = &self.definition.behaviour;
        let response = self.error(behaviour.error.unavailable, "the service is busy, try again later");
        answer::retry_after(response, behaviour, &self.clock, wait)
    }

    /// The answer when the ledger can't be written: nothing may be promised any more.
    pub(super) fn broken(&self) -> Response {
        self.error(self.definition.behaviour.error.internal, "the emulator's ledger can't be written or read")
    }

    /// Gives a run's particulars, from memory or from the ledger; none when the ledger can't be read.
    pub(super) fn particulars(&self, entry: &Entry) -> Option<Arc<Run>> {
        match &entry.place {
            Place::Memory(run) => Some(Arc::clone(run)),
            Place::Ledger(position) => {
                let text = self.ledger.as_ref()?.read(*position).ok()?;
                ledger::run_of(&text).ok().map(Arc::new)
            }
        }
    }

    /// Gives what was seen up to now.
    pub(super) fn witness(&self) -> Witness {
        let (mut witness, finished) = {
            let store = self.store();
            let finished: Vec<Entry> =
                store.all().filter(|(_, entry)| entry.finished()).map(|(_, entry)| entry.clone()).collect();
            (store.figures.witness(), finished)
        };
        for run in finished.iter().filter_map(|entry| self.particulars(entry)) {
            *witness.executed_by_user.entry(run.user_id.clone().unwrap_or_default()).or_insert(0) += 1;
        }
        witness
    }
}

/// Takes a line of the ledger into the memory.
fn load(store: &mut Store, line: Loaded, position: Position, retention: usize) {
    match line {
        Loaded::Accepted(run) => {
            let since_ms = run.start_ms();
            store.load(*run, position, Progress::Running { since_ms }, retention);
        }
        Loaded::Executed { run, end_ms } => store.executed(run, end_ms),
        Loaded::Other => {}
    }
}
