//! An emulator that runs: its listener, its routes, its start and its stop.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::account;
use super::connection::{Door, Open, Wire};
use super::definition::Definition;
use super::error::Error;
use super::invoke;
use super::life;
use super::query;
use super::shared::Shared;
use super::witness::Witness;

/// How an emulator is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// The only key that is taken; none: any key is.
    pub api_key: Option<String>,
    /// Where it keeps its ledger, from which a restart goes on; none: in memory only.
    pub ledger: Option<PathBuf>,
}

/// A running emulator. Dropping it stops it at once, as a kill would, with its ledger whole.
#[derive(Debug)]
pub struct Emulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    open: Open,
    serving: JoinHandle<()>,
}

impl Emulator {
    /// Starts to listen on 127.0.0.1 and goes on from the ledger, if there is one.
    pub async fn start(definition: Definition, options: Options) -> Result<Self, Error> {
        let port = options.port;
        let failed = |source| Error::Listen { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Shared::open(definition, options, address)?;
        life::resume(&shared);
        let open = Open::default();
        let door = Door { listener, open: open.clone() };
        let service = routes(Arc::clone(&shared)).into_make_service_with_connect_info::<Wire>();
        let serving = tokio::spawn(async move {
            // It ends only when it is aborted.
            let _ = axum::serve(door, service).await;
        });
        Ok(Self { address, shared, open, serving })
    }

    /// Gives the address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gives the URL that paths such as `/v1/workflow/invoke` are appended to.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Gives what it saw up to now. Reads the ledger, if there is one.
    pub fn witness(&self) -> Witness {
        self.shared.witness()
    }

    /// Stops it: open connections are closed, runs that have not ended go on when its ledger is opened again.
    pub async fn stop(mut self) {
        self.halt();
        // Aborted just now: the port is free when it has ended.
        let _ = (&mut self.serving).await;
    }

    fn halt(&self) {
        self.serving.abort();
        self.open.cut_all();
        self.shared.close();
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.halt();
    }
}

fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/workflow/invoke", post(invoke::invoke))
        .route("/v1/workflow/query/result", post(query::query))
        .route("/v1/workflow/run/logs", get(account::logs))
        .route("/v1/account/workflow/run/credits", get(account::credits))
        .route("/v1/api-key/verify", get(account::verify))
        .fallback(account::no_such_path)
        .method_not_allowed_fallback(account::wrong_method)
        .with_state(shared)
}
