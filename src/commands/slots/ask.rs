//! `schedule pause`, `resume` and `run-now`: asked of the scheduler that works on the folder, or done where none does.

use jiff::Timestamp;

use crate::commands::slots::follow::{Loop, Until, holder};
use crate::commands::slots::plans::Plans;
use crate::commands::slots::{Where, children::Children};
use crate::commands::{Done, Failure, Host};
use crate::schedule::{Asked, Error, Inbox, Ledger, Request, Scheduler, SlotId, What};

/// What is wished of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Start nothing until it is resumed.
    Pause,
    /// Start slots again.
    Resume,
}

/// The arguments.
#[derive(Clone, Debug, Default)]
pub struct AskArgs {
    /// Which schedules.
    pub at: Where,
    /// The schedule: the manifest's name.
    pub name: String,
}

/// Pauses a schedule, or resumes it.
pub fn ask(args: &AskArgs, wish: Wish, host: &mut dyn Host) -> Result<Done, Failure> {
    let plans = known(args, host)?;
    let request = if wish == Wish::Pause { Request::Pause } else { Request::Resume };
    let asked = put(args, request)?;
    let now = args.at.now();
    let (ledger, state) = match Ledger::open(&args.at.state()) {
        Err(Error::Locked { .. }) => return Ok(Done::with(taken_by_another(args))),
        opened => opened?,
    };
    let folder = args.at.state();
    let children = Children::below(&folder).map_err(Failure::disk(&folder))?;
    let is_new = !state.schedules.contains_key(&args.name);
    let mut scheduler = Scheduler::new(state, ledger, children);
    // A schedule that no scheduler has seen is taken in first; else nothing is decided here but what is asked.
    let plan = plans.plans.get(&args.name).filter(|_| is_new);
    let plans = plan.map(|plan| (args.name.clone(), plan.clone())).into_iter().collect();
    let inbox = Inbox::of(&folder);
    let waiting = inbox.look();
    let all: Vec<_> = waiting.iter().filter_map(|(_, asked)| asked.clone().ok()).collect();
    // What another asked for, and needs a plan, stays for a scheduler.
    let ours: Vec<_> =
        all.into_iter().filter(|other| other.schedule == asked.schedule && is_simple(other)).collect();
    let written = scheduler.step(now, &plans, false, &ours)?;
    for (path, _) in
        waiting.iter().filter(|(_, asked)| asked.as_ref().is_ok_and(|asked| ours.contains(asked)))
    {
        // Taken twice it comes to the same.
        let _ = std::fs::remove_file(path);
    }
    let is_news = written.iter().any(|record| matches!(record.what, What::Paused { .. } | What::Resumed));
    Ok(Done::with(match (wish, is_news) {
        (Wish::Pause, true) => {
            format!("{} is paused: what comes due is missed until it is resumed\n", args.name)
        }
        (Wish::Pause, false) => format!("{} was paused already\n", args.name),
        (Wish::Resume, true) => format!("{} is followed again\n", args.name),
        (Wish::Resume, false) => format!("{} was not paused\n", args.name),
    }))
}

fn is_simple(asked: &Asked) -> bool {
    matches!(asked.request, Request::Pause | Request::Resume)
}

/// Starts a manual slot, and waits for its end where no other scheduler does it.
pub fn run_now(args: &AskArgs, host: &mut dyn Host) -> Result<Done, Failure> {
    let plans = known(args, host)?;
    if !plans.plans.contains_key(&args.name) {
        return Err(Failure::mistake(format!("the manifest `{}` can't be read: mend it first", args.name)));
    }
    let at = Timestamp::from_second(args.at.now().as_second()).unwrap_or_default();
    put(args, Request::RunNow { at })?;
    let run_id = SlotId::manual(at).run_id(&args.name);
    let ledger = match Ledger::open(&args.at.state()) {
        Err(Error::Locked { .. }) => {
            return Ok(Done::with(format!("{}its run will be {run_id}\n", taken_by_another(args))));
        }
        opened => opened?,
    };
    host.say(&format!("{}: a manual slot, run {run_id}", args.name));
    let exit_code = Loop::begin(&args.at, ledger, Some(&args.name), host)?.go(Until::Idle)?;
    Ok(Done { exit_code, output: String::new() })
}

fn taken_by_another(args: &AskArgs) -> String {
    let process = holder(&args.at.state()).unwrap_or_default();
    format!("asked of the scheduler that works on the folder (process {process}): it looks once a second\n")
}

/// Fails for a schedule that is not there.
fn known(args: &AskArgs, host: &mut dyn Host) -> Result<Plans, Failure> {
    args.at.check()?;
    let mut plans = Plans::default();
    plans.refresh(&args.at, host);
    let state = Ledger::look(&args.at.state())?;
    if plans.plans.contains_key(&args.name) || state.schedules.contains_key(&args.name) {
        return Ok(plans);
    }
    let names: Vec<_> = plans.plans.keys().map(String::as_str).collect();
    let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Err(Failure::mistake(format!(
        "no manifest in {} has the name `{}` and a schedule; there are: {there}",
        args.at.dir.display(),
        args.name
    )))
}

fn put(args: &AskArgs, request: Request) -> Result<Asked, Failure> {
    let asked = Asked { schedule: args.name.clone(), request };
    let state = args.at.state();
    Inbox::of(&state).put(&asked, Timestamp::now()).map_err(Failure::disk(&state))?;
    Ok(asked)
}
