//! `Retry-After`, read as a duration (RFC 9110, section 10.2.3).

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// The longest wait that is believed: beyond it a slip is likelier than a wish.
const LONGEST: Duration = Duration::from_secs(3600);

/// Reads seconds or a date; what is past is now, and none is what can't be read.
pub(super) fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let seconds = match value.parse::<f64>() {
        Ok(seconds) if seconds.is_nan() => return None,
        Ok(seconds) => seconds,
        Err(_) => {
            let date = DateTimeParser::new().relaxed_weekday(true).parse_timestamp(value).ok()?;
            date.duration_since(now).as_secs_f64()
        }
    };
    Some(Duration::from_secs_f64(seconds.clamp(0.0, LONGEST.as_secs_f64())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: Option<f64>) {
        let now: Timestamp = "2026-11-24T06:00:00Z".parse().unwrap();
        assert_eq!(retry_after(value, now), expected.map(Duration::from_secs_f64), "{value:?}");
    }

    #[test]
    fn seconds_and_dates_are_read_and_absurd_waits_capped() {
        check("0", Some(0.0));
        check(" 120 ", Some(120.0));
        check("1.5", Some(1.5));
        check("-5", Some(0.0));
        check("86400", Some(3600.0));
        check("99999999999999999999999", Some(3600.0));
        check("inf", Some(3600.0));
        check("NaN", None);
        check("Tue, 24 Nov 2026 06:00:30 GMT", Some(30.0));
        check("Tue, 24 Nov 2026 05:00:00 GMT", Some(0.0));
        check("Mon, 24 Nov 2026 06:00:30 GMT", Some(30.0));
        check("Wed, 31 Dec 9997 23:59:59 GMT", Some(3600.0));
        for bad in ["", "soon", "2026-11-24", "Tue, 24 Nov", "\u{661}"] {
            check(bad, None);
        }
    }
}
