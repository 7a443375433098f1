//! `flowbatch schedule preview`: when manifests would be run.

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::calendar::{Change, Slot};
use crate::commands::schedule::effects::{self, rfc3339};
use crate::commands::schedule::scheduled::{self, Scheduled, done};
use crate::commands::{Done, Failure, Host};

/// `schedule preview`'s arguments.
#[derive(Clone, Debug)]
pub struct SchedulePreviewArgs {
    /// The manifests.
    pub manifests: Vec<PathBuf>,
    /// The instant to begin with, itself included.
    pub from: Timestamp,
    /// So many slots.
    pub count: usize,
    /// `--json`.
    pub json: bool,
}

/// Changes of the clock that are shown: the next two are those of a year.
const CHANGES: usize = 2;

/// A slot with the schedule that it is of.
struct Due<'a> {
    of: &'a Scheduled,
    slot: Slot,
}

/// Shows the slots of all manifests in the order of time, and what the next two changes of the clock do to each.
pub fn schedule_preview(args: &SchedulePreviewArgs, host: &mut dyn Host) -> Result<Done, Failure> {
    let all = scheduled::read(&args.manifests, host)?;
    let due = due(&all, args);
    if due.len() < args.count {
        for Scheduled { manifest, schedule } in &all {
            if let Some(ends) = schedule.calendar.ends() {
                host.say(&format!("{}: ends at {}", manifest.name, rfc3339(&schedule.calendar, ends)));
            }
        }
    }
    if args.json {
        let slots: Vec<_> = due.iter().map(as_json).collect();
        let mut found = Vec::new();
        for of in &all {
            found.extend(changes(of, args.from).iter().map(|change| change_as_json(of, change)));
        }
        return Ok(done(format!("{:#}\n", json!({"slots": slots, "clock_changes": found}))));
    }
    Ok(done(as_text(&all, &due, args.from)))
}

fn due<'a>(all: &'a [Scheduled], args: &SchedulePreviewArgs) -> Vec<Due<'a>> {
    let after = args.from.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(args.from);
    let mut due = Vec::new();
    for of in all {
        let slots = of.schedule.calendar.slots(after, Timestamp::MAX).take(args.count);
        due.extend(slots.map(|slot| Due { of, slot }));
    }
    due.sort_by_key(|due| due.slot.nominal);
    due.truncate(args.count);
    due
}

/// The next changes of the clock in the schedule's zone.
fn changes(of: &Scheduled, from: Timestamp) -> Vec<Change> {
    let zone = of.schedule.calendar.zone();
    let changes = std::iter::successors(zone.change_after(from), |change| zone.change_after(change.at));
    changes.take(CHANGES).collect()
}

fn as_json(due: &Due<'_>) -> Value {
    let Due { of, slot } = due;
    let mut found = json!({
        "slot": slot.nominal.to_string(),
        "local": rfc3339(&of.schedule.calendar, slot.nominal),
        "note": effects::note(slot),
        "manifest": of.manifest.name,
        "time_zone": of.schedule.calendar.zone().name(),
    });
    if of.schedule.calendar.jitter().is_some() {
        found["start"] = json!(slot.start.to_string());
    }
    found
}

fn change_as_json(of: &Scheduled, change: &Change) -> Value {
    let calendar = &of.schedule.calendar;
    let touched: Vec<_> =
        effects::touched(calendar, change).into_iter().map(|slot| as_json(&Due { of, slot })).collect();
    let skipped: Vec<_> = calendar.skipped(change).iter().map(ToString::to_string).collect();
    json!({
        "manifest": of.manifest.name,
        "time_zone": calendar.zone().name(),
        "at": change.at.to_string(),
        "before": effects::offset(change.before),
        "after": effects::offset(change.after),
        "slots": touched,
        "left_out": skipped,
        "note": effects::effect(calendar, change),
    })
}

fn as_text(all: &[Scheduled], due: &[Due<'_>], from: Timestamp) -> String {
    let has_jitter = due.iter().any(|due| due.slot.start != due.slot.nominal);
    let mut table = vec![vec!["SLOT".to_owned(), "LOCAL TIME".to_owned()]];
    table[0].extend(has_jitter.then(|| "STARTS".to_owned()));
    table[0].extend((all.len() > 1).then(|| "MANIFEST".to_owned()));
    table[0].push("NOTE".to_owned());
    for Due { of, slot } in due {
        let calendar = &of.schedule.calendar;
        let zone = calendar.zone().offset(slot.nominal);
        let local = zone.to_datetime(slot.nominal).strftime("%a %Y-%m-%d %H:%M");
        let mut cells = vec![slot.nominal.to_string(), format!("{local} {}", effects::offset(zone))];
        let start =
            calendar.zone().offset(slot.start).to_datetime(slot.start).strftime("%H:%M:%S").to_string();
        cells.extend(has_jitter.then_some(start));
        cells.extend((all.len() > 1).then(|| of.manifest.name.clone()));
        cells.push(effects::note(slot).unwrap_or_default());
        table.push(cells);
    }
    let mut text = in_columns(&table);
    text.push_str("\nThe next changes of the clock:\n\n");
    let mut table = Vec::new();
    for of in all {
        let changes = changes(of, from);
        let zone = of.schedule.calendar.zone().name();
        if changes.is_empty() {
            table.push(vec![of.manifest.name.clone(), format!("none in {zone}")]);
        }
        for change in changes {
            let local = change.after.to_datetime(change.at).strftime("%Y-%m-%d %H:%M");
            let told = format!("{zone} {local}: {}", effects::change(&change));
            table.push(vec![of.manifest.name.clone(), told]);
            table.push(vec![String::new(), format!("  {}", effects::effect(&of.schedule.calendar, &change))]);
        }
    }
    if all.len() == 1 {
        for row in &mut table {
            row.remove(0);
        }
    }
    text.push_str(&in_columns(&table));
    text
}

fn in_columns(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<_> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}
