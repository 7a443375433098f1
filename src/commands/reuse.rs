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
use crate::model::{ExitCode, Reason, Reused, RowSet, RowState, RunEvent, RunState};
use crate::report;
use crate::runner::Renderer;

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
        Earlier::open(&source, sound, host).map_err(|failure| gone(&failure, into.folder, &source))?;
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
