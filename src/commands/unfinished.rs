//! An unfinished run of the same job, which `run` does not silently leave: it is finished first, or knowingly left.

use crate::commands::run::quoted;
use crate::commands::{Failure, Host, judging};
use crate::journal::{self, Found, RunLock, Runs};
use crate::model::{Reason, RunState};

/// What is about to begin: the command line as it was given, and the run's lock.
pub(crate) struct Job<'a> {
    pub(crate) command: &'a str,
    pub(crate) runs: &'a Runs,
    pub(crate) lock: &'a RunLock,
}

impl Job<'_> {
    /// Refuses to begin beside an unfinished run, unless the user says so. Gives the id of the one that is left.
    pub(crate) fn refuse_to_start_over(&self, host: &mut dyn Host) -> Result<Option<String>, Failure> {
        let Some((found, message)) = self.in_the_way(host)? else { return Ok(None) };
        if host.confirm(&format!("{message}. Begin a new run all the same?")) == Some(true) {
            return Ok(Some(found.run_id));
        }
        Err(self.refusal(&found, message))
    }

    /// Looks again when it is our turn: another process may have begun the same job since, and two of them would pay twice.
    pub(crate) fn refuse_to_follow(&self, left: Option<&str>, host: &dyn Host) -> Result<(), Failure> {
        match self.in_the_way(host)? {
            Some((found, message)) if left != Some(found.run_id.as_str()) => {
                Err(self.refusal(&found, message))
            }
            _ => Ok(()),
        }
    }

    fn refusal(&self, found: &Found, message: String) -> Failure {
        let resume = format!("flowbatch resume {}", quoted(found.folder.path()));
        let next = vec![resume, self.anew()];
        Failure { next, ..Failure::environment(Reason::Interrupted, message) }
    }

    fn anew(&self) -> String {
        format!("{} --new", self.command)
    }

    /// The unfinished run of the same job, if there is one, and what is to be said of it.
    fn in_the_way(&self, host: &dyn Host) -> Result<Option<(Found, String)>, Failure> {
        let found =
            self.unfinished(host).map_err(|failure| Failure { next: vec![self.anew()], ..failure })?;
        let Some((found, state)) = found else { return Ok(None) };
        let counts = state.counts();
        let cost = state.tally().cost;
        let how = if found.folder.is_locked() || judging::is_at_work(&found.folder) {
            "being worked on by another process"
        } else if state.is_complete() {
            "not judged to its end"
        } else {
            "not finished"
        };
        let message = format!(
            "run {} of the same manifest, dataset and workflow is {how}: {} of {} rows are done, at a cost of {cost} so far",
            found.run_id,
            counts.succeeded + counts.failed + counts.rejected,
            counts.total,
        );
        Ok(Some((found, message)))
    }

    /// Finds the newest run of the same job that is not complete, or not judged. One whose journal can't be read may be
    /// such a run.
    fn unfinished(&self, host: &dyn Host) -> Result<Option<(Found, RunState)>, Failure> {
        let same_dataset = |other: &RunLock| other.dataset.sha256 == self.lock.dataset.sha256;
        for found in self.runs.list().into_iter().rev() {
            let folder = &found.folder;
            if found.manifest != self.lock.manifest || (folder.is_closed() && judging::is_over(folder)) {
                continue;
            }
            let Ok(other) = folder.lock() else { continue };
            if other.mapping_sha256 != self.lock.mapping_sha256 || other.workflow != self.lock.workflow {
                continue;
            }
            let history = match folder.read() {
                Ok(history) => history,
                Err(error) if same_dataset(&other) && !matches!(error, journal::Error::NoRun { .. }) => {
                    return Err(error.into());
                }
                Err(_) => continue,
            };
            let state = history.state();
            // It was stopped before its first row, by a wrong key for instance.
            let is_nothing = state.is_untouched() && !folder.is_locked() && !state.is_complete();
            // Subtle: a run may have been given a dataset that grew since it began.
            if is_nothing || !same_dataset(&other.as_changed(state.changed())) {
                continue;
            }
            if !state.is_complete() || judging::remains(folder, &history, host)? {
                return Ok(Some((found, history.into_state())));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::derive::tests::Nobody;
    use crate::commands::run::selected;
    use crate::journal::Durability;
    use crate::model::{ProcessStarted, RunEvent};

    fn unfinished(runs: &Runs, lock: &RunLock) -> Result<Option<String>, Failure> {
        let found = Job { command: "flowbatch run", runs, lock }.unfinished(&Nobody)?;
        Ok(found.map(|(found, _)| found.run_id))
    }

    #[test]
    fn an_unfinished_run_whose_journal_is_damaged_is_not_passed_over() {
        let temp = tempfile::tempdir().unwrap();
        let runs = Runs::below(temp.path());
        assert!(unfinished(&runs, &RunLock::example("r", 1)).unwrap().is_none());
        let folder = runs.folder("m", "r");
        let selection = selected(&[1].into_iter().collect());
        let claim = folder.claim().unwrap();
        let mut writer =
            folder.begin(claim, &RunLock::example("r", 1), b"", selection, Durability::Process).unwrap();
        let settings = serde_json::value::RawValue::NULL.to_owned();
        let (at, host) = (String::new(), String::new());
        let started = ProcessStarted { process: 1, at, pid: 1, host, settings };
        writer.append(&[RunEvent::ProcessStarted(started)]).unwrap();
        assert_eq!(unfinished(&runs, &RunLock::example("r", 1)).unwrap().as_deref(), Some("r"));
        let mut journal = std::fs::read(folder.journal()).unwrap();
        journal[20] ^= 1;
        std::fs::write(folder.journal(), journal).unwrap();
        assert!(unfinished(&runs, &RunLock::example("r", 1)).is_err(), "its rows may be paid for already");
        let other = RunLock { mapping_sha256: "other".into(), ..RunLock::example("r", 1) };
        assert!(unfinished(&runs, &other).unwrap().is_none());
    }
}
