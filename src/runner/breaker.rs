//! The breaker: when everything that is sent is refused, all sends pause, and one at a time probes whether the service
//! is back. A value without a clock: times are durations since the process's start.

use std::time::Duration;

use crate::manifest::Retry;
use crate::model::RowNumber;

/// So many refusals in a row, with no answer between them, open the breaker...
const REFUSALS: usize = 5;
/// ...or this share of the rows that may be in flight, when that is more.
const SHARE: usize = 4;
/// Probes after which a service that this run has never reached is taken to be at another address.
const PROBES_OF_A_STRANGER: u32 = 7;
/// The longest pause is at least this, however short back-off is: probing for hours must stay cheap.
const LEAST_LONGEST: Duration = Duration::from_secs(1);

/// Why a run does not wait any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GivenUp {
    /// The service has answered before, and not for so long.
    Outage(Duration),
    /// It has never answered.
    NeverReached,
}

/// Whether sends go out.
#[derive(Clone, Debug)]
pub(crate) struct Breaker {
    first: Duration,
    longest: Duration,
    /// An outage that lasts longer suspends the run.
    bound: Duration,
    /// Whether the service has ever answered this run.
    answered: bool,
    /// Refusals since the last answer.
    refusals: usize,
    open: Option<Open>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    since: Duration,
    not_before: Duration,
    probes: u32,
    probe: Option<RowNumber>,
}

impl Breaker {
    /// Makes a closed breaker; `answered` says whether the service has answered an earlier process of the run.
    pub(crate) fn new(retry: &Retry, answered: bool) -> Self {
        Self {
            first: retry.backoff.first,
            longest: retry.backoff.longest.max(LEAST_LONGEST),
            bound: retry.outage,
            answered,
            refusals: 0,
            open: None,
        }
    }

    /// Says since when all sends are held back, when they are.
    pub(crate) fn open_since(&self) -> Option<Duration> {
        self.open.map(|open| open.since)
    }

    /// Says whether something was refused, with no answer since, and too little to hold sends back.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.open.is_none() && self.refusals > 0
    }

    /// The instant before which nothing is sent.
    pub(crate) fn not_before(&self) -> Duration {
        self.open.map_or(Duration::ZERO, |open| open.not_before)
    }

    /// The row that probes, or did so last.
    pub(crate) fn probe(&self) -> Option<RowNumber> {
        self.open.and_then(|open| open.probe)
    }

    /// Says whether a row may be sent: while the breaker is open, the one that probes.
    pub(crate) fn lets_through(&self, row: RowNumber) -> bool {
        self.open.is_none_or(|open| open.probe == Some(row))
    }

    /// Notes that a row starts: it probes, when the breaker is open.
    pub(crate) fn begin(&mut self, row: RowNumber) {
        if let Some(open) = &mut self.open {
            open.probe = Some(row);
        }
    }

    /// Notes that the service answered a row. While the breaker is open only the probe's answer counts: others were
    /// sent before, and may have been a long time on their way.
    pub(crate) fn answered(&mut self, row: RowNumber) {
        if self.lets_through(row) {
            (self.open, self.refusals, self.answered) = (None, 0, true);
        }
    }

    /// Notes that a row was refused, or that its answer was lost while it probed; `places` may be in flight. Says when
    /// it is time to give up.
    pub(crate) fn refused(
        &mut self,
        row: RowNumber,
        now: Duration,
        places: usize,
        random: f64,
    ) -> Option<GivenUp> {
        self.refusals += 1;
        let Some(open) = self.open else {
            if self.refusals >= REFUSALS.max(places / SHARE) {
                let not_before = now + self.pause(0, random);
                self.open = Some(Open { since: now, not_before, probes: 0, probe: None });
            }
            return None;
        };
        if open.probe != Some(row) {
            return None;
        }
        let (probes, end) = (open.probes + 1, open.since + self.bound);
        // The last probe goes out when the bound is reached, so that the whole of it is waited for.
        let not_before = (now + self.pause(probes, random)).min(end.max(now));
        self.open = Some(Open { probes, probe: None, not_before, ..open });
        if !self.answered && probes >= PROBES_OF_A_STRANGER {
            return Some(GivenUp::NeverReached);
        }
        (now >= end).then(|| GivenUp::Outage(now.saturating_sub(open.since)))
    }

    /// Pauses double, and are never quite those of other clients.
    fn pause(&self, probes: u32, random: f64) -> Duration {
        let doubled = self.first.saturating_mul(1 << probes.min(20)).min(self.longest);
        doubled.mul_f64(0.75 + random.clamp(0.0, 1.0) / 4.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Backoff;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn breaker(answered: bool) -> Breaker {
        let backoff = Backoff { first: s(1), longest: s(60) };
        Breaker::new(&Retry { backoff, outage: s(1_800), ..Retry::default() }, answered)
    }

    /// Refusals until it opens.
    fn refusals(places: usize) -> usize {
        let mut breaker = breaker(true);
        let mut count = 0;
        while breaker.open_since().is_none() {
            breaker.refused(1, s(1), places, 1.0);
            count += 1;
        }
        count
    }

    #[test]
    fn it_opens_when_everything_is_refused_and_not_before() {
        assert_eq!([refusals(1), refusals(20), refusals(64)], [5, 5, 16]);
        let mut breaker = breaker(true);
        for row in 0..1_000 {
            if row % 5 == 4 {
                breaker.answered(row);
            } else {
                breaker.refused(row, s(row), 1, 1.0);
            }
        }
        assert_eq!(breaker.open_since(), None, "one answer in five is not an outage");
    }

    #[test]
    fn an_outage_is_probed_at_growing_intervals_and_given_up_at_its_bound() {
        let mut breaker = breaker(true);
        (0..5).for_each(|row| assert_eq!(breaker.refused(row, s(100), 1, 1.0), None));
        let mut probes = Vec::new();
        let given_up = loop {
            let now = breaker.not_before();
            assert!(!breaker.lets_through(7) && breaker.probe().is_none());
            breaker.begin(7);
            assert!(breaker.lets_through(7) && !breaker.lets_through(8));
            breaker.answered(8);
            assert_eq!(breaker.refused(8, now, 1, 1.0), None, "sent before: says nothing new");
            probes.push(now.saturating_sub(s(100)).as_secs());
            if let Some(given_up) = breaker.refused(7, now, 1, 1.0) {
                break given_up;
            }
        };
        assert_eq!(given_up, GivenUp::Outage(s(1_800)));
        assert_eq!(probes[..7], [1, 3, 7, 15, 31, 63, 123]);
        assert_eq!((probes.len(), probes.last()), (35, Some(&1_800)));
    }

    #[test]
    fn the_probes_answer_closes_it() {
        let mut breaker = breaker(true);
        (0..5).for_each(|row| assert_eq!(breaker.refused(row, s(1), 1, 1.0), None));
        breaker.begin(9);
        breaker.answered(9);
        assert!(breaker.open_since().is_none() && breaker.lets_through(1) && breaker.not_before().is_zero());
        (0..4).for_each(|row| assert_eq!(breaker.refused(row, s(1), 1, 1.0), None));
        assert_eq!(breaker.open_since(), None, "counted anew");
    }

    #[test]
    fn a_service_that_never_answered_is_given_up_soon() {
        let mut breaker = breaker(false);
        (0..5).for_each(|row| assert_eq!(breaker.refused(row, s(0), 1, 1.0), None));
        let given_up = std::iter::repeat_with(|| {
            let now = breaker.not_before();
            breaker.begin(1);
            (breaker.refused(1, now, 1, 1.0), now)
        })
        .find(|(given_up, _)| given_up.is_some());
        assert_eq!(given_up, Some((Some(GivenUp::NeverReached), s(123))));
    }
}
