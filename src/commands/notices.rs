//! What is told outside when a run has ended, or could not begin: the conditions, the words, and the memory beside the
//! manifest's runs. Nothing here changes what the run came to.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::runtime::Builder;
use tokio::sync::mpsc;

use crate::commands::{Failure, Host, identity};
use crate::journal::{RunFolder, Runs};
use crate::manifest::{Alarm, Manifest, NotifySpec};
use crate::mapping::Scope;
use crate::model::{ExitCode, Reason, Verdict};
use crate::notify::{self, Condition, Delivered, Memory};
use crate::report::Summary;

/// The memory's file, beside the runs of a manifest.
const MEMORY: &str = ".notify.json";

/// A run as it is told of.
struct Subject<'a> {
    manifest: &'a Manifest,
    /// The folder of the manifest's runs.
    beside: PathBuf,
    run: Option<(&'a str, &'a Path)>,
    verdict: Option<&'a Verdict>,
    report: Value,
    /// What is said, for a person.
    text: String,
}

/// Tells of a run that has ended, as its manifest wants.
pub(crate) fn after_run(manifest: &Manifest, folder: &RunFolder, summary: &Summary, host: &mut dyn Host) {
    let Some(spec) = &manifest.notify else { return };
    let subject = Subject {
        manifest,
        beside: folder.path().parent().unwrap_or(Path::new(".")).to_owned(),
        run: Some((&summary.run_id, folder.path())),
        verdict: Some(&summary.verdict),
        report: serde_json::to_value(summary).unwrap_or_default(),
        text: summary.verdict.message.clone(),
    };
    let found = conditions(summary, host.is_interactive());
    let is_good = summary.verdict.exit_code == ExitCode::Accepted.code();
    tell(spec, &subject, &found, is_good, host);
}

/// Tells of a run that could not begin, or that failed on the way. Someone who sits before it sees it anyway.
pub(crate) fn after_failure(
    manifest: &Manifest,
    root: &Path,
    failure: Failure,
    host: &mut dyn Host,
) -> Failure {
    let Some(spec) = manifest.notify.as_ref().filter(|_| !host.is_interactive()) else { return failure };
    let verdict = failure.verdict();
    let subject = Subject {
        manifest,
        beside: beside(manifest, root),
        run: failure.run.as_ref().map(|(id, dir)| (id.as_str(), dir.as_path())),
        verdict: Some(&verdict),
        report: Value::Null,
        text: failure.message.clone(),
    };
    let found = [Condition { alarm: Alarm::Stopped, cause: Some(word(failure.reason)) }].into();
    tell(spec, &subject, &found, false, host);
    failure
}

/// Tells that a run which was due did not take place; `text` says which and why. `root` is the folder that runs are kept
/// in. The next run that is accepted is told as a recovery.
pub fn missed(manifest: &Manifest, root: &Path, text: &str, host: &mut dyn Host) {
    let Some(spec) = &manifest.notify else { return };
    let subject = Subject {
        manifest,
        beside: beside(manifest, root),
        run: None,
        verdict: None,
        report: Value::Null,
        text: text.to_owned(),
    };
    let found = [Condition { alarm: Alarm::Missed, cause: None }].into();
    tell(spec, &subject, &found, false, host);
}

fn beside(manifest: &Manifest, root: &Path) -> PathBuf {
    let folder = Runs::below(root).folder(&manifest.name, "run");
    folder.path().parent().unwrap_or(root).to_owned()
}

fn word(reason: Reason) -> String {
    serde_json::to_value(reason).ok().and_then(|word| Some(word.as_str()?.to_owned())).unwrap_or_default()
}

/// What needs someone in a run. What `accept` lets pass needs nobody.
fn conditions(summary: &Summary, is_watched: bool) -> BTreeSet<Condition> {
    let plain = |alarm| Condition { alarm, cause: None };
    let mut found = BTreeSet::new();
    match summary.verdict.reason {
        Reason::Accepted => return found,
        Reason::GateFailed => found.insert(plain(Alarm::GateFailed)),
        Reason::RowsFailed => found.insert(plain(Alarm::RowsFailed)),
        // Whoever pressed Ctrl-C knows of it.
        Reason::Interrupted if is_watched => false,
        reason => found.insert(Condition { alarm: Alarm::Stopped, cause: Some(word(reason)) }),
    };
    if summary.rows.in_doubt > 0 {
        found.insert(plain(Alarm::InDoubt));
    }
    found
}

fn tell(
    spec: &NotifySpec,
    subject: &Subject<'_>,
    found: &BTreeSet<Condition>,
    is_good: bool,
    host: &mut dyn Host,
) {
    let path = subject.beside.join(MEMORY);
    let before = Memory::read(&path);
    let now = Timestamp::now().as_second();
    let due = notify::due(&before, found, &spec.when, spec.repeat, now);
    let recovers = is_good && !before.open().is_empty() && spec.when.contains(&Alarm::Recovered);
    let mut events: Vec<&str> = due.iter().map(|condition| condition.alarm.word()).collect();
    events.dedup();
    if recovers {
        events.push(Alarm::Recovered.word());
    }
    let body = (spec.url.is_some() && !events.is_empty()).then(|| {
        let body = body(spec, subject, &events, &before).unwrap_or_else(|(general, why)| {
            host.say(&format!("`notify.body` can't be rendered, and the general one is sent: {why}"));
            general
        });
        (events.join(", "), body)
    });
    let is_told = body.is_some();
    let delivered = send(spec, body, is_good, host);
    let mut after = before.clone();
    if is_good {
        if delivered || !recovers {
            after.keep_only(|_| false);
        }
    } else if delivered && is_told {
        note(&mut after, &due, now, subject.run.map_or("", |(id, _)| id));
    }
    if after != before
        && let Err(error) = std::fs::create_dir_all(&subject.beside).and_then(|()| after.write(&path))
    {
        host.say(&format!("{}: {error}; what was told may be told again", path.display()));
    }
}

/// Notes what a run that is not good was told of. What earlier runs were told of stays: only a run that is accepted ends
/// it, or its end would go untold.
fn note(memory: &mut Memory, due: &[Condition], now: i64, run_id: &str) {
    for condition in due {
        memory.tell(&condition.key(), now, run_id);
    }
}

/// Sends what is due and the heartbeat, and says whether what was due was delivered. A signal gives it up.
fn send(spec: &NotifySpec, body: Option<(String, Value)>, is_good: bool, host: &mut dyn Host) -> bool {
    let is_due = body.is_some();
    let letters = match notify::letters(spec, body.into_iter().collect(), is_good) {
        Ok(letters) => letters,
        Err(why) => {
            host.say(&format!("nobody was notified: {why}"));
            return false;
        }
    };
    if letters.is_empty() {
        return true;
    }
    let ended: Vec<Delivered> = match Builder::new_current_thread().enable_all().build() {
        Err(error) => vec![Err(error.to_string()); letters.len()],
        Ok(runtime) => {
            let ended = runtime.block_on(async {
                let (signal, mut signals) = mpsc::channel(1);
                host.watch_signals(signal);
                tokio::select! {
                    ended = notify::deliver(&letters, notify::PATIENCE) => ended,
                    Some(_) = signals.recv() => vec![Err("given up at a signal".to_owned()); letters.len()],
                }
            });
            // Subtle: a name that is still being looked up must not hold the run beyond its bound.
            runtime.shutdown_background();
            ended
        }
    };
    for (letter, ended) in letters.iter().zip(&ended) {
        if let Err(why) = ended {
            host.say(&format!("the notification ({}) could not be delivered: {why}", letter.about));
        }
    }
    // The letter that is due comes before the heartbeat.
    !is_due || ended.first().is_some_and(Result::is_ok)
}

/// Makes the body; the error is the general one, and why the manifest's own can't be rendered.
fn body(
    spec: &NotifySpec,
    subject: &Subject<'_>,
    events: &[&str],
    before: &Memory,
) -> Result<Value, (Value, String)> {
    let name = &subject.manifest.name;
    let event = events.first().copied().unwrap_or_default();
    let title = format!("{name}: {}", in_words(event));
    let text = match event {
        "recovered" => format!("{} (before: {})", subject.text, before.open().join(", ")),
        _ => subject.text.clone(),
    };
    let next = subject.verdict.and_then(|verdict| verdict.next.clone());
    let (run_id, run_dir) = match subject.run {
        Some((id, dir)) => (json!(id), json!(dir.display().to_string())),
        None => (Value::Null, Value::Null),
    };
    let at = identity::now();
    let report = |key: &str| subject.report.get(key).cloned().unwrap_or_default();
    let cost = subject.report.get("cost");
    let of_cost = |key: &str| cost.and_then(|cost| cost.get(key)).cloned().unwrap_or_default();
    let general = json!({
        "event": event, "events": events, "title": title, "text": text, "next": next, "at": at,
        "manifest": name, "run_id": run_id, "run_dir": run_dir,
        "exit_code": subject.verdict.map(|verdict| verdict.exit_code),
        "reason": subject.verdict.map(|verdict| verdict.reason),
        "rows": report("rows"), "coverage": report("coverage"), "success_rate": report("success_rate"),
        "cost": {"total": of_cost("total"), "unit": of_cost("unit")},
        "labels": report("labels"), "flowbatch": env!("CARGO_PKG_VERSION"),
    });
    let Some(template) = &spec.body else { return Ok(general) };
    let mut names = Map::new();
    let notice = json!({
        "event": event, "title": title, "text": text, "next": next.unwrap_or_default(), "at": at,
    });
    names.insert("notice".to_owned(), notice);
    names.insert("manifest".to_owned(), json!({"name": name}));
    let or_empty = |value: &Value| if value.is_null() { json!("") } else { value.clone() };
    names.insert("run".to_owned(), json!({"id": or_empty(&run_id), "dir": or_empty(&run_dir)}));
    names.insert("vars".to_owned(), Value::Object(subject.manifest.vars.clone()));
    names.insert("report".to_owned(), subject.report.clone());
    let scope = Scope::of_names(names, subject.manifest.env.clone());
    template.render(&scope).map(|rendered| rendered.value).map_err(|error| (general, error.to_string()))
}

fn in_words(event: &str) -> &'static str {
    match event {
        "gate_failed" => "a gate failed",
        "rows_failed" => "too many rows did not succeed",
        "stopped" => "the run stopped",
        "in_doubt" => "rows are in doubt",
        "missed" => "a run was missed",
        "recovered" => "all is well again",
        _ => "a run has ended",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_stays_open_when_a_run_is_bad_in_another_way() {
        let mut memory = Memory::default();
        note(&mut memory, &[Condition { alarm: Alarm::Stopped, cause: None }], 1, "r1");
        note(&mut memory, &[], 2, "r2");
        note(&mut memory, &[Condition { alarm: Alarm::GateFailed, cause: None }], 3, "r3");
        assert_eq!(memory.open(), ["gate_failed", "stopped"]);
    }
}
