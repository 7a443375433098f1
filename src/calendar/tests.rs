//! What calendars mean, in tables; a year of six zones is compared with independent computations in `golden`.

use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;

use super::*;

mod golden;

const CRONS: [&str; 12] = [
    "30 2 * * *",
    "0 6 * * 1-5",
    "*/15 * * * *",
    "0 * * * *",
    "30 0 * * *",
    "15,45 1-3 * * *",
    "0 0 1 * *",
    "@weekly",
    "*/20 2 * * *",
    "0 0 29 2 *",
    "45 */5 1-7 MAR-MAY,OCT *",
    "0 0-23 * * SUN",
];

const ZONES: [&str; 12] = [
    "Europe/Rome",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Havana",
    "Africa/Casablanca",
    "Asia/Kolkata",
    "America/Sao_Paulo",
    "America/Scoresbysund",
    "Africa/Cairo",
    "Asia/Gaza",
    "Antarctica/Troll",
    "UTC",
];

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn calendar(cron: &str, zone: &str, dst: Dst) -> Calendar {
    Calendar::parse(cron, zone, dst).unwrap()
}

/// The slots of a day or more, as local times with their notes.
fn locals(cron: &str, zone: &str, dst: Dst, from: &str, until: &str) -> Vec<String> {
    let calendar = calendar(cron, zone, dst);
    let local = |slot: Slot| {
        let offset = calendar.zone().offset(slot.nominal);
        let note = slot.note.map_or(String::new(), |note| match note {
            Note::Moved { from } => format!(" moved from {}", from.strftime("%H:%M")),
            Note::Once => " once".to_owned(),
            Note::First => " first".to_owned(),
            Note::Second => " second".to_owned(),
        });
        format!("{}{offset}{note}", offset.to_datetime(slot.nominal).strftime("%d %H:%M"))
    };
    calendar.slots(at(from), at(until)).map(local).collect()
}

#[test]
fn a_fixed_time_in_a_gap_runs_once_right_after_it() {
    let gap = ("2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z");
    let check = |cron: &str, dst: Dst, wanted: &[&str]| {
        assert_eq!(locals(cron, "Europe/Rome", dst, gap.0, gap.1), wanted, "{cron} {dst:?}");
    };
    check("30 2 * * *", Dst::Once, &["29 03:00+02 moved from 02:30"]);
    check("30 2 * * *", Dst::Literal, &[]);
    // Two times in one gap, and one at its end, are one slot.
    check("0,30 2-3 * * *", Dst::Once, &["29 03:00+02 moved from 02:00", "29 03:30+02"]);
    check("0,30 2-3 * * *", Dst::Literal, &["29 03:00+02", "29 03:30+02"]);
    // Times that run over every hour or minute follow real time.
    check(
        "30 */2 * * *",
        Dst::Once,
        &locals("30 */2 * * *", "Europe/Rome", Dst::Literal, gap.0, gap.1)
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>(),
    );
    check("*/30 2 * * *", Dst::Once, &[]);
}

#[test]
fn a_fixed_time_that_comes_twice_runs_in_its_first_pass() {
    let fold = ("2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z");
    let check = |cron: &str, dst: Dst, wanted: &[&str]| {
        assert_eq!(locals(cron, "Europe/Rome", dst, fold.0, fold.1), wanted, "{cron} {dst:?}");
    };
    check("30 2 * * *", Dst::Once, &["25 02:30+02 once"]);
    check("30 2 * * *", Dst::Literal, &["25 02:30+02 first", "25 02:30+01 second"]);
    let twice = ["25 02:00+02 first", "25 02:30+02 first", "25 02:00+01 second", "25 02:30+01 second"];
    check("*/30 2 * * *", Dst::Once, &twice);
    check("0,30 2 * * *", Dst::Literal, &twice);
    check("0,30 2 * * *", Dst::Once, &["25 02:00+02 once", "25 02:30+02 once"]);
}

#[test]
fn a_clock_that_is_changed_at_midnight_or_by_half_an_hour_is_followed() {
    let havana =
        |dst| locals("30 0 * * *", "America/Havana", dst, "2026-03-08T00:00:00Z", "2026-03-10T00:00:00Z");
    assert_eq!(havana(Dst::Once), ["08 01:00-04 moved from 00:30", "09 00:30-04"]);
    assert_eq!(havana(Dst::Literal), ["09 00:30-04"]);
    let howe = |from, until| locals("15 2 * * *", "Australia/Lord_Howe", Dst::Once, from, until);
    assert_eq!(howe("2026-10-03T00:00:00Z", "2026-10-04T00:00:00Z"), ["04 02:30+11 moved from 02:15"]);
    let howe = |dst| {
        locals("45 1 * * *", "Australia/Lord_Howe", dst, "2026-04-04T00:00:00Z", "2026-04-05T00:00:00Z")
    };
    assert_eq!(howe(Dst::Once), ["05 01:45+11 once"]);
    assert_eq!(howe(Dst::Literal), ["05 01:45+11 first", "05 01:45+10:30 second"]);
}

#[test]
fn a_day_that_a_place_never_had_is_not_made_good_for() {
    let days = locals("0 6 * * *", "Pacific/Apia", Dst::Once, "2011-12-29T00:00:00Z", "2012-01-01T00:00:00Z");
    assert_eq!(days, ["29 06:00-10", "31 06:00+14", "01 06:00+14"]);
}

#[test]
fn times_that_a_change_leaves_out_are_named() {
    let skipped = |cron: &str, dst| {
        let calendar = calendar(cron, "Europe/Rome", dst);
        let change = calendar.zone().change_after(at("2026-01-01T00:00:00Z")).unwrap();
        assert_eq!(change.forward(), SignedDuration::from_hours(1));
        calendar.skipped(&change).iter().map(|at| at.strftime("%H:%M").to_string()).collect::<Vec<_>>()
    };
    assert_eq!(skipped("0,30 2 * * *", Dst::Literal), ["02:00", "02:30"]);
    assert_eq!(skipped("*/20 * * * *", Dst::Once), ["02:00", "02:20", "02:40"]);
    assert!(skipped("0,30 2 * * *", Dst::Once).is_empty());
    assert!(skipped("30 3 * * *", Dst::Literal).is_empty());
}

#[test]
fn a_clock_is_no_part_of_a_text_in_another_case() {
    let daily = calendar("@DAILY", "UTC", Dst::Once);
    assert_eq!((daily.cron().text(), daily.cron().five_fields()), ("@daily", "0 0 * * *"));
    let names = calendar(" 5,10 4 * feb-Apr,DEC FRI-SUN ", "UTC", Dst::Once);
    let [minutes, hours, days, months, weekdays] = names.cron().numbers();
    assert_eq!((minutes, hours, days.len()), (vec![5, 10], vec![4], 31));
    assert_eq!((months, weekdays), (vec![2, 3, 4, 12], vec![0, 5, 6]));
    assert!(!names.cron().follows_real_time());
    assert!(calendar("0 0-23 * * *", "UTC", Dst::Once).cron().follows_real_time());
}

#[test]
fn the_shortest_time_between_two_slots_is_known() {
    let gap = |cron: &str| Cron::parse(cron).unwrap().shortest_gap();
    for (cron, minutes) in [
        ("* * * * *", 1),
        ("0,50 9-17 * * *", 10),
        ("*/45 * * * *", 15),
        ("0 6 * * *", 24 * 60),
        ("0 6 * * 1", 7 * 24 * 60),
        ("0 1,23 * * *", 120),
        ("0 1,23 * * 1", 22 * 60),
        ("0 0 1 * *", 28 * 24 * 60),
        ("0 0 1,31 * *", 24 * 60),
        ("0 0 29 2 *", (365 * 4 + 1) * 24 * 60),
    ] {
        assert_eq!(gap(cron), SignedDuration::from_mins(minutes), "{cron}");
    }
}

#[test]
fn jitter_is_the_same_for_the_same_slot_and_stays_below_the_next() {
    let spread = |identity: &str| {
        let calendar = calendar("*/15 * * * *", "UTC", Dst::Once);
        let calendar = calendar.with_jitter(identity, SignedDuration::from_hours(1));
        calendar.slots(at("2026-01-01T00:00:00Z"), at("2026-01-11T00:00:00Z")).collect::<Vec<_>>()
    };
    let slots = spread("a");
    assert_eq!(slots, spread("a"));
    assert_ne!(slots, spread("b"));
    for pair in slots.windows(2) {
        assert!(pair[0].nominal <= pair[0].start && pair[0].start < pair[1].nominal);
    }
    // They are spread over the whole gap.
    let quarter = |slot: &Slot| slot.start.duration_since(slot.nominal).as_secs() / 225;
    for part in 0..4 {
        let share = slots.iter().filter(|slot| quarter(slot) == part).count();
        assert!((180..300).contains(&share), "{share} of {} in quarter {part}", slots.len());
    }
    // A slot keeps its delay on every machine and for good: it is part of what a restart relies on.
    assert_eq!(slots[0].start.to_string(), "2026-01-01T00:24:49.572Z");
}

#[test]
fn a_calendar_has_its_ends() {
    let zone = Zone::named("Europe/Rome").unwrap();
    let instant = |text, which| edge(text, &zone, which).unwrap();
    let starts = instant("2026-12-01", Edge::Starts);
    let ends = instant("2026-12-03T06:00", Edge::Ends);
    assert_eq!(ends, instant("2026-12-03T05:00:00Z", Edge::Ends));
    let calendar = calendar("0 0,6 * * *", "Europe/Rome", Dst::Once).between(Some(starts), Some(ends));
    let slots: Vec<_> = calendar.slots(Timestamp::MIN, Timestamp::MAX).map(|slot| slot.nominal).collect();
    assert_eq!((slots.len(), slots[0], slots[5]), (6, starts, ends));
    assert_eq!(calendar.previous(starts), None);
    assert_eq!(calendar.previous(at("2027-06-01T00:00:00Z")).map(|slot| slot.nominal), Some(ends));
    assert!(calendar.has(starts) && !calendar.has(at("2026-11-30T05:00:00Z")));
    for text in [
        "",
        "2026",
        "2026-13-01",
        "2026-12-01T06:00[Europe/Rome]",
        "2026-12-01T06:00:00+01:00[UTC]",
        "-2026-12-01",
    ] {
        assert!(edge(text, &zone, Edge::Starts).is_err(), "{text:?}");
    }
}

#[test]
fn a_daily_time_comes_once_a_day_in_every_zone_and_year() {
    let midnight =
        |zone: &Zone, date: jiff::civil::Date| zone.rules().to_timestamp(date.at(0, 0, 0, 0)).unwrap();
    let mut changes = 0;
    for zone in jiff::tz::TimeZoneDatabase::bundled().available() {
        let Ok(zone) = Zone::named(&zone.to_string()) else { continue };
        let mut from = at("1996-01-01T00:00:00Z");
        while let Some(change) =
            zone.change_after(from).filter(|change| change.at < at("2040-01-01T00:00:00Z"))
        {
            (from, changes) = (change.at, changes + 1);
            for cron in ["30 2 * * *", "5 0 * * *", "30 23 * * *"] {
                let calendar = Calendar::new(Cron::parse(cron).unwrap(), zone.clone(), Dst::Once);
                // The local date that a slot is of, which is the day before where a gap ends at midnight.
                let date = |slot: Slot| match slot.note {
                    Some(Note::Moved { from }) => from.date(),
                    _ => zone.offset(slot.nominal).to_datetime(slot.nominal).date(),
                };
                let around = change.before.to_datetime(change.at).date();
                let (first, end) = (around - 3.days(), around + 3.days());
                let day_before = first.yesterday().unwrap();
                let slots = calendar.slots(midnight(&zone, day_before), midnight(&zone, end));
                let dates: Vec<_> = slots.map(date).filter(|date| *date >= first).collect();
                // Samoa and Tokelau left out a day when they moved across the date line.
                let is_left_out = |date: jiff::civil::Date| {
                    let noon = zone.rules().to_ambiguous_timestamp(date.at(12, 0, 0, 0));
                    noon.is_ambiguous() && change.forward() >= SignedDuration::from_hours(24)
                };
                let days = first.series(1.day()).take_while(|date| *date < end);
                let days: Vec<_> = days.filter(|date| !is_left_out(*date)).collect();
                assert_eq!(dates, days, "{cron} {} {}", zone.name(), change.at);
            }
        }
    }
    assert!(changes > 10_000, "{changes}");
}

fn instants() -> impl Strategy<Value = Timestamp> {
    (0..4_000_000_000_i64, 0..1_000_000_000_i32).prop_map(|(s, ns)| Timestamp::new(s, ns).unwrap())
}

fn calendars() -> impl Strategy<Value = Calendar> {
    let dst = prop_oneof![Just(Dst::Once), Just(Dst::Literal)];
    (proptest::sample::select(CRONS.to_vec()), proptest::sample::select(ZONES.to_vec()), dst, 0..7200_i64)
        .prop_map(|(cron, zone, dst, jitter)| {
            let calendar = calendar(cron, zone, dst);
            calendar.with_jitter("test", SignedDuration::from_secs(jitter))
        })
}

proptest! {
    #[test]
    fn slots_rise_and_none_is_passed_twice(calendar in calendars(), after in instants()) {
        let mut last = after;
        for _ in 0..6 {
            let slot = calendar.next_after(last).unwrap();
            prop_assert!(slot.nominal > last);
            prop_assert!(slot.start >= slot.nominal);
            prop_assert!(calendar.next_after(slot.nominal).unwrap().nominal > slot.start);
            prop_assert!(calendar.has(slot.nominal));
            let previous = calendar.previous(slot.nominal + SignedDuration::from_nanos(1));
            prop_assert_eq!(previous.as_ref(), Some(&slot));
            last = slot.nominal;
        }
    }

    #[test]
    fn a_stretch_of_time_has_the_same_slots_wherever_it_is_split(
        calendar in calendars(),
        from in instants(),
        parts in proptest::collection::vec(0..30_000_000_i64, 2..5),
    ) {
        let mut ends: Vec<_> = parts.iter().map(|part| from + SignedDuration::from_mins(*part / 60)).collect();
        ends.sort_unstable();
        // Some of the cuts fall onto slots.
        ends[0] = calendar.next_after(ends[0]).map_or(ends[0], |slot| slot.nominal.min(ends[1]));
        let until = *ends.last().unwrap();
        let whole: Vec<_> = calendar.slots(from, until).take(400).collect();
        let mut pieces = Vec::new();
        let mut after = from;
        for end in ends {
            pieces.extend(calendar.slots(after, end).take(400 - pieces.len()));
            after = end;
        }
        prop_assert_eq!(whole, pieces);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,40}", fields in proptest::collection::vec("[-0-9*/,a-zA-Z?#@=]{0,9}", 0..8)) {
        let _ = Cron::parse(&text);
        let _ = Zone::named(&text);
        let _ = edge(&text, &Zone::utc(), Edge::Ends);
        if let Ok(cron) = Cron::parse(&fields.join(" ")) {
            let calendar = Calendar::new(cron, Zone::utc(), Dst::Once);
            prop_assert!(calendar.next_after(Timestamp::UNIX_EPOCH).is_some());
        }
    }
}
