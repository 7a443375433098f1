//! What every export says of a manifest: its names, its places, its secrets, and where the target's clock differs.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::calendar::{Calendar, Cron, Dst, Note};
use crate::commands::run::quoted;
use crate::commands::schedule::scheduled::Scheduled;
use crate::manifest::{CatchUp, Manifest, Overlap, Schedule, SecretSource, write_duration};

/// A manifest as a job of another scheduler.
pub(super) struct Job<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) schedule: &'a Schedule,
    /// The name of its units and objects: lower case, and no more than a `CronJob` may have.
    pub(super) name: String,
    /// The manifest, absolute.
    pub(super) path: PathBuf,
    /// The folder that runs and relative paths of the command line start from.
    pub(super) folder: PathBuf,
    /// Variables that hold secrets.
    pub(super) secrets: Vec<String>,
    /// Files that hold secrets, as the manifest names them.
    pub(super) secret_files: Vec<PathBuf>,
    /// Other variables that the manifest reads.
    pub(super) variables: Vec<String>,
}

/// How a scheduler takes local times when the clock is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    /// As Debian's cron, which is `dst: once`.
    Once,
    /// As Kubernetes, which is `dst: literal`.
    Literal,
    /// As systemd: what does not exist is left out, what comes twice runs the first time only.
    FirstPass,
}

impl<'a> Job<'a> {
    /// Takes a manifest, with those of its judges: they are run with it, and bring secrets of their own.
    pub(super) fn new(of: &'a Scheduled, judges: &[Manifest], here: &Path) -> Self {
        let manifest = &of.manifest;
        let all = || std::iter::once(manifest).chain(judges);
        let (mut secrets, mut secret_files) = (Vec::new(), Vec::new());
        for source in all().flat_map(Manifest::secret_sources) {
            match source {
                SecretSource::Variable { name, .. } => secrets.push(name.clone()),
                SecretSource::File(path) => secret_files.push(path.clone()),
            }
        }
        let mut variables: Vec<_> = all().flat_map(|manifest| manifest.env.keys().cloned()).collect();
        for list in [&mut secrets, &mut variables] {
            list.sort();
            list.dedup();
        }
        secret_files.sort();
        secret_files.dedup();
        Self {
            manifest,
            schedule: &of.schedule,
            name: object_name(&manifest.name),
            path: here.join(&manifest.path),
            folder: here.to_owned(),
            secrets,
            secret_files,
            variables,
        }
    }

    /// Gives the manifest's path as the command is given it.
    pub(super) fn shell_path(&self) -> String {
        quoted(&self.path)
    }

    pub(super) fn calendar(&self) -> &Calendar {
        &self.schedule.calendar
    }

    /// Gives the first line of what is written: what it is, and where it comes from.
    pub(super) fn head(&self, what: &str) -> String {
        let cron = self.calendar().cron();
        let zone = self.calendar().zone().name();
        let name = &self.manifest.name;
        format!("# {name}: {what}. Written by `flowbatch schedule export` from `{}` in {zone}\n", cron.text())
    }

    /// Says where the target's clock leads to other slots than the manifest's.
    pub(super) fn clock_differs(&self, target: &str, clock: Clock) -> Vec<String> {
        let (missing, more) = differing(self.calendar(), clock);
        let mut told = Vec::new();
        let dst = self.calendar().dst().word();
        if missing {
            told.push(format!(
                "On days when the clock is changed, {target} leaves out runs that `dst: {dst}` has; see `flowbatch schedule preview`."
            ));
        }
        if more {
            told.push(format!(
                "On days when the clock is changed, {target} has runs that `dst: {dst}` has not; see `flowbatch schedule preview`."
            ));
        }
        told
    }

    /// Says which parts of the schedule the target has no word for.
    pub(super) fn unsaid(&self, target: &str, said: &Said) -> Vec<String> {
        let schedule = self.schedule;
        let mut told = Vec::new();
        let mut cannot = |what: String| told.push(format!("{target} can't say {what}."));
        if !said.overlaps.contains(&schedule.overlap) {
            cannot(format!("`overlap: {}`; {}", schedule.overlap.word(), said.overlap_instead));
        }
        if !said.catch_ups.contains(&schedule.catch_up) {
            cannot(format!("`catch_up: {}`; {}", schedule.catch_up.word(), said.catch_up_instead));
        }
        if let (Some(window), true, false) =
            (schedule.window, schedule.catch_up != CatchUp::None, said.parts.contains(&Part::Window))
        {
            cannot(format!("that missed slots older than {} are not run", write_duration(window)));
        }
        if let (Some(deadline), false) = (schedule.start_deadline, said.parts.contains(&Part::Deadline)) {
            cannot(format!(
                "`start_deadline: {}`; a late slot is run all the same",
                write_duration(deadline)
            ));
        }
        if let (Some(jitter), false) = (self.jitter(), said.parts.contains(&Part::Jitter)) {
            cannot(format!("`jitter: {}`; every slot starts at its time", write_duration(jitter)));
        }
        let has_ends = self.calendar().starts().is_some() || self.calendar().ends().is_some();
        if has_ends && !said.parts.contains(&Part::Ends) {
            cannot("`starts` and `ends`: turn it on and off by hand".to_owned());
        } else if has_ends {
            cannot(
                "`starts` and `ends`; before the one a start fails without sending anything, and after the other it sends \
                 nothing, since the last slot's run is done"
                    .to_owned(),
            );
        }
        if schedule.pause_on_failure {
            cannot("`pause_on_failure`: it goes on after a run that failed".to_owned());
        }
        if (schedule.keep.succeeded.is_some() || schedule.keep.failed.is_some())
            && !said.parts.contains(&Part::Keep)
        {
            cannot("`keep`: no run folder is removed".to_owned());
        }
        told
    }

    /// Gives the longest jitter.
    pub(super) fn jitter(&self) -> Option<std::time::Duration> {
        self.calendar().jitter().map(jiff::SignedDuration::unsigned_abs)
    }

    /// Gives how long a run may take to end after a signal: what is on the wire, and the reports.
    pub(super) fn stop_seconds(&self) -> u64 {
        const DRAIN: u64 = 20;
        const REPORTS: u64 = 60;
        self.manifest.limits.drain.map_or(DRAIN, |drain| drain.as_secs()) + REPORTS
    }
}

/// What a target has words for.
pub(super) struct Said {
    pub(super) overlaps: &'static [Overlap],
    pub(super) overlap_instead: &'static str,
    pub(super) catch_ups: &'static [CatchUp],
    pub(super) catch_up_instead: &'static str,
    pub(super) parts: &'static [Part],
}

/// A part of a schedule that not every target has a word for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// `catch_up.window`, where the target catches up at all.
    Window,
    /// `start_deadline`.
    Deadline,
    /// `jitter`.
    Jitter,
    /// `starts` and `ends`, by way of the slot's id.
    Ends,
    /// `keep`.
    Keep,
}

/// Writes sentences as comments, at most 100 columns wide.
pub(super) fn comments(sentences: &[String]) -> String {
    const WIDTH: usize = 100;
    let mut text = String::new();
    for sentence in sentences {
        let mut line = "#".to_owned();
        for word in sentence.split(' ') {
            if line.len() + word.len() >= WIDTH && line.len() > 3 {
                text.push_str(&format!("{line}\n"));
                "#  ".clone_into(&mut line);
            }
            line.push_str(&format!(" {word}"));
        }
        text.push_str(&format!("{line}\n"));
    }
    text
}

/// Says whether the target's clock lacks slots of the calendar, and whether it has more.
fn differing(calendar: &Calendar, clock: Clock) -> (bool, bool) {
    // Ten years hold every way in which a rule of today falls; the years are fixed, so that the same manifest is always
    // exported to the same text.
    let bound = |text: &str| text.parse::<Timestamp>().unwrap_or_default();
    let (from, until) = (bound("2026-01-01T00:00:00Z"), bound("2036-01-01T00:00:00Z"));
    let dst = if clock == Clock::Once { Dst::Once } else { Dst::Literal };
    let theirs = Calendar::new(calendar.cron().clone(), calendar.zone().clone(), dst);
    let ours = Calendar::new(calendar.cron().clone(), calendar.zone().clone(), calendar.dst());
    let (mut missing, mut more, mut at) = (false, false, from);
    let day = jiff::SignedDuration::from_hours(24);
    while let Some(change) = calendar.zone().change_after(at).filter(|change| change.at < until) {
        let (after, end) = (change.at.saturating_sub(day), change.at.saturating_add(day));
        let (Ok(after), Ok(end)) = (after, end) else { break };
        let ours: Vec<_> = ours.slots(after, end).map(|slot| slot.nominal).collect();
        let has_second = clock != Clock::FirstPass;
        let theirs = theirs.slots(after, end).filter(|slot| has_second || slot.note != Some(Note::Second));
        let theirs: Vec<_> = theirs.map(|slot| slot.nominal).collect();
        missing |= ours.iter().any(|slot| !theirs.contains(slot));
        more |= theirs.iter().any(|slot| !ours.contains(slot));
        at = change.at;
    }
    (missing, more)
}

/// Gives the name of a manifest as an object of Kubernetes may have it (RFC 1123, 52 characters for a `CronJob`).
pub(super) fn object_name(name: &str) -> String {
    const LONGEST: usize = 52;
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let folded: String = name.chars().map(plain).collect();
    let folded = folded.trim_matches('-');
    let is_same = folded == name && name.len() <= LONGEST - "flowbatch-".len();
    if is_same {
        return format!("flowbatch-{folded}");
    }
    // Another name could be folded to the same.
    let short: String = folded.chars().take(LONGEST - "flowbatch-".len() - 9).collect();
    format!("flowbatch-{}-{:08x}", short.trim_matches('-'), crc32c::crc32c(name.as_bytes()))
        .replace("--", "-")
}

/// Gives the cron text in the words that every cron has: numbers, and Sunday as 0.
pub(super) fn plain_cron(cron: &Cron) -> String {
    super::fields::cron_text(cron)
}
