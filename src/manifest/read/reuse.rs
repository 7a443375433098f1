//! `reuse`: results that an earlier run has paid for.

use std::time::Duration;

use crate::manifest::ReuseSpec;
use crate::manifest::read::reader::Reader;
use crate::manifest::read::section::Entry;
use crate::manifest::tree::Kind;

/// Reads `reuse`: a run's name, or a map.
pub(super) fn read(reader: &mut Reader<'_>, entry: Option<Entry>) -> Option<ReuseSpec> {
    let entry = entry?;
    if !matches!(entry.node.kind, Kind::Map(_)) {
        let from = reader.full_text(&entry)?;
        return Some(ReuseSpec { from: named(from), ..ReuseSpec::default() });
    }
    let mut section = reader.section(entry)?;
    let from = section.need("from", "from: latest", &mut reader.diagnostics);
    let when = section.take("when");
    let max_age = section.take("max_age");
    section.finish(&mut reader.diagnostics);
    let mut reuse = ReuseSpec { from: named(reader.full_text(&from?)?), ..ReuseSpec::default() };
    if let Some(when) = when {
        (reuse.same_workflow, reuse.same_checks) = (false, false);
        for entry in reader.list(when).unwrap_or_default() {
            let words = [("same_input", 0), ("same_workflow", 1), ("same_checks", 2)];
            match reader.word(&entry, &words) {
                Some(1) => reuse.same_workflow = true,
                Some(2) => reuse.same_checks = true,
                // The same input is asked for in any case.
                _ => {}
            }
        }
    }
    reuse.max_age = max_age.and_then(|entry| reader.duration(&entry, Duration::from_secs(1)..=Duration::MAX));
    Some(reuse)
}

fn named(from: String) -> Option<String> {
    (from != "none").then_some(from)
}
