//! An earlier run, by what it has for the rows of the present one.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use jiff::Timestamp;

use crate::commands::prepare::Sound;
use crate::commands::{Failure, Host, derive};
use crate::journal::{History, Lookups, ReuseSource, RunFolder};
use crate::manifest::{ReuseSpec, Secrets};
use crate::model::{
    Answered, Kept, Origin, Outcome, Pin, Reused, RowFacts, RowNumber, RowSet, RowState, RunEvent,
};
use crate::runner::{Content, Prepared};

/// What an earlier run has for a row.
pub(crate) enum Match {
    /// Its result.
    Taken(Box<Reused>),
    /// The row, but no result that may be taken, and why.
    Changed(&'static str),
    /// No such row.
    Added,
}

/// An earlier run, ordered so that rows find theirs.
pub(crate) struct Earlier {
    run_id: String,
    history: History,
    lookups: Lookups,
    /// A print of each row's key, or of its input where rows have no keys of their own, and the row.
    table: Vec<(u64, RowNumber)>,
    keyed: bool,
    seen: RowSet,
    /// Why nothing of it may be taken, if that is so.
    pub(crate) refused: Option<&'static str>,
    /// The version that answers now, where that is known before a row is sent.
    version: Option<String>,
    /// What answers must be of, where `workflow.pin` says it.
    pin: Option<Pin>,
    /// The oldest that a result may be, in ms since 1970.
    oldest_ms: u64,
}

impl Earlier {
    /// Reads an earlier run through, for rows that `sound` asks for.
    pub(crate) fn open(source: &ReuseSource, sound: &Sound, host: &dyn Host) -> Result<Self, Failure> {
        let folder = RunFolder::at(&source.folder);
        let history = folder.read()?;
        let manifest = &sound.manifest;
        let spec = manifest.reuse.clone().unwrap_or_default();
        let refused = refusal(&folder, &history, sound, &spec, host)?;
        let keyed = manifest.dataset.key.is_some();
        let mut table = Vec::new();
        for facts in history.rows()? {
            let facts = facts?;
            let Some((_, RunEvent::Intended(begun))) = &facts.begun else { continue };
            let name = if keyed { begun.key.as_ref().map(|key| &key.0) } else { begun.input_sha256.as_ref() };
            table.extend(name.map(|name| (print_of(name), facts.number)));
        }
        table.sort_unstable();
        let pinned = manifest.workflow.pin.as_ref().and_then(|pin| pin.version.clone());
        let emulated = sound.definition.as_ref().map(|definition| definition.version().to_owned());
        Ok(Self {
            run_id: source.run_id.clone(),
            lookups: history.lookups()?,
            history,
            table,
            keyed,
            seen: RowSet::new(),
            refused,
            pin: manifest.workflow.pin.clone().filter(|_| spec.same_workflow),
            version: pinned.or(emulated).filter(|_| spec.same_workflow),
            oldest_ms: spec.max_age.map_or(0, |age| now_ms().saturating_sub(in_ms(age))),
        })
    }

    /// Says what it has for a row. Each of its results is given once.
    pub(crate) fn look(&mut self, prepared: &Prepared) -> Result<Match, Failure> {
        let content = prepared.content.as_ref().ok();
        let key = prepared.key.as_ref().map(|key| &key.0);
        let Some(name) = (if self.keyed { key } else { content.map(|content| &content.input_sha256) }) else {
            return Ok(Match::Added);
        };
        let print = print_of(name);
        let first = self.table.partition_point(|(other, _)| *other < print);
        let same = self.table[first..].partition_point(|(other, _)| *other == print);
        let same = &self.table[first..first + same];
        // Of equal inputs the rows are taken in their order, so those that are taken come first.
        let taken = same.partition_point(|(_, row)| self.seen.contains(*row));
        let mut found = Match::Added;
        for (_, row) in &same[taken..] {
            let facts = self.history.row(&mut self.lookups, *row)?;
            let Some((_, RunEvent::Intended(begun))) = &facts.begun else { continue };
            let theirs =
                if self.keyed { begun.key.as_ref().map(|key| &key.0) } else { begun.input_sha256.as_ref() };
            if theirs != Some(name) {
                continue;
            }
            self.seen.insert(*row);
            // The row is there still, but it can't be rendered any more.
            let Some(content) = content else { break };
            let same_input = begun.input_sha256.as_ref() == Some(&content.input_sha256);
            match self.check(&facts, same_input) {
                // Another row with the same input may have what this one lacks.
                Err(why) => found = Match::Changed(why),
                Ok((at_ms, answer)) => {
                    let taken = self.taken(prepared, content, &facts, at_ms, answer);
                    return Ok(Match::Taken(Box::new(taken)));
                }
            }
        }
        Ok(found)
    }

    fn check<'f>(&self, facts: &'f RowFacts, same_input: bool) -> Result<(u64, &'f Answered), &'static str> {
        if !same_input {
            return Err("another input");
        }
        let (at_ms, answer) = match (&facts.state, &facts.last) {
            (RowState::Ended(Outcome::Succeeded), Some((at_ms, RunEvent::Answered(answer)))) => {
                (*at_ms, answer)
            }
            _ => {
                return Err(match facts.outcome() {
                    Outcome::Failed => "failed then",
                    Outcome::InDoubt => "in doubt then",
                    _ => "not run then",
                });
            }
        };
        if let Some(why) = self.refused {
            return Err(why);
        }
        let drifts = |pin: &Pin| pin.drift(answer.workflow_id.as_deref(), None).is_some();
        if self.pin.as_ref().is_some_and(drifts) {
            return Err("another workflow");
        }
        if self.version.is_some() && answer.workflow_version != self.version {
            return Err("another version of the workflow");
        }
        let at_ms = facts.kept.as_ref().map_or(at_ms, |kept| kept.answered_ms);
        if at_ms < self.oldest_ms { Err("older than `reuse.max_age`") } else { Ok((at_ms, answer)) }
    }

    fn taken(
        &self,
        prepared: &Prepared,
        content: &Content,
        facts: &RowFacts,
        at_ms: u64,
        answer: &Answered,
    ) -> Reused {
        // A result that was itself reused is of the run that paid for it.
        let kept = facts.kept.clone().unwrap_or_else(|| Kept {
            from: Origin { run_id: self.run_id.clone(), row: facts.number },
            answered_ms: at_ms,
            cost: facts.cost,
            tokens: facts.tokens,
            latency_ms: answer.latency_ms,
            server_ms: answer.server_ms,
        });
        Reused {
            row: prepared.number,
            from: kept.from,
            cost: kept.cost,
            tokens: kept.tokens,
            latency_ms: kept.latency_ms,
            server_ms: kept.server_ms,
            answered_ms: kept.answered_ms,
            http_status: answer.http_status,
            workflow_run_id: answer.workflow_run_id.clone(),
            workflow_version: answer.workflow_version.clone(),
            workflow_id: answer.workflow_id.clone(),
            redacted: answer.redacted,
            key: prepared.key.clone(),
            row_sha: Some(prepared.row_sha.clone()),
            input_sha256: Some(content.input_sha256.clone()),
            record: Some(prepared.record.clone()),
            input: Some(content.journal_input.clone()),
            raw: answer.raw.clone(),
            raw_text: answer.raw_text.clone(),
        }
    }

    /// Gives how many of its rows nothing was looked up for: they are gone.
    pub(crate) fn removed(&self) -> u64 {
        self.table.len() as u64 - self.seen.len()
    }
}

/// Why a whole run is of no use, if that is so.
fn refusal(
    folder: &RunFolder,
    history: &History,
    sound: &Sound,
    spec: &ReuseSpec,
    host: &dyn Host,
) -> Result<Option<&'static str>, Failure> {
    let lock = folder.lock()?;
    let manifest = &sound.manifest;
    let workflow = manifest.settings().get("workflow").cloned().unwrap_or_default();
    // How it is asked makes no other result.
    let who = |workflow: &serde_json::Value| {
        ["provider", "definition", "base_url"].map(|key| workflow.get(key).cloned().unwrap_or_default())
    };
    if spec.same_workflow && who(&workflow) != who(&lock.workflow) {
        return Ok(Some("another workflow"));
    }
    if spec.same_checks {
        let earlier = derive::frozen(folder, &lock, history.state().changed(), Secrets::Recorded, host)?;
        if earlier.checks_text != manifest.checks_text {
            return Ok(Some("other checks"));
        }
    }
    Ok(None)
}

fn print_of(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

fn now_ms() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default()
}

fn in_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
