//! When the next send may go: a rate, kept exactly, and pauses that the service asked for.
//!
//! Times are durations since the run's start, so that nothing here reads a clock.

use std::time::Duration;

/// A rate: GCRA (the virtual-scheduling form of ITU-T I.371), with a stated burst.
///
/// Keeps 1 % below the stated rate, so that a server that counts by its own clock sees no window above it.
#[derive(Clone, Debug)]
pub struct Rate {
    interval: Duration,
    tolerance: Duration,
    /// The theoretical arrival time of the next send.
    next: Duration,
}

impl Rate {
    /// Makes a rate of `count` sends `per` time, of which `burst` may go at once.
    pub fn new(count: u32, per: Duration, burst: u32) -> Self {
        let interval = per.mul_f64(1.01) / count.max(1);
        Self { interval, tolerance: interval * burst.saturating_sub(1), next: Duration::ZERO }
    }

    /// Takes the next permit and says from when on it holds: `now`, or later.
    pub fn take(&mut self, now: Duration) -> Duration {
        let at = self.next.saturating_sub(self.tolerance).max(now);
        self.next = self.next.max(at) + self.interval;
        at
    }
}

/// The first pause when the service asks to slow down and does not say for how long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A run that would have to pause longer than this suspends itself: a person or a scheduler goes on with it.
const LONGEST_THROTTLE: Duration = Duration::from_secs(600);

/// What a call to slow down leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// Nothing is sent before this instant.
    Until(Duration),
    /// The pause would be too long: the run suspends itself.
    TooLong(Duration),
}

/// When the next send with one key to one host may go.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    rate: Option<Rate>,
    not_before: Duration,
    /// When the first of an unbroken series of calls to slow down came, and how many pauses it has led to.
    throttled: Option<(Duration, u32)>,
}

impl Pace {
    /// Makes a pace with a rate, or without a limit.
    pub fn new(rate: Option<Rate>) -> Self {
        Self { rate, ..Self::default() }
    }

    /// Gives the instant before which nothing may be sent.
    pub fn not_before(&self) -> Duration {
        self.not_before
    }

    /// Takes a permit for a send and says from when on it holds. To be called at the socket, with the intent durable.
    pub fn permit(&mut self, now: Duration) -> Duration {
        let now = now.max(self.not_before);
        self.rate.as_mut().map_or(now, |rate| rate.take(now))
    }

    /// Notes a call to slow down. A pause is never shortened, and all replies of one episode make one pause.
    pub fn slow_down(&mut self, now: Duration, asked: Option<Duration>, random: f64) -> Pause {
        let (since, pauses) = self.throttled.get_or_insert((now, 0));
        let new_episode = now >= self.not_before;
        if new_episode {
            *pauses += 1;
        }
        // Without a word from the service: doubling, and never quite together with other clients of the key.
        let guessed = || {
            let doubled =
                FIRST_PAUSE.saturating_mul(1 << pauses.saturating_sub(1).min(10)).min(LONGEST_PAUSE);
            doubled.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
        };
        let until = match asked {
            Some(asked) => now + asked,
            None if new_episode => now + guessed(),
            None => self.not_before,
        };
        self.not_before = self.not_before.max(until);
        let whole = self.not_before.saturating_sub(*since);
        if whole > LONGEST_THROTTLE { Pause::TooLong(whole) } else { Pause::Until(self.not_before) }
    }

    /// Notes an answer that is no call to slow down, to a request sent at `sent`. Ends the series only when it was
    /// sent after the last pause: one success of a request that was under way proves nothing.
    pub fn answered(&mut self, sent: Duration) {
        if sent >= self.not_before {
            self.throttled = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn s(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    proptest! {
        /// In every window of the stated length no more than rate + burst.
        #[test]
        fn no_window_holds_more_than_the_rate_and_its_burst(
            count in 1_u32..50, per_ms in 100_u64..10_000, burst in 1_u32..10,
            gaps in proptest::collection::vec(0_u64..2_000, 1..200),
        ) {
            let per = Duration::from_millis(per_ms);
            let mut rate = Rate::new(count, per, burst);
            let mut now = Duration::ZERO;
            let mut sent = Vec::new();
            for gap in gaps {
                now += Duration::from_millis(gap);
                let at = rate.take(now);
                prop_assert!(at >= now);
                now = at;
                sent.push(at);
            }
            for (index, start) in sent.iter().enumerate() {
                let in_window = sent[index..].iter().take_while(|at| **at < *start + per).count();
                prop_assert!(in_window <= (count + burst) as usize);
            }
        }

        #[test]
        fn a_pause_is_never_shortened(calls in proptest::collection::vec((0_u64..100, proptest::option::of(0_u64..500)), 1..50)) {
            let mut pace = Pace::default();
            let mut now = Duration::ZERO;
            for (gap, asked) in calls {
                now += Duration::from_secs(gap);
                let before = pace.not_before();
                pace.slow_down(now, asked.map(Duration::from_secs), 0.5);
                prop_assert!(pace.not_before() >= before);
                prop_assert!(pace.permit(now) >= pace.not_before());
            }
        }
    }

    #[test]
    fn a_steady_rate_uses_nearly_all_it_may() {
        let mut rate = Rate::new(90, s(60.0), 1);
        let last = (0..90).map(|_| rate.take(Duration::ZERO)).last().unwrap();
        assert!(last > s(59.0) && last < s(61.0), "{last:?}");
    }

    #[test]
    fn an_episode_of_refusals_makes_one_pause() {
        let mut pace = Pace::default();
        assert_eq!(pace.slow_down(s(10.0), None, 1.0), Pause::Until(s(11.0)));
        for _ in 0..20 {
            assert_eq!(pace.slow_down(s(10.5), None, 1.0), Pause::Until(s(11.0)), "still the same episode");
        }
        pace.answered(s(10.2));
        assert_eq!(
            pace.slow_down(s(12.0), None, 1.0),
            Pause::Until(s(14.0)),
            "sent before the pause: proves nothing"
        );
        pace.answered(s(14.5));
        assert_eq!(pace.slow_down(s(15.0), None, 1.0), Pause::Until(s(16.0)));
    }

    #[test]
    fn what_the_service_asks_for_is_kept_up_to_a_bound() {
        let mut pace = Pace::default();
        assert_eq!(pace.slow_down(s(0.0), Some(s(30.0)), 0.0), Pause::Until(s(30.0)));
        assert_eq!(pace.slow_down(s(1.0), Some(s(5.0)), 0.0), Pause::Until(s(30.0)));
        assert_eq!(pace.slow_down(s(2.0), Some(s(601.0)), 0.0), Pause::TooLong(s(603.0)));
    }
}
