//! The command line: the only place that parses arguments.
//!
//! Every flag has a variable `FLOWBATCH_…`; a flag goes before the variable, that before the manifest, and that before
//! the default.

use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum, ValueHint};

use crate::commands::{
    CheckArgs, EmulateArgs, InitArgs, ListArgs, PlanArgs, ReportArgs, ReportFormat, ResumeArgs, RunArgs,
    RunName, Widening, quoted,
};
use crate::manifest::{row_range, sample_size};
use crate::model::Outcome;
use crate::report::Style;

/// A declarative batch runner for AI workflows.
#[derive(Debug, Parser)]
#[command(
    name = "flowbatch",
    version,
    about,
    max_term_width = 100,
    propagate_version = true,
    arg_required_else_help = true
)]
#[command(
    after_help = "Exit codes: 0 accepted · 1 complete, but rows did not succeed · 2 usage or manifest mistake · \
3 environment or refused start · 4 gate, budget, pin or halt rule · 5 interrupted, resumable · 101 a bug"
)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
pub(crate) struct Global {
    /// More on standard error: -v progress of the work, -vv requests, -vvv everything. RUST_LOG refines it
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// The form of what -v writes
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        env = "FLOWBATCH_LOG_FORMAT",
        value_name = "FORMAT"
    )]
    pub(crate) log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum LogFormat {
    #[default]
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs a manifest: the main job
    Run(Run),
    /// Says whether manifests are sound: keys, templates, the dataset's columns and rows. Sends nothing
    Check(Check),
    /// Renders every row and says what would run or be rejected, with an estimate. Sends nothing
    Plan(Plan),
    /// Finishes a run that was interrupted, asks rows again, or widens a pilot
    Resume(Resume),
    /// Rebuilds a run's results and reports from its journal, and shows one
    Report(Report),
    /// Lists runs, oldest first
    Runs(Runs),
    /// Serves the GPTBots Workflow API on loopback, from a small YAML or a .flow file
    Emulate(Emulate),
    /// Writes a manifest, a dataset and an emulated workflow to begin with
    Init(Init),
    /// Prints the JSON Schema of manifests, for editors
    Schema,
    /// Prints a completion script
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// What changes a manifest before it is read.
#[derive(Clone, Debug, Args)]
pub(crate) struct Changes {
    /// Sets a key of the manifest, for instance `limits.timeout=2m`
    #[arg(long = "set", value_name = "KEY.PATH=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// Sets a variable of the manifest's `vars`
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = pair)]
    vars: Vec<(String, String)>,
    /// Replaces the dataset's path; `-` is standard input
    #[arg(long, value_name = "FILE", env = "FLOWBATCH_DATASET", value_hint = ValueHint::FilePath)]
    dataset: Option<PathBuf>,
}

/// Which rows.
#[derive(Clone, Debug, Args)]
pub(crate) struct Rows {
    /// At most so many rows
    #[arg(long, value_name = "N", env = "FLOWBATCH_LIMIT")]
    limit: Option<u64>,
    /// Rows of this range, both ends included; either may be missing
    #[arg(long, value_name = "A..B", env = "FLOWBATCH_RANGE", value_parser = range)]
    range: Option<String>,
    /// A random sample: so many rows, or a share
    #[arg(long, value_name = "N[%]", env = "FLOWBATCH_SAMPLE", value_parser = sample)]
    sample: Option<String>,
    /// The sample's seed
    #[arg(long, value_name = "S", env = "FLOWBATCH_SEED")]
    seed: Option<u64>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Concurrency {
    /// Rows in flight
    #[arg(short = 'j', long, value_name = "N", env = "FLOWBATCH_CONCURRENCY")]
    concurrency: Option<u64>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Dir {
    /// The folder that runs are kept in
    #[arg(short = 'o', long = "output-dir", value_name = "DIR", env = "FLOWBATCH_OUTPUT_DIR", value_hint = ValueHint::DirPath)]
    dir: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Shown {
    /// Prints one JSON object on standard output
    #[arg(long, env = "FLOWBATCH_JSON")]
    pub(crate) json: bool,
    /// Shows no progress
    #[arg(long, env = "FLOWBATCH_NO_PROGRESS")]
    pub(crate) no_progress: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The manifest
    #[arg(value_hint = ValueHint::FilePath)]
    manifest: PathBuf,
    #[command(flatten)]
    concurrency: Concurrency,
    #[command(flatten)]
    rows: Rows,
    #[command(flatten)]
    changes: Changes,
    /// Creates the run with this id, or goes on with it; a complete one sends nothing and exits as it did
    #[arg(long, value_name = "ID", env = "FLOWBATCH_ID")]
    id: Option<String>,
    /// Begins anew although an unfinished run of the same job is there
    #[arg(long, conflicts_with = "id", env = "FLOWBATCH_NEW")]
    new: bool,
    /// Asks nothing
    #[arg(short, long, env = "FLOWBATCH_YES")]
    yes: bool,
    /// Shows the first requests with secrets masked, and sends nothing
    #[arg(long, env = "FLOWBATCH_DRY_RUN")]
    dry_run: bool,
    #[command(flatten)]
    dir: Dir,
    #[command(flatten)]
    pub(crate) shown: Shown,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The manifests
    #[arg(required = true, value_hint = ValueHint::FilePath)]
    manifests: Vec<PathBuf>,
    #[command(flatten)]
    changes: Changes,
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// The manifest
    #[arg(value_hint = ValueHint::FilePath)]
    manifest: PathBuf,
    #[command(flatten)]
    concurrency: Concurrency,
    #[command(flatten)]
    rows: Rows,
    #[command(flatten)]
    changes: Changes,
    #[command(flatten)]
    dir: Dir,
    /// Prints one JSON object on standard output
    #[arg(long, env = "FLOWBATCH_JSON")]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Resume {
    /// The run: `latest`, an id or its beginning, or a path
    #[arg(value_hint = ValueHint::DirPath)]
    run: Option<String>,
    /// Asks rows with these outcomes again: failed, rejected, `in_doubt` (which may be billed twice)
    #[arg(long, value_name = "OUTCOME", value_delimiter = ',', value_enum, env = "FLOWBATCH_RETRY")]
    retry: Vec<Again>,
    /// Widens the run to every row that the manifest's `where` lets in
    #[arg(long, conflicts_with_all = ["limit", "range"], env = "FLOWBATCH_ALL")]
    all: bool,
    /// Widens the run to so many rows
    #[arg(long, value_name = "N", env = "FLOWBATCH_LIMIT")]
    limit: Option<u64>,
    /// Widens the run by the rows of this range
    #[arg(long, value_name = "A..B", env = "FLOWBATCH_RANGE", value_parser = range)]
    range: Option<String>,
    #[command(flatten)]
    concurrency: Concurrency,
    /// Changes a key below `limits`, `accept`, `report` or `output`
    #[arg(long = "set", value_name = "KEY.PATH=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// Asks nothing
    #[arg(short, long, env = "FLOWBATCH_YES")]
    yes: bool,
    #[command(flatten)]
    dir: Dir,
    #[command(flatten)]
    pub(crate) shown: Shown,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Again {
    Failed,
    #[value(name = "in_doubt", alias = "in-doubt")]
    InDoubt,
    Rejected,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// The run: `latest`, an id or its beginning, or a path
    #[arg(value_hint = ValueHint::DirPath)]
    run: Option<String>,
    /// What is shown
    #[arg(long, value_enum, default_value_t, env = "FLOWBATCH_FORMAT")]
    format: Format,
    #[command(flatten)]
    dir: Dir,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
    Markdown,
}

#[derive(Debug, Args)]
pub(crate) struct Runs {
    /// Only runs of the manifest of this name
    manifest: Option<String>,
    #[command(flatten)]
    dir: Dir,
    /// Prints one JSON object a line
    #[arg(long, env = "FLOWBATCH_JSON")]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Emulate {
    /// The definition, or a .flow file
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0, env = "FLOWBATCH_PORT")]
    port: u16,
    /// The only key that is taken; without it any key is
    #[arg(long, value_name = "KEY", env = "FLOWBATCH_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
    /// Keeps what was executed and charged in this file, and goes on from it
    #[arg(long, value_name = "FILE", env = "FLOWBATCH_LEDGER", value_hint = ValueHint::FilePath)]
    ledger: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The folder to write into
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    folder: PathBuf,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("there is no `=` in it")?;
    if key.is_empty() {
        Err("there is nothing before the `=`".to_owned())
    } else {
        Ok((key.into(), value.into()))
    }
}

fn range(text: &str) -> Result<String, String> {
    row_range(text).map(|_| text.to_owned())
}

fn sample(text: &str) -> Result<String, String> {
    sample_size(text).map(|_| text.to_owned())
}

/// Writes the command as a shell takes it, under the name that it is known by.
fn command_line(args: impl Iterator<Item = std::ffi::OsString>) -> String {
    let given = args.skip(1).map(|arg| quoted(Path::new(&arg)));
    std::iter::once("flowbatch".to_owned()).chain(given).collect::<Vec<_>>().join(" ")
}

fn key<T: ToString>(name: &str, value: Option<T>) -> Option<(String, String)> {
    value.map(|value| (name.to_owned(), value.to_string()))
}

/// The flags that stand for a key of the manifest. `--set` comes last, so that it goes before them.
fn settings(
    concurrency: &Concurrency,
    rows: Option<&Rows>,
    set: &[(String, String)],
) -> Vec<(String, String)> {
    let mut all: Vec<_> = key("limits.concurrency", concurrency.concurrency).into_iter().collect();
    if let Some(rows) = rows {
        all.extend(key("dataset.select.range", rows.range.as_ref()));
        all.extend(key("dataset.select.limit", rows.limit));
        all.extend(key("dataset.select.sample.n", rows.sample.as_ref()));
        all.extend(key("dataset.select.sample.seed", rows.seed));
    }
    all.extend(set.iter().cloned());
    all
}

impl Run {
    pub(crate) fn into_args(self, style: Style) -> RunArgs {
        let command = command_line(std::env::args_os());
        let Changes { set, vars, dataset } = self.changes;
        RunArgs {
            manifest: self.manifest,
            set: settings(&self.concurrency, Some(&self.rows), &set),
            vars,
            dataset,
            id: self.id,
            new: self.new,
            yes: self.yes,
            dry_run: self.dry_run,
            dir: self.dir.dir,
            json: self.shown.json,
            style: Some(style),
            command,
        }
    }
}

impl Check {
    pub(crate) fn into_args(self) -> CheckArgs {
        let Changes { set, vars, dataset } = self.changes;
        CheckArgs { manifests: self.manifests, set, vars, dataset }
    }
}

impl Plan {
    pub(crate) fn into_args(self) -> PlanArgs {
        let Changes { set, vars, dataset } = self.changes;
        let set = settings(&self.concurrency, Some(&self.rows), &set);
        PlanArgs { manifest: self.manifest, set, vars, dataset, dir: self.dir.dir, json: self.json }
    }
}

impl Resume {
    pub(crate) fn into_args(self, style: Style) -> ResumeArgs {
        let retry = self.retry.iter().map(|again| match again {
            Again::Failed => Outcome::Failed,
            Again::InDoubt => Outcome::InDoubt,
            Again::Rejected => Outcome::Rejected,
        });
        let range = self.range.as_deref().and_then(|text| row_range(text).ok());
        ResumeArgs {
            run: RunName { run: self.run, dir: self.dir.dir },
            retry: retry.collect(),
            set: settings(&self.concurrency, None, &self.set),
            widen: Widening { all: self.all, limit: self.limit, range },
            yes: self.yes,
            json: self.shown.json,
            style: Some(style),
        }
    }
}

impl Report {
    pub(crate) fn into_args(self, style: Style) -> ReportArgs {
        let format = match self.format {
            Format::Text => ReportFormat::Text,
            Format::Json => ReportFormat::Json,
            Format::Markdown => ReportFormat::Markdown,
        };
        ReportArgs { run: RunName { run: self.run, dir: self.dir.dir }, format, style }
    }
}

impl Runs {
    pub(crate) fn into_args(self) -> ListArgs {
        ListArgs { dir: self.dir.dir, manifest: self.manifest, json: self.json }
    }
}

impl Emulate {
    pub(crate) fn into_args(self) -> EmulateArgs {
        EmulateArgs { file: self.file, port: self.port, api_key: self.api_key, ledger: self.ledger }
    }
}

impl Init {
    pub(crate) fn into_args(self) -> InitArgs {
        InitArgs { folder: self.folder }
    }
}

/// Writes the completion script of a shell.
pub(crate) fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "flowbatch", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Writes the reference of all commands, as docs/cli.md holds it.
pub fn reference() -> String {
    let mut text = String::from(
        "# Command line\n\nGenerated from the program; `UPDATE_GENERATED=1 cargo test --test generated` writes it anew.\n",
    );
    let mut root = Cli::command().term_width(100);
    root.build();
    describe(&mut text, &mut root, "flowbatch");
    text
}

fn describe(text: &mut String, command: &mut clap::Command, name: &str) {
    let help = command.render_long_help().to_string();
    let help: Vec<_> = help.lines().map(str::trim_end).collect();
    text.push_str(&format!("\n## `{name}`\n\n```text\n{}\n```\n", help.join("\n").trim_end()));
    let subcommands: Vec<_> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    for sub in subcommands.iter().filter(|sub| *sub != "help") {
        if let Some(command) = command.find_subcommand_mut(sub) {
            describe(text, command, &format!("{name} {sub}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_stand_for_keys_and_set_goes_before_them() {
        let cli = Cli::try_parse_from([
            "flowbatch",
            "run",
            "m.yaml",
            "-j",
            "3",
            "--limit=5",
            "--set",
            "limits.concurrency=9",
        ]);
        let Command::Run(run) = cli.unwrap().command else { panic!("it is a run") };
        let args = run.into_args(Style { colour: false, width: 80 });
        let set: Vec<_> = args.set.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(set, ["limits.concurrency=3", "dataset.select.limit=5", "limits.concurrency=9"]);
    }

    #[test]
    fn wrong_values_are_refused_where_they_stand() {
        for wrong in
            [&["--range", "5..1"][..], &["--sample", "x"], &["--set", "a"], &["--set", "=1"], &["-j", "many"]]
        {
            let args = ["flowbatch", "run", "m.yaml"].into_iter().chain(wrong.iter().copied());
            assert!(Cli::try_parse_from(args).is_err(), "{wrong:?}");
        }
    }
}
