//! The units of a definition: durations, shares, rates, amounts and distributions of time, read from their text.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rust_decimal::Decimal;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};

use super::draw::Draws;

/// The longest time that a definition may name.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A time such as `200ms`, `5s` or `1h30m`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span(pub(super) Duration);

impl Span {
    /// Gives the time in whole milliseconds.
    pub(super) fn ms(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is no duration: write a number and its unit, as in 200ms, 5s, 2m or 1h30m");
        let mut rest = text.trim();
        let mut total = 0.0;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
            let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
            rest = &rest[digits..];
            let unit = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
            total += number
                * match &rest[..unit] {
                    "ms" => 0.001,
                    "s" => 1.0,
                    "m" | "min" => 60.0,
                    "h" => 3600.0,
                    _ => return Err(wrong()),
                };
            rest = &rest[unit..];
        }
        if text.trim().is_empty() {
            return Err(wrong());
        }
        match Duration::try_from_secs_f64(total) {
            Ok(span) if span <= LONGEST => Ok(Self(Duration::from_micros(micros(span)))),
            _ => Err(format!("`{text}` is longer than 24h")),
        }
    }
}

fn micros(span: Duration) -> u64 {
    // Rounded, so that 0.001 * 200 is 200 ms and not a nanosecond beside it.
    u64::try_from((span.as_nanos() + 500) / 1000).unwrap_or(u64::MAX)
}

/// A part of a whole: `1%` or `0.01`.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub(super) struct Share(pub(super) f64);

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no share: write it as 1% or 0.01");
        let (number, whole) = match text.trim().strip_suffix('%') {
            Some(number) => (number.trim(), 100.0),
            None => (text.trim(), 1.0),
        };
        let number: f64 = number.parse().map_err(|_| wrong())?;
        Self::new(number / whole).ok_or_else(|| format!("`{text}` is not between 0% and 100%"))
    }
}

impl Share {
    fn new(share: f64) -> Option<Self> {
        (0.0..=1.0).contains(&share).then_some(Self(share))
    }
}

/// How many requests a window of time takes: `300/min`, `5/s`, `100/h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    pub(super) requests: u32,
    pub(super) window: Duration,
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no rate: write it as 300/min, 5/s or 100/h");
        let (requests, unit) = text.split_once('/').ok_or_else(wrong)?;
        let requests: u32 = requests.trim().parse().map_err(|_| wrong())?;
        let window = match unit.trim() {
            "s" => 1,
            "m" | "min" => 60,
            "h" => 3600,
            _ => return Err(wrong()),
        };
        if requests == 0 || requests > 10_000_000 {
            return Err(format!("`{text}`: a rate lies between 1 and 10000000 requests"));
        }
        Ok(Self { requests, window: Duration::from_secs(window) })
    }
}

/// An exact amount, not below zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amount(pub(super) Decimal);

impl FromStr for Amount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let amount = Decimal::from_str_exact(text.trim())
            .map_err(|_| format!("`{text}` is no amount: write a decimal such as 0.0021"))?;
        // The bound keeps every cost that can be drawn exact.
        if amount.is_sign_negative() || amount > Decimal::from(1_000_000) || amount.scale() > 12 {
            return Err(format!("`{text}`: an amount lies between 0 and 1000000, with at most 12 decimals"));
        }
        Ok(Self(amount))
    }
}

/// How long something takes: one time, any time of a range, or a lognormal distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Spread {
    Fixed(Duration),
    Between(Duration, Duration),
    Lognormal { median: Duration, p95: Duration, max: Duration },
}

impl Default for Spread {
    fn default() -> Self {
        Self::Fixed(Duration::ZERO)
    }
}

impl FromStr for Spread {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((low, high)) = text.split_once("..") else {
            return Ok(Self::Fixed(text.parse::<Span>()?.0));
        };
        let (low, high) = (low.parse::<Span>()?.0, high.parse::<Span>()?.0);
        if low > high {
            return Err(format!("`{text}`: the range ends before it starts"));
        }
        Ok(Self::Between(low, high))
    }
}

impl Spread {
    /// Draws a time, in whole milliseconds.
    pub(super) fn draw_ms(self, draws: Draws, name: &str) -> u64 {
        let time = match self {
            Self::Fixed(time) => time,
            Self::Between(low, high) => low + high.saturating_sub(low).mul_f64(draws.unit(name)),
            Self::Lognormal { median, p95, max } => {
                // The 95th percentile of the standard normal distribution.
                let sigma = (p95.as_secs_f64() / median.as_secs_f64()).ln() / 1.644_853_626_951_472_2;
                let radius = (-2.0 * (1.0 - draws.unit(name)).ln()).sqrt();
                let angle = std::f64::consts::TAU * draws.unit(&format!("{name}, angle"));
                let seconds = median.as_secs_f64() * (sigma * radius * angle.cos()).exp();
                Duration::try_from_secs_f64(seconds).unwrap_or(max).min(max)
            }
        };
        u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WrittenLognormal {
    median: Span,
    p95: Span,
    max: Option<Span>,
}

impl JsonSchema for Spread {
    fn schema_name() -> Cow<'static, str> {
        "Latency".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let lognormal = generator.subschema_for::<WrittenLognormal>();
        json_schema!({ "anyOf": [{ "type": "string" }, lognormal] })
    }
}

impl<'de> Deserialize<'de> for Spread {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Spread;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration (200ms), a range (100ms..900ms) or {median: 2s, p95: 9s}")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Spread, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Spread, A::Error> {
                let written = WrittenLognormal::deserialize(MapAccessDeserializer::new(map))?;
                let (Span(median), Span(p95)) = (written.median, written.p95);
                let max = written.max.map_or(LONGEST, |max| max.0);
                if median.is_zero() || p95 < median || max < p95 {
                    return Err(de::Error::custom("it must hold that 0 < median <= p95 <= max"));
                }
                Ok(Spread::Lognormal { median, p95, max })
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// Reads a type of this module from a YAML scalar; a plain number is read from its own text.
macro_rules! from_scalar {
    ($type:ty, $expected:literal) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Reader;
                impl Visitor<'_> for Reader {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expected)
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Reader)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": ["string", "number"], "description": $expected })
            }
        }
    };
}

from_scalar!(Span, "a duration such as 200ms, 5s or 1h30m");
from_scalar!(Share, "a share such as 1% or 0.01");
from_scalar!(Rate, "a rate such as 300/min or 5/s");
from_scalar!(Amount, "a decimal such as 0.0021");
