//! Money as the service wrote it: an exact decimal, or unknown. Never a binary float.

use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An exact, non-negative amount in the workflow's unit (credits for GPTBots), of at most 28 significant digits.
///
/// Written as a decimal string in every file. What does not fit is an error, never rounded: the caller counts it as
/// unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cost(Decimal);

/// Why a text is not an exact amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not a decimal number.
    #[error("not a decimal number")]
    NotANumber,
    /// Below zero.
    #[error("below zero")]
    Negative,
    /// More digits than can be kept exactly.
    #[error("more digits than can be kept exactly (28)")]
    TooPrecise,
}

impl Cost {
    /// Nothing.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// Wraps a decimal that is not below zero.
    pub fn new(amount: Decimal) -> Result<Self, MoneyError> {
        if amount.is_sign_negative() && !amount.is_zero() {
            Err(MoneyError::Negative)
        } else {
            Ok(Self(amount.abs()))
        }
    }

    /// Gives the amount.
    pub fn amount(self) -> Decimal {
        self.0
    }

    /// Adds exactly, or says that the sum does not fit.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let sum = self.0.checked_add(other.0)?;
        // Subtle: rust_decimal rounds a sum whose digits no longer fit; taking one part off again shows it.
        (sum.checked_sub(other.0)? == self.0 && sum.checked_sub(self.0)? == other.0).then_some(Self(sum))
    }

    /// Multiplies exactly, or says that the product does not fit.
    #[must_use]
    pub fn checked_mul(self, count: u64) -> Option<Self> {
        let product = self.0.checked_mul(Decimal::from(count))?;
        // Subtle: a product whose digits do not fit is rounded, and loses decimal places.
        let exact = product.is_zero() || product.scale() == self.0.scale();
        exact.then_some(Self(product))
    }

    /// Takes an amount off, or says that it is not in there exactly.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        let rest = Self::new(self.0.checked_sub(other.0)?).ok()?;
        (rest.checked_add(other) == Some(self)).then_some(rest)
    }
}

impl FromStr for Cost {
    type Err = MoneyError;

    /// Reads a decimal in the forms that JSON allows (`12`, `0.6928`, `6.928e-1`), exactly.
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        Self::new(parse_exact(text.trim())?)
    }
}

fn parse_exact(text: &str) -> Result<Decimal, MoneyError> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            (mantissa, exponent.parse::<i32>().map_err(|_| MoneyError::NotANumber)?)
        }
        None => (text, 0),
    };
    let digits = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
    let well_formed = digits.bytes().any(|b| b.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && digits.bytes().filter(|b| *b == b'.').count() <= 1;
    if !well_formed {
        return Err(MoneyError::NotANumber);
    }
    if exponent == 0 {
        return Decimal::from_str_exact(mantissa).map_err(|_| MoneyError::TooPrecise);
    }
    // Shift the point in the text, so that no arithmetic can round.
    let (sign, digits) = mantissa.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    let point = i64::try_from(whole.len()).unwrap_or(i64::MAX) + i64::from(exponent);
    if !(-64..=64).contains(&point) {
        let zero = all.bytes().all(|b| b == b'0');
        return if zero { Ok(Decimal::ZERO) } else { Err(MoneyError::TooPrecise) };
    }
    let shifted = match usize::try_from(point) {
        Ok(point) if point >= all.len() => format!("{sign}{all}{}", "0".repeat(point - all.len())),
        Ok(point) => format!("{sign}{}.{}", &all[..point], &all[point..]),
        Err(_) => format!("{sign}0.{}{all}", "0".repeat(usize::try_from(-point).unwrap_or(0))),
    };
    let shifted = if shifted.trim_start_matches('-').starts_with('.') {
        shifted.replacen('.', "0.", 1)
    } else {
        shifted
    };
    // Trailing zeros carry no amount, but would count against the digits that fit.
    let shifted =
        if shifted.contains('.') { shifted.trim_end_matches('0').trim_end_matches('.') } else { &shifted };
    Decimal::from_str_exact(shifted).map_err(|_| MoneyError::TooPrecise)
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for Cost {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Cost {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Sum<Cost> for Option<Cost> {
    /// Adds up exactly; `None` when the sum does not fit.
    fn sum<I: Iterator<Item = Cost>>(mut amounts: I) -> Self {
        amounts.try_fold(Cost::ZERO, Cost::checked_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, MoneyError>) {
        assert_eq!(text.parse::<Cost>().map(|c| c.to_string()), expected.map(str::to_owned), "{text:?}");
    }

    #[test]
    fn amounts_are_exact_or_refused() {
        check("0.6928", Ok("0.6928"));
        check(" 12 ", Ok("12"));
        check("1.50", Ok("1.50"));
        check("0", Ok("0"));
        check("-0", Ok("0"));
        check("6.928e-1", Ok("0.6928"));
        check("1E3", Ok("1000"));
        check("12.5e1", Ok("125"));
        check("0e999999999", Ok("0"));
        check("1e-28", Ok("0.0000000000000000000000000001"));
        check("7922816251426433759354395033.5", Ok("7922816251426433759354395033.5"));
        check("-0.1", Err(MoneyError::Negative));
        check("1e-29", Err(MoneyError::TooPrecise));
        check("1e99", Err(MoneyError::TooPrecise));
        check("0.12345678901234567890123456789012", Err(MoneyError::TooPrecise));
        for text in
            ["", ".", "-", "NaN", "inf", "1.2.3", "0x10", "1_000", "1,5", "1e", "e5", "1e9999999999", "½"]
        {
            check(text, Err(MoneyError::NotANumber));
        }
    }

    #[test]
    fn a_sum_that_would_round_is_refused() {
        let large: Cost = "7922816251426433759354395033.5".parse().unwrap();
        let small: Cost = "0.0000000000000000000000000001".parse().unwrap();
        assert_eq!(large.checked_add(small), None);
        assert_eq!(small.checked_add(small).unwrap().to_string(), "0.0000000000000000000000000002");
        assert_eq!(small.checked_mul(30).unwrap().to_string(), "0.0000000000000000000000000030");
        assert_eq!((large.checked_mul(9), large.checked_mul(0)), (None, Some(Cost::ZERO)));
    }

    #[test]
    fn sums_are_those_of_decimals_not_of_floats() {
        let tenth: Cost = "0.1".parse().unwrap();
        let sum: Option<Cost> = std::iter::repeat_n(tenth, 10).sum();
        assert_eq!(sum.unwrap().to_string(), "1.0");
    }
}
