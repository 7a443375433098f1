//! `limits.concurrency` and `limits.retry`: how much is asked of the service at a time, and what is asked again.

use std::time::Duration;

use crate::manifest::read::limits::read_limit;
use crate::manifest::read::reader::Reader;
use crate::manifest::read::section::{Entry, Section};
use crate::manifest::tree::Kind;
use crate::manifest::{Backoff, ClassRetry, Concurrency, Retry, RetryAlso, RetryClass};

const MOST_CONCURRENCY: usize = 10_000;
const LEAST_BACKOFF: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads `limits.concurrency`: a number, or `{max, adaptive}`.
pub(super) fn read_concurrency(reader: &mut Reader<'_>, entry: Entry) -> Option<Concurrency> {
    let places = |number: u64| usize::try_from(number).unwrap_or(MOST_CONCURRENCY);
    let within = 1..=MOST_CONCURRENCY as u64;
    if !matches!(entry.node.kind, Kind::Map(_)) {
        return reader.whole(&entry, within).map(|number| Concurrency::fixed(places(number)));
    }
    let mut section = reader.section(entry)?;
    let max = section.need("max", "max: 32", &mut reader.diagnostics);
    let max = max.and_then(|entry| reader.whole(&entry, within));
    let adaptive = section.take("adaptive").and_then(|entry| reader.boolean(&entry));
    section.finish(&mut reader.diagnostics);
    Some(Concurrency { max: places(max?), adaptive: adaptive.unwrap_or(false) })
}

/// Reads `limits.retry`.
pub(super) fn read_retry(reader: &mut Reader<'_>, entry: Entry, retry: &mut Retry) {
    let Some(mut section) = reader.section(entry) else { return };
    let own = read_attempts(reader, &mut section, retry.backoff);
    retry.attempts = own.attempts.unwrap_or(retry.attempts);
    retry.backoff = own.backoff.unwrap_or(retry.backoff);
    let words = [("failed", RetryAlso::Failed), ("server_error", RetryAlso::ServerError)];
    for entry in section.take("also").and_then(|entry| reader.list(entry)).unwrap_or_default() {
        if let Some(word) = reader.word(&entry, &words) {
            if retry.also.contains(&word) {
                reader.refuse::<()>(&entry, "stands in the list already", None);
            } else {
                retry.also.push(word);
            }
        }
    }
    for (key, class) in RetryClass::ALL {
        let Some(mut of) = section.take(key).and_then(|entry| reader.section(entry)) else { continue };
        let said = read_attempts(reader, &mut of, retry.backoff);
        of.finish(&mut reader.diagnostics);
        retry.classes.push((class, said));
    }
    if let Some(budget) = section.take("budget").and_then(|entry| read_limit(reader, &entry)) {
        retry.budget = budget;
    }
    if let Some(outage) = section.take("outage").and_then(|entry| reader.duration(&entry, SECOND..=DAY)) {
        retry.outage = outage;
    }
    section.finish(&mut reader.diagnostics);
}

/// Reads `attempts` and `backoff`, the keys that each class may have for itself.
fn read_attempts(reader: &mut Reader<'_>, section: &mut Section, default: Backoff) -> ClassRetry {
    let attempts = section.take("attempts").and_then(|entry| reader.whole(&entry, 1..=100));
    let default = (default.first, default.longest);
    let backoff = section.take("backoff").and_then(|entry| reader.durations(&entry, default, LEAST_BACKOFF));
    ClassRetry {
        attempts: attempts.and_then(|attempts| u32::try_from(attempts).ok()),
        backoff: backoff.map(|(first, longest)| Backoff { first, longest }),
    }
}
