//! The provider seam.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;

use crate::model::RowError;
use crate::reply::{Judgement, PollJudgement};

/// A workflow behind an API.
pub trait Workflow: Send + Sync + 'static {
    /// Sends one free request.
    fn verify(&self) -> impl Future<Output = Result<(), RowError>> + Send;
    /// Sends a row.
    fn invoke(&self, call: Call) -> impl Future<Output = Judgement> + Send;
    /// Asks for the result of a run.
    fn query(&self, workflow_run_id: &str) -> impl Future<Output = PollJudgement> + Send;
}

/// What is sent for a row.
#[derive(Clone, Debug)]
pub struct Call {
    /// The JSON text of `input`.
    pub input: Bytes,
    /// `userId`.
    pub user_id: String,
    /// For the whole exchange.
    pub timeout: Duration,
}
