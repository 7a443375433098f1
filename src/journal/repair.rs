//! Makes a damaged journal whole again: what can still be read is kept, and a row that lost lines may have sent is held.
//!
//! Every line carries its number and a checksum, so a sound line behind the damage is a fact like any other, and the
//! numbers tell how many lines are lost. What is unknown is only what the lost lines said. A row is *suspect* when one
//! of them may have been about it and no later line tells where it stands; a suspect is written down as in doubt, and
//! never sent again unless the user says so.

mod events;

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::digest;
use crate::fail_point::{self, Point};
use crate::journal::folder::sync_folder;
use crate::journal::reader::{Lines, head, is_torn};
use crate::journal::repair::events::{bridge, hold};
use crate::journal::{Claim, Entry, Error, LineError, RunFolder, format};
use crate::model::{RowSet, RowState, RunEvent, RunState, SettingsChanged};

/// No line about a row is shorter: how many may be lost in a stretch of bytes that runs to the end of the file.
const SHORTEST_LINE: u64 = 64;

const BY: &str = "resume --repair";

/// What a repair finds, and what it would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// Where the first damaged line begins, in bytes.
    pub offset: u64,
    /// The number of its event.
    pub event: u64,
    /// What is wrong there.
    pub why: String,
    /// Events that can't be read any more.
    pub lost: u64,
    /// Sound events behind the damage that are kept.
    pub kept: u64,
    /// Sound events behind the damage that fit nowhere without those that are lost.
    pub dropped: u64,
    /// Whether rows may have been added to the run that it does not know of any more.
    pub selection_unsure: bool,
    /// Rows that lost or dropped events may be about, and whose end is not known: held, in doubt.
    pub held: RowSet,
}

/// A repair that is worked out and waits for a word. Leaves nothing behind when it is dropped.
#[derive(Debug)]
pub struct Repair {
    folder: RunFolder,
    #[expect(
        dead_code,
        reason = "the lock on the damaged journal lasts until the mended one is in its place"
    )]
    claim: Claim,
    mended: PathBuf,
    damage: Damage,
}

impl RunFolder {
    /// Works out how a damaged journal is made whole; none when it is sound. Fails on damage that leaves too little:
    /// in the run's first events, or lines of another form of the journal.
    pub fn plan_repair(&self) -> Result<Option<Repair>, Error> {
        let claim = self.claim_begun()?;
        let mended = self.file("journal.mended");
        let out = BufWriter::new(File::create(&mended).map_err(Error::io(&mended))?);
        let mut repair = Repair { folder: self.clone(), claim, mended, damage: Damage::default() };
        let mut reading = Mender::new(self.journal(), out);
        let is_sound = reading.read(self.lock()?.dataset.selected)?;
        if is_sound {
            return Ok(None);
        }
        repair.damage = reading.finish(&repair.mended)?;
        Ok(Some(repair))
    }
}

impl Repair {
    /// Says what is wrong, and what is done about it.
    pub fn damage(&self) -> &Damage {
        &self.damage
    }

    /// Puts the mended journal in the place of the damaged one, which is kept beside it; gives the path of that.
    ///
    /// Power may fail at any moment: the journal is either the damaged one, which is refused, or the whole mended one.
    pub fn commit(self) -> Result<PathBuf, Error> {
        let journal = self.folder.journal();
        let kept = self.kept_at();
        fail_point::pass(Point::RepairReady);
        fs::copy(&journal, &kept).map_err(Error::io(&kept))?;
        File::options().write(true).open(&kept).and_then(|file| file.sync_all()).map_err(Error::io(&kept))?;
        fail_point::pass(Point::DamageKept);
        fs::rename(&self.mended, &journal).map_err(Error::io(&journal))?;
        fail_point::pass(Point::JournalMended);
        sync_folder(self.folder.path())?;
        Ok(kept)
    }

    /// A journal that was damaged twice has two damaged forms, and neither is written over.
    fn kept_at(&self) -> PathBuf {
        let first = self.folder.file("journal.damaged.jsonl");
        let later = (2..).map(|nth| self.folder.file(&format!("journal.damaged-{nth}.jsonl")));
        std::iter::once(first.clone()).chain(later).find(|path| !path.exists()).unwrap_or(first)
    }
}

impl Drop for Repair {
    fn drop(&mut self) {
        // After a commit it is gone already.
        let _ = fs::remove_file(&self.mended);
    }
}

/// Reads a journal with damage and writes what is left of it.
struct Mender<W> {
    path: PathBuf,
    out: W,
    line: Vec<u8>,
    state: RunState,
    /// The number that the next line of the mended journal gets, and the one that the next line read should have.
    next: u64,
    expected: u64,
    /// The last instant written: the journal's clock never runs backwards.
    t_ms: u64,
    is_damaged: bool,
    suspects: RowSet,
    damage: Damage,
}

impl<W: Write> Mender<W> {
    fn new(path: PathBuf, out: W) -> Self {
        Self {
            path,
            out,
            line: Vec::new(),
            state: RunState::new(),
            next: 0,
            expected: 0,
            t_ms: 0,
            is_damaged: false,
            suspects: RowSet::new(),
            damage: Damage::default(),
        }
    }

    /// Reads all lines, and says whether they are sound.
    fn read(&mut self, selected: u64) -> Result<bool, Error> {
        let path = self.path.clone();
        let file = File::open(&path).map_err(Error::io(&path))?;
        let mut lines = Lines::new(BufReader::with_capacity(256 * 1024, file));
        let mut unreadable = Stretch::default();
        loop {
            let offset = lines.offset;
            let Some(whole) = lines.next().map_err(Error::io(&path))? else { break };
            let n = format::number_of(&lines.line);
            let raw = lines.line.clone();
            let decoded = if whole {
                format::decode(&mut lines.line, format::Extent::Whole)
            } else {
                Err(LineError::Short)
            };
            match decoded {
                Ok(entry) => {
                    if entry.n != self.expected || unreadable.bytes > 0 {
                        let why = unreadable
                            .why
                            .take()
                            .unwrap_or(LineError::Gap { expected: self.expected, found: n });
                        self.begin_damage(unreadable.offset.unwrap_or(offset), &why, selected)?;
                        self.lose(n.saturating_sub(self.expected), &unreadable.rows);
                        unreadable = Stretch::default();
                    }
                    self.take(offset, entry, selected)?;
                }
                Err(why @ (LineError::Short | LineError::Checksum)) => {
                    let is_last = unreadable.bytes == 0 && lines.at_end().map_err(Error::io(&path))?;
                    // Subtle: behind damage, nothing is left to chance: what may have been a whole line counts as lost.
                    let is_unfinished = !whole && raw.starts_with(head(self.expected).as_bytes());
                    let is_torn = is_torn(&raw, self.expected) && (!self.is_damaged || is_unfinished);
                    if is_last && is_torn {
                        // A torn tail, which any reader cuts off: it was never durable, so nothing came of it.
                        break;
                    }
                    unreadable.add(offset, &raw, why);
                }
                // It is what was written, by another version: no damage, and not ours to judge.
                Err(why) => return Err(Error::Damaged { path, offset, n, why }),
            }
        }
        if let (Some(offset), Some(why)) = (unreadable.offset, &unreadable.why) {
            self.begin_damage(offset, why, selected)?;
            self.lose(unreadable.bytes / SHORTEST_LINE + 1, &unreadable.rows);
        }
        Ok(!self.is_damaged)
    }

    fn begin_damage(&mut self, offset: u64, why: &impl ToString, selected: u64) -> Result<(), Error> {
        if self.is_damaged {
            return Ok(());
        }
        self.is_damaged = true;
        (self.damage.offset, self.damage.event, self.damage.why) = (offset, self.expected, why.to_string());
        // Without the selection, rows of the run would be forgotten.
        if self.state.opened().is_none() || self.state.selected().len() < selected {
            return Err(Error::Beyond { path: self.path.clone(), offset });
        }
        Ok(())
    }

    /// Notes whom lost lines may have been about. `rows` are those that their bytes still name.
    fn lose(&mut self, lines: u64, rows: &RowSet) {
        self.damage.lost += lines;
        // It takes one line to add rows, and another to send one of them.
        self.damage.selection_unsure |= self.damage.lost > 1;
        if lines == 0 && rows.is_empty() {
            return;
        }
        let selected = self.state.selected().clone();
        // Subtle: rows are begun in the order of the dataset, one a line, so of the rows that were not started only the
        // next ones can have been. Rows that were ready, to be sent again, have no order.
        let mut begun = lines;
        for row in selected.iter() {
            let is_suspect = match self.state.row(row) {
                RowState::Ready => lines > 0,
                RowState::Unstarted if begun > 0 => {
                    begun -= 1;
                    true
                }
                _ => rows.contains(row),
            };
            if is_suspect {
                self.suspects.insert(row);
            }
        }
    }

    /// Takes a sound line: keeps it when it fits, if need be with the lines that must have stood before it.
    fn take(&mut self, offset: u64, entry: Entry, selected: u64) -> Result<(), Error> {
        let Entry { n, t_ms, event } = entry;
        let is_new = n >= self.expected;
        self.expected = self.expected.max(n + 1);
        if self.is_damaged && matches!(event, RunEvent::Closed(_)) {
            // Its counts may not hold any more.
            return Ok(());
        }
        if self.is_damaged && is_new {
            // A stretch that can't have been lost leaves the event without its place, and its row in doubt.
            for missing in bridge(&self.state, &event) {
                if self.state.apply(t_ms, &missing).is_ok() {
                    self.write(t_ms, &missing)?;
                }
            }
        }
        if !is_new || self.state.apply(t_ms, &event).is_err() {
            self.begin_damage(offset, &format!("event `{}` is impossible there", event.name()), selected)?;
            self.damage.dropped += 1;
            self.damage.selection_unsure |= matches!(event, RunEvent::Selected(_));
            let place = event.row().filter(|_| tells_the_place(&event));
            if let Some(row) = place.filter(|row| self.state.selected().contains(*row)) {
                self.suspects.insert(row);
            }
            return Ok(());
        }
        if let Some(row) = event.row().filter(|_| tells_the_place(&event)) {
            // A sound line tells where the row stands, whatever was lost before it.
            self.suspects.remove(row);
        }
        self.damage.kept += u64::from(self.is_damaged);
        self.write(t_ms, &event)
    }

    fn write(&mut self, t_ms: u64, event: &RunEvent) -> Result<(), Error> {
        self.t_ms = self.t_ms.max(t_ms);
        self.line.clear();
        let io = Error::io(&self.path);
        let encoded = format::encode(&mut self.line, self.next, self.t_ms, event).map_err(io::Error::from);
        encoded.and_then(|()| self.out.write_all(&self.line)).map_err(io)?;
        self.next += 1;
        Ok(())
    }

    /// Holds the suspects, and makes the mended journal durable.
    fn finish(mut self, mended: &Path) -> Result<Damage, Error> {
        for row in self.suspects.clone().iter() {
            let events = hold(row, &self.state.row(row), self.state.sends(row) + 1);
            if !events.is_empty() {
                self.damage.held.insert(row);
            }
            for event in events {
                let impossible = |source| Error::Impossible { path: self.path.clone(), offset: 0, source };
                self.state.apply(self.t_ms, &event).map_err(impossible)?;
                self.write(self.t_ms, &event)?;
            }
        }
        // Rows that were on their way are in doubt as well, and `resume` says so in the usual way.
        let damaged = digest::of_file(&self.path).map_err(Error::io(&self.path))?.sha256;
        self.write(self.t_ms, &RunEvent::SettingsChanged(self.record(&damaged)))?;
        self.out.flush().map_err(Error::io(mended))?;
        File::options()
            .write(true)
            .open(mended)
            .and_then(|file| file.sync_all())
            .map_err(Error::io(mended))?;
        Ok(self.damage)
    }

    /// What stands in the mended journal about the repair. `damaged` is the digest of the journal as it was.
    fn record(&self, damaged: &str) -> SettingsChanged {
        let Damage { offset, lost, kept, dropped, selection_unsure, held, .. } = &self.damage;
        let text = format!(
            r#"{{"offset":{offset},"lost":{lost},"kept":{kept},"dropped":{dropped},"held":{},"selection_unsure":{selection_unsure},"sha256":"{damaged}"}}"#,
            held.len()
        );
        let to = serde_json::value::RawValue::from_string(text).unwrap_or_default();
        let from = serde_json::value::RawValue::NULL.to_owned();
        SettingsChanged { by: BY.to_owned(), key: SettingsChanged::REPAIRED.to_owned(), from, to }
    }
}

/// Says whether an event tells where its row stands, and not only something about it.
fn tells_the_place(event: &RunEvent) -> bool {
    !matches!(event, RunEvent::Receipt(_) | RunEvent::Settled(_))
}

/// How an event names its row.
const ROW: &[u8] = b"\"row\":";

/// Bytes in a row that are no lines.
#[derive(Default)]
struct Stretch {
    offset: Option<u64>,
    bytes: u64,
    why: Option<LineError>,
    /// Rows that they seem to name.
    rows: RowSet,
}

impl Stretch {
    fn add(&mut self, offset: u64, line: &[u8], why: LineError) {
        self.offset.get_or_insert(offset);
        self.bytes += line.len() as u64 + 1;
        self.why.get_or_insert(why);
        for at in line.windows(ROW.len()).enumerate().filter(|(_, found)| *found == ROW).map(|(at, _)| at) {
            let digits = line[at + ROW.len()..].iter().take_while(|byte| byte.is_ascii_digit());
            let number = digits
                .fold(0_u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
            // A number out of all proportion is no row, and a set of rows takes a bit for each below it.
            if (1..=u64::from(u32::MAX)).contains(&number) {
                self.rows.insert(number);
            }
        }
    }
}

#[cfg(test)]
mod tests;
