//! `RUN/control.json`: what `flowbatch limits` asks of a process that works on the run. Written whole, looked at now and
//! then by that process, and removed when it is in force.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::artifact::Artifact;

/// The file's name in the run folder.
const NAME: &str = "control.json";
/// The version of its form.
const FORMAT: u32 = 1;
/// More is not read.
const MOST_BYTES: u64 = 4096;

/// What is asked; what is not named stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// The version of the form.
    pub format: u32,
    /// The process that it is meant for: one that comes later has been started with limits of its own.
    pub process: u32,
    /// Rows in flight at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<usize>,
    /// Requests in a time at most, as in `limits.rate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<String>,
}

impl Control {
    /// Makes a request to a process that names nothing yet.
    pub fn of(process: u32) -> Self {
        Self { format: FORMAT, process, ..Self::default() }
    }

    /// Puts the request into a run folder, over one that was not taken yet but for what only that one names.
    pub fn write(mut self, run: &Path) -> io::Result<()> {
        if let Some((earlier, _)) = read(run).filter(|(earlier, _)| earlier.process == self.process) {
            self.concurrency = self.concurrency.or(earlier.concurrency);
            self.rate = self.rate.or(earlier.rate);
        }
        let text = serde_json::to_vec(&self).map_err(io::Error::other)?;
        Artifact::write(run.join(NAME), &text)
    }

    /// Says whether a request waits to be taken.
    pub fn waits(run: &Path) -> bool {
        run.join(NAME).exists()
    }
}

/// Looks for requests to one process.
#[derive(Clone, Debug)]
pub struct Watch {
    run: PathBuf,
    process: u32,
    /// The request that is being put in force.
    taken: Option<Vec<u8>>,
}

impl Watch {
    /// Watches a run folder for requests to a process of it.
    pub fn new(run: impl Into<PathBuf>, process: u32) -> Self {
        Self { run: run.into(), process, taken: None }
    }

    /// Gives a request that was not given before. What can't be read, or is meant for another process, is none.
    pub fn look(&mut self) -> Option<Control> {
        let (control, bytes) = read(&self.run)?;
        let is_new = control.process == self.process && self.taken.as_ref() != Some(&bytes);
        is_new.then(|| {
            self.taken = Some(bytes);
            control
        })
    }

    /// Tells who asked that the request is in force, by removing it; unless another one stands in its place by now.
    pub fn done(&mut self) {
        let now = read(&self.run).map(|(_, bytes)| bytes);
        if now.is_some() && now == self.taken.take() {
            // One that can't be removed is looked at again, and changes nothing then.
            let _ = std::fs::remove_file(self.run.join(NAME));
        }
    }
}

fn read(run: &Path) -> Option<(Control, Vec<u8>)> {
    let mut bytes = Vec::new();
    File::open(run.join(NAME)).ok()?.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
    let control: Control = serde_json::from_slice(&bytes).ok()?;
    (control.format == FORMAT).then_some((control, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(process: u32, concurrency: usize) -> Control {
        Control { concurrency: Some(concurrency), ..Control::of(process) }
    }

    #[test]
    fn a_request_is_given_once_and_removed_when_it_is_in_force() {
        let run = tempfile::tempdir().unwrap();
        let mut watch = Watch::new(run.path(), 2);
        assert_eq!(watch.look(), None);
        asking(2, 8).write(run.path()).unwrap();
        assert_eq!(watch.look(), Some(asking(2, 8)));
        assert_eq!(watch.look(), None);
        assert!(Control::waits(run.path()));
        watch.done();
        assert!(!Control::waits(run.path()));
        asking(2, 8).write(run.path()).unwrap();
        assert_eq!(watch.look(), Some(asking(2, 8)), "asked again");
    }

    #[test]
    fn a_request_that_comes_meanwhile_is_not_lost() {
        let run = tempfile::tempdir().unwrap();
        let mut watch = Watch::new(run.path(), 1);
        asking(1, 8).write(run.path()).unwrap();
        watch.look().unwrap();
        asking(1, 4).write(run.path()).unwrap();
        watch.done();
        assert_eq!(watch.look(), Some(asking(1, 4)));
    }

    #[test]
    fn what_is_meant_for_an_earlier_process_or_is_no_request_is_passed_over() {
        let run = tempfile::tempdir().unwrap();
        let mut watch = Watch::new(run.path(), 2);
        asking(1, 8).write(run.path()).unwrap();
        assert_eq!(watch.look(), None);
        for text in ["", "{", "[]", r#"{"format":2,"process":2}"#, r#"{"format":1,"process":2,"x":1}"#] {
            std::fs::write(run.path().join(NAME), text).unwrap();
            assert_eq!(watch.look(), None, "{text}");
        }
    }
}
