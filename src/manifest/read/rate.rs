//! `limits.rate` and `limits.throttle`: how fast, and how long the service may ask to wait.

use std::time::Duration;

use crate::manifest::rates::{PerTime, RateSpec, RatesSpec, per_time};
use crate::manifest::read::reader::Reader;
use crate::manifest::read::section::Entry;
use crate::manifest::tree::Kind;

const MOST_BURST: u64 = 10_000;
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads `limits.rate`.
pub(super) fn read_rate(reader: &mut Reader<'_>, entry: Entry) -> Option<RateSpec> {
    if !matches!(entry.node.kind, Kind::Map(_)) {
        let invoke = read_per_time(reader, &entry)?;
        return Some(RateSpec { rates: RatesSpec::Apart { invoke: Some(invoke), poll: None }, burst: None });
    }
    let whole = entry.clone();
    let mut section = reader.section(entry)?;
    let [invoke, poll, shared, burst] = ["invoke", "poll", "shared", "burst"].map(|key| section.take(key));
    section.finish(&mut reader.diagnostics);
    let is_told = invoke.is_some() || poll.is_some();
    if let (Some(shared), true) = (&shared, is_told) {
        let told = "can't stand beside `invoke` and `poll`: it counts all requests together";
        return reader.refuse(shared, told, Some("leave one of them out"));
    }
    if shared.is_none() && !is_told {
        let help = "write `rate: 90/min`, `{invoke: 90/min, poll: 300/min}` or `{shared: 3/min}`";
        return reader.refuse(&whole, "limits nothing: it needs `invoke`, `poll` or `shared`", Some(help));
    }
    let burst = burst.and_then(|entry| reader.whole(&entry, 1..=MOST_BURST));
    let burst = burst.and_then(|burst| u32::try_from(burst).ok());
    let rates = match shared {
        Some(shared) => RatesSpec::Shared(read_per_time(reader, &shared)?),
        None => RatesSpec::Apart {
            invoke: invoke.and_then(|entry| read_per_time(reader, &entry)),
            poll: poll.and_then(|entry| read_per_time(reader, &entry)),
        },
    };
    Some(RateSpec { rates, burst })
}

fn read_per_time(reader: &mut Reader<'_>, entry: &Entry) -> Option<PerTime> {
    reader.parsed(entry, "a rate", per_time)
}

/// Reads `limits.throttle` and gives how long pauses may last on end.
pub(super) fn read_throttle(reader: &mut Reader<'_>, entry: Entry) -> Option<Duration> {
    let mut section = reader.section(entry)?;
    let longest = section.need("longest", "longest: 10m", &mut reader.diagnostics);
    section.finish(&mut reader.diagnostics);
    longest.and_then(|entry| reader.duration(&entry, SECOND..=DAY))
}
