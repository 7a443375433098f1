//! Policies of waiting, as values: how long before another attempt, and when to ask for a result.

use std::time::Duration;

/// Gives the wait before attempt `attempt + 1`, with full jitter: evenly spread between nothing and
/// `first * 2^(attempt - 1)`, at most `longest`. `random` is between 0 and 1.
///
/// Full jitter, because rows that were refused together must not come back together.
pub fn backoff(first: Duration, longest: Duration, attempt: u32, random: f64) -> Duration {
    let doubled = first.saturating_mul(1 << attempt.saturating_sub(1).min(30));
    doubled.min(longest).mul_f64(random.clamp(0.0, 1.0))
}

/// How many finished runs the schedule remembers.
const REMEMBERED: usize = 64;

/// The first poll when nothing is known and nothing was said.
const FIRST_GUESS: Duration = Duration::from_secs(1);

/// When to ask for the result of a workflow run.
///
/// Learns how long runs take, and places a poll where a third of the runs like this one have finished; where runs
/// differ by less than the shortest interval, late enough that the first poll finds nearly all of them finished. So a
/// run costs about two polls, and its result is not left lying for long.
#[derive(Clone, Debug)]
pub struct PollSchedule {
    first: Option<Duration>,
    shortest: Duration,
    longest: Duration,
    /// Durations of finished runs, in the order they became known, and sorted.
    recent: std::collections::VecDeque<Duration>,
    sorted: Vec<Duration>,
}

impl PollSchedule {
    /// Makes a schedule: `first` is fixed, or learned when none; later polls keep between `shortest` and `longest`
    /// from each other.
    pub fn new(first: Option<Duration>, shortest: Duration, longest: Duration) -> Self {
        let recent = std::collections::VecDeque::with_capacity(REMEMBERED);
        Self {
            first,
            shortest,
            longest: longest.max(shortest),
            recent,
            sorted: Vec::with_capacity(REMEMBERED),
        }
    }

    /// Takes in how long a run took from its submit.
    pub fn learn(&mut self, duration: Duration) {
        if self.recent.len() == REMEMBERED
            && let Some(oldest) = self.recent.pop_front()
            && let Ok(at) = self.sorted.binary_search(&oldest)
        {
            self.sorted.remove(at);
        }
        self.recent.push_back(duration);
        let at = self.sorted.binary_search(&duration).unwrap_or_else(|at| at);
        self.sorted.insert(at, duration);
    }

    /// Gives the wait from now to the next poll of a run that was submitted `elapsed` ago and polled `polls` times.
    pub fn next(&self, elapsed: Duration, polls: u32) -> Duration {
        if polls == 0 {
            let learned =
                || self.target(elapsed).map_or(FIRST_GUESS, |target| target.saturating_sub(elapsed));
            return self.first.unwrap_or_else(learned);
        }
        let wait = self.target(elapsed).map_or(elapsed / 4, |target| target.saturating_sub(elapsed));
        wait.clamp(self.shortest, self.longest)
    }

    /// The time after the submit at which a run that still runs after `elapsed` is best asked for.
    fn target(&self, elapsed: Duration) -> Option<Duration> {
        let left = &self.sorted[self.sorted.partition_point(|duration| *duration <= elapsed)..];
        let even = *left.get(left.len() / 3)?;
        // The poll that is expected to bring the result soonest, when one that comes too early costs an interval.
        let soonest = left.iter().enumerate().min_by_key(|(index, duration)| {
            let missed = u32::try_from(left.len() - index - 1).unwrap_or(u32::MAX);
            let all = u32::try_from(left.len()).unwrap_or(u32::MAX);
            **duration + self.shortest.saturating_mul(missed) / all
        })?;
        let target = even.max(*soonest.1);
        // Later than the run that it was learned from by about the distance of one such run to the next, or the like
        // of it would just be missed; the fewer are known, the more.
        let apart = left.last()?.saturating_sub(left[0]) / u32::try_from(left.len()).unwrap_or(u32::MAX);
        Some(target + apart + Duration::from_millis(2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn backoff_doubles_up_to_its_bound_and_is_spread_evenly() {
        let wait = |attempt, random| backoff(ms(1_000), ms(60_000), attempt, random).as_millis();
        assert_eq!([wait(1, 1.0), wait(2, 1.0), wait(3, 1.0), wait(7, 1.0)], [1_000, 2_000, 4_000, 60_000]);
        assert_eq!([wait(3, 0.0), wait(3, 0.5), wait(u32::MAX, 1.0)], [0, 2_000, 60_000]);
    }

    #[test]
    fn a_fixed_first_poll_is_kept_and_later_ones_keep_their_distance() {
        let mut schedule = PollSchedule::new(Some(ms(700)), ms(2_000), ms(15_000));
        schedule.learn(ms(60_000));
        assert_eq!(schedule.next(ms(0), 0), ms(700));
        assert_eq!(schedule.next(ms(700), 1), ms(15_000), "at most the longest interval");
        assert_eq!(schedule.next(ms(61_000), 9), ms(15_000));
        let schedule = PollSchedule::new(None, ms(2_000), ms(15_000));
        assert_eq!(schedule.next(ms(0), 0), FIRST_GUESS);
        assert_eq!(schedule.next(ms(1_000), 1), ms(2_000), "at least the shortest interval");
        assert_eq!(schedule.next(ms(40_000), 5), ms(10_000), "a quarter of what has passed");
    }

    #[test]
    fn only_recent_runs_count() {
        let mut schedule = PollSchedule::new(None, ms(10), ms(15_000));
        (0..REMEMBERED).for_each(|_| schedule.learn(ms(100_000)));
        (0..REMEMBERED).for_each(|_| schedule.learn(ms(500)));
        assert!(schedule.next(ms(0), 0) < ms(600));
    }

    /// How many polls runs of these lengths cost, and by how much of their length their results are late.
    fn cost(durations: &[u64], shortest: u64) -> (f64, f64) {
        let mut schedule = PollSchedule::new(None, ms(shortest), ms(15_000));
        let (mut polls, mut late, mut counted) = (0.0, 0.0, 0.0);
        for (index, duration) in durations.iter().enumerate() {
            let (mut elapsed, mut n) = (ms(0), 0);
            while elapsed < ms(*duration) {
                elapsed += schedule.next(elapsed, n);
                n += 1;
            }
            schedule.learn(ms(*duration));
            if index >= REMEMBERED {
                polls += f64::from(n);
                late += elapsed.as_secs_f64() / ms(*duration).as_secs_f64() - 1.0;
                counted += 1.0;
            }
        }
        (polls / counted, late / counted)
    }

    #[test]
    fn a_run_costs_about_two_polls() {
        let mut random = fastrand::Rng::with_seed(7);
        let steady: Vec<_> = (0..500).map(|_| random.u64(280..320)).collect();
        let spread: Vec<_> = (0..500).map(|_| random.u64(5_000..60_000)).collect();
        let minutes: Vec<_> = (0..500).map(|_| random.u64(170_000..200_000)).collect();
        for (durations, most, latest) in [(steady, 1.1, 0.15), (spread, 2.7, 0.5), (minutes, 2.7, 0.05)] {
            let (polls, late) = cost(&durations, 2_000);
            assert!(polls < most && late < latest, "{polls} polls a run, {late} late");
        }
    }
}
