//! `schedule serve` and `schedule tick`: the one loop of both. `tick` ends when nothing runs; until then it starts what
//! comes due, so that a long run holds no other schedule up.

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Builder;
use tokio::sync::mpsc;

use crate::commands::slots::children::Children;
use crate::commands::slots::plans::{self, Plans};
use crate::commands::slots::tell::{self, Weight};
use crate::commands::slots::{Where, keep};
use crate::commands::{Done, Failure, Host, notices};
use crate::model::{ExitCode, Reason};
use crate::runner::Signal;
use crate::schedule::{Asked, Error, Inbox, Ledger, Record, Request, Scheduler, What, Why};

/// How long nobody looks: so much later than it is due a slot may start.
const PULSE: Duration = Duration::from_millis(200);

/// How often manifests and requests are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// `serve`'s and `tick`'s arguments.
#[derive(Clone, Debug, Default)]
pub struct FollowArgs {
    /// Which schedules.
    pub at: Where,
}

/// When the loop ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// When it is asked to.
    Stopped,
    /// When nothing runs.
    Idle,
}

/// Follows the schedules of a folder until it is stopped.
pub fn serve(args: &FollowArgs, host: &mut dyn Host) -> Result<Done, Failure> {
    args.at.check()?;
    let ledger = Ledger::open(&args.at.state())?;
    let loop_ = Loop::begin(&args.at, ledger, None, host)?;
    loop_.go(Until::Stopped)?;
    Ok(Done::with(String::new()))
}

/// Runs what is due, and ends when it is done. Where another scheduler works on the folder that one does it.
pub fn tick(args: &FollowArgs, host: &mut dyn Host) -> Result<Done, Failure> {
    args.at.check()?;
    let ledger = match Ledger::open(&args.at.state()) {
        Err(Error::Locked { path }) => {
            tracing::info!("another scheduler works on {}", path.display());
            return Ok(Done::with(String::new()));
        }
        opened => opened?,
    };
    let exit_code = Loop::begin(&args.at, ledger, None, host)?.go(Until::Idle)?;
    Ok(Done { exit_code, output: String::new() })
}

/// A scheduler at work.
pub(super) struct Loop<'a> {
    at: &'a Where,
    host: &'a mut dyn Host,
    inbox: Inbox,
    plans: Plans,
    scheduler: Scheduler<Ledger, Children>,
    /// The schedule that it is for, if it is for one: the first step is that one's alone.
    only: Option<&'a str>,
    /// Whether the first step is to come, or under way.
    is_first: bool,
    began: (Timestamp, Instant),
    /// The exit codes of what ended.
    exits: Vec<u8>,
}

impl<'a> Loop<'a> {
    pub(super) fn begin(
        at: &'a Where,
        (ledger, state): (Ledger, crate::schedule::State),
        only: Option<&'a str>,
        host: &'a mut dyn Host,
    ) -> Result<Self, Failure> {
        let folder = at.state();
        let children = Children::below(&folder).map_err(Failure::disk(&folder))?;
        let scheduler = Scheduler::new(state, ledger, children);
        let (inbox, plans) = (Inbox::of(&folder), Plans::default());
        let began = (at.now(), Instant::now());
        Ok(Self { at, host, inbox, plans, scheduler, only, is_first: true, began, exits: Vec::new() })
    }

    /// Works until it is time to end. Gives the worst exit code of what ended.
    pub(super) fn go(mut self, until: Until) -> Result<u8, Failure> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::environment(Reason::Disk, error.to_string()))?;
        let (signal, mut signals) = mpsc::channel::<Signal>(4);
        let inside = runtime.enter();
        self.host.watch_signals(signal);
        drop(inside);
        let mut looked: Option<Instant> = None;
        let mut stops = false;
        loop {
            // While it drains nothing is decided: what is asked for meanwhile stays for the next scheduler.
            let looks = !stops && looked.is_none_or(|at| at.elapsed() >= LOOK);
            self.step(looks)?;
            self.is_first = false;
            if looks {
                looked = Some(Instant::now());
            }
            if (stops || until == Until::Idle) && !self.scheduler.is_busy() {
                break;
            }
            let heard = runtime.block_on(async { tokio::time::timeout(PULSE, signals.recv()).await });
            if matches!(heard, Ok(Some(_))) {
                // The first asks the runs to drain, the second to stop at once: it is theirs to tell them apart.
                self.scheduler.drain();
                stops = true;
            }
        }
        let interrupted = stops && until == Until::Idle;
        self.exits.extend(interrupted.then_some(ExitCode::Interrupted.code()));
        if !self.plans.wrong.is_empty() && until == Until::Idle {
            self.exits.push(ExitCode::Mistake.code());
        }
        Ok(worst(&self.exits))
    }

    fn now(&self) -> Timestamp {
        match self.at.now {
            None => Timestamp::now(),
            Some(at) => {
                let passed = SignedDuration::try_from(self.began.1.elapsed()).unwrap_or_default();
                at.checked_add(passed).unwrap_or(at)
            }
        }
    }

    fn step(&mut self, looks: bool) -> Result<(), Failure> {
        let mut asked = Vec::new();
        if looks {
            for wrong in self.plans.refresh(self.at, &*self.host) {
                self.host.say(&wrong);
            }
            // Later all are followed: whoever comes for another schedule meanwhile finds the ledger held.
            if let Some(only) = self.only.filter(|_| self.is_first) {
                self.plans.plans.retain(|name, _| name == only);
                self.plans.is_all = false;
            }
            asked = self.inbox.look();
        }
        for (path, wrong) in asked.iter().filter_map(|(path, asked)| Some((path, asked.as_ref().err()?))) {
            self.host.say(&format!("{}: no request: {wrong}", path.display()));
        }
        // What can't be answered now stays for a scheduler that can. What is no request was told of, and goes.
        asked.retain(|(_, asked)| asked.as_ref().map_or(true, |asked| self.answers(asked)));
        let requests: Vec<Asked> = asked.iter().filter_map(|(_, asked)| asked.clone().ok()).collect();
        let now = self.now();
        let written = self.scheduler.step(now, &self.plans.plans, self.plans.is_all, &requests)?;
        for (path, _) in &asked {
            // Taken twice it comes to the same.
            let _ = std::fs::remove_file(path);
        }
        for record in &written {
            self.tell(record);
        }
        Ok(())
    }

    /// Says whether a request comes to anything by what is followed just now.
    fn answers(&self, asked: &Asked) -> bool {
        let is_simple = matches!(asked.request, Request::Pause | Request::Resume);
        let is_known = || self.scheduler.state().schedules.contains_key(&asked.schedule);
        match self.only.filter(|_| self.is_first) {
            Some(only) => asked.schedule == only,
            None => self.plans.plans.contains_key(&asked.schedule) || is_simple && is_known(),
        }
    }

    fn tell(&mut self, record: &Record) {
        match tell::in_words(record) {
            Some((Weight::Trouble, text)) => self.host.say(&text),
            Some((Weight::Usual, text)) => tracing::info!("{text}"),
            None => {}
        }
        if is_alarm(&record.what)
            && let Some((_, text)) = tell::in_words(record)
            && let Some(plan) = self.plans.plans.get(&record.schedule)
            && let Some(manifest) = plans::sound(&plan.manifest, &*self.host)
        {
            notices::missed(&manifest, &plan.dir, &text, self.host);
        }
        if let What::Finished { exit, .. } = &record.what {
            let code = exit.and_then(|code| u8::try_from(code).ok());
            if self.only.is_none_or(|only| only == record.schedule) {
                self.exits.push(code.unwrap_or(ExitCode::Interrupted.code()));
            }
            if let Some(plan) = self.plans.plans.get(&record.schedule) {
                let logs = self.at.state().join("logs");
                keep::make_room(&record.schedule, plan, &logs, self.host);
            }
        }
    }
}

/// Says whether someone is told of it outside: a slot did not run, and neither a person nor the manifest asked for that.
fn is_alarm(what: &What) -> bool {
    match what {
        What::Missed { why, .. } | What::Dropped { why, .. } => {
            matches!(why, Why::Down | Why::Window | Why::StartDeadline | Why::Full)
        }
        _ => false,
    }
}

/// Gives the exit code that goes before the others.
fn worst(exits: &[u8]) -> u8 {
    const ORDER: [u8; 6] = [101, 2, 3, 5, 4, 1];
    let other = || exits.iter().copied().find(|code| *code != 0 && !ORDER.contains(code));
    ORDER.into_iter().find(|code| exits.contains(code)).or_else(other).unwrap_or(0)
}

/// Says who works on a state folder.
pub(super) fn holder(state: &Path) -> Option<String> {
    Ledger::holder(state)
}
