//! What can be asked of a `RunState`.

use crate::model::life::{RowState, step};
use crate::model::state::{Impossible, OpenRow, Phase, RunState, print_of};
use crate::model::{
    Cost, Counts, Doubt, Opened, Outcome, Places, Reservation, Reserved, RowNumber, RowSet, RunEvent,
    SettingsChanged, Stopped, Tally, Throttling,
};

impl RunState {
    /// Gives when sends were asked to slow down.
    pub fn throttling(&self) -> &Throttling {
        &self.throttling
    }

    /// Says where a row stands.
    pub fn row(&self, row: RowNumber) -> RowState {
        if let Some(open) = self.open.get(&row) {
            let run_id = || open.run_id.as_deref().map(str::to_owned);
            return match open.phase {
                Phase::Ready => RowState::Ready,
                Phase::Intended => RowState::Intended,
                Phase::Held => RowState::Held,
                Phase::Attached => RowState::Attached(run_id().unwrap_or_default()),
                Phase::InDoubt => RowState::InDoubt(run_id()),
            };
        }
        let ended = usize::try_from(row).ok().and_then(|row| self.ended.get(row.checked_sub(1)?));
        match ended.and_then(|ended| usize::from(ended.outcome).checked_sub(1)) {
            Some(index) => RowState::Ended(Outcome::ALL[index]),
            None => RowState::Unstarted,
        }
    }

    /// Says where a row will stand after an event, or that the event can't happen. `stands` is where the row will stand
    /// before it, when events that are not applied yet lie between.
    pub fn foresee(&self, event: &RunEvent, stands: Option<&RowState>) -> Result<RowState, Impossible> {
        let impossible = |row, state| Impossible { event: event.name(), row, state };
        let Some(row) = event.row().filter(|row| self.selected.contains(*row)) else {
            return Err(impossible(event.row(), None));
        };
        let now = stands.is_none().then(|| self.row(row));
        let Some(state) = stands.or(now.as_ref()) else { return Err(impossible(Some(row), None)) };
        step(state, event).ok_or_else(|| impossible(Some(row), Some(state.describe())))
    }

    /// Gives the number of the row's last send, throttled ones included; 0 when it was never sent.
    pub fn sends(&self, row: RowNumber) -> u32 {
        let ended = || usize::try_from(row).ok().and_then(|row| self.ended.get(row.checked_sub(1)?));
        self.open.get(&row).map_or_else(|| ended().map_or(0, |e| u32::from(e.sends)), |open| open.sends)
    }

    /// Says whether another answer says something else than the one that ended the row: its outcome, or its cost when
    /// both tell one.
    pub fn contradicts(&self, row: RowNumber, outcome: Outcome, cost: Option<Cost>) -> bool {
        let ended = usize::try_from(row).ok().and_then(|row| self.ended.get(row.checked_sub(1)?));
        ended.is_some_and(|ended| {
            let (ours, theirs) = (ended.cost, print_of(cost));
            ended.outcome != outcome as u8 + 1 || (ours != 0 && theirs != 0 && ours != theirs)
        })
    }

    /// Gives how many attempts the row has used since it was begun or reopened.
    pub fn attempts(&self, row: RowNumber) -> u32 {
        self.open.get(&row).map_or(0, |open| open.attempts)
    }

    /// Says whether the row's record and input stand in the journal already.
    pub fn is_recorded(&self, row: RowNumber) -> bool {
        self.open.get(&row).is_some_and(|open| open.recorded)
    }

    /// Gives what is set aside from the budget: for sends that may be on their way, and for good for each execution,
    /// certain or possible, whose cost is unknown.
    pub fn reserved(&self) -> &Reserved {
        &self.reserved
    }

    /// Gives the most that one execution has cost so far, in money and in tokens; none when nothing is known.
    pub fn largest(&self) -> Reservation {
        self.largest
    }

    /// Gives the first event, when there was one.
    pub fn opened(&self) -> Option<&Opened> {
        self.opened.as_ref()
    }

    /// Gives the rows that belong to the run.
    pub fn selected(&self) -> &RowSet {
        &self.selected
    }

    /// Gives the rows by outcome, as a report would say it if nothing came after: a row that is on its way, or was
    /// when a process died, is in doubt.
    pub fn counts(&self) -> Counts {
        let [succeeded, failed, in_doubt, rejected, _] = self.ended_counts;
        let on_the_way =
            |open: &&OpenRow| matches!(open.phase, Phase::Intended | Phase::Held | Phase::Attached);
        let in_doubt = in_doubt + self.open.values().filter(on_the_way).count() as u64;
        let total = self.selected.len();
        let not_run = total - succeeded - failed - in_doubt - rejected;
        Counts { total, succeeded, failed, in_doubt, rejected, not_run }
    }

    /// Gives how many rows ended with an outcome, those on their way not counted.
    pub fn ended(&self, outcome: Outcome) -> u64 {
        self.ended_counts[outcome as usize]
    }

    /// Gives the rows in doubt, those on their way included: as many as `counts` says.
    pub fn doubts(&self) -> impl Iterator<Item = Doubt> + '_ {
        self.open.iter().filter(|(_, open)| open.phase != Phase::Ready).map(|(row, open)| {
            let untold = u32::from(self.is_untold(*row, open));
            Doubt { executions: self.unknown_executions(*row) + untold, reserved: open.reserved.cost }
        })
    }

    /// Gives how many rows may still be settled without a new send: on their way, or in doubt with a run id.
    pub fn unsettled(&self) -> u64 {
        self.unsettled_rows().count() as u64
    }

    /// Gives those rows.
    pub fn unsettled_rows(&self) -> impl Iterator<Item = RowNumber> + '_ {
        let unsettled = |open: &OpenRow| match open.phase {
            Phase::Ready => false,
            Phase::Intended | Phase::Held | Phase::Attached => true,
            Phase::InDoubt => open.run_id.is_some(),
        };
        self.open.iter().filter(move |(_, open)| unsettled(open)).map(|(row, _)| *row)
    }

    /// Gives the rows that ended in doubt without a run id: only the provider's run log, a webhook or a person settles
    /// them.
    pub fn lost(&self) -> impl Iterator<Item = RowNumber> + '_ {
        let lost = |open: &OpenRow| open.phase == Phase::InDoubt && open.run_id.is_none();
        self.open.iter().filter(move |(_, open)| lost(open)).map(|(row, _)| *row)
    }

    /// Says whether nothing is left to do: every row ended, and none is attached.
    pub fn is_complete(&self) -> bool {
        self.opened.is_some() && self.counts().not_run == 0 && self.unsettled() == 0
    }

    /// Says whether no row was ever begun: starting over loses nothing and pays nothing twice.
    pub fn is_untouched(&self) -> bool {
        self.open.is_empty() && self.counts().finished() == 0
    }

    /// Says in a word how the run stands; `locked` is whether a process works on it.
    pub fn status(&self, locked: bool) -> &'static str {
        if locked {
            "running"
        } else if self.is_complete() {
            "complete"
        } else if self.stopped().is_some() {
            "stopped"
        } else {
            "unfinished"
        }
    }

    /// Says whether the run was closed, and nothing was done on it since.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Gives the sums over all events.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Gives why the last process stopped early, if it did.
    pub fn stopped(&self) -> Option<&Stopped> {
        self.stopped.as_ref()
    }

    /// Gives the settings that were changed since the run began, in order.
    pub fn changed(&self) -> &[SettingsChanged] {
        &self.changed
    }

    /// Gives how many processes have worked on the run.
    pub fn processes(&self) -> u32 {
        self.processes
    }

    /// Gives how many rows were let be in flight, over the processes that ended and let that follow the service.
    pub fn places(&self) -> Option<Places> {
        self.places
    }

    /// Gives the time that processes have worked on the run, each from its first to its last event.
    pub fn wall_ms(&self) -> u64 {
        self.past_wall_ms.saturating_add(self.process.map_or(0, |(first, last)| last.saturating_sub(first)))
    }

    /// Gives the rows whose cost is unknown: an execution, certain or possible, without a figure.
    pub fn cost_unknown_rows(&self) -> u64 {
        let untold = |(row, open): &(&RowNumber, &OpenRow)| {
            !self.tally.cost_unknown.contains(**row) && self.is_untold(**row, open)
        };
        self.tally.cost_unknown.len() + self.open.iter().filter(untold).count() as u64
    }

    /// Gives the rows whose tokens are unknown.
    pub fn tokens_unknown_rows(&self) -> u64 {
        let set = &self.tally.tokens_unknown;
        let untold =
            |(row, open): &(&RowNumber, &OpenRow)| open.phase != Phase::Ready && !set.contains(**row);
        set.len() + self.open.iter().filter(untold).count() as u64
    }
}
