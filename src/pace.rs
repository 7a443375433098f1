//! When the next send may go: a rate, kept exactly, and pauses that the service asked for.
//!
//! Times are durations since the run's start, so that nothing here reads a clock.

mod rate;

use std::time::Duration;

pub use rate::Rate;

/// The first pause when the service asks to slow down and does not say for how long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long calls to slow down may hold a run on end, unless the manifest says otherwise (`limits.throttle`).
pub const LONGEST_THROTTLE: Duration = Duration::from_secs(600);

/// What a request is, as far as rates tell requests apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// It has a row executed.
    Invoke,
    /// It asks for a result.
    Poll,
}

/// The rates of one key.
#[derive(Clone, Debug)]
pub enum Rates {
    /// The service counts invokes and polls apart, or one of them not at all.
    Apart {
        /// Of invokes.
        invoke: Option<Rate>,
        /// Of polls.
        poll: Option<Rate>,
    },
    /// The service counts all requests together.
    Shared(Rate),
}

impl Default for Rates {
    fn default() -> Self {
        Self::Apart { invoke: None, poll: None }
    }
}

impl Rates {
    /// Gives the rate that requests of a kind count against.
    pub fn of(&self, request: Request) -> Option<&Rate> {
        match (self, request) {
            (Self::Shared(rate), _) => Some(rate),
            (Self::Apart { invoke, .. }, Request::Invoke) => invoke.as_ref(),
            (Self::Apart { poll, .. }, Request::Poll) => poll.as_ref(),
        }
    }

    fn of_mut(&mut self, request: Request) -> Option<&mut Rate> {
        match (self, request) {
            (Self::Shared(rate), _) => Some(rate),
            (Self::Apart { invoke, .. }, Request::Invoke) => invoke.as_mut(),
            (Self::Apart { poll, .. }, Request::Poll) => poll.as_mut(),
        }
    }
}

/// What a call to slow down leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// Nothing is sent before this instant.
    Until(Duration),
    /// The pause would be too long: the run suspends itself.
    TooLong(Duration),
}

/// When the next request with one key to one host may go.
#[derive(Clone, Debug)]
pub struct Pace {
    rates: Rates,
    longest_throttle: Duration,
    not_before: Duration,
    /// When the first of an unbroken series of calls to slow down came, and how many pauses it has led to.
    throttled: Option<(Duration, u32)>,
}

impl Default for Pace {
    fn default() -> Self {
        Self::new(Rates::default(), LONGEST_THROTTLE)
    }
}

impl Pace {
    /// Makes a pace with its rates; calls to slow down may hold it for `longest_throttle` on end.
    pub fn new(rates: Rates, longest_throttle: Duration) -> Self {
        Self { rates, longest_throttle, not_before: Duration::ZERO, throttled: None }
    }

    /// Gives the instant before which nothing may be sent.
    pub fn not_before(&self) -> Duration {
        self.not_before
    }

    /// Says whether there is neither a rate nor has there ever been a pause: nothing waits for anything here.
    pub fn is_free(&self) -> bool {
        self.not_before.is_zero()
            && ![Request::Invoke, Request::Poll].into_iter().any(|kind| self.has_rate(kind))
    }

    /// Says whether requests of a kind have a rate.
    pub fn has_rate(&self, request: Request) -> bool {
        self.rates.of(request).is_some()
    }

    /// Gives the rate that requests of a kind count against.
    pub fn rate(&self, request: Request) -> Option<&Rate> {
        self.rates.of(request)
    }

    /// Has other rates kept from now on; what went out before counts.
    pub fn set_rates(&mut self, rates: Rates, now: Duration) {
        let after = |request, rate: Rate| rate.taking_over(self.rates.of(request), now);
        self.rates = match rates {
            Rates::Shared(rate) => Rates::Shared(after(Request::Invoke, rate)),
            Rates::Apart { invoke, poll } => Rates::Apart {
                invoke: invoke.map(|rate| after(Request::Invoke, rate)),
                poll: poll.map(|rate| after(Request::Poll, rate)),
            },
        };
    }

    /// Gives the time between two requests of a kind at their rate; nothing without one.
    pub fn interval(&self, request: Request) -> Duration {
        self.rates.of(request).map_or(Duration::ZERO, |rate| rate.terms().0)
    }

    /// Gives the kind that a free request counts as, such as the first one, which asks whether the key is taken: where
    /// one rate counts all of them, or where invokes are so few that one more may be one too many.
    pub fn counts_as(&self) -> Option<Request> {
        const SLOW: Duration = Duration::from_millis(1_011);
        (self.is_shared() || self.interval(Request::Invoke) >= SLOW).then_some(Request::Invoke)
    }

    /// Gives no permit before this instant and a rest: an earlier process may have used up the rates until now.
    pub fn begin_used_up(&mut self, now: Duration) {
        for request in [Request::Invoke, Request::Poll] {
            self.postpone(request, now.saturating_add(self.interval(request)));
        }
    }

    /// Says whether all requests count against one rate.
    pub fn is_shared(&self) -> bool {
        matches!(self.rates, Rates::Shared(_))
    }

    /// Gives the instant from which on a request may go, if `ahead` others of its rate go before it.
    pub fn due(&self, request: Request, now: Duration, ahead: u32) -> Duration {
        let now = now.max(self.not_before);
        self.rates.of(request).map_or(now, |rate| rate.due(now, ahead))
    }

    /// Takes a permit for a request, if one holds now. To be called at the socket, with the intent durable.
    pub fn take(&mut self, request: Request, now: Duration) -> bool {
        now >= self.not_before && self.rates.of_mut(request).is_none_or(|rate| rate.take(now))
    }

    /// Notes that a request whose permit was taken before went out only now.
    pub fn went_out(&mut self, request: Request, now: Duration) {
        if let Some(rate) = self.rates.of_mut(request) {
            rate.went_out(now);
        }
    }

    /// Notes that others have used up the rate until an instant.
    pub fn postpone(&mut self, request: Request, until: Duration) {
        if let Some(rate) = self.rates.of_mut(request) {
            rate.postpone(until);
        }
    }

    /// Notes that the service will take nothing until an instant, which it has said ahead of time.
    pub fn hold(&mut self, until: Duration) {
        self.not_before = self.not_before.max(until);
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
            Some(asked) => now.saturating_add(asked),
            None if new_episode => now + guessed(),
            None => self.not_before,
        };
        self.not_before = self.not_before.max(until);
        let whole = self.not_before.saturating_sub(*since);
        if whole > self.longest_throttle { Pause::TooLong(whole) } else { Pause::Until(self.not_before) }
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
        #[test]
        fn a_pause_is_never_shortened(calls in proptest::collection::vec((0_u64..100, proptest::option::of(0_u64..500)), 1..50)) {
            let mut pace = Pace::default();
            let mut now = Duration::ZERO;
            for (gap, asked) in calls {
                now += Duration::from_secs(gap);
                let before = pace.not_before();
                pace.slow_down(now, asked.map(Duration::from_secs), 0.5);
                prop_assert!(pace.not_before() >= before);
                prop_assert!(pace.due(Request::Invoke, now, 0) >= pace.not_before());
            }
        }
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

    #[test]
    fn the_manifest_says_how_long_calls_to_slow_down_may_hold_a_run() {
        let mut pace = Pace::new(Rates::default(), s(20.0));
        assert_eq!(pace.slow_down(s(0.0), Some(s(20.0)), 0.0), Pause::Until(s(20.0)));
        assert_eq!(pace.slow_down(s(20.5), Some(s(1.0)), 0.0), Pause::TooLong(s(21.5)), "on end");
        let mut pace = Pace::new(Rates::default(), s(20.0));
        assert_eq!(pace.slow_down(s(0.0), Some(Duration::MAX), 0.0), Pause::TooLong(Duration::MAX));
    }

    #[test]
    fn a_pause_holds_requests_of_every_kind_and_takes_no_permit_from_them() {
        let rate = || Some(Rate::new(60, s(60.0), None));
        let mut pace = Pace::new(Rates::Apart { invoke: rate(), poll: None }, s(600.0));
        assert!(pace.take(Request::Invoke, s(0.0)) && pace.take(Request::Poll, s(0.0)));
        pace.hold(s(10.0));
        assert!(!pace.take(Request::Invoke, s(9.0)) && !pace.take(Request::Poll, s(9.0)));
        assert_eq!(pace.due(Request::Poll, s(3.0), 5), s(10.0));
        assert!(pace.take(Request::Invoke, s(10.0)) && !pace.take(Request::Invoke, s(10.0)));
        let mut pace = Pace::new(Rates::Shared(Rate::new(60, s(60.0), None)), s(600.0));
        assert!(pace.is_shared() && pace.take(Request::Poll, s(0.0)) && !pace.take(Request::Invoke, s(0.1)));
    }
}
