//! The lines of the ledger: their form on the disk.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::model::Cost;

use crate::emulator::draw::{InputDigest, RunId};
use crate::emulator::run::{Mode, Run, RunResult};

/// An `accepted` line, which holds everything about its run.
#[derive(Serialize, Deserialize)]
struct Accepted<'a> {
    e: Cow<'a, str>,
    t_ms: u64,
    run: String,
    user_id: Option<Cow<'a, str>>,
    input_sha256: String,
    nth: u32,
    mode: Mode,
    latency_ms: u64,
    pending_ms: u64,
    odd_status: bool,
    failed: bool,
    tokens: u64,
    cost: Cost,
    charged: bool,
    execution_ms: u64,
    #[serde(borrow)]
    input: Cow<'a, RawValue>,
    output: Option<Cow<'a, RawValue>>,
}

impl<'a> Accepted<'a> {
    fn of(run: &'a Run) -> Self {
        Self {
            e: "accepted".into(),
            t_ms: run.accepted_ms,
            run: run.id.to_string(),
            user_id: run.user_id.as_deref().map(Cow::from),
            input_sha256: run.digest.to_string(),
            nth: run.nth,
            mode: run.mode,
            latency_ms: run.latency_ms,
            pending_ms: run.pending_ms,
            odd_status: run.odd_status,
            failed: run.result.failed,
            tokens: run.result.tokens,
            cost: run.result.cost,
            charged: run.result.charged,
            execution_ms: run.result.execution_ms,
            input: Cow::Borrowed(&run.input),
            output: run.result.output.as_deref().map(Cow::Borrowed),
        }
    }
}

/// Reads a run back from its `accepted` line.
pub(in crate::emulator) fn run_of(text: &str) -> Result<Run, String> {
    let line: Accepted<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut digest = [0; 32];
    hex::decode_to_slice(&line.input_sha256, &mut digest).map_err(|error| error.to_string())?;
    Ok(Run {
        id: RunId::parse(&line.run).ok_or("`run` is no run id")?,
        user_id: line.user_id.map(Cow::into_owned),
        digest: InputDigest(digest),
        nth: line.nth,
        mode: line.mode,
        accepted_ms: line.t_ms,
        latency_ms: line.latency_ms,
        pending_ms: line.pending_ms.min(line.latency_ms),
        over_limit: false,
        odd_status: line.odd_status,
        input: line.input.into_owned(),
        result: RunResult {
            failed: line.failed,
            output: line.output.map(Cow::into_owned),
            execution_ms: line.execution_ms,
            tokens: line.tokens,
            cost: line.cost,
            charged: line.charged,
        },
    })
}

/// An `executed`, `charged` or `delivered` line.
#[derive(Serialize)]
struct After<'a> {
    e: &'a str,
    t_ms: u64,
    run: String,
    user_id: Option<&'a str>,
    input_sha256: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<Mode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Cost>,
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
}

impl<'a> After<'a> {
    fn of(e: &'a str, t_ms: u64, run: &'a Run) -> Self {
        Self {
            e,
            t_ms,
            run: run.id.to_string(),
            user_id: run.user_id.as_deref(),
            input_sha256: run.digest.to_string(),
            mode: None,
            status: None,
            tokens: None,
            cost: None,
            execution_ms: None,
            http_status: None,
        }
    }
}

/// Writes the line of an acceptance.
pub(in crate::emulator) fn accepted(run: &Run) -> String {
    text(&Accepted::of(run))
}

/// Writes the lines of an end: executed, and charged when it is.
pub(in crate::emulator) fn executed(run: &Run, end_ms: u64) -> String {
    let result = &run.result;
    let mut lines = text(&After {
        mode: Some(run.mode),
        status: Some(run.final_status()),
        tokens: Some(result.tokens),
        cost: Some(result.cost),
        execution_ms: Some(result.execution_ms),
        ..After::of("executed", end_ms, run)
    });
    if result.charged {
        lines += &text(&After {
            cost: Some(result.cost),
            tokens: Some(result.tokens),
            ..After::of("charged", end_ms, run)
        });
    }
    lines
}

/// Writes the line of a webhook delivery; without its address and headers, which may be secret.
pub(in crate::emulator) fn delivered(run: &Run, t_ms: u64, http_status: Option<u16>) -> String {
    text(&After { http_status, ..After::of("delivered", t_ms, run) })
}

fn text(line: &impl Serialize) -> String {
    // Texts, numbers and valid JSON can always be written.
    let mut text = serde_json::to_string(line).unwrap_or_default();
    text.pop();
    let crc = crc32c::crc32c(text.as_bytes());
    text.push_str(&format!("{CRC}{crc:08x}\"}}\n"));
    text
}

/// What stands before a line's checksum, its last member: the CRC-32C of all bytes before it.
const CRC: &str = ",\"crc\":\"";

/// Says whether a line, without its line feed, is as it was written.
pub(in crate::emulator) fn is_sound(line: &[u8]) -> bool {
    let Some((body, tail)) = line.len().checked_sub(CRC.len() + 10).map(|at| line.split_at(at)) else {
        return false;
    };
    tail == format!("{CRC}{:08x}\"}}", crc32c::crc32c(body)).as_bytes()
}

/// What a start needs of a line that is in the ledger.
pub(in crate::emulator) enum Loaded {
    /// A run, which stands whole in this line.
    Accepted(Box<Run>),
    /// The end of a run.
    Executed {
        /// Which run.
        run: RunId,
        /// When it ended.
        end_ms: u64,
    },
    /// A charge or a delivery, which the other lines imply.
    Other,
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    e: Cow<'a, str>,
    t_ms: u64,
    run: Cow<'a, str>,
}

impl Loaded {
    /// Reads a line.
    pub(in crate::emulator) fn parse(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
        let head: Head<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        match &*head.e {
            "accepted" => run_of(text).map(Box::new).map(Self::Accepted),
            "executed" => {
                let run = RunId::parse(&head.run).ok_or("`run` is no run id")?;
                Ok(Self::Executed { run, end_ms: head.t_ms })
            }
            "charged" | "delivered" => Ok(Self::Other),
            other => Err(format!("`{other}` is no event of a ledger")),
        }
    }
}
