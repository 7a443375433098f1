//! The manifest as meant: typed, resolved, and unable to be wrong.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use crate::checks::Check;
use crate::gates::{Baseline, Gate};
use crate::manifest::{Concurrency, RateSpec, Retry, ReuseSpec, Schedule, SecretSource, SecretText, Span};
use crate::mapping::{ColumnTypes, Expression, InputTemplate, Template};
use crate::model::{Accept, Cost, Delivery, Durability, Limit, Pin, Repeats, RowNumber, ScheduledFor};

/// A manifest, as meant.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The file's path, as the user gave it.
    pub path: PathBuf,
    /// The folder that its relative paths start from.
    pub folder: PathBuf,
    /// The file's bytes, for the run folder.
    pub source: Vec<u8>,
    /// `name`.
    pub name: String,
    /// `description`.
    pub description: Option<String>,
    /// `labels`, in the order written.
    pub labels: Vec<(String, String)>,
    /// `vars`, after `--var`.
    pub vars: Map<String, Value>,
    /// The environment variables that the manifest names outside of secret fields, with their values: what
    /// `{{env "NAME"}}` may read.
    pub env: BTreeMap<String, String>,
    /// The slot of its schedule that it is read for: `schedule.*` in templates.
    pub slot: Option<ScheduledFor>,
    /// `workflow`.
    pub workflow: WorkflowSpec,
    /// `dataset`.
    pub dataset: DatasetSpec,
    /// `input`.
    pub input: InputTemplate,
    /// `limits`.
    pub limits: Limits,
    /// `accept`.
    pub accept: Accept,
    /// `checks`, in the order written.
    pub checks: Vec<Check>,
    /// `checks`, as written: what tells whether they are the same.
    pub checks_text: String,
    /// `reuse`.
    pub reuse: Option<ReuseSpec>,
    /// `baseline`, when its file is there.
    pub baseline: Option<Baseline>,
    /// `gates`.
    pub gates: Vec<Gate>,
    /// The files that reports need beside the manifest, by the names that a run keeps them under.
    pub kept: Vec<KeptFile>,
    /// `output`.
    pub output: OutputSpec,
    /// `report.group_by`, in the order written.
    pub group_by: Vec<(String, Template)>,
    /// `schedule`.
    pub schedule: Option<Schedule>,
    /// Every template and condition that can name a column, with its place: what the header is checked against.
    pub references: Vec<ColumnReference>,
    /// Where things stand that are checked once the header is known.
    pub(in crate::manifest) places: Places,
}

/// A file that reports need beside the manifest, of which a run keeps a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptFile {
    /// The copy's name in the run's folder of such files.
    pub name: String,
    /// Where it was read.
    pub path: PathBuf,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Where things stand that are checked once the header is known.
#[derive(Clone, Debug, Default)]
pub(in crate::manifest) struct Places {
    /// `dataset.select.where`.
    pub(in crate::manifest) condition: Option<Span>,
    /// The columns of `dataset.types`.
    pub(in crate::manifest) types: Vec<(String, Option<Span>)>,
    /// The conditions of checks.
    pub(in crate::manifest) conditions: Vec<Condition>,
}

/// A condition whose types are checked once the columns are known.
#[derive(Clone, Debug)]
pub(in crate::manifest) struct Condition {
    /// The key that it is the value of.
    pub(in crate::manifest) key: String,
    pub(in crate::manifest) expression: Expression,
    pub(in crate::manifest) span: Option<Span>,
}

/// A name that refers to a column, with its place in the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnReference {
    /// The column.
    pub column: String,
    /// Where it is named.
    pub span: Option<Span>,
    /// Whether a missing value is provided for.
    pub optional: bool,
}

/// `workflow`.
#[derive(Clone, Debug)]
pub struct WorkflowSpec {
    /// Who runs it.
    pub provider: Provider,
    /// `mode`.
    pub mode: Mode,
    /// `poll`.
    pub poll: PollSpec,
    /// `pin`.
    pub pin: Option<Pin>,
    /// `user_id`; the row tag alone by default.
    pub user_id: Template,
    /// `flow_file`: checked before anything is sent.
    pub flow_file: Option<PathBuf>,
    /// `price`.
    pub price: Option<Price>,
    /// `tls`.
    pub tls: Tls,
    /// `connect_timeout`, by default 10 s.
    pub connect_timeout: Duration,
    /// `keep_alive`: how long an idle connection may be used again, by default 4 s.
    pub keep_alive: Duration,
    /// `body_limit`: the largest reply body taken, in bytes, by default 16 MiB.
    pub body_limit: u64,
    /// `webhook`.
    pub webhook: Option<WebhookSpec>,
}

/// `workflow.webhook`: where the service delivers results as they come, beside being asked for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSpec {
    /// Our own receiver.
    pub receiver: Option<ReceiverSpec>,
    /// `forward`: the user's receivers, in the order written.
    pub forward: Vec<Forward>,
}

/// Our own receiver of webhooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverSpec {
    /// `listen`; port 0 takes a free one.
    pub listen: SocketAddr,
    /// `public_url`: how the service reaches it; the address that it listens on when absent.
    pub public_url: Option<SecretText>,
}

/// One of `workflow.webhook.forward`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// `method`, in capitals.
    pub method: &'static str,
    /// `url`.
    pub url: SecretText,
    /// `headers`, in the order written.
    pub headers: Vec<(String, SecretText)>,
}

/// `workflow.provider` and what belongs to it.
#[derive(Clone, Debug)]
pub enum Provider {
    /// The GPTBots Workflow API.
    Gptbots {
        /// The base URL, without a slash at its end: from `region` or `base_url`.
        base_url: String,
        /// `api_key`.
        api_key: SecretSource,
    },
    /// The embedded emulator.
    Emulator {
        /// `definition`.
        definition: PathBuf,
    },
}

/// `workflow.mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Submit, then poll.
    Async,
    /// Wait for the reply.
    Sync,
}

/// `workflow.poll`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollSpec {
    /// When to poll first.
    pub first: FirstPoll,
    /// The shortest and the longest time between two polls; none: learned too.
    pub interval: Option<(Duration, Duration)>,
}

/// `workflow.poll.first`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstPoll {
    /// Learned from runs that have finished.
    Auto,
    /// A fixed time after the submit.
    After(Duration),
}

/// `workflow.price`: what the unit of cost is, and what it is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// `unit`, for instance `credit`.
    pub unit: String,
    /// `per_unit`, in `currency`.
    pub per_unit: Decimal,
    /// `currency`, for instance `USD`.
    pub currency: String,
}

/// `workflow.tls`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// `ca`: a PEM file with further roots.
    pub ca: Option<PathBuf>,
}

/// `dataset`.
#[derive(Clone, Debug)]
pub struct DatasetSpec {
    /// The files in order: patterns (globs) or paths, resolved against the manifest's folder; `-` alone is stdin.
    pub paths: Vec<PathBuf>,
    /// Where `dataset` or `dataset.path` stands in the manifest, for mistakes about the file.
    pub span: Option<Span>,
    /// `format`; by the file's name when absent.
    pub format: Option<String>,
    /// `encoding`.
    pub encoding: Encoding,
    /// `delimiter`, one byte; by the format when absent.
    pub delimiter: Option<u8>,
    /// `key`.
    pub key: Option<String>,
    /// Where `key` stands.
    pub key_span: Option<Span>,
    /// `types`.
    pub types: ColumnTypes,
    /// `sha256`, lower case.
    pub sha256: Option<String>,
    /// `on_bad_row`.
    pub on_bad_row: OnBadRow,
    /// The manifest's `repeat`: how often each record is invoked.
    pub repeats: Repeats,
    /// `select`, with the command line's `--range`, `--limit` and `--sample`.
    pub select: Select,
}

/// `dataset.encoding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// A byte order mark, or valid UTF-8; anything else stops.
    Auto,
    /// A WHATWG encoding.
    Named(&'static encoding_rs::Encoding),
}

/// `dataset.on_bad_row`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnBadRow {
    /// A malformed record stops before anything is sent.
    Stop,
    /// It becomes a rejected row.
    Reject,
}

/// `dataset.select`, applied in this order: range, where, limit, sample.
#[derive(Clone, Debug, Default)]
pub struct Select {
    /// The first and the last row number.
    pub range: Option<(RowNumber, RowNumber)>,
    /// A condition on the row.
    pub condition: Option<Expression>,
    /// At most so many rows.
    pub limit: Option<u64>,
    /// A seeded random sample of what is left.
    pub sample: Option<Sample>,
}

/// `dataset.select.sample`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// How many rows.
    pub size: SampleSize,
    /// The seed, by default 0.
    pub seed: u64,
}

/// How large a sample is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleSize {
    /// So many rows.
    Rows(u64),
    /// A share of the rows, between 0 and 1.
    Share(Decimal),
}

/// `limits`.
#[derive(Clone, Debug)]
pub struct Limits {
    /// `concurrency`.
    pub concurrency: Concurrency,
    /// `timeout`: from the send of one attempt to its result.
    pub timeout: Duration,
    /// `deadline`: of this process.
    pub deadline: Option<Duration>,
    /// `drain`; none: 20 s, or without bound on a terminal.
    pub drain: Option<Duration>,
    /// `retry`.
    pub retry: Retry,
    /// `delivery`: what is done with a send whose fate is unknown.
    pub delivery: Delivery,
    /// `budget`; none: no bound.
    pub budget: Option<Budget>,
    /// `halt`; none: never.
    pub halt: Option<Halt>,
    /// `rate`; none: as fast as `concurrency` allows.
    pub rate: Option<RateSpec>,
    /// `throttle.longest`: how long calls to slow down may hold the run on end.
    pub longest_throttle: Duration,
}

/// `limits.budget`, in the workflow's unit; `cost` or `tokens` is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// `cost`: what the run may cost.
    pub cost: Option<Cost>,
    /// `tokens`: how many tokens it may use.
    pub tokens: Option<u64>,
    /// `cost_per_row`: what one execution costs at most.
    pub cost_per_row: Option<Cost>,
}

/// `limits.halt`: failed, in-doubt and rejected rows among the finished ones of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Halt {
    /// `failures`.
    pub failures: Limit,
    /// `after`: so many rows must have finished.
    pub after: u64,
}

/// `output`.
#[derive(Clone, Debug)]
pub struct OutputSpec {
    /// `dir`, relative to the working directory.
    pub dir: PathBuf,
    /// `durability`: what an entry of the journal survives.
    pub durability: Durability,
    /// `formats`.
    pub formats: Vec<OutputFormat>,
    /// `redact`: paths from `row`, `input` or `output` that are kept out of every derived file.
    pub redact: Vec<Vec<String>>,
    /// `columns`, in the order written.
    pub columns: Vec<(String, Template)>,
    /// `csv.bom`: a byte order mark first.
    pub csv_bom: bool,
    /// `csv.inputs`: the dataset's columns first.
    pub csv_inputs: bool,
    /// `csv.safe`: text that a spreadsheet would execute is defused.
    pub csv_safe: bool,
    /// `csv.delimiter`, one byte.
    pub csv_delimiter: u8,
    /// `csv.encoding`.
    pub csv_encoding: &'static encoding_rs::Encoding,
}

/// `output.formats`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputFormat {
    /// results.jsonl and failures.jsonl: always written.
    Jsonl,
    /// results.csv and failures.csv.
    Csv,
    /// report.html.
    Html,
    /// junit.xml.
    Junit,
    /// results.xlsx.
    Xlsx,
}
