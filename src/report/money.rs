//! Figures about costs: exact sums, percentiles, a mean, and what they are worth in money.

use rust_decimal::Decimal;

use crate::model::Cost;
use crate::report::spread::nearest_rank;
use crate::report::{CostPerRow, Money, Price};

/// Digits that a mean has beyond those of the sum, rounded half to even.
const MEAN_DIGITS: u32 = 6;

/// The known costs of rows: sixteen bytes each, which is the report's memory for a row.
#[derive(Clone, Debug)]
pub(super) struct CostSpread {
    amounts: Vec<Cost>,
}

impl CostSpread {
    /// Makes room for so many rows, and for not one more.
    pub(super) fn with_room_for(rows: u64) -> Self {
        Self { amounts: Vec::with_capacity(usize::try_from(rows).unwrap_or_default()) }
    }

    pub(super) fn add(&mut self, amount: Cost) {
        self.amounts.push(amount);
    }

    pub(super) fn rows(&self) -> u64 {
        self.amounts.len() as u64
    }

    /// Gives mean, percentiles (nearest rank) and the largest.
    pub(super) fn per_row(mut self) -> CostPerRow {
        CostPerRow {
            mean: self.mean(),
            p50: self.nearest(50),
            p95: self.nearest(95),
            max: self.amounts.iter().max().copied(),
        }
    }

    fn mean(&self) -> Option<Cost> {
        let sum: Option<Cost> = self.amounts.iter().copied().sum();
        let sum = sum?.amount();
        let mean = sum.checked_div(Decimal::from(self.rows()))?;
        Cost::new(mean.round_dp(sum.normalize().scale() + MEAN_DIGITS).normalize()).ok()
    }

    fn nearest(&mut self, percent: u64) -> Option<Cost> {
        let rank = usize::try_from(nearest_rank(percent, self.rows())?).ok()?;
        Some(*self.amounts.select_nth_unstable(rank - 1).1)
    }
}

/// Gives what an amount is worth, or nothing when the product has more digits than can be kept exactly.
pub(super) fn worth(amount: Cost, price: &Price) -> Option<Money> {
    let (amount, per_unit) = (amount.amount().normalize(), price.per_unit.normalize());
    let product = amount.checked_mul(per_unit)?;
    // Subtle: rust_decimal rounds a product that does not fit, and shows it by a smaller scale.
    let exact = product.is_zero() == (amount.is_zero() || per_unit.is_zero())
        && (product.is_zero() || product.scale() == amount.scale() + per_unit.scale());
    exact.then(|| Money { amount: product.normalize().to_string(), currency: price.currency.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(amounts: &[&str], expected: [&str; 4]) {
        let mut spread = CostSpread::with_room_for(0);
        for amount in amounts {
            spread.add(amount.parse().unwrap());
        }
        let got = spread.per_row();
        let got = [got.mean, got.p50, got.p95, got.max].map(|c| c.map_or("-".to_owned(), |c| c.to_string()));
        assert_eq!(got, expected, "{amounts:?}");
    }

    #[test]
    fn costs_per_row_are_exact_but_for_the_mean() {
        check(&[], ["-"; 4]);
        check(&["0.6928"], ["0.6928"; 4]);
        check(&["0.1", "0.2", "0.3", "0.5"], ["0.275", "0.2", "0.5", "0.5"]);
        check(&["1", "0", "0"], ["0.333333", "0", "1", "1"]);
        check(&["0.01", "0.01", "0"], ["0.00666667", "0.01", "0.01", "0.01"]);
    }

    #[test]
    fn what_an_amount_is_worth_is_exact_or_not_said() {
        let check = |amount: &str, per_unit: &str, expected: Option<&str>| {
            let price = Price { per_unit: per_unit.parse().unwrap(), currency: "USD".to_owned() };
            let got = worth(amount.parse().unwrap(), &price).map(|money| money.amount);
            assert_eq!(got.as_deref(), expected, "{amount} x {per_unit}");
        };
        check("1385.60", "0.01", Some("13.856"));
        check("0", "0.01", Some("0"));
        check("3", "0.000", Some("0"));
        check("0.0000000000000001", "0.0000000000000001", None);
        check("7922816251426433759354395033.5", "0.33", None);
        check("79228162514264337593543950335", "10", None);
    }
}
