//! Results that an earlier run has paid for: which rows may take them, and taking them before anything is sent.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use crate::commands::interrupt::Interrupt;
use crate::commands::judges::JUDGES;
use crate::commands::prepare::Sound;
use crate::commands::run::quoted;
use crate::commands::{Failure, Host, derive, estimate, execute};
use crate::fail_point::{self, Point};
use crate::journal::{History, Lookups, ReuseSource, RunFolder, Runs, Writer};
use crate::manifest::{ReuseSpec, Secrets};
use crate::model::{
    Answered, ExitCode, Kept, Origin, Outcome, Reason, Reused, RowFacts, RowNumber, RowSet, RowState,
    RunEvent, RunState,
};
use crate::report;
use crate::runner::{Content, Prepared, Renderer};

/// Rows whose results go to the journal together, and their bytes at most.
const ROWS: usize = 1_000;
const BYTES: usize = 8 * 1024 * 1024;

/// Finds the run to reuse results from. `asked` is `--reuse`, which overrides the manifest's `reuse.from`. None when nobody
/// asks for it, or when `latest` finds no run yet.
pub(crate) fn find(
    sound: &Sound,
    asked: Option<&str>,
    runs: &Runs,
    host: &mut dyn Host,
) -> Result<Option<ReuseSource>, Failure> {
    let named = sound.manifest.reuse.as_ref().and_then(|reuse| reuse.from.as_deref());
    let folder = match asked.or(named) {
        None | Some("none") => return Ok(None),
        Some("latest") => match latest(runs, &sound.manifest.name) {
            Some(folder) => folder,
            None => {
                host.say("there is no earlier run yet to reuse results from");
                return Ok(None);
            }
        },
        Some(name) => runs.find(name)?,
    };
    source(&folder).map(Some)
}

/// Finds what a judge has said in the run that a run takes results from: what is asked about them is the same.
pub(crate) fn of_judge(folder: &RunFolder, judge: &str) -> Option<ReuseSource> {
    let from = folder.lock().ok()?.reuse?;
    let runs = Runs::below(Path::new(&from.folder).join(JUDGES));
    source(&latest(&runs, judge)?).ok()
}

fn source(folder: &RunFolder) -> Result<ReuseSource, Failure> {
    let run_id = folder.lock()?.run_id;
    let folder = std::path::absolute(folder.path()).unwrap_or_else(|_| folder.path().to_owned());
    // What stands at `latest` will soon be another run.
    let folder = folder.canonicalize().unwrap_or(folder);
    Ok(ReuseSource { run_id, folder: folder.display().to_string() })
}

/// The newest complete run of the manifest; without one, the newest that no process works on.
fn latest(runs: &Runs, manifest: &str) -> Option<RunFolder> {
    let mut idle: Vec<_> = runs
        .list()
        .into_iter()
        .rev()
        .filter(|found| found.manifest == manifest && !found.folder.is_locked() && found.folder.is_begun())
        .map(|found| found.folder)
        .collect();
    let at = idle.iter().position(RunFolder::is_closed).unwrap_or(0);
    (at < idle.len()).then(|| idle.swap_remove(at))
}

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
    refused: Option<&'static str>,
    /// The version that answers now, where that is known before a row is sent.
    version: Option<String>,
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
            return Ok(match self.check(&facts, same_input) {
                Err(why) => Match::Changed(why),
                Ok((at_ms, answer)) => {
                    Match::Taken(Box::new(self.taken(prepared, content, &facts, at_ms, answer)))
                }
            });
        }
        Ok(Match::Added)
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

/// What `take` writes to.
pub(crate) struct Into<'a> {
    pub(crate) folder: &'a RunFolder,
    pub(crate) writer: &'a mut Writer,
    pub(crate) state: &'a mut RunState,
}

/// Gives rows that were not started the results that an earlier run has for them. `added` says whether this process adds
/// rows to the run.
pub(crate) fn take(
    into: &mut Into<'_>,
    sound: &Sound,
    renderer: &Renderer,
    added: bool,
    host: &mut dyn Host,
) -> Result<(), Failure> {
    let taken_back = sound.manifest.reuse.as_ref().is_some_and(|reuse| reuse.from.is_none());
    let Some(source) = into.folder.lock()?.reuse.filter(|_| !taken_back) else { return Ok(()) };
    let fresh: RowSet =
        into.state.selected().iter().filter(|row| into.state.row(*row) == RowState::Unstarted).collect();
    let reused = into.state.tally().reused.rows;
    // Results are taken before the first row is begun: once one is, the others have been looked at.
    let was_done = into.state.selected().len() - fresh.len() > reused;
    if fresh.is_empty() || (was_done && !added) {
        return Ok(());
    }
    let mut earlier =
        Earlier::open(&source, sound, host).map_err(|failure| gone(failure, into.folder, &source))?;
    take_rows(into, &mut earlier, sound, &fresh, renderer, host)?;
    fail_point::pass(Point::ResultsReused);
    host.say(&in_words(&source, into.state, &earlier, &execute::cost_unit(&sound.manifest)));
    Ok(())
}

fn take_rows(
    into: &mut Into<'_>,
    earlier: &mut Earlier,
    sound: &Sound,
    fresh: &RowSet,
    renderer: &Renderer,
    host: &dyn Host,
) -> Result<(), Failure> {
    let interrupt = Interrupt::watch(&into.folder.file("manifest.yaml"), host);
    let (mut events, mut bytes) = (Vec::new(), 0);
    let mut failed = None;
    let mut one = |item| -> Result<(), Failure> {
        let stop = "interrupted before the first row was sent";
        interrupt.check().map_err(|_| Failure::new(ExitCode::Interrupted, Reason::Interrupted, stop))?;
        if let Match::Taken(reused) = earlier.look(&renderer.prepare(item))? {
            bytes += weight(&reused);
            events.push(RunEvent::Reused(*reused));
            if events.len() >= ROWS || bytes >= BYTES {
                put(into, &mut events)?;
                bytes = 0;
            }
        }
        Ok(())
    };
    sound.dataset.read(fresh, &mut |item| match one(item) {
        Ok(()) => ControlFlow::Continue(()),
        Err(failure) => {
            failed = Some(failure);
            ControlFlow::Break(())
        }
    })?;
    failed.map_or(Ok(()), Err)?;
    put(into, &mut events)
}

fn put(into: &mut Into<'_>, events: &mut Vec<RunEvent>) -> Result<(), Failure> {
    if events.is_empty() {
        return Ok(());
    }
    let t_ms = into.writer.instant();
    // What is impossible must be known before it is durable.
    for event in &*events {
        into.state.apply(t_ms, event).map_err(|error| execute::bug(&error.to_string()))?;
    }
    into.writer.append_at(t_ms, events)?;
    events.clear();
    Ok(())
}

fn weight(reused: &Reused) -> usize {
    let texts = [&reused.record, &reused.input, &reused.raw];
    let text = |json: &Option<crate::model::Json>| json.as_ref().map_or(0, |json| json.get().len());
    texts.into_iter().map(text).sum::<usize>() + reused.raw_text.as_ref().map_or(0, String::len)
}

fn gone(failure: Failure, folder: &RunFolder, source: &ReuseSource) -> Failure {
    let message = format!(
        "results were to be reused from run {}, and that can't be read: {}\nPut it back and resume, or have all rows sent \
         and paid for: flowbatch resume {} --set reuse=none",
        source.run_id,
        failure.message,
        quoted(folder.path()),
    );
    Failure::environment(Reason::Disk, message)
}

fn in_words(source: &ReuseSource, state: &RunState, earlier: &Earlier, unit: &str) -> String {
    let reused = state.tally().reused;
    if reused.rows == 0 {
        let why = earlier.refused.map_or_else(
            || "no row has the same input and a result there".to_owned(),
            |why| format!("it ran with {why}"),
        );
        return format!("nothing is reused from run {}: {why}", source.run_id);
    }
    let cost = reused.cost.to_string();
    let unknown = match reused.unknown_rows {
        0 => String::new(),
        rows => format!(", and what {} cost is not known", estimate::rows(rows)),
    };
    format!(
        "{} of {} reused from run {}: they cost {cost} {} then{unknown}, and nothing now",
        reused.rows,
        estimate::rows(state.counts().total),
        source.run_id,
        report::unit(&cost, unit),
    )
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
