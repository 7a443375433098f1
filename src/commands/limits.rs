//! `flowbatch limits`: changes the limits of a run while it lives.

use std::time::{Duration, Instant};

use crate::commands::run::quoted;
use crate::commands::{Done, Failure, Host, RunName};
use crate::control::Control;

/// `limits`'s arguments.
#[derive(Clone, Debug, Default)]
pub struct LimitsArgs {
    /// Which run.
    pub run: RunName,
    /// `--concurrency`.
    pub concurrency: Option<usize>,
}

/// How long the command waits for the run to take the change.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(50);

/// Asks the process that works on a run to change its limits, and waits until it has.
pub fn limits(args: &LimitsArgs, host: &mut dyn Host) -> Result<Done, Failure> {
    let folder = args.run.find()?;
    let Some(concurrency) = args.concurrency else {
        return Err(Failure::mistake("nothing to change: say `--concurrency N`"));
    };
    let run = quoted(folder.path());
    if !folder.is_locked() {
        let way_on = format!("flowbatch resume {run} --set limits.concurrency={concurrency}");
        let message = format!(
            "{run}: no process works on this run, so there is nothing to change. If rows remain, `{way_on}` goes on with \
             the new limit"
        );
        return Err(Failure { next: vec![way_on], ..Failure::mistake(message) });
    }
    let process = folder.read()?.state().processes();
    let control = Control { concurrency: Some(concurrency), ..Control::of(process) };
    control.write(folder.path()).map_err(Failure::disk(folder.path()))?;
    let since = Instant::now();
    while Control::waits(folder.path()) {
        if since.elapsed() > PATIENCE {
            host.say(
                "the run has not taken it yet; it looks once a second while rows are sent. One that ends before keeps \
                 its limits",
            );
            return Ok(Done::with(""));
        }
        std::thread::sleep(LOOK);
    }
    Ok(Done::with(format!("concurrency {concurrency} is in force\n")))
}
