//! Cells that a spreadsheet would execute, and how they are defused.

use std::borrow::Cow;

/// The characters that make a spreadsheet take a cell for a formula: OWASP, "CSV Injection", with the full-width
/// forms that East Asian versions take for the same.
const STARTS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// Puts an apostrophe before text that a spreadsheet would execute; plain numbers (`-12.5`) are left alone.
pub(super) fn defuse(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.starts_with(STARTS) && !is_plain_number(&text) { Cow::Owned(format!("'{text}")) } else { text }
}

fn is_plain_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.strip_prefix(['-', '+']).unwrap_or(exponent)),
        None => (unsigned, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole)
        && digits(fraction)
        && digits(exponent)
        && !exponent.is_empty()
        && whole.len() + fraction.len() > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_execute_is_defused() {
        let check = |text: &str, expected: &str| assert_eq!(defuse(text.into()), expected, "{text:?}");
        for formula in [
            "=1+1",
            "=cmd|' /C calc'!A0",
            "+1+1",
            "-1+1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            "＝1+1",
            "- a point of a list",
            "-",
            "+49 170 1234567",
            "-1e",
            "-1.2.3",
            "--1",
            "+.",
        ] {
            check(formula, &format!("'{formula}"));
        }
        for harmless in
            ["", "a=b", "12", "-12", "-12.5", "+3", "-.5", "-1e-3", "+2E+10", "'=1", " =1", "订单"]
        {
            check(harmless, harmless);
        }
    }
}
