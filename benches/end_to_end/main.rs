//! What the whole program does with the time that a provider allows, and what it takes itself:
//!
//! ```sh
//! cargo bench --bench end_to_end
//! cargo bench --bench end_to_end -- --only zero
//! cargo bench --bench end_to_end -- --full
//! ```
//!
//! runs it against a service in a process of its own and prints a table. Nothing fails for being slow, but each run has to
//! be right. docs/benchmarks.md says what the lines mean.

#![expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a benchmark is a person's tool, and its figures are far below the limits of f64"
)]

mod cases;
mod measure;
mod server;
mod table;

use std::path::PathBuf;

use clap::Parser;

use crate::cases::{CASES, Place};
use crate::measure::Result;

#[derive(Debug, Parser)]
#[command(about = "Measures the program from one end to the other")]
struct Options {
    /// One case: zero, fixed, tail, memory, wide, start, async or million.
    #[arg(long)]
    only: Option<String>,

    /// The cases of 1,000,000 rows, too: minutes, and some gigabytes.
    #[arg(long)]
    full: bool,

    /// The program to measure, in place of the one just built.
    #[arg(long, default_value = env!("CARGO_BIN_EXE_flowbatch"))]
    binary: PathBuf,

    /// Below which folder the runs go: its file system is measured, too.
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    dir: PathBuf,

    /// Cargo says so; without it (`cargo test --benches`) nothing is measured.
    #[arg(long, hide = true)]
    bench: bool,

    /// Is the service.
    #[arg(long, hide = true)]
    serve: Option<String>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    if let Some(behaviour) = &options.serve {
        return Ok(server::serve(serde_json::from_str(behaviour)?)?);
    }
    if !options.bench {
        println!("measures with `cargo bench` only");
        return Ok(());
    }
    let chosen = |case: &&cases::Case| match &options.only {
        Some(only) => case.name == only,
        None => options.full || !case.long,
    };
    if CASES.iter().find(chosen).is_none() {
        let names: Vec<_> = CASES.iter().map(|case| case.name).collect();
        return Err(format!("there is no such case: {}", names.join(", ")).into());
    }
    let place = Place { program: &options.binary, folder: &options.dir };
    table::print_head();
    CASES.iter().filter(chosen).try_for_each(|case| (case.run)(place))
}
