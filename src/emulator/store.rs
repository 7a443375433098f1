//! What the emulator remembers: its runs, how often each request came, and what a test wants to know about it all.

use std::collections::hash_map::{DefaultHasher, HashMap};
use std::collections::{HashSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::model::Cost;

use super::draw::{InputDigest, RunId};
use super::ledger::Position;
use super::run::{Mode, Run};
use super::witness::Figures;

/// Where a run's particulars are.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Memory(Arc<Run>),
    /// In the ledger, at its `accepted` line.
    Ledger(Position),
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Waiting for a place.
    Queued,
    /// It will be, or has been, running since this time.
    Running {
        since_ms: u64,
    },
    Finished {
        end_ms: u64,
    },
}

/// What is known of a run without looking it up.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) place: Place,
    /// Its line in the ledger.
    position: Option<Position>,
    pub(super) progress: Progress,
    pub(super) accepted_ms: u64,
    pub(super) mode: Mode,
    pub(super) cost: Cost,
    pub(super) polls: u32,
    /// A hash of the user id, to find a user's runs.
    pub(super) user: u64,
}

impl Entry {
    pub(super) fn finished(&self) -> bool {
        matches!(self.progress, Progress::Finished { .. })
    }
}

/// The memory of an emulator.
#[derive(Debug, Default)]
pub(super) struct Store {
    runs: HashMap<RunId, Entry>,
    /// In the order of acceptance.
    order: VecDeque<RunId>,
    requests: Requests,
    pub(super) unfinished: usize,
    pub(super) figures: Figures,
}

/// How often each request came. Most come once, so those take only a place in a set.
#[derive(Debug, Default)]
struct Requests {
    once: HashSet<u64>,
    repeated: HashMap<u64, u32>,
}

impl Requests {
    /// Counts a request and gives how many came before it.
    fn count(&mut self, request: u64) -> u32 {
        if self.once.insert(request) {
            return 0;
        }
        let before = self.repeated.entry(request).or_insert(0);
        *before = before.saturating_add(1);
        *before
    }

    /// Learns from a ledger that a request came for the `nth` time (from 0).
    fn came(&mut self, request: u64, nth: u32) {
        self.once.insert(request);
        if nth > 0 {
            let before = self.repeated.entry(request).or_insert(0);
            *before = nth.max(*before);
        }
    }
}

pub(super) fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn user_hash(user_id: Option<&str>) -> u64 {
    hash_of(&user_id.unwrap_or_default())
}

impl Store {
    /// Counts a request and gives how many with the same user and input came before it.
    pub(super) fn count(&mut self, user_id: Option<&str>, input: &InputDigest) -> u32 {
        self.requests.count(hash_of(&(user_id.unwrap_or_default(), input)))
    }

    /// Remembers a run, and forgets the oldest finished ones beyond `retention`.
    pub(super) fn add(
        &mut self,
        run: &Arc<Run>,
        position: Option<Position>,
        progress: Progress,
        retention: usize,
    ) {
        let entry = Entry {
            place: Place::Memory(Arc::clone(run)),
            position,
            progress,
            accepted_ms: run.accepted_ms,
            mode: run.mode,
            cost: run.result.cost,
            polls: 0,
            user: user_hash(run.user_id.as_deref()),
        };
        self.figures.accepted += 1;
        self.unfinished += 1;
        self.order.push_back(run.id);
        self.runs.insert(run.id, entry);
        while self.order.len() > retention {
            let oldest = self.order.front().and_then(|id| self.runs.get(id));
            if oldest.is_some_and(|entry| !entry.finished()) {
                return;
            }
            if let Some(id) = self.order.pop_front() {
                self.runs.remove(&id);
            }
        }
    }

    /// Learns of a run that is in the ledger.
    pub(super) fn load(&mut self, run: Run, position: Position, progress: Progress, retention: usize) {
        self.requests.came(hash_of(&(run.user_id.as_deref().unwrap_or_default(), &run.digest)), run.nth);
        self.add(&Arc::new(run), Some(position), progress, retention);
    }

    /// Learns of a run's end that is in the ledger.
    pub(super) fn executed(&mut self, id: RunId, end_ms: u64) {
        if let Some(Entry { place: Place::Memory(run), .. }) = self.runs.get(&id) {
            let run = Arc::clone(run);
            self.finish(&run, end_ms);
        }
    }

    /// Notes that a run has its place.
    pub(super) fn running(&mut self, id: RunId, since_ms: u64) {
        if let Some(entry) = self.runs.get_mut(&id) {
            entry.progress = Progress::Running { since_ms };
        }
    }

    /// Notes the end of a run; with a place in the ledger its particulars leave the memory.
    pub(super) fn finish(&mut self, run: &Run, end_ms: u64) {
        let Some(entry) = self.runs.get_mut(&run.id) else { return };
        if entry.finished() {
            return;
        }
        entry.progress = Progress::Finished { end_ms };
        if let Some(position) = entry.position {
            entry.place = Place::Ledger(position);
        }
        self.unfinished = self.unfinished.saturating_sub(1);
        self.figures.executed(run);
    }

    pub(super) fn get_mut(&mut self, id: RunId) -> Option<&mut Entry> {
        self.runs.get_mut(&id)
    }

    /// Finds the newest unfinished run of a user with an input.
    pub(super) fn twin(&self, user_id: Option<&str>, input: &InputDigest) -> Option<Arc<Run>> {
        let user = user_hash(user_id);
        self.order.iter().rev().filter_map(|id| self.runs.get(id)).find_map(|entry| match &entry.place {
            Place::Memory(run) if entry.user == user && !entry.finished() && run.digest == *input => {
                Some(Arc::clone(run))
            }
            _ => None,
        })
    }

    /// Gives the runs that were accepted in a span of time, oldest first; of one user, or of all.
    pub(super) fn between(
        &self,
        from_ms: u64,
        to_ms: u64,
        user_id: Option<&str>,
    ) -> impl Iterator<Item = (RunId, &Entry)> {
        let user = user_id.map(|user| user_hash(Some(user)));
        self.order
            .iter()
            .filter_map(|id| Some((*id, self.runs.get(id)?)))
            .filter(move |(_, entry)| (from_ms..=to_ms).contains(&entry.accepted_ms))
            .filter(move |(_, entry)| user.is_none_or(|user| entry.user == user))
    }

    /// Gives every run that is remembered, oldest first.
    pub(super) fn all(&self) -> impl Iterator<Item = (RunId, &Entry)> {
        self.order.iter().filter_map(|id| Some((*id, self.runs.get(id)?)))
    }
}
