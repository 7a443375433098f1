//! Manifests with their schedules, as the subcommands read them.

use std::path::PathBuf;

use crate::commands::{Done, Failure, Host};
use crate::manifest::{self, Manifest, Overrides, Schedule, Secrets};

/// A manifest that has a schedule.
#[derive(Clone, Debug)]
pub(super) struct Scheduled {
    pub(super) manifest: Manifest,
    pub(super) schedule: Schedule,
}

/// Reads manifests, which need neither their secrets nor their datasets here. The mistakes of all of them are told.
pub(super) fn read(paths: &[PathBuf], host: &mut dyn Host) -> Result<Vec<Scheduled>, Failure> {
    let mut found = Vec::new();
    let mut mistakes = Vec::new();
    for path in paths {
        let variable = |name: &str| host.variable(name);
        let loaded = manifest::load(path, &Overrides::default(), Secrets::NotNeeded, &variable);
        match loaded {
            Ok((manifest, warnings)) => {
                if !warnings.items.is_empty() {
                    let warnings = warnings.render(host.in_colour());
                    host.say(&warnings);
                }
                match manifest.schedule.clone() {
                    Some(schedule) => found.push(Scheduled { manifest, schedule }),
                    None => mistakes.push(without_schedule(&path.display().to_string())),
                }
            }
            Err(diagnostics) => mistakes.push(diagnostics.render(host.in_colour())),
        }
    }
    if mistakes.is_empty() { Ok(found) } else { Err(Failure::mistake(mistakes.join("\n"))) }
}

fn without_schedule(path: &str) -> String {
    format!(
        "{path}: the manifest has no `schedule`; add `schedule: {{cron: \"0 6 * * 1-5\", time_zone: Europe/Rome}}`, \
         see docs/scheduling.md"
    )
}

/// Ends a command with its text.
pub(super) fn done(output: String) -> Done {
    Done::with(output)
}
