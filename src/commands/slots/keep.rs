//! `keep`: old runs of a schedule make room. Of each, run.lock.json and report.json stay, so that what it cost is known.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::commands::{Host, judging};
use crate::journal::{Found, RunFolder, Runs};
use crate::schedule::{PastRun, Plan, SlotId, to_remove};

/// What stays of a run.
const STAYS: [&str; 2] = ["run.lock.json", "report.json"];

/// Removes runs that slots of the schedule began and that `keep` has no place for. Says what could not be removed.
pub(super) fn make_room(name: &str, plan: &Plan, logs: &Path, host: &mut dyn Host) {
    let keep = plan.schedule.keep;
    if keep.succeeded.is_none() && keep.failed.is_none() {
        return;
    }
    let runs = Runs::below(&plan.dir);
    let found = runs.list().into_iter().filter(|found| found.manifest == name);
    let mut past: Vec<_> = found.filter_map(|found| past(name, &found)).collect();
    // What passed last is what others are compared with.
    let passed = past.iter_mut().filter(|run| run.exit == Some(0));
    if let Some(latest) = passed.max_by(|a, b| (&a.started_at, &a.run_id).cmp(&(&b.started_at, &b.run_id))) {
        latest.stays = true;
    }
    for run_id in to_remove(past, keep) {
        let folder = runs.folder(name, &run_id);
        if let Err(error) = remove(&folder) {
            host.say(&format!(
                "{}: an old run that `keep` has no place for: {error}",
                folder.path().display()
            ));
        }
        for log in ["json", "log"] {
            let _ = fs::remove_file(logs.join(format!("{run_id}.{log}")));
        }
    }
}

/// Reads a run that a slot began; none for the runs of people, which are theirs to remove.
fn past(name: &str, found: &Found) -> Option<PastRun> {
    let folder = &found.folder;
    let lock = folder.lock().ok()?;
    // What a person repeats is of the same slot, and begun by no slot.
    let slot = lock.schedule.as_ref().filter(|_| lock.reproduces.is_none())?.slot.parse().ok()?;
    // `run --slot` names a slot as well: only a scheduler gives the run the slot's own id.
    let ids = [SlotId::due(slot), SlotId::manual(slot)].map(|slot| slot.run_id(name));
    // A copy has the id of another folder's run: by that id it would count, and be removed, in the other's place.
    if !ids.contains(&lock.run_id) || found.run_id != lock.run_id {
        return None;
    }
    let report = fs::read(folder.file("report.json")).ok();
    let report: Option<Value> = report.and_then(|text| serde_json::from_slice(&text).ok());
    let exit = |report: &Value| u8::try_from(report["verdict"]["exit_code"].as_u64()?).ok();
    let in_doubt = |report: &Value| report["rows"]["in_doubt"].as_u64() != Some(0);
    let complete = |report: &Value| report["complete"] == true;
    let finished = report.as_ref().filter(|report| folder.is_closed() && complete(report));
    Some(PastRun {
        run_id: lock.run_id,
        started_at: lock.started_at,
        exit: finished.and_then(exit),
        stays: folder.is_locked() || judging::is_at_work(folder) || report.as_ref().is_none_or(in_doubt),
    })
}

/// Removes all of a run but what stays; the journal last, so that a removal that is cut short is seen and done again.
fn remove(folder: &RunFolder) -> Result<(), String> {
    // Nobody may go on with it meanwhile.
    let _claim = folder.claim_begun().map_err(|error| error.to_string())?;
    // Judges hold locks of their own, and may have begun since it was looked at.
    if judging::is_at_work(folder) {
        return Err("its judges are being asked; it makes room later".to_owned());
    }
    let said = |error: std::io::Error| error.to_string();
    let mut last = Vec::new();
    for entry in fs::read_dir(folder.path()).map_err(said)? {
        let entry = entry.map_err(said)?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if STAYS.contains(&name.as_str()) {
        } else if name.starts_with("journal.") {
            last.push(path);
        } else if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(&path).map_err(said)?;
        } else {
            fs::remove_file(&path).map_err(said)?;
        }
    }
    last.into_iter().try_for_each(|path| fs::remove_file(path).map_err(said))
}
