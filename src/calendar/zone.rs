//! Time zones by their IANA names, from the data that is built in.

use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::calendar::CalendarError;

static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// Names of the database that say an offset, or one with an American or European rule, but no place whose laws could
/// be followed.
const ABBREVIATIONS: [&str; 13] = [
    "CET",
    "CST6CDT",
    "EET",
    "EST",
    "EST5EDT",
    "Factory",
    "HST",
    "MET",
    "MST",
    "MST7MDT",
    "PST8PDT",
    "WET",
    "posixrules",
];

/// A time zone with its IANA name.
#[derive(Clone, Debug)]
pub struct Zone {
    name: String,
    pub(super) rules: TimeZone,
}

impl Zone {
    /// Finds a zone by its IANA name, such as `Europe/Rome`, or `UTC`.
    ///
    /// # Errors
    ///
    /// Says which zone may have been meant.
    pub fn named(name: &str) -> Result<Self, CalendarError> {
        let error = |told: String| CalendarError::new(0..name.len(), told);
        let place = "name a place of the IANA database, such as `Europe/Rome`, or `UTC`";
        if ABBREVIATIONS.contains(&name) {
            let told = format!("`{name}` is an abbreviation, and says nothing of the laws of a place");
            return Err(error(told).with_help(place));
        }
        // The database would take `europe/rome`, which Kubernetes and systemd don't.
        if let Ok(rules) = DATABASE.get(name)
            && rules.iana_name().is_none_or(|found| found == name)
        {
            return Ok(Self { name: name.to_owned(), rules });
        }
        let told = if name.starts_with(['+', '-']) || name.starts_with("UTC+") || name.starts_with("UTC-") {
            format!("`{name}` is an offset, not a time zone: it says nothing of summer time")
        } else {
            format!("there is no time zone `{name}`")
        };
        let help = meant(name).map_or_else(|| place.to_owned(), |name| format!("did you mean `{name}`?"));
        Err(error(told).with_help(help))
    }

    /// Gives UTC.
    pub fn utc() -> Self {
        Self { name: "UTC".to_owned(), rules: TimeZone::UTC }
    }

    /// Gives the IANA name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives the rules.
    pub fn rules(&self) -> &TimeZone {
        &self.rules
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

/// Gives the zone that a misspelt name is nearest to: `Rome`, `europe/rome`, `Europe/Rom`.
fn meant(name: &str) -> Option<String> {
    let folded = |text: &str| text.to_lowercase().replace([' ', '-'], "_");
    let wanted = folded(name);
    if wanted.len() < 3 || wanted.len() > 64 {
        return None;
    }
    let names: Vec<String> = DATABASE
        .available()
        .map(|name| name.to_string())
        .filter(|name| !ABBREVIATIONS.contains(&name.as_str()))
        .collect();
    let city = |name: &str| name.rsplit('/').next().map(folded).unwrap_or_default();
    let exact = names.iter().find(|name| folded(name) == wanted);
    let by_city = || names.iter().find(|name| name.contains('/') && city(name) == wanted);
    let by_letters = || {
        let distance = |name: &String| {
            let whole = strsim::osa_distance(&wanted, &folded(name));
            if wanted.contains('/') { whole } else { whole.min(strsim::osa_distance(&wanted, &city(name))) }
        };
        let allowed = if wanted.len() < 6 { 1 } else { 2 };
        names
            .iter()
            .map(|name| (distance(name), name))
            .filter(|(far, _)| *far <= allowed)
            .min()
            .map(|(_, name)| name)
    };
    exact.or_else(by_city).or_else(by_letters).cloned()
}
