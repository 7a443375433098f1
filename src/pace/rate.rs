//! A rate, kept exactly.

use std::time::Duration;

/// Half of the distance kept from the stated rate is given to requests that go out late: so much of each window, and
/// at most this.
const LATE: Duration = Duration::from_millis(250);
const LATE_SHARE: u32 = 200;

/// A rate: GCRA (the virtual-scheduling form of ITU-T I.371).
///
/// Keeps 1 % below the stated rate. Half of that is left to the network, so that a server that counts by its own clock
/// sees no window above the rate; the other half is what a request may go out late without time being lost.
#[derive(Clone, Debug)]
pub struct Rate {
    interval: Duration,
    tolerance: Duration,
    window: Duration,
    /// The theoretical arrival time of the next request.
    next: Duration,
}

impl Rate {
    /// Makes a rate of `count` requests `per` time: no window of that length holds more. With a `burst`, so many may go
    /// at once after a rest, and a window holds up to `count + burst - 1`.
    pub fn new(count: u32, per: Duration, burst: Option<u32>) -> Self {
        let interval = per.mul_f64(1.01) / count.max(1);
        let late = (per / LATE_SHARE).min(LATE);
        let tolerance = interval.saturating_mul(burst.unwrap_or(1).saturating_sub(1)).max(late);
        Self { interval, tolerance, window: per, next: Duration::ZERO }
    }

    /// Takes over from another rate, or from none: what went out before counts, so that no window that a request under
    /// this rate falls into holds more than it. A lower rate begins with a window without requests, since the last one
    /// may have held more than it allows.
    #[must_use]
    pub fn taking_over(mut self, from: Option<&Self>, now: Duration) -> Self {
        match from {
            Some(from) if from.interval >= self.interval => self.next = from.next,
            _ => self.postpone(now.saturating_add(self.window.mul_f64(1.01))),
        }
        self
    }

    /// Gives the instant from which on a permit holds, `now` or later, if `ahead` others are taken before it.
    pub fn due(&self, now: Duration, ahead: u32) -> Duration {
        let arrival = self.next.max(now).saturating_add(self.interval.saturating_mul(ahead));
        arrival.saturating_sub(self.tolerance).max(now)
    }

    /// Takes a permit, if one holds now.
    pub fn take(&mut self, now: Duration) -> bool {
        let is_due = self.due(now, 0) <= now;
        if is_due {
            self.next = self.next.max(now).saturating_add(self.interval);
        }
        is_due
    }

    /// Notes that a request whose permit was taken before went out only now.
    pub fn went_out(&mut self, now: Duration) {
        self.next = self.next.max(now.saturating_add(self.interval));
    }

    /// Gives no permit before this instant, nor more than one then: others have used the rate up.
    pub fn postpone(&mut self, until: Duration) {
        self.next = self.next.max(until.saturating_add(self.tolerance));
    }

    /// The time between two requests, and by how much they may fall short of it together.
    pub fn terms(&self) -> (Duration, Duration) {
        (self.interval, self.tolerance)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn s(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// Takes the next permit, and says when it held.
    fn next(rate: &mut Rate, now: Duration) -> Duration {
        let at = rate.due(now, 0);
        assert!(rate.take(at) && at >= now);
        at
    }

    /// The most that any window of this length holds, both its ends included.
    fn most_in(sent: &[Duration], window: Duration) -> usize {
        let within =
            |start: &Duration| sent.iter().filter(|at| **at >= *start && **at <= *start + window).count();
        sent.iter().map(within).max().unwrap_or(0)
    }

    proptest! {
        #[test]
        fn no_window_holds_more_than_the_rate_and_what_a_burst_adds(
            count in 1_u32..50, per_ms in 100_u64..10_000, burst in proptest::option::of(1_u32..10),
            gaps in proptest::collection::vec(0_u64..2_000, 1..200),
        ) {
            let per = Duration::from_millis(per_ms);
            let mut rate = Rate::new(count, per, burst);
            let mut now = Duration::ZERO;
            let mut sent = Vec::new();
            for gap in gaps {
                // Most come as soon as they may.
                now = next(&mut rate, now + Duration::from_millis(gap.saturating_sub(1_500)));
                sent.push(now);
            }
            prop_assert!(most_in(&sent, per) <= (count + burst.unwrap_or(1) - 1) as usize);
        }

        #[test]
        fn what_is_due_behind_others_is_due_when_they_have_gone(
            count in 1_u32..50, burst in proptest::option::of(1_u32..10), taken in 0_u32..20, ahead in 0_u32..20,
        ) {
            let mut rate = Rate::new(count, s(1.0), burst);
            for _ in 0..taken {
                next(&mut rate, s(5.0));
            }
            let promised = rate.due(s(5.0), ahead);
            for _ in 0..ahead {
                next(&mut rate, s(5.0));
            }
            prop_assert_eq!(promised, next(&mut rate, s(5.0)));
        }
    }

    #[test]
    fn a_steady_rate_uses_nearly_all_it_may_also_when_each_request_is_a_little_late() {
        for late in [0, 1, 4] {
            let mut rate = Rate::new(100, s(1.0), None);
            let mut now = Duration::ZERO;
            for _ in 0..1_000 {
                now = rate.due(now, 0) + Duration::from_millis(late);
                assert!(rate.take(now));
            }
            assert!(now > s(10.0) && now < s(10.2), "{late} ms late: {now:?}");
        }
    }

    proptest! {
        #[test]
        fn no_window_that_reaches_beyond_a_change_holds_more_than_the_new_rate(
            counts in (1_u32..50, 1_u32..50), pers_ms in (1_000_u64..10_000, 1_000_u64..10_000),
            burst in proptest::option::of(1_u32..5), before in 0_usize..100, is_rated: bool,
        ) {
            let [from, to] = [(counts.0, pers_ms.0), (counts.1, pers_ms.1)]
                .map(|(count, ms)| Rate::new(count, Duration::from_millis(ms), burst));
            let (mut from, mut now, mut sent) = (is_rated.then_some(from), s(1.0), Vec::new());
            for _ in 0..before {
                now = from.as_mut().map_or(now, |rate| next(rate, now));
                sent.push(now);
            }
            let mut to = to.taking_over(from.as_ref(), now);
            let changed = sent.len();
            for _ in 0..100 {
                now = next(&mut to, now);
                sent.push(now);
            }
            let (window, most) = (Duration::from_millis(pers_ms.1), counts.1 + burst.unwrap_or(1) - 1);
            for last in changed..sent.len() {
                let within = sent[..=last].iter().filter(|at| **at + window >= sent[last]).count();
                prop_assert!(within <= most as usize, "{} of {}", within, most);
            }
        }
    }

    #[test]
    fn what_others_have_used_up_is_not_given_again() {
        let mut rate = Rate::new(60, s(60.0), Some(5));
        rate.postpone(s(30.0));
        assert_eq!(rate.due(s(1.0), 0), s(30.0));
        assert!(!rate.take(s(29.9)) && rate.take(s(30.0)) && !rate.take(s(30.5)));
        rate.postpone(s(2.0));
        assert!(rate.due(s(30.0), 0) > s(31.0), "and never moved forward");
    }
}
