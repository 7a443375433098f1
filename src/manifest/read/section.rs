//! A map of the manifest whose keys are taken one by one; what is left is unknown.

use std::collections::HashSet;

use crate::manifest::names::did_you_mean;
use crate::manifest::tree::{Key, Node, Place};
use crate::manifest::{Diagnostic, Span};

/// A value with its name.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The key path, such as `limits.concurrency`.
    pub(super) name: String,
    /// Where the key stands, for what is missing inside the value.
    pub(super) key: Place,
    /// The value.
    pub(super) node: Node,
}

impl Entry {
    /// Gives the place of the value in the manifest.
    pub(super) fn span(&self) -> Option<Span> {
        self.node.place.span()
    }

    /// Makes an error about the value: its name, then `told`.
    pub(super) fn error(&self, told: &str) -> Diagnostic {
        self.node.place.error(format!("`{}` {told}", self.name))
    }
}

/// A map whose keys are taken one by one.
pub(super) struct Section {
    /// The key path; empty for the manifest itself.
    name: String,
    /// Where it stands, for what is missing.
    pub(super) place: Place,
    entries: Vec<(Key, Node)>,
    known: Vec<&'static str>,
}

impl Section {
    pub(super) fn new(name: &str, place: Place, entries: Vec<(Key, Node)>) -> Self {
        Self { name: name.to_owned(), place, entries, known: Vec::new() }
    }

    /// Takes a key's value. Of a key that is given twice, which has been reported, the first counts.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Entry> {
        self.known.push(key);
        let at = self.entries.iter().position(|(found, _)| found.text == key)?;
        let (found, node) = self.entries.remove(at);
        self.entries.retain(|(other, _)| other.text != key);
        Some(Entry { name: self.path(key), key: found.place, node })
    }

    /// Says whether a key is there that was not taken.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(found, _)| found.text == key)
    }

    /// Takes a key that must be there.
    pub(super) fn need(
        &mut self,
        key: &'static str,
        example: &str,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Entry> {
        let taken = self.take(key);
        if taken.is_none() {
            let missing = self.place.error(format!("`{}` is missing", self.path(key)));
            diagnostics.push(missing.with_help(format!("add it: `{example}`")));
        }
        taken
    }

    /// Reports keys that can't stand here, when they are there.
    pub(super) fn refuse(
        &mut self,
        keys: &[&'static str],
        told: &str,
        help: &str,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        for key in keys {
            if let Some(at) = self.entries.iter().position(|(found, _)| found.text == *key) {
                let (found, _) = self.entries.remove(at);
                self.entries.retain(|(other, _)| other.text != *key);
                let message = format!("`{}` {told}", self.path(key));
                diagnostics.push(found.place.error(message).with_help(help));
            }
        }
    }

    /// Drops the user's own keys.
    pub(super) fn drop_own(&mut self) {
        self.entries.retain(|(key, _)| !key.text.starts_with("x-"));
    }

    /// Reports what was not taken.
    pub(super) fn finish(self, diagnostics: &mut Vec<Diagnostic>) {
        let mut seen = HashSet::new();
        for (key, _) in &self.entries {
            // A merge key and a key given twice have been reported as what they are.
            if key.text == "<<" || !seen.insert(key.text.as_str()) {
                continue;
            }
            let message = match self.name.as_str() {
                "" => format!("unknown key `{}`", key.text),
                name => format!("unknown key `{}` in `{name}`", key.text),
            };
            diagnostics.push(key.place.error(message).with_help(did_you_mean(&key.text, &self.known)));
        }
    }

    /// Gives the entries of a map whose keys are the user's: columns, labels, variables.
    pub(super) fn into_entries(self) -> Vec<(Key, Entry)> {
        let Self { name, entries, .. } = self;
        let entry = |(key, node): (Key, Node)| {
            let entry = Entry { name: format!("{name}.{}", key.text), key: key.place.clone(), node };
            (key, entry)
        };
        entries.into_iter().map(entry).collect()
    }

    fn path(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }
}
