//! What is set aside from a budget: the sum of the reservations that are not settled.

use crate::model::{Cost, Reservation};

/// Reservations, added up exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserved {
    cost: Option<Cost>,
    tokens: Option<u64>,
    without_cost: u64,
    without_tokens: u64,
}

impl Default for Reserved {
    fn default() -> Self {
        Self { cost: Some(Cost::ZERO), tokens: Some(0), without_cost: 0, without_tokens: 0 }
    }
}

impl Reserved {
    /// Sets a reservation aside.
    pub fn add(&mut self, reservation: Reservation) {
        match reservation.cost {
            Some(cost) => self.cost = self.cost.and_then(|sum| sum.checked_add(cost)),
            None => self.without_cost += 1,
        }
        match reservation.tokens {
            Some(tokens) => self.tokens = self.tokens.and_then(|sum| sum.checked_add(tokens)),
            None => self.without_tokens += 1,
        }
    }

    /// Releases a reservation.
    pub fn release(&mut self, reservation: Reservation) {
        self.release_cost(reservation.cost);
        self.release_tokens(reservation.tokens);
    }

    /// Releases the money of a reservation.
    pub fn release_cost(&mut self, cost: Option<Cost>) {
        match cost {
            Some(cost) => self.cost = self.cost.and_then(|sum| sum.checked_sub(cost)),
            None => self.without_cost = self.without_cost.saturating_sub(1),
        }
    }

    /// Releases the tokens of a reservation.
    pub fn release_tokens(&mut self, tokens: Option<u64>) {
        match tokens {
            Some(tokens) => self.tokens = self.tokens.and_then(|sum| sum.checked_sub(tokens)),
            None => self.without_tokens = self.without_tokens.saturating_sub(1),
        }
    }

    /// Adds up two sums.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            cost: self.cost.zip(other.cost).and_then(|(a, b)| a.checked_add(b)),
            tokens: self.tokens.zip(other.tokens).and_then(|(a, b)| a.checked_add(b)),
            without_cost: self.without_cost + other.without_cost,
            without_tokens: self.without_tokens + other.without_tokens,
        }
    }

    /// Gives the money set aside; none when the sum does not fit.
    pub fn cost(&self) -> Option<Cost> {
        self.cost
    }

    /// Gives the tokens set aside; none when the sum does not fit.
    pub fn tokens(&self) -> Option<u64> {
        self.tokens
    }

    /// Gives the money set aside when a send without a reservation counts with `each`; with nothing where that is not
    /// known. None when the sum does not fit.
    pub fn cost_at(&self, each: Option<Cost>) -> Option<Cost> {
        self.cost?.checked_add(each.unwrap_or_default().checked_mul(self.without_cost)?)
    }

    /// Gives the tokens set aside, likewise.
    pub fn tokens_at(&self, each: Option<u64>) -> Option<u64> {
        self.tokens?.checked_add(each.unwrap_or_default().checked_mul(self.without_tokens)?)
    }

    /// Gives how many sends are not settled for which no money was set aside.
    pub fn without_cost(&self) -> u64 {
        self.without_cost
    }

    /// Gives how many sends are not settled for which no tokens were set aside.
    pub fn without_tokens(&self) -> u64 {
        self.without_tokens
    }
}
