//! Addition of decimals by their digits: the sums of a report are not checked by the arithmetic that made them.

use std::fmt;

/// Digits after the point that are kept; more are no amount of ours.
const PLACES: usize = 28;

/// 10 to the power of `PLACES`.
const ONE: u128 = 10_u128.pow(28);

/// A sum of amounts that are not negative, exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sum {
    whole: u128,
    /// In units of the last place.
    part: u128,
}

impl Sum {
    /// Reads an amount as it is written; none when it is no plain decimal, or too long.
    pub fn read(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > PLACES {
            return None;
        }
        let part = format!("{part:0<PLACES$}").parse().ok()?;
        Some(Self { whole: whole.parse().ok()?, part })
    }

    /// Adds another; none when it does not fit any more.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        let part = self.part + other.part;
        let whole = self.whole.checked_add(other.whole)?.checked_add(part / ONE)?;
        Some(Self { whole, part: part % ONE })
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = format!("{:0PLACES$}", self.part);
        match part.trim_end_matches('0') {
            "" => write!(f, "{}", self.whole),
            part => write!(f, "{}.{part}", self.whole),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Cost;

    fn sum(amounts: &[&str]) -> Option<String> {
        let sum = amounts.iter().try_fold(Sum::default(), |sum, amount| sum.plus(Sum::read(amount)?));
        sum.map(|sum| sum.to_string())
    }

    #[test]
    fn amounts_are_added_to_the_last_digit() {
        assert_eq!(sum(&[]).unwrap(), "0");
        assert_eq!(sum(&["0.1", "0.2"]).unwrap(), "0.3");
        assert_eq!(sum(&["0.9999999999999999999999999999", "0.0000000000000000000000000001"]).unwrap(), "1");
        assert_eq!(sum(&["12.50", "0.005"]).unwrap(), "12.505");
        for wrong in ["", ".5", "-1", "1e3", "1.2.3", "0.00000000000000000000000000001", "x"] {
            assert_eq!(sum(&[wrong]), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn it_says_the_same_as_the_other_arithmetic(
            amounts in proptest::collection::vec((0_u32..1_000_000, 0_u32..8), 0..20),
        ) {
            let texts: Vec<_> = amounts
                .iter()
                .map(|(mantissa, scale)| rust_decimal::Decimal::new((*mantissa).into(), *scale).to_string())
                .collect();
            let theirs = texts.iter().try_fold(Cost::ZERO, |sum, text| sum.checked_add(text.parse().ok()?));
            let ours = texts.iter().try_fold(Sum::default(), |sum, text| sum.plus(Sum::read(text)?));
            prop_assert_eq!(Sum::read(&theirs.unwrap().to_string()), ours);
        }
    }
}
