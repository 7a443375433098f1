//! `schedule`.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Bench, refused, with};
use crate::calendar::Dst;
use crate::manifest::{CatchUp, KeepRuns, Overlap, Schedule};

fn good(schedule: &str) -> Schedule {
    Bench::new().good(&with(&format!("schedule: {schedule}"))).schedule.unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_schedule_needs_only_its_times_and_its_zone() {
    let schedule = good("{cron: '0 6 * * 1-5', time_zone: Asia/Singapore}");
    assert_eq!(schedule.calendar.zone().name(), "Asia/Singapore");
    assert_eq!(schedule.calendar.dst(), Dst::Once);
    assert_eq!((schedule.overlap, schedule.catch_up, schedule.window), (Overlap::Skip, CatchUp::Last, None));
    assert_eq!((schedule.start_deadline, schedule.pause_on_failure), (None, false));
    assert_eq!((schedule.calendar.jitter(), schedule.keep), (None, KeepRuns::default()));
    let slot = schedule.calendar.next_after(at("2026-11-24T00:00:00Z")).unwrap();
    assert_eq!((slot.nominal, slot.start), (at("2026-11-24T22:00:00Z"), at("2026-11-24T22:00:00Z")));
}

#[test]
fn every_key_of_a_schedule_is_read() {
    let schedule = good(
        "{cron: '@hourly', time_zone: Europe/Rome, dst: literal, overlap: queue_one, catch_up: {missed: all, window: 6h}, \
         start_deadline: 10m, jitter: 5m, starts: 2026-12-01, ends: 2026-12-02, pause_on_failure: true, \
         keep: {succeeded: 30, failed: 10}}",
    );
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    assert_eq!((schedule.overlap, schedule.catch_up), (Overlap::QueueOne, CatchUp::All));
    assert_eq!((schedule.window, schedule.start_deadline), (Some(hours(6)), Some(Duration::from_secs(600))));
    assert_eq!(schedule.calendar.dst(), Dst::Literal);
    assert_eq!(schedule.calendar.jitter(), Some(SignedDuration::from_mins(5)));
    assert!(schedule.pause_on_failure);
    assert_eq!(schedule.keep, KeepRuns { succeeded: Some(30), failed: Some(10) });
    // Both days count in full, in the zone's time.
    let slots: Vec<_> = schedule.calendar.slots(Timestamp::MIN, Timestamp::MAX).collect();
    assert_eq!(slots.len(), 48);
    assert_eq!(slots[0].nominal, at("2026-11-30T23:00:00Z"));
    assert!(slots.iter().all(|slot| slot.start.duration_since(slot.nominal) < SignedDuration::from_mins(5)));
    let all = good("{cron: '@daily', time_zone: UTC, catch_up: all}");
    assert_eq!((all.catch_up, all.window), (CatchUp::All, Some(hours(24))));
}

#[test]
fn a_wrong_schedule_is_refused_where_it_is_wrong() {
    let check = |keys: &str, parts: &[&str]| refused(&format!("schedule: {{{keys}}}"), parts);
    let cron = |text: &str, parts: &[&str]| check(&format!("cron: '{text}', time_zone: Europe/Rome"), parts);
    check("cron: '0 6 * * *'", &["`schedule.time_zone` is missing", "time_zone: Europe/Rome"]);
    check("time_zone: UTC", &["`schedule.cron` is missing"]);
    check("cron: '0 6 * * *', time_zone: UTC, jiter: 5m", &["did you mean `jitter`?"]);
    cron("0 6 * *", &["4 fields, and cron has five"]);
    cron("0 0 6 * * *", &["6 fields", "none for seconds", "without the seconds: `0 6 * * *`"]);
    cron("TZ=Asia/Tokyo 0 6 * * *", &["`TZ=`", "write `cron: \"0 6 * * *\"` and `time_zone: Asia/Tokyo`"]);
    cron("@reboot", &["`@reboot` is no time of the calendar"]);
    cron("@every 5m", &["`@every`", "*/15 * * * *"]);
    cron("@fortnightly", &["no cron has the name `@fortnightly`", "`@daily`"]);
    cron("0 0 30 2 *", &["no such date ever comes", "m.yaml:6:23"]);
    cron("0 0 31 4,6,9,11 *", &["no such date ever comes"]);
    cron("0 6 1 * MON", &["the day of the month (`1`) and the day of the week (`MON`) are both restricted"]);
    cron("60 6 * * *", &["the minute can't be 60: it runs from 0 to 59", "m.yaml:6:19"]);
    cron("0 6 * FOO *", &["the month can't be `FOO`", "`FEB`", "m.yaml:6:25"]);
    cron("0 17-9 * * *", &["the range `17-9` runs backwards", "write `17-23,0-9`"]);
    cron("*/90 * * * *", &["the step of `*/90` is longer than its range"]);
    cron("5/10 * * * *", &["has a step and no range", "write `5-59/…`"]);
    cron("*/0 * * * *", &["must be a number from 1"]);
    cron("0 6 ? * *", &["`?` is not cron's", "write `*`"]);
    cron("0 6 L * *", &["the last day of a month"]);
    cron("0 6 * * 1#2", &["the second Monday"]);
    cron("1,,2 6 * * *", &["the minute has an empty part"]);
    let zone = |zone: &str, parts: &[&str]| check(&format!("cron: '@daily', time_zone: {zone}"), parts);
    zone("Europe/Rom", &["there is no time zone `Europe/Rom`", "did you mean `Europe/Rome`?", "m.yaml:6:39"]);
    zone("europe/rome", &["did you mean `Europe/Rome`?"]);
    zone("Singapur", &["did you mean"]);
    zone("new york", &["did you mean `America/New_York`?"]);
    zone("CET", &["`CET` is an abbreviation", "`Europe/Rome`"]);
    zone("'+02:00'", &["is an offset, not a time zone"]);
    let more = |keys: &str, parts: &[&str]| {
        check(&format!("cron: '0,50 9-17 * * *', time_zone: UTC, {keys}"), parts);
    };
    more("jitter: 10m", &["must be shorter than the shortest time between two slots, which is 10m"]);
    more("starts: 2026-12-02, ends: 2026-12-01", &["`schedule.ends` lies before `schedule.starts`"]);
    more("starts: '2026-12-01T20:00', ends: '2026-12-02T08:00'", &["has no time from `schedule.starts`"]);
    more("starts: soon", &["`soon` is no date and no instant"]);
    more("catch_up: {missed: none, window: 1h}", &["has no meaning beside `missed: none`"]);
    more("catch_up: some", &["can't be `some`", "did you mean `none`?"]);
    more("overlap: queue", &["can't be `queue`", "did you mean"]);
    more("keep: {succeeded: 0}", &["from 1 to 1000000"]);
}

#[test]
fn all_mistakes_of_a_schedule_are_shown_at_once() {
    let source = with("schedule: {cron: '61 25 1 * 9', time_zone: CET, jitter: 5, ends: never}");
    let shown = Bench::new().bad(&source);
    for part in [
        "minute can't be 61",
        "hour can't be 25",
        "day of the week can't be 9",
        "`CET`",
        "needs a unit",
        "`never`",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    assert!(shown.contains("6 errors in m.yaml"), "{shown}");
}
