//! The service that the runs are measured against: plain hyper, in a process of its own. It answers as the GPTBots API does,
//! takes the time it is told to, and keeps account of the time it really took.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::convert::Infallible;
use std::io::Read;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::TcpSocket;
use tokio::sync::oneshot;
use tokio::time::sleep;

/// Connections that may wait to be accepted: those of the widest run arrive all at once.
const BACKLOG: u32 = 8192;

/// What a row costs.
pub(crate) const COST: u64 = 1;
/// What a row takes in tokens.
pub(crate) const TOKENS: u64 = 12;

/// How the service behaves.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Behaviour {
    pub(crate) latency: Latency,
    /// Acknowledges at once, and gives the result to those who ask for it when it is there.
    pub(crate) acknowledges: bool,
    /// How many requests the client may have open, for the ideal time.
    pub(crate) places: usize,
}

/// How long an execution takes.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) enum Latency {
    None,
    Fixed {
        ms: u64,
    },
    /// Lognormal about a median, and one in a hundred takes 5 s.
    LongTail {
        median_ms: u64,
    },
}

impl Latency {
    fn draw(self, random: &mut fastrand::Rng) -> Duration {
        match self {
            Self::None => Duration::ZERO,
            Self::Fixed { ms } => Duration::from_millis(ms),
            Self::LongTail { .. } if random.u32(0..100) == 0 => Duration::from_secs(5),
            Self::LongTail { median_ms } => {
                // Box and Muller's normal deviate.
                let radius = (-2.0 * (1.0 - random.f64()).ln()).sqrt();
                let normal = radius * (std::f64::consts::TAU * random.f64()).cos();
                Duration::from_millis(median_ms).mul_f64((0.5 * normal).exp())
            }
        }
    }
}

/// What the service saw since it was asked last.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Stats {
    pub(crate) invokes: u64,
    pub(crate) polls: u64,
    /// Requests for an execution, or executions, that were open at the same time.
    pub(crate) busiest: usize,
    /// The mean time from a request's arrival to its answer (to the end of the execution, when it acknowledges).
    pub(crate) mean_us: f64,
    /// What first-come scheduling of these very times takes on the places there are.
    pub(crate) ideal_us: u64,
    /// When the first invoke arrived, in µs since 1970.
    pub(crate) first_us: Option<u64>,
    /// How much later than it could have been a result was fetched, as a share of the execution's time, on average.
    pub(crate) lateness: f64,
    /// CPU time of the process, where it can be told.
    pub(crate) cpu_ms: Option<u64>,
}

#[derive(Debug)]
struct Execution {
    arrived: Instant,
    took: Option<Duration>,
    fetched: Option<Duration>,
}

#[derive(Debug)]
struct Account {
    behaviour: Behaviour,
    random: fastrand::Rng,
    executions: Vec<Execution>,
    /// Executions of earlier accounts: ids go on.
    before: usize,
    polls: u64,
    open: usize,
    busiest: usize,
    first: Option<SystemTime>,
    cpu_before_ms: Option<u64>,
}

type Shared = Arc<Mutex<Account>>;

fn locked(shared: &Shared) -> MutexGuard<'_, Account> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Account {
    fn arrive(&mut self) -> (usize, Duration) {
        self.first.get_or_insert_with(SystemTime::now);
        self.open += 1;
        self.busiest = self.busiest.max(self.open);
        self.executions.push(Execution { arrived: Instant::now(), took: None, fetched: None });
        (self.before + self.executions.len() - 1, self.behaviour.latency.draw(&mut self.random))
    }

    fn end(&mut self, id: usize) {
        self.open -= 1;
        if let Some(execution) = self.execution(id) {
            execution.took = Some(execution.arrived.elapsed());
        }
    }

    fn execution(&mut self, id: usize) -> Option<&mut Execution> {
        self.executions.get_mut(id.checked_sub(self.before)?)
    }

    /// Says whether the execution has ended.
    fn query(&mut self, id: usize) -> bool {
        self.polls += 1;
        let Some(execution) = self.execution(id) else { return false };
        if execution.took.is_some() {
            execution.fetched.get_or_insert(execution.arrived.elapsed());
        }
        execution.took.is_some()
    }

    /// Gives the account, and begins a new one.
    fn close(&mut self) -> Stats {
        let cpu = cpu_ms();
        let took: Vec<_> = self.executions.iter().filter_map(|execution| execution.took).collect();
        let fetched = self.executions.iter().filter_map(|execution| {
            let took = execution.took?.as_secs_f64();
            Some((execution.fetched?.as_secs_f64() - took) / took)
        });
        let sum: Duration = took.iter().sum();
        let stats = Stats {
            invokes: self.executions.len() as u64,
            polls: self.polls,
            busiest: self.busiest,
            mean_us: 1e6 * sum.as_secs_f64() / took.len().max(1) as f64,
            ideal_us: micros(first_come(&took, self.behaviour.places)),
            first_us: self.first.and_then(|at| at.duration_since(UNIX_EPOCH).ok()).map(micros),
            lateness: fetched.sum::<f64>() / took.len().max(1) as f64,
            cpu_ms: cpu.zip(self.cpu_before_ms).map(|(now, before)| now - before),
        };
        self.before += self.executions.len();
        self.executions.clear();
        (self.polls, self.busiest, self.first, self.cpu_before_ms) = (0, self.open, None, cpu);
        stats
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// How long it takes when each, in the order of arrival, begins as soon as one of the places is free.
fn first_come(took: &[Duration], places: usize) -> Duration {
    let mut free: BinaryHeap<_> = (0..places).map(|_| Reverse(Duration::ZERO)).collect();
    let mut last = Duration::ZERO;
    for took in took {
        let Reverse(begin) = free.pop().unwrap_or_default();
        last = last.max(begin + *took);
        free.push(Reverse(begin + *took));
    }
    last
}

/// CPU time of this process, user and system: on Linux, whose clock ticks are 10 ms in /proc.
fn cpu_ms() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(10 * (ticks()? + ticks()?))
}

/// Serves on a free port, and prints the address, until standard input ends.
pub(crate) fn serve(behaviour: Behaviour) -> std::io::Result<()> {
    let account = Account {
        behaviour,
        random: fastrand::Rng::with_seed(20_261_124),
        executions: Vec::new(),
        before: 0,
        polls: 0,
        open: 0,
        busiest: 0,
        first: None,
        cpu_before_ms: cpu_ms(),
    };
    // One thread: it is not what is to be measured, and leaves the rest of the machine to what is.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(accept(Arc::new(Mutex::new(account)), ended()))
}

/// Tells when standard input has ended: so ends the process, too, of which it is a child.
fn ended() -> oneshot::Receiver<()> {
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = sender.send(());
    });
    receiver
}

async fn accept(shared: Shared, mut ended: oneshot::Receiver<()>) -> std::io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let listener = socket.listen(BACKLOG)?;
    println!("{}", listener.local_addr()?);
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted?,
            _ = &mut ended => return Ok(()),
        };
        stream.set_nodelay(true)?;
        let shared = Arc::clone(&shared);
        let service = service_fn(move |request| answer(Arc::clone(&shared), request));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            // A client that goes away is no concern of the service.
            let _ = connection.await;
        });
    }
}

async fn answer(shared: Shared, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let said = match path.as_str() {
        "/v1/workflow/invoke" => invoke(&shared, request).await,
        "/v1/workflow/query/result" => query(&shared, request).await,
        "/v1/api-key/verify" => Some(r#"{"entityType":"workflow","entityId":"bench"}"#.to_owned()),
        "/stats" => serde_json::to_string(&locked(&shared).close()).ok(),
        _ => None,
    };
    let status = if said.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let mut response = Response::new(Full::new(Bytes::from(said.unwrap_or_default())));
    *response.status_mut() = status;
    let json = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, json);
    Ok(response)
}

async fn invoke(shared: &Shared, request: Request<Incoming>) -> Option<String> {
    let acknowledges = locked(shared).behaviour.acknowledges;
    let (id, latency) = locked(shared).arrive();
    let taken = request.into_body().collect().await;
    if acknowledges {
        let shared = Arc::clone(shared);
        tokio::spawn(async move {
            sleep(latency).await;
            locked(&shared).end(id);
        });
        return Some(format!(r#"{{"workflowRunId":"{id:024x}"}}"#));
    }
    if !latency.is_zero() {
        sleep(latency).await;
    }
    locked(shared).end(id);
    taken.ok().map(|_| result(id))
}

async fn query(shared: &Shared, request: Request<Incoming>) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Asked {
        workflow_run_id: String,
    }
    let body = request.into_body().collect().await.ok()?.to_bytes();
    let asked: Asked = serde_json::from_slice(&body).ok()?;
    let id = usize::from_str_radix(&asked.workflow_run_id, 16).ok()?;
    let done = locked(shared).query(id);
    Some(if done { result(id) } else { format!(r#"{{"workflowRunId":"{id:024x}","status":"RUNNING"}}"#) })
}

fn result(id: usize) -> String {
    format!(
        r#"{{"workflowId":"bench","workflowName":"bench","workflowVersion":"1.0.0","workflowRunId":"{id:024x}","status":"SUCCEED","totalCost":{COST},"totalTokens":{TOKENS},"output":{{"label":"billing","reply":"Thank you: we look into it."}}}}"#
    )
}
