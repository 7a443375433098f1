//! A journal, read through from its first byte to its last: lines, the order of events, replies, and what they add up to.

use std::collections::BTreeMap;
use std::path::Path;

use crate::audit::decimal::Sum;
use crate::audit::{Finding, reply};
use crate::journal::{Entry, Error, Torn, replay};
use crate::model::{Closed, Cost, RowNumber, RunEvent, RunState, SettingsChanged};

/// Differences of one kind that are told one by one.
const TOLD: usize = 20;

/// What a journal came to.
#[derive(Debug, Default)]
pub struct Audited {
    /// Its fold, up to the first damage.
    pub state: RunState,
    /// What is wrong with it.
    pub findings: Vec<Finding>,
    /// Whether every line of it could be read and folded.
    pub is_whole: bool,
    /// How many events that are.
    pub events: u64,
    /// How many replies were read once more.
    pub replies: u64,
    /// The exact sum of all costs that it tells of; none when they can't be added.
    pub cost: Option<Sum>,
    /// Of costs that the provider's ledger told: of each run that no answer told of.
    settled: BTreeMap<(RowNumber, String), Cost>,
    /// The sum of all tokens.
    pub tokens: u128,
    /// The last `closed`, when nothing came after it.
    pub closed: Option<Closed>,
    /// The digests of journals that were damaged, and mended since.
    pub mended: Vec<String>,
}

/// Reads a journal through; `file` is what findings call it. A torn end is none while a process may be writing there.
pub fn journal(path: &Path, file: &str, is_alive: bool) -> Result<Audited, Error> {
    let mut found = Audited { cost: Some(Sum::default()), ..Audited::default() };
    let mut differing = 0;
    let read = replay(path, |offset, entry| {
        let Entry { n, t_ms, event } = entry;
        let impossible = |source| Error::Impossible { path: path.to_owned(), offset, source };
        found.state.apply(t_ms, &event).map_err(impossible)?;
        found.events = n + 1;
        found.take(&event);
        let (row, differences) = match &event {
            RunEvent::Answered(e) => (e.row, reply::differences(e)),
            RunEvent::Reused(e) => (e.row, reply::differences_of_reused(e)),
            _ => return Ok(()),
        };
        differing += usize::from(!differences.is_empty());
        if !differences.is_empty() && differing <= TOLD {
            let what = format!("row {row}: the stored reply does not bear out {}", differences.join(", "));
            found.findings.push(Finding::of(file, what).at(n + 1, offset));
        }
        Ok(())
    });
    if differing > TOLD {
        found.findings.push(Finding::of(file, format!("{} further replies likewise", differing - TOLD)));
    }
    let line = found.events + 1;
    match read {
        Ok(replay) => {
            found.is_whole = true;
            if let Some(Torn { offset, bytes }) = replay.torn.filter(|_| !is_alive) {
                let what = format!(
                    "its last {bytes} bytes are no whole line: a crash tore it, and the next `resume` cuts it off, or \
                     it was changed"
                );
                found.findings.push(Finding::of(file, what).at(line, offset));
            }
        }
        Err(Error::Damaged { offset, why, .. }) => {
            found.findings.push(Finding::of(file, why.to_string()).at(line, offset));
        }
        Err(Error::Impossible { offset, source, .. }) => {
            found.findings.push(Finding::of(file, source.to_string()).at(line, offset));
        }
        Err(other) => return Err(other),
    }
    for cost in std::mem::take(&mut found.settled).into_values() {
        found.add(cost);
    }
    found.check_closed(file);
    Ok(found)
}

impl Audited {
    fn take(&mut self, event: &RunEvent) {
        if !matches!(event, RunEvent::Receipt(_)) {
            self.closed = None;
        }
        match event {
            RunEvent::Answered(e) => {
                if let (Some(cost), Some(run)) = (e.cost, &e.workflow_run_id) {
                    // What the service itself says counts.
                    self.settled.remove(&(e.row, run.clone()));
                    self.add(cost);
                } else if let Some(cost) = e.cost {
                    self.add(cost);
                }
                self.tokens += u128::from(e.tokens.unwrap_or_default());
                self.replies += 1;
            }
            RunEvent::Settled(e) => {
                self.settled.insert((e.row, e.workflow_run_id.clone()), e.cost);
            }
            RunEvent::Reused(_) => self.replies += 1,
            RunEvent::Closed(e) => self.closed = Some(e.clone()),
            RunEvent::SettingsChanged(e) if e.key == SettingsChanged::REPAIRED => {
                let repair: serde_json::Value = serde_json::from_str(e.to.get()).unwrap_or_default();
                self.mended.extend(repair["sha256"].as_str().map(str::to_owned));
            }
            _ => {}
        }
    }

    fn add(&mut self, cost: Cost) {
        self.cost = self.cost.and_then(|sum| sum.plus(Sum::read(&cost.to_string())?));
    }

    /// Holds what the run's end says against the events before it.
    fn check_closed(&mut self, file: &str) {
        let Some(closed) = &self.closed else { return };
        let mut wrong = Vec::new();
        let said = closed.cost.map(|cost| Sum::read(&cost.to_string()));
        if let (Some(said), Some(sum)) = (said, self.cost)
            && said != Some(sum)
        {
            wrong.push(format!(
                "`closed` says a cost of {}, and its events come to {sum}",
                closed.cost.unwrap_or_default()
            ));
        }
        if u128::from(closed.tokens) != self.tokens {
            wrong.push(format!(
                "`closed` says {} tokens, and its events come to {}",
                closed.tokens, self.tokens
            ));
        }
        let counts = self.state.counts();
        let rows = [counts.succeeded, counts.failed, counts.in_doubt, counts.rejected];
        if closed.rows != rows {
            wrong.push(format!(
                "`closed` says {:?} rows by outcome, and its events come to {rows:?}",
                closed.rows
            ));
        }
        self.findings.extend(wrong.into_iter().map(|what| Finding::of(file, what)));
    }
}
