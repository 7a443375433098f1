//! From a manifest's path to a job that is known to be sound: nothing is sent before this has passed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use crate::commands::judges::{self, Judge};
use crate::commands::{Failure, Host, room};
use crate::dataset::{Dataset, Survey, SurveyContext};
use crate::emulator::Definition;
use crate::flow_file::InputSchema;
use crate::manifest::{
    self, Diagnostic, Diagnostics, Manifest, Overrides, Provider, Reading, Secrets, Select,
};
use crate::model::ScheduledFor;

/// A manifest whose every part was found to be sound.
#[derive(Debug)]
pub(crate) struct Sound {
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) dataset: Dataset,
    pub(crate) survey: Survey,
    /// What an input must look like, when the manifest or the emulator's definition says so.
    pub(crate) schema: Option<InputSchema>,
    pub(crate) definition: Option<Definition>,
    /// The judges that its checks ask.
    pub(crate) judges: Vec<Judge>,
    /// What looks wrong but need not be.
    pub(crate) warnings: Vec<String>,
}

/// Reads a manifest and all that it names. `spool` is where standard input is kept.
pub(crate) fn prepare(
    path: &Path,
    overrides: &Overrides,
    secrets: Secrets,
    spool: Option<&Path>,
    host: &dyn Host,
) -> Result<Sound, Failure> {
    room::check_reading(path)?;
    let variable = |name: &str| host.variable(name);
    let reading = manifest::read_whole(path, overrides, secrets, &variable);
    let (manifest, diagnostics) = match reading {
        Reading { manifest: Some(mut manifest), diagnostics } if !diagnostics.has_errors() => {
            show_next_slot(&mut manifest, secrets);
            (manifest, diagnostics)
        }
        faulty => return Err(Failure::of_manifest(&with_columns(faulty, spool), host)),
    };
    let mut warnings = Vec::new();
    if !diagnostics.items.is_empty() {
        warnings.push(diagnostics.render(host.in_colour()));
    }
    let definition = match &manifest.workflow.provider {
        Provider::Emulator { definition } => Some(Definition::load(definition)?),
        Provider::Gptbots { .. } => None,
    };
    let schema = match &definition {
        Some(definition) if manifest.workflow.flow_file.is_none() => Some(definition.inputs().clone()),
        _ => schema_of(&manifest)?,
    };
    let judges = judges::load(&manifest.checks, secrets, host)?;
    let dataset = Dataset::open(&manifest.dataset, spool)?;
    let columns = dataset.columns()?;
    warnings.extend(columns.note.clone());
    // A table's header decides at once; of JSON all records must be seen first.
    let header = columns.complete.then_some(columns.names.as_slice());
    judge(&manifest, noted(&manifest, manifest.check_columns(header, !columns.typed), columns.note), host)?;
    let context = SurveyContext {
        vars: &manifest.vars,
        manifest_name: &manifest.name,
        slot: manifest.slot.as_ref(),
        env: &manifest.env,
    };
    let survey = dataset.survey(&manifest.dataset.select, &context)?;
    if !columns.complete && survey.rows > 0 {
        judge(&manifest, manifest.check_columns(Some(&survey.columns), !columns.typed), host)?;
    }
    Ok(Sound { manifest: Arc::new(manifest), dataset, survey, schema, definition, judges, warnings })
}

/// What is only shown, of a manifest with a schedule, is what its next slot will send.
fn show_next_slot(manifest: &mut Manifest, secrets: Secrets) {
    let Some(schedule) = manifest.schedule.as_ref().filter(|_| secrets == Secrets::NotNeeded) else { return };
    let now = Timestamp::now();
    let previous_slot = || Some(schedule.calendar.previous(now)?.nominal.to_string());
    if manifest.slot.is_none()
        && let Some(next) = schedule.calendar.next_after(now)
    {
        let slot = next.nominal.to_string();
        manifest.slot = Some(ScheduledFor { slot, previous_slot: previous_slot() });
    }
}

/// Adds to a manifest's mistakes those that only its dataset's columns show, so that all are told at once.
fn with_columns(faulty: Reading, spool: Option<&Path>) -> Diagnostics {
    let Reading { manifest, diagnostics } = faulty;
    // Standard input is not read for the sake of a manifest that won't run.
    let Some(manifest) = manifest.filter(|manifest| !reads_stdin(manifest)) else { return diagnostics };
    let Ok(columns) = Dataset::open(&manifest.dataset, spool).and_then(|dataset| dataset.columns()) else {
        return diagnostics;
    };
    let header = columns.complete.then_some(columns.names.as_slice());
    let mut items = diagnostics.items;
    items.extend(noted(&manifest, manifest.check_columns(header, !columns.typed), columns.note));
    Diagnostics::new(diagnostics.path, diagnostics.source, items)
}

/// A table read with the wrong delimiter has none of its columns: then that is the mistake, and the only one told.
fn noted(manifest: &Manifest, items: Vec<Diagnostic>, note: Option<String>) -> Vec<Diagnostic> {
    match note {
        Some(note) if !items.is_empty() => vec![Diagnostic::error(manifest.dataset.span.clone(), note)],
        _ => items,
    }
}

fn judge(manifest: &Manifest, items: Vec<Diagnostic>, host: &dyn Host) -> Result<(), Failure> {
    if items.iter().any(|item| item.is_error) {
        return Err(Failure::of_manifest(&manifest.diagnostics(items), host));
    }
    Ok(())
}

fn schema_of(manifest: &Manifest) -> Result<Option<InputSchema>, Failure> {
    let Some(path) = &manifest.workflow.flow_file else { return Ok(None) };
    let text =
        std::fs::read_to_string(path).map_err(|e| Failure::mistake(format!("{}: {e}", path.display())))?;
    let schema =
        InputSchema::from_flow(&text).map_err(|e| Failure::mistake(format!("{}: {e}", path.display())))?;
    Ok(Some(schema))
}

impl Sound {
    /// Surveys again with another selection.
    pub(crate) fn select(&mut self, select: &Select) -> Result<(), Failure> {
        let manifest = &*self.manifest;
        let context = SurveyContext {
            vars: &manifest.vars,
            manifest_name: &manifest.name,
            slot: manifest.slot.as_ref(),
            env: &manifest.env,
        };
        self.survey = self.dataset.survey(select, &context)?;
        Ok(())
    }

    /// Keeps what was read from standard input in the run folder, where it is the dataset from now on.
    pub(crate) fn keep_input(&mut self, kept: &Path) -> Result<(), Failure> {
        if let Some(spooled) = self.dataset.files().next() {
            std::fs::copy(spooled, kept)
                .and_then(|_| std::fs::File::options().write(true).open(kept)?.sync_all())
                .map_err(Failure::disk(kept))?;
        }
        self.dataset = Dataset::open(&self.manifest.dataset, Some(kept))?;
        Ok(())
    }

    /// Says whether the dataset is standard input.
    pub(crate) fn reads_stdin(&self) -> bool {
        reads_stdin(&self.manifest)
    }
}

/// Says whether a manifest's dataset is standard input.
pub(crate) fn reads_stdin(manifest: &Manifest) -> bool {
    manifest.dataset.paths == [PathBuf::from("-")]
}
