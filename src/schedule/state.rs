//! The one fold over the ledger: where each schedule stands. A record that has no place in it is damage, or a bug, and
//! never ignored; above all a second first entry of a slot.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::schedule::{How, PauseWhy, Record, SlotId, What, Why};

/// Final entries that are kept in memory for each schedule; the ledger has all of them.
const RECENT: usize = 100;

/// Where all schedules of a state folder stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Each by its name.
    pub schedules: BTreeMap<String, Standing>,
}

impl State {
    /// Applies a record that was written at this instant. Fails when it has no place.
    pub fn apply(&mut self, record: &Record, at: Timestamp) -> Result<(), String> {
        match &record.what {
            What::Carried { standing } => {
                let taken = self.schedules.insert(record.schedule.clone(), (**standing).clone());
                if taken.is_some() { Err(format!("`{}` is carried twice", record.schedule)) } else { Ok(()) }
            }
            what => self.schedules.entry(record.schedule.clone()).or_default().apply(what, at),
        }
    }
}

/// How far a slot has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It waits for others of its schedule.
    Queued,
    /// It starts at its instant.
    Claimed,
    /// A process was started for it.
    Running,
    /// Its process ended before its run was complete.
    Interrupted,
}

/// A slot that has no final entry yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// The slot.
    pub slot: SlotId,
    /// The slot before it by the calendar.
    pub previous: Option<Timestamp>,
    /// How it came.
    pub how: How,
    /// How far it has come.
    pub stage: Stage,
    /// When it may start, or start again.
    pub start_at: Timestamp,
    /// The id of its run; empty while it is queued.
    pub run_id: String,
    /// The folder that its run is kept in.
    pub dir: PathBuf,
    /// The manifest.
    pub manifest: PathBuf,
    /// Processes that were started for it.
    pub processes: u32,
    /// Those of them that ended by themselves before the run was complete.
    pub failures: u32,
    /// The slot in whose favour it is stopped.
    pub cancelled_by: Option<SlotId>,
}

/// How many slots came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Ended with 0.
    pub succeeded: u64,
    /// Ended otherwise.
    pub failed: u64,
    /// Stopped in favour of another.
    pub cancelled: u64,
    /// Left out since another was not done.
    pub skipped: u64,
    /// Taken out of the queue.
    pub dropped: u64,
    /// Not started when they were due, and not later.
    pub missed: u64,
}

/// A final entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Final {
    /// When it was written.
    pub at: Timestamp,
    /// The id of the run, when there was one.
    pub run_id: Option<String>,
    /// What became of the slot.
    pub what: What,
}

/// Where one schedule stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The digest of its timing; empty when it was removed.
    pub timing: String,
    /// The last instant that is accounted for: slots after it are to be decided.
    pub cursor: Timestamp,
    /// Since when it is paused, and why.
    pub paused: Option<(Timestamp, PauseWhy)>,
    /// Pauses that are over, and may hold slots that are not accounted for.
    pub pauses: Vec<(Timestamp, Timestamp)>,
    /// Slots without a final entry, in the order in which they came.
    pub live: Vec<Live>,
    /// The last manual slot.
    pub last_manual: Option<Timestamp>,
    /// How many slots came to what.
    pub counts: Counts,
    /// The latest final entries, the last one last.
    pub recent: VecDeque<Final>,
}

impl Standing {
    /// Says whether a slot at this instant is due during a pause.
    pub(super) fn is_paused_at(&self, at: Timestamp) -> bool {
        let over = self.pauses.iter().any(|(from, to)| *from <= at && at < *to);
        over || self.paused.is_some_and(|(from, _)| from <= at)
    }

    /// Gives the slots that are claimed and not done.
    pub(super) fn busy(&self) -> impl Iterator<Item = &Live> {
        self.live.iter().filter(|live| live.stage != Stage::Queued)
    }

    /// Gives the slots that wait for others.
    pub(super) fn queued(&self) -> impl Iterator<Item = &Live> {
        self.live.iter().filter(|live| live.stage == Stage::Queued)
    }

    pub(super) fn find(&self, slot: SlotId) -> Option<&Live> {
        self.live.iter().find(|live| live.slot == slot)
    }

    /// Applies what happened.
    pub(super) fn apply(&mut self, what: &What, at: Timestamp) -> Result<(), String> {
        match what {
            What::Registered { timing, from } => {
                if *from < self.cursor {
                    return Err("slots that are accounted for would be due again".to_owned());
                }
                self.timing.clone_from(timing);
                self.move_to(*from);
            }
            What::Queued { slot, previous, how } => {
                self.begin(*slot)?;
                self.live.push(Live {
                    slot: *slot,
                    previous: *previous,
                    how: *how,
                    stage: Stage::Queued,
                    start_at: slot.at,
                    run_id: String::new(),
                    dir: PathBuf::new(),
                    manifest: PathBuf::new(),
                    processes: 0,
                    failures: 0,
                    cancelled_by: None,
                });
            }
            What::Claimed { slot, .. } => self.claim(*slot, what)?,
            What::Started { slot, process } => {
                let live = self.of(*slot, &[Stage::Claimed, Stage::Running, Stage::Interrupted])?;
                (live.stage, live.processes) = (Stage::Running, *process);
            }
            What::Interrupted { slot, retry_at, drained, .. } => {
                let live = self.of(*slot, &[Stage::Running])?;
                (live.stage, live.start_at) = (Stage::Interrupted, *retry_at);
                live.failures += u32::from(!drained);
            }
            What::Cancelling { slot, by } => self.of(*slot, &[Stage::Running])?.cancelled_by = Some(*by),
            What::Paused { why } => self.paused = self.paused.or(Some((at, *why))),
            What::Resumed => {
                if let Some((from, _)) = self.paused.take() {
                    self.pauses.push((from, at));
                }
            }
            What::Finished { .. } | What::Cancelled { .. } | What::Dropped { .. } => self.end(what, at)?,
            What::Skipped { slot, .. } => {
                self.begin(*slot)?;
                self.end(what, at)?;
            }
            What::Missed { from, to, .. } => {
                if *from <= self.cursor || to < from {
                    return Err(format!("the slot of {from} is accounted for already"));
                }
                self.move_to(*to);
                self.end(what, at)?;
            }
            What::Carried { .. } => return Err("carried behind its first record".to_owned()),
        }
        Ok(())
    }

    /// Accounts for a slot for the first time.
    fn begin(&mut self, slot: SlotId) -> Result<(), String> {
        let last = if slot.manual { self.last_manual.unwrap_or(Timestamp::MIN) } else { self.cursor };
        if slot.at <= last {
            return Err(format!("the slot of {slot} is accounted for already"));
        }
        if slot.manual {
            self.last_manual = Some(slot.at);
        } else {
            self.move_to(slot.at);
        }
        Ok(())
    }

    fn move_to(&mut self, cursor: Timestamp) {
        self.cursor = self.cursor.max(cursor);
        let cursor = self.cursor;
        self.pauses.retain(|(_, to)| *to > cursor);
    }

    fn claim(&mut self, id: SlotId, what: &What) -> Result<(), String> {
        let What::Claimed { slot, previous, how, start_at, run_id, dir, manifest } = what else {
            return Ok(());
        };
        if self.find(id).is_none() {
            self.apply(&What::Queued { slot: *slot, previous: *previous, how: *how }, *start_at)?;
        }
        let live = self.of(*slot, &[Stage::Queued])?;
        (live.stage, live.start_at) = (Stage::Claimed, *start_at);
        live.run_id.clone_from(run_id);
        live.dir.clone_from(dir);
        live.manifest.clone_from(manifest);
        Ok(())
    }

    fn of(&mut self, slot: SlotId, stages: &[Stage]) -> Result<&mut Live, String> {
        let found = self.live.iter_mut().find(|live| live.slot == slot && stages.contains(&live.stage));
        found.ok_or_else(|| format!("the slot of {slot} is not where this can happen to it"))
    }

    fn end(&mut self, what: &What, at: Timestamp) -> Result<(), String> {
        let counts = &mut self.counts;
        let ended = match what {
            What::Finished { slot, exit: Some(0), .. } => {
                counts.succeeded += 1;
                Some(slot)
            }
            What::Finished { slot, .. } => {
                counts.failed += 1;
                Some(slot)
            }
            What::Cancelled { slot, .. } => {
                counts.cancelled += 1;
                Some(slot)
            }
            What::Dropped { slot, .. } => {
                counts.dropped += 1;
                Some(slot)
            }
            What::Missed { count, .. } => {
                counts.missed += count;
                None
            }
            _ => {
                counts.skipped += 1;
                None
            }
        };
        let mut run_id = None;
        if let Some(slot) = ended {
            let place = self.live.iter().position(|live| live.slot == *slot);
            let place = place.ok_or_else(|| format!("the slot of {slot} ends, and it is not there"))?;
            run_id = Some(self.live.remove(place).run_id).filter(|id| !id.is_empty());
        }
        self.recent.push_back(Final { at, run_id, what: what.clone() });
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        Ok(())
    }
}

impl Final {
    /// Says why the slot was not started, when it was not.
    pub fn why(&self) -> Option<Why> {
        match &self.what {
            What::Skipped { why, .. } | What::Dropped { why, .. } | What::Missed { why, .. } => Some(*why),
            _ => None,
        }
    }
}
