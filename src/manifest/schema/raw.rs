//! A manifest as it is written: each type mirrors a map of the file. The comments here are what editors and the
//! reference show.

use schemars::JsonSchema;

use crate::gates::TOP_LEVEL;

use super::raw_checks::Check;
use super::raw_flow::{Concurrency, RetryOf};
use super::raw_reuse::Reuse;
use super::raw_schedule::Schedule;
use super::raw_workflow::Workflow;
use super::values::{
    Boolean, ColumnType, Condition, Delimiter, Delivery, Durability, Duration, Durations, FilePath, Format,
    FullText, GateText, Input, Limit, Money, Name, Named, NoHalt, OnBadRow, OutputFormat, PerTime, Redacted,
    RetryAlso, Rows, SampleSize, Sha256, TemplateText, Text, Version, Whole,
};

/// A manifest of flowbatch: a workflow behind an HTTP API, a dataset, and the mapping of a row to the workflow's
/// input. Keys that begin with `x-` are your own.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields, title = "flowbatch manifest")]
#[schemars(extend("required" = ["version", "name", "workflow", "dataset", "input"]))]
#[schemars(extend("patternProperties" = {"^x-": true}))]
pub(super) struct RawManifest {
    /// The version of the manifest's language.
    version: Version,
    /// Names the manifest and the folder of its runs: letters, digits, `-`, `_` and `.`, at most 80.
    name: Name,
    /// What the manifest is for.
    description: Text,
    /// Your own labels, which go into the run's lock and its reports.
    labels: Named<Text>,
    /// Values that templates may use as `{{vars.NAME}}`; `--var NAME=VALUE` overrides them.
    vars: Vars,
    /// The workflow that is run for each row.
    workflow: Workflow,
    /// The rows: the path of a file, or a map.
    dataset: Dataset,
    /// How often each row of the dataset is invoked, as rows of their own: `KEY#1`, `KEY#2` and so on. Reports then say how
    /// steady the answers are.
    #[schemars(extend("default" = 1))]
    repeat: Whole<1, 1000>,
    /// What is sent for a row: any JSON shape, in which each string is a template. A lone expression keeps its JSON
    /// type; text around it makes a string. `{file: PATH}` sends a file. A variable of the environment (`${NAME}`) is
    /// text here, and may not hold `{{`: bring such a value in by `vars`.
    input: Input,
    /// How much, how long, how often, and when to stop.
    limits: Limits,
    /// How many rows may end badly while the run still exits with 0.
    accept: Accept,
    /// Rules for what the workflow answers, by names of your own; gates use the names. See docs/evaluations.md.
    checks: Checks,
    /// The run whose results stand for a new call where they may: `latest`, an id, a path, or `none`; or a map. Only rows
    /// whose input is new or changed are sent and paid.
    reuse: Reuse,
    /// The file that `baseline` in a gate means: an earlier run's figures, written by `report RUN --format baseline`.
    baseline: FilePath,
    /// Conditions on the figures of the whole run, such as `label.pass_rate >= 90%`; a run that fails one exits with 4.
    gates: Vec<GateText>,
    /// What is written for a run.
    output: Output,
    /// How the report is laid out.
    report: Report,
    /// When the manifest is run by `flowbatch schedule`. See docs/scheduling.md.
    schedule: Schedule,
}

/// Checks by name.
#[derive(Default)]
pub(super) struct Checks;

impl JsonSchema for Checks {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Checks".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let check = generator.subschema_for::<Check>();
        let name = r"^[^\s.{}\[\]-]{1,64}$";
        schemars::json_schema!({
            "type": "object",
            "propertyNames": {"pattern": name, "not": {"enum": TOP_LEVEL}},
            "additionalProperties": check,
        })
    }
}

/// Values that templates may use.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
#[schemars(extend("patternProperties" = {"^[A-Za-z_][A-Za-z0-9_]*$": true}))]
pub(super) struct Vars {}

/// The path of a dataset, or a map.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum Dataset {
    /// The path of a file, a pattern, or `-` for standard input.
    Path(FilePath),
    /// A file and how it is read.
    Files(Box<DatasetMap>),
}

impl Default for Dataset {
    fn default() -> Self {
        Self::Path(FilePath)
    }
}

/// A dataset and how it is read.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
#[schemars(extend("required" = ["path"]))]
pub(super) struct DatasetMap {
    /// A file (csv, tsv, jsonl, ndjson or json, also .gz and .zst), a pattern, a list of them, or `-` for standard
    /// input.
    path: Paths,
    /// The format, when the file's name does not tell it.
    format: Format,
    /// The encoding by its WHATWG label, such as `gbk`; `auto` takes a byte order mark or valid UTF-8.
    #[schemars(extend("default" = "auto"))]
    encoding: FullText,
    /// What separates the cells of a CSV file: one ASCII character, or `tab`. The format tells it by default.
    delimiter: Delimiter,
    /// The column that names a row; its values must differ. By default the row's number.
    key: FullText,
    /// The types of CSV columns, which are text unless declared.
    types: Named<ColumnType>,
    /// The file's digest; a file that differs is refused.
    sha256: Sha256,
    /// What a malformed record does: stop before anything is sent, or become a rejected row.
    #[schemars(extend("default" = "stop"))]
    on_bad_row: OnBadRow,
    /// Which rows are run: range, where, limit and sample, in this order.
    select: Select,
}

/// One path, or a list of paths.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum Paths {
    /// One path.
    One(FilePath),
    /// Several, in order.
    Several(#[schemars(length(min = 1))] Vec<FilePath>),
}

impl Default for Paths {
    fn default() -> Self {
        Self::One(FilePath)
    }
}

/// Which rows are run.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
pub(super) struct Select {
    /// The first and the last row, such as `1..500`; either may be missing.
    range: Rows,
    /// A condition on the row, such as `row.lang == "en" and row.priority >= 2`.
    r#where: Condition,
    /// At most so many rows.
    limit: Whole<1, { u64::MAX }>,
    /// A random sample of what is left.
    sample: Sample,
}

/// A random sample.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
#[schemars(extend("required" = ["n"]))]
pub(super) struct Sample {
    /// How many rows, such as `100`, or which share of them, such as `5%`.
    n: SampleSize,
    /// The same seed gives the same sample.
    #[schemars(extend("default" = 0))]
    seed: Whole<0, { u64::MAX }>,
}

/// How much, how long, how often, and when to stop.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
pub(super) struct Limits {
    /// Rows in flight: a number, or a map.
    #[schemars(extend("default" = 8))]
    concurrency: Concurrency,
    /// How long one attempt may take, from its send to its result.
    #[schemars(extend("default" = "10m"))]
    timeout: Duration,
    /// How long this process may run; then it drains, and a later `resume` goes on. By default without bound.
    deadline: Duration,
    /// How long an interrupted run waits for what is on the wire. By default 20s, and without bound on a terminal.
    drain: Duration,
    /// What is sent again.
    retry: Retry,
    /// What is done with a row that may have run and whose answer was lost: `at_most_once` holds it in doubt;
    /// `at_least_once` sends it again, and may pay for it twice.
    #[schemars(extend("default" = "at_most_once"))]
    delivery: Delivery,
    /// What the run may cost. By default without bound.
    budget: Budget,
    /// Stops a run whose rows go wrong: a map, or `none`.
    #[schemars(extend("default" = {"failures": "50%", "after": 20}))]
    halt: Halt,
    /// How fast requests go out with one key to one host: invokes, or a map. By default as fast as `concurrency` allows.
    rate: Rate,
    /// What becomes of calls to slow down.
    throttle: Throttle,
}

/// A rate of invokes, or a map.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum Rate {
    /// Of invokes.
    Invokes(PerTime),
    /// By kind of request.
    ByKind(RateMap),
}

impl Default for Rate {
    fn default() -> Self {
        Self::Invokes(PerTime)
    }
}

/// How fast requests go out.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["shared"]}, {"anyOf": [{"required": ["invoke"]}, {"required": ["poll"]}]}]))]
pub(super) struct RateMap {
    /// Of invokes, such as `90/min`.
    invoke: PerTime,
    /// Of queries of results.
    poll: PerTime,
    /// Of all requests together, when the provider counts them so; it stands alone.
    shared: PerTime,
    /// So many may go at once after a rest, and a window may hold so many more, less one. By default no window holds more than the rate.
    burst: Whole<1, 10_000>,
}

/// What becomes of calls to slow down.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
#[schemars(extend("required" = ["longest"]))]
pub(super) struct Throttle {
    /// How long they may hold the run on end; beyond it the run suspends itself, to be resumed.
    #[schemars(extend("default" = "10m"))]
    longest: Duration,
}

/// What is sent again.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
pub(super) struct Retry {
    /// How often a row is sent at most; the first send counts.
    #[schemars(extend("default" = 4))]
    attempts: Whole<1, 100>,
    /// The longest waits before the second send and before the last.
    #[schemars(extend("default" = "1s..60s"))]
    backoff: Durations,
    /// Answers that are sent again although they are, or may have been, billed.
    #[schemars(extend("default" = [], "uniqueItems" = true))]
    also: Vec<RetryAlso>,
    /// When no connection came about.
    connect: RetryOf,
    /// When the service said that it is unavailable.
    unavailable: RetryOf,
    /// When the service reported an error of its own, and `also` asks for it again.
    server_error: RetryOf,
    /// When the workflow failed, and `also` asks for it again.
    failed: RetryOf,
    /// When it may have run, and `delivery: at_least_once` asks for it again.
    in_doubt: RetryOf,
    /// How many retries may be in vain in a process: a number, or a share of the rows sent. Ten are always allowed;
    /// beyond the budget, retries wait for each other.
    #[schemars(extend("default" = "20%"))]
    budget: Limit,
    /// When everything is refused, sends pause, and one at a time probes at growing intervals; after so long the run
    /// suspends itself with exit code 5.
    #[schemars(extend("default" = "30m"))]
    outage: Duration,
}

/// What a run may cost; a run that reaches it stops, and `resume --set limits.budget.cost=…` goes on.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
#[schemars(extend("anyOf" = [{"required": ["cost"]}, {"required": ["tokens"]}]))]
#[schemars(extend("dependentRequired" = {"cost_per_row": ["cost"]}))]
pub(super) struct Budget {
    /// Money, such as `12.5` in the workflow's unit, or `300 USD` when `workflow.price` says what that is worth.
    cost: Money,
    /// Tokens.
    tokens: Whole<0, { u64::MAX }>,
    /// What one row costs at most. With it the budget is never exceeded; without it, a row is taken to cost as much as
    /// the dearest so far.
    cost_per_row: Money,
}

/// `none`, or a map.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum Halt {
    /// Never stops.
    None(NoHalt),
    /// Stops when too many rows did not succeed.
    Rule(HaltRule),
}

impl Default for Halt {
    fn default() -> Self {
        Self::None(NoHalt)
    }
}

/// When a run stops because its rows go wrong.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
#[schemars(extend("required" = ["failures"]))]
pub(super) struct HaltRule {
    /// How many rows may have failed, be in doubt or be rejected, such as `20`, or which share of the finished rows,
    /// such as `5%`.
    failures: Limit,
    /// So many rows must have finished before a share counts. By default 20, and 0 for a number of rows.
    after: Whole<0, { u64::MAX }>,
}

/// How many rows may end badly.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
pub(super) struct Accept {
    /// Failed rows.
    #[schemars(extend("default" = 0))]
    failed: Limit,
    /// Rejected rows.
    #[schemars(extend("default" = 0))]
    rejected: Limit,
    /// Rows in doubt.
    #[schemars(extend("default" = 0))]
    in_doubt: Limit,
}

/// What is written for a run.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
pub(super) struct Output {
    /// The folder that runs are written to, relative to the working directory.
    #[schemars(extend("default" = "runs"))]
    dir: FilePath,
    /// What an entry of the journal survives before it counts: a loss of `power`, or only the death of the `process`,
    /// which is faster.
    #[schemars(extend("default" = "power"))]
    durability: Durability,
    /// What is written beside report.json and report.md: results.jsonl always, results.csv, report.html, junit.xml,
    /// results.xlsx.
    #[schemars(extend("default" = ["jsonl", "csv", "html", "junit"], "uniqueItems" = true))]
    formats: Vec<OutputFormat>,
    /// What is kept out of all these files, such as `row.email` or `output.reply`: `[redacted]` stands in its place.
    /// The journal keeps it.
    redact: Vec<Redacted>,
    /// The columns of results.csv beside the dataset's; by default one for each field of the output.
    columns: Named<TemplateText>,
    /// How results.csv is written.
    csv: Csv,
}

/// How results.csv is written.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
pub(super) struct Csv {
    /// Begins with a byte order mark, by which spreadsheets know UTF-8.
    #[schemars(extend("default" = true))]
    bom: Boolean,
    /// Has the dataset's columns first.
    #[schemars(extend("default" = true))]
    inputs: Boolean,
    /// Defuses text that a spreadsheet would execute.
    #[schemars(extend("default" = true))]
    safe: Boolean,
    /// The encoding by its WHATWG label.
    #[schemars(extend("default" = "utf-8"))]
    encoding: FullText,
    /// What separates the cells.
    #[schemars(extend("default" = ","))]
    delimiter: Delimiter,
}

/// How the report is laid out.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
pub(super) struct Report {
    /// Figures for groups of rows: a name, and a template whose value names the row's group.
    group_by: Named<TemplateText>,
}
