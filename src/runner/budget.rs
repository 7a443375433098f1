//! What may still be spent: the arithmetic of `limits.budget`, pure.

use std::fmt;

use rust_decimal::Decimal;

use crate::manifest::Budget;
use crate::model::{Cost, Reservation, Reserved, RunState};

/// While nothing is known of what a row costs, so many sends may be unsettled at most: the careful start.
pub(crate) const CAREFUL: u64 = 4;

/// What a run has come to, as far as a budget asks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    /// What the service has reported.
    pub(crate) cost: Cost,
    /// The same for tokens.
    pub(crate) tokens: u64,
    /// The most that one execution has cost.
    pub(crate) largest: Reservation,
    /// What is not settled.
    pub(crate) reserved: Reserved,
}

impl Spent {
    /// Takes it from the journal, and from what is on the way there.
    pub(crate) fn of(state: &RunState, pending: Reserved) -> Self {
        Self {
            cost: state.tally().cost,
            tokens: state.tally().tokens,
            largest: state.largest(),
            reserved: state.reserved().plus(pending),
        }
    }
}

/// Why another row can't be afforded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Short {
    key: &'static str,
    limit: Decimal,
    spent: Decimal,
    /// For executions that are not settled; none when the sum does not fit.
    set_aside: Option<Decimal>,
    /// For the next row; none when nothing is known of what rows cost.
    next: Option<Decimal>,
}

/// Sets aside what the next send may cost, or says why it can't be afforded.
pub(crate) fn reserve(budget: &Budget, spent: &Spent) -> Result<Reservation, Short> {
    let mut reservation = Reservation::default();
    if let Some(limit) = budget.cost {
        let each = budget.cost_per_row.or(spent.largest.cost);
        let account = Account {
            key: "limits.budget.cost",
            limit: limit.amount(),
            each: each.map(Cost::amount),
            spent: spent.cost.amount(),
            reserved: spent.reserved.cost().map(Cost::amount),
            without: spent.reserved.without_cost(),
        };
        account.check()?;
        reservation.cost = each;
    }
    if let Some(limit) = budget.tokens {
        let account = Account {
            key: "limits.budget.tokens",
            limit: limit.into(),
            each: spent.largest.tokens.map(Decimal::from),
            spent: spent.tokens.into(),
            reserved: spent.reserved.tokens().map(Decimal::from),
            without: spent.reserved.without_tokens(),
        };
        account.check()?;
        reservation.tokens = spent.largest.tokens;
    }
    Ok(reservation)
}

/// One side of a budget, money or tokens.
struct Account {
    key: &'static str,
    limit: Decimal,
    /// What a row is taken to cost.
    each: Option<Decimal>,
    spent: Decimal,
    reserved: Option<Decimal>,
    /// Sends that are not settled and have no reservation: each is taken to cost `each`.
    without: u64,
}

impl Account {
    fn check(&self) -> Result<(), Short> {
        let unreserved = match self.each {
            Some(each) => times(each, self.without),
            None => Some(Decimal::ZERO),
        };
        let set_aside = self.reserved.zip(unreserved).and_then(|(a, b)| sum(a, b));
        let charged = set_aside.and_then(|set_aside| sum(self.spent, set_aside));
        let is_affordable = match self.each {
            Some(each) => charged.and_then(|charged| sum(charged, each)).is_some_and(|all| all <= self.limit),
            None => self.without < CAREFUL && charged.is_some_and(|charged| charged < self.limit),
        };
        if is_affordable {
            return Ok(());
        }
        let Self { key, limit, spent, each, .. } = *self;
        Err(Short { key, limit, spent, set_aside, next: each })
    }
}

/// Adds up exactly.
fn sum(a: Decimal, b: Decimal) -> Option<Decimal> {
    Cost::new(a).ok()?.checked_add(Cost::new(b).ok()?).map(Cost::amount)
}

/// Multiplies exactly.
fn times(each: Decimal, count: u64) -> Option<Decimal> {
    let product = each.checked_mul(Decimal::from(count))?;
    // Subtle: a product whose digits do not fit is rounded, and loses decimal places.
    (product.is_zero() || product.scale() == each.scale()).then_some(product)
}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, limit, spent, set_aside, next } = self;
        write!(f, "the budget of {limit} (`{key}`) does not allow another row: {spent} spent")?;
        match set_aside {
            Some(set_aside) if set_aside.is_zero() => {}
            Some(set_aside) => write!(f, ", {set_aside} set aside for rows whose cost is unknown")?,
            None => write!(f, ", and more set aside than can be added up exactly")?,
        }
        match next {
            Some(next) => write!(f, ", {next} needed for the next; `resume --set {key}=…` goes on with more"),
            None if *key == "limits.budget.cost" => write!(
                f,
                ", and the service has told no row's cost; \
                 `resume --set limits.budget.cost_per_row=…` says what to reckon with"
            ),
            None => write!(f, ", and the service has told no row's tokens"),
        }
    }
}

#[cfg(test)]
mod tests;
