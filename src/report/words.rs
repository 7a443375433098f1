//! Numbers, times and foreign texts as a person reads them.

use std::borrow::Cow;
use std::fmt::Write;

use rust_decimal::Decimal;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::model::Outcome;
use crate::report::Rate;

/// Gives a decimal number with its whole part in groups of three: `1,385.60`.
pub(crate) fn grouped<N: ToString + ?Sized>(number: &N) -> String {
    let text = number.to_string();
    let (sign, text) = text.strip_prefix('-').map_or(("", text.as_str()), |text| ("-", text));
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(w, f)| (w, Some(f)));
    let mut grouped = String::with_capacity(text.len() + text.len() / 3 + 1);
    grouped.push_str(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if let Some(fraction) = fraction {
        grouped.push('.');
        grouped.push_str(fraction);
    }
    grouped
}

/// Gives a unit in the number that fits the amount: `1 credit`, `1.5 credits`; `USD` stays as it is.
pub fn unit(amount: &str, unit: &str) -> String {
    let word = unit.bytes().all(|byte| byte.is_ascii_lowercase()) && !unit.ends_with('s');
    if word && !unit.is_empty() && amount != "1" { format!("{unit}s") } else { unit.to_owned() }
}

/// Gives a share in per cent, cut off after two digits, so that 100% is said only of all: `99.79%`, `92.5%`, `100%`.
pub(super) fn percent(rate: Option<Rate>) -> String {
    let text = percent_in_table(rate);
    let Some(number) = text.strip_suffix('%') else { return text };
    format!("{}%", number.trim_end_matches('0').trim_end_matches('.'))
}

/// The same with both digits, as shares stand below each other: `99.79%`, `92.50%`, `100.00%`.
pub(super) fn percent_in_table(rate: Option<Rate>) -> String {
    let Some(rate) = rate else { return "-".to_owned() };
    let hundredths = rate.millionths() / 100;
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}

/// Gives a number of statistics for the eye: six digits that count.
pub(super) fn short(figure: f64) -> String {
    let rounded = Decimal::from_f64_retain(figure).and_then(|figure| figure.round_sf(6));
    rounded.map_or_else(|| format!("{figure:.3e}"), |figure| figure.normalize().to_string())
}

/// Gives a time: `950ms`, `1.20s`, `12.3s`, `4m 12s`, `5h 03m`; rounded to the nearest.
pub(crate) fn time(ms: u64) -> String {
    let nearest = |unit: u64| ms.saturating_add(unit / 2) / unit;
    match ms {
        0..1_000 => format!("{ms}ms"),
        1_000..9_995 => format!("{}.{:02}s", nearest(10) / 100, nearest(10) % 100),
        9_995..59_950 => format!("{}.{}s", nearest(100) / 10, nearest(100) % 10),
        59_950..3_599_500 => format!("{}m {:02}s", nearest(1_000) / 60, nearest(1_000) % 60),
        _ => format!("{}h {:02}m", nearest(60_000) / 60, nearest(60_000) % 60),
    }
}

/// Gives a time, or a dash when there is none.
pub(super) fn time_or_dash(ms: Option<u64>) -> String {
    ms.map_or_else(|| "-".to_owned(), time)
}

/// Gives the outcome as words: `in doubt`.
pub(crate) fn outcome(outcome: Outcome) -> String {
    outcome.as_str().replace('_', " ")
}

/// Makes a text from outside fit for a terminal or a page: on one line, and without what would command a terminal
/// or turn the direction of reading. What is taken out is shown as its code.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    for character in text.replace("\r\n", "\n").chars() {
        match character {
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => clean.push(' '),
            _ if is_harmful(character) => {
                let _ = write!(clean, "\\u{{{:x}}}", u32::from(character));
            }
            _ => clean.push(character),
        }
    }
    Cow::Owned(clean)
}

fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            // Marks, embeddings, overrides and isolates of direction (Unicode 9, section 2), separators of lines,
            // the byte order mark, and invisible tags.
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
                | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// Gives the columns that a text takes on a terminal.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Cuts a text to so many columns of a terminal, with `…` in place of what is missing.
pub(crate) fn fit(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let mut cut = String::new();
    let mut used = 1;
    for character in text.chars() {
        used += character.width().unwrap_or(0);
        if used > columns {
            break;
        }
        cut.push(character);
    }
    if columns > 0 {
        cut.push('…');
    }
    Cow::Owned(cut)
}

/// Breaks a text into lines of at most so many columns, between words where it can.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(8);
    let mut lines = vec![String::new()];
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let line = lines.last_mut().map_or(0, |line| width(line));
        if line > 0 && line + 1 + width(word) > columns {
            lines.push(String::new());
        }
        for (index, character) in word.chars().enumerate() {
            let Some(line) = lines.last_mut() else { continue };
            if index == 0 && !line.is_empty() {
                line.push(' ');
            }
            if width(line) + character.width().unwrap_or(0) > columns {
                lines.push(String::new());
            }
            if let Some(line) = lines.last_mut() {
                line.push(character);
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_in_threes() {
        let check = |number: &str, expected: &str| assert_eq!(grouped(number), expected);
        check("0", "0");
        check("999", "999");
        check("1000", "1,000");
        check("20000", "20,000");
        check("1234567.8901", "1,234,567.8901");
        check("0.6928", "0.6928");
        check("-123", "-123");
        check("-1234.5", "-1,234.5");
    }

    #[test]
    fn figures_of_statistics_have_six_digits_that_count() {
        let check = |figure: f64, expected: &str| assert_eq!(short(figure), expected);
        check(0.0, "0");
        check(0.3, "0.3");
        check(0.020_833_333_333, "0.0208333");
        check(1_234_567.0, "1234570");
        check(1e300, "1.000e300");
        check(f64::NAN, "NaN");
    }

    #[test]
    fn a_unit_that_is_a_word_has_a_plural() {
        assert_eq!(
            [unit("1", "credit"), unit("0.5", "credit"), unit("2", "USD"), unit("2", "点")],
            ["credit", "credits", "USD", "点"]
        );
    }

    #[test]
    fn times_are_said_as_people_say_them() {
        let check = |ms: u64, expected: &str| assert_eq!(time(ms), expected, "{ms}");
        check(0, "0ms");
        check(999, "999ms");
        check(1_000, "1.00s");
        check(1_204, "1.20s");
        check(9_994, "9.99s");
        check(9_995, "10.0s");
        check(12_349, "12.3s");
        check(59_949, "59.9s");
        check(59_950, "1m 00s");
        check(252_000, "4m 12s");
        check(3_599_499, "59m 59s");
        check(3_599_500, "1h 00m");
        check(18_180_000, "5h 03m");
        check(u64::MAX, "5124095576030h 25m");
    }

    #[test]
    fn percents_are_cut_off() {
        let check = |part, total, expected: &str| assert_eq!(percent(Rate::of(part, total)), expected);
        check(0, 0, "-");
        check(0, 5, "0%");
        check(5, 5, "100%");
        check(19_958, 20_000, "99.79%");
        check(999_999, 1_000_000, "99.99%");
        check(1, 2, "50%");
        check(1, 20, "5%");
        check(101, 10_000, "1.01%");
        check(37, 40, "92.5%");
    }

    #[test]
    fn percents_in_a_table_have_the_same_digits() {
        let check =
            |part, total, expected: &str| assert_eq!(percent_in_table(Rate::of(part, total)), expected);
        check(0, 0, "-");
        check(0, 5, "0.00%");
        check(37, 40, "92.50%");
        check(999_999, 1_000_000, "99.99%");
        check(5, 5, "100.00%");
    }

    #[test]
    fn what_commands_a_terminal_is_shown_as_its_code() {
        let check = |text: &str, expected: &str| assert_eq!(harmless(text), expected);
        check("plain 订单 😀 é", "plain 订单 😀 é");
        check("a\x1b[31mred\x07", "a\\u{1b}[31mred\\u{7}");
        check("two\r\nlines\tand\nmore", "two lines and more");
        check("user\u{202e}txt.exe\u{2066}", "user\\u{202e}txt.exe\\u{2066}");
        check("\u{9b}31m\u{feff}\u{2028}", "\\u{9b}31m\\u{feff} ");
    }

    #[test]
    fn texts_are_cut_and_wrapped_by_the_columns_they_take() {
        assert_eq!(
            [fit("abc", 3), fit("abcd", 3), fit("订单订单", 5), fit("ab", 0)],
            ["abc", "ab…", "订单…", ""]
        );
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("abcdefghijkl 订单订单订单", 8), ["abcdefgh", "ijkl", "订单订单", "订单"]);
        assert_eq!(wrap("", 8), [""]);
    }
}
