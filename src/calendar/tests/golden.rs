//! A year in six zones, against a walk over its minutes and against croniter: tests/golden/slots.py.

use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::calendar::{Calendar, Dst, Note, Zone};

fn golden() -> Value {
    serde_json::from_str(include_str!("../../../tests/golden/slots.json")).unwrap()
}

fn instants(value: &Value) -> Vec<Timestamp> {
    value.as_array().unwrap().iter().map(|at| at.as_str().unwrap().parse().unwrap()).collect()
}

fn year() -> (Timestamp, Timestamp) {
    let bound = |text: &str| text.parse::<Timestamp>().unwrap() - 1.nanosecond();
    (bound("2026-01-01T00:00:00Z"), bound("2027-01-01T00:00:00Z"))
}

fn calendar(set: &Value) -> Calendar {
    let dst = if set["dst"] == "once" { Dst::Once } else { Dst::Literal };
    Calendar::parse(set["cron"].as_str().unwrap(), set["zone"].as_str().unwrap(), dst).unwrap()
}

#[test]
fn a_year_in_six_zones_has_the_slots_that_a_walk_over_its_minutes_finds() {
    let golden = golden();
    let sets = golden["sets"].as_array().unwrap();
    assert_eq!(sets.len(), 6 * 10 * 2);
    for set in sets {
        let calendar = calendar(set);
        let name = format!("{} {} {}", set["zone"], set["cron"], set["dst"]);
        let slots: Vec<_> = calendar.slots(year().0, year().1).map(|slot| slot.nominal).collect();
        let changes = instants(&golden["changes"][set["zone"].as_str().unwrap()]);
        let is_near = |at: &&Timestamp| {
            changes.iter().any(|change| at.duration_since(*change).abs() <= SignedDuration::from_hours(4))
        };
        let near: Vec<_> = slots.iter().filter(is_near).copied().collect();
        assert_eq!(near, instants(&set["near_changes"]), "{name}");
        assert_eq!(Some(slots.len() as u64), set["count"].as_u64(), "{name}");
        let text: Vec<_> = slots.iter().map(|at| format!("{at}\n")).collect();
        assert_eq!(Some(hex(&Sha256::digest(text.concat())).as_str()), set["sha256"].as_str(), "{name}");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

#[test]
fn the_clock_is_changed_when_the_walk_finds_it_changed() {
    for (zone, changes) in golden()["changes"].as_object().unwrap() {
        let zone = Zone::named(zone).unwrap();
        let found = std::iter::successors(zone.change_after(year().0), |change| zone.change_after(change.at));
        let found: Vec<_> = found.map(|change| change.at).take_while(|at| *at <= year().1).collect();
        assert_eq!(found, instants(changes), "{}", zone.name());
    }
}

#[test]
fn croniter_differs_only_where_the_rules_do() {
    for set in golden()["sets"].as_array().unwrap() {
        let name = format!("{} {} {}", set["zone"], set["cron"], set["dst"]);
        let calendar = calendar(set);
        let literal = Calendar::new(calendar.cron().clone(), calendar.zone().clone(), Dst::Literal);
        // The ends of gaps that a time which is left out lies in, and second passes that do not count.
        let mut adds: Vec<Timestamp> = Vec::new();
        let mut at = year().0;
        while let Some(change) = calendar.zone().change_after(at).filter(|change| change.at <= year().1) {
            let is_slot = || calendar.has(change.at);
            adds.extend((!calendar.skipped(&change).is_empty() && !is_slot()).then_some(change.at));
            at = change.at;
        }
        let second = literal.slots(year().0, year().1).filter(|slot| slot.note == Some(Note::Second));
        adds.extend(second.map(|slot| slot.nominal).filter(|at| !calendar.has(*at)));
        let theirs = instants(&set["croniter"]["adds"]);
        assert!(theirs.iter().all(|at| adds.contains(at)), "{name}: {theirs:?} are not among {adds:?}");
        let is_fewer = theirs.len() < adds.len();
        assert_eq!(is_fewer, set["zone"] == "Australia/Lord_Howe" && set["cron"] == "0 * * * *", "{name}");
        assert!(instants(&set["croniter"]["lacks"]).is_empty(), "{name}");
    }
}
