//! `workflow.pin`: the version or the workflow that must answer.

use crate::manifest::read::reader::Reader;
use crate::manifest::read::section::Entry;
use crate::model::Pin;

/// Reads `workflow.pin`.
pub(super) fn read(reader: &mut Reader<'_>, entry: Entry) -> Option<Pin> {
    let node = entry.node.clone();
    let mut section = reader.section(entry)?;
    let version = section.take("version");
    let workflow_id = section.take("workflow_id");
    let on_drift = section.take("on_drift");
    section.finish(&mut reader.diagnostics);
    if version.is_none() && workflow_id.is_none() {
        let help = "write `version: \"1.0.1\"`, or `workflow_id: …`, as an earlier run's report shows it";
        let message = "`workflow.pin` pins nothing: it needs `version` or `workflow_id`";
        reader.diagnostics.push(node.place.error(message).with_help(help));
        return None;
    }
    let version = version.map(|entry| reader.full_text(&entry));
    let workflow_id = workflow_id.map(|entry| reader.full_text(&entry));
    let words = [("stop", false), ("warn", true)];
    let only_warns = on_drift.and_then(|entry| reader.word(&entry, &words)).unwrap_or(false);
    Some(Pin { version: version.flatten(), workflow_id: workflow_id.flatten(), only_warns })
}
