//! `flowbatch schedule slot`: the run's id of the slot that was due last, for schedulers that know no slots.

use std::path::Path;

use jiff::Timestamp;

use crate::calendar::Slot;
use crate::commands::schedule::scheduled::{self, Scheduled, done};
use crate::commands::{Done, Failure, Host};
use crate::model::Reason;
use crate::schedule::SlotId;

/// Prints the id for `run --id` of the last slot up to `at`.
pub fn schedule_slot(path: &Path, at: Timestamp, host: &mut dyn Host) -> Result<Done, Failure> {
    let scheduled = scheduled::read(&[path.to_owned()], host)?;
    let Some(Scheduled { manifest, schedule }) = scheduled.first() else { return Ok(done(String::new())) };
    let after = at.checked_add(jiff::SignedDuration::from_nanos(1)).unwrap_or(at);
    let Some(slot) = schedule.calendar.previous(after) else {
        let message = format!("{}: no slot was due up to {at}; see `schedule.starts`", path.display());
        return Err(Failure::environment(Reason::Interrupted, message));
    };
    Ok(done(format!("{}\n", run_id(&manifest.name, &slot))))
}

/// Gives the id of a slot's run, which is the one that `schedule serve` and `schedule tick` give it.
fn run_id(name: &str, slot: &Slot) -> String {
    SlotId::due(slot.nominal).run_id(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::identity::check_run_id;

    #[test]
    fn a_slot_has_an_id_that_a_run_can_have() {
        let nominal: Timestamp = "2026-11-24T06:00:00Z".parse().unwrap();
        let slot = Slot { nominal, start: nominal, note: None };
        assert_eq!(run_id("triage", &slot), "triage-20261124T060000Z");
        for name in [".hidden", &"x".repeat(80), "a"] {
            assert!(check_run_id(&run_id(name, &slot)).is_ok(), "{name}");
        }
        assert_ne!(run_id(&"x".repeat(79), &slot), run_id(&"x".repeat(80), &slot));
    }
}
