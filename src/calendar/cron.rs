//! A cron text of five fields, and the local times that match it.

use std::ops::Range;

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, ToSpan};

use crate::calendar::CalendarError;
use crate::calendar::field::{Field, KINDS, parse};

/// Short names of whole texts.
const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// Between two 29ths of February lie eight years at most.
const LONGEST_WAIT_YEARS: i16 = 8;

/// A cron text, as meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    text: String,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    follows_real_time: bool,
}

impl Cron {
    /// Reads a cron text.
    ///
    /// # Errors
    ///
    /// Gives every mistake: what is no cron, what cron leaves open (both day fields restricted), and what never comes.
    pub fn parse(text: &str) -> Result<Self, Vec<CalendarError>> {
        let words = words(text);
        let told = text.trim();
        if told.starts_with('@') {
            let start = words.first().map_or(0, |(at, _)| *at);
            return Self::nickname(told, start..start + told.len()).map_err(|error| vec![error]);
        }
        if let Some(error) = not_five(&words, text.len()) {
            return Err(vec![error]);
        }
        let mut fields = Vec::new();
        let mut errors = Vec::new();
        for (kind, (at, word)) in KINDS.into_iter().zip(&words) {
            match parse(kind, word, *at) {
                Ok(field) => fields.push(field),
                Err(error) => errors.push(error),
            }
        }
        let [minutes, hours, days, months, weekdays] = fields.as_slice() else { return Err(errors) };
        let place = |from: usize, to: usize| words[from].0..words[to].0 + words[to].1.len();
        if let Some(error) = both_days(days, weekdays, words[2].1, words[4].1, place(2, 4)) {
            errors.push(error);
        }
        if let Some(error) = never(days.set, months.set, place(2, 3)) {
            errors.push(error);
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            text: told.to_owned(),
            minutes: minutes.set,
            hours: hours.set,
            days: days.set,
            months: months.set,
            weekdays: weekdays.set,
            follows_real_time: minutes.is_wild || hours.is_wild,
        })
    }

    fn nickname(text: &str, at: Range<usize>) -> Result<Self, CalendarError> {
        let lower = text.to_ascii_lowercase();
        if let Some((_, meant)) = NICKNAMES.iter().find(|(name, _)| *name == lower) {
            let meant = Self::parse(meant).map_err(|mut errors| errors.remove(0))?;
            return Ok(Self { text: lower, ..meant });
        }
        Err(if lower == "@reboot" {
            CalendarError::new(at, "`@reboot` is no time of the calendar")
                .with_help("start `flowbatch run` from the machine's own start-up instead")
        } else if lower.starts_with("@every") {
            CalendarError::new(at, "`@every` is not cron's: it has no fixed times")
                .with_help("write times of the calendar, such as `*/15 * * * *`")
        } else {
            let names: Vec<_> = NICKNAMES.iter().map(|(name, _)| format!("`{name}`")).collect();
            CalendarError::new(at, format!("no cron has the name `{text}`"))
                .with_help(format!("one of {}", names.join(", ")))
        })
    }

    /// Gives the text, without the space around it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Gives the five fields; of a nickname, what it stands for.
    pub fn five_fields(&self) -> &str {
        NICKNAMES.iter().find(|(name, _)| *name == self.text).map_or(&self.text, |(_, meant)| *meant)
    }

    /// Says whether minute or hour run over all their numbers (`*`, `*/5`): such times go by real time under every
    /// rule for changes of the clock.
    pub fn follows_real_time(&self) -> bool {
        self.follows_real_time
    }

    /// Gives the minutes, hours, days of the month, months and days of the week (0 is Sunday) that match, in order.
    pub fn numbers(&self) -> [Vec<u32>; 5] {
        let list = |set: u64| (0..64).filter(|number| has(set, *number)).collect();
        [list(self.minutes), list(self.hours), list(self.days), list(self.months), list(self.weekdays)]
    }

    /// Gives the first local time from `from` on that matches; none when the calendar ends before it.
    pub(super) fn first_from(&self, from: DateTime) -> Option<DateTime> {
        let from = ceil_to_minute(from)?;
        if self.matches_date(from.date())
            && let Some(time) = self.first_time(from.time())
        {
            return Some(from.date().to_datetime(time));
        }
        let time = self.first_time(Time::midnight())?;
        Some(self.first_date(from.date().tomorrow().ok()?)?.to_datetime(time))
    }

    /// Gives the shortest time between two local times that match, changes of the clock left aside.
    pub fn shortest_gap(&self) -> SignedDuration {
        let hours = (0..24).filter(|hour| has(self.hours, *hour));
        let times: Vec<i64> = hours
            .flat_map(|hour| (0..60).map(move |minute| (hour, minute)))
            .filter(|(_, minute)| has(self.minutes, *minute))
            .map(|(hour, minute)| i64::from(hour * 60 + minute))
            .collect();
        let within = times.windows(2).map(|pair| pair[1] - pair[0]).min();
        let span = times.last().copied().unwrap_or_default() - times.first().copied().unwrap_or_default();
        // Twelve years hold each way in which dates follow one another closely.
        let (mut date, end) = (Date::constant(2024, 1, 1), Date::constant(2036, 1, 1));
        let mut days = Vec::new();
        while let Some(found) = self.first_date(date).filter(|found| *found < end) {
            days.push(found);
            let Ok(next) = found.tomorrow() else { break };
            date = next;
        }
        let between = days.windows(2).map(|pair| pair[0].duration_until(pair[1]).as_mins() - span).min();
        SignedDuration::from_mins(within.into_iter().chain(between).min().unwrap_or(i64::from(u32::MAX)))
    }

    fn matches_date(&self, date: Date) -> bool {
        let weekday = date.weekday().to_sunday_zero_offset();
        has(self.months, number(date.month()))
            && has(self.days, number(date.day()))
            && has(self.weekdays, number(weekday))
    }

    /// Gives the first date from `from` on that matches.
    fn first_date(&self, from: Date) -> Option<Date> {
        let last_year = from.year().saturating_add(LONGEST_WAIT_YEARS);
        let mut date = from;
        while date.year() <= last_year {
            if !has(self.months, number(date.month())) {
                date = date.last_of_month().tomorrow().ok()?;
            } else if self.matches_date(date) {
                return Some(date);
            } else {
                date = date.tomorrow().ok()?;
            }
        }
        None
    }

    /// Gives the first time of day from `from` on that matches.
    fn first_time(&self, from: Time) -> Option<Time> {
        let start = number(from.hour());
        (start..24).filter(|hour| has(self.hours, *hour)).find_map(|hour| {
            let first = if hour == start { number(from.minute()) } else { 0 };
            let minute = (first..60).find(|minute| has(self.minutes, *minute))?;
            Time::new(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0).ok()
        })
    }
}

fn has(set: u64, number: u32) -> bool {
    set & (1 << number) != 0
}

fn number(part: i8) -> u32 {
    u32::try_from(part).unwrap_or_default()
}

/// Gives the first whole minute from `from` on.
fn ceil_to_minute(from: DateTime) -> Option<DateTime> {
    let whole = from.with().second(0).subsec_nanosecond(0).build().ok()?;
    if whole == from { Some(from) } else { whole.checked_add(1.minute()).ok() }
}

/// Gives the words of a text with their offsets.
fn words(text: &str) -> Vec<(usize, &str)> {
    let base = text.as_ptr() as usize;
    text.split_whitespace().map(|word| (word.as_ptr() as usize - base, word)).collect()
}

/// Says why the words are not the five fields of a cron text.
fn not_five(words: &[(usize, &str)], end: usize) -> Option<CalendarError> {
    let from = words.first().map_or(0, |(at, _)| *at);
    let to = words.last().map_or(end, |(at, word)| at + word.len());
    let rest = |skip: usize| words.iter().skip(skip).map(|(_, word)| *word).collect::<Vec<_>>().join(" ");
    if let Some((at, word)) = words.first()
        && let Some((name, zone)) = word.split_once('=')
        && matches!(name, "TZ" | "CRON_TZ")
    {
        return Some(
            CalendarError::new(*at..at + word.len(), format!("`{name}=` does not belong into the cron text"))
                .with_help(format!("write `cron: \"{}\"` and `time_zone: {zone}`", rest(1))),
        );
    }
    let names = "minute, hour, day of the month, month, day of the week";
    match words.len() {
        5 => None,
        0 => Some(
            CalendarError::new(0..end, "the cron text is empty").with_help(format!("five fields: {names}")),
        ),
        6 | 7 => {
            let told =
                format!("{} fields, and cron has five: there is none for seconds or years", words.len());
            let meant = words.iter().skip(1).take(5).map(|(_, word)| *word).collect::<Vec<_>>().join(" ");
            let help = format!("without the seconds: `{meant}`");
            Some(CalendarError::new(from..to, told).with_help(help))
        }
        count => {
            let told = format!("{count} {}, and cron has five", if count == 1 { "field" } else { "fields" });
            Some(CalendarError::new(from..to, told).with_help(format!("in this order: {names}")))
        }
    }
}

/// Cron runs on either day, systemd and Temporal on both: what is meant must be said another way.
fn both_days(
    days: &Field,
    weekdays: &Field,
    days_text: &str,
    weekdays_text: &str,
    at: Range<usize>,
) -> Option<CalendarError> {
    if days.is_star || weekdays.is_star {
        return None;
    }
    let told = format!(
        "the day of the month (`{days_text}`) and the day of the week (`{weekdays_text}`) are both restricted"
    );
    let help = "some schedulers run when either matches, some when both do: leave `*` for one of the two, and make \
                another manifest for the other if either was meant";
    Some(CalendarError::new(at, told).with_help(help))
}

/// Says when no month has any of the days.
fn never(days: u64, months: u64, at: Range<usize>) -> Option<CalendarError> {
    const LENGTHS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let first = days.trailing_zeros();
    let comes = (1..=12).zip(LENGTHS).any(|(month, length)| has(months, month) && first <= length);
    if comes {
        return None;
    }
    let told = format!("no such date ever comes: none of these months has a day {first}");
    Some(CalendarError::new(at, told).with_help("the last day that every month has is the 28th"))
}
