//! The `flowbatch` binary: parse, run, map the verdict to an exit code.

use std::process::ExitCode;

use clap::Parser;
use flowbatch::cli::Cli;

fn main() -> ExitCode {
    flowbatch::console::main(Cli::parse())
}
