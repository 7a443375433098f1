//! `notify`. Addresses and headers may carry tokens, so they are secrets.

use std::time::Duration;

use crate::manifest::read::input;
use crate::manifest::read::reader::Reader;
use crate::manifest::read::section::Entry;
use crate::manifest::read::templates::When;
use crate::manifest::read::webhook::{read_headers, read_secret_url};
use crate::manifest::{Alarm, NotifySpec, SecretSource, SecretText};

/// How long nothing more is said when the manifest does not say it.
const REPEAT: Duration = Duration::from_secs(24 * 3600);

/// The longest such time.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// Reads `notify`.
pub(super) fn read(reader: &mut Reader<'_>, entry: Option<Entry>) -> Option<NotifySpec> {
    let entry = entry?;
    let place = entry.key.clone();
    let mut section = reader.section(entry)?;
    let given = section.take("when");
    let when = given.as_ref().map(|entry| read_when(reader, entry.clone()));
    let (url, heartbeat) = (section.take("url"), section.take("heartbeat"));
    let is_sent = url.is_some();
    if !is_sent && heartbeat.is_none() {
        let message = "`notify` tells nobody";
        let help = "give it `url: \"${ALERT_URL}\"`, or `heartbeat`, or leave it out";
        reader.diagnostics.push(place.error(message).with_help(help));
    }
    let url = url.and_then(|entry| read_secret_url(reader, &entry));
    let heartbeat = heartbeat.and_then(|entry| read_secret_url(reader, &entry));
    let (headers, body, repeat) = (section.take("headers"), section.take("body"), section.take("repeat"));
    for entry in [&given, &headers, &body, &repeat].into_iter().flatten().filter(|_| !is_sent) {
        reader.refuse::<()>(
            entry,
            "needs `notify.url` beside it",
            Some("a heartbeat is a GET without a body"),
        );
    }
    let headers = headers.map_or_else(Vec::new, |entry| read_headers(reader, entry));
    let body = body.and_then(|entry| input::read_shape(reader, &entry, When::OfNotice));
    let repeat = repeat.and_then(|entry| reader.duration(&entry, Duration::ZERO..=LONGEST));
    section.finish(&mut reader.diagnostics);
    Some(NotifySpec {
        when: when.unwrap_or_else(|| Alarm::ALL.iter().map(|(_, alarm)| *alarm).collect()),
        url,
        headers,
        body,
        repeat: repeat.unwrap_or(REPEAT),
        heartbeat,
    })
}

fn read_when(reader: &mut Reader<'_>, entry: Entry) -> Vec<Alarm> {
    let whole = entry.clone();
    let Some(items) = reader.list(entry) else { return Vec::new() };
    if items.is_empty() {
        reader.refuse::<()>(&whole, "is empty", Some("leave it out: then all is told"));
    }
    items.iter().filter_map(|item| reader.word(item, &Alarm::ALL)).collect()
}

/// Gives where its secrets come from.
pub(super) fn sources(notify: &NotifySpec) -> impl Iterator<Item = &SecretSource> {
    let headers = notify.headers.iter().map(|(_, value)| value);
    notify.url.iter().chain(&notify.heartbeat).chain(headers).flat_map(SecretText::sources)
}
