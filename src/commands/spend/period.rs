//! From when to when: days and months are those of UTC, and count whole.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::commands::Failure;
use crate::model::Reason;

/// A stretch of time; its end is no part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Period {
    pub(super) since: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
}

impl Period {
    /// Reads both ends.
    pub(super) fn read(since: Option<&str>, until: Option<&str>) -> Result<Self, Failure> {
        let read = |flag: &str, text: &str| {
            span(text).ok_or_else(|| {
                let hint = "a month `2026-11`, a day `2026-11-24`, or an instant `2026-11-24T06:00:00Z`";
                Failure::mistake(format!("--{flag} {text}: that is no time: write {hint}"))
            })
        };
        let since = since.map(|text| read("since", text)).transpose()?.map(|(first, _)| first);
        let until = until.map(|text| read("until", text)).transpose()?.map(|(_, end)| end);
        if let (Some(since), Some(until)) = (since, until)
            && since >= until
        {
            return Err(Failure::mistake("--since is not before --until"));
        }
        Ok(Self { since, until })
    }

    /// Says whether an instant, RFC 3339, lies in it.
    pub(super) fn holds(&self, instant: &str) -> Result<bool, Failure> {
        let instant: Timestamp = instant.parse().map_err(|_| {
            let message = format!("run.lock.json: `started_at` is no time: {instant}");
            Failure::environment(Reason::Disk, message)
        })?;
        let begun = self.since.is_none_or(|since| instant >= since);
        Ok(begun && self.until.is_none_or(|until| instant < until))
    }
}

/// Gives when a time begins, and when it is over.
fn span(text: &str) -> Option<(Timestamp, Timestamp)> {
    let midnight = |day: Date| day.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp());
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some((instant, instant));
    }
    let (first, next) = match text.len() {
        7 => {
            let first: Date = format!("{text}-01").parse().ok()?;
            (first, first.checked_add(1.month()).ok()?)
        }
        10 => {
            let first: Date = text.parse().ok()?;
            (first, first.checked_add(1.day()).ok()?)
        }
        _ => return None,
    };
    Some((midnight(first)?, midnight(next)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_months_count_whole_and_are_those_of_utc() {
        let check = |since: Option<&str>, until: Option<&str>, instant: &str, expected| {
            let period = Period::read(since, until).unwrap();
            assert_eq!(period.holds(instant).unwrap(), expected, "{since:?} {until:?} {instant}");
        };
        check(None, None, "2026-11-24T07:00:00Z", true);
        check(Some("2026-11"), Some("2026-11"), "2026-11-30T23:59:59Z", true);
        check(Some("2026-11"), Some("2026-11"), "2026-12-01T00:00:00Z", false);
        check(Some("2026-11-24"), Some("2026-11-24"), "2026-11-24T00:00:00Z", true);
        check(Some("2026-11-24"), None, "2026-11-23T23:59:59Z", false);
        check(None, Some("2026-11-24T06:00:00Z"), "2026-11-24T06:00:00Z", false);
        check(Some("2026-11-24T07:00:00+01:00"), None, "2026-11-24T06:00:00Z", true);
        for wrong in ["yesterday", "2026", "2026-13", "2026-02-30", ""] {
            assert!(Period::read(Some(wrong), None).is_err(), "{wrong}");
        }
        assert!(Period::read(Some("2026-12"), Some("2026-11")).is_err());
    }
}
