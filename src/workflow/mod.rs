//! The provider's side: the [`Workflow`] seam and the GPTBots client behind it. It sends, and asks `reply` what each
//! answer means; it knows neither rows nor journal, and never sends twice.

mod asked;
mod asks;
mod connections;
mod exchange;
mod gptbots;
mod redaction;
#[cfg(test)]
mod tests;
mod tls;
mod webhook;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

pub use asks::{Ask, Asks};
pub use gptbots::{Gptbots, Settings};
pub(crate) use tls::trusting;
pub use webhook::{Delivery, Receiver, ReceiverSettings, Tokens, Webhooks, secrets as webhook_secrets};

use crate::manifest::SecretError;
use crate::model::{RowError, RowNumber};
use crate::pace::Request;
use crate::reply::{Judgement, LogEntry, PollJudgement};

/// A workflow that can be invoked.
pub trait Workflow: Send + Sync + 'static {
    /// Sends one free request, to learn whether the key is refused before anything is paid for. Every other answer,
    /// or none, is no error: the first invoke will tell.
    fn verify(&self) -> impl Future<Output = Result<(), RowError>> + Send;

    /// Sends one invoke, once, and says what came of it. Dropped before it is done, the call may have been executed.
    fn invoke(&self, call: Call) -> impl Future<Output = Judgement> + Send;

    /// Asks for the result of a run that the service acknowledged.
    fn query(&self, workflow_run_id: &str) -> impl Future<Output = PollJudgement> + Send;

    /// Gives the instant until which the service will take nothing more, when an answer since the last call has said
    /// so: a rate limit of its own is used up.
    fn used_up(&self) -> Option<Instant> {
        None
    }

    /// Gives the instant at which a connection for requests of a kind came to stand, the last one since the last call: a
    /// request has gone out only then.
    fn connected(&self, _request: Request) -> Option<Instant> {
        None
    }

    /// Reads the provider's run log, by which a lost reply may be found again. Fails when the key may not read it, or
    /// there is none.
    fn run_log(&self, query: &LogQuery) -> impl Future<Output = Result<Vec<LogEntry>, RowError>> + Send;
}

/// Which entries of the run log are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogQuery {
    /// What `userId` carried.
    pub user_id: String,
    /// Runs that started from this instant on, in ms since 1970.
    pub from_ms: u64,
    /// Runs that started up to this instant.
    pub to_ms: u64,
}

/// One invoke.
#[derive(Clone, Debug)]
pub struct Call {
    /// The JSON text of `input`, sent as it is.
    pub input: Bytes,
    /// What `userId` carries: the row's tag, unless the manifest says otherwise.
    pub user_id: String,
    /// From now to the reply's last byte.
    pub timeout: Duration,
    /// The row and its send: what a webhook's token is of.
    pub row: RowNumber,
    /// Which send of the row it is, from 1.
    pub attempt: u32,
}

/// Why a client can't be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The base URL is none.
    #[error("`workflow.base_url` can't be used: {why}; write it as `https://api-sg.gptbots.ai`")]
    BaseUrl {
        /// What is wrong with it.
        why: String,
    },
    /// The key can't stand in a header.
    #[error(
        "the API key holds a character that can't be sent in a header (a line break?); check `workflow.api_key`"
    )]
    ApiKey,
    /// The file of further roots can't be read.
    #[error("`workflow.tls.ca`: {path} can't be read as PEM certificates: {why}")]
    Ca {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// TLS can't be set up.
    #[error("TLS can't be set up: {0}; a file of trusted roots may be named in `workflow.tls.ca`")]
    Tls(#[from] rustls::Error),
    /// A secret in `workflow.webhook` can't be read.
    #[error("`workflow.webhook`: {0}")]
    Webhook(SecretError),
    /// An address in `workflow.webhook` can't be used; it is not shown, since it may hold a secret.
    #[error("`{key}` can't be used: {why}")]
    WebhookUrl {
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The receiver can't listen.
    #[error("`workflow.webhook.listen`: nothing can listen on {listen}: {source}; is something else there?")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The HTTP client can't be set up.
    #[error("the HTTP client can't be set up")]
    Client(#[source] reqwest::Error),
}
