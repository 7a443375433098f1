//! Units: durations, ranges, shares and sizes, read from their text and written back.

use std::time::Duration;

use rust_decimal::Decimal;

use crate::manifest::SampleSize;
use crate::model::{Limit, RowNumber};

/// A duration of more than this is a mistake.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

const DURATION_FORM: &str = "write it like `250ms`, `30s`, `5m` or `1h30m`";

/// Reads `250ms`, `30s`, `5m`, `1h30m`. The error says how to write one.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let mut rest = text;
    let mut total: u64 = 0;
    let mut next_unit = 0;
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("a duration needs a unit: `{text}s`, `{text}m` or `{text}ms`"));
    }
    while !rest.is_empty() || next_unit == 0 {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, after) = after.split_at(letters);
        let found = UNITS.iter().enumerate().skip(next_unit).find(|(_, (name, _))| *name == unit);
        let (Some((at, (_, millis))), Ok(number)) = (found, number.parse::<u64>()) else {
            return Err(DURATION_FORM.to_owned());
        };
        total = total.saturating_add(number.saturating_mul(*millis));
        next_unit = at + 1;
        rest = after;
    }
    let total = Duration::from_millis(total);
    if total > LONGEST { Err("at most a year (8784h)".to_owned()) } else { Ok(total) }
}

/// Writes a duration as it can be read.
pub fn write_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    let parts = [
        (millis / 3_600_000, "h"),
        (millis / 60_000 % 60, "m"),
        (millis / 1_000 % 60, "s"),
        (millis % 1_000, "ms"),
    ];
    let parts: Vec<_> = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, unit)| format!("{number}{unit}"))
        .collect();
    if parts.is_empty() { "0s".to_owned() } else { parts.concat() }
}

/// Splits `a..b`; either side may be missing, not both.
pub(super) fn range(text: &str) -> Option<(Option<&str>, Option<&str>)> {
    let (from, to) = text.split_once("..")?;
    let (from, to) = (from.trim(), to.trim());
    if from.is_empty() && to.is_empty() {
        return None;
    }
    Some(((!from.is_empty()).then_some(from), (!to.is_empty()).then_some(to)))
}

/// Reads a range of rows: `1..500`, `..500`, `501..`, both ends included. The error says how to write one.
pub fn row_range(text: &str) -> Result<(RowNumber, RowNumber), String> {
    let form = || "write a range of rows like `1..500`, `..500` or `501..`".to_owned();
    let (from, to) = range(text).ok_or_else(form)?;
    let number = |text: &str| text.parse::<RowNumber>().map_err(|_| form());
    let from = from.map_or(Ok(1), number)?;
    let to = to.map_or(Ok(RowNumber::MAX), number)?;
    if from == 0 || to == 0 {
        Err("rows are counted from 1".to_owned())
    } else if from > to {
        Err("a range runs from the smaller to the larger row".to_owned())
    } else {
        Ok((from, to))
    }
}

/// Reads an amount of money that is not below zero, and its unit when it names one: `12.5`, `300 USD`. The error says
/// how to write one.
pub(super) fn money(text: &str) -> Result<(Decimal, Option<String>), String> {
    let form = || "write an amount like `12.5`, `300 USD` or `2 credit`".to_owned();
    let digits = text.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim();
    let amount = decimal(number).ok_or_else(form)?;
    if unit.is_empty() {
        Ok((amount, None))
    } else if unit.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_') {
        Ok((amount, Some(unit.to_owned())))
    } else {
        Err(form())
    }
}

/// Reads the size of a sample: `100`, `5%` or `0.05`. The error says how to write one.
pub fn sample_size(text: &str) -> Result<SampleSize, String> {
    match limit(text)? {
        Limit::Count(0) => Err("a sample has at least one row".to_owned()),
        Limit::Share(share) if share.is_zero() => Err("a sample has more than 0% of the rows".to_owned()),
        Limit::Count(rows) => Ok(SampleSize::Rows(rows)),
        Limit::Share(share) => Ok(SampleSize::Share(share)),
    }
}

/// Reads a number of rows (`20`) or a share of them (`5%`, `0.05`). The error says how to write one.
pub(super) fn limit(text: &str) -> Result<Limit, String> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().map(Limit::Count).map_err(|_| "too many rows".to_owned());
    }
    let (number, is_percent) =
        text.strip_suffix('%').map_or((text, false), |number| (number.trim_end(), true));
    let share = decimal(number).ok_or("write a number of rows like `20`, or a share like `5%` or `0.05`")?;
    let share = if is_percent { share / Decimal::ONE_HUNDRED } else { share };
    if share.is_sign_negative() && !share.is_zero() || share > Decimal::ONE {
        return Err("a share lies between 0% and 100%".to_owned());
    }
    Ok(Limit::Share(share.normalize()))
}

/// Reads a plain decimal number exactly: digits, and perhaps a sign, a point and more digits.
pub(super) fn decimal(text: &str) -> Option<Decimal> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    // Beyond 28 digits behind the point, a percentage could not be divided exactly.
    if !digits(whole) || !digits(fraction) || fraction.len() > 26 {
        return None;
    }
    Decimal::from_str_exact(text).ok()
}

/// Reads a size: `1048576`, `512KiB`, `16 MiB`, `1GB`. The error says how to write one.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 8] = [
        ("", 1),
        ("B", 1),
        ("kB", 1_000),
        ("KiB", 1 << 10),
        ("MB", 1_000_000),
        ("MiB", 1 << 20),
        ("GB", 1_000_000_000),
        ("GiB", 1 << 30),
    ];
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start();
    let found = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
    match (number.parse::<u64>(), found) {
        (Ok(number), Some((_, factor))) => Ok(number.saturating_mul(*factor)),
        _ => Err("write a size like `512KiB` or `16MiB`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_duration(text: &str, millis: Option<u64>) {
        assert_eq!(duration(text).ok(), millis.map(Duration::from_millis), "{text:?}");
    }

    #[test]
    fn durations_have_units() {
        check_duration("250ms", Some(250));
        check_duration("30s", Some(30_000));
        check_duration("5m", Some(300_000));
        check_duration("1h30m", Some(5_400_000));
        check_duration("5h30m", Some(19_800_000));
        check_duration("1h0m2s3ms", Some(3_602_003));
        check_duration("0s", Some(0));
        for text in [
            "",
            "30",
            "s",
            "1.5s",
            "-1s",
            "30m1h",
            "1s1s",
            "1d",
            "1 s",
            "5min",
            "９s",
            "99999999999999999999s",
            "9999999h",
        ] {
            check_duration(text, None);
        }
    }

    #[test]
    fn a_written_duration_reads_back() {
        for millis in [0, 1, 999, 1_000, 60_000, 3_600_000, 3_661_001, 19_800_000] {
            let text = write_duration(Duration::from_millis(millis));
            check_duration(&text, Some(millis));
        }
    }

    #[test]
    fn ranges_of_rows_include_both_ends() {
        assert_eq!(row_range("1..500"), Ok((1, 500)));
        assert_eq!(row_range("7..7"), Ok((7, 7)));
        assert_eq!(row_range("..500"), Ok((1, 500)));
        assert_eq!(row_range("501.."), Ok((501, u64::MAX)));
        for text in ["", "..", "5", "0..5", "9..3", "a..b", "1...5", "-1..5", "1..5..9"] {
            assert!(row_range(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_limit_is_a_count_or_a_share() {
        let share = |text: &str| Ok(Limit::Share(text.parse().unwrap()));
        assert_eq!(limit("0"), Ok(Limit::Count(0)));
        assert_eq!(limit("20"), Ok(Limit::Count(20)));
        assert_eq!(limit("5%"), share("0.05"));
        assert_eq!(limit("0.5 %"), share("0.005"));
        assert_eq!(limit("0.05"), share("0.05"));
        assert_eq!(limit("100%"), share("1"));
        for text in ["", "%", "-1", "101%", "1.5", "5 percent", ".5", "5.", "1e-2", "99999999999999999999"] {
            assert!(limit(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn sizes_have_binary_and_decimal_units() {
        assert_eq!(bytes("1048576"), Ok(1_048_576));
        assert_eq!(bytes("16MiB"), Ok(16 << 20));
        assert_eq!(bytes("16 mib"), Ok(16 << 20));
        assert_eq!(bytes("1kB"), Ok(1_000));
        for text in ["", "MiB", "16X", "1.5MiB", "-1"] {
            assert!(bytes(text).is_err(), "{text:?}");
        }
    }
}
