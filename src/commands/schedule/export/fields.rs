//! The fields of a cron text, for other languages.

use crate::calendar::Cron;

/// The lowest number of each field, and how many there are.
const FIELDS: [(u32, usize); 5] = [(0, 60), (0, 24), (1, 31), (1, 12), (0, 7)];

/// Writes a cron text in the words that every cron has: numbers and no names, and Sunday as 0.
pub(super) fn cron_text(cron: &Cron) -> String {
    let numbers = cron.numbers();
    let written: Vec<&str> = cron.five_fields().split_whitespace().collect();
    let fields = numbers.iter().zip(FIELDS).enumerate().map(|(at, (numbers, (low, count)))| {
        // A `*` in minute or hour is more than its numbers: it tells how changes of the clock are taken.
        match written.get(at).filter(|_| at < 2).and_then(|text| wild(text, low, count)) {
            Some(text) => text,
            None => list(numbers, count, ",", "-"),
        }
    });
    fields.collect::<Vec<_>>().join(" ")
}

/// Writes numbers as a list with ranges: `*` when they are all.
pub(super) fn list(numbers: &[u32], count: usize, comma: &str, dash: &str) -> String {
    if numbers.len() == count {
        return "*".to_owned();
    }
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let run = |(first, last): &(u32, u32)| match last - first {
        0 => first.to_string(),
        1 => format!("{first}{comma}{last}"),
        _ => format!("{first}{dash}{last}"),
    };
    runs.iter().map(run).collect::<Vec<_>>().join(comma)
}

/// Gives a field that runs over all its numbers with the `*` that says so.
fn wild(text: &str, low: u32, count: usize) -> Option<String> {
    let whole = format!("{low}-{}", low as usize + count - 1);
    let items: Vec<_> = text
        .split(',')
        .map(|item| match item.strip_prefix(&whole) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("*{rest}"),
            _ => item.to_owned(),
        })
        .collect();
    items.iter().any(|item| item.starts_with('*')).then(|| items.join(","))
}

/// Writes an expression of `OnCalendar` (`systemd.time(7)`).
pub(super) fn on_calendar(cron: &Cron, zone: &str) -> String {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    let [minutes, hours, days, months, weekdays] = cron.numbers();
    let padded = |numbers: &[u32], count: usize| {
        if numbers.len() == count {
            return "*".to_owned();
        }
        numbers.iter().map(|number| format!("{number:02}")).collect::<Vec<_>>().join(",")
    };
    let week: Vec<_> = weekdays.iter().filter_map(|day| DAYS.get(*day as usize)).copied().collect();
    let week = if week.len() == 7 { String::new() } else { format!("{} ", week.join(",")) };
    format!(
        "{week}*-{}-{} {}:{}:00 {zone}",
        padded(&months, 12),
        padded(&days, 31),
        padded(&hours, 24),
        padded(&minutes, 60)
    )
}

/// Gives the cron texts that say in UTC what the text says at a fixed offset. The error says why cron can't.
pub(super) fn in_utc(cron: &Cron, offset_minutes: i32) -> Result<Vec<String>, &'static str> {
    const DAY: i32 = 24 * 60;
    let [minutes, hours, days, months, weekdays] = cron.numbers();
    let is_every_date = days.len() == 31 && months.len() == 12;
    let is_daily = is_every_date && weekdays.len() == 7;
    // The minutes of each hour, apart for each day that they move to.
    let mut found: std::collections::BTreeMap<(i32, i32), Vec<u32>> = std::collections::BTreeMap::new();
    for hour in &hours {
        for minute in &minutes {
            let local = i32::try_from(hour * 60 + minute).unwrap_or_default();
            let utc = local - offset_minutes;
            let (day, utc) = (utc.div_euclid(DAY), utc.rem_euclid(DAY));
            let day = if is_daily { 0 } else { day };
            found.entry((day, utc / 60)).or_default().push(u32::try_from(utc % 60).unwrap_or_default());
        }
    }
    let mut groups: std::collections::BTreeMap<(i32, Vec<u32>), Vec<u32>> = std::collections::BTreeMap::new();
    for ((day, hour), mut minutes) in found {
        if day != 0 && !is_every_date {
            return Err(
                "in UTC some of its times fall on the day before or after, and cron can't say the day before \
                        the first of a month",
            );
        }
        minutes.sort_unstable();
        groups.entry((day, minutes)).or_default().push(u32::try_from(hour).unwrap_or_default());
    }
    let texts = groups.into_iter().map(|((day, minutes), hours)| {
        let mut week: Vec<u32> = weekdays
            .iter()
            .filter_map(|weekday| u32::try_from((i32::try_from(*weekday).ok()? + day).rem_euclid(7)).ok())
            .collect();
        week.sort_unstable();
        let parts = [
            list(&minutes, 60, ",", "-"),
            list(&hours, 24, ",", "-"),
            list(&days, 31, ",", "-"),
            list(&months, 12, ",", "-"),
            list(&week, 7, ",", "-"),
        ];
        parts.join(" ")
    });
    Ok(texts.collect())
}
