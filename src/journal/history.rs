//! What a journal says of each row, found by offsets and read when asked: no payload is kept in memory.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek};
use std::path::{Path, PathBuf};

use crate::journal::{Entry, Error, LineError, Replay, format, replay_brief};
use crate::model::{
    Cost, ErrorKind, Kept, Reused, RowFacts, RowNumber, RowSet, RowState, RunEvent, RunState, Via,
    WithdrawnWhy,
};

/// A journal, folded, with the place of each row's telling events. About twenty bytes a row, eight of them the fold's.
#[derive(Debug)]
pub struct History {
    path: PathBuf,
    state: RunState,
    replay: Replay,
    index: Index,
    /// What earlier executions of rows asked again were billed, where it is known.
    earlier: HashMap<RowNumber, (Cost, u64)>,
}

/// Where each row's telling events stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    rows: Vec<Places>,
}

/// Where a row's telling events stand. Twelve bytes, since there may be millions of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Places {
    begun: Place,
    last: Place,
    attempts: u16,
}

/// The offset of a line, or none: its number, counted from 1, in five bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place([u8; 5]);

impl Place {
    /// Journals reach up to a tebibyte; a line beyond that has no place, and its row none of what it says.
    fn of(offset: u64) -> Option<Self> {
        let number = (offset + 1).to_le_bytes();
        let (low, high) = number.split_first_chunk::<5>()?;
        high.iter().all(|byte| *byte == 0).then_some(Self(*low))
    }

    fn offset(self) -> Option<u64> {
        let mut number = [0; 8];
        number[..5].copy_from_slice(&self.0);
        u64::from_le_bytes(number).checked_sub(1)
    }
}

impl History {
    /// Reads a journal through.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let mut state = RunState::new();
        let mut index = Index::default();
        let mut earlier: HashMap<RowNumber, (Cost, u64)> = HashMap::new();
        let mut lookup = None;
        let replay = replay_brief(path, |offset, entry| {
            let impossible = |source| Error::Impossible { path: path.to_owned(), offset, source };
            index.note(&state, offset, &entry.event).ok_or_else(|| too_long(path))?;
            state.apply(entry.t_ms, &entry.event).map_err(impossible)?;
            if let RunEvent::Reopened(e) = &entry.event
                && let Some((cost, tokens)) = billed(path, &mut lookup, &index, e.row)?
            {
                let sum = earlier.entry(e.row).or_default();
                sum.0 = sum.0.checked_add(cost).unwrap_or(sum.0);
                sum.1 = sum.1.saturating_add(tokens);
            }
            Ok(())
        })?;
        Ok(Self { path: path.to_owned(), state, replay, index, earlier })
    }

    /// Is what `read` would give of the journal of a run in which no row was asked again, without reading it: `index` has
    /// noted each of its events.
    pub fn known(path: PathBuf, state: RunState, index: Index) -> Self {
        Self { path, state, replay: Replay::default(), index, earlier: HashMap::new() }
    }

    /// Gives where the telling events stand.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Gives what the run has come to.
    pub fn state(&self) -> &RunState {
        &self.state
    }

    /// Gives what the run has come to, and lets go of the offsets.
    pub fn into_state(self) -> RunState {
        self.state
    }

    /// Says how the journal ends.
    pub fn replay(&self) -> &Replay {
        &self.replay
    }

    /// Gives what is known of every selected row, in the order of the dataset.
    pub fn rows(&self) -> Result<impl Iterator<Item = Result<RowFacts, Error>> + '_, Error> {
        let mut lookups = self.lookups()?;
        Ok(self.state.selected().iter().map(move |row| self.row(&mut lookups, row)))
    }

    /// Opens the journal for `row`.
    pub fn lookups(&self) -> Result<Lookups, Error> {
        Ok(Lookups { begun: Lookup::open(&self.path)?, last: Lookup::open(&self.path)? })
    }

    /// Gives what is known of one row; cheap when rows mostly ascend.
    pub fn row(&self, lookups: &mut Lookups, row: RowNumber) -> Result<RowFacts, Error> {
        let places = self.index.of(row);
        let (begun, last) = (lookups.begun.of(row, places.begun)?, lookups.last.of(row, places.last)?);
        Ok(self.facts(row, places, begun, last))
    }

    /// Gives the rows in doubt whose runs the provider definitely refused to tell of: asking again brings nothing.
    pub fn denied(&self) -> Result<RowSet, Error> {
        let mut last = Lookup::open(&self.path)?;
        let mut denied = RowSet::new();
        for row in self.state.unsettled_rows() {
            if let RowState::InDoubt(Some(_)) = self.state.row(row)
                && let Some((_, RunEvent::Ended(e))) = last.at(self.index.of(row).last)?
                && e.error.kind == ErrorKind::POLL_REFUSED
            {
                denied.insert(row);
            }
        }
        Ok(denied)
    }

    fn facts(
        &self,
        number: RowNumber,
        places: Places,
        begun: Option<(u64, RunEvent)>,
        last: Option<(u64, RunEvent)>,
    ) -> RowFacts {
        let state = self.state.row(number);
        // What ended the row before it was asked again is no longer its end.
        let last = last.filter(|_| matches!(state, RowState::Ended(_) | RowState::InDoubt(_)));
        let begun = begun.map(|(t_ms, event)| match event {
            RunEvent::Reused(e) => (t_ms, RunEvent::Intended(e.into_begun())),
            event => (t_ms, event),
        });
        let (last, kept) = match last {
            Some((t_ms, RunEvent::Reused(e))) => {
                let from = e.from.clone();
                let Reused { answered_ms, cost, tokens, latency_ms, server_ms, .. } = e;
                let kept = Kept { from, answered_ms, cost, tokens, latency_ms, server_ms };
                (Some((t_ms, RunEvent::Answered(e.into_answer()))), Some(kept))
            }
            last => (last, None),
        };
        let (earlier_cost, earlier_tokens) = self.earlier.get(&number).copied().unwrap_or_default();
        let (cost, tokens) = match &last {
            Some((_, RunEvent::Answered(e))) => (e.cost.unwrap_or_default(), e.tokens.unwrap_or_default()),
            _ => (Cost::ZERO, 0),
        };
        let open = !matches!(state, RowState::Ended(_) | RowState::Unstarted | RowState::Ready);
        let tally = self.state.tally();
        let sum = || earlier_cost.checked_add(cost)?.checked_add(self.state.settled(number));
        let cost = self.state.is_cost_known(number).then(sum).flatten();
        let tokens =
            (!open && !tally.tokens_unknown.contains(number)).then(|| earlier_tokens.saturating_add(tokens));
        RowFacts { number, state, begun, last, attempts: u32::from(places.attempts), cost, tokens, kept }
    }
}

/// Gives what the execution that ended a row was billed, where an answer says so. Read again from its place: rows that
/// are asked again are few, and those that might be may be all of them.
fn billed(
    path: &Path,
    lookup: &mut Option<Lookup>,
    index: &Index,
    row: RowNumber,
) -> Result<Option<(Cost, u64)>, Error> {
    let lookup = match lookup {
        Some(lookup) => lookup,
        None => lookup.insert(Lookup::open(path)?),
    };
    Ok(match lookup.at(index.of(row).last)? {
        Some((_, RunEvent::Answered(e))) => Some((e.cost.unwrap_or_default(), e.tokens.unwrap_or_default())),
        _ => None,
    })
}

/// Says whether a webhook came before the reply of the send that it is of: then no other event tells of that send.
fn overtakes(state: &RunState, event: &RunEvent) -> bool {
    let via = match event {
        RunEvent::Attached(e) => e.via,
        RunEvent::Answered(e) => e.via,
        _ => return false,
    };
    via == Via::Webhook && event.row().is_some_and(|row| state.row(row) == RowState::Intended)
}

impl Index {
    /// Takes an event's place down, before `state` takes in the event; none when the journal is too long for it.
    pub fn note(&mut self, state: &RunState, offset: u64, event: &RunEvent) -> Option<()> {
        let place = Place::of(offset)?;
        // What names no row that there is, the fold refuses.
        let Some(row) = event.row().filter(|row| state.selected().contains(*row)) else { return Some(()) };
        let overtook = overtakes(state, event);
        let index = usize::try_from(row - 1).unwrap_or(usize::MAX);
        if index >= self.rows.len() {
            self.rows.resize(index + 1, Places::default());
        }
        let places = &mut self.rows[index];
        match event {
            RunEvent::Intended(e) if e.input.is_some() => places.begun = place,
            RunEvent::Rejected(_) | RunEvent::Reused(_) => (places.begun, places.last) = (place, place),
            RunEvent::Answered(_) | RunEvent::Ended(_) => places.last = place,
            _ => {}
        }
        let sent = match event {
            RunEvent::Refused(e) => e.is_attempt(),
            RunEvent::Ambiguous(_) => true,
            RunEvent::Attached(e) => e.via == Via::Submit,
            RunEvent::Answered(e) => matches!(e.via, Via::Reply | Via::Submit),
            RunEvent::Withdrawn(e) => e.why == WithdrawnWhy::RunRefused,
            _ => false,
        };
        places.attempts = places.attempts.saturating_add(u16::from(sent || overtook));
        Some(())
    }

    fn of(&self, row: RowNumber) -> Places {
        let places = usize::try_from(row - 1).ok().and_then(|index| self.rows.get(index));
        places.copied().unwrap_or_default()
    }
}

fn too_long(path: &Path) -> Error {
    let source = io::Error::new(io::ErrorKind::FileTooLarge, "journals of more than a tebibyte are not read");
    Error::Io { path: path.to_owned(), source }
}

/// A journal, opened to look rows up in it.
#[derive(Debug)]
pub struct Lookups {
    begun: Lookup,
    last: Lookup,
}

/// Reads single lines by their offset; cheap when the offsets mostly ascend.
#[derive(Debug)]
struct Lookup {
    path: PathBuf,
    reader: BufReader<File>,
    position: u64,
    line: Vec<u8>,
}

impl Lookup {
    fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::io(path))?;
        let reader = BufReader::with_capacity(256 * 1024, file);
        Ok(Self { path: path.to_owned(), reader, position: 0, line: Vec::new() })
    }

    /// Reads an event that must be the row's.
    fn of(&mut self, row: RowNumber, place: Place) -> Result<Option<(u64, RunEvent)>, Error> {
        let found = self.at(place)?;
        match (&found, place.offset()) {
            (Some((_, event)), Some(offset)) if event.row() != Some(row) => {
                let why = LineError::Members(format!("row {row} is not told of here"));
                let n = format::number_of(&self.line);
                Err(Error::Damaged { path: self.path.clone(), offset, n, why })
            }
            _ => Ok(found),
        }
    }

    fn at(&mut self, place: Place) -> Result<Option<(u64, RunEvent)>, Error> {
        let Some(offset) = place.offset() else { return Ok(None) };
        self.read_line(offset).map_err(Error::io(&self.path))?;
        match format::decode(&mut self.line, format::Extent::Whole) {
            Ok(Entry { t_ms, event, .. }) => Ok(Some((t_ms, event))),
            // The line was whole when the journal was read through; its number is not known here, so take its own.
            Err(why) => {
                let n = format::number_of(&self.line);
                Err(Error::Damaged { path: self.path.clone(), offset, n, why })
            }
        }
    }

    fn read_line(&mut self, offset: u64) -> io::Result<()> {
        let distance =
            i64::try_from(offset).unwrap_or(i64::MAX) - i64::try_from(self.position).unwrap_or(i64::MAX);
        self.reader.seek_relative(distance)?;
        self.line.clear();
        let read = self.reader.read_until(b'\n', &mut self.line)? as u64;
        self.position = offset + read;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        }
        debug_assert_eq!(self.reader.stream_position().ok(), Some(self.position));
        Ok(())
    }
}
