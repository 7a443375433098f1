//! `flowbatch check`: says whether manifests are sound. Sends nothing, and needs no secret.

use std::fmt::Write;
use std::path::PathBuf;

use crate::commands::prepare::{Sound, prepare};
use crate::commands::{Done, Failure, Host, estimate, identity};
use crate::gates::Gate;
use crate::manifest::{Layer, Overrides, Secrets, template_path};
use crate::model::ExitCode;

/// `check`'s arguments.
#[derive(Clone, Debug, Default)]
pub struct CheckArgs {
    /// The manifests.
    pub manifests: Vec<PathBuf>,
    /// `--overlay`.
    pub overlays: Vec<String>,
    /// `--set`.
    pub set: Vec<(String, String)>,
    /// `--var`.
    pub vars: Vec<(String, String)>,
    /// `--dataset`.
    pub dataset: Option<PathBuf>,
}

/// Checks each manifest, with its templates, its dataset's header and its rows.
pub fn check(args: &CheckArgs, host: &mut dyn Host) -> Result<Done, Failure> {
    let mut output = String::new();
    let mut worst: Option<ExitCode> = None;
    for path in &args.manifests {
        let CheckArgs { overlays, set, vars, dataset, .. } = args.clone();
        let overrides = Overrides { overlays, set, vars, dataset, ..Overrides::default() };
        match prepare(path, &overrides, Secrets::NotNeeded, None, host) {
            Ok(sound) => {
                sound.warnings.iter().for_each(|warning| host.say(warning));
                output.push_str(&describe(&path.display().to_string(), &sound));
            }
            Err(failure) => {
                host.say(&failure.message);
                worst = Some(worst.map_or(failure.exit, |worst| more_serious(worst, failure.exit)));
            }
        }
    }
    Ok(Done { exit_code: worst.unwrap_or(ExitCode::Accepted).code(), output })
}

/// Of two exit codes the one that is told: a mistake before the environment.
fn more_serious(a: ExitCode, b: ExitCode) -> ExitCode {
    if a == ExitCode::Mistake || b == ExitCode::Mistake { ExitCode::Mistake } else { a }
}

fn describe(path: &str, sound: &Sound) -> String {
    let survey = &sound.survey;
    let mut text = format!("{path}: sound, {}", estimate::rows(survey.selection.len()));
    if survey.selection.len() < survey.rows {
        let _ = write!(text, " of {}", survey.rows);
    }
    text.push_str(&estimate::each(sound.manifest.dataset.repeats));
    if survey.malformed > 0 {
        let _ = write!(text, ", {} malformed (rejected)", survey.malformed);
    }
    text.push('\n');
    for malformed in &survey.first_malformed {
        let _ = writeln!(text, "  {}: {}", malformed.place, malformed.error.message);
    }
    let manifest = &sound.manifest;
    if !manifest.layers.is_empty() {
        let shown = |layer: &Layer| identity::shown(&layer.file.path, manifest);
        let below = manifest.layers.iter().filter(|layer| !layer.is_overlay).map(shown);
        let above = manifest.layers.iter().filter(|layer| layer.is_overlay).map(shown);
        let own = identity::shown(&manifest.path, manifest);
        let names: Vec<_> = below.chain([own]).chain(above).collect();
        let _ = writeln!(text, "  layers, each over the one before: {}", names.join(" "));
    }
    if !survey.columns.is_empty() {
        let columns: Vec<_> = survey.columns.iter().map(|name| template_path(name)).collect();
        let _ = writeln!(text, "  columns: {}", columns.join(" "));
    }
    let (checks, gates) = (&sound.manifest.checks, &sound.manifest.gates);
    if !checks.is_empty() {
        let names: Vec<_> = checks.iter().map(|check| &*check.name).collect();
        let _ = writeln!(text, "  checks: {}", names.join(" "));
    }
    for judge in &sound.judges {
        let _ = writeln!(
            text,
            "  judged: {}, at most {}",
            judge.in_words(),
            estimate::rows(survey.selection.len())
        );
    }
    if !gates.is_empty() {
        let texts: Vec<_> = gates.iter().map(Gate::source).collect();
        let _ = writeln!(text, "  gates: {}", texts.join("; "));
    }
    text
}
