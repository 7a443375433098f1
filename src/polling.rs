//! When to ask for the result of a workflow run, as a value that learns how long runs take. Reads no clock.

use std::collections::VecDeque;
use std::time::Duration;

/// How many finished runs the schedule remembers.
const REMEMBERED: usize = 64;
/// Once so many are known, the plan is made anew only after so many more.
const AGED: u32 = 8;

/// What one more poll of a run may cost: so much of the run's duration by which its result is late. Where polls have a
/// rate, each of them keeps another one waiting.
const POLL_COST: f64 = 0.012;
const POLL_COST_AT_RATE: f64 = 0.025;
/// So many durations on either side even one out.
const NEIGHBOURS: usize = 2;
/// What a run that its first poll found finished is taken to have lasted, of what that poll came after; and when so
/// many in a row were found so.
const SOONER: f64 = 0.95;
const MUCH_SOONER: f64 = 0.5;
const BOLD_AFTER: u32 = 8;
const SECOND: Duration = Duration::from_secs(1);
/// A poll is planned for this share of the duration after it, or the like of that run would just be missed.
const MARGIN: f64 = 0.01;
/// And for this much, since services count in whole milliseconds.
const LEAST_MARGIN: Duration = Duration::from_millis(2);

/// The first poll, and the first wait, when nothing is known and nothing was said.
const FIRST_GUESS: Duration = Duration::from_millis(100);
/// Beyond all that is known, a run is asked for again after this part of the time that it has taken.
const BEYOND: u32 = 7;
/// The same while no run has finished.
const UNKNOWN: u32 = 2;
/// The shortest wait between two polls is this part of the median, within bounds.
const SHORTEST_PART: u32 = 20;
const SHORTEST: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(2));
/// The longest wait while no run has finished, and when some have.
const LONGEST_UNKNOWN: Duration = Duration::from_secs(15);
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// When to ask for the result of a workflow run.
///
/// From the durations of the latest runs it makes a plan: the instants after a submit at which polls cost least, where
/// a poll has its price and so has each part of a run's duration by which its result is late. Runs that all take the
/// same cost one poll; widely spread ones some five, and a result is late by a tenth of its run's duration, or less.
#[derive(Clone, Debug)]
pub struct PollSchedule {
    first: Option<Duration>,
    interval: Option<(Duration, Duration)>,
    /// Durations of finished runs, in the order they became known, and sorted.
    recent: VecDeque<Duration>,
    sorted: Vec<Duration>,
    /// Instants after the submit, ascending; and how many durations have become known since it was made.
    plan: Vec<Duration>,
    age: u32,
    /// Runs in a row that their first poll found finished.
    found_at_once: u32,
    /// By how much more runs take than the service says: it leaves out their queue.
    unsaid: Duration,
    poll_cost: f64,
}

impl PollSchedule {
    /// Makes a schedule. `first` is fixed, or learned when none; later polls keep within `interval` from each other,
    /// or within bounds that are learned too.
    pub fn new(first: Option<Duration>, interval: Option<(Duration, Duration)>) -> Self {
        let interval = interval.map(|(shortest, longest)| (shortest, longest.max(shortest)));
        let (recent, sorted) = (VecDeque::with_capacity(REMEMBERED), Vec::with_capacity(REMEMBERED));
        Self {
            first,
            interval,
            recent,
            sorted,
            plan: Vec::new(),
            age: 0,
            found_at_once: BOLD_AFTER,
            unsaid: Duration::ZERO,
            poll_cost: POLL_COST,
        }
    }

    /// Says whether polls have a rate, so that fewer of them are worth while.
    pub fn set_rated(&mut self, rated: bool) {
        self.poll_cost = if rated { POLL_COST_AT_RATE } else { POLL_COST };
    }

    /// Takes in a run that was last seen unfinished, and first seen finished, so long after its submit; `said` is how
    /// long the service says that it took.
    pub fn learn(&mut self, said: Option<Duration>, unfinished_at: Duration, finished_at: Duration) {
        let is_found_at_once = unfinished_at.is_zero();
        self.found_at_once = if is_found_at_once { self.found_at_once.saturating_add(1) } else { 0 };
        let between = unfinished_at + finished_at.saturating_sub(unfinished_at) / 2;
        let duration = match said {
            Some(said) if said + self.unsaid > unfinished_at => {
                let whole = (said + self.unsaid).min(finished_at);
                if is_found_at_once {
                    self.unsaid = self.unsaid.mul_f64(SOONER);
                }
                whole
            }
            Some(said) => {
                self.unsaid = (self.unsaid + between.saturating_sub(said)) / 2;
                between
            }
            // It may have been there for long: polls come sooner, until some come too early.
            None if is_found_at_once => {
                finished_at.mul_f64(if self.found_at_once > BOLD_AFTER { MUCH_SOONER } else { SOONER })
            }
            None => between,
        };
        self.note(duration);
    }

    fn note(&mut self, duration: Duration) {
        let is_full = self.recent.len() == REMEMBERED;
        if is_full
            && let Some(oldest) = self.recent.pop_front()
            && let Ok(at) = self.sorted.binary_search(&oldest)
        {
            self.sorted.remove(at);
        }
        self.recent.push_back(duration);
        let at = self.sorted.binary_search(&duration).unwrap_or_else(|at| at);
        self.sorted.insert(at, duration);
        self.age += 1;
        if !is_full || self.age >= AGED {
            self.plan = plan(&self.sorted, self.bounds().0, self.poll_cost);
            self.age = 0;
        }
    }

    /// Gives the wait from now to the next poll of a run that was submitted `elapsed` ago and polled `polls` times.
    pub fn next(&self, elapsed: Duration, polls: u32) -> Duration {
        let (shortest, longest) = self.bounds();
        if polls == 0 {
            if let Some(first) = self.first {
                return first;
            }
            let planned = self.planned_after(elapsed).map(|planned| planned.saturating_sub(elapsed));
            return planned.unwrap_or(shortest.min(SECOND));
        }
        // A poll that is planned for right now has just been made.
        let planned =
            self.planned_after(elapsed + shortest / 2).map(|planned| planned.saturating_sub(elapsed));
        let part = if self.plan.is_empty() { UNKNOWN } else { BEYOND };
        planned.unwrap_or(elapsed / part).clamp(shortest, longest)
    }

    fn planned_after(&self, elapsed: Duration) -> Option<Duration> {
        self.plan.get(self.plan.partition_point(|planned| *planned <= elapsed)).copied()
    }

    /// The shortest and the longest wait between two polls.
    fn bounds(&self) -> (Duration, Duration) {
        match (self.interval, self.sorted.get(self.sorted.len() / 2)) {
            (Some(interval), _) => interval,
            (None, None) => (FIRST_GUESS, LONGEST_UNKNOWN),
            (None, Some(median)) => ((*median / SHORTEST_PART).clamp(SHORTEST.0, SHORTEST.1), LONGEST),
        }
    }
}

/// Gives the instants at which runs of these durations, sorted, are best asked for, at least `shortest` apart.
///
/// Backwards from the longest: with the runs before the `from`th known, the cheapest next poll is the one just after
/// some later run. It is paid for by all that still run, and each that it finds is late by what lies between.
fn plan(sorted: &[Duration], shortest: Duration, poll_cost: f64) -> Vec<Duration> {
    let runs = smoothed(sorted);
    let count = runs.len();
    let sums = Sums::of(&runs);
    let shortest = shortest.as_secs_f64();
    let (mut cost, mut poll_after) = (vec![0.0_f64; count + 1], vec![count; count]);
    let mut left = 0.0;
    for from in (0..count).rev() {
        left += 1.0;
        cost[from] = f64::INFINITY;
        for to in from..count {
            let is_last = to + 1 == count;
            if !is_last && from > 0 && runs[to] - runs[from - 1] < shortest {
                continue;
            }
            let whole = poll_cost * left + sums.lateness(from, to, runs[to] * (1.0 + MARGIN)) + cost[to + 1];
            if whole < cost[from] {
                (cost[from], poll_after[from]) = (whole, to);
            }
        }
    }
    let mut planned = Vec::new();
    let mut from = 0;
    while from < count {
        let at =
            Duration::try_from_secs_f64(runs[poll_after[from]] * (1.0 + MARGIN)).unwrap_or(Duration::MAX);
        planned.push(at.saturating_add(LEAST_MARGIN));
        from = poll_after[from] + 1;
    }
    planned
}

/// Sums over the first runs, by which what a poll costs is told without adding up each time.
struct Sums {
    /// Of what a second of lateness counts for: between a share of each run's own duration and one of the mean, so that
    /// neither short runs nor long ones are all that counts.
    weight: Vec<f64>,
    /// The same times the duration.
    weighted: Vec<f64>,
}

impl Sums {
    fn of(runs: &[f64]) -> Self {
        let count: f64 = runs.iter().map(|_| 1.0).sum();
        let mean = runs.iter().sum::<f64>() / count;
        let (mut weight, mut weighted) = (vec![0.0], vec![0.0]);
        let (mut so_far, mut weighted_so_far) = (0.0, 0.0);
        for run in runs {
            let of_run = 1.0 / (run * mean).sqrt();
            so_far += of_run;
            weighted_so_far += of_run * run;
            weight.push(so_far);
            weighted.push(weighted_so_far);
        }
        Self { weight, weighted }
    }

    /// By how much the runs from one to another, both included, are late when they are found at `at`.
    fn lateness(&self, from: usize, to: usize, at: f64) -> f64 {
        at * (self.weight[to + 1] - self.weight[from]) - (self.weighted[to + 1] - self.weighted[from])
    }
}

/// Gives the durations in seconds, each the mean of its neighbours, so that no poll is placed by a chance cluster.
fn smoothed(sorted: &[Duration]) -> Vec<f64> {
    let seconds: Vec<f64> = sorted.iter().map(|duration| duration.as_secs_f64().max(0.001)).collect();
    (0..seconds.len())
        .map(|index| {
            let reach = NEIGHBOURS.min(index).min(seconds.len() - 1 - index);
            let near = &seconds[index - reach..=index + reach];
            near.iter().sum::<f64>() / near.iter().map(|_| 1.0).sum::<f64>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_plan_ascends_and_every_wait_keeps_its_bounds(
            known in proptest::collection::vec(any::<u32>(), 0..100), elapsed in any::<u32>(), polls in 0_u32..5,
        ) {
            let mut schedule = PollSchedule::new(None, None);
            for known in known {
                schedule.note(ms(known.into()));
            }
            prop_assert!(schedule.plan.is_sorted());
            let wait = schedule.next(ms(elapsed.into()), polls);
            prop_assert!(polls == 0 || (SHORTEST.0..=LONGEST).contains(&wait), "{:?}", wait);
        }
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_fixed_first_poll_is_kept_and_later_ones_keep_their_distance() {
        let mut schedule = PollSchedule::new(Some(ms(700)), Some((ms(2_000), ms(15_000))));
        schedule.note(ms(60_000));
        assert_eq!(schedule.next(ms(0), 0), ms(700));
        assert_eq!(schedule.next(ms(700), 1), ms(15_000), "at most the longest interval");
        assert_eq!(schedule.next(ms(61_000), 9), ms(61_000) / 7, "a part of what has passed");
        assert_eq!(schedule.next(ms(610), 1), ms(15_000));
        let schedule = PollSchedule::new(None, Some((ms(2_000), ms(15_000))));
        assert_eq!(schedule.next(ms(1_000), 1), ms(2_000), "at least the shortest interval");
    }

    #[test]
    fn nothing_known_means_half_as_long_again() {
        let schedule = PollSchedule::new(None, None);
        assert_eq!(schedule.next(ms(0), 0), FIRST_GUESS);
        assert_eq!(schedule.next(ms(100), 1), FIRST_GUESS);
        assert_eq!(schedule.next(ms(6_000), 5), ms(3_000));
        assert_eq!(schedule.next(ms(600_000), 50), LONGEST_UNKNOWN);
    }

    #[test]
    fn only_recent_runs_count() {
        let mut schedule = PollSchedule::new(None, None);
        (0..REMEMBERED).for_each(|_| schedule.note(ms(100_000)));
        (0..REMEMBERED).for_each(|_| schedule.note(ms(500)));
        assert!(schedule.next(ms(0), 0) < ms(600));
    }

    #[test]
    fn short_runs_are_not_held_up_by_an_interval_that_nobody_asked_for() {
        let mut schedule = PollSchedule::new(None, None);
        schedule.note(ms(100));
        assert_eq!(schedule.next(ms(0), 0), ms(103));
        assert!(schedule.next(ms(103), 1) < ms(15));
    }

    #[test]
    fn how_long_a_run_took_is_what_the_service_says_as_far_as_that_can_be() {
        let learned = |said: Option<u64>, unfinished: u64, finished: u64| {
            let mut schedule = PollSchedule::new(None, None);
            schedule.learn(said.map(ms), ms(unfinished), ms(finished));
            schedule.sorted[0].as_millis()
        };
        assert_eq!(learned(Some(700), 500, 1_000), 700);
        assert_eq!(learned(Some(2_000), 500, 1_000), 1_000, "it was found finished before");
        assert_eq!(learned(Some(300), 500, 1_000), 750, "it was seen unfinished later");
        assert_eq!(learned(None, 500, 1_000), 750);
        assert_eq!(learned(None, 0, 1_000), 500, "perhaps long ago");
    }

    #[test]
    fn what_the_service_leaves_out_is_learned() {
        let mut schedule = PollSchedule::new(None, None);
        let (mut polls, mut late) = (0, ms(0));
        for run in 0..200 {
            let (mut elapsed, mut unfinished, mut n) = (ms(0), ms(0), 0);
            while elapsed < ms(1_100) {
                unfinished = elapsed;
                elapsed += schedule.next(elapsed, n);
                n += 1;
            }
            schedule.learn(Some(ms(800)), unfinished, elapsed);
            if run >= 100 {
                (polls, late) = (polls + n, late + (elapsed.saturating_sub(ms(1_100))));
            }
        }
        assert!(polls <= 200 && late / 100 < ms(60), "{polls} polls of 100 runs, {:?} late each", late / 100);
    }

    /// How many polls runs of these lengths cost, and by which part of it their results are late.
    fn cost(durations: &[Duration], interval: Option<(Duration, Duration)>) -> (f64, f64) {
        let mut schedule = PollSchedule::new(None, interval);
        let (mut polls, mut late, mut counted, mut whole) = (0.0, 0.0, 0.0, 0.0);
        for (index, duration) in durations.iter().enumerate() {
            let (mut elapsed, mut n) = (ms(0), 0);
            while elapsed < *duration {
                elapsed += schedule.next(elapsed, n);
                n += 1;
            }
            schedule.note(*duration);
            if index >= REMEMBERED {
                polls += f64::from(n);
                late += elapsed.saturating_sub(*duration).as_secs_f64();
                whole += duration.as_secs_f64();
                counted += 1.0;
            }
        }
        (polls / counted, late / whole)
    }

    #[test]
    fn results_are_fetched_soon_after_they_are_there_and_for_few_polls() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut normal = move || (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
        let mut of = |median: f64, sigma: f64| -> Vec<Duration> {
            (0..600).map(|_| Duration::from_secs_f64(median * (sigma * normal()).exp())).collect()
        };
        let mixed = |short: Vec<Duration>, long: &[Duration]| -> Vec<Duration> {
            short
                .into_iter()
                .zip(long)
                .enumerate()
                .map(|(n, (s, l))| if n % 3 == 0 { *l } else { s })
                .collect()
        };
        let interval = Some((ms(2_000), ms(15_000)));
        let bimodal = mixed(of(2.0, 0.1), &of(40.0, 0.2));
        let table = [
            ("constant", vec![ms(8_000); 600], None, 1.01, 0.02),
            ("steady and short", of(0.1, 0.02), None, 1.2, 0.08),
            ("lognormal", of(20.0, 0.4), None, 5.8, 0.08),
            ("lognormal and long", of(1_800.0, 0.4), None, 5.8, 0.08),
            ("bimodal", bimodal, None, 5.8, 0.08),
            ("very wide", of(20.0, 1.0), None, 9.0, 0.12),
            ("with an interval", of(60.0, 0.4), interval, 5.8, 0.08),
        ];
        for (name, durations, interval, most, latest) in table {
            let (polls, late) = cost(&durations, interval);
            assert!(polls <= most && late <= latest, "{name}: {polls} polls a run, {late} late");
        }
    }
}
