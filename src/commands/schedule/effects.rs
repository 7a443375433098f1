//! What a change of the clock does to a calendar, in words.

use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use crate::calendar::{Calendar, Change, Note, Slot};

/// Times of a gap that are named one by one.
const NAMED: usize = 4;

/// Says what a change of the clock did to a slot.
pub(super) fn note(slot: &Slot) -> Option<String> {
    Some(match slot.note? {
        Note::Moved { from } => {
            format!("{} does not exist: runs at the end of the gap", from.strftime("%H:%M"))
        }
        Note::Once => "this time comes twice: runs the first time only".to_owned(),
        Note::First => "this time comes twice: the first".to_owned(),
        Note::Second => "this time comes twice: the second".to_owned(),
    })
}

/// Says what the clock does: `clock put forward 1h, from +01:00 to +02:00`.
pub(super) fn change(change: &Change) -> String {
    let forward = change.forward();
    let way = if forward > SignedDuration::ZERO { "forward" } else { "back" };
    let by = crate::manifest::write_duration(forward.unsigned_abs());
    format!("the clock is put {way} by {by}, from {} to {}", offset(change.before), offset(change.after))
}

/// Gives the slots that a change of the clock touches.
pub(super) fn touched(calendar: &Calendar, change: &Change) -> Vec<Slot> {
    let reach = change.forward().abs();
    let bound = |by: SignedDuration| change.at.checked_add(by).unwrap_or(change.at);
    let (after, until) = (bound(-reach - SignedDuration::from_nanos(1)), bound(reach));
    let slots = calendar.slots(after, until);
    slots.filter(|slot| slot.note.is_some()).collect()
}

/// Says what a change of the clock does to a calendar.
pub(super) fn effect(calendar: &Calendar, change: &Change) -> String {
    let skipped = calendar.skipped(change);
    if !skipped.is_empty() {
        let times: Vec<_> =
            skipped.iter().take(NAMED).map(|time| time.strftime("%H:%M").to_string()).collect();
        let more = skipped.len() - times.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let (verb, left) = if skipped.len() == 1 { ("does", "is") } else { ("do", "are") };
        return format!("{}{more} {verb} not exist, and {left} left out", times.join(", "));
    }
    let touched = touched(calendar, change);
    let Some(first) = touched.first() else { return "no slot is touched".to_owned() };
    let local = |at: Timestamp| calendar.zone().offset(at).to_datetime(at).strftime("%H:%M").to_string();
    match first.note {
        Some(Note::Moved { from }) => {
            let end = local(first.nominal);
            format!("{} does not exist, and runs at {end}", from.strftime("%H:%M"))
        }
        Some(Note::Once) => {
            let times: Vec<_> = touched.iter().map(|slot| local(slot.nominal)).collect();
            let verb = if times.len() == 1 { "comes twice, and runs" } else { "come twice, and run" };
            format!("{} {verb} the first time only", times.join(", "))
        }
        _ => {
            let twice = touched.iter().filter(|slot| matches!(slot.note, Some(Note::Second)));
            let times: Vec<_> = twice.map(|slot| local(slot.nominal)).collect();
            let verb = if times.len() == 1 { "comes twice, and runs" } else { "come twice, and run" };
            format!("{} {verb} both times", times.join(", "))
        }
    }
}

/// Writes an offset with its minutes: `+01:00`.
pub(super) fn offset(offset: Offset) -> String {
    let seconds = offset.seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.unsigned_abs() / 60;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// Writes an instant in a calendar's local time, with its offset: `2026-11-24T06:00:00+01:00`.
pub(super) fn rfc3339(calendar: &Calendar, at: Timestamp) -> String {
    let zone = calendar.zone().offset(at);
    format!("{}{}", zone.to_datetime(at).strftime("%Y-%m-%dT%H:%M:%S"), offset(zone))
}
