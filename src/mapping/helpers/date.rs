//! The helper `date`. It has no "now": a run can be reproduced.

use jiff::civil;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde_json::Value;

use crate::mapping::helpers::Arguments;
use crate::mapping::values::{excerpt, show};

/// From here on an epoch is in milliseconds: as seconds it would be the year 5138.
const EPOCH_MS_FROM: u64 = 100_000_000_000;

pub(super) fn date(call: &Arguments<'_>) -> Result<Value, String> {
    let zone = match call.option("tz") {
        Some(name) => TimeZone::get(&show(name)).map_err(|_| {
            format!("{} is not a time zone: write an IANA name, like \"Asia/Singapore\"", excerpt(name))
        })?,
        None => TimeZone::UTC,
    };
    let value = call.get(0);
    let instant = read(value, &zone).ok_or_else(|| {
        format!(
            "{} is no date: RFC 3339, `YYYY-MM-DD` or an epoch in seconds or milliseconds",
            excerpt(value)
        )
    })?;
    let format = match call.get(1) {
        Value::Null => "%Y-%m-%d".into(),
        format => show(format),
    };
    jiff::fmt::strtime::format(&*format, &instant)
        .map(Value::String)
        .map_err(|error| format!("the format {} can't be written ({error})", excerpt(call.get(1))))
}

fn read(value: &Value, zone: &TimeZone) -> Option<Zoned> {
    let text = match value {
        Value::String(text) => text.trim(),
        Value::Number(number) => return epoch(number.as_i64()?, zone),
        _ => return None,
    };
    // Eight digits are a date in ISO 8601's basic form, sooner than an epoch of 1970.
    if let Ok(number) = text.parse::<i64>()
        && text.len() != 8
    {
        return epoch(number, zone);
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant.to_zoned(zone.clone()));
    }
    // Without an offset it is a time of the zone's own; a date alone is its midnight.
    let local = text.parse::<civil::DateTime>().ok()?;
    local.to_zoned(zone.clone()).ok()
}

fn epoch(epoch: i64, zone: &TimeZone) -> Option<Zoned> {
    let instant = if epoch.unsigned_abs() < EPOCH_MS_FROM {
        Timestamp::from_second(epoch)
    } else {
        Timestamp::from_millisecond(epoch)
    };
    Some(instant.ok()?.to_zoned(zone.clone()))
}
