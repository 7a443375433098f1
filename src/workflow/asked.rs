//! What a response's headers ask to wait: `Retry-After` (RFC 9110, section 10.2.3), `retry-after-ms`, and the fields of
//! rate limits, both the IETF's (`RateLimit`, in its drafts' forms) and the customary ones (`X-RateLimit-Remaining` and
//! `-Reset`).

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::rfc2822::DateTimeParser;

/// The longest wait that is believed: beyond it a slip is likelier than a wish.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What a response asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// How long to wait after a refusal.
    pub(super) retry_after: Option<Duration>,
    /// How long nothing more will be taken, although this was.
    pub(super) used_up: Option<Duration>,
}

/// Reads what a response asks for.
///
/// Only `Retry-After` itself is told of other answers than 429, since it decides whether a 503 is a refusal.
pub(super) fn asked(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Asked {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let said = text("retry-after").and_then(|value| retry_after(value, now));
    let exactly = || text("retry-after-ms").and_then(|value| seconds(value.trim(), 0.001));
    let limits = || used_up(headers, now);
    let [retry_after, used_up] = match status {
        StatusCode::TOO_MANY_REQUESTS => [said.max(exactly()).or_else(limits), None],
        _ if status.is_success() => [said, limits()],
        _ => [said.map(|said| exactly().map_or(said, |exactly| said.max(exactly))), None],
    };
    Asked { retry_after: retry_after.map(believed), used_up: used_up.map(believed) }
}

/// Caps what no service can mean.
fn believed(wait: Duration) -> Duration {
    if wait > LONGEST {
        tracing::warn!(
            asked_s = wait.as_secs(),
            taken_s = LONGEST.as_secs(),
            "the service asks for an absurd wait"
        );
    }
    wait.min(LONGEST)
}

/// Reads seconds or a date; what is past is now, and none is what can't be read.
fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    seconds(value, 1.0).or_else(|| {
        let date = date(value)?;
        Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
    })
}

/// Reads a number in a unit of so many seconds; none when it is no number.
fn seconds(text: &str, unit: f64) -> Option<Duration> {
    let number = text.parse::<f64>().ok().filter(|number| !number.is_nan())?;
    Some(Duration::try_from_secs_f64((number * unit).max(0.0)).unwrap_or(Duration::MAX))
}

/// Reads a date in one of HTTP's three forms. The last year that can be written is beyond what a timestamp holds; one
/// before it is as absurd.
fn date(text: &str) -> Option<Timestamp> {
    let text = text.replace(" 9999 ", " 9998 ");
    let utc = |date: DateTime| date.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let parsed = DateTimeParser::new().relaxed_weekday(true).parse_timestamp(&text).ok();
    parsed.or_else(|| {
        // RFC 850 and asctime: obsolete, and still to be taken. The weekday says nothing that the date does not.
        let rest = text.split_once(", ").map(|(_, rest)| rest);
        let rfc850 = rest.and_then(|rest| DateTime::strptime("%d-%b-%y %H:%M:%S GMT", rest).ok());
        let asctime = || DateTime::strptime("%b %e %H:%M:%S %Y", text.split_once(' ')?.1).ok();
        rfc850.or_else(asctime).and_then(utc)
    })
}

/// Says for how long rate limits are used up, by the fields that speak of them; none when there is something left, or
/// it is not said.
fn used_up(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let all =
        |name: &str| headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).flat_map(items);
    let policies: Vec<_> = all("ratelimit-policy").map(|item| Item::read(&item)).collect();
    let fields: Vec<_> = all("ratelimit").map(|item| Item::read(&item)).collect();
    let standard = fields.iter().filter(|item| item.number("r") == Some(0.0)).filter_map(|item| {
        let window = || policies.iter().find(|policy| policy.name == item.name)?.number("w");
        item.number("t").or_else(window)
    });
    // An earlier draft wrote one list: `limit=100, remaining=0, reset=30`.
    let early = |name: &str| fields.iter().find(|item| item.name == name)?.value;
    let early = early("remaining").filter(|left| *left == 0.0).and_then(|_| early("reset"));
    let longest = standard.chain(early).fold(None, |most: Option<f64>, t| Some(most.map_or(t, |m| m.max(t))));
    longest.map(|t| Duration::try_from_secs_f64(t.max(0.0)).unwrap_or(Duration::MAX)).or_else(|| {
        let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
        ["ratelimit", "x-ratelimit", "x-rate-limit"].iter().find_map(|prefix| {
            let left = text(&format!("{prefix}-remaining"))?.parse::<f64>().ok()?;
            let reset = text(&format!("{prefix}-reset"))?;
            (left <= 0.0).then(|| reset_in(reset, now)).flatten()
        })
    })
}

/// Reads when a limit is reset: in so many seconds, or at a time since 1970 in seconds or milliseconds.
fn reset_in(text: &str, now: Timestamp) -> Option<Duration> {
    const IS_SECONDS: Duration = Duration::from_secs(1_000_000_000);
    const IS_MILLISECONDS: Duration = Duration::from_secs(100_000_000_000);
    let given = seconds(text, 1.0)?;
    let since_1970 = Duration::try_from(now.as_duration()).unwrap_or_default();
    Some(if given >= IS_MILLISECONDS {
        (given / 1_000).saturating_sub(since_1970)
    } else if given >= IS_SECONDS {
        given.saturating_sub(since_1970)
    } else {
        given
    })
}

/// One member of a structured list: `"name";key=1`, or of an older form: `key=1`.
#[derive(Debug)]
struct Item {
    name: String,
    value: Option<f64>,
    parameters: Vec<(String, f64)>,
}

impl Item {
    fn read(text: &str) -> Self {
        let mut parts = split(text, ';').into_iter().map(|part| {
            let (key, value) = part.split_once('=').unwrap_or((&part, ""));
            (key.trim().trim_matches('"').to_ascii_lowercase(), value.trim().parse::<f64>().ok())
        });
        let (name, value) = parts.next().unwrap_or_default();
        let parameters = parts.filter_map(|(key, value)| Some((key, value?))).collect();
        Self { name, value, parameters }
    }

    fn number(&self, key: &str) -> Option<f64> {
        self.parameters.iter().find(|(name, _)| name == key).map(|(_, value)| *value)
    }
}

fn items(value: &str) -> Vec<String> {
    split(value, ',')
}

/// Splits at a sign that is not inside of quotes.
fn split(text: &str, at: char) -> Vec<String> {
    let mut is_quoted = false;
    let parts = text.split(|c| {
        is_quoted ^= c == '"';
        c == at && !is_quoted
    });
    parts.map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-24T06:00:00Z".parse().unwrap()
    }

    fn of(status: u16, headers: &[(&str, &str)]) -> [Option<f64>; 2] {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
        }
        let Asked { retry_after, used_up } = asked(StatusCode::from_u16(status).unwrap(), &map, now());
        [retry_after, used_up].map(|wait| wait.map(|wait| wait.as_secs_f64()))
    }

    #[track_caller]
    fn check_retry_after(value: &str, expected: Option<f64>) {
        for status in [429, 503] {
            assert_eq!(of(status, &[("retry-after", value)]), [expected, None], "{value:?}");
        }
    }

    #[test]
    fn seconds_and_dates_are_read_and_absurd_waits_capped() {
        const DAY: Option<f64> = Some(86_400.0);
        check_retry_after("0", Some(0.0));
        check_retry_after(" 120 ", Some(120.0));
        check_retry_after("1.5", Some(1.5));
        check_retry_after("-5", Some(0.0));
        check_retry_after("86400", DAY);
        check_retry_after("86401", DAY);
        check_retry_after("99999999999999999999999", DAY);
        check_retry_after("inf", DAY);
        check_retry_after("1e308", DAY);
        check_retry_after("NaN", None);
        check_retry_after("Tue, 24 Nov 2026 06:00:30 GMT", Some(30.0));
        check_retry_after("Tue, 24 Nov 2026 05:00:00 GMT", Some(0.0));
        check_retry_after("Mon, 24 Nov 2026 06:00:30 GMT", Some(30.0));
        check_retry_after("Tuesday, 24-Nov-26 06:00:30 GMT", Some(30.0));
        check_retry_after("Tue Nov 24 06:00:30 2026", Some(30.0));
        check_retry_after("Tue Dec  1 06:00:30 2026", DAY);
        check_retry_after("Wed, 31 Dec 9997 23:59:59 GMT", DAY);
        check_retry_after("Fri, 31 Dec 9999 23:59:59 GMT", DAY);
        for bad in ["", "soon", "2026-11-24", "Tue, 24 Nov"] {
            check_retry_after(bad, None);
        }
    }

    #[test]
    fn milliseconds_make_a_wait_exact_and_never_shorter() {
        assert_eq!(of(429, &[("retry-after-ms", "350")])[0], Some(0.35));
        assert_eq!(of(429, &[("retry-after-ms", "1350"), ("retry-after", "1")])[0], Some(1.35));
        assert_eq!(of(429, &[("retry-after-ms", "350"), ("retry-after", "1")])[0], Some(1.0));
        assert_eq!(of(503, &[("retry-after-ms", "1350"), ("retry-after", "1")])[0], Some(1.35));
        assert_eq!(of(503, &[("retry-after-ms", "350")])[0], None, "it does not make a 503 a refusal");
    }

    #[test]
    fn a_used_up_limit_says_how_long_a_429_lasts_and_that_the_next_request_would_be_one() {
        for (headers, expected) in [
            (&[("ratelimit", "\"default\";r=0;t=30")][..], Some(30.0)),
            (&[("ratelimit", "\"a,b\";r=0;t=30, \"day\";r=0;t=90, \"hour\";r=5;t=3000")], Some(90.0)),
            (
                &[("ratelimit", "\"a\";r=0"), ("ratelimit-policy", "\"b\";q=9;w=7, \"a\";q=3;w=60")],
                Some(60.0),
            ),
            (&[("ratelimit", "limit=100, remaining=0, reset=50")], Some(50.0)),
            (&[("ratelimit-remaining", "0"), ("ratelimit-reset", "12")], Some(12.0)),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "12.5")], Some(12.5)),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1795500040")], Some(40.0)),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1795500040500")], Some(40.5)),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1795400000")], Some(0.0)),
            (&[("x-rate-limit-remaining", "0"), ("x-rate-limit-reset", "9")], Some(9.0)),
            (&[("ratelimit", "\"default\";r=1;t=30")], None),
            (&[("ratelimit", "limit=100, remaining=7, reset=50")], None),
            (&[("x-ratelimit-remaining", "1"), ("x-ratelimit-reset", "12")], None),
            (&[("x-ratelimit-reset", "12")], None),
            (&[("ratelimit", "\"default\";r=0")], None),
            (&[("ratelimit", ";;,\"=,;t=")], None),
        ] {
            assert_eq!(of(200, headers), [None, expected], "{headers:?}");
            assert_eq!(of(429, headers), [expected, None], "{headers:?}");
            assert_eq!(of(503, headers), [None, None], "{headers:?}");
            let said = [headers, &[("retry-after", "3")]].concat();
            assert_eq!(of(429, &said)[0], Some(3.0), "what is said of this request counts: {headers:?}");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(
            status in 100_u16..600, values in proptest::collection::vec("[ -~]{0,40}", 8),
        ) {
            let names = ["retry-after", "retry-after-ms", "ratelimit", "ratelimit-policy", "ratelimit-remaining",
                "ratelimit-reset", "x-ratelimit-remaining", "x-ratelimit-reset"];
            let headers: Vec<_> = names.into_iter().zip(values.iter().map(String::as_str)).collect();
            for wait in of(status, &headers).into_iter().flatten() {
                prop_assert!((0.0..=86_400.0).contains(&wait));
            }
        }
    }
}
