//! Judging: once a run is complete, its judges are asked about the rows that they were not asked about. What they are asked
//! are runs of their own, below the judged run's folder.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::sync::Arc;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::checks::JudgeRule;
use crate::commands::execute::{Session, execute};
use crate::commands::identity::{self, Git};
use crate::commands::interrupt::Interrupt;
use crate::commands::judges::{self, JUDGES, Judges, Judging};
use crate::commands::prepare::prepare;
use crate::commands::resume::{Continue, go_on};
use crate::commands::run::{Page, selected};
use crate::commands::{Failure, Host, ahead, derive, estimate, kept, reuse, room};
use crate::fail_point::{self, Point};
use crate::journal::{Error, History, Overridden, RunFolder, Runs, Starting};
use crate::manifest::Secrets;
use crate::model::{Reason, RunState};
use crate::report::ReportContext;

/// Judges a run that has just come to its end, unless a signal or something else stopped it.
pub(crate) fn after(folder: &RunFolder, state: &RunState, host: &mut dyn Host) -> Result<(), Failure> {
    if state.stopped().is_some() { Ok(()) } else { now(folder, state, host) }
}

/// Judges a run, if it is complete and its manifest has judges.
pub(crate) fn now(folder: &RunFolder, state: &RunState, host: &mut dyn Host) -> Result<(), Failure> {
    if !state.is_complete() {
        return Ok(());
    }
    let lock = folder.lock()?.as_changed(state.changed());
    let manifest = derive::frozen(folder, &lock, state.changed(), Secrets::Recorded, host)?;
    if judges::grouped(&manifest.checks).is_empty() {
        return Ok(());
    }
    fail_point::pass(Point::JudgingDue);
    let context = derive::context(manifest, &lock.run_id, &lock);
    let judged = folder.read().map_err(Failure::from);
    let judged = judged.and_then(|history| judge(folder, &context, &history, false, host));
    judged.map(drop).map_err(|failure| failure.resumed_by(folder))
}

/// Asks judges about a run's rows, and gives how many requests that took. A judge that stops before it is done stops them all.
pub(crate) fn judge(
    folder: &RunFolder,
    context: &ReportContext,
    history: &History,
    confirm: bool,
    host: &mut dyn Host,
) -> Result<u64, Failure> {
    let mut sent = 0;
    for (at, rules) in judges::grouped(&context.checks).iter().enumerate() {
        // Subtle: between a look at what was asked and the first intent of what is asked now nobody else may ask.
        let mut turn = take_turn(folder)?;
        let mut found = Judges::find(folder, &context.checks, host)?;
        let runs = found.0.get(at).map(|asked| asked.runs.iter()).into_iter().flatten();
        let is_open = |run: &&Judging| !run.is_complete() || !run.folder().is_closed();
        let (open, closed): (Vec<_>, Vec<_>) = runs.partition(is_open);
        for run in closed.into_iter().filter(|run| !is_derived(run.folder())) {
            derive::derive(run.folder(), None, host)?;
            fail_point::pass(Point::JudgeDerived);
        }
        let left: u64 = open.iter().map(|run| run.left()).sum();
        if confirm && left > 0 {
            let told = in_words(left, rules);
            consent(&format!("A judge's run was cut short. Send the remaining {told}?"), sent, host)?;
        }
        let open: Vec<_> = open.into_iter().map(|run| (run.folder().clone(), run.requests())).collect();
        if !open.is_empty() {
            drop(turn);
            for (run, before) in &open {
                let state = finish_one(run, host)?;
                sent += state.tally().invokes.saturating_sub(*before);
                if !state.is_complete() {
                    return Ok(sent);
                }
            }
            turn = take_turn(folder)?;
            found = Judges::find(folder, &context.checks, host)?;
        }
        let asking = Asking { folder, context, history, judges: &found, at, sent };
        let Some(state) = asking.ask(turn, confirm, host)? else { continue };
        sent += state.tally().invokes;
        if !state.is_complete() {
            return Ok(sent);
        }
    }
    Ok(sent)
}

/// Says how many rows go to which judge.
fn in_words(rows: u64, rules: &[&JudgeRule]) -> String {
    let names: Vec<_> = rules.iter().map(|rule| &*rule.name).collect();
    format!("{} to {}, for {}", estimate::rows(rows), rules[0].manifest.display(), names.join(", "))
}

/// Asks on a terminal; the error says what was sent before.
fn consent(question: &str, sent: u64, host: &mut dyn Host) -> Result<(), Failure> {
    if host.confirm(question) == Some(false) {
        let told = match sent {
            0 => "nothing was sent".to_owned(),
            sent => format!("no more was sent than {sent} requests to judges"),
        };
        return Err(Failure::environment(Reason::Interrupted, told));
    }
    Ok(())
}

/// Waits for the turn to ask judges about a run. What another process has laid out and is about to ask can't be seen by its
/// rows yet.
fn take_turn(folder: &RunFolder) -> Result<Starting, Failure> {
    let turn = Runs::below(folder.path()).start(JUDGES)?;
    match Runs::below(folder.file(JUDGES)).list().into_iter().find(|found| found.folder.is_locked()) {
        Some(found) => Err(Error::Locked { path: found.folder.path().to_path_buf() }.into()),
        None => Ok(turn),
    }
}

/// Says, by its report and its judges' journals, that a closed run is judged as far as it is to be: false when that can't be
/// told without a look at its rows.
pub(crate) fn is_over(folder: &RunFolder) -> bool {
    #[derive(Deserialize)]
    struct Told {
        complete: bool,
    }
    let told = || serde_json::from_slice::<Told>(&fs::read(folder.file("report.json")).ok()?).ok();
    is_derived(folder)
        && told().is_some_and(|told| told.complete)
        && runs_below(folder).iter().all(RunFolder::is_closed)
}

/// Says whether a process is asking a run's judges.
pub(crate) fn is_at_work(folder: &RunFolder) -> bool {
    runs_below(folder).iter().any(RunFolder::is_locked)
}

fn runs_below(folder: &RunFolder) -> Vec<RunFolder> {
    let runs = Runs::below(folder.file(JUDGES)).list().into_iter();
    runs.map(|found| found.folder).filter(RunFolder::is_begun).collect()
}

/// Says whether anything remains to be asked of the judges that a complete run has.
pub(crate) fn remains(folder: &RunFolder, history: &History, host: &dyn Host) -> Result<bool, Failure> {
    let changed = history.state().changed();
    let lock = folder.lock()?.as_changed(changed);
    let manifest = derive::frozen(folder, &lock, changed, Secrets::Recorded, host)?;
    if judges::grouped(&manifest.checks).is_empty() {
        return Ok(false);
    }
    let context = derive::context(manifest, &lock.run_id, &lock);
    let judges = Judges::find(folder, &context.checks, host)?;
    if judges.0.iter().any(|asked| asked.runs.iter().any(|run| !run.is_complete())) {
        return Ok(true);
    }
    std::thread::scope(|scope| {
        let mut join = judges.join(scope, &context);
        for row in ahead::read(scope, history) {
            let row = row?;
            for at in 0..judges.0.len() {
                if join.unasked(at, &row)?.is_some() {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    })
}

/// Goes on with a judge's run, and gives how that stands then.
fn finish_one(run: &RunFolder, host: &mut dyn Host) -> Result<RunState, Failure> {
    let on = Continue { page: Page::None, ..Continue::default() };
    go_on(run, &on, None, false, None, host)?;
    fail_point::pass(Point::JudgeDerived);
    Ok(run.read()?.into_state())
}

/// Says whether a run has all its files: report.md is written last.
fn is_derived(run: &RunFolder) -> bool {
    let written = |path| fs::metadata(path).and_then(|data| data.modified()).ok();
    written(run.file("report.md")).is_some_and(|report| Some(report) >= written(run.journal()))
}

/// Takes a line.
type Take<'a> = dyn FnMut(&[u8]) -> Result<(), Failure> + 'a;

/// A judge that is to be asked.
struct Asking<'a> {
    folder: &'a RunFolder,
    context: &'a ReportContext,
    history: &'a History,
    judges: &'a Judges,
    at: usize,
    /// Requests to judges before.
    sent: u64,
}

impl Asking<'_> {
    /// Asks about all rows that the judge was not asked about, in a run of its own; gives how that run stands then.
    fn ask(&self, turn: Starting, confirm: bool, host: &mut dyn Host) -> Result<Option<RunState>, Failure> {
        let Some(asked) = self.judges.0.get(self.at) else { return Ok(None) };
        let rule = &asked.rules[0];
        let mut digest = Sha256::new();
        let rows = self.each(host, &mut |line| {
            digest.update(line);
            Ok(())
        })?;
        if rows == 0 {
            return Ok(None);
        }
        let told = in_words(rows, &asked.rules.iter().collect::<Vec<_>>());
        if confirm {
            consent(&format!("Send {told}?"), self.sent, host)?;
        }
        host.say(&format!("judging: {told}"));
        let id = self.run_id(&rule.name, &rule.sha256, digest);
        let run = Runs::below(self.folder.file(JUDGES)).folder(&rule.name, &id);
        let claim = match run.claim() {
            // Another process was quicker.
            Err(_) if run.is_begun() => {
                return finish_one(&run, host).map(Some);
            }
            claim => claim?,
        };
        let spool = run.file("dataset.input");
        let mut file = BufWriter::new(File::create(&spool).map_err(Failure::disk(&spool))?);
        self.each(host, &mut |line| {
            let half = fail_point::tear(Point::QuestionHalfWritten, line, &mut file);
            half.and_then(|()| file.write_all(line)).map_err(Failure::disk(&spool))
        })?;
        let file = file.into_inner().map_err(|error| Failure::disk(&spool)(error.into_error()))?;
        file.sync_all().map_err(Failure::disk(&spool))?;
        fail_point::pass(Point::QuestionsWritten);
        let overrides = judges::overrides(rule);
        let sound = prepare(&rule.file, &overrides, Secrets::Needed, Some(&spool), host)?;
        room::check_files(&sound.manifest, &spool, host)?;
        kept::keep(&run, &sound.manifest.kept)?;
        let (set, dataset) = (overrides.set, Some("-".to_owned()));
        let overridden = Overridden { set, dataset, ..Overridden::default() };
        let git = Git::ask(&sound.manifest.folder);
        let mut lock = identity::lock(&sound, &id, overridden, git, host);
        lock.manifest_path = rule.manifest.display().to_string();
        lock.reuse = reuse::of_judge(self.folder, &rule.name);
        let (selection, durability) = (selected(&sound.survey.selection), sound.manifest.output.durability);
        let writer = run.begin(claim, &lock, &sound.manifest.source, selection, durability)?;
        drop(turn);
        fail_point::pass(Point::JudgeBegun);
        let state = run.read()?.into_state();
        let changes = Vec::new();
        execute(Session { sound, folder: run.clone(), run_id: id, writer, state, changes }, host)?;
        fail_point::pass(Point::JudgeDone);
        derive::derive(&run, None, host)?;
        fail_point::pass(Point::JudgeDerived);
        Ok(Some(run.read()?.into_state()))
    }

    /// Hands over what the judge is to be asked, a line a row, and gives how many rows that are.
    fn each(&self, host: &dyn Host, take: &mut Take<'_>) -> Result<u64, Failure> {
        let interrupt = Interrupt::watch(&self.folder.file("manifest.yaml"), host);
        std::thread::scope(|scope| {
            let mut join = self.judges.join(scope, self.context);
            let mut rows = 0;
            for row in ahead::read(scope, self.history) {
                interrupt.check()?;
                let Some(line) = join.unasked(self.at, &row?)? else { continue };
                take(&line)?;
                rows += 1;
            }
            Ok(rows)
        })
    }

    /// Names the judge's run by what is asked: who asks the same again goes on with the same run, and pays nothing twice.
    fn run_id(&self, check: &Arc<str>, judge: &str, asked: Sha256) -> String {
        const PREFIX: usize = 48;
        let asked = hex::encode(asked.finalize());
        let digest = identity::sha256(format!("{}\n{check}\n{judge}\n{asked}", self.context.run_id));
        let prefix: String = self.context.run_id.chars().take(PREFIX).collect();
        format!("{prefix}.{}", &digest[..8])
    }
}
