//! Division of decimals that is exact, or refused.

use rust_decimal::Decimal;

/// Divides exactly; nothing when the quotient has no end, does not fit into 28 digits, or the divisor is zero.
pub(super) fn divide(amount: Decimal, by: Decimal) -> Option<Decimal> {
    let (amount, by) = (amount.normalize(), by.normalize());
    let (numerator, denominator) = (amount.mantissa().unsigned_abs(), by.mantissa().unsigned_abs());
    if denominator == 0 || amount.is_sign_negative() || by.is_sign_negative() {
        return None;
    }
    if numerator == 0 {
        return Some(Decimal::ZERO);
    }
    let common = greatest_common_divisor(numerator, denominator);
    let (numerator, mut denominator) = (numerator / common, denominator / common);
    // A fraction in lowest terms has an end exactly when its denominator is made of twos and fives.
    let (twos, fives) = (take_out(&mut denominator, 2), take_out(&mut denominator, 5));
    if denominator != 1 {
        return None;
    }
    let places = twos.max(fives);
    let fill = 2_u128.checked_pow(places - twos)?.checked_mul(5_u128.checked_pow(places - fives)?)?;
    let digits = numerator.checked_mul(fill)?;
    let scale = i64::from(places) + i64::from(amount.scale()) - i64::from(by.scale());
    let (digits, scale) = match u32::try_from(scale) {
        Ok(scale) => (digits, scale),
        Err(_) => (digits.checked_mul(10_u128.checked_pow(u32::try_from(-scale).ok()?)?)?, 0),
    };
    Decimal::try_from_i128_with_scale(i128::try_from(digits).ok()?, scale).ok().map(|found| found.normalize())
}

fn greatest_common_divisor(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// Divides by `factor` as often as it goes, and says how often.
fn take_out(number: &mut u128, factor: u128) -> u32 {
    let mut times = 0;
    while number.is_multiple_of(factor) {
        *number /= factor;
        times += 1;
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(amount: &str, by: &str, expected: Option<&str>) {
        let found = divide(amount.parse().unwrap(), by.parse().unwrap());
        assert_eq!(found.map(|found| found.to_string()).as_deref(), expected, "{amount} / {by}");
    }

    #[test]
    fn a_quotient_is_exact_or_there_is_none() {
        check("300", "0.01", Some("30000"));
        check("12.5", "1", Some("12.5"));
        check("0", "0.03", Some("0"));
        check("1", "8", Some("0.125"));
        check("0.3", "0.03", Some("10"));
        check("1000", "0.5", Some("2000"));
        check("100", "0.03", None);
        check("1", "7", None);
        check("1", "0", None);
        check("79228162514264337593543950335", "0.1", None);
        check("79228162514264337593543950335", "1", Some("79228162514264337593543950335"));
        check("0.0000000000000000000000000001", "10", None);
        check("1", "18446744073709551616", None);
        check("0.0000000000000000000000000003", "0.0000000000000000000000000003", Some("1"));
    }
}
