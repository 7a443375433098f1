//! What may start now: places, the bound on rows started, and the rule that halts a run.

use std::time::Duration;

use rust_decimal::Decimal;

use crate::manifest::{Concurrency, Halt};
use crate::model::{Limit, Outcome};
use crate::runner::adaptive::Adaptive;

/// Counts what limits starts.
#[derive(Debug)]
pub(crate) struct Admission {
    places: Adaptive,
    in_flight: usize,
    halt: Option<Halt>,
    /// Rows of this process that ended, and those of them that did not succeed. A run that was halted can be resumed,
    /// so what earlier processes did does not count.
    finished: u64,
    failures: u64,
}

impl Admission {
    pub(crate) fn new(concurrency: Concurrency, halt: Option<Halt>) -> Self {
        Self { places: Adaptive::new(concurrency), in_flight: 0, halt, finished: 0, failures: 0 }
    }

    /// Takes a place, if there is one.
    pub(crate) fn take_place(&mut self, now: Duration) -> bool {
        let free = self.has_place();
        self.in_flight += usize::from(free);
        self.places.note_in_flight(now, self.in_flight);
        free
    }

    /// The limit of places, which may move.
    pub(crate) fn places(&self) -> &Adaptive {
        &self.places
    }

    pub(crate) fn places_mut(&mut self) -> &mut Adaptive {
        &mut self.places
    }

    /// Takes a place for a row that the provider runs already: it is in flight whether there is room or not.
    pub(crate) fn take_place_regardless(&mut self) {
        self.in_flight += 1;
    }

    pub(crate) fn give_place_back(&mut self) {
        self.in_flight -= 1;
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(crate) fn has_place(&self) -> bool {
        self.in_flight < self.places.limit()
    }

    /// The most rows that may be begun and not ended: in flight, waiting for another attempt or for the disk. It is
    /// the bound of memory.
    pub(crate) fn most_started(&self) -> usize {
        self.places.max() * 2
    }

    /// Notes the end of a row, and says why the run halts when it does.
    pub(crate) fn note_end(&mut self, outcome: Outcome) -> Option<String> {
        self.finished += 1;
        self.failures += u64::from(outcome != Outcome::Succeeded);
        let halt = self.halt?;
        let reached = match halt.failures {
            Limit::Count(most) => self.failures >= most.max(1),
            Limit::Share(share) => {
                self.finished >= halt.after
                    && self.failures > 0
                    && Decimal::from(self.failures) >= share * Decimal::from(self.finished)
            }
        };
        reached
            .then(|| format!("{} of {} rows did not succeed (`limits.halt`)", self.failures, self.finished))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(failures: Limit, after: u64, outcomes: &str, halted_at: Option<usize>) {
        let mut admission = Admission::new(Concurrency::fixed(1), Some(Halt { failures, after }));
        let halted = outcomes.chars().position(|c| {
            admission.note_end(if c == '.' { Outcome::Succeeded } else { Outcome::Failed }).is_some()
        });
        assert_eq!(halted, halted_at, "{failures:?} after {after}: {outcomes}");
    }

    #[test]
    fn a_run_halts_when_its_rule_says_so_and_not_before() {
        let half = Limit::Share("0.5".parse().unwrap());
        check(half, 4, "fff.", Some(3));
        check(half, 4, "..ff", Some(3));
        check(half, 4, "...f......", None);
        check(half, 4, "f", None);
        check(Limit::Share("0".parse().unwrap()), 2, "..", None);
        check(Limit::Share("0".parse().unwrap()), 2, "..f", Some(2));
        check(Limit::Count(2), 20, ".f.f", Some(3));
        check(Limit::Count(0), 20, ".f", Some(1));
    }

    #[test]
    fn places_are_counted() {
        let mut admission = Admission::new(Concurrency::fixed(2), None);
        let now = Duration::ZERO;
        assert!(admission.take_place(now) && admission.take_place(now) && !admission.take_place(now));
        admission.give_place_back();
        assert!(admission.has_place() && admission.in_flight() == 1);
        admission.take_place_regardless();
        admission.take_place_regardless();
        assert!(!admission.take_place(now) && admission.in_flight() == 3);
    }
}
