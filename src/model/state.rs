//! `RunState`: what a run has come to, folded from its events and from nothing else.
//!
//! Memory: eight bytes a row, three bits for the sets, and an entry for each row that has begun and not ended for
//! good. No payload is kept.

mod costs;
mod view;

use std::collections::BTreeMap;

use crate::model::life::{RowState, step};
use crate::model::state::costs::Unknowns;
use crate::model::{
    Cost, Intended, Opened, Outcome, Places, Reopened, Reservation, Reserved, RowNumber, RowSet, RunEvent,
    Selected, SettingsChanged, Stopped, Tally, Throttling, WithdrawnWhy,
};

/// An event that can't have happened after the ones before it: a damaged journal, or a bug.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event `{event}` is impossible for {}", subject(*row, state.as_deref()))]
pub struct Impossible {
    /// The event's name.
    pub event: &'static str,
    /// The row that it names.
    pub row: Option<RowNumber>,
    /// Where that row stood.
    pub state: Option<String>,
}

fn subject(row: Option<RowNumber>, state: Option<&str>) -> String {
    match (row, state) {
        (Some(row), Some(state)) => format!("row {row}, which is {state}"),
        (Some(row), None) => format!("row {row}"),
        _ => "a run in this state".to_owned(),
    }
}

#[derive(Clone, Debug)]
struct OpenRow {
    phase: Phase,
    run_id: Option<Box<str>>,
    attempts: u32,
    sends: u32,
    /// Whether record and input stand in the journal already.
    recorded: bool,
    reserved: Reservation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Ready,
    Intended,
    Held,
    Attached,
    InDoubt,
}

#[derive(Clone, Copy, Debug, Default)]
struct EndedRow {
    /// 0: not ended; else 1 + the place in `Outcome::ALL`.
    outcome: u8,
    /// Of the sends, those that count against `limits.retry`, since the row was begun or reopened by a person.
    attempts: u8,
    sends: u16,
    /// A print of the answer's cost; 0 when none was told.
    cost: u32,
}

/// The fold over a run's events.
#[derive(Clone, Debug, Default)]
pub struct RunState {
    opened: Option<Opened>,
    selected: RowSet,
    ended: Vec<EndedRow>,
    ended_counts: [u64; 5],
    open: BTreeMap<RowNumber, OpenRow>,
    tally: Tally,
    unknowns: Unknowns,
    /// What the provider's ledger said of executions, by their run ids.
    settled: BTreeMap<RowNumber, Vec<(Box<str>, Cost)>>,
    reserved: Reserved,
    /// The most that one execution has cost.
    largest: Reservation,
    processes: u32,
    stopped: Option<Stopped>,
    closed: bool,
    changed: Vec<SettingsChanged>,
    /// Wall time and polls of the processes before the present one.
    past_wall_ms: u64,
    past_polls: (u64, u64),
    process: Option<(u64, u64)>,
    places: Option<Places>,
    throttling: Throttling,
}

impl RunState {
    /// Makes the state of a run of which nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in one event, or says that it can't have happened. `t_ms` is its wall-clock instant.
    pub fn apply(&mut self, t_ms: u64, event: &RunEvent) -> Result<(), Impossible> {
        if let Some((_, last)) = &mut self.process
            // Subtle: of a process that died, the next one may say much later that its run is complete.
            && !matches!(event, RunEvent::ProcessStarted(_) | RunEvent::Closed(_))
        {
            *last = (*last).max(t_ms);
        }
        match event {
            RunEvent::Opened(opened) => self.open_run(opened),
            RunEvent::Selected(selected) => self.select(selected),
            RunEvent::ProcessStarted(started) => {
                self.finish_process(None);
                self.process = Some((t_ms, t_ms));
                self.processes = started.process;
                self.stopped = None;
                self.closed = false;
                Ok(())
            }
            RunEvent::ProcessEnded(ended) => {
                self.note_polls(ended.polls, ended.throttled);
                self.note_places(ended.places);
                self.finish_process(Some(ended.wall_ms));
                Ok(())
            }
            RunEvent::PollTally(tally) => {
                self.note_polls(tally.polls, tally.throttled);
                Ok(())
            }
            RunEvent::Stopped(stopped) => {
                // The first cause of a process wins: a later one is its consequence.
                self.stopped.get_or_insert_with(|| stopped.clone());
                Ok(())
            }
            RunEvent::Closed(_) => {
                self.closed = true;
                Ok(())
            }
            RunEvent::SettingsChanged(changed) => {
                self.changed.push(changed.clone());
                Ok(())
            }
            _ => {
                self.apply_to_row(event)?;
                if matches!(event, RunEvent::Refused(e) if e.throttled) {
                    self.throttling.note(t_ms);
                }
                Ok(())
            }
        }
    }

    fn open_run(&mut self, opened: &Opened) -> Result<(), Impossible> {
        if self.opened.is_some() {
            return Err(Impossible { event: "opened", row: None, state: None });
        }
        self.opened = Some(opened.clone());
        Ok(())
    }

    fn select(&mut self, selected: &Selected) -> Result<(), Impossible> {
        let before = self.selected.len();
        for (first, last) in &selected.ranges {
            if *first == 0 || first > last {
                return Err(Impossible { event: "selected", row: Some(*first), state: None });
            }
            self.selected.insert_range(*first..=*last);
        }
        if self.selected.len() - before == selected.count {
            Ok(())
        } else {
            Err(Impossible { event: "selected", row: None, state: None })
        }
    }

    fn finish_process(&mut self, wall_ms: Option<u64>) {
        if let Some((first, last)) = self.process.take() {
            let wall_ms = wall_ms.unwrap_or(last.saturating_sub(first));
            self.past_wall_ms = self.past_wall_ms.saturating_add(wall_ms);
        }
        self.past_polls = (self.tally.polls, self.tally.throttled_polls);
    }

    fn note_places(&mut self, places: Option<Places>) {
        if let Some(Places { lowest, last }) = places {
            let lowest = self.places.map_or(lowest, |before| before.lowest.min(lowest));
            self.places = Some(Places { lowest, last });
        }
    }

    fn note_polls(&mut self, polls: u64, throttled: u64) {
        self.tally.polls = self.past_polls.0.saturating_add(polls);
        self.tally.throttled_polls = self.past_polls.1.saturating_add(throttled);
    }

    fn apply_to_row(&mut self, event: &RunEvent) -> Result<(), Impossible> {
        let Some(row) = event.row().filter(|row| self.selected.contains(*row)) else {
            return Err(Impossible { event: event.name(), row: event.row(), state: None });
        };
        let state = self.row(row);
        let Some(next) = step(&state, event) else {
            return Err(Impossible { event: event.name(), row: Some(row), state: Some(state.describe()) });
        };
        if let RunEvent::Settled(e) = event {
            let impossible =
                || Impossible { event: event.name(), row: Some(row), state: Some(state.describe()) };
            return self.settle(&state, e).ok_or_else(impossible);
        }
        if state == RowState::Intended {
            self.count_send(row, event);
        }
        match event {
            RunEvent::Intended(e) => self.note_intent(row, e),
            // Subtle: only what was certainly not executed gives its reservation back; what is ambiguous keeps it.
            RunEvent::Withdrawn(_) | RunEvent::Refused(_) => self.reserved.release(self.reservation(row)),
            RunEvent::Ambiguous(_) => self.note_unknown(row),
            // Subtle: what was in doubt turns out to be this very run, so its cost will be known after all.
            RunEvent::Attached(_) if matches!(state, RowState::Held | RowState::InDoubt(None)) => {
                self.note_found(row);
            }
            RunEvent::Answered(e) => self.note_answer(row, &state, e),
            RunEvent::Reused(e) => self.note_reused(e),
            RunEvent::Receipt(e) => {
                self.tally.receipts += 1;
                self.tally.contradictions += u64::from(e.differs);
            }
            RunEvent::Reopened(e) => {
                if let RowState::InDoubt(Some(run_id)) = &state {
                    self.note_given_up(row, run_id);
                }
                self.reopen(row, e.by == Reopened::BY_POLICY);
            }
            _ => {}
        }
        self.enter(row, &state, next);
        if let RunEvent::Answered(e) = event {
            self.ended_mut(row).cost = print_of(e.cost);
        }
        Ok(())
    }

    fn count_send(&mut self, row: RowNumber, event: &RunEvent) {
        let throttled = matches!(event, RunEvent::Refused(e) if e.throttled);
        let unsent = matches!(event, RunEvent::Withdrawn(e) if e.why != WithdrawnWhy::RunRefused)
            || matches!(event, RunEvent::Receipt(_));
        if unsent {
            return;
        }
        self.tally.invokes += 1;
        self.tally.throttled += u64::from(throttled);
        if !matches!(event, RunEvent::Refused(e) if !e.is_attempt()) {
            self.tally.attempts += 1;
            if let Some(open) = self.open.get_mut(&row) {
                open.attempts += 1;
            }
        }
    }

    fn note_intent(&mut self, row: RowNumber, event: &Intended) {
        let open = self.open.entry(row).or_insert_with(OpenRow::new);
        open.sends = open.sends.max(event.attempt);
        open.recorded |= event.input.is_some();
        open.reserved = event.reserved;
        self.reserved.add(event.reserved);
    }

    fn reservation(&self, row: RowNumber) -> Reservation {
        self.open.get(&row).map_or_else(Reservation::default, |open| open.reserved)
    }

    fn reopen(&mut self, row: RowNumber, by_policy: bool) {
        let ended = std::mem::take(self.ended_mut(row));
        if ended.outcome > 0 {
            self.ended_counts[usize::from(ended.outcome) - 1] -= 1;
        }
        let open = self.open.entry(row).or_insert_with(OpenRow::new);
        open.sends = open.sends.max(u32::from(ended.sends));
        // A retry that the manifest asks for goes on counting; one that the user asks for begins anew.
        open.attempts = if by_policy { u32::from(ended.attempts) } else { 0 };
    }

    fn enter(&mut self, row: RowNumber, from: &RowState, next: RowState) {
        if *from == next {
            return;
        }
        if let RowState::InDoubt(_) = from {
            self.ended_counts[Outcome::InDoubt as usize] -= 1;
        }
        if let RowState::Ended(outcome) = next {
            let (sends, attempts) = self.open.remove(&row).map_or((0, 0), |open| (open.sends, open.attempts));
            *self.ended_mut(row) = EndedRow {
                outcome: outcome as u8 + 1,
                attempts: u8::try_from(attempts).unwrap_or(u8::MAX),
                sends: u16::try_from(sends).unwrap_or(u16::MAX),
                cost: 0,
            };
            self.ended_counts[outcome as usize] += 1;
            return;
        }
        let open = self.open.entry(row).or_insert_with(OpenRow::new);
        match next {
            RowState::Ready => {
                open.phase = Phase::Ready;
                open.run_id = None;
            }
            RowState::Intended => open.phase = Phase::Intended,
            RowState::Held => open.phase = Phase::Held,
            RowState::Attached(run_id) => {
                open.phase = Phase::Attached;
                open.run_id = Some(run_id.into());
            }
            RowState::InDoubt(run_id) => {
                open.phase = Phase::InDoubt;
                open.run_id = run_id.map(Into::into);
                self.ended_counts[Outcome::InDoubt as usize] += 1;
            }
            RowState::Unstarted | RowState::Ended(_) => {}
        }
    }

    fn ended_mut(&mut self, row: RowNumber) -> &mut EndedRow {
        let index = usize::try_from(row - 1).unwrap_or(usize::MAX);
        if index >= self.ended.len() {
            self.ended.resize(index + 1, EndedRow::default());
        }
        &mut self.ended[index]
    }
}

/// Tells most costs from each other in four bytes: enough for a warning, and for nothing else.
fn print_of(cost: Option<Cost>) -> u32 {
    cost.map_or(0, |cost| crc32c::crc32c(cost.amount().normalize().to_string().as_bytes()).max(1))
}

impl OpenRow {
    fn new() -> Self {
        Self {
            phase: Phase::Ready,
            run_id: None,
            attempts: 0,
            sends: 0,
            recorded: false,
            reserved: Reservation::default(),
        }
    }
}

#[cfg(test)]
mod tests;
