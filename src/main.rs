//! The `flowbatch` binary: parse, run, map the verdict to an exit code.

use std::process::ExitCode;

use clap::Parser;
use flowbatch::cli::{Cli, LogFormat};
use flowbatch::console;
use mimalloc::MiMalloc;

/// A row's life is many small allocations on three threads, which the system's allocator spends a sixth of the time on.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let (json, no_progress) = cli.shown();
    let log_json = matches!(cli.log_format(), LogFormat::Json);
    let options = console::Options { verbosity: cli.verbosity(), log_json, json, no_progress };
    console::run(options, |terminal, style| {
        cli.run(terminal, style, |url| console::print(&format!("listening on {url}\n")))
    })
}
