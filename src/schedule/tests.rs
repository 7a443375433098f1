//! Schedules under simulated time: by the month, with crashes between any two steps, and clocks that are set.

mod ledger;
mod policies;
mod random;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::calendar::{Calendar, Dst};
use crate::manifest::{CatchUp, KeepRuns, Overlap, Schedule};

/// Nothing here lasts longer than a day.
const HOUR: i64 = 3_600;

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn plus(at: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_second(at.as_second() + seconds).unwrap()
}

/// A plan whose slots are `every` so many seconds.
fn plan(every: i64, change: impl FnOnce(&mut Schedule)) -> Plan {
    let cron = match every {
        60 => "* * * * *",
        900 => "*/15 * * * *",
        3_600 => "0 * * * *",
        7_200 => "0 */2 * * *",
        21_600 => "0 */6 * * *",
        _ => "0 0 * * *",
    };
    let mut schedule = Schedule {
        calendar: Calendar::parse(cron, "UTC", Dst::Once).unwrap(),
        overlap: Overlap::Skip,
        catch_up: CatchUp::Last,
        window: None,
        start_deadline: None,
        pause_on_failure: false,
        keep: KeepRuns::default(),
    };
    change(&mut schedule);
    Plan { manifest: PathBuf::from("/m.yaml"), dir: PathBuf::from("/runs"), schedule }
}

/// How a run will go: how long it takes, and its exit code.
#[derive(Clone, Copy, Debug)]
struct Fate {
    takes: i64,
    exit: i32,
}

/// Says how a run will go, by its id.
type Fates = Box<dyn Fn(&str) -> Fate>;

/// A run folder, as the processes leave it.
#[derive(Clone, Debug)]
struct Run {
    schedule: String,
    left: i64,
    exit: i32,
    /// How often all of it was done.
    completed: u32,
    /// The process on it: since when, and by which scheduler it was started.
    process: Option<(i64, u32)>,
}

/// The machine: what outlives a scheduler.
#[derive(Default)]
struct Machine {
    /// Seconds that really passed.
    true_s: i64,
    /// What the clock shows at 0.
    clock: i64,
    ledger: Vec<(Timestamp, Record)>,
    runs: BTreeMap<String, Run>,
    fates: Option<Fates>,
    /// Steps until the scheduler dies; none lives for ever.
    fuse: Option<u32>,
    /// Schedulers that are dead: nothing that they do has any effect.
    dead: BTreeSet<u32>,
    /// Exits that the scheduler of this number will be told.
    exits: Vec<(u32, Key, Exit)>,
    /// Signals for processes.
    keys: BTreeMap<String, Key>,
    /// Schedules that may have two processes at once.
    may_overlap: bool,
}

impl Machine {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.clock + self.true_s).unwrap()
    }

    /// A step of a scheduler, which may be its last.
    fn lives(&mut self, scheduler: u32) -> bool {
        if let Some(left) = &mut self.fuse {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.fuse = None;
                self.dead.insert(scheduler);
            }
        }
        !self.dead.contains(&scheduler)
    }

    /// Lets time pass, and processes end in it.
    fn pass(&mut self, seconds: i64) {
        self.true_s += seconds;
        for (id, run) in &mut self.runs {
            let Some((since, scheduler)) = run.process else { continue };
            if self.true_s - since >= run.left {
                run.completed += u32::from(run.left > 0);
                (run.left, run.process) = (0, None);
                let exit = Exit { code: Some(run.exit), reason: None, then: Then::Done };
                self.exits.push((scheduler, self.keys[id].clone(), exit));
            }
        }
    }

    /// Ends a process before its run is complete.
    fn interrupt(&mut self, id: &str, code: Option<i32>) {
        let Some(run) = self.runs.get_mut(id) else { return };
        let Some((since, scheduler)) = run.process.take() else { return };
        // One that only says again how a complete run ended leaves it complete.
        run.left = (run.left - (self.true_s - since)).max(run.left.min(1));
        let exit = Exit { code, reason: Some("interrupted".to_owned()), then: Then::Resume };
        self.exits.push((scheduler, self.keys[id].clone(), exit));
    }
}

/// One scheduler's view of the machine.
#[derive(Clone)]
struct View {
    machine: Rc<RefCell<Machine>>,
    number: u32,
    /// Records that it knows of.
    known: Rc<RefCell<usize>>,
}

impl Log for View {
    fn append(&mut self, at: Timestamp, records: &[Record]) -> Result<(), Error> {
        let machine = &mut *self.machine.borrow_mut();
        let gone = || Error::Impossible("dead".to_owned());
        if !machine.lives(self.number) {
            return Err(gone());
        }
        if *self.known.borrow() != machine.ledger.len() {
            return Err(Error::Foreign { path: PathBuf::new() });
        }
        for record in records {
            machine.ledger.push((at, record.clone()));
            // A tail that is torn here is what the next one finds.
            if !machine.lives(self.number) {
                return Err(gone());
            }
        }
        *self.known.borrow_mut() = machine.ledger.len();
        Ok(())
    }
}

impl World for View {
    fn start(&mut self, job: &Job) -> Result<(), String> {
        let machine = &mut *self.machine.borrow_mut();
        if !machine.lives(self.number) {
            return Ok(());
        }
        let fate = machine.fates.as_ref().map_or(Fate { takes: 60, exit: 0 }, |fates| fates(&job.run_id));
        let (schedule, true_s) = (job.key.schedule.clone(), machine.true_s);
        machine.keys.insert(job.run_id.clone(), job.key.clone());
        let fresh = Run { schedule, left: fate.takes, exit: fate.exit, completed: 0, process: None };
        let run = machine.runs.entry(job.run_id.clone()).or_insert(fresh);
        if run.process.is_some() {
            let exit = Exit { code: Some(3), reason: Some("locked".to_owned()), then: Then::Locked };
            machine.exits.push((self.number, job.key.clone(), exit));
        } else {
            run.process = Some((true_s, self.number));
        }
        let of_it = |run: &&Run| run.schedule == job.key.schedule && run.process.is_some();
        let alive = machine.runs.values().filter(of_it).count();
        assert!(machine.may_overlap || alive <= 1, "{alive} processes of one schedule at once");
        let _ = machine.lives(self.number);
        Ok(())
    }

    fn runs(&self, key: &Key) -> bool {
        let machine = self.machine.borrow();
        let id = key.slot.run_id(&key.schedule);
        let of_us =
            machine.runs.get(&id).and_then(|run| run.process).is_some_and(|(_, by)| by == self.number);
        // A process whose end nobody has been told of is not gone for its scheduler.
        of_us || machine.exits.iter().any(|(by, of, _)| *by == self.number && of == key)
    }

    fn is_held(&mut self, job: &Job) -> bool {
        self.machine.borrow().runs.get(&job.run_id).is_some_and(|run| run.process.is_some())
    }

    fn stop(&mut self, key: &Key) {
        let machine = &mut *self.machine.borrow_mut();
        if machine.lives(self.number) {
            machine.interrupt(&key.slot.run_id(&key.schedule), Some(5));
        }
    }

    fn ended(&mut self) -> Vec<(Key, Exit)> {
        let machine = &mut *self.machine.borrow_mut();
        if !machine.lives(self.number) {
            return Vec::new();
        }
        let (ours, others) =
            std::mem::take(&mut machine.exits).into_iter().partition(|exit| exit.0 == self.number);
        machine.exits = others;
        let ours: Vec<(u32, Key, Exit)> = ours;
        ours.into_iter().map(|(_, key, exit)| (key, exit)).collect()
    }
}

/// A machine with a scheduler on it that can be begun again.
struct Simulation {
    machine: Rc<RefCell<Machine>>,
    plans: BTreeMap<String, Plan>,
    scheduler: Option<Scheduler<View, View>>,
    begun: u32,
}

impl Simulation {
    fn at(start: &str, plan: Plan) -> Self {
        let machine = Machine { clock: instant(start).as_second(), ..Machine::default() };
        let machine = Rc::new(RefCell::new(machine));
        Self { machine, plans: BTreeMap::from([("job".to_owned(), plan)]), scheduler: None, begun: 0 }
    }

    fn fates(self, fates: impl Fn(&str) -> Fate + 'static) -> Self {
        self.machine.borrow_mut().fates = Some(Box::new(fates));
        self
    }

    fn now(&self) -> Timestamp {
        self.machine.borrow().now()
    }

    /// A scheduler that has read the ledger.
    fn another(&mut self) -> Scheduler<View, View> {
        self.begun += 1;
        let mut state = State::default();
        for (at, record) in &self.machine.borrow().ledger {
            state.apply(record, *at).unwrap();
        }
        let known = Rc::new(RefCell::new(self.machine.borrow().ledger.len()));
        let view = View { machine: Rc::clone(&self.machine), number: self.begun, known };
        Scheduler::new(state, view.clone(), view)
    }

    /// Ends the scheduler as `kill -9` does; its processes live on.
    fn kill(&mut self) {
        self.scheduler = None;
        let begun = self.begun;
        self.machine.borrow_mut().dead.insert(begun);
    }

    fn step_with(&mut self, asked: &[Asked]) -> Vec<Record> {
        let mut scheduler = match self.scheduler.take() {
            Some(scheduler) => scheduler,
            None => self.another(),
        };
        let now = self.now();
        match scheduler.step(now, &self.plans, true, asked) {
            Ok(written) if !self.machine.borrow().dead.contains(&self.begun) => {
                self.scheduler = Some(scheduler);
                written
            }
            _ => Vec::new(),
        }
    }

    fn ask(&mut self, request: Request) {
        self.step_with(&[Asked { schedule: "job".to_owned(), request }]);
    }

    /// Follows the schedule for so many seconds, with a step every few.
    fn run(&mut self, seconds: i64, every: i64) {
        for _ in 0..seconds / every {
            self.machine.borrow_mut().pass(every);
            self.step_with(&[]);
        }
    }

    fn pass(&mut self, seconds: i64) {
        self.machine.borrow_mut().pass(seconds);
    }

    /// What became of slots, in the order in which it did: `HH:MM word`.
    fn finals(&self) -> Vec<String> {
        let machine = self.machine.borrow();
        machine.ledger.iter().filter_map(|(_, record)| shown(&record.what)).collect()
    }

    fn standing(&self) -> Standing {
        let mut state = State::default();
        for (at, record) in &self.machine.borrow().ledger {
            state.apply(record, *at).unwrap();
        }
        state.schedules.remove("job").unwrap_or_default()
    }
}

fn shown(what: &What) -> Option<String> {
    let of =
        |slot: &SlotId| format!("{}{}", slot.at.strftime("%H:%M"), if slot.manual { " manual" } else { "" });
    Some(match what {
        What::Finished { slot, exit, .. } => format!("{} exit {}", of(slot), exit.unwrap_or(-1)),
        What::Cancelled { slot, .. } => format!("{} cancelled", of(slot)),
        What::Skipped { slot, why } => format!("{} skipped {why:?}", of(slot)),
        What::Dropped { slot, why } => format!("{} dropped {why:?}", of(slot)),
        What::Missed { from, to, count, why } => {
            format!("{}..{} missed {count} {why:?}", from.strftime("%H:%M"), to.strftime("%H:%M"))
        }
        _ => return None,
    })
}

/// Every slot that was due is accounted for once: in the records alone, whatever the fold makes of them.
fn every_slot_is_accounted_for_once(simulation: &Simulation, every: i64) {
    let machine = simulation.machine.borrow();
    let mut finals: BTreeMap<SlotId, u32> = BTreeMap::new();
    let (mut claimed, mut live, mut from) = (BTreeMap::new(), BTreeSet::new(), None);
    let mut until = Timestamp::MIN;
    let mut is_paused = false;
    for (at, Record { what, .. }) in &machine.ledger {
        match what {
            What::Registered { from: at, .. } => from = from.or(Some(*at)),
            What::Queued { slot, .. } => {
                assert!(slot.at <= *at, "{slot} waits before it is due");
                assert!(live.insert(*slot), "{slot} waits twice");
            }
            What::Claimed { slot, run_id, how, .. } => {
                // A clock that was set back since it began to wait does not take it back.
                assert!(slot.at <= *at || live.contains(slot), "{slot} is claimed before it is due");
                assert!(!is_paused || *how == How::Manual, "{slot} is claimed in a pause");
                assert!(claimed.insert(*slot, run_id.clone()).is_none(), "{slot} is claimed twice");
                live.insert(*slot);
            }
            What::Paused { .. } => is_paused = true,
            What::Resumed => is_paused = false,
            What::Finished { slot, .. } | What::Cancelled { slot, .. } | What::Dropped { slot, .. } => {
                assert!(live.remove(slot), "{slot} ended, and was not there");
                *finals.entry(*slot).or_default() += 1;
            }
            What::Skipped { slot, .. } => {
                assert!(!live.is_empty(), "{slot} was skipped, and nothing was in its way");
                *finals.entry(*slot).or_default() += 1;
            }
            What::Missed { from, to, count, .. } => {
                let slots = (from.as_second()..=to.as_second()).step_by(usize::try_from(every).unwrap());
                let slots: Vec<_> = slots.map(|at| Timestamp::from_second(at).unwrap()).collect();
                assert_eq!(slots.len() as u64, *count);
                for at in slots {
                    *finals.entry(SlotId::due(at)).or_default() += 1;
                }
            }
            _ => {}
        }
    }
    let due: Vec<_> = finals.keys().chain(&live).filter(|slot| !slot.manual).map(|slot| slot.at).collect();
    until = due.iter().copied().max().unwrap_or(until);
    let mut at = from.unwrap_or(until);
    let calendar = plan(every, |_| ());
    while let Some(slot) = calendar.next(at).filter(|slot| *slot <= until) {
        let slot_id = SlotId::due(slot);
        let times = finals.get(&slot_id).copied().unwrap_or_default() + u32::from(live.contains(&slot_id));
        assert_eq!(times, 1, "{slot} has {times} entries");
        at = slot;
    }
    assert!(finals.values().all(|times| *times == 1), "{finals:?}");
    let ids: BTreeSet<_> = claimed.values().collect();
    assert_eq!(ids.len(), claimed.len(), "no two slots share a run");
    for (id, run) in &machine.runs {
        assert!(ids.contains(id), "{id} was started for no slot");
        assert!(run.completed <= 1, "{id} was done {} times", run.completed);
    }
}
