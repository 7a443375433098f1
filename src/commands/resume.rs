//! `flowbatch resume`: finishes what was begun, and never starts over.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::value::{RawValue, to_raw_value};

use crate::commands::changed::{self, accept};
use crate::commands::execute::{Ran, Session, execute};
use crate::commands::finish::{Page, Shown, finish};
use crate::commands::mend::mend;
use crate::commands::prepare::Sound;
use crate::commands::serve::Beside;
use crate::commands::widen::widen;
use crate::commands::{Done, Failure, Host, RunName, derive, identity, judging, notices, prepare, room};
use crate::journal::{Durability, History, RunFolder, RunLock};
use crate::manifest::{KEPT, Secrets};
use crate::model::{
    Delivery, Json, Outcome, Reason, Reopened, RowSet, RowState, RunEvent, RunState, SettingsChanged,
};
use crate::report::Style;
use crate::runner::{self, Plan};

/// `resume`'s arguments.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct ResumeArgs {
    /// Which run.
    pub run: RunName,
    /// `--retry`: outcomes whose rows are asked again.
    pub retry: Vec<Outcome>,
    /// `--set`, and the flags that stand for a key of the manifest.
    pub set: Vec<(String, String)>,
    /// `--all`, `--limit`, `--range`.
    pub widen: Widening,
    /// `--extend`: take a dataset that only grew.
    pub extend: bool,
    /// `--accept-edits`: take rows edited since that were never sent.
    pub accept_edits: bool,
    /// `--repair`: mend a damaged journal first.
    pub repair: bool,
    /// `--serve`: where the run's page is served while it lives.
    pub serve: Option<SocketAddr>,
    /// `--yes`.
    pub yes: bool,
    /// `--json`.
    pub json: bool,
    /// How the summary is shown.
    pub style: Option<Style>,
}

/// How a finished selection is widened.
#[derive(Clone, Debug, Default)]
pub struct Widening {
    /// Every row that the manifest's `where` lets in.
    pub all: bool,
    /// So many rows.
    pub limit: Option<u64>,
    /// Rows of this range too.
    pub range: Option<(u64, u64)>,
}

/// What is asked of a run that is there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Continue {
    pub(crate) retry: Vec<Outcome>,
    pub(crate) set: Vec<(String, String)>,
    pub(crate) widen: Widening,
    pub(crate) extend: bool,
    pub(crate) accept_edits: bool,
    pub(crate) serve: Option<SocketAddr>,
    pub(crate) yes: bool,
    pub(crate) page: Page,
}

/// Finishes a run.
pub fn resume(args: &ResumeArgs, host: &mut dyn Host) -> Result<Done, Failure> {
    let folder = args.run.find()?;
    resume_at(&folder, args, host).map_err(|failure| failure.within(&folder))
}

fn resume_at(folder: &RunFolder, args: &ResumeArgs, host: &mut dyn Host) -> Result<Done, Failure> {
    if args.repair {
        mend(folder, args.yes, host)?;
    }
    let ResumeArgs { retry, set, widen, extend, accept_edits, serve, yes, .. } = args.clone();
    go_on(
        folder,
        &Continue { retry, set, widen, extend, accept_edits, serve, yes, page: Page::OfStep },
        None,
        args.json,
        args.style,
        host,
    )
}

/// Goes on with a run. `asked` is the manifest that the user named, which must mean the same job.
pub(crate) fn go_on(
    folder: &RunFolder,
    on: &Continue,
    asked: Option<&Sound>,
    json: bool,
    style: Option<Style>,
    host: &mut dyn Host,
) -> Result<Done, Failure> {
    // Until the manifest is read again, which says what is enough, the safer.
    let (mut writer, history) = folder.go_on(Durability::Power)?;
    if let Some(torn) = &history.replay().torn {
        host.say(&format!(
            "the journal's last {} bytes were never finished and are cut off: nothing that was durable is lost",
            torn.bytes
        ));
    }
    let lock = folder.lock()?.as_changed(history.state().changed());
    check_digests(folder, &history)?;
    let mut changes = changed_settings(on, asked.is_some())?;
    note_before(&mut changes, folder, &lock, history.state().changed(), host);
    let known: Vec<_> = history.state().changed().iter().cloned().chain(settings_in(&changes)).collect();
    // The way out for rows whose runs the provider denies for ever.
    let denied = if on.retry.contains(&Outcome::InDoubt) { history.denied()? } else { RowSet::new() };
    let mut state = history.into_state();
    // Whether anything remains does not depend on how what remains is delivered.
    let needs_key = !Plan::of(&state, Delivery::AtMostOnce).is_empty()
        || !on.retry.is_empty()
        || on.widen.is_asked()
        || on.extend
        || on.accept_edits
        || !changes.is_empty();
    if let Some(asked) = asked {
        compare(folder, &lock, asked, on)?;
        compare_selection(&lock, asked, &state)?;
    }
    if !needs_key {
        runner::close_complete(&mut writer, &mut state)?;
        host.say("nothing remains to be done: nothing is sent");
        // The lock is let go, as after any other run: judges have runs of their own.
        drop(writer);
        let judged = judging::now(folder, &state, host);
        let shown = Shown { json, style, page: on.page, notify: None };
        return judged.and(finish(folder, Ran { state, index: None }, shown, host));
    }
    let overrides = manifest_overrides(folder, &lock, &known);
    let spool = folder.file("dataset.input");
    let mut sound =
        prepare::prepare(&folder.file("manifest.yaml"), &overrides, Secrets::Needed, Some(&spool), host)?;
    compare(folder, &lock, &sound, on)?;
    mention_edits(&lock, host);
    changes.extend(accept(folder, &lock, &sound, &state, on, host)?);
    let mended: RowSet = changes.iter().filter_map(RunEvent::row).collect();
    let again = reopen(&state, &denied, on, host)?;
    changes.extend(again.into_iter().filter(|event| event.row().is_none_or(|row| !mended.contains(row))));
    let added = widen(&mut sound, &state, &changes, &on.widen)?;
    changes.extend(added);
    room::check_files(&sound.manifest, &folder.file("manifest.yaml"), host)?;
    writer.set_durability(sound.manifest.output.durability);
    let run_id = lock.run_id.clone();
    let serving = on.serve.map(|address| Beside::of_run(address, folder)).transpose()?;
    if let Some((_, page)) = &serving {
        host.say(&format!("this run is shown at {page}"));
    }
    let session = Session { sound, folder: folder.clone(), run_id, writer, state, changes };
    drive(session, on, json, style, host)
}

/// Drives what remains of a run to its end, and tells what it came to.
fn drive(
    session: Session,
    on: &Continue,
    json: bool,
    style: Option<Style>,
    host: &mut dyn Host,
) -> Result<Done, Failure> {
    let (folder, manifest) = (session.folder.clone(), Arc::clone(&session.sound.manifest));
    let root = folder.path().parent().and_then(|path| path.parent()).unwrap_or(folder.path());
    let ran = execute(session, host).map_err(|failure| {
        let failure = failure.resumed_by(&folder);
        // What is part of another run is told with that.
        if on.page == Page::OfStep { notices::after_failure(&manifest, root, failure, host) } else { failure }
    })?;
    let judged = judging::after(&folder, &ran.state, host);
    let shown = Shown { json, style, page: on.page, notify: Some(&manifest) };
    judged.and(finish(&folder, ran, shown, host))
}

impl Widening {
    pub(crate) fn is_asked(&self) -> bool {
        self.all || self.limit.is_some() || self.range.is_some()
    }
}

fn manifest_overrides(
    folder: &RunFolder,
    lock: &RunLock,
    changed: &[SettingsChanged],
) -> crate::manifest::Overrides {
    let mut overrides = derive::overrides_of(folder, lock);
    overrides.set.extend(derive::set_since(changed));
    overrides
}

/// The files beside the journal must be those that it was begun with.
pub(crate) fn check_digests(folder: &RunFolder, history: &History) -> Result<(), Failure> {
    let Some(opened) = history.state().opened() else { return Ok(()) };
    let named = |(name, digest): (&str, &String)| (folder.file(name), digest.clone());
    let mut files: Vec<_> =
        [("manifest.yaml", &opened.manifest.sha256), ("run.lock.json", &opened.lock.sha256)]
            .map(named)
            .into();
    // Of which the lock can tell, since it is one of the files.
    let layers = folder.lock().map(|lock| lock.layers).unwrap_or_default();
    files.extend(layers.into_iter().map(|layer| (folder.file(KEPT).join(layer.copy), layer.sha256)));
    for (path, sha256) in files {
        let bytes = std::fs::read(&path).map_err(Failure::disk(&path))?;
        if identity::sha256(&bytes) != sha256 {
            let message =
                format!("{}: changed since the run began; a run goes on as it was begun", path.display());
            return Err(Failure::environment(Reason::DatasetChanged, message));
        }
    }
    Ok(())
}

/// Keys that a resume may change: how the run goes on, not what it is.
const MAY_CHANGE: [&str; 8] =
    ["limits", "accept", "gates", "report", "output", "reuse", "workflow.body_limit", "workflow.pin"];

fn changed_settings(on: &Continue, same_command_line: bool) -> Result<Vec<RunEvent>, Failure> {
    // `run --id` is started with the same command line each time: its settings are those of the lock.
    if same_command_line {
        return Ok(Vec::new());
    }
    let mut events = Vec::new();
    for (key, value) in &on.set {
        let may_change =
            |may: &&str| key.strip_prefix(*may).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        if !MAY_CHANGE.iter().any(may_change) {
            let may = MAY_CHANGE.map(|key| format!("`{key}`")).join(", ");
            return Err(Failure::mistake(format!(
                "--set {key}: a resume may change {may}; anything else would make it another run"
            )));
        }
        let to = as_text(value);
        let (by, from) = ("resume --set".to_owned(), RawValue::NULL.to_owned());
        events.push(RunEvent::SettingsChanged(SettingsChanged { by, key: key.clone(), from, to }));
    }
    Ok(events)
}

/// Notes what the settings were before they were changed: as the manifest has them, resolved; else as they were last
/// written behind `--set`; null where neither says anything.
fn note_before(
    changes: &mut [RunEvent],
    folder: &RunFolder,
    lock: &RunLock,
    earlier: &[SettingsChanged],
    host: &dyn Host,
) {
    if changes.is_empty() {
        return;
    }
    // A manifest that can't be read is told of later.
    let settings =
        derive::frozen(folder, lock, earlier, Secrets::Recorded, host).map(|manifest| manifest.settings());
    let settings = settings.unwrap_or_default();
    let mut written = lock.overrides.set.clone();
    written.extend(derive::set_since(earlier));
    for event in changes {
        let RunEvent::SettingsChanged(change) = event else { continue };
        let value = settings.pointer(&format!("/{}", change.key.replace('.', "/")));
        let resolved = value.and_then(|value| to_raw_value(value).ok());
        let last = || written.iter().rev().find(|(key, _)| *key == change.key).map(|(_, text)| as_text(text));
        if let Some(from) = resolved.or_else(last) {
            change.from = from;
        }
    }
}

/// Keeps a value as it was written: it is read again as YAML, as it would have been at the run's start.
fn as_text(value: &str) -> Json {
    let text = serde_json::Value::from(value).to_string();
    RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

fn settings_in(events: &[RunEvent]) -> impl Iterator<Item = SettingsChanged> + '_ {
    events.iter().filter_map(|event| match event {
        RunEvent::SettingsChanged(change) => Some(change.clone()),
        _ => None,
    })
}

/// Refuses a job that is another than the one that was begun, by name of what differs.
fn compare(folder: &RunFolder, lock: &RunLock, found: &Sound, on: &Continue) -> Result<(), Failure> {
    let mut differs = Vec::new();
    let mut hint = "Put it back to go on, or begin a new run.".to_owned();
    if identity::sha256(found.manifest.mapping_text()) != lock.mapping_sha256 {
        differs.push("the mapping (`input`, `user_id` or `vars`)".to_owned());
    }
    let settings = found.manifest.settings();
    let workflow = identity::identity_of(settings.get("workflow").unwrap_or_default());
    if workflow != lock.workflow {
        differs.push(format!("the workflow ({workflow} against {})", lock.workflow));
    }
    let (repeats, was) = (found.manifest.dataset.repeats.get(), lock.dataset.repeat.get());
    if repeats != was {
        differs.push(format!("`repeat` ({repeats} against {was})"));
    }
    if found.survey.sha256 != lock.dataset.sha256 && !on.extend && !on.accept_edits {
        let (text, way_on) = changed::describe(folder, lock, found)?;
        if differs.is_empty() {
            hint = way_on;
        }
        differs.push(text);
    }
    if differs.is_empty() {
        return Ok(());
    }
    let message = format!(
        "run {} was begun with another job; what differs: {}.\n{hint}",
        lock.run_id,
        differs.join("; "),
    );
    Err(Failure::environment(Reason::DatasetChanged, message))
}

/// Refuses to take a run for another one over the same dataset: a pilot must not pass for the whole.
fn compare_selection(lock: &RunLock, asked: &Sound, state: &RunState) -> Result<(), Failure> {
    let rows = &asked.survey.selection;
    if rows.len() == lock.dataset.selected && rows.iter().all(|row| state.selected().contains(row)) {
        return Ok(());
    }
    let message = format!(
        "run {} was begun with another selection: {} rows, and {} are asked for now.\nSelect what it was begun with, \
         or add rows to it with `flowbatch resume --all`, `--limit` or `--range`.",
        lock.run_id,
        lock.dataset.selected,
        rows.len(),
    );
    Err(Failure::environment(Reason::DatasetChanged, message))
}

/// A manifest edited since the run began does not change the run, but its user may believe so.
fn mention_edits(lock: &RunLock, host: &mut dyn Host) {
    let Some(name) = PathBuf::from(&lock.manifest_path).file_name().map(PathBuf::from) else { return };
    let own = (name, &lock.manifest_sha256);
    let layers = lock.layers.iter().map(|layer| (PathBuf::from(&layer.path), &layer.sha256));
    for (path, sha256) in std::iter::once(own).chain(layers) {
        let path = PathBuf::from(&lock.folder).join(path);
        if let Ok(bytes) = std::fs::read(&path)
            && identity::sha256(&bytes) != *sha256
        {
            host.say(&format!(
                "{} was edited since; this run goes on with the manifest it was begun with",
                path.display()
            ));
        }
    }
}

/// Rows that the user asks for again, knowingly.
fn reopen(
    state: &RunState,
    denied: &RowSet,
    on: &Continue,
    host: &mut dyn Host,
) -> Result<Vec<RunEvent>, Failure> {
    let by = "resume --retry".to_owned();
    let asked = |row: u64| match state.row(row) {
        RowState::Ended(outcome) if outcome != Outcome::Succeeded && on.retry.contains(&outcome) => {
            Some(outcome)
        }
        RowState::InDoubt(None) if on.retry.contains(&Outcome::InDoubt) => Some(Outcome::InDoubt),
        RowState::InDoubt(Some(_)) if denied.contains(row) => Some(Outcome::InDoubt),
        _ => None,
    };
    let rows: Vec<_> = state.selected().iter().filter_map(|row| Some((row, asked(row)?))).collect();
    let doubtful = rows.iter().filter(|(_, outcome)| *outcome == Outcome::InDoubt).count();
    if doubtful > 0 && !on.yes {
        let question =
            format!("{doubtful} rows in doubt may have run and been billed. Send them again, and pay again?");
        if host.confirm(&question) == Some(false) {
            return Err(Failure::environment(Reason::Interrupted, "nothing was sent"));
        }
    }
    Ok(rows
        .into_iter()
        .map(|(row, from)| RunEvent::Reopened(Reopened { row, from, by: by.clone() }))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resume_may_change_how_the_run_goes_on_and_not_what_it_is() {
        let set = |key: &str| {
            let on = Continue { set: vec![(key.into(), "1".into())], ..Continue::default() };
            changed_settings(&on, false).is_ok()
        };
        assert!(set("limits") && set("limits.retry.attempts") && set("accept.failed"));
        assert!(set("workflow.body_limit"), "else a reply that is too large could never be fetched");
        assert!(
            !set("limitsx")
                && !set("workflow.mode")
                && !set("workflow")
                && !set("input.q")
                && !set("dataset")
        );
    }

    #[test]
    fn a_setting_changed_by_resume_is_read_as_it_was_written() {
        for value in
            ["10", "5m", "5%", "{failures: 5%, after: 50}", "[jsonl, csv]", "none", "", "\"5\"", "true"]
        {
            let on = Continue { set: vec![("limits.halt".into(), value.into())], ..Continue::default() };
            let events = changed_settings(&on, false).unwrap();
            let changed: Vec<_> = settings_in(&events).collect();
            let again: Vec<_> = derive::set_since(&changed).collect();
            assert_eq!(again, on.set, "{value}");
        }
    }
}
