//! The command line: the only place that parses arguments.
//!
//! Every flag has a variable `FLOWBATCH_…`; a flag goes before the variable, that before the manifest, and that before
//! the default.

mod arguments;
mod bundle;
mod compare;
mod diff;
mod emulate;
mod limits;
mod reference;
mod report;
mod reproduce;
mod schedule;
mod score;
mod serve;
mod slots;
mod spend;
mod verify;

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

use crate::commands::{self, Done, Failure, Host};
use crate::manifest::{self, row_range};
use crate::report::Style;

use arguments::{pair, range, sample};
pub use reference::reference;

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
    global: Global,
    #[command(subcommand)]
    command: Command,
}

impl Cli {
    /// How much is logged: the number of `-v`.
    pub fn verbosity(&self) -> u8 {
        self.global.verbose
    }

    /// The form of what is logged.
    pub fn log_format(&self) -> LogFormat {
        self.global.log_format
    }

    /// How the command's result and progress are to be shown: as JSON, and without progress.
    pub fn shown(&self) -> (bool, bool) {
        match &self.command {
            Command::Run(Run { shown, .. }) | Command::Resume(Resume { shown, .. }) => {
                (shown.json, shown.no_progress)
            }
            _ => (false, false),
        }
    }

    /// Does what was asked. `ready` is told the emulator's address.
    pub fn run(self, host: &mut dyn Host, style: Style, ready: impl FnOnce(&str)) -> Result<Done, Failure> {
        let text = |output| Ok(Done { exit_code: 0, output });
        match self.command {
            Command::Run(args) => commands::run(&args.into_args(style), host),
            Command::Check(args) => commands::check(&args.into_args(), host),
            Command::Plan(args) => commands::plan(&args.into_args(), host),
            Command::Resume(args) => commands::resume(&args.into_args(style), host),
            Command::Limits(args) => commands::limits(&args.into_args(), host),
            Command::Report(args) => commands::report(&args.into_args(style), host),
            Command::Score(args) => commands::score(&args.into_args(style), host),
            Command::Compare(args) => commands::compare(&args.into_args(style), host),
            Command::Diff(args) => commands::diff(&args.into_args(), host),
            Command::Reconcile(args) => commands::reconcile(&args.into_args(), host),
            Command::Verify(args) => commands::verify(&args.into_args(), host),
            Command::Export(args) => commands::export(&args.into_args(), host),
            Command::Import(args) => commands::import(&args.into_args(), host),
            Command::Reproduce(args) => commands::reproduce(&args.into_args(style), host),
            Command::Spend(args) => commands::spend(&args.into_args(), host),
            Command::Runs(args) => commands::list(&args.into_args(), host),
            Command::Schedule(args) => args.run(host),
            Command::Serve(args) => commands::serve(&args.into_args(), host, ready),
            Command::Emulate(args) => commands::emulate(&args.into_args(), host, ready),
            Command::Init(args) => commands::init(&args.into_args(), host),
            Command::Schema => text(format!("{:#}\n", manifest::schema())),
            Command::Completions { shell } => text(reference::completions(shell)),
        }
    }
}

#[derive(Debug, Args)]
struct Global {
    /// More on standard error: -v progress of the work, -vv requests, -vvv everything. `RUST_LOG` refines it
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// The form of what -v writes
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        env = "FLOWBATCH_LOG_FORMAT",
        value_name = "FORMAT"
    )]
    log_format: LogFormat,
}

/// The form of what is logged.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum LogFormat {
    /// For a person.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a manifest: the main job
    Run(Run),
    /// Says whether manifests are sound: keys, templates, the dataset's columns and rows. Sends nothing
    Check(Check),
    /// Renders every row and says what would run or be rejected, with an estimate. Sends nothing
    Plan(Plan),
    /// Finishes a run that was interrupted, asks rows again, or widens a pilot
    Resume(Resume),
    /// Changes the limits of a run while it lives
    Limits(limits::Limits),
    /// Rebuilds a run's results and reports from its journal, and shows one
    Report(report::Report),
    /// Applies the manifest's checks and gates, as they are now, to a run's stored replies. Sends nothing,
    /// but to judges what they were not asked yet
    Score(score::Score),
    /// Compares two runs over the same rows: checks, costs, tokens and times, and whether a difference is more than chance
    Compare(compare::Compare),
    /// Compares what two manifests mean, key by key, and says whether they are the same job. Sends nothing; exits 1 when they
    /// differ
    Diff(diff::Diff),
    /// Compares a run with the provider's own ledger, and settles costs that are unknown or in doubt. Sends no row
    Reconcile(Reconcile),
    /// Checks that every file of a run is what was written: digests, checksums, replies, results, totals. Sends nothing
    Verify(verify::Verify),
    /// Runs a run again from its own manifest, on the same rows, and says which answers differ. It pays again
    Reproduce(reproduce::Reproduce),
    /// Writes a run, with what is needed to check and repeat it elsewhere, into one file
    Export(bundle::Export),
    /// Opens a file that `export` wrote, and verifies the run in it
    Import(bundle::Import),
    /// Says what runs have cost, by manifest, label, workflow, month or user
    Spend(spend::Spend),
    /// Lists runs, oldest first
    Runs(Runs),
    /// Runs what is due by the manifests' `schedule`, and shows when that is
    Schedule(schedule::Schedule),
    /// Serves the runs below a folder as pages: the list, reports, and how living runs stand
    Serve(serve::Serve),
    /// Serves the GPTBots Workflow API on loopback, from a small YAML or a .flow file
    Emulate(emulate::Emulate),
    /// Writes a manifest, a dataset and an emulated workflow to begin with
    Init(arguments::Init),
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
struct Changes {
    /// Puts an overlay onto the manifest: `prod` is manifest.prod.yaml beside manifest.yaml; the later goes before the earlier
    #[arg(long = "overlay", value_name = "NAME", env = "FLOWBATCH_OVERLAY", value_delimiter = ',')]
    overlays: Vec<String>,
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
struct Rows {
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
struct Concurrency {
    /// Rows in flight
    #[arg(short = 'j', long, value_name = "N", env = "FLOWBATCH_CONCURRENCY")]
    concurrency: Option<u64>,
}

#[derive(Clone, Debug, Args)]
struct Dir {
    /// The folder that runs are kept in
    #[arg(short = 'o', long = "output-dir", value_name = "DIR", env = "FLOWBATCH_OUTPUT_DIR", value_hint = ValueHint::DirPath)]
    dir: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
struct Shown {
    /// Prints one JSON object on standard output
    #[arg(long, env = "FLOWBATCH_JSON", value_parser = switch())]
    json: bool,
    /// Shows no progress
    #[arg(long, env = "FLOWBATCH_NO_PROGRESS", value_parser = switch())]
    no_progress: bool,
}

#[derive(Debug, Args)]
struct Run {
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
    #[command(flatten)]
    slot: slots::OfSlot,
    /// Takes the results of this run (`latest`, an id or a path) for rows whose input is the same; only the others are paid
    #[arg(long, value_name = "RUN", env = "FLOWBATCH_REUSE")]
    reuse: Option<String>,
    /// Begins anew although an unfinished run of the same job is there
    #[arg(long, env = "FLOWBATCH_NEW", value_parser = switch())]
    new: bool,
    /// Asks nothing
    #[arg(short, long, env = "FLOWBATCH_YES", value_parser = switch())]
    yes: bool,
    /// Shows the first requests with secrets masked, and sends nothing
    #[arg(long, env = "FLOWBATCH_DRY_RUN", value_parser = switch())]
    dry_run: bool,
    #[command(flatten)]
    live: serve::Live,
    #[command(flatten)]
    dir: Dir,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Args)]
struct Check {
    /// The manifests
    #[arg(required = true, value_hint = ValueHint::FilePath)]
    manifests: Vec<PathBuf>,
    #[command(flatten)]
    changes: Changes,
}

#[derive(Debug, Args)]
struct Plan {
    /// The manifest
    #[arg(value_hint = ValueHint::FilePath)]
    manifest: PathBuf,
    #[command(flatten)]
    concurrency: Concurrency,
    #[command(flatten)]
    rows: Rows,
    #[command(flatten)]
    changes: Changes,
    /// Takes the results of this run (`latest`, an id or a path) for rows whose input is the same; only the others are paid
    #[arg(long, value_name = "RUN", env = "FLOWBATCH_REUSE")]
    reuse: Option<String>,
    #[command(flatten)]
    dir: Dir,
    /// Prints one JSON object on standard output
    #[arg(long, env = "FLOWBATCH_JSON", value_parser = switch())]
    json: bool,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct Resume {
    /// The run: `latest`, an id or its beginning, or a path
    #[arg(value_hint = ValueHint::DirPath)]
    run: Option<String>,
    /// Asks rows with these outcomes again: failed, rejected, `in_doubt` (which may be billed twice)
    #[arg(long, value_name = "OUTCOME", value_delimiter = ',', value_enum, env = "FLOWBATCH_RETRY")]
    retry: Vec<Again>,
    /// Widens the run to every row that the manifest's `where` lets in; goes before --limit and --range
    #[arg(long, env = "FLOWBATCH_ALL", value_parser = switch())]
    all: bool,
    /// Widens the run to so many rows
    #[arg(long, value_name = "N", env = "FLOWBATCH_LIMIT")]
    limit: Option<u64>,
    /// Widens the run by the rows of this range
    #[arg(long, value_name = "A..B", env = "FLOWBATCH_RANGE", value_parser = row_range)]
    range: Option<(u64, u64)>,
    /// Takes a dataset that only grew, and adds its new rows
    #[arg(long, env = "FLOWBATCH_EXTEND", value_parser = switch())]
    extend: bool,
    /// Takes rows edited under the same key that were never sent, and asks rejected ones of them again
    #[arg(long, env = "FLOWBATCH_ACCEPT_EDITS", value_parser = switch())]
    accept_edits: bool,
    /// Mends a damaged journal: keeps what can be read, and holds rows that may have been sent
    #[arg(long, env = "FLOWBATCH_REPAIR", value_parser = switch())]
    repair: bool,
    #[command(flatten)]
    live: serve::Live,
    #[command(flatten)]
    concurrency: Concurrency,
    /// Changes a key below `limits`, `accept`, `gates`, `report`, `output`, `workflow.body_limit` or `workflow.pin`
    #[arg(long = "set", value_name = "KEY.PATH=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// Asks nothing
    #[arg(short, long, env = "FLOWBATCH_YES", value_parser = switch())]
    yes: bool,
    #[command(flatten)]
    dir: Dir,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Again {
    Failed,
    #[value(name = "in_doubt", alias = "in-doubt")]
    InDoubt,
    Rejected,
}

#[derive(Debug, Args)]
struct Reconcile {
    /// The run: `latest`, an id or its beginning, or a path
    #[arg(value_hint = ValueHint::DirPath)]
    run: Option<String>,
    #[command(flatten)]
    dir: Dir,
    /// Prints one JSON object on standard output
    #[arg(long, env = "FLOWBATCH_JSON", value_parser = switch())]
    json: bool,
}

#[derive(Debug, Args)]
struct Runs {
    /// Only runs of the manifest of this name
    manifest: Option<String>,
    #[command(flatten)]
    dir: Dir,
    /// Prints one JSON object a line
    #[arg(long, env = "FLOWBATCH_JSON", value_parser = switch())]
    json: bool,
}

/// A variable stands for its flag unless it is empty, `0`, `false`, `no` or `off`.
fn switch() -> FalseyValueParser {
    FalseyValueParser::new()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

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
