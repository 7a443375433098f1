//! Pages over HTTP: the runs below a folder, each one's report, how a living run stands, and two runs compared. Reads run
//! folders and changes nothing.
//!
//! Whoever reaches the port sees the runs, so it listens on loopback unless told otherwise, and answers only to names
//! that it goes by: a page of another site that points a name of its own here reads nothing.

mod comparison;
mod pages;
mod progress;
mod watch;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::serve::watch::Watch;

/// What is served, and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder that runs are kept in.
    pub dir: PathBuf,
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// Names that it goes by beside `localhost` and the address itself.
    pub names: Vec<String>,
}

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

/// What every request sees.
#[derive(Debug)]
struct Shared {
    watch: Watch,
    address: SocketAddr,
    names: Vec<String>,
    /// Comparisons are made one after the other: each reads the rows of two runs.
    comparing: Semaphore,
}

impl Server {
    /// Starts to listen. Called inside a runtime.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(options.address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            watch: Watch::below(options.dir),
            address,
            names: options.names,
            comparing: Semaphore::new(1),
        });
        let routes = routes(shared);
        let serving = tokio::spawn(async move {
            // It ends only when it is aborted.
            let _ = axum::serve(listener, routes).await;
        });
        Ok(Self { address, serving })
    }

    /// Gives the URL of the list of runs.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(pages::list))
        .route("/runs.json", get(pages::list_json))
        .route("/compare", get(comparison::page))
        .route("/runs/{manifest}/{run}/", get(pages::run))
        .route("/runs/{manifest}/{run}/events", get(pages::events))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(pages::ready))
        .route("/metrics", get(pages::metrics))
        .fallback(|| async { (StatusCode::NOT_FOUND, "there is no such page\n") })
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), guard))
        .with_state(shared)
}

/// Refuses what does not come by a name of ours or asks for a change, and tells browsers to trust nothing.
async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let mut response = if !matches!(*request.method(), Method::GET | Method::HEAD) {
        (StatusCode::METHOD_NOT_ALLOWED, "nothing can be changed here\n").into_response()
    } else if host.is_some_and(|host| shared.goes_by(host)) {
        next.run(request).await
    } else {
        let told = "this server does not go by that name: see `--name` of `flowbatch serve`\n";
        (StatusCode::MISDIRECTED_REQUEST, told).into_response()
    };
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

impl Shared {
    fn goes_by(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let own = self.address.ip().to_string();
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        is("localhost")
            || is("127.0.0.1")
            || is("[::1]")
            || is(&own)
            || is(&format!("[{own}]"))
            || self.names.iter().any(|known| is(known))
    }
}

#[cfg(test)]
mod tests;
