//! One field of a cron text: lists, ranges, steps and names, to a set of numbers.

use std::ops::Range;

use crate::calendar::CalendarError;

/// What a field counts.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) low: u32,
    pub(super) high: u32,
    /// Names of the numbers from `low` on.
    names: &'static [&'static str],
}

/// The five fields, in their order.
pub(super) const KINDS: [Kind; 5] = [
    Kind { name: "minute", low: 0, high: 59, names: &[] },
    Kind { name: "hour", low: 0, high: 23, names: &[] },
    Kind { name: "day of the month", low: 1, high: 31, names: &[] },
    Kind { name: "month", low: 1, high: 12, names: &MONTHS },
    Kind { name: "day of the week", low: 0, high: 7, names: &WEEKDAYS },
];

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// A field as read.
#[derive(Clone, Copy)]
pub(super) struct Field {
    /// The numbers, a bit each.
    pub(super) set: u64,
    /// Whether it runs over all numbers, perhaps in steps: `*`, `*/5`, `0-59`.
    pub(super) is_wild: bool,
    /// Whether it is `*` and nothing else.
    pub(super) is_star: bool,
}

/// Reads a field that stands at `offset` of the cron text.
pub(super) fn parse(kind: Kind, text: &str, offset: usize) -> Result<Field, CalendarError> {
    let mut field = Field { set: 0, is_wild: false, is_star: text == "*" };
    let mut at = offset;
    for item in text.split(',') {
        let (set, is_wild) = parse_item(kind, item, at)?;
        field.set |= set;
        field.is_wild |= is_wild;
        at += item.len() + 1;
    }
    if kind.high == 7 && field.set & (1 << 7) != 0 {
        field.set = field.set & !(1 << 7) | 1;
    }
    Ok(field)
}

fn parse_item(kind: Kind, item: &str, offset: usize) -> Result<(u64, bool), CalendarError> {
    let whole = offset..offset + item.len();
    if item.is_empty() {
        return Err(CalendarError::new(whole, format!("the {} has an empty part", kind.name))
            .with_help("write numbers with single commas between them, such as `1,15`"));
    }
    if let Some(error) = foreign(kind, item, &whole) {
        return Err(error);
    }
    let (body, step) = match item.split_once('/') {
        None => (item, None),
        Some((body, step)) => {
            let at = offset + body.len() + 1;
            (body, Some(parse_step(kind, step, at..at + step.len())?))
        }
    };
    let at = offset..offset + body.len();
    let last = if kind.high == 7 { 6 } else { kind.high };
    let (from, to) = if body == "*" {
        (kind.low, last)
    } else if let Some((from, to)) = body.split_once('-') {
        parse_range(kind, (from, to), at)?
    } else {
        let number = parse_number(kind, body, at)?;
        if step.is_some() {
            let help = format!("write `{number}-{last}/…`, or `*/…` for all of them");
            return Err(
                CalendarError::new(whole, format!("`{item}` has a step and no range")).with_help(help)
            );
        }
        (number, number)
    };
    let is_wild = from == kind.low && to >= last;
    let step = step.unwrap_or(1);
    if step > to - from && step > 1 {
        let told = format!("the step of `{item}` is longer than its range, so it would mean `{from}` only");
        let help = format!(
            "a step starts again with every {}; write the numbers that are meant, such as `{from}`",
            next_larger(kind),
        );
        return Err(CalendarError::new(whole, told).with_help(help));
    }
    let set = (from..=to).step_by(step as usize).fold(0, |set, number| set | 1 << number);
    Ok((set, is_wild))
}

/// Gives what a field starts again with.
fn next_larger(kind: Kind) -> &'static str {
    match kind.high {
        59 => "hour",
        23 => "day",
        31 => "month",
        12 => "year",
        _ => "week",
    }
}

/// Says what of other schedulers' languages an item is.
fn foreign(kind: Kind, item: &str, at: &Range<usize>) -> Option<CalendarError> {
    let upper = item.to_ascii_uppercase();
    let told = |told: &str| CalendarError::new(at.clone(), format!("`{item}` {told}"));
    let is_day = kind.high == 31 || kind.high == 7;
    if item == "?" {
        Some(told("is not cron's").with_help("write `*`"))
    } else if item.contains('#') {
        Some(told("is not cron's").with_help("cron can't say the second Monday of a month"))
    } else if is_day && (upper == "L" || upper == "LW" || upper.ends_with('L') && upper.len() == 2) {
        Some(told("is not cron's").with_help("cron can't say the last day of a month; take the first: `1`"))
    } else if is_day && upper.ends_with('W') && upper.len() <= 3 {
        Some(told("is not cron's").with_help("cron can't say the nearest working day"))
    } else if upper == "H" || upper.starts_with("H/") || upper.starts_with("H(") {
        Some(told("is not cron's").with_help("write the number, and `jitter` to spread the load"))
    } else {
        None
    }
}

fn parse_step(kind: Kind, text: &str, at: Range<usize>) -> Result<u32, CalendarError> {
    let number = digits(text).filter(|number| *number > 0);
    number.ok_or_else(|| {
        CalendarError::new(at, format!("the step of the {} must be a number from 1", kind.name))
            .with_help("write it like `*/5` or `9-17/2`")
    })
}

fn parse_range(kind: Kind, texts: (&str, &str), at: Range<usize>) -> Result<(u32, u32), CalendarError> {
    let (from_text, to_text) = texts;
    let middle = at.start + from_text.len();
    let from = parse_number(kind, from_text, at.start..middle)?;
    let mut to = parse_number(kind, to_text, middle + 1..at.end)?;
    // The week of a range ends with Sunday: FRI-SUN.
    if kind.high == 7 && to == 0 && from > 0 {
        to = 7;
    }
    if from > to {
        let last = if kind.high == 7 { 6 } else { kind.high };
        let tail = if from == last { from.to_string() } else { format!("{from}-{last}") };
        let head = if to == kind.low { to.to_string() } else { format!("{}-{to}", kind.low) };
        let told = format!("the range `{from_text}-{to_text}` runs backwards");
        return Err(CalendarError::new(at, told).with_help(format!("write `{tail},{head}`")));
    }
    Ok((from, to))
}

fn parse_number(kind: Kind, text: &str, at: Range<usize>) -> Result<u32, CalendarError> {
    let range = format!("{} to {}", kind.low, kind.high);
    if let Some(number) = digits(text) {
        if (kind.low..=kind.high).contains(&number) {
            return Ok(number);
        }
        let told = format!("the {} can't be {text}: it runs from {range}", kind.name);
        return Err(CalendarError::new(at, told));
    }
    let named = kind.names.iter().position(|name| name.eq_ignore_ascii_case(text));
    if let Some(number) = named.and_then(|at| u32::try_from(at).ok()) {
        return Ok(kind.low + number);
    }
    let told = format!("the {} can't be `{text}`", kind.name);
    let help = match kind.names {
        [] => format!("write a number from {range}, `*`, a range `a-b`, a list `a,b` or a step `*/n`"),
        words => format!("write a number from {range}, or a name such as `{}`", words[1]),
    };
    Err(CalendarError::new(at, told).with_help(help))
}

/// Reads a number of four digits at most.
fn digits(text: &str) -> Option<u32> {
    let is_number = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}
