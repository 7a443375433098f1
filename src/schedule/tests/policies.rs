//! What each policy does, slot by slot.

use super::*;

const DAY: &str = "2026-11-24T00:30:00Z";

/// Runs of the slots that begin with these hours take so many seconds; all others take a minute.
fn slow(hours: &'static [&'static str], takes: i64) -> impl Fn(&str) -> Fate {
    move |id| {
        let is_slow = hours.iter().any(|hour| id.contains(&format!("T{hour}")));
        Fate { takes: if is_slow { takes } else { 60 }, exit: 0 }
    }
}

fn check(plan: Plan, hours: &'static [&'static str], takes: i64, run_hours: i64, expected: &[&str]) {
    let mut simulation = Simulation::at(DAY, plan).fates(slow(hours, takes));
    simulation.machine.borrow_mut().may_overlap = simulation.plans["job"].schedule.overlap == Overlap::Allow;
    simulation.step_with(&[]);
    simulation.run(run_hours * HOUR, 30);
    assert_eq!(simulation.finals(), expected);
    every_slot_is_accounted_for_once(&simulation, HOUR);
}

#[test]
fn slots_run_when_they_are_due() {
    check(plan(HOUR, |_| ()), &[], 0, 3, &["01:00 exit 0", "02:00 exit 0", "03:00 exit 0"]);
}

#[test]
fn a_slot_that_is_due_while_an_earlier_one_runs_is_skipped() {
    let expected = ["02:00 skipped Overlap", "03:00 skipped Overlap", "01:00 exit 0", "04:00 exit 0"];
    check(plan(HOUR, |_| ()), &["01"], 2 * HOUR + 60, 4, &expected);
}

#[test]
fn the_latest_of_the_slots_that_wait_takes_the_place_of_the_one_before() {
    let plan = plan(HOUR, |policy| policy.overlap = Overlap::QueueOne);
    let expected = ["02:00 dropped Replaced", "01:00 exit 0", "03:00 exit 0", "04:00 exit 0"];
    check(plan, &["01"], 2 * HOUR + 60, 4, &expected);
}

#[test]
fn all_slots_wait_their_turn() {
    let plan = plan(HOUR, |policy| policy.overlap = Overlap::QueueAll);
    let expected = ["01:00 exit 0", "02:00 exit 0", "03:00 exit 0", "04:00 exit 0"];
    check(plan, &["01"], 2 * HOUR + 60, 4, &expected);
}

#[test]
fn a_slot_that_is_due_stops_the_earlier_one() {
    let plan = plan(HOUR, |policy| policy.overlap = Overlap::CancelOther);
    check(plan, &["01"], 5 * HOUR, 3, &["01:00 cancelled", "02:00 exit 0", "03:00 exit 0"]);
}

#[test]
fn slots_may_run_beside_each_other() {
    let plan = plan(HOUR, |policy| policy.overlap = Overlap::Allow);
    check(plan, &["01"], 2 * HOUR + 60, 3, &["02:00 exit 0", "01:00 exit 0", "03:00 exit 0"]);
}

#[test]
fn a_slot_that_waited_too_long_is_dropped() {
    let plan = plan(HOUR, |policy| {
        policy.overlap = Overlap::QueueAll;
        policy.start_deadline = Some(Duration::from_secs(1_800));
    });
    let expected = ["02:00 dropped StartDeadline", "01:00 exit 0", "03:00 exit 0"];
    check(plan, &["01"], 2 * HOUR + 60, 3, &expected);
}

/// The scheduler is down from 01:10 to 05:30.
fn check_down(change: impl FnOnce(&mut Schedule), expected: &[&str]) {
    let mut simulation = Simulation::at(DAY, plan(HOUR, change));
    simulation.run(2_400, 30);
    simulation.kill();
    simulation.pass(4 * HOUR + 1_200);
    simulation.run(2 * HOUR, 30);
    assert_eq!(simulation.finals(), expected);
    every_slot_is_accounted_for_once(&simulation, HOUR);
}

#[test]
fn slots_that_were_missed_are_caught_up_as_the_manifest_says() {
    let last =
        ["01:00 exit 0", "02:00..04:00 missed 3 Superseded", "05:00 exit 0", "06:00 exit 0", "07:00 exit 0"];
    check_down(|policy| policy.catch_up = CatchUp::Last, &last);
    let none = ["01:00 exit 0", "02:00..05:00 missed 4 Down", "06:00 exit 0", "07:00 exit 0"];
    check_down(|policy| policy.catch_up = CatchUp::None, &none);
    let all = ["01", "02", "03", "04", "05", "06", "07"].map(|hour| format!("{hour}:00 exit 0"));
    check_down(|policy| policy.catch_up = CatchUp::All, &all.each_ref().map(String::as_str));
    let windowed = [
        "01:00 exit 0",
        "02:00..03:00 missed 2 Window",
        "04:00 exit 0",
        "05:00 exit 0",
        "06:00 exit 0",
        "07:00 exit 0",
    ];
    let window = |policy: &mut Schedule| {
        policy.catch_up = CatchUp::All;
        policy.window = Some(Duration::from_secs(2 * 3_600));
    };
    check_down(window, &windowed);
    let late = |policy: &mut Schedule| policy.start_deadline = Some(Duration::from_secs(600));
    check_down(
        late,
        &["01:00 exit 0", "02:00..05:00 missed 4 StartDeadline", "06:00 exit 0", "07:00 exit 0"],
    );
}

#[test]
fn what_comes_due_in_a_pause_is_missed_and_nothing_of_it_starts_afterwards() {
    for scheduler_lives in [true, false] {
        let mut simulation = Simulation::at(DAY, plan(HOUR, |policy| policy.catch_up = CatchUp::All));
        simulation.run(2_400, 30);
        simulation.ask(Request::Pause);
        if scheduler_lives {
            simulation.run(3 * HOUR, 30);
        } else {
            simulation.pass(3 * HOUR);
        }
        simulation.ask(Request::Resume);
        simulation.run(HOUR, 30);
        let mut finals = simulation.finals();
        if scheduler_lives {
            let each = |hour| format!("{hour}:00..{hour}:00 missed 1 Paused");
            assert_eq!(finals.drain(1..4).collect::<Vec<_>>(), ["02", "03", "04"].map(each));
        } else {
            assert_eq!(finals.remove(1), "02:00..04:00 missed 3 Paused");
        }
        assert_eq!(finals, ["01:00 exit 0", "05:00 exit 0"]);
        every_slot_is_accounted_for_once(&simulation, HOUR);
    }
}

#[test]
fn a_run_that_was_not_accepted_pauses_the_schedule_if_it_shall() {
    let plan = plan(HOUR, |policy| policy.pause_on_failure = true);
    let mut simulation = Simulation::at(DAY, plan).fates(|_| Fate { takes: 60, exit: 4 });
    simulation.run(2 * HOUR, 30);
    assert_eq!(simulation.finals(), ["01:00 exit 4", "02:00..02:00 missed 1 Paused"]);
    let why = PauseWhy::Failure(SlotId::due(instant("2026-11-24T01:00:00Z")));
    assert_eq!(simulation.standing().paused.map(|(_, why)| why), Some(why));
}

#[test]
fn a_run_that_was_interrupted_is_gone_on_with_a_few_times() {
    let mut simulation =
        Simulation::at(DAY, plan(6 * HOUR, |_| ())).fates(|_| Fate { takes: 3_000, exit: 0 });
    let id = "job-20261124T060000Z";
    simulation.run(5 * HOUR + 1_860, 30);
    for exit in [Some(5), None, Some(5)] {
        simulation.machine.borrow_mut().interrupt(id, exit);
        simulation.run(960, 30);
        assert!(simulation.machine.borrow().runs[id].process.is_some(), "it goes on under its own id");
    }
    simulation.machine.borrow_mut().interrupt(id, Some(5));
    simulation.run(960, 30);
    assert_eq!(simulation.finals(), ["06:00 exit 5"]);
    assert_eq!(simulation.machine.borrow().runs.len(), 1);
}

#[test]
fn a_scheduler_that_is_stopped_lets_its_runs_be_gone_on_with_and_does_not_count_it() {
    let mut simulation =
        Simulation::at(DAY, plan(6 * HOUR, |_| ())).fates(|_| Fate { takes: 3_000, exit: 0 });
    simulation.run(5 * HOUR + 1_860, 30);
    for _ in 0..6 {
        simulation.scheduler.as_mut().unwrap().drain();
        simulation.step_with(&[]);
        assert!(!simulation.scheduler.as_ref().unwrap().is_busy());
        assert_eq!(simulation.standing().live[0].failures, 0);
        simulation.kill();
        simulation.run(60, 30);
        assert!(simulation.machine.borrow().runs["job-20261124T060000Z"].process.is_some());
    }
    simulation.run(HOUR, 30);
    assert_eq!(simulation.finals(), ["06:00 exit 0"]);
}

#[test]
fn a_manual_slot_has_a_name_of_its_own_and_runs_in_a_pause_too() {
    let mut simulation = Simulation::at(DAY, plan(HOUR, |_| ()));
    simulation.run(600, 30);
    simulation.ask(Request::Pause);
    let at = simulation.now();
    simulation.ask(Request::RunNow { at });
    simulation.ask(Request::RunNow { at });
    simulation.run(300, 30);
    assert_eq!(simulation.finals(), ["00:40 manual exit 0"]);
    assert!(simulation.machine.borrow().runs.contains_key("job-20261124T004000Z-manual"));
}

#[test]
fn a_clock_that_is_set_back_starts_no_slot_again() {
    let mut simulation = Simulation::at(DAY, plan(HOUR, |_| ()));
    simulation.run(2 * HOUR, 30);
    simulation.machine.borrow_mut().clock -= 3 * HOUR;
    simulation.run(4 * HOUR, 30);
    assert_eq!(simulation.finals(), ["01:00 exit 0", "02:00 exit 0", "03:00 exit 0"]);
    every_slot_is_accounted_for_once(&simulation, HOUR);
}

#[test]
fn a_clock_that_is_set_forward_is_a_time_without_a_scheduler() {
    let mut simulation = Simulation::at(DAY, plan(HOUR, |_| ()));
    simulation.run(HOUR, 30);
    simulation.machine.borrow_mut().clock += 10 * HOUR;
    simulation.run(HOUR, 30);
    let expected = ["01:00 exit 0", "02:00..10:00 missed 9 Superseded", "11:00 exit 0", "12:00 exit 0"];
    assert_eq!(simulation.finals(), expected);
}

#[test]
fn years_without_a_scheduler_are_accounted_for_in_steps_of_bounded_size() {
    let mut simulation = Simulation::at(DAY, plan(60, |_| ()));
    simulation.step_with(&[]);
    simulation.pass(30 * 24 * HOUR);
    simulation.run(300, 30);
    let standing = simulation.standing();
    assert_eq!(standing.counts.missed, 30 * 24 * 60);
    assert!(standing.recent.len() < 20);
    every_slot_is_accounted_for_once(&simulation, 60);
}

#[test]
fn a_changed_schedule_counts_from_when_it_is_seen() {
    let mut simulation = Simulation::at(DAY, plan(24 * HOUR, |_| ()));
    simulation.run(9 * HOUR, 30);
    simulation.plans.insert("job".to_owned(), plan(HOUR, |policy| policy.catch_up = CatchUp::All));
    simulation.run(HOUR, 30);
    assert_eq!(simulation.finals(), ["10:00 exit 0"], "and not the nine of before");
}

#[test]
fn a_schedule_that_is_taken_away_leaves_nothing_that_waits() {
    let mut simulation = Simulation::at(DAY, plan(HOUR, |policy| policy.overlap = Overlap::QueueAll));
    simulation.machine.borrow_mut().fates = Some(Box::new(|_| Fate { takes: 5 * HOUR, exit: 0 }));
    simulation.run(2 * HOUR, 30);
    let plan = simulation.plans.remove("job").unwrap();
    simulation.run(5 * HOUR, 30);
    assert_eq!(simulation.finals(), ["02:00 dropped Removed", "01:00 exit 0"]);
    simulation.plans.insert("job".to_owned(), plan);
    simulation.run(60, 30);
    assert_eq!(simulation.finals().len(), 2, "it had no slots while it was away");
}

#[test]
fn ids_are_names_of_folders_whatever_the_manifest_is_called() {
    let slot = SlotId::due(instant("2026-11-24T06:00:00Z"));
    assert_eq!(slot.run_id("nightly"), "nightly-20261124T060000Z");
    let (long, other) = ("x".repeat(60) + "a", "x".repeat(60) + "b");
    assert!(SlotId::manual(slot.at).run_id(&long).len() <= 64);
    assert_ne!(slot.run_id(&long), slot.run_id(&other));
    assert!(slot.run_id("täglich").is_ascii());
}

#[test]
fn a_run_of_a_scheduler_that_died_is_stopped_in_favour_of_the_next() {
    let plan = plan(HOUR, |policy| policy.overlap = Overlap::CancelOther);
    let mut simulation = Simulation::at(DAY, plan)
        .fates(|id| Fate { takes: if id.contains("T010000") { 5 * HOUR } else { 60 }, exit: 0 });
    simulation.run(HOUR, 30);
    simulation.kill();
    simulation.run(HOUR, 30);
    assert_eq!(simulation.finals(), ["01:00 cancelled", "02:00 exit 0"]);
    every_slot_is_accounted_for_once(&simulation, HOUR);
}

#[test]
fn a_claimed_slot_is_not_started_behind_its_deadline() {
    let plan = plan(HOUR, |policy| policy.start_deadline = Some(Duration::from_secs(300)));
    let mut simulation = Simulation::at(DAY, plan);
    simulation.run(1_800 - 30, 30);
    // It dies when the claim is written, before the process is.
    simulation.machine.borrow_mut().fuse = Some(3);
    simulation.run(30, 30);
    simulation.kill();
    assert_eq!(simulation.standing().live[0].stage, Stage::Claimed);
    simulation.pass(600);
    simulation.run(60, 30);
    assert_eq!(simulation.finals(), ["01:00 dropped StartDeadline"]);
    every_slot_is_accounted_for_once(&simulation, HOUR);
}
