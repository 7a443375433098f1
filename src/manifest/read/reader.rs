//! Reads single values in the type wanted, from their text, and collects every mistake. A reading gives none when
//! the mistake has been reported.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use crate::manifest::environment::Used;
use crate::manifest::load::{Environment, Secrets};
use crate::manifest::names::{did_you_mean, shortened};
use crate::manifest::read::kept::Kept;
use crate::manifest::read::section::{Entry, Section};
use crate::manifest::tree::{Kind, Node, Scalar};
use crate::manifest::{ColumnReference, Condition, Diagnostic, files, units};
use crate::model::ScheduledFor;

/// What the readings share.
pub(in crate::manifest) struct Reader<'a> {
    /// The manifest's text.
    pub(super) source: &'a str,
    /// The folder that paths start from.
    pub(super) folder: &'a Path,
    pub(super) environment: Environment<'a>,
    pub(super) secrets: Secrets,
    /// The slot of a schedule that the manifest is read for.
    pub(super) slot: Option<ScheduledFor>,
    /// `vars`, known before any template is read.
    pub(super) vars: Map<String, Value>,
    /// The names that `vars` declares.
    pub(super) declared_vars: Vec<String>,
    /// The names under `vars` that a template refers to.
    pub(super) used_vars: Vec<String>,
    /// The variables of the environment that are used outside of secret fields.
    pub(super) env: Used,
    pub(super) references: Vec<ColumnReference>,
    /// The conditions of checks.
    pub(super) conditions: Vec<Condition>,
    /// What reports need of other files.
    pub(super) kept: Kept,
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl Reader<'_> {
    /// Reports that a value is not what was wanted.
    pub(super) fn refuse<T>(&mut self, entry: &Entry, told: &str, help: Option<&str>) -> Option<T> {
        let mut diagnostic = entry.error(told);
        diagnostic.help = help.map(str::to_owned);
        self.diagnostics.push(diagnostic);
        None
    }

    /// Reads a value that is a scalar, and something.
    pub(super) fn scalar<'e>(&mut self, entry: &'e Entry, wanted: &str) -> Option<&'e Scalar> {
        match &entry.node.kind {
            Kind::Broken => None,
            Kind::Scalar(scalar) if scalar.is_null() => {
                self.refuse(entry, "has no value", Some(&format!("give it {wanted}, or leave the key out")))
            }
            Kind::Scalar(scalar) => Some(scalar),
            Kind::List(_) | Kind::Map(_) => {
                let told = format!("must be {wanted}, not {}", entry.node.noun());
                self.refuse(entry, &told, None)
            }
        }
    }

    /// Reads text: any scalar, as written.
    pub(super) fn text(&mut self, entry: &Entry) -> Option<String> {
        self.scalar(entry, "text").map(|scalar| scalar.text.clone())
    }

    /// Reads text that may not be empty.
    pub(super) fn full_text(&mut self, entry: &Entry) -> Option<String> {
        let text = self.text(entry)?;
        if text.trim().is_empty() { self.refuse(entry, "is empty", None) } else { Some(text) }
    }

    /// Reads a value by its text; the error of `parse` says how to write one.
    pub(super) fn parsed<T>(
        &mut self,
        entry: &Entry,
        wanted: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let scalar = self.scalar(entry, wanted)?;
        match parse(&scalar.text) {
            Ok(value) => Some(value),
            Err(help) => self.refuse(entry, &format!("must be {wanted}"), Some(&help)),
        }
    }

    /// Reads a whole number within a range.
    pub(super) fn whole(&mut self, entry: &Entry, range: RangeInclusive<u64>) -> Option<u64> {
        let wanted = match (*range.start(), *range.end()) {
            (0, u64::MAX) => "a whole number".to_owned(),
            (from, u64::MAX) => format!("a whole number, at least {from}"),
            (from, to) => format!("a whole number from {from} to {to}"),
        };
        let scalar = self.scalar(entry, &wanted)?;
        let number = scalar.whole().filter(|number| range.contains(number));
        if number.is_none() {
            let is_quoted = scalar.is_text() && scalar.text.parse::<u64>().is_ok();
            let help = is_quoted.then_some("a number is written without quotes");
            return self.refuse(entry, &format!("must be {wanted}"), help);
        }
        number
    }

    /// Reads `true` or `false`.
    pub(super) fn boolean(&mut self, entry: &Entry) -> Option<bool> {
        let scalar = self.scalar(entry, "`true` or `false`")?;
        let boolean = scalar.boolean();
        if boolean.is_none() {
            let help = match scalar.text.to_ascii_lowercase().as_str() {
                "yes" | "on" | "true" => Some("write `true`"),
                "no" | "off" | "false" => Some("write `false`"),
                _ => None,
            };
            return self.refuse(entry, "must be `true` or `false`", help);
        }
        boolean
    }

    /// Reads one of a few words.
    pub(super) fn word<T: Copy>(&mut self, entry: &Entry, words: &[(&str, T)]) -> Option<T> {
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let wanted = match names.as_slice() {
            [only] => format!("`{only}`"),
            [first, second] => format!("`{first}` or `{second}`"),
            _ => "one of a few words".to_owned(),
        };
        let scalar = self.scalar(entry, &wanted)?;
        let found = words.iter().find(|(word, _)| *word == scalar.text);
        if found.is_none() {
            let told = format!("can't be `{}`", shortened(&scalar.text));
            return self.refuse(entry, &told, Some(&did_you_mean(&scalar.text, &names)));
        }
        found.map(|(_, value)| *value)
    }

    /// Reads a duration within a range.
    pub(super) fn duration(&mut self, entry: &Entry, range: RangeInclusive<Duration>) -> Option<Duration> {
        let read = self.parsed(entry, "a duration", units::duration)?;
        if range.contains(&read) {
            return Some(read);
        }
        let (from, to) = (units::write_duration(*range.start()), units::write_duration(*range.end()));
        self.refuse(entry, &format!("must lie between {from} and {to}"), None)
    }

    /// Reads a range of durations; a side that is missing has its default.
    pub(super) fn durations(
        &mut self,
        entry: &Entry,
        default: (Duration, Duration),
        shortest: Duration,
    ) -> Option<(Duration, Duration)> {
        let form = || "write a range of durations like `2s..15s`".to_owned();
        let parse = |text: &str| {
            let (from, to) = units::range(text).ok_or_else(form)?;
            let from = from.map(units::duration).transpose()?.unwrap_or(default.0);
            let to = to.map(units::duration).transpose()?.unwrap_or(default.1);
            if from > to {
                let (from, to) = (units::write_duration(from), units::write_duration(to));
                Err(format!("a range runs from the shorter to the longer: {from} is longer than {to}"))
            } else if from < shortest {
                Err(format!("it begins at {} at least", units::write_duration(shortest)))
            } else {
                Ok((from, to))
            }
        };
        self.parsed(entry, "a range of durations", parse)
    }

    /// Reads an exact decimal that is not below zero; quotes are fine.
    pub(super) fn amount(&mut self, entry: &Entry) -> Option<Decimal> {
        self.parsed(entry, "an amount", |text| {
            let amount = units::decimal(text).filter(|amount| !amount.is_sign_negative());
            amount.ok_or_else(|| "write a decimal number like `0.01`, not below zero".to_owned())
        })
    }

    /// Reads a map of known keys.
    pub(super) fn section(&mut self, entry: Entry) -> Option<Section> {
        match entry.node.kind {
            Kind::Map(entries) => Some(Section::new(&entry.name, entry.key, entries)),
            Kind::Broken => None,
            _ => {
                let told = format!("must be a map of keys and values, not {}", entry.node.noun());
                self.refuse(&entry, &told, None)
            }
        }
    }

    /// Reads a list.
    pub(super) fn list(&mut self, entry: Entry) -> Option<Vec<Entry>> {
        let item = |(index, node): (usize, Node)| Entry {
            name: format!("{}[{index}]", entry.name),
            key: entry.key.clone(),
            node,
        };
        match entry.node.kind {
            Kind::List(items) => Some(items.into_iter().enumerate().map(item).collect()),
            Kind::Broken => None,
            _ => {
                let told = format!("must be a list, not {}", entry.node.noun());
                self.refuse(&entry, &told, Some("write a list like `[a, b]`"))
            }
        }
    }

    /// Reads the path of a file that must exist, relative to the manifest's folder.
    pub(super) fn file(&mut self, entry: &Entry) -> Option<PathBuf> {
        let path = files::resolve(self.folder, &self.full_text(entry)?);
        self.exists(entry, &path).then_some(path)
    }

    /// Says whether a file exists; reports it when it does not.
    pub(super) fn exists(&mut self, entry: &Entry, path: &Path) -> bool {
        if self.secrets == Secrets::Recorded {
            return true;
        }
        let Some((message, help)) = files::missing(path) else { return true };
        let mut diagnostic = entry.node.place.error(message);
        diagnostic.help = help;
        self.diagnostics.push(diagnostic);
        false
    }

    /// Reads one ASCII character that separates cells: itself, `\t` or `tab`.
    pub(super) fn delimiter(&mut self, entry: &Entry) -> Option<u8> {
        self.parsed(entry, "one character", |text| match text.as_bytes() {
            _ if text == "\\t" || text == "tab" => Ok(b'\t'),
            [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n' | 0) => Ok(*byte),
            _ => Err("write one ASCII character such as `,` or `;`, or `tab`".to_owned()),
        })
    }

    /// Reads the label of a WHATWG encoding.
    pub(super) fn encoding(&mut self, entry: &Entry) -> Option<&'static encoding_rs::Encoding> {
        const LABELS: [&str; 26] = [
            "auto",
            "utf-8",
            "utf-16le",
            "utf-16be",
            "windows-1250",
            "windows-1251",
            "windows-1252",
            "windows-1253",
            "windows-1254",
            "windows-1255",
            "windows-1256",
            "windows-1257",
            "windows-1258",
            "windows-874",
            "latin1",
            "iso-8859-1",
            "iso-8859-2",
            "iso-8859-15",
            "macintosh",
            "koi8-r",
            "gbk",
            "gb18030",
            "big5",
            "shift_jis",
            "euc-jp",
            "euc-kr",
        ];
        let text = self.full_text(entry)?;
        // "replacement" is WHATWG's word for encodings that nobody should read.
        let encoding = encoding_rs::Encoding::for_label_no_replacement(text.trim().as_bytes());
        if encoding.is_none() {
            let told = format!("names no encoding: `{}`", shortened(&text));
            return self.refuse(entry, &told, Some(&did_you_mean(&text, &LABELS)));
        }
        encoding
    }

    /// Reads a map from the user's names to values, in the order written.
    pub(super) fn named<T>(
        &mut self,
        entry: Option<Entry>,
        mut read: impl FnMut(&mut Self, &Entry) -> Option<T>,
    ) -> Vec<(String, T)> {
        let Some(section) = entry.and_then(|entry| self.section(entry)) else { return Vec::new() };
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        for (key, entry) in section.into_entries() {
            if key.text.trim().is_empty() {
                self.diagnostics.push(key.place.error("a name here may not be empty"));
            }
            let value = read(self, &entry);
            // A name given twice has been reported.
            if let Some(value) = value
                && seen.insert(key.text.clone())
            {
                found.push((key.text, value));
            }
        }
        found
    }
}
