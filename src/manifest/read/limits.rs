//! `limits` and `accept`: how much, how long, how often, and when to stop.

use std::time::Duration;

use rust_decimal::Decimal;

use crate::manifest::read::reader::Reader;
use crate::manifest::read::section::Entry;
use crate::manifest::read::{budget, flow, rate};
use crate::manifest::tree::Kind;
use crate::manifest::{Concurrency, Halt, Limits, Price, Retry, units};
use crate::model::{Accept, Delivery, Limit};
use crate::pace::LONGEST_THROTTLE;

const DEFAULT_CONCURRENCY: usize = 8;
const TIMEOUT: Duration = Duration::from_secs(600);
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const HALT_AFTER: u64 = 20;

/// Reads `limits`; amounts of money are in the unit of `price`.
pub(super) fn read(reader: &mut Reader<'_>, entry: Option<Entry>, price: Option<&Price>) -> Limits {
    let mut limits = Limits {
        concurrency: Concurrency::fixed(DEFAULT_CONCURRENCY),
        timeout: TIMEOUT,
        deadline: None,
        drain: None,
        retry: Retry::default(),
        delivery: Delivery::AtMostOnce,
        budget: None,
        halt: Some(Halt { failures: Limit::Share(Decimal::new(5, 1)), after: HALT_AFTER }),
        rate: None,
        longest_throttle: LONGEST_THROTTLE,
    };
    let Some(mut section) = entry.and_then(|entry| reader.section(entry)) else { return limits };
    if let Some(concurrency) =
        section.take("concurrency").and_then(|entry| flow::read_concurrency(reader, entry))
    {
        limits.concurrency = concurrency;
    }
    if let Some(timeout) = section.take("timeout").and_then(|entry| reader.duration(&entry, SECOND..=DAY)) {
        limits.timeout = timeout;
    }
    limits.deadline = section.take("deadline").and_then(|entry| reader.duration(&entry, SECOND..=DAY * 366));
    limits.drain = section.take("drain").and_then(|entry| reader.duration(&entry, Duration::ZERO..=DAY));
    if let Some(entry) = section.take("retry") {
        flow::read_retry(reader, entry, &mut limits.retry);
    }
    let words = [("at_most_once", Delivery::AtMostOnce), ("at_least_once", Delivery::AtLeastOnce)];
    if let Some(delivery) = section.take("delivery").and_then(|entry| reader.word(&entry, &words)) {
        limits.delivery = delivery;
    }
    limits.budget = section.take("budget").and_then(|entry| budget::read(reader, entry, price));
    if let Some(entry) = section.take("halt") {
        read_halt(reader, entry, &mut limits.halt);
    }
    limits.rate = section.take("rate").and_then(|entry| rate::read_rate(reader, entry));
    if let Some(longest) = section.take("throttle").and_then(|entry| rate::read_throttle(reader, entry)) {
        limits.longest_throttle = longest;
    }
    section.finish(&mut reader.diagnostics);
    limits
}

fn read_halt(reader: &mut Reader<'_>, entry: Entry, halt: &mut Option<Halt>) {
    if let Kind::Scalar(scalar) = &entry.node.kind
        && !scalar.is_null()
    {
        if scalar.text == "none" {
            *halt = None;
        } else {
            let help = "write `halt: {failures: 5%, after: 50}`, `halt: {failures: 20}` or `halt: none`";
            reader.refuse::<()>(&entry, "must be `none` or a map", Some(help));
        }
        return;
    }
    let Some(mut section) = reader.section(entry) else { return };
    let failures = section.need("failures", "failures: 5%", &mut reader.diagnostics);
    let failures = failures.and_then(|entry| read_limit(reader, &entry));
    let after = section.take("after").and_then(|entry| reader.whole(&entry, 0..=u64::MAX));
    section.finish(&mut reader.diagnostics);
    if let Some(failures) = failures {
        // A count says by itself how many rows it needs; a share of three rows would say nothing.
        let default = if matches!(failures, Limit::Count(_)) { 0 } else { HALT_AFTER };
        *halt = Some(Halt { failures, after: after.unwrap_or(default) });
    }
}

pub(super) fn read_limit(reader: &mut Reader<'_>, entry: &Entry) -> Option<Limit> {
    reader.parsed(entry, "a number of rows or a share of them", units::limit)
}

/// Reads `accept`.
pub(super) fn read_accept(reader: &mut Reader<'_>, entry: Option<Entry>) -> Accept {
    let mut accept = Accept::default();
    let Some(mut section) = entry.and_then(|entry| reader.section(entry)) else { return accept };
    for (key, place) in [
        ("failed", &mut accept.failed),
        ("rejected", &mut accept.rejected),
        ("in_doubt", &mut accept.in_doubt),
    ] {
        if let Some(limit) = section.take(key).and_then(|entry| read_limit(reader, &entry)) {
            *place = limit;
        }
    }
    section.finish(&mut reader.diagnostics);
    accept
}
