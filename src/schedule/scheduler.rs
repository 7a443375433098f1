//! The loop's one step: what ended, what is due, what is asked for, what starts. Each is durable before it is done, so that
//! a scheduler may die between any two of them and the next one goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use crate::schedule::decide::{self, Deciding};
use crate::schedule::{
    Asked, Error, Live, PauseWhy, Plan, Record, Request, SlotId, Stage, Standing, State, What, Why,
};

/// Processes of one slot that may end before its run is complete; those that a stop of the scheduler ended don't count.
const FAILURES: u32 = 4;

/// What is waited before the second, the third and the fourth process.
const BACK_OFF: [Duration; 3] = [Duration::from_secs(60), Duration::from_secs(300), Duration::from_secs(900)];

/// What is waited when another process works on the slot's run.
const LOCKED: Duration = Duration::from_secs(5);

/// A slot of a schedule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The schedule.
    pub schedule: String,
    /// The slot.
    pub slot: SlotId,
}

/// What is to be run for a slot: `run MANIFEST --id RUN_ID -o DIR`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The slot.
    pub key: Key,
    /// The slot before it by the calendar.
    pub previous: Option<Timestamp>,
    /// The run's id.
    pub run_id: String,
    /// The folder that runs are kept in.
    pub dir: PathBuf,
    /// The manifest.
    pub manifest: PathBuf,
}

/// What the end of a process means for its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The run is complete, or needs a person.
    Done,
    /// Another process can go on with it.
    Resume,
    /// Another process works on it.
    Locked,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The exit code; none when it was killed.
    pub code: Option<i32>,
    /// The verdict's reason.
    pub reason: Option<String>,
    /// What follows.
    pub then: Then,
}

/// The processes of slots: real ones, and those of the tests.
pub trait World {
    /// Starts a process. An error says why there is none.
    fn start(&mut self, job: &Job) -> Result<(), String>;
    /// Says whether a process that this scheduler started for the slot is alive.
    fn runs(&self, key: &Key) -> bool;
    /// Says whether any process works on the slot's run.
    fn is_held(&mut self, job: &Job) -> bool;
    /// Asks the slot's process to stop.
    fn stop(&mut self, key: &Key);
    /// Gives the processes that have ended since it was last asked.
    fn ended(&mut self) -> Vec<(Key, Exit)>;
}

/// Where records go. They are durable when this returns.
pub trait Log {
    /// Appends records.
    fn append(&mut self, at: Timestamp, records: &[Record]) -> Result<(), Error>;
}

/// Follows schedules.
#[derive(Debug)]
pub struct Scheduler<L, W> {
    state: State,
    log: L,
    world: W,
    /// Whether nothing new is started any more.
    drains: bool,
    asked_to_stop: BTreeSet<Key>,
    /// Slots that another process works on, and when they are looked at again.
    locked: BTreeMap<Key, Timestamp>,
}

impl<L: Log, W: World> Scheduler<L, W> {
    /// Goes on from where the ledger ends.
    pub fn new(state: State, log: L, world: W) -> Self {
        let (asked_to_stop, locked) = (BTreeSet::new(), BTreeMap::new());
        Self { state, log, world, drains: false, asked_to_stop, locked }
    }

    /// Gives where the schedules stand.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Gives the world.
    pub fn world(&mut self) -> &mut W {
        &mut self.world
    }

    /// Says whether a process that this scheduler started is alive.
    pub fn is_busy(&self) -> bool {
        self.each_live().any(|(key, _)| self.world.runs(&key))
    }

    /// Begins to stop: nothing new is started, and what runs is asked to stop. Asked again, it is asked again.
    pub fn drain(&mut self) {
        self.drains = true;
        for key in self.each_live().map(|(key, _)| key).collect::<Vec<_>>() {
            if self.world.runs(&key) {
                self.world.stop(&key);
            }
        }
    }

    /// Takes one step: `plans` are the schedules as they are now, and all there are if `is_all`. Gives what was written.
    pub fn step(
        &mut self,
        now: Timestamp,
        plans: &BTreeMap<String, Plan>,
        is_all: bool,
        asked: &[Asked],
    ) -> Result<Vec<Record>, Error> {
        let mut written = self.take_ends(now, plans)?;
        if self.drains {
            return Ok(written);
        }
        for (schedule, plan) in plans {
            let decided = self.decide(now, schedule, plan, asked);
            written.extend(self.write(now, schedule, decided)?);
        }
        let others = asked.iter().filter(|asked| !plans.contains_key(&asked.schedule));
        for Asked { schedule, request } in others {
            let decided = self.state.schedules.get(schedule).and_then(|standing| answer(standing, *request));
            written.extend(self.write(now, schedule, decided.into_iter().collect())?);
        }
        if is_all {
            for schedule in self.state.schedules.keys().cloned().collect::<Vec<_>>() {
                if !plans.contains_key(&schedule) {
                    let decided = self.state.schedules.get(&schedule).map(decide::removed);
                    written.extend(self.write(now, &schedule, decided.unwrap_or_default())?);
                }
            }
        }
        self.start_all(now, plans, is_all, &mut written)?;
        Ok(written)
    }

    fn each_live(&self) -> impl Iterator<Item = (Key, &Live)> {
        self.state.schedules.iter().flat_map(|(schedule, standing)| {
            standing.live.iter().map(|live| (Key { schedule: schedule.clone(), slot: live.slot }, live))
        })
    }

    /// Writes records down, and believes them then.
    fn write(&mut self, now: Timestamp, schedule: &str, what: Vec<What>) -> Result<Vec<Record>, Error> {
        let record = |what| Record { schedule: schedule.to_owned(), what };
        let records: Vec<_> = what.into_iter().map(record).collect();
        if records.is_empty() {
            return Ok(records);
        }
        self.log.append(now, &records)?;
        for record in &records {
            self.state.apply(record, now).map_err(Error::Impossible)?;
        }
        Ok(records)
    }

    fn take_ends(&mut self, now: Timestamp, plans: &BTreeMap<String, Plan>) -> Result<Vec<Record>, Error> {
        let mut written = Vec::new();
        for (key, exit) in self.world.ended() {
            self.asked_to_stop.remove(&key);
            let standing = self.state.schedules.get(&key.schedule);
            let Some(live) = standing.and_then(|standing| standing.find(key.slot)) else { continue };
            if exit.then == Then::Locked {
                self.locked.insert(key, now.checked_add(LOCKED).unwrap_or(now));
                continue;
            }
            let pauses = plans.get(&key.schedule).is_some_and(|plan| plan.schedule.pause_on_failure);
            let what = came_to(live, exit, now, self.drains, pauses);
            written.extend(self.write(now, &key.schedule, what)?);
        }
        Ok(written)
    }

    fn decide(&self, now: Timestamp, schedule: &str, plan: &Plan, asked: &[Asked]) -> Vec<What> {
        let standing = self.state.schedules.get(schedule);
        let is_asked = asked.iter().any(|asked| asked.schedule == schedule);
        if !is_asked && standing.is_some_and(|standing| decide::is_quiet(standing, plan, now)) {
            return Vec::new();
        }
        let then = standing.cloned().unwrap_or_default();
        let mut deciding = Deciding { schedule, plan, now, then, out: Vec::new() };
        deciding.register();
        deciding.account();
        for Asked { request, .. } in asked.iter().filter(|asked| asked.schedule == schedule) {
            deciding.answer(*request);
        }
        deciding.dispatch();
        deciding.out
    }

    fn start_all(
        &mut self,
        now: Timestamp,
        plans: &BTreeMap<String, Plan>,
        is_all: bool,
        written: &mut Vec<Record>,
    ) -> Result<(), Error> {
        let live: Vec<_> = self.each_live().map(|(key, live)| (key, live.clone())).collect();
        for (key, live) in live {
            let runs = self.world.runs(&key);
            if runs || live.stage == Stage::Queued {
                if live.cancelled_by.is_some() && self.asked_to_stop.insert(key.clone()) {
                    self.world.stop(&key);
                }
                continue;
            }
            let plan = plans.get(&key.schedule);
            if plan.is_none() && !is_all {
                continue;
            }
            let job = job_of(&key, &live, plan);
            let is_held = live.stage == Stage::Running && self.world.is_held(&job);
            if is_held && live.cancelled_by.is_some() && self.asked_to_stop.insert(key.clone()) {
                // A scheduler that died began it: it is as much in the way as one of ours.
                self.world.stop(&key);
            }
            if is_held || live.stage == Stage::Running && self.is_locked(&key, now) {
                continue;
            }
            let slot = live.slot;
            let what = match (live.cancelled_by, plan) {
                (Some(by), _) => What::Cancelled { slot, by, exit: None },
                (None, None) => What::Dropped { slot, why: Why::Removed },
                (None, Some(plan)) if is_too_late(&live, plan, now) => {
                    What::Dropped { slot, why: Why::StartDeadline }
                }
                (None, Some(plan)) if self.may_start(&key, &live, plan, now) => {
                    What::Started { slot, process: live.processes.saturating_add(1) }
                }
                _ => continue,
            };
            let starts = matches!(what, What::Started { .. });
            written.extend(self.write(now, &key.schedule, vec![what])?);
            if starts && let Err(why) = self.world.start(&job) {
                let exit = Exit { code: None, reason: Some(why), then: Then::Resume };
                let pauses = plan.is_some_and(|plan| plan.schedule.pause_on_failure);
                let what = came_to(&live, exit, now, false, pauses);
                written.extend(self.write(now, &key.schedule, what)?);
            }
        }
        Ok(())
    }

    fn is_locked(&self, key: &Key, now: Timestamp) -> bool {
        let until = self.locked.get(key);
        until.is_some_and(|until| *until > now && decide::since(*until, now) <= LOCKED)
    }

    fn may_start(&self, key: &Key, live: &Live, plan: &Plan, now: Timestamp) -> bool {
        let is_paused = self.state.schedules.get(&key.schedule).is_some_and(|s| s.paused.is_some());
        // A clock that was set back must not hold it for longer than was meant.
        let wait = decide::since(live.start_at, now);
        match live.stage {
            Stage::Running => true,
            // What was begun is finished, whatever was paused since.
            Stage::Interrupted => wait.is_zero() || wait > BACK_OFF[BACK_OFF.len() - 1],
            Stage::Claimed => {
                let jitter = decide::since(plan.start(live.slot.at), live.slot.at);
                (wait.is_zero() || wait > jitter) && (!is_paused || live.slot.manual)
            }
            Stage::Queued => false,
        }
    }
}

impl Deciding<'_> {
    fn answer(&mut self, request: Request) {
        match request {
            Request::RunNow { at } => self.ask(at),
            Request::Pause | Request::Resume => {
                if let Some(what) = answer(&self.then, request) {
                    self.emit(what);
                }
            }
        }
    }
}

/// Says whether a slot was claimed, by a scheduler that died or before a pause, and may not be started any more.
fn is_too_late(live: &Live, plan: &Plan, now: Timestamp) -> bool {
    let is_fresh = live.stage == Stage::Claimed && live.processes == 0 && !live.slot.manual;
    let late = decide::since(now, live.start_at);
    is_fresh && plan.schedule.start_deadline.is_some_and(|deadline| late > deadline)
}

/// What is run for a slot.
fn job_of(key: &Key, live: &Live, plan: Option<&Plan>) -> Job {
    Job {
        key: key.clone(),
        previous: live.previous,
        run_id: live.run_id.clone(),
        // Subtle: where the run was begun, or may have been, and not where it would be begun now.
        dir: live.dir.clone(),
        manifest: plan.map_or_else(|| live.manifest.clone(), |plan| plan.manifest.clone()),
    }
}

/// What a request comes to, where nothing has to be decided for it.
fn answer(standing: &Standing, request: Request) -> Option<What> {
    match request {
        Request::Pause if standing.paused.is_none() => Some(What::Paused { why: PauseWhy::Asked }),
        Request::Resume if standing.paused.is_some() => Some(What::Resumed),
        _ => None,
    }
}

/// What a slot comes to by the end of its process.
fn came_to(live: &Live, exit: Exit, now: Timestamp, drains: bool, pauses: bool) -> Vec<What> {
    let Exit { code, reason, then } = exit;
    let slot = live.slot;
    if let Some(by) = live.cancelled_by {
        return vec![What::Cancelled { slot, by, exit: code }];
    }
    let failures = live.failures + u32::from(!drains);
    if then == Then::Resume && (drains || failures < FAILURES) {
        let wait =
            usize::try_from(failures).ok().and_then(|failures| BACK_OFF.get(failures.saturating_sub(1)));
        let wait = wait.filter(|_| !drains).copied().unwrap_or_default();
        let retry_at = now.checked_add(wait).unwrap_or(now);
        return vec![What::Interrupted { slot, exit: code, reason, retry_at, drained: drains }];
    }
    let mut what = vec![What::Finished { slot, exit: code, reason }];
    if pauses && code != Some(0) {
        what.push(What::Paused { why: PauseWhy::Failure(slot) });
    }
    what
}
