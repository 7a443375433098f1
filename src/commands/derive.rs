//! Everything that is derived from a run's journal: results, reports, and the verdict.

use std::path::{Path, PathBuf};

use crate::artifact::{Artifact, Restart};
use crate::commands::execute::cost_unit;
use crate::commands::interrupt::Interrupt;
use crate::commands::judges::Judges;
use crate::commands::{Failure, Host, ahead, relocated};
use crate::journal::{History, RunFolder, RunLock};
use crate::manifest::{self, Manifest, OutputFormat, Overrides, Secrets};
use crate::model::{Reason, SettingsChanged};
use crate::report::{
    self, BudgetLimits, CsvOptions, PageTarget, Price, Redaction, ReportContext, Summary, Targets,
};

/// Reads the manifest that a run was begun with, as changed since.
pub(crate) fn frozen(
    folder: &RunFolder,
    lock: &RunLock,
    changed: &[SettingsChanged],
    secrets: Secrets,
    host: &dyn Host,
) -> Result<Manifest, Failure> {
    let mut overrides = overrides_of(folder, lock);
    overrides.set.extend(set_since(changed));
    let variable = |name: &str| host.variable(name);
    let (manifest, _) = manifest::load(&folder.file("manifest.yaml"), &overrides, secrets, &variable)
        .map_err(|diagnostics| Failure::of_manifest(&diagnostics, host))?;
    Ok(manifest)
}

/// Gives the settings changed since the run began, as they were written behind `--set`.
pub(crate) fn set_since(changed: &[SettingsChanged]) -> impl Iterator<Item = (String, String)> + '_ {
    changed.iter().filter(|change| change.is_of_manifest()).map(|change| {
        let to = change.to.get();
        (change.key.clone(), serde_json::from_str(to).unwrap_or_else(|_| to.to_owned()))
    })
}

/// What the command line and the environment had changed when the run was begun. What an imported run needs beside its own
/// files lies below its folder.
pub(crate) fn overrides_of(folder: &RunFolder, lock: &RunLock) -> Overrides {
    let dataset = |named: &String| relocated::given(folder, named).unwrap_or_else(|| PathBuf::from(named));
    Overrides {
        set: lock.overrides.set.clone(),
        vars: lock.overrides.vars.clone(),
        dataset: lock.overrides.dataset.as_ref().map(dataset),
        overlays: lock.overrides.overlays.clone(),
        folder: Some(relocated::base(folder).unwrap_or_else(|| PathBuf::from(&lock.folder))),
        recorded: lock.environment.clone(),
        schedule: lock.schedule.clone(),
    }
}

pub(crate) fn context(manifest: Manifest, run_id: &str, lock: &RunLock) -> ReportContext {
    let cost_unit = cost_unit(&manifest);
    let Manifest {
        name,
        description,
        labels,
        vars,
        env,
        slot,
        workflow,
        dataset,
        limits,
        input,
        accept,
        checks,
        gates,
        baseline,
        output,
        group_by,
        ..
    } = manifest;
    let redact = Redaction::new(&output.redact, &input, &checks);
    ReportContext {
        run_id: run_id.to_owned(),
        manifest_name: name,
        description,
        labels,
        git: lock.git.clone().map(|git| report::Commit { commit: git.commit, dirty: git.dirty }),
        vars,
        env,
        slot,
        types: dataset.types,
        cost_unit,
        pin: workflow.pin,
        budget: limits.budget.as_ref().map(|budget| BudgetLimits {
            cost: budget.cost,
            tokens: budget.tokens,
            cost_per_row: budget.cost_per_row,
        }),
        rate: limits.rate.map(|rate| rate.to_string()),
        price: workflow.price.map(|price| Price { per_unit: price.per_unit, currency: price.currency }),
        accept,
        repeats: lock.dataset.repeat,
        concurrency: (limits.concurrency.max as u64, limits.concurrency.adaptive),
        checks,
        gates,
        baseline,
        judges: Vec::new(),
        group_by: redact.over(group_by),
        columns: redact.over(output.columns),
        redact,
        dataset_columns: Some(lock.dataset.columns.clone()).filter(|columns| !columns.is_empty()),
        csv: CsvOptions {
            bom: output.csv_bom,
            inputs: output.csv_inputs,
            safe: output.csv_safe,
            delimiter: output.csv_delimiter,
            encoding: output.csv_encoding,
        },
    }
}

/// Writes all derived files anew, each whole or not at all. A signal gives it up. `history` is what the journal says, when
/// that is known without reading it.
pub(crate) fn derive(
    folder: &RunFolder,
    history: Option<History>,
    host: &dyn Host,
) -> Result<Summary, Failure> {
    derive_unless(
        &Interrupt::watch(&folder.file("manifest.yaml"), host),
        folder,
        folder.path(),
        history,
        host,
    )
}

/// Writes all derived files into another folder, as `derive` would write them, and nothing into the run's.
pub(crate) fn derive_elsewhere(folder: &RunFolder, out: &Path, host: &dyn Host) -> Result<Summary, Failure> {
    derive_unless(&Interrupt::watch(&folder.file("manifest.yaml"), host), folder, out, None, host)
}

fn derive_unless(
    interrupt: &Interrupt,
    folder: &RunFolder,
    out: &Path,
    history: Option<History>,
    host: &dyn Host,
) -> Result<Summary, Failure> {
    let history = history.map_or_else(|| folder.read(), Ok)?;
    let lock = folder.lock()?.as_changed(history.state().changed());
    let manifest = frozen(folder, &lock, history.state().changed(), Secrets::Recorded, host)?;
    let formats = manifest.output.formats.clone();
    let context = context(manifest, &lock.run_id, &lock);
    Artifact::sweep(out);
    let file = |format: OutputFormat, name: &str| {
        formats.contains(&format).then(|| File::create(out, name)).transpose()
    };
    let mut results = File::create(out, "results.jsonl")?;
    let mut failures = File::create(out, "failures.jsonl")?;
    let mut results_csv = file(OutputFormat::Csv, "results.csv")?;
    let mut failures_csv = file(OutputFormat::Csv, "failures.csv")?;
    let mut results_xlsx = file(OutputFormat::Xlsx, "results.xlsx")?;
    let mut html = file(OutputFormat::Html, "report.html")?;
    let mut junit = file(OutputFormat::Junit, "junit.xml")?;
    let (mut html_rows, mut junit_rows) = (spool(out, html.as_ref())?, spool(out, junit.as_ref())?);
    let targets = Targets {
        results_jsonl: Some(&mut results.artifact),
        failures_jsonl: Some(&mut failures.artifact),
        results_csv: restart(&mut results_csv),
        failures_csv: restart(&mut failures_csv),
        results_xlsx: restart(&mut results_xlsx),
        html: page_of(&mut html, &mut html_rows),
        junit: page_of(&mut junit, &mut junit_rows),
        each: None,
    };
    let summary = summarize(context, folder, &history, targets, interrupt, host)?;
    let files = [Some(results), Some(failures), results_csv, failures_csv, results_xlsx, html, junit];
    for file in files.into_iter().flatten() {
        file.commit()?;
    }
    let mut json = File::create(out, "report.json")?;
    report::write_json(&summary, &mut json.artifact).map_err(Failure::disk(&out.join("report.json")))?;
    json.commit()?;
    let markdown = out.join("report.md");
    Artifact::write(&markdown, report::render_markdown(&summary).as_bytes())
        .map_err(Failure::disk(&markdown))?;
    Ok(summary)
}

/// Where the rows of a page wait, if it is written: a file without a name, on the disk that has the run.
fn spool(folder: &Path, page: Option<&File>) -> Result<Option<std::fs::File>, Failure> {
    let open = |_| tempfile::tempfile_in(folder).map_err(Failure::disk(folder));
    page.map(open).transpose()
}

fn restart(file: &mut Option<File>) -> Option<&mut dyn Restart> {
    file.as_mut().map(|file| &mut file.artifact as &mut dyn Restart)
}

fn page_of<'a>(file: &'a mut Option<File>, spool: &'a mut Option<std::fs::File>) -> Option<PageTarget<'a>> {
    Some(PageTarget { page: &mut file.as_mut()?.artifact, spool: spool.as_mut()? })
}

/// A file that is shown instead of written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// report.html.
    Html,
    /// junit.xml.
    Junit,
}

/// Gives one page of a run as it stands, and writes nothing into its folder.
pub(crate) fn page(folder: &RunFolder, page: Page, host: &dyn Host) -> Result<String, Failure> {
    let history = folder.read()?;
    let lock = folder.lock()?.as_changed(history.state().changed());
    let manifest = frozen(folder, &lock, history.state().changed(), Secrets::Recorded, host)?;
    let context = context(manifest, &lock.run_id, &lock);
    let (mut bytes, mut rows) = (Vec::new(), tempfile::tempfile().map_err(Failure::disk(folder.path()))?);
    let target = Some(PageTarget { page: &mut bytes, spool: &mut rows });
    let targets = match page {
        Page::Html => Targets { html: target, ..Targets::default() },
        Page::Junit => Targets { junit: target, ..Targets::default() },
    };
    summarize(context, folder, &history, targets, &Interrupt::default(), host)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Works out the summary alone, and writes nothing.
pub(crate) fn summary(folder: &RunFolder, host: &dyn Host) -> Result<Summary, Failure> {
    let history = folder.read()?;
    let lock = folder.lock()?.as_changed(history.state().changed());
    let manifest = frozen(folder, &lock, history.state().changed(), Secrets::Recorded, host)?;
    let context = context(manifest, &lock.run_id, &lock);
    summarize(context, folder, &history, Targets::default(), &Interrupt::default(), host)
}

/// Goes through the rows of a run, with what its judges have said of them.
pub(crate) fn summarize(
    mut context: ReportContext,
    folder: &RunFolder,
    history: &History,
    targets: Targets<'_>,
    interrupt: &Interrupt,
    host: &dyn Host,
) -> Result<Summary, Failure> {
    let judges = Judges::find(folder, &context.checks, host)?;
    context.judges = judges.reports(&context.run_id);
    let (context, judges) = (&context, &judges);
    std::thread::scope(|scope| {
        let rows = || {
            let mut join = judges.join(scope, context);
            ahead::read(scope, history).map(move |row| interrupt.check().and_then(|()| join.row(row?)))
        };
        report::derive(context, history.state(), rows, targets)
    })
    .map_err(|error| match error {
        report::Error::Rows(failure) => failure,
        report::Error::Write { file, source } => Failure::disk(Path::new(file))(source),
        other @ report::Error::Disagree { .. } => Failure::environment(Reason::Disk, other.to_string()),
    })
}

struct File {
    path: PathBuf,
    artifact: Artifact,
}

impl File {
    fn create(folder: &Path, name: &str) -> Result<Self, Failure> {
        let path = folder.join(name);
        let artifact = Artifact::create(&path).map_err(Failure::disk(&path))?;
        Ok(Self { path, artifact })
    }

    fn commit(self) -> Result<(), Failure> {
        let Self { path, artifact } = self;
        artifact.commit().map_err(Failure::disk(&path))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;

    use super::*;
    use crate::journal::{Durability, Runs};
    use crate::model::{RunEvent, Selected};
    use crate::runner::{Observer, Signal};

    /// A host that neither says nor answers anything.
    pub(crate) struct Nobody;

    impl Host for Nobody {
        fn say(&mut self, _: &str) {}
        fn confirm(&mut self, _: &str) -> Option<bool> {
            None
        }
        fn variable(&self, _: &str) -> Option<String> {
            None
        }
        fn is_interactive(&self) -> bool {
            false
        }
        fn in_colour(&self) -> bool {
            false
        }
        fn observer(&mut self, _: &crate::commands::Watched) -> Box<dyn Observer> {
            Box::new(())
        }
        fn watch_signals(&self, _: tokio::sync::mpsc::Sender<Signal>) {}
    }

    #[test]
    fn a_signal_gives_up_what_is_derived_and_leaves_no_half_file() {
        let temp = tempfile::tempdir().unwrap();
        let folder = Runs::below(temp.path()).folder("m", "r");
        let manifest = b"version: 1\nname: m\nworkflow: {provider: emulator, definition: d.yaml}\n\
            dataset: rows.csv\ninput: {text: '{{row.text}}'}\n";
        let selection = vec![RunEvent::Selected(Selected { count: 3, ranges: vec![(1, 3)] })];
        let mut lock = RunLock::example("r", 3);
        lock.folder = temp.path().display().to_string();
        fs::write(temp.path().join("rows.csv"), "text\n1\n2\n3\n").unwrap();
        fs::write(temp.path().join("d.yaml"), "name: d\n").unwrap();
        let claim = folder.claim().unwrap();
        drop(folder.begin(claim, &lock, manifest, selection, Durability::Process).unwrap());
        let names = || {
            let entries = fs::read_dir(folder.path()).unwrap();
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let before = names();
        let failure = derive_unless(&Interrupt::heard(), &folder, folder.path(), None, &Nobody).unwrap_err();
        assert_eq!((failure.exit.code(), names()), (5, before));
        derive_unless(&Interrupt::default(), &folder, folder.path(), None, &Nobody).unwrap();
        let results = fs::read(folder.file("results.jsonl")).unwrap();
        derive_unless(&Interrupt::heard(), &folder, folder.path(), None, &Nobody).unwrap_err();
        assert_eq!(fs::read(folder.file("results.jsonl")).unwrap(), results);
    }
}
