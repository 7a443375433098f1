//! What a run's journal can say: the closed list of events. Each is a fact about the past; none is ever edited.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::model::row_event::{
    Ambiguous, Answered, Attached, Ended, Intended, Receipt, Refused, Rejected, Reopened, Settled, Withdrawn,
};
use crate::model::{Cost, Reused, RowNumber};

/// A JSON value kept as its own text, so that no digit of it is lost on the way through.
pub type Json = Box<RawValue>;

/// How far an event goes before it counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// It survives a loss of power: each group is fsynced.
    #[default]
    Power,
    /// It survives the death of the process only.
    Process,
}

/// The digest of a file of the run folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// SHA-256, in lower-case hex.
    pub sha256: String,
    /// The file's length.
    pub bytes: u64,
}

/// The first event: which run this is, and the digests of the files beside the journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Opened {
    /// The version of the journal's form.
    pub format: u32,
    /// The run's id.
    pub run_id: String,
    /// The version of flowbatch that opened it.
    pub flowbatch: String,
    /// run.lock.json.
    pub lock: Digest,
    /// manifest.yaml.
    pub manifest: Digest,
}

/// Rows that belong to the run. Several events add up, so that a long selection never makes a huge line, and a
/// pilot can be widened later.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Selected {
    /// How many rows this event adds.
    pub count: u64,
    /// The rows, as ascending ranges with both ends included.
    pub ranges: Vec<(RowNumber, RowNumber)>,
}

/// A process has begun to work on the run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProcessStarted {
    /// Counted from 1 within the run.
    pub process: u32,
    /// Wall clock, RFC 3339 in UTC.
    pub at: String,
    /// The process's id on its machine.
    pub pid: u32,
    /// A digest of the machine's name: tells two machines apart without naming them.
    pub host: String,
    /// The settings in force, without secrets.
    pub settings: Json,
}

/// A setting was changed after the run began.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SettingsChanged {
    /// By what: `resume --set`, `limits`.
    pub by: String,
    /// The manifest key, dotted.
    pub key: String,
    /// The value before.
    pub from: Json,
    /// The value from now on.
    pub to: Json,
}

impl SettingsChanged {
    /// The `key` under which a dataset that grew, or was mended, is written down: `to` is its new identity.
    pub const DATASET: &'static str = "dataset.identity";
    /// `by` when `flowbatch limits` asked for it.
    pub const BY_LIMITS: &'static str = "limits";
    /// The `key` under which a repair of the journal is written down.
    pub const REPAIRED: &'static str = "journal.repaired";

    /// Says whether it changes what the manifest says.
    pub fn is_of_manifest(&self) -> bool {
        self.key != Self::DATASET && self.key != Self::REPAIRED
    }
}

/// How many polls this process has sent so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PollTally {
    /// Polls of this process up to now.
    pub polls: u64,
    /// Of which the service throttled.
    pub throttled: u64,
}

/// The run was told to stop; what is on the wire still ends as usual.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// Why.
    pub cause: crate::model::StopCause,
    /// For a person.
    pub detail: String,
}

/// A process has finished its work on the run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProcessEnded {
    /// From its first event to this one, by a clock that never steps.
    pub wall_ms: u64,
    /// Polls it sent.
    pub polls: u64,
    /// Of which the service throttled.
    pub throttled: u64,
    /// How many rows it let be in flight, when that followed what the service bears.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub places: Option<Places>,
}

/// How many rows were let be in flight while that followed what the service bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Places {
    /// The fewest.
    pub lowest: u64,
    /// In the end.
    pub last: u64,
}

/// The run is complete. Written before the reports are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Closed {
    /// The version of flowbatch whose reports these are.
    pub flowbatch: String,
    /// Rows by outcome, in the order succeeded, failed, in doubt, rejected.
    pub rows: [u64; 4],
    /// The total of known costs.
    pub cost: Option<Cost>,
    /// The total of known tokens.
    pub tokens: u64,
}

/// One event of a run.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each variant is documented at its type")]
pub enum RunEvent {
    Opened(Opened),
    Selected(Selected),
    ProcessStarted(ProcessStarted),
    SettingsChanged(SettingsChanged),
    Reopened(Reopened),
    Rejected(Rejected),
    Reused(Reused),
    Intended(Intended),
    Withdrawn(Withdrawn),
    Refused(Refused),
    Ambiguous(Ambiguous),
    Attached(Attached),
    Receipt(Receipt),
    Answered(Answered),
    Ended(Ended),
    Settled(Settled),
    PollTally(PollTally),
    Stopped(Stopped),
    ProcessEnded(ProcessEnded),
    Closed(Closed),
}

impl RunEvent {
    /// Gives the event's name, as the journal writes it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Opened(_) => "opened",
            Self::Selected(_) => "selected",
            Self::ProcessStarted(_) => "process_started",
            Self::SettingsChanged(_) => "settings_changed",
            Self::Reopened(_) => "reopened",
            Self::Rejected(_) => "rejected",
            Self::Reused(_) => "reused",
            Self::Intended(_) => "intended",
            Self::Withdrawn(_) => "withdrawn",
            Self::Refused(_) => "refused",
            Self::Ambiguous(_) => "ambiguous",
            Self::Attached(_) => "attached",
            Self::Receipt(_) => "receipt",
            Self::Answered(_) => "answered",
            Self::Ended(_) => "ended",
            Self::Settled(_) => "settled",
            Self::PollTally(_) => "poll_tally",
            Self::Stopped(_) => "stopped",
            Self::ProcessEnded(_) => "process_ended",
            Self::Closed(_) => "closed",
        }
    }

    /// Gives the row that the event is about, when it is about one.
    pub fn row(&self) -> Option<RowNumber> {
        match self {
            Self::Reopened(e) => Some(e.row),
            Self::Rejected(e) => Some(e.row),
            Self::Reused(e) => Some(e.row),
            Self::Intended(e) => Some(e.row),
            Self::Withdrawn(e) => Some(e.row),
            Self::Refused(e) => Some(e.row),
            Self::Ambiguous(e) => Some(e.row),
            Self::Attached(e) => Some(e.row),
            Self::Receipt(e) => Some(e.row),
            Self::Answered(e) => Some(e.row),
            Self::Ended(e) => Some(e.row),
            Self::Settled(e) => Some(e.row),
            Self::Opened(_)
            | Self::Selected(_)
            | Self::ProcessStarted(_)
            | Self::SettingsChanged(_)
            | Self::PollTally(_)
            | Self::Stopped(_)
            | Self::ProcessEnded(_)
            | Self::Closed(_) => None,
        }
    }
}
