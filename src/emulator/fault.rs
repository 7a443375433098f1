//! The faults: what may go wrong on purpose, and which of them a request draws.

use std::collections::BTreeMap;

use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;

use super::behaviour::{Executed, FaultRule};
use super::draw::Draws;
use super::units::Share;

/// What goes wrong with one request. `docs/emulator.md` has the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fault {
    /// Nothing; for lists of forced faults.
    None,
    /// The run ends with status FAILED.
    Failed,
    /// 400 with the envelope; not executed.
    BadRequest,
    /// 500 with the envelope; not executed.
    ServerError,
    /// The envelope with a 200; not executed.
    #[serde(rename = "error_in_200")]
    ErrorIn200,
    /// 503 with `Retry-After` and the envelope; not executed.
    Unavailable,
    /// 503 with an HTML page; executed or not by a switch.
    UnavailableBare,
    /// 429 with `Retry-After`; not executed.
    Throttled,
    /// 502 with an HTML page, after executing.
    #[serde(rename = "gateway_502")]
    Gateway502,
    /// 504 with an HTML page, after executing.
    #[serde(rename = "gateway_504")]
    Gateway504,
    /// The connection is reset; not executed.
    ResetBeforeAccept,
    /// The connection is reset when the run is on record; executed.
    ResetAfterAccept,
    /// `Content-Length` promises more than what comes; executed.
    CutBody,
    /// 200 with something that is not JSON; executed.
    NotJson,
    /// The body comes in drips; executed.
    SlowBody,
    /// 307 to another path; not executed.
    Redirect,
    /// 403 with an HTML page, as firewalls send it; not executed.
    ForbiddenHtml,
    /// A status word never heard of, for a while; executed.
    UnknownStatus,
    /// An answer without a run id; executed.
    NoRunId,
    /// No answer until the client goes; executed or not by a switch.
    Hang,
}

impl Fault {
    /// Whether a request that it befalls is executed all the same, and billed.
    pub(super) fn executes(self, rule: &FaultRule) -> bool {
        match self {
            Self::BadRequest
            | Self::ServerError
            | Self::ErrorIn200
            | Self::Unavailable
            | Self::Throttled
            | Self::ResetBeforeAccept
            | Self::Redirect
            | Self::ForbiddenHtml => false,
            Self::UnavailableBare => rule.unavailable_bare == Executed::Yes,
            Self::Hang => rule.hang == Executed::Yes,
            Self::None
            | Self::Failed
            | Self::Gateway502
            | Self::Gateway504
            | Self::ResetAfterAccept
            | Self::CutBody
            | Self::NotJson
            | Self::SlowBody
            | Self::UnknownStatus
            | Self::NoRunId => true,
        }
    }

    /// Whether it can befall a query of a result, too.
    fn befalls_queries(self) -> bool {
        !matches!(self, Self::Failed | Self::ResetAfterAccept | Self::UnknownStatus | Self::NoRunId)
    }
}

/// The mix of faults: a share of requests each.
#[derive(Clone, Debug, Default)]
pub(super) struct Mix(Vec<(Fault, f64)>);

impl Mix {
    /// Checks the shares of invokes.
    pub(super) fn of_invokes(shares: &BTreeMap<Fault, Share>) -> Result<Self, String> {
        let sum: f64 = shares.values().map(|share| share.0).sum();
        if sum > 1.0 + 1e-9 {
            return Err(format!("the shares of faults add up to {:.2}%, over 100%", sum * 100.0));
        }
        Ok(Self(shares.iter().map(|(fault, share)| (*fault, share.0)).collect()))
    }

    /// Checks the shares of queries, which not every fault can befall.
    pub(super) fn of_queries(shares: &BTreeMap<Fault, Share>) -> Result<Self, String> {
        match shares.keys().find(|fault| !fault.befalls_queries()) {
            Some(fault) => Err(format!("{fault:?} is a fault of runs and can't befall a query")),
            None => Self::of_invokes(shares),
        }
    }

    /// Draws the fault of a request; mostly none.
    pub(super) fn draw(&self, draws: Draws) -> Fault {
        if self.0.is_empty() {
            return Fault::None;
        }
        let mut left = draws.unit("fault");
        for (fault, share) in &self.0 {
            if left < *share {
                return *fault;
            }
            left -= share;
        }
        Fault::None
    }
}

/// Faults that are forced, in order, on the requests of users whose whole id matches an expression.
#[derive(Clone, Debug, Default)]
pub(super) struct Forced(Vec<(Regex, Vec<Fault>)>);

impl Forced {
    pub(super) fn new(written: &BTreeMap<String, Vec<Fault>>) -> Result<Self, String> {
        let compile = |(pattern, faults): (&String, &Vec<Fault>)| {
            let compiled = Regex::new(&format!("^(?:{pattern})$"))
                .map_err(|error| format!("faults_for: the expression `{pattern}` is wrong: {error}"))?;
            Ok((compiled, faults.clone()))
        };
        written.iter().map(compile).collect::<Result<_, String>>().map(Self)
    }

    /// Gives the fault that a user's `nth` request (from 0) with an input is forced to have; past the end of the
    /// list, none.
    pub(super) fn of(&self, user_id: &str, nth: u32) -> Option<Fault> {
        let (_, faults) = self.0.iter().find(|(pattern, _)| pattern.is_match(user_id))?;
        let nth = usize::try_from(nth).unwrap_or(usize::MAX);
        Some(faults.get(nth).copied().unwrap_or(Fault::None))
    }
}
