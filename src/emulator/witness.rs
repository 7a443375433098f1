//! What an emulator saw: counts and charges, for whoever must prove what was sent.

use std::collections::BTreeMap;

use crate::model::Cost;

use super::run::Run;

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Request {
    /// `POST /v1/workflow/invoke`.
    Invoke,
    /// `POST /v1/workflow/query/result`.
    Poll,
    /// `GET /v1/api-key/verify`.
    Verify,
    /// `GET /v1/workflow/run/logs`.
    Logs,
    /// `GET /v1/account/workflow/run/credits`.
    Credits,
    /// Anything else.
    Other,
}

/// What an emulator saw up to a moment.
#[derive(Clone, Debug, Default)]
pub struct Witness {
    /// The requests of each kind, those that were refused included.
    pub requests: BTreeMap<Request, u64>,
    /// Requests refused for their key.
    pub unauthorized: u64,
    /// Requests refused for the rate limit, or by the fault of that name.
    pub throttled: u64,
    /// Runs accepted, earlier processes of the same ledger included.
    pub accepted: u64,
    /// Runs executed to their end, earlier processes of the same ledger included.
    pub executed: u64,
    /// How many of the runs that are remembered each user has had executed; runs without a user id under "".
    pub executed_by_user: BTreeMap<String, u64>,
    /// What was charged, earlier processes of the same ledger included.
    pub charged: Cost,
    /// Tokens of the executed runs.
    pub tokens: u64,
    /// Webhook deliveries that were answered with 2xx.
    pub delivered: u64,
}

impl Witness {
    /// Counts the requests of a kind.
    pub fn count(&self, request: Request) -> u64 {
        self.requests.get(&request).copied().unwrap_or(0)
    }

    /// Counts invokes.
    pub fn invokes(&self) -> u64 {
        self.count(Request::Invoke)
    }

    /// Counts queries of results.
    pub fn polls(&self) -> u64 {
        self.count(Request::Poll)
    }

    /// Counts verifications of the key.
    pub fn verifies(&self) -> u64 {
        self.count(Request::Verify)
    }
}

/// The figures as they grow.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) requests: BTreeMap<Request, u64>,
    pub(super) unauthorized: u64,
    pub(super) throttled: u64,
    pub(super) accepted: u64,
    pub(super) executed: u64,
    pub(super) charged: Cost,
    pub(super) tokens: u64,
    pub(super) delivered: u64,
}

impl Figures {
    pub(super) fn arrived(&mut self, request: Request) {
        *self.requests.entry(request).or_insert(0) += 1;
    }

    pub(super) fn executed(&mut self, run: &Run) {
        self.executed += 1;
        self.tokens = self.tokens.saturating_add(run.result.tokens);
        if run.result.charged {
            // A sum that no longer fits stays what it was; a definition's bounds keep it far from that.
            self.charged = self.charged.checked_add(run.result.cost).unwrap_or(self.charged);
        }
    }

    pub(super) fn witness(&self) -> Witness {
        Witness {
            requests: self.requests.clone(),
            unauthorized: self.unauthorized,
            throttled: self.throttled,
            accepted: self.accepted,
            executed: self.executed,
            executed_by_user: BTreeMap::new(),
            charged: self.charged,
            tokens: self.tokens,
            delivered: self.delivered,
        }
    }
}
