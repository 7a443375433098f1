//! Figures about costs: exact sums, percentiles, a mean, and what they are worth in money.

use rust_decimal::Decimal;

use crate::model::Cost;
use crate::report::spread::nearest_rank;
use crate::report::{CostPerRow, Money, Price};

/// Digits that a mean has beyond those of the sum, rounded half to even.
const MEAN_DIGITS: u32 = 6;

/// The known costs of rows, which are the report's memory for a row: four bytes each as long as all of them are whole
/// numbers below 2^32 of some decimal unit, else eight, else sixteen.
#[derive(Clone, Debug)]
pub(super) struct CostSpread {
    amounts: Amounts,
    /// The decimal places of the unit that whole numbers are of.
    scale: u32,
    sum: Option<Cost>,
    largest: Option<Cost>,
}

#[derive(Clone, Debug)]
enum Amounts {
    Small(Vec<u32>),
    Large(Vec<u64>),
    Exact(Vec<Cost>),
}

impl CostSpread {
    /// Makes room for so many rows, and for not one more.
    pub(super) fn with_room_for(rows: u64) -> Self {
        let amounts = Amounts::Small(Vec::with_capacity(usize::try_from(rows).unwrap_or_default()));
        Self { amounts, scale: 0, sum: Some(Cost::ZERO), largest: None }
    }

    pub(super) fn add(&mut self, amount: Cost) {
        self.sum = self.sum.and_then(|sum| sum.checked_add(amount));
        self.largest = self.largest.max(Some(amount));
        let scale = amount.amount().normalize().scale();
        if scale > self.scale {
            self.refine(scale);
        }
        let whole = whole_number(amount, self.scale);
        self.make_room_for(whole);
        match (&mut self.amounts, whole) {
            (Amounts::Small(amounts), Some(whole)) => amounts.extend(u32::try_from(whole)),
            (Amounts::Large(amounts), Some(whole)) => amounts.push(whole),
            (Amounts::Exact(amounts), _) => amounts.push(amount),
            (Amounts::Small(_) | Amounts::Large(_), None) => {}
        }
    }

    /// Counts in a smaller unit from now on.
    fn refine(&mut self, scale: u32) {
        let factor = 10_u64.checked_pow(scale - self.scale);
        let fits = |amount: u64| factor.and_then(|factor| amount.checked_mul(factor));
        let refined: Option<Vec<u64>> = match &self.amounts {
            Amounts::Small(amounts) => amounts.iter().map(|amount| fits((*amount).into())).collect(),
            Amounts::Large(amounts) => amounts.iter().map(|amount| fits(*amount)).collect(),
            Amounts::Exact(_) => return,
        };
        match refined {
            Some(refined) => {
                self.scale = scale;
                let small: Option<Vec<u32>> =
                    refined.iter().map(|amount| u32::try_from(*amount).ok()).collect();
                self.amounts = small.map_or(Amounts::Large(refined), Amounts::Small);
            }
            None => self.amounts = Amounts::Exact(self.exact()),
        }
    }

    /// Keeps amounts in a form that has room for another one.
    fn make_room_for(&mut self, whole: Option<u64>) {
        self.amounts = match (&mut self.amounts, whole) {
            (Amounts::Small(amounts), Some(whole)) if whole > u64::from(u32::MAX) => {
                Amounts::Large(amounts.iter().map(|amount| (*amount).into()).collect())
            }
            (Amounts::Small(_) | Amounts::Large(_), None) => Amounts::Exact(self.exact()),
            _ => return,
        };
    }

    fn exact(&self) -> Vec<Cost> {
        match &self.amounts {
            Amounts::Small(amounts) => amounts.iter().map(|amount| self.cost((*amount).into())).collect(),
            Amounts::Large(amounts) => amounts.iter().map(|amount| self.cost(*amount)).collect(),
            Amounts::Exact(amounts) => amounts.clone(),
        }
    }

    fn cost(&self, whole: u64) -> Cost {
        let amount = Decimal::try_from_i128_with_scale(whole.into(), self.scale).unwrap_or_default();
        Cost::new(amount.normalize()).unwrap_or_default()
    }

    pub(super) fn rows(&self) -> u64 {
        let rows = match &self.amounts {
            Amounts::Small(amounts) => amounts.len(),
            Amounts::Large(amounts) => amounts.len(),
            Amounts::Exact(amounts) => amounts.len(),
        };
        rows as u64
    }

    /// Gives mean, percentiles (nearest rank) and the largest.
    pub(super) fn per_row(mut self) -> CostPerRow {
        CostPerRow { mean: self.mean(), p50: self.nearest(50), p95: self.nearest(95), max: self.largest }
    }

    fn mean(&self) -> Option<Cost> {
        let sum = self.sum?.amount();
        let mean = sum.checked_div(Decimal::from(self.rows()))?;
        Cost::new(mean.round_dp(sum.normalize().scale() + MEAN_DIGITS).normalize()).ok()
    }

    fn nearest(&mut self, percent: u64) -> Option<Cost> {
        let rank = usize::try_from(nearest_rank(percent, self.rows())?).ok()?;
        let whole = match &mut self.amounts {
            Amounts::Small(amounts) => u64::from(*amounts.select_nth_unstable(rank - 1).1),
            Amounts::Large(amounts) => *amounts.select_nth_unstable(rank - 1).1,
            Amounts::Exact(amounts) => return Some(*amounts.select_nth_unstable(rank - 1).1),
        };
        Some(self.cost(whole))
    }
}

/// An amount in whole units of a scale that it has no more places than.
fn whole_number(amount: Cost, scale: u32) -> Option<u64> {
    let amount = amount.amount().normalize();
    let factor = 10_i128.checked_pow(scale.checked_sub(amount.scale())?)?;
    u64::try_from(amount.mantissa().checked_mul(factor)?).ok()
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
        // Numbers that need eight bytes, and sixteen, in either order.
        check(&["0.000000001", "7", "5"], ["4.000000000333333", "5", "7", "7"]);
        check(&["7", "0.000000001", "5"], ["4.000000000333333", "5", "7", "7"]);
        let long = "0.00000000000000000000000001";
        check(&["3", long, "2"], ["1.66666666666666666666666667", "2", "3", "3"]);
        check(&[long, long, "2"], ["0.6666666666666666666666666733", long, "2", "2"]);
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
