//! The ends of a calendar, as people write them: a date, a local time, or an instant with its offset.

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Timestamp};

use crate::calendar::{CalendarError, Zone};

/// Which end of a calendar a date is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// The first instant: a date counts from its start.
    Starts,
    /// The last instant: a date counts to its end.
    Ends,
}

/// Reads `2026-12-01`, `2026-12-01T06:00` in the zone's local time, or an RFC 3339 instant.
///
/// # Errors
///
/// Says how to write one.
pub fn edge(text: &str, zone: &Zone, which: Edge) -> Result<Timestamp, CalendarError> {
    let error = || {
        CalendarError::new(0..text.len(), format!("`{text}` is no date and no instant"))
            .with_help("write `2026-12-01`, `2026-12-01T06:00` (in `time_zone`) or `2026-12-01T06:00:00Z`")
    };
    let is_date = text.len() == 10;
    if is_date {
        let date: Date = text.parse().map_err(|_| error())?;
        let date = if which == Edge::Ends { date.tomorrow().map_err(|_| error())? } else { date };
        let start = date.to_zoned(zone.rules.clone()).map_err(|_| error())?.timestamp();
        return if which == Edge::Ends {
            start.checked_sub(SignedDuration::from_nanos(1)).map_err(|_| error())
        } else {
            Ok(start)
        };
    }
    // A zone in brackets could contradict `time_zone`.
    if text.contains('[') {
        return Err(error());
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let local: DateTime = text.parse().map_err(|_| error())?;
    Ok(local.to_zoned(zone.rules.clone()).map_err(|_| error())?.timestamp())
}
