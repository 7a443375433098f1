//! From arguments to what the commands take.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use crate::cli::{Again, Changes, Check, Concurrency, Plan, Reconcile, Resume, Rows, Run, Runs};
use crate::commands::{
    CheckArgs, InitArgs, ListArgs, PlanArgs, ReconcileArgs, ResumeArgs, RunArgs, RunName, Widening, quoted,
};
use crate::manifest::{row_range, sample_size};
use crate::model::Outcome;
use crate::report::Style;

/// Writes the command as a shell takes it, under the name that it is known by.
fn command_line(args: impl Iterator<Item = std::ffi::OsString>) -> String {
    let given = args.skip(1).map(|arg| quoted(Path::new(&arg)));
    std::iter::once("flowbatch".to_owned()).chain(given).collect::<Vec<_>>().join(" ")
}

fn key<T: ToString>(name: &str, value: Option<T>) -> Option<(String, String)> {
    value.map(|value| (name.to_owned(), value.to_string()))
}

/// Reads `KEY=VALUE`.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("there is no `=` in it")?;
    if key.is_empty() {
        Err("there is nothing before the `=`".to_owned())
    } else {
        Ok((key.into(), value.into()))
    }
}

/// Looks at a range of rows, which the manifest reads.
pub(super) fn range(text: &str) -> Result<String, String> {
    row_range(text).map(|_| text.to_owned())
}

/// Looks at the size of a sample, which the manifest reads.
pub(super) fn sample(text: &str) -> Result<String, String> {
    sample_size(text).map(|_| text.to_owned())
}

/// The flags that stand for a key of the manifest. `--set` comes last, so that it goes before them.
fn settings(
    concurrency: &Concurrency,
    rows: Option<&Rows>,
    set: &[(String, String)],
) -> Vec<(String, String)> {
    let mut all: Vec<_> = key("limits.concurrency", concurrency.concurrency).into_iter().collect();
    if let Some(rows) = rows {
        all.extend(key("dataset.select.range", rows.range.as_ref()));
        all.extend(key("dataset.select.limit", rows.limit));
        all.extend(key("dataset.select.sample.n", rows.sample.as_ref()));
        all.extend(key("dataset.select.sample.seed", rows.seed));
    }
    all.extend(set.iter().cloned());
    all
}

impl Run {
    pub(crate) fn into_args(self, style: Style) -> RunArgs {
        let command = command_line(std::env::args_os());
        let Changes { set, vars, dataset } = self.changes;
        RunArgs {
            manifest: self.manifest,
            set: settings(&self.concurrency, Some(&self.rows), &set),
            vars,
            dataset,
            id: self.id,
            slot: self.slot.slot,
            previous_slot: self.slot.previous_slot,
            reuse: self.reuse,
            new: self.new,
            yes: self.yes,
            dry_run: self.dry_run,
            serve: self.live.serve,
            dir: self.dir.dir,
            json: self.shown.json,
            style: Some(style),
            command,
        }
    }
}

impl Check {
    pub(crate) fn into_args(self) -> CheckArgs {
        let Changes { set, vars, dataset } = self.changes;
        CheckArgs { manifests: self.manifests, set, vars, dataset }
    }
}

impl Plan {
    pub(crate) fn into_args(self) -> PlanArgs {
        let Changes { set, vars, dataset } = self.changes;
        let set = settings(&self.concurrency, Some(&self.rows), &set);
        PlanArgs {
            manifest: self.manifest,
            set,
            vars,
            dataset,
            reuse: self.reuse,
            dir: self.dir.dir,
            json: self.json,
        }
    }
}

impl Resume {
    pub(crate) fn into_args(self, style: Style) -> ResumeArgs {
        let retry = self.retry.iter().map(|again| match again {
            Again::Failed => Outcome::Failed,
            Again::InDoubt => Outcome::InDoubt,
            Again::Rejected => Outcome::Rejected,
        });
        ResumeArgs {
            run: RunName { run: self.run, dir: self.dir.dir },
            retry: retry.collect(),
            set: settings(&self.concurrency, None, &self.set),
            widen: Widening {
                all: self.all,
                limit: self.limit.filter(|_| !self.all),
                range: self.range.filter(|_| !self.all),
            },
            extend: self.extend,
            accept_edits: self.accept_edits,
            repair: self.repair,
            serve: self.live.serve,
            yes: self.yes,
            json: self.shown.json,
            style: Some(style),
        }
    }
}

impl Reconcile {
    pub(crate) fn into_args(self) -> ReconcileArgs {
        ReconcileArgs { run: RunName { run: self.run, dir: self.dir.dir }, json: self.json }
    }
}

impl Runs {
    pub(crate) fn into_args(self) -> ListArgs {
        ListArgs { dir: self.dir.dir, manifest: self.manifest, json: self.json }
    }
}

#[derive(Debug, Args)]
pub(super) struct Init {
    /// The folder to write into
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    folder: PathBuf,
}

impl Init {
    pub(crate) fn into_args(self) -> InitArgs {
        InitArgs { folder: self.folder }
    }
}
