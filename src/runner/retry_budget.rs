//! The run's budget of retries: an outage must not be answered with many times the load.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::model::Limit;

/// So many retries are always allowed, so that a short run can retry at all.
const FLOOR: u64 = 10;

/// Counts the retries of a process that did not help, against the rows that it sent.
#[derive(Clone, Debug)]
pub(crate) struct RetryBudget {
    limit: Limit,
    first_sends: u64,
    retries: u64,
    /// Retries beyond the budget that are under way.
    extra: usize,
}

/// What a retry is counted as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Charge {
    /// It is no retry.
    #[default]
    None,
    /// It waits for its turn.
    Due,
    /// It is within the budget.
    Within,
    /// It goes beyond it.
    Extra,
}

impl RetryBudget {
    pub(crate) fn new(limit: Limit) -> Self {
        Self { limit, first_sends: 0, retries: 0, extra: 0 }
    }

    pub(crate) fn note_first_send(&mut self) {
        self.first_sends += 1;
    }

    /// Takes a retry, of rows of which `places` may be in flight. When the budget is used up, retries go in small
    /// numbers side by side: the same share of the places, at least one. So they wait, and none is lost.
    pub(crate) fn take(&mut self, places: usize) -> Option<Charge> {
        let is_within = match self.limit {
            Limit::Count(count) => self.retries < count,
            Limit::Share(share) => {
                Decimal::from(self.retries) < share * Decimal::from(self.first_sends) + Decimal::from(FLOOR)
            }
        };
        let charge = if is_within {
            Charge::Within
        } else if self.extra < self.most_extra(places) {
            self.extra += 1;
            Charge::Extra
        } else {
            return None;
        };
        self.retries += 1;
        Some(charge)
    }

    fn most_extra(&self, places: usize) -> usize {
        let share = match self.limit {
            Limit::Count(_) => 0,
            Limit::Share(share) => (share * Decimal::from(places)).to_usize().unwrap_or(0),
        };
        share.max(1)
    }

    /// A retry beyond the budget is no longer under way.
    pub(crate) fn is_back(&mut self) {
        self.extra = self.extra.saturating_sub(1);
    }

    /// A retry was answered: it did help, and multiplied no outage.
    pub(crate) fn helped(&mut self) {
        self.retries = self.retries.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(percent: i64) -> RetryBudget {
        RetryBudget::new(Limit::Share(Decimal::new(percent, 2)))
    }

    #[test]
    fn a_short_run_can_retry_at_all() {
        let mut budget = share(20);
        let taken: Vec<_> = std::iter::from_fn(|| budget.take(1)).collect();
        assert_eq!(taken.len(), 11);
        assert!(taken[..10].iter().all(|charge| *charge == Charge::Within) && taken[10] == Charge::Extra);
    }

    #[test]
    fn retries_that_do_not_help_are_a_share_of_the_first_sends_and_then_few_at_a_time() {
        let mut budget = share(20);
        (0..1_000).for_each(|_| budget.note_first_send());
        let within = (0..1_000).take_while(|_| budget.take(64) == Some(Charge::Within)).count();
        assert_eq!(within, 210);
        let beyond = (0..1_000).take_while(|_| budget.take(64).is_some()).count();
        assert_eq!(beyond + 1, 12, "a fifth of 64 places");
        budget.is_back();
        assert_eq!(budget.take(64), Some(Charge::Extra), "as one comes back, another goes");
    }

    #[test]
    fn retries_that_help_cost_nothing() {
        let mut budget = share(0);
        for _ in 0..1_000 {
            assert_eq!(budget.take(1), Some(Charge::Within));
            budget.helped();
        }
    }

    #[test]
    fn a_count_is_a_count() {
        let mut budget = RetryBudget::new(Limit::Count(3));
        let taken: Vec<_> = std::iter::from_fn(|| budget.take(100)).collect();
        assert_eq!(taken, [Charge::Within, Charge::Within, Charge::Within, Charge::Extra]);
    }
}
