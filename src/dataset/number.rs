//! Which JSON numbers survive being read: those that i64, u64 or f64 carry without changing a digit that was written.

use std::ops::Range;

/// Finds the numbers of a JSON text that can't be carried exactly. What is no number at all is the parser's to refuse.
pub(super) fn inexact(json: &str) -> Vec<Range<usize>> {
    let bytes = json.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = after_text(bytes, at + 1),
            b'-' | b'0'..=b'9' => {
                let length = bytes[at..].iter().position(|b| !is_of_number(*b)).unwrap_or(bytes.len() - at);
                let token = &json[at..at + length];
                if !is_exact(token) && token.parse::<f64>().is_ok() {
                    found.push(at..at + length);
                }
                at += length;
            }
            _ => at += 1,
        }
    }
    found
}

fn after_text(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

fn is_of_number(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E')
}

/// Decimal digits that f64 always gives back.
const SURE_DIGITS: usize = 15;

/// Decimal digits that an f64 written out in full has at most.
const F64_DIGITS: usize = 767;

fn is_exact(token: &str) -> bool {
    let whole = !token.bytes().any(|b| matches!(b, b'.' | b'e' | b'E'));
    if whole {
        // Beyond 64 bits a whole number is an id more often than a quantity, and would be shown as 2e19.
        return token.parse::<i64>().is_ok() || token.parse::<u64>().is_ok();
    }
    let plain = !token.bytes().any(|b| matches!(b, b'e' | b'E'));
    if plain && token.bytes().filter(u8::is_ascii_digit).count() <= SURE_DIGITS {
        return true;
    }
    match (token.parse::<f64>(), Decimal::of(token)) {
        (Ok(value), Some(written)) if value.is_finite() => written.is_carried_by(value),
        _ => false,
    }
}

/// `0.DIGITS × 10^exponent`, the digits without zeros at either end.
#[derive(PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// Says whether the f64 gives back every digit: when it is rounded to as many digits (what `%.17g` wrote), or as the
    /// shortest text of the same f64, which is what goes on the wire.
    fn is_carried_by(&self, value: f64) -> bool {
        let places = self.digits.len().saturating_sub(1);
        let rounded = || Self::of(&format!("{value:.places$e}"));
        let shortest = || Self::of(&serde_json::Value::from(value).to_string());
        places < F64_DIGITS && (rounded().as_ref() == Some(self) || shortest().as_ref() == Some(self))
    }

    fn of(token: &str) -> Option<Self> {
        let (negative, token) = token.strip_prefix('-').map_or((false, token), |rest| (true, rest));
        let (mantissa, exponent) = token.split_once(['e', 'E']).unwrap_or((token, "0"));
        let exponent: i64 = exponent.parse().ok()?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let significant = digits.trim_start_matches('0');
        if significant.is_empty() {
            return Some(Self { negative: false, digits: String::new(), exponent: 0 });
        }
        let leading = digits.len() - significant.len();
        let point = i64::try_from(whole.len()).ok()?.checked_sub(i64::try_from(leading).ok()?)?;
        Some(Self {
            negative,
            digits: significant.trim_end_matches('0').to_owned(),
            exponent: exponent.checked_add(point)?,
        })
    }
}
