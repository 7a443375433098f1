//! `flowbatch emulate`: serves the GPTBots Workflow API on loopback until it is stopped.

use std::path::PathBuf;

use tokio::sync::mpsc;

use crate::commands::{Done, Failure, Host};
use crate::emulator::{Definition, Emulator, Options};
use crate::model::Reason;

/// `emulate`'s arguments.
#[derive(Clone, Debug, Default)]
pub struct EmulateArgs {
    /// The definition, or a `.flow` file.
    pub file: PathBuf,
    /// `--port`; 0 takes a free one.
    pub port: u16,
    /// `--api-key`; none: any key is taken.
    pub api_key: Option<String>,
    /// `--ledger`.
    pub ledger: Option<PathBuf>,
}

/// Serves until a signal comes. `ready` is called with the address once it answers.
pub fn emulate(args: &EmulateArgs, host: &mut dyn Host, ready: impl FnOnce(&str)) -> Result<Done, Failure> {
    let definition = Definition::load(&args.file)?;
    let options = Options { port: args.port, api_key: args.api_key.clone(), ledger: args.ledger.clone() };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::environment(Reason::Disk, error.to_string()))?;
    runtime.block_on(async {
        let (signal, mut signals) = mpsc::channel(1);
        host.watch_signals(signal);
        let emulator = Emulator::start(definition, options).await?;
        ready(&emulator.base_url());
        let _ = signals.recv().await;
        let witness = emulator.witness();
        emulator.stop().await;
        Ok(Done::with(format!("{} invokes, {} polls\n", witness.invokes(), witness.polls())))
    })
}
