//! `schedule`: when the manifest is run.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::calendar::{Calendar, CalendarError, Cron, Dst, Edge, Zone, edge};
use crate::manifest::read::origin::Origin;
use crate::manifest::read::reader::Reader;
use crate::manifest::read::section::{Entry, Section};
use crate::manifest::tree::Kind;
use crate::manifest::units::write_duration;
use crate::manifest::{CatchUp, KeepRuns, Overlap, Schedule};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A year, which no duration of a manifest exceeds.
const YEAR: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// The age up to which `catch_up: all` runs what was missed: each run is paid for.
const WINDOW: Duration = DAY;

const CRON: &str = "cron: \"0 6 * * 1-5\"";
const TIME_ZONE: &str = "time_zone: Europe/Rome";

/// Reads `schedule` of the manifest of that name.
pub(super) fn read(reader: &mut Reader<'_>, entry: Option<Entry>, name: Option<&str>) -> Option<Schedule> {
    let mut section = reader.section(entry?)?;
    let cron_entry = section.need("cron", CRON, &mut reader.diagnostics);
    let cron = cron_entry.as_ref().and_then(|entry| read_cron(reader, entry));
    let zone = section.need("time_zone", TIME_ZONE, &mut reader.diagnostics);
    let zone = zone.and_then(|entry| {
        let text = reader.full_text(&entry)?;
        told(reader, &entry, Zone::named(&text))
    });
    let words = [("once", Dst::Once), ("literal", Dst::Literal)];
    let dst = section.take("dst").and_then(|entry| reader.word(&entry, &words)).unwrap_or_default();
    let jitter = section.take("jitter").and_then(|entry| read_jitter(reader, &entry, cron.as_ref()));
    let ends = read_ends(reader, &mut section, zone.as_ref());
    let overlap = section.take("overlap").and_then(|entry| reader.word(&entry, &Overlap::ALL));
    let (catch_up, window) =
        section.take("catch_up").map_or((CatchUp::Last, None), |entry| read_catch_up(reader, entry));
    let start_deadline =
        section.take("start_deadline").and_then(|entry| reader.duration(&entry, SECOND..=YEAR));
    let pause_on_failure = section.take("pause_on_failure").and_then(|entry| reader.boolean(&entry));
    let keep = section.take("keep").map_or_else(KeepRuns::default, |entry| read_keep(reader, entry));
    section.finish(&mut reader.diagnostics);
    let mut calendar = Calendar::new(cron?, zone?, dst).between(ends.0, ends.1);
    if calendar.next_after(Timestamp::MIN).is_none() {
        let told = "has no time from `schedule.starts` to `schedule.ends`";
        return reader.refuse(&cron_entry?, told, Some("move one of the ends, or change the cron text"));
    }
    if let Some(jitter) = jitter {
        calendar = calendar.with_jitter(name.unwrap_or_default(), jitter);
    }
    Some(Schedule {
        calendar,
        overlap: overlap.unwrap_or_default(),
        catch_up,
        window,
        start_deadline,
        pause_on_failure: pause_on_failure.unwrap_or(false),
        keep,
    })
}

fn read_cron(reader: &mut Reader<'_>, entry: &Entry) -> Option<Cron> {
    let scalar = reader.scalar(entry, "a cron text")?;
    let text = scalar.text.clone();
    match Cron::parse(&text) {
        Ok(cron) => Some(cron),
        Err(errors) => {
            let origin = Origin::of(reader.source, &entry.node.place, scalar);
            let place = |at: usize| origin.find(at);
            let found: Vec<_> = errors
                .into_iter()
                .map(|error| {
                    let mut diagnostic = entry.error(&format!("is wrong: {}", error.message));
                    diagnostic.help = error.help;
                    // The place inside the text, where the file holds the text as it is.
                    if let (Some(from), Some(to)) = (place(error.at.start), place(error.at.end)) {
                        diagnostic.span = Some(from..to);
                    }
                    diagnostic
                })
                .collect();
            reader.diagnostics.extend(found);
            None
        }
    }
}

/// Reports a mistake of the calendar as the entry's.
fn told<T>(reader: &mut Reader<'_>, entry: &Entry, read: Result<T, CalendarError>) -> Option<T> {
    let error = match read {
        Ok(read) => return Some(read),
        Err(error) => error,
    };
    reader.refuse(entry, &format!("is wrong: {}", error.message), error.help.as_deref())
}

/// Reads how far starts are spread: a start may not come after the next slot's.
fn read_jitter(reader: &mut Reader<'_>, entry: &Entry, cron: Option<&Cron>) -> Option<SignedDuration> {
    let jitter = reader.duration(entry, Duration::ZERO..=YEAR)?;
    let gap = cron.and_then(|cron| Duration::try_from(cron.shortest_gap()).ok());
    if let Some(gap) = gap.filter(|gap| jitter >= *gap) {
        let told = format!("must be shorter than the shortest time between two slots, which is {}", {
            write_duration(gap)
        });
        return reader.refuse(entry, &told, Some("a slot starts before the next one is due"));
    }
    SignedDuration::try_from(jitter).ok().filter(|jitter| !jitter.is_zero())
}

/// Reads `starts` and `ends`.
fn read_ends(
    reader: &mut Reader<'_>,
    section: &mut Section,
    zone: Option<&Zone>,
) -> (Option<Timestamp>, Option<Timestamp>) {
    // Where the zone is wrong, the rest is still looked at.
    let utc = Zone::utc();
    let zone = zone.unwrap_or(&utc);
    let mut read = |reader: &mut Reader<'_>, key: &'static str, which: Edge| {
        let entry = section.take(key)?;
        let text = reader.full_text(&entry)?;
        let instant = told(reader, &entry, edge(&text, zone, which))?;
        Some((entry, instant))
    };
    let starts = read(reader, "starts", Edge::Starts).map(|(_, instant)| instant);
    let ends = read(reader, "ends", Edge::Ends);
    if let (Some(starts), Some((entry, ends))) = (starts, &ends)
        && starts > *ends
    {
        reader.refuse::<()>(entry, "lies before `schedule.starts`", Some("change one of the two"));
        return (None, None);
    }
    (starts, ends.map(|(_, instant)| instant))
}

/// Reads `catch_up`: a word, or a map with the age up to which missed slots are run.
fn read_catch_up(reader: &mut Reader<'_>, entry: Entry) -> (CatchUp, Option<Duration>) {
    let default = |catch_up| if catch_up == CatchUp::All { Some(WINDOW) } else { None };
    if !matches!(entry.node.kind, Kind::Map(_)) {
        let catch_up = reader.word(&entry, &CatchUp::ALL).unwrap_or_default();
        return (catch_up, default(catch_up));
    }
    let Some(mut section) = reader.section(entry) else { return (CatchUp::Last, None) };
    let catch_up = section.need("missed", "missed: all", &mut reader.diagnostics);
    let catch_up = catch_up.and_then(|entry| reader.word(&entry, &CatchUp::ALL)).unwrap_or_default();
    let window = section.take("window");
    if let (CatchUp::None, Some(entry)) = (catch_up, &window) {
        reader.refuse::<()>(entry, "has no meaning beside `missed: none`", Some("leave one of the two out"));
    }
    let window = window.and_then(|entry| reader.duration(&entry, SECOND * 10..=YEAR));
    section.finish(&mut reader.diagnostics);
    (catch_up, window.or_else(|| default(catch_up)))
}

fn read_keep(reader: &mut Reader<'_>, entry: Entry) -> KeepRuns {
    let Some(mut section) = reader.section(entry) else { return KeepRuns::default() };
    // The last of each kind stays, so that it can be compared with and looked into.
    let mut read = |key| section.take(key).and_then(|entry| reader.whole(&entry, 1..=1_000_000));
    let keep = KeepRuns { succeeded: read("succeeded"), failed: read("failed") };
    section.finish(&mut reader.diagnostics);
    keep
}
