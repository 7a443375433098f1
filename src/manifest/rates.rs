//! Rates of requests: `90/min`, read from its text and written back.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::manifest::units;
use crate::pace::{Rate, Rates};

/// The most requests that a rate counts.
const MOST: u32 = 1_000_000;
/// The longest window.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// `limits.rate`: how many requests go out with one key to one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateSpec {
    /// Which requests count.
    pub rates: RatesSpec,
    /// `burst`: so many may go at once after a rest; none: no window holds more than its rate.
    pub burst: Option<u32>,
}

/// Which requests count against which rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RatesSpec {
    /// `invoke` and `poll`, each by itself; at least one is there.
    Apart {
        /// `invoke`.
        invoke: Option<PerTime>,
        /// `poll`.
        poll: Option<PerTime>,
    },
    /// `shared`: all requests together.
    Shared(PerTime),
}

impl RateSpec {
    /// Gives the least time, in whole seconds, that so many invokes and polls take.
    pub fn least_seconds(&self, invokes: u64, polls: u64) -> u64 {
        let takes = |requests: u64, PerTime { count, per }| {
            requests.saturating_mul(per.as_secs()).div_ceil(u64::from(count))
        };
        match self.rates {
            RatesSpec::Shared(rate) => takes(invokes.saturating_add(polls), rate),
            RatesSpec::Apart { invoke, poll } => {
                let [invoke, poll] =
                    [(invokes, invoke), (polls, poll)].map(|(n, rate)| rate.map(|rate| takes(n, rate)));
                invoke.max(poll).unwrap_or_default()
            }
        }
    }

    /// Gives a rate with another number: of all requests where they count together, else of invokes.
    pub fn with(of: Option<Self>, rate: PerTime) -> Self {
        let burst = of.and_then(|of| of.burst);
        let rates = match of.map(|of| of.rates) {
            Some(RatesSpec::Shared(_)) => RatesSpec::Shared(rate),
            Some(RatesSpec::Apart { poll, .. }) => RatesSpec::Apart { invoke: Some(rate), poll },
            None => RatesSpec::Apart { invoke: Some(rate), poll: None },
        };
        Self { rates, burst }
    }

    /// Gives the manifest's key that sets what `with` does.
    pub fn key_of(of: Option<Self>) -> &'static str {
        match of.map(|of| (of.rates, of.burst)) {
            Some((RatesSpec::Shared(_), _)) => "limits.rate.shared",
            Some((RatesSpec::Apart { poll: Some(_), .. }, _) | (_, Some(_))) => "limits.rate.invoke",
            Some(_) | None => "limits.rate",
        }
    }

    /// Writes it with the manifest's keys.
    pub fn to_json(&self) -> Value {
        let (invoke, poll, shared) = match self.rates {
            RatesSpec::Apart { invoke, poll } => (invoke, poll, None),
            RatesSpec::Shared(rate) => (None, None, Some(rate)),
        };
        let mut found = Map::new();
        for (key, rate) in [("invoke", invoke), ("poll", poll), ("shared", shared)] {
            found.extend(rate.map(|rate| (key.to_owned(), json!(rate.to_string()))));
        }
        found.extend(self.burst.map(|burst| ("burst".to_owned(), json!(burst))));
        Value::Object(found)
    }

    /// Gives the rates to keep.
    pub fn rates(&self) -> Rates {
        let rate = |PerTime { count, per }| Rate::new(count, per, self.burst);
        match self.rates {
            RatesSpec::Apart { invoke, poll } => {
                Rates::Apart { invoke: invoke.map(rate), poll: poll.map(rate) }
            }
            RatesSpec::Shared(shared) => Rates::Shared(rate(shared)),
        }
    }
}

impl fmt::Display for RateSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rates {
            RatesSpec::Shared(rate) => write!(f, "{rate} of all requests"),
            RatesSpec::Apart { invoke: Some(invoke), poll: None } => write!(f, "{invoke}"),
            RatesSpec::Apart { invoke: Some(invoke), poll: Some(poll) } => {
                write!(f, "{invoke}, polls {poll}")
            }
            RatesSpec::Apart { invoke: None, poll: Some(poll) } => write!(f, "polls {poll}"),
            RatesSpec::Apart { invoke: None, poll: None } => write!(f, "no rate"),
        }
    }
}

/// So many requests in any window of a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerTime {
    /// How many, at least one.
    pub count: u32,
    /// The window's length.
    pub per: Duration,
}

impl fmt::Display for PerTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, seconds)| Duration::from_secs(*seconds) == self.per);
        match unit {
            Some((unit, _)) => write!(f, "{}/{unit}", self.count),
            None => write!(f, "{}/{}", self.count, units::write_duration(self.per)),
        }
    }
}

impl FromStr for PerTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        per_time(text)
    }
}

const UNITS: [(&str, u64); 4] = [("s", 1), ("min", 60), ("h", 3_600), ("day", 86_400)];

/// Reads `90/min`, `5/s`, `100/h`, `1000/day`, `20/10s`. The error says how to write one.
pub(super) fn per_time(text: &str) -> Result<PerTime, String> {
    let form = || "write a rate like `90/min`, `5/s`, `100/h` or `20/10s`".to_owned();
    let (count, per) = text.split_once('/').ok_or_else(form)?;
    let (count, per) = (count.trim(), per.trim());
    if count.is_empty() || !count.bytes().all(|b| b.is_ascii_digit()) {
        return Err(form());
    }
    let count = count.parse().ok().filter(|count| (1..=MOST).contains(count));
    let count = count.ok_or_else(|| format!("a rate counts from 1 to {MOST} requests"))?;
    let unit = UNITS.iter().find(|(unit, _)| *unit == per).map(|(_, seconds)| Duration::from_secs(*seconds));
    let per = unit.or_else(|| units::duration(per).ok()).ok_or_else(form)?;
    if per < Duration::from_secs(1) || per > LONGEST {
        return Err("a rate counts requests in at least a second and at most a day".to_owned());
    }
    Ok(PerTime { count, per })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_written_back() {
        let check = |text: &str, count: u32, seconds: u64, written: &str| {
            let rate = per_time(text).unwrap();
            assert_eq!(rate, PerTime { count, per: Duration::from_secs(seconds) }, "{text}");
            assert_eq!(rate.to_string(), written);
            assert_eq!(per_time(written).unwrap(), rate);
        };
        check("90/min", 90, 60, "90/min");
        check("5 / s", 5, 1, "5/s");
        check("100/h", 100, 3_600, "100/h");
        check("1000/day", 1_000, 86_400, "1000/day");
        check("20/10s", 20, 10, "20/10s");
        check("3/1m", 3, 60, "3/min");
    }

    #[test]
    fn a_rate_says_how_long_a_run_takes_at_least() {
        let [three, ninety] = ["3/min", "90/min"].map(|text| per_time(text).unwrap());
        let check = |rates, invokes, polls, seconds| {
            assert_eq!(RateSpec { rates, burst: None }.least_seconds(invokes, polls), seconds);
        };
        check(RatesSpec::Shared(three), 30, 0, 600);
        check(RatesSpec::Shared(three), 30, 30, 1_200);
        check(RatesSpec::Apart { invoke: Some(ninety), poll: None }, 100, 100, 67);
        check(RatesSpec::Apart { invoke: Some(ninety), poll: Some(three) }, 90, 90, 1_800);
        check(RatesSpec::Shared(three), u64::MAX, 1, u64::MAX.div_ceil(3));
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        for text in [
            "",
            "90",
            "/min",
            "90/",
            "0/s",
            "-5/s",
            "1.5/s",
            "9/month",
            "1000001/s",
            "5/100ms",
            "5/25h",
            "5/0s",
        ] {
            assert!(per_time(text).is_err(), "{text}");
        }
    }
}
