//! `flowbatch run`: the main job.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use crate::commands::execute::{Session, cost_unit, execute};
use crate::commands::finish::{Page, Shown, finish};
use crate::commands::identity::{self, Git};
use crate::commands::prepare::{Sound, prepare};
use crate::commands::resume::{Continue, go_on};
use crate::commands::serve::Beside;
use crate::commands::unfinished::Job;
use crate::commands::{Done, Failure, Host, clean, estimate, judging, kept, notices, rehearse, reuse, room};
use crate::fail_point::{self, Point};
use crate::journal::{Claim, Overridden, RunFolder, RunLock, Runs, Starting, Writer};
use crate::manifest::{self, Budget, Manifest, Overrides, Provider, Secrets};
use crate::model::{Reason, RowSet, RunEvent, RunState, ScheduledFor, Selected};
use crate::report::Style;

/// More rows than this are confirmed on a terminal when no budget bounds them.
const CONFIRM_ABOVE: u64 = 1_000;

/// `run`'s arguments.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct RunArgs {
    /// The manifest.
    pub manifest: PathBuf,
    /// `--overlay`.
    pub overlays: Vec<String>,
    /// `--set`, and the flags that stand for a key of the manifest.
    pub set: Vec<(String, String)>,
    /// `--var`.
    pub vars: Vec<(String, String)>,
    /// `--dataset`.
    pub dataset: Option<PathBuf>,
    /// `--id`.
    pub id: Option<String>,
    /// `--slot`: the slot of a schedule that the run is of.
    pub slot: Option<Timestamp>,
    /// `--previous-slot`; by the manifest's calendar unless given.
    pub previous_slot: Option<Timestamp>,
    /// `--new`: begin anew although an unfinished run of the same job is there.
    pub new: bool,
    /// `--reuse`: the run whose results are taken where they may be.
    pub reuse: Option<String>,
    /// `--yes`: ask nothing.
    pub yes: bool,
    /// `--dry-run`: show the first requests, send nothing.
    pub dry_run: bool,
    /// `-o`.
    pub dir: Option<PathBuf>,
    /// `--serve`: where the run's page is served while it lives.
    pub serve: Option<SocketAddr>,
    /// `--json`.
    pub json: bool,
    /// How the summary is shown.
    pub style: Option<Style>,
    /// The command as it was given, for a shell: what is told to the user as the way on.
    pub command: String,
}

impl RunArgs {
    fn overrides(&self) -> Overrides {
        let Self { overlays, set, vars, dataset, .. } = self.clone();
        Overrides { overlays, set, vars, dataset, schedule: self.scheduled_for(), ..Overrides::default() }
    }

    fn scheduled_for(&self) -> Option<ScheduledFor> {
        let slot = self.slot?.to_string();
        Some(ScheduledFor { slot, previous_slot: self.previous_slot.map(|at| at.to_string()) })
    }

    fn overridden(&self) -> Overridden {
        let absolute = |path: &PathBuf| match path.to_str() {
            Some("-") => "-".to_owned(),
            _ => std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string(),
        };
        Overridden {
            set: self.set.clone(),
            vars: self.vars.clone(),
            dataset: self.dataset.as_ref().map(absolute),
            overlays: self.overlays.clone(),
        }
    }
}

/// Runs a manifest: load, check, plan, send, report.
pub fn run(args: &RunArgs, host: &mut dyn Host) -> Result<Done, Failure> {
    if let Some(id) = &args.id {
        identity::check_run_id(id)?;
        if args.new {
            return Err(Failure::mistake(
                "--new and --id can't stand together: an id is begun once, and then gone on with",
            ));
        }
    }
    if args.dry_run {
        return rehearse::rehearse(&args.manifest, &args.overrides(), args.json, host);
    }
    let git = Git::ask(args.manifest.parent().unwrap_or(Path::new("")));
    let run_id = args.id.clone().unwrap_or_else(identity::new_run_id);
    if args.id.is_some()
        && let Some(folder) = begun(args, &run_id, host)
    {
        return continue_run(args, &folder, host);
    }
    let sound = prepare(&args.manifest, &args.overrides(), Secrets::Needed, None, host)?;
    let manifest = Arc::clone(&sound.manifest);
    let root = args.dir.as_ref().unwrap_or(&manifest.output.dir);
    start(args, sound, &run_id, git, host)
        .map_err(|failure| notices::after_failure(&manifest, root, failure, host))
}

/// Begins a run that is sound, and drives it to its end.
fn start(
    args: &RunArgs,
    mut sound: Sound,
    run_id: &str,
    git: Git,
    host: &mut dyn Host,
) -> Result<Done, Failure> {
    clean::require(&sound)?;
    let runs = Runs::below(args.dir.as_ref().unwrap_or(&sound.manifest.output.dir));
    let folder = runs.folder(&sound.manifest.name, run_id);
    let mut lock = identity::lock(&sound, run_id, args.overridden(), git, host);
    lock.reuse = reuse::find(&sound, args.reuse.as_deref(), &runs, host)?.into_iter().collect();
    announce(&sound, &runs, host);
    let is_job = !args.new && args.id.is_none();
    let job = Job { command: &args.command, runs: &runs, lock: &lock };
    let left = if is_job { job.refuse_to_start_over(host)? } else { None };
    confirm(args.yes, &sound, host)?;
    let root = args.dir.as_ref().unwrap_or(&sound.manifest.output.dir).clone();
    let serving = args.serve.map(|address| Beside::start(address, root)).transpose()?;
    room::check_files(&sound.manifest, &args.manifest, host)?;
    let starting = runs.start(&lock.manifest)?;
    if is_job {
        job.refuse_to_follow(left.as_deref(), host)?;
    }
    let claim = match folder.claim() {
        // Another process was quicker to begin it under this id.
        Err(_) if args.id.is_some() && folder.is_begun() => return continue_run(args, &folder, host),
        claim => claim?,
    };
    let (writer, state) = begin(&mut sound, &folder, claim, &lock, starting)?;
    if let Some(serving) = &serving {
        let page = serving.page_of(&sound.manifest.name, run_id);
        host.say(&format!("this run is shown at {page}"));
    }
    let manifest = Arc::clone(&sound.manifest);
    let (run_id, changes) = (run_id.to_owned(), Vec::new());
    let session = Session { sound, folder: folder.clone(), run_id, writer, state, changes };
    let ran = execute(session, host).map_err(|failure| failure.resumed_by(&folder))?;
    let judged = judging::after(&folder, &ran.state, host);
    // When judging fails, whoever is told of failures is told of that, and once.
    let notify = Some(&*manifest).filter(|_| judged.is_ok());
    let shown = Shown { json: args.json, style: args.style, page: Page::OfStep, notify };
    let done = finish(&folder, ran, shown, host).map_err(|failure| failure.within(&folder));
    judged.and(done)
}

/// Begins a run in the folder that was claimed for it. Others that would begin the same wait until it stands there.
pub(crate) fn begin(
    sound: &mut Sound,
    folder: &RunFolder,
    claim: Claim,
    lock: &RunLock,
    starting: Starting,
) -> Result<(Writer, RunState), Failure> {
    if sound.reads_stdin() {
        sound.keep_input(&folder.file("dataset.input"))?;
    }
    kept::keep(folder, &sound.manifest.kept)?;
    let selection = selected(&sound.survey.selection);
    let durability = sound.manifest.output.durability;
    let writer = folder.begin(claim, lock, &sound.manifest.source, selection, durability)?;
    drop(starting);
    // A link that can't be made is no reason not to run.
    let _ = folder.point_latest();
    fail_point::pass(Point::LatestPointed);
    Ok((writer, folder.read()?.into_state()))
}

/// The folder of the run with this id, when it was begun.
fn begun(args: &RunArgs, run_id: &str, host: &dyn Host) -> Option<RunFolder> {
    let variable = |name: &str| host.variable(name);
    let reading = manifest::read_whole(&args.manifest, &args.overrides(), Secrets::NotNeeded, &variable);
    // A manifest with mistakes has them told by `prepare`.
    let manifest = reading.manifest.filter(|_| !reading.diagnostics.has_errors())?;
    let dir = args.dir.as_ref().unwrap_or(&manifest.output.dir);
    let folder = Runs::below(dir).folder(&manifest.name, run_id);
    folder.is_begun().then_some(folder)
}

/// `--id` of a run that is there: goes on with it, or says again what it came to.
fn continue_run(args: &RunArgs, folder: &RunFolder, host: &mut dyn Host) -> Result<Done, Failure> {
    let spool = folder.file("dataset.input");
    let asked = prepare(&args.manifest, &args.overrides(), Secrets::Needed, Some(&spool), host)?;
    let on = Continue { set: args.set.clone(), serve: args.serve, yes: args.yes, ..Continue::default() };
    go_on(folder, &on, Some(&asked), args.json, args.style, host).map_err(|failure| failure.within(folder))
}

/// Gives the selection as events, each of a bounded length.
pub(crate) fn selected(rows: &RowSet) -> Vec<RunEvent> {
    const RANGES: usize = 1_000;
    let ranges = rows.ranges();
    let event = |ranges: &[(u64, u64)]| {
        let count = ranges.iter().map(|(first, last)| last - first + 1).sum();
        RunEvent::Selected(Selected { count, ranges: ranges.to_vec() })
    };
    if ranges.is_empty() { vec![event(&[])] } else { ranges.chunks(RANGES).map(event).collect() }
}

/// Says before the first send what is about to be done.
pub(crate) fn announce(sound: &Sound, runs: &Runs, host: &mut dyn Host) {
    for warning in &sound.warnings {
        host.say(warning);
    }
    let (rows, all) = (sound.survey.selection.len(), sound.survey.rows);
    let mut line = format!("{}: {}", sound.manifest.name, estimate::rows(rows));
    if rows < all {
        line.push_str(&format!(" of {all}"));
    }
    line.push_str(&estimate::each(sound.manifest.dataset.repeats));
    if sound.survey.malformed > 0 {
        line.push_str(&format!(", {} malformed", sound.survey.malformed));
    }
    let estimate = estimate::from_earlier(runs, &sound.manifest, rows);
    line.push_str(&match estimate {
        Some(estimate) => format!(", {}", estimate.in_words(&cost_unit(&sound.manifest))),
        None => ", no earlier run to estimate cost and time from".to_owned(),
    });
    if let Provider::Emulator { .. } = sound.manifest.workflow.provider {
        line.push_str(", embedded emulator (nothing is billed)");
    }
    match &sound.manifest.limits.budget {
        Some(budget) => line.push_str(&format!(", {}", in_words(budget, &cost_unit(&sound.manifest)))),
        None if is_billed(&sound.manifest) => line.push_str(", no budget"),
        None => {}
    }
    if let Some(rate) = sound.manifest.limits.rate {
        let seconds = estimate::by_rate(&sound.manifest, rows).unwrap_or_default();
        line.push_str(&format!(", at {rate} at most ({} or more)", estimate::in_time(seconds)));
    }
    let overlays: Vec<_> = sound.manifest.layers.iter().filter(|layer| layer.is_overlay).collect();
    for overlay in overlays {
        line.push_str(&format!(", with {}", identity::shown(&overlay.file.path, &sound.manifest)));
    }
    host.say(&line);
    for judge in &sound.judges {
        host.say(&format!("then judged: {}, at most {}", judge.in_words(), estimate::rows(rows)));
    }
}

fn is_billed(manifest: &Manifest) -> bool {
    matches!(manifest.workflow.provider, Provider::Gptbots { .. })
}

fn in_words(budget: &Budget, unit: &str) -> String {
    let cost = budget.cost.map(|cost| format!("{cost} {unit}"));
    let tokens = budget.tokens.map(|tokens| format!("{tokens} tokens"));
    let bounds: Vec<_> = cost.into_iter().chain(tokens).collect();
    let each = budget.cost_per_row.map_or_else(String::new, |cost| format!(" ({cost} for each row at most)"));
    format!("a budget of {}{each}", bounds.join(" and "))
}

pub(crate) fn confirm(yes: bool, sound: &Sound, host: &mut dyn Host) -> Result<(), Failure> {
    let rows = sound.survey.selection.len();
    let judges = sound.judges.iter().map(|judge| &judge.manifest);
    let mut manifests = std::iter::once(&*sound.manifest).chain(judges);
    let unbounded = |manifest: &Manifest| is_billed(manifest) && manifest.limits.budget.is_none();
    if yes || rows <= CONFIRM_ABOVE {
        return Ok(());
    }
    let Some(manifest) = manifests.find(|manifest| unbounded(manifest)) else { return Ok(()) };
    let judge = if manifest.path == sound.manifest.path { "" } else { " that judges" };
    let question = format!("Send {rows} rows to a billed workflow{judge}, with no budget?");
    match host.confirm(&question) {
        Some(false) => Err(Failure::environment(Reason::Interrupted, "nothing was sent")),
        Some(true) | None => Ok(()),
    }
}

/// Writes a path as a shell takes it.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
