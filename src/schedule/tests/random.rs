//! A month and more by chance: crashes between any two steps, clocks that are set, runs that take long or fail, pauses,
//! and schedulers beside each other.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug)]
enum Act {
    /// Time passes, with a step every so many seconds.
    Follow(i64, i64),
    /// The scheduler dies within so many of its steps, and the next one comes after a while.
    Crash(u32, i64),
    /// The machine dies, and all processes with it.
    PowerCut(i64),
    /// The scheduler is stopped as it should be.
    Stop(i64),
    /// The clock is set.
    SetClock(i64),
    /// A process ends before its run is complete.
    Interrupt(bool),
    /// Another scheduler takes a step, as if there were no lock.
    Beside,
    Ask(u8),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => (1..40_i64, 1..300_i64).prop_map(|(steps, every)| Act::Follow(steps * every, every)),
        3 => (1..12_u32, 0..20_000_i64).prop_map(|(fuse, down)| Act::Crash(fuse, down)),
        1 => (0..40_000_i64).prop_map(Act::PowerCut),
        1 => (0..20_000_i64).prop_map(Act::Stop),
        1 => (-20_000..30_000_i64).prop_map(Act::SetClock),
        2 => any::<bool>().prop_map(Act::Interrupt),
        1 => Just(Act::Beside),
        2 => (0..4_u8).prop_map(Act::Ask),
    ];
    prop::collection::vec(act, 10..120)
}

fn policy() -> impl Strategy<Value = Schedule> {
    use Overlap::{Allow, CancelOther, QueueAll, QueueOne, Skip};
    let seconds = |most: u64| prop::option::of((60..most).prop_map(Duration::from_secs));
    let overlap = prop::sample::select(vec![Skip, QueueOne, QueueAll, CancelOther, Allow]);
    let catch_up = prop::sample::select(vec![CatchUp::None, CatchUp::Last, CatchUp::All]);
    (overlap, catch_up, seconds(50_000), seconds(9_000), any::<bool>()).prop_map(
        |(overlap, catch_up, window, start_deadline, pause_on_failure)| Schedule {
            calendar: Calendar::parse("0 * * * *", "UTC", Dst::Once).unwrap(),
            overlap,
            catch_up,
            window,
            start_deadline,
            pause_on_failure,
            keep: KeepRuns::default(),
        },
    )
}

/// How a run goes, by its id: most are quick, some take for hours, some fail.
fn fate(id: &str) -> Fate {
    let draw = id.bytes().fold(7_u32, |all, byte| all.wrapping_mul(31).wrapping_add(u32::from(byte))) >> 8;
    let takes = match draw % 10 {
        0..6 => 30 + i64::from(draw % 500),
        6..9 => 3_000 + i64::from(draw % 5_000),
        _ => 0,
    };
    Fate { takes, exit: if draw.is_multiple_of(13) { 4 } else { 0 } }
}

fn act(simulation: &mut Simulation, act: Act) {
    match act {
        Act::Follow(seconds, every) => simulation.run(seconds, every),
        Act::Crash(fuse, down) => {
            simulation.machine.borrow_mut().fuse = Some(fuse);
            for _ in 0..20 {
                simulation.run(300, 300);
                if simulation.scheduler.is_none() {
                    break;
                }
            }
            simulation.machine.borrow_mut().fuse = None;
            simulation.kill();
            simulation.pass(down);
        }
        Act::PowerCut(down) => {
            simulation.kill();
            let ids: Vec<_> = simulation.machine.borrow().runs.keys().cloned().collect();
            for id in ids {
                simulation.machine.borrow_mut().interrupt(&id, None);
            }
            simulation.pass(down);
        }
        Act::Stop(down) => {
            if let Some(scheduler) = &mut simulation.scheduler {
                scheduler.drain();
                simulation.step_with(&[]);
            }
            simulation.kill();
            simulation.pass(down);
        }
        Act::SetClock(by) => simulation.machine.borrow_mut().clock += by,
        Act::Interrupt(killed) => {
            let alive = |(id, run): (&String, &Run)| run.process.map(|_| id.clone());
            let id = simulation.machine.borrow().runs.iter().find_map(alive);
            if let Some(id) = id {
                simulation.machine.borrow_mut().interrupt(&id, (!killed).then_some(5));
            }
        }
        Act::Beside => {
            let kept = simulation.scheduler.take();
            simulation.step_with(&[]);
            let other = simulation.scheduler.take();
            drop(other);
            simulation.scheduler = kept;
        }
        Act::Ask(0) => simulation.ask(Request::Pause),
        Act::Ask(1 | 2) => simulation.ask(Request::Resume),
        Act::Ask(_) => {
            let at = simulation.now();
            simulation.ask(Request::RunNow { at });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 60 } else { 600 }))]

    #[test]
    fn every_slot_has_one_entry_whatever_happens(policy in policy(), acts in acts(), every in 1..5_i64) {
        let every = [900, 3_600, 7_200, 86_400][usize::try_from(every - 1).unwrap()];
        let overlap = policy.overlap;
        let plan = plan(every, |of| *of = Schedule { calendar: of.calendar.clone(), ..policy });
        let mut simulation = Simulation::at("2026-11-01T00:10:00Z", plan).fates(fate);
        simulation.machine.borrow_mut().may_overlap = overlap == Overlap::Allow;
        for next in acts {
            act(&mut simulation, next);
        }
        // Then all is well for a while, and nothing is left that waits for ever.
        simulation.ask(Request::Resume);
        simulation.run(2 * 86_400, 300);
        every_slot_is_accounted_for_once(&simulation, every);
        let standing = simulation.standing();
        let now = simulation.now();
        if standing.paused.is_none() && now > standing.cursor && every > 3_600 {
            let old = |live: &&Live| now.as_second() - live.start_at.as_second() > 86_400;
            prop_assert_eq!(standing.live.iter().find(old), None);
        }
        let machine = simulation.machine.borrow();
        for (_, record) in &machine.ledger {
            if let What::Finished { slot, exit: Some(0), .. } = &record.what {
                prop_assert_eq!(machine.runs[&slot.run_id("job")].left, 0, "{} is done", slot);
            }
        }
    }
}
