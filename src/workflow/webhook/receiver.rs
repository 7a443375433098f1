//! Our own receiver: an HTTP listener that lives as long as a run does. It says 200 only when the journal holds what
//! was delivered.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::fail_point::{self, Point};
use crate::manifest::Secret;
use crate::model::RowNumber;
use crate::reply::{Body, Delivered, Received, judge_delivery};
use crate::workflow::Error;
use crate::workflow::redaction::Redactor;
use crate::workflow::webhook::connection::Door;
use crate::workflow::webhook::token::Tokens;

/// Deliveries that wait for the runner to look at them.
pub(super) const WAITING: usize = 32;

/// Deliveries that are held in memory at the same time; each may be as large as the limit. Others wait.
const AT_ONCE: usize = 64;

/// How long a delivery may wait for its turn, and then for the rest of itself to arrive.
const BODY_WAIT: Duration = Duration::from_secs(10);

/// How long a delivery waits until it is durable. Who delivers is told to come again then.
const DURABLE_WAIT: Duration = Duration::from_secs(2);

/// How long the last answers may take when the run is over.
const STOP_WAIT: Duration = Duration::from_secs(2);

/// How a receiver is started.
#[derive(Debug)]
pub struct ReceiverSettings {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Who may deliver.
    pub tokens: Tokens,
    /// The largest body of a delivery, in bytes.
    pub body_limit: u64,
    /// What deliveries must not bring back.
    pub secrets: Vec<Secret>,
}

/// A delivery that carried the right token.
#[derive(Debug)]
pub struct Delivery {
    /// The row that the token is of.
    pub row: RowNumber,
    /// The send that the token is of.
    pub attempt: u32,
    /// The HTTP method.
    pub method: &'static str,
    /// SHA-256 of the body as it came, in hex.
    pub sha256: String,
    /// What it says.
    pub said: Delivered,
    /// To be told when the journal holds it. Dropped, the service is asked to deliver again.
    pub durable: oneshot::Sender<()>,
}

/// A receiver at work. Dropping it stops it at once.
pub struct Receiver {
    address: SocketAddr,
    desk: Arc<Desk>,
    serving: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

/// What the handler knows.
pub(super) struct Desk {
    tokens: Tokens,
    body_limit: usize,
    redactor: Redactor,
    places: Semaphore,
    out: mpsc::Sender<Delivery>,
    pub(super) refused: AtomicU64,
}

impl Receiver {
    /// Starts to listen. What is delivered comes out of the channel.
    pub async fn start(settings: ReceiverSettings) -> Result<(Self, mpsc::Receiver<Delivery>), Error> {
        let listen = settings.listen;
        let failed = |source| Error::Listen { listen, source };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (desk, deliveries) = Desk::new(settings);
        let router = Router::new().fallback(receive).with_state(Arc::clone(&desk));
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(async move {
            let stopped = async {
                // Dropped, it stops all the same.
                let _ = stopped.await;
            };
            // It ends only when it is stopped.
            let _ = axum::serve(Door::new(listener), router).with_graceful_shutdown(stopped).await;
        });
        Ok((Self { address, desk, serving, stop }, deliveries))
    }

    /// Gives the address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it, once the answers that are due have been given, and says how many requests had no right token.
    pub async fn stop(mut self) -> u64 {
        // A server that has ended needs no signal.
        let _ = std::mem::replace(&mut self.stop, oneshot::channel().0).send(());
        // What has not ended by then is cut when this is dropped.
        let _ = timeout(STOP_WAIT, &mut self.serving).await;
        self.desk.refused.load(Ordering::Relaxed)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("address", &self.address).finish_non_exhaustive()
    }
}

pub(super) async fn receive(State(desk): State<Arc<Desk>>, request: Request) -> StatusCode {
    // Subtle: before a byte of the body is read. Whoever has no token learns nothing, and costs nothing.
    let Some((row, attempt)) = desk.tokens.read(request.uri().path()) else {
        desk.refused.fetch_add(1, Ordering::Relaxed);
        return StatusCode::NOT_FOUND;
    };
    let method = match *request.method() {
        Method::POST => "POST",
        Method::GET => "GET",
        _ => return StatusCode::METHOD_NOT_ALLOWED,
    };
    let Ok(Ok(_place)) = timeout(BODY_WAIT, desk.places.acquire()).await else {
        return StatusCode::SERVICE_UNAVAILABLE;
    };
    let body = match timeout(BODY_WAIT, to_bytes(request.into_body(), desk.body_limit)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return StatusCode::PAYLOAD_TOO_LARGE,
        Err(_) => return StatusCode::REQUEST_TIMEOUT,
    };
    let sha256 = hex::encode(Sha256::digest(&body));
    let said = desk.read(method, body);
    let (durable, is_durable) = oneshot::channel();
    fail_point::pass(Point::DeliveryTaken);
    if desk.out.try_send(Delivery { row, attempt, method, sha256, said, durable }).is_err() {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    match timeout(DURABLE_WAIT, is_durable).await {
        Ok(Ok(())) => StatusCode::OK,
        Ok(Err(_)) | Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl Desk {
    pub(super) fn new(settings: ReceiverSettings) -> (Arc<Self>, mpsc::Receiver<Delivery>) {
        let ReceiverSettings { tokens, body_limit, secrets, .. } = settings;
        let (out, deliveries) = mpsc::channel(WAITING);
        let desk = Self {
            redactor: Redactor::new(secrets).hiding_tokens(Some(tokens.run_id())),
            tokens,
            body_limit: usize::try_from(body_limit).unwrap_or(usize::MAX),
            places: Semaphore::new(AT_ONCE),
            out,
            refused: AtomicU64::new(0),
        };
        (Arc::new(desk), deliveries)
    }

    /// Reads what was delivered. No document says what a GET carries (gptbots-workflow-api.md, section 6): it hints.
    fn read(&self, method: &str, body: Bytes) -> Delivered {
        if method == "GET" {
            return Delivered::Nothing;
        }
        let (body, redacted) = self.redactor.clean(Body::Whole(body));
        let (retry_after, location) = (None, None);
        judge_delivery(&Received::Response { status: 200, retry_after, location, body, redacted })
    }
}
