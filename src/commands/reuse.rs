//! Results that an earlier run has paid for: which rows may take them, and taking them before anything is sent.

use std::ops::ControlFlow;
use std::path::Path;

use crate::commands::earlier::{Earlier, Match};
use crate::commands::interrupt::Interrupt;
use crate::commands::judges::JUDGES;
use crate::commands::prepare::Sound;
use crate::commands::run::quoted;
use crate::commands::{Failure, Host, estimate, execute};
use crate::fail_point::{self, Point};
use crate::journal::{ReuseSource, RunFolder, Runs, Writer};
use crate::model::{ExitCode, Reason, Reused, RowSet, RowState, RunEvent, RunState, SettingsChanged};
use crate::report;
use crate::runner::{Prepared, Renderer};

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
        Some("latest") => {
            let Some(folder) = latest(runs, &sound.manifest.name) else {
                host.say("there is no earlier run yet to reuse results from");
                return Ok(None);
            };
            folder
        }
        Some(name) => runs.find(name)?,
    };
    source(&folder).map(Some)
}

/// Finds what a judge has said in the run that a run takes results from: what is asked about them is the same. It was
/// asked in several runs where rows came later.
pub(crate) fn of_judge(folder: &RunFolder, judge: &str) -> Vec<ReuseSource> {
    let from = folder.lock().map(|lock| lock.reuse).unwrap_or_default();
    let runs = from.iter().flat_map(|from| Runs::below(Path::new(&from.folder).join(JUDGES)).list());
    let runs = runs.filter(|found| found.manifest == judge && found.folder.is_begun());
    runs.filter_map(|found| source(&found.folder).ok()).collect()
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
    let sources = into.folder.lock()?.reuse;
    if sources.is_empty() || is_taken_back(into.state) {
        return Ok(());
    }
    let fresh: RowSet =
        into.state.selected().iter().filter(|row| into.state.row(*row) == RowState::Unstarted).collect();
    let reused = into.state.tally().reused.rows;
    // Results are taken before the first row is begun: once one is, the others have been looked at.
    let was_done = into.state.selected().len() - fresh.len() > reused;
    if fresh.is_empty() || (was_done && !added) {
        return Ok(());
    }
    let open = |source: &ReuseSource| {
        Earlier::open(source, sound, host).map_err(|failure| gone(&failure, into.folder, source))
    };
    let mut earlier = sources.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    if reused > 0 {
        note_taken(into.state, &mut earlier, sound, &fresh, renderer)?;
    }
    take_rows(into, &mut earlier, sound, &fresh, renderer, host)?;
    fail_point::pass(Point::ResultsReused);
    let unit = execute::cost_unit(&sound.manifest);
    if let (Some(source), Some(earlier)) = (sources.first(), earlier.first()) {
        host.say(&in_words(source, into.state, earlier, &unit));
    }
    Ok(())
}

/// Says whether what was asked for when the run began was taken back since, by `resume --set reuse=none`.
fn is_taken_back(state: &RunState) -> bool {
    let is_of_reuse = |change: &&SettingsChanged| ["reuse", "reuse.from"].contains(&change.key.as_str());
    let last = state.changed().iter().rev().find(is_of_reuse);
    last.is_some_and(|change| serde_json::from_str::<String>(change.to.get()).is_ok_and(|to| to == "none"))
}

/// Finds out which results an earlier process has taken, so that each is taken once: rows without keys find theirs in the
/// order of the dataset.
fn note_taken(
    state: &RunState,
    earlier: &mut [Earlier],
    sound: &Sound,
    fresh: &RowSet,
    renderer: &Renderer,
) -> Result<(), Failure> {
    let before: RowSet = state.selected().iter().filter(|row| !fresh.contains(*row)).collect();
    let mut failed = None;
    sound.dataset.read(&before, &mut |item| match look(earlier, &renderer.prepare(item)) {
        Ok(_) => ControlFlow::Continue(()),
        Err(failure) => {
            failed = Some(failure);
            ControlFlow::Break(())
        }
    })?;
    failed.map_or(Ok(()), Err)
}

/// Looks for a row in one run after the other.
fn look(earlier: &mut [Earlier], prepared: &Prepared) -> Result<Match, Failure> {
    let mut found = Match::Added;
    for earlier in earlier {
        match earlier.look(prepared)? {
            taken @ Match::Taken(_) => return Ok(taken),
            Match::Added => {}
            changed @ Match::Changed(_) => found = changed,
        }
    }
    Ok(found)
}

fn take_rows(
    into: &mut Into<'_>,
    earlier: &mut [Earlier],
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
        if let Match::Taken(reused) = look(earlier, &renderer.prepare(item))? {
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

fn gone(failure: &Failure, folder: &RunFolder, source: &ReuseSource) -> Failure {
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
