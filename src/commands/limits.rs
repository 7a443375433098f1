//! `flowbatch limits`: changes the limits of a run while it lives.

use std::time::{Duration, Instant};

use crate::commands::run::quoted;
use crate::commands::{Done, Failure, Host, RunName, derive};
use crate::control::Control;
use crate::journal::RunFolder;
use crate::manifest::{PerTime, RateSpec, Secrets};

/// `limits`'s arguments.
#[derive(Clone, Debug, Default)]
pub struct LimitsArgs {
    /// Which run.
    pub run: RunName,
    /// `--concurrency`.
    pub concurrency: Option<usize>,
    /// `--rate`.
    pub rate: Option<PerTime>,
}

/// How long the command waits for the run to take the change.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(50);

/// Asks the process that works on a run to change its limits, and waits until it has.
pub fn limits(args: &LimitsArgs, host: &mut dyn Host) -> Result<Done, Failure> {
    let folder = args.run.find()?;
    let said = [
        args.concurrency.map(|concurrency| ("concurrency", concurrency.to_string())),
        args.rate.map(|rate| ("rate", rate.to_string())),
    ];
    let said: Vec<_> = said.into_iter().flatten().collect();
    if said.is_empty() {
        return Err(Failure::mistake("nothing to change: say `--concurrency N` or `--rate 30/min`"));
    }
    let run = quoted(folder.path());
    if !folder.is_locked() {
        let rate_key = rate_key(&folder, host);
        let set = |(key, value): &(&str, String)| match *key {
            "rate" => format!(" --set {rate_key}={value}"),
            key => format!(" --set limits.{key}={value}"),
        };
        let set: String = said.iter().map(set).collect();
        let way_on = format!("flowbatch resume {run}{set}");
        let message = format!(
            "{run}: no process works on this run, so there is nothing to change. If rows remain, `{way_on}` goes on with \
             the new limit"
        );
        return Err(Failure { next: vec![way_on], ..Failure::mistake(message) });
    }
    let process = folder.read()?.state().processes();
    let rate = args.rate.map(|rate| rate.to_string());
    let control = Control { concurrency: args.concurrency, rate, ..Control::of(process) };
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
    let said: Vec<_> = said.iter().map(|(key, value)| format!("{key} {value}")).collect();
    let are = if said.len() == 1 { "is" } else { "are" };
    Ok(Done::with(format!("{} {are} in force\n", said.join(" and "))))
}

/// The key by which a resume changes the rate; a manifest that can't be read is told of by that resume.
fn rate_key(folder: &RunFolder, host: &dyn Host) -> &'static str {
    let manifest = folder.lock().ok().zip(folder.read().ok()).and_then(|(lock, history)| {
        derive::frozen(folder, &lock, history.state().changed(), Secrets::Recorded, host).ok()
    });
    RateSpec::key_of(manifest.and_then(|manifest| manifest.limits.rate))
}
