//! How many rows may be in flight now: a fixed number, or one that follows what the service bears. Additive increase,
//! multiplicative decrease, as a value; it reads no clock: times are durations since the process's start.

use std::time::Duration;

use crate::manifest::Concurrency;
use crate::model::Places;

/// Where an adaptive limit starts, if the ceiling is not lower: what a run without `limits.concurrency` has.
const START: usize = 8;
/// One round of answers adds this share of the ceiling, at least one, so that a high ceiling is reached within
/// so many rounds too.
const ROUNDS: usize = 32;
/// After a cut the limit neither grows nor is cut for so long.
const QUIET: Duration = Duration::from_secs(1);
/// What the service asks to wait extends that by this much at most: however long it is, the limit lives on.
const LONGEST_QUIET: Duration = Duration::from_secs(60);
/// A lost or refused connection weighs as much as so many answers: below one in so many they are noise.
const TROUBLE: u32 = 10;
/// So much trouble is overload.
const TOO_MUCH_TROUBLE: u32 = 3 * TROUBLE;

/// The limit of rows in flight, and how it came about.
#[derive(Clone, Debug)]
pub(crate) struct Adaptive {
    max: usize,
    follows: bool,
    limit: usize,
    lowest: usize,
    /// Answers since the limit last changed that prove that it was borne.
    answers: usize,
    /// When it was last reached.
    reached_at: Option<Duration>,
    /// When it was last cut. What was sent before belongs to that episode, and proves nothing.
    cut_at: Option<Duration>,
    quiet_until: Duration,
    trouble: u32,
}

impl Adaptive {
    pub(crate) fn new(concurrency: Concurrency) -> Self {
        let Concurrency { max, adaptive: follows } = concurrency;
        let limit = if follows { max.min(START) } else { max };
        Self {
            max,
            follows,
            limit,
            lowest: limit,
            answers: 0,
            reached_at: None,
            cut_at: None,
            quiet_until: Duration::ZERO,
            trouble: 0,
        }
    }

    /// The rows that may be in flight now.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    pub(crate) fn max(&self) -> usize {
        self.max
    }

    pub(crate) fn follows(&self) -> bool {
        self.follows
    }

    /// What is to be said of it in the end; nothing when it never moved by itself.
    pub(crate) fn seen(&self) -> Option<Places> {
        self.follows.then_some(Places { lowest: self.lowest as u64, last: self.limit as u64 })
    }

    /// Changes the ceiling, and whether the limit moves below it.
    pub(crate) fn set(&mut self, concurrency: Concurrency) {
        (self.max, self.follows) = (concurrency.max, concurrency.adaptive);
        self.limit = if self.follows { self.limit.min(self.max) } else { self.max };
        self.lowest = self.lowest.min(self.limit);
        (self.answers, self.reached_at) = (0, None);
    }

    /// Notes that so many rows are in flight.
    pub(crate) fn note_in_flight(&mut self, now: Duration, in_flight: usize) {
        if in_flight >= self.limit {
            self.reached_at = Some(now);
        }
    }

    /// Notes an answer to what was sent at `sent`. The limit grows when a whole round of answers came while it was
    /// really used: a limit that nothing presses against proves nothing.
    pub(crate) fn answered(&mut self, now: Duration, sent: Duration) {
        self.trouble = self.trouble.saturating_sub(1);
        let of_an_episode = now < self.quiet_until || self.cut_at.is_some_and(|cut| sent <= cut);
        let was_used = self.reached_at.is_some_and(|reached| reached >= sent);
        if !self.follows || of_an_episode || !was_used || self.limit >= self.max {
            return;
        }
        self.answers += 1;
        if self.answers >= self.limit {
            self.limit = (self.limit + self.max.div_ceil(ROUNDS)).min(self.max);
            (self.answers, self.reached_at) = (0, None);
        }
    }

    /// Notes that the service was asked for too much, by its own word. One episode makes one cut: what was sent
    /// before the cut, and what comes within the quiet time after it, only says again what is known.
    pub(crate) fn overloaded(&mut self, now: Duration, sent: Duration, asked: Option<Duration>) {
        if !self.follows {
            return;
        }
        let quiet = now + asked.unwrap_or_default().clamp(QUIET, LONGEST_QUIET);
        if self.cut_at.is_some_and(|cut| sent <= cut) {
            // Subtle: only what the episode itself sent extends it, which is bounded; else a trickle of refusals
            // would keep the limit where it is for ever.
            self.quiet_until = self.quiet_until.max(quiet);
            return;
        }
        if now < self.quiet_until {
            return;
        }
        self.limit = (self.limit / 2).max(1);
        self.lowest = self.lowest.min(self.limit);
        (self.cut_at, self.quiet_until) = (Some(now), quiet);
        (self.answers, self.reached_at, self.trouble) = (0, None, 0);
    }

    /// Notes a connection that was refused or lost. One says little; more than one in ten is overload.
    pub(crate) fn troubled(&mut self, now: Duration, sent: Duration) {
        self.trouble += TROUBLE;
        if self.trouble >= TOO_MUCH_TROUBLE {
            self.trouble = 0;
            self.overloaded(now, sent, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever comes, the limit stays within its bounds, and a good hour brings it back to its ceiling.
        #[test]
        fn it_stays_within_bounds_and_always_comes_back(
            max in 1_usize..300,
            steps in proptest::collection::vec((0_u8..4, 0_u64..5_000, 0_u64..10_000, any::<u64>()), 0..200),
        ) {
            let mut limit = limit_of(max);
            let mut now = Duration::ZERO;
            for (what, gap, age, asked) in steps {
                now += Duration::from_millis(gap);
                let sent = now.saturating_sub(Duration::from_millis(age));
                match what {
                    0 => limit.overloaded(now, sent, Some(Duration::from_millis(asked))),
                    1 => limit.troubled(now, sent),
                    2 => limit.answered(now, sent),
                    _ => limit.note_in_flight(now, limit.limit()),
                }
                prop_assert!((1..=max).contains(&limit.limit()) && limit.lowest <= limit.limit());
            }
            let later = now + LONGEST_QUIET;
            (1..=2 * ROUNDS).for_each(|n| round(&mut limit, later.as_secs_f64() + f64::from(u32::try_from(n).unwrap())));
            prop_assert_eq!(limit.limit(), max);
        }
    }

    fn s(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn limit_of(max: usize) -> Adaptive {
        Adaptive::new(Concurrency { max, adaptive: true })
    }

    /// A round that uses the limit to the full: all sent at `at`, all answered a little later.
    fn round(limit: &mut Adaptive, at: f64) {
        let width = limit.limit();
        limit.note_in_flight(s(at), width);
        (0..width).for_each(|_| limit.answered(s(at + 0.1), s(at)));
    }

    #[test]
    fn a_fixed_limit_never_moves() {
        let mut limit = Adaptive::new(Concurrency { max: 64, adaptive: false });
        for second in 0..100 {
            limit.overloaded(s(f64::from(second)), s(f64::from(second)), None);
        }
        assert_eq!((limit.limit(), limit.lowest), (64, 64));
    }

    #[test]
    fn it_grows_by_a_round_up_to_its_ceiling_and_no_further() {
        let mut limit = limit_of(10);
        let grown: Vec<_> = (0..4)
            .map(|second| {
                round(&mut limit, f64::from(second));
                limit.limit()
            })
            .collect();
        assert_eq!(grown, [9, 10, 10, 10]);
        assert_eq!(limit_of(3).limit(), 3, "it starts no higher than its ceiling");
        let mut high = limit_of(1_000);
        (0..32).for_each(|second| round(&mut high, f64::from(second)));
        assert_eq!(high.limit(), 1_000, "a high ceiling is reached as soon");
    }

    #[test]
    fn a_limit_that_is_not_used_does_not_grow() {
        let mut limit = limit_of(32);
        for second in 0..1_000 {
            let at = s(f64::from(second));
            limit.note_in_flight(at, 7);
            limit.answered(at + s(0.1), at);
        }
        assert_eq!(limit.limit(), 8);
        // Reached once, long before what is answered now was sent.
        limit.note_in_flight(s(2_000.0), 8);
        (0..100).for_each(|_| limit.answered(s(3_000.1), s(3_000.0)));
        assert_eq!(limit.limit(), 8);
    }

    #[test]
    fn a_hundred_refusals_of_one_episode_make_one_cut() {
        let mut limit = limit_of(100);
        (0..24).for_each(|second| round(&mut limit, f64::from(second)));
        let before = limit.limit();
        for n in 0..100 {
            limit.overloaded(s(30.0 + f64::from(n) * 0.05), s(29.0 + f64::from(n) * 0.009), None);
        }
        assert_eq!(limit.limit(), before / 2);
        limit.overloaded(s(40.0), s(39.0), None);
        assert_eq!(limit.limit(), before / 4, "what is sent after the cut is judged anew");
    }

    #[test]
    fn one_answer_to_an_earlier_send_ends_no_episode() {
        let mut limit = limit_of(64);
        round(&mut limit, 0.0);
        limit.overloaded(s(10.0), s(9.0), Some(s(20.0)));
        limit.note_in_flight(s(10.0), 64);
        (0..100).for_each(|_| limit.answered(s(31.0), s(9.5)));
        assert_eq!(limit.limit(), 5, "sent before the cut: proves nothing, also when it comes late");
        (0..100).for_each(|_| limit.answered(s(29.0), s(11.0)));
        assert_eq!(limit.limit(), 5, "answered within the quiet time");
        round(&mut limit, 30.0);
        assert_eq!(limit.limit(), 7);
    }

    #[test]
    fn a_long_retry_after_does_not_freeze_the_limit() {
        let mut limit = limit_of(8);
        limit.overloaded(s(1.0), s(0.5), Some(Duration::MAX));
        round(&mut limit, 60.0);
        assert_eq!(limit.limit(), 4, "still quiet");
        round(&mut limit, 61.0);
        assert_eq!(limit.limit(), 5);
        // Nor does a trickle of refusals that each ask for a minute: each minute has its cut.
        for second in 70..400 {
            limit.overloaded(s(f64::from(second)), s(f64::from(second) - 0.1), Some(s(60.0)));
        }
        assert_eq!(limit.limit(), 1);
        round(&mut limit, 500.0);
        assert_eq!((limit.limit(), limit.lowest), (2, 1));
    }

    #[test]
    fn a_lost_connection_now_and_then_is_noise_and_many_are_overload() {
        let mut limit = limit_of(8);
        for n in 0..1_000 {
            let at = s(f64::from(n));
            if n % 20 == 0 { limit.troubled(at, at) } else { limit.answered(at, at) }
        }
        assert_eq!(limit.limit(), 8);
        for n in 0..5 {
            limit.troubled(s(2_000.0), s(1_999.0 + f64::from(n) * 0.1));
        }
        assert_eq!(limit.limit(), 4);
    }

    #[test]
    fn a_changed_ceiling_holds_at_once() {
        let mut limit = limit_of(64);
        limit.set(Concurrency { max: 3, adaptive: true });
        assert_eq!((limit.limit(), limit.max(), limit.lowest), (3, 3, 3));
        limit.set(Concurrency { max: 16, adaptive: true });
        assert_eq!(limit.limit(), 3, "it grows as usual");
        limit.set(Concurrency { max: 16, adaptive: false });
        assert_eq!((limit.limit(), limit.follows()), (16, false));
    }
}
