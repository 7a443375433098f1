//! The processes of slots - `flowbatch run MANIFEST --id …`, and `flowbatch resume` of a run that is begun - each in a group of its own, so that a Ctrl-C at a terminal
//! reaches them once, through the scheduler.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use serde::Deserialize;

use crate::commands::identity;
use crate::fail_point::{self, Point};
use crate::journal::Runs;
use crate::schedule::{Exit, Job, Key, Then, World};

/// The processes that this scheduler started.
pub(super) struct Children {
    program: PathBuf,
    logs: PathBuf,
    alive: BTreeMap<Key, (Child, PathBuf)>,
    /// Where the runs of slots that another process works on lie.
    held: BTreeMap<Key, PathBuf>,
}

/// What `run --json` prints.
#[derive(Debug, Deserialize)]
struct Told {
    verdict: Verdict,
}

#[derive(Debug, Deserialize)]
struct Verdict {
    reason: String,
    retry: String,
}

impl Children {
    /// None yet; what they print goes below the state folder.
    pub(super) fn below(state: &Path) -> io::Result<Self> {
        let logs = state.join("logs");
        fs::create_dir_all(&logs)?;
        let program = std::env::current_exe()?;
        Ok(Self { program, logs, alive: BTreeMap::new(), held: BTreeMap::new() })
    }

    fn spawn(&self, job: &Job) -> io::Result<(Child, PathBuf)> {
        let told = self.logs.join(format!("{}.json", job.run_id));
        let log = self.logs.join(format!("{}.log", job.run_id));
        let mut command = Command::new(&self.program);
        let folder = Runs::below(&job.dir).folder(&job.key.schedule, &job.run_id);
        if folder.is_begun() {
            // It goes on as it was begun, whatever the manifest says by now.
            command.arg("resume").arg(folder.path());
        } else {
            command.arg("run").arg(&job.manifest).arg("--id").arg(&job.run_id).arg("-o").arg(&job.dir);
            command.arg("--slot").arg(job.key.slot.at.to_string());
            if let Some(previous) = job.previous {
                command.arg("--previous-slot").arg(previous.to_string());
            }
        }
        command.args(["--yes", "--json", "--no-progress"]);
        command.stdin(Stdio::null()).stdout(File::create(&told)?);
        command.stderr(File::options().create(true).append(true).open(log)?);
        // A crash that is asked of the scheduler is not meant for them.
        command.env_remove("FLOWBATCH_FAIL_POINT");
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        Ok((command.spawn()?, told))
    }
}

impl World for Children {
    fn start(&mut self, job: &Job) -> Result<(), String> {
        fail_point::pass(Point::SlotClaimed);
        let started = self.spawn(job).map_err(|error| format!("{}: {error}", self.program.display()))?;
        fail_point::pass(Point::SlotStarted);
        self.alive.insert(job.key.clone(), started);
        Ok(())
    }

    fn runs(&self, key: &Key) -> bool {
        self.alive.contains_key(key)
    }

    fn is_held(&mut self, job: &Job) -> bool {
        let folder = Runs::below(&job.dir).folder(&job.key.schedule, &job.run_id);
        let is_held = folder.is_locked();
        if is_held {
            self.held.insert(job.key.clone(), folder.journal());
        }
        is_held
    }

    fn stop(&mut self, key: &Key) {
        match self.alive.get_mut(key) {
            Some((child, _)) => terminate(child),
            // Of a scheduler that died: it is known by the journal that it holds.
            None => self.held.get(key).and_then(|journal| holder_of(journal)).into_iter().for_each(signal),
        }
    }

    fn ended(&mut self) -> Vec<(Key, Exit)> {
        let mut ended = Vec::new();
        self.alive.retain(|key, (child, told)| match child.try_wait() {
            Ok(None) => true,
            Ok(Some(status)) => {
                ended.push((key.clone(), exit_of(status, told)));
                false
            }
            Err(error) => {
                let reason = Some(error.to_string());
                ended.push((key.clone(), Exit { code: None, reason, then: Then::Resume }));
                false
            }
        });
        ended
    }
}

fn exit_of(status: ExitStatus, told: &Path) -> Exit {
    let code = status.code();
    let verdict = fs::read(told).ok().and_then(|text| serde_json::from_slice::<Told>(&text).ok());
    let (reason, retry) = verdict.map(|told| (told.verdict.reason, told.verdict.retry)).unzip();
    let then = match (code, reason.as_deref(), retry.as_deref()) {
        (_, Some("locked"), _) => Then::Locked,
        (None | Some(5), ..) | (_, _, Some("resume")) => Then::Resume,
        _ => Then::Done,
    };
    Exit { code, reason: reason.or_else(|| code.is_none().then(|| "killed".to_owned())), then }
}

#[cfg(unix)]
fn terminate(child: &mut Child) {
    signal(child.id());
}

#[cfg(not(unix))]
fn terminate(child: &mut Child) {
    // There is no signal that asks: what is on the wire is in doubt, as after a power cut.
    let _ = child.kill();
}

#[cfg(unix)]
fn signal(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        // It may have ended just now.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
}

#[cfg(not(unix))]
fn signal(_pid: u32) {}

/// Gives the process that works on a run, by the last line of the journal that names one, if it is of this machine.
fn holder_of(journal: &Path) -> Option<u32> {
    #[derive(Deserialize)]
    struct Started {
        pid: u32,
        host: String,
    }
    let text = fs::read(journal).ok()?;
    let mut lines = text.split(|b| *b == b'\n').rev();
    let line = lines.find(|line| memchr::memmem::find(line, b"\"e\":\"process_started\"").is_some())?;
    let started: Started = serde_json::from_slice(line).ok()?;
    (started.host == identity::host_hash()).then_some(started.pid)
}
