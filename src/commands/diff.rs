//! `flowbatch diff`: what two manifests differ in, by what they mean and not by how they are written. Sends nothing, and
//! needs no secret.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::commands::{Done, Failure, Host, RunName, derive, prepare};
use crate::dataset::{Dataset, SurveyContext};
use crate::journal::RunFolder;
use crate::manifest::{self, Manifest, Meaning, Overrides, Secrets, makes_another_job};
use crate::model::ExitCode;

/// `diff`'s arguments.
#[derive(Clone, Debug, Default)]
pub struct DiffArgs {
    /// A manifest or a run.
    pub first: PathBuf,
    /// Another; the first again when absent.
    pub second: Option<PathBuf>,
    /// `--first-overlay`: overlays of the first.
    pub first_overlays: Vec<String>,
    /// `--overlay`, `--set`, `--var` and `--dataset`: what changes the second.
    pub changes: Overrides,
    /// `-o`.
    pub dir: Option<PathBuf>,
    /// `--json`.
    pub json: bool,
}

/// A manifest as it is compared.
struct Side {
    facts: BTreeMap<String, Meaning>,
    /// What the mapping means, where the order of keys counts too.
    mapping: String,
    /// The digest of the dataset's bytes, when it is known.
    content: Option<String>,
}

/// One key that differs.
struct Difference {
    path: String,
    from: Value,
    to: Value,
    is_job: bool,
}

/// Compares two manifests.
pub fn diff(args: &DiffArgs, host: &mut dyn Host) -> Result<Done, Failure> {
    let own = Overrides { overlays: args.first_overlays.clone(), ..Overrides::default() };
    let second = args.second.as_ref().unwrap_or(&args.first);
    let sides = [read(&args.first, &own, args, host)?, read(second, &args.changes, args, host)?];
    let differences = compare(&sides[0], &sides[1]);
    let output = if args.json { as_json(&differences) } else { in_words(&differences) };
    let exit = if differences.is_empty() { ExitCode::Accepted } else { ExitCode::RowsFailed };
    Ok(Done { exit_code: exit.code(), output })
}

fn read(path: &Path, changes: &Overrides, args: &DiffArgs, host: &mut dyn Host) -> Result<Side, Failure> {
    if !path.is_file() {
        let name = path.to_string_lossy().into_owned();
        let found = RunName { run: Some(name), dir: args.dir.clone() }.find();
        match found {
            Ok(folder) => return of_run(&folder, changes, host),
            // Nothing that looks like a manifest's name is meant to be a run.
            Err(failure) if path.extension().is_none() => return Err(failure),
            Err(_) => {}
        }
    }
    let variable = |name: &str| host.variable(name);
    let (manifest, warnings) = manifest::load(path, changes, Secrets::NotNeeded, &variable)
        .map_err(|diagnostics| Failure::of_manifest(&diagnostics, host))?;
    if !warnings.items.is_empty() {
        host.say(&warnings.render(host.in_colour()));
    }
    let content = content(&manifest);
    Ok(Side::of(&manifest, content))
}

/// Reads what a run was begun with, and what was changed since.
fn of_run(folder: &RunFolder, changes: &Overrides, host: &dyn Host) -> Result<Side, Failure> {
    if *changes != Overrides::default() {
        let message =
            "a run is what it was begun with: overlays, --set, --var and --dataset can't change it here";
        return Err(Failure::mistake(message));
    }
    let history = folder.read()?;
    let since = history.state().changed();
    let lock = folder.lock()?.as_changed(since);
    let manifest = derive::frozen(folder, &lock, since, Secrets::Recorded, host)?;
    Ok(Side::of(&manifest, Some(lock.dataset.sha256)))
}

/// The digest of the dataset's bytes; none when it can't be read, or comes on standard input.
fn content(manifest: &Manifest) -> Option<String> {
    if prepare::reads_stdin(manifest) {
        return None;
    }
    let context = SurveyContext {
        vars: &manifest.vars,
        manifest_name: &manifest.name,
        env: &manifest.env,
        slot: manifest.slot.as_ref(),
    };
    let dataset = Dataset::open(&manifest.dataset, None).ok()?;
    Some(dataset.survey(&manifest.dataset.select, &context).ok()?.sha256)
}

impl Side {
    fn of(manifest: &Manifest, content: Option<String>) -> Self {
        Self { facts: manifest.meaning(), mapping: manifest.mapping_text(), content }
    }
}

fn compare(first: &Side, second: &Side) -> Vec<Difference> {
    let mut keys: Vec<&String> = first.facts.keys().chain(second.facts.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let same_content = first.content.is_some() && first.content == second.content;
    let mut found = Vec::new();
    for key in keys {
        let (from, to) = (first.facts.get(key), second.facts.get(key));
        if from == to {
            continue;
        }
        let shown = |side: Option<&Meaning>| side.map_or(Value::Null, Meaning::shown);
        let (from, mut shown_to) = (shown(from), shown(to));
        if to.is_some_and(Meaning::is_secret) && from == shown_to {
            shown_to = json!("[another secret]");
        }
        // The same rows under another name are the same rows.
        let is_job = makes_another_job(key) && !(key == "dataset.path" && same_content);
        found.push(Difference { path: key.clone(), from, to: shown_to, is_job });
    }
    let mut add = |path: &str, from: Value, to: Value| {
        found.push(Difference { path: path.to_owned(), from, to, is_job: true });
    };
    if let (Some(from), Some(to)) = (&first.content, &second.content)
        && from != to
    {
        let shown = |digest: &str| json!(format!("sha256:{}", digest.get(..12).unwrap_or(digest)));
        add("dataset (content)", shown(from), shown(to));
    }
    let sends = |key: &str| ["input", "vars", "env", "workflow.user_id"].iter().any(|of| key.starts_with(of));
    if first.mapping != second.mapping && !found.iter().any(|difference| sends(&difference.path)) {
        // The service may see a difference, and a resume does.
        found.push(Difference {
            path: "input (order of keys)".to_owned(),
            from: json!("one"),
            to: json!("another"),
            is_job: true,
        });
    }
    found
}

fn in_words(differences: &[Difference]) -> String {
    let mut text = String::new();
    let parts = [(true, "another job:"), (false, "the same job, run or judged otherwise:")];
    for (is_job, title) in parts {
        let of_part = || differences.iter().filter(move |difference| difference.is_job == is_job);
        if of_part().next().is_some() {
            let _ = writeln!(text, "{title}");
        }
        for Difference { path, from, to, .. } in of_part() {
            let _ = writeln!(text, "  {path}: {} -> {}", shown(from), shown(to));
        }
    }
    if differences.is_empty() { "the same\n".to_owned() } else { text }
}

fn shown(value: &Value) -> String {
    if value.is_null() { "(none)".to_owned() } else { value.to_string() }
}

fn as_json(differences: &[Difference]) -> String {
    let list = differences.iter().map(|difference| {
        let Difference { path, from, to, is_job } = difference;
        json!({"path": path, "from": from, "to": to, "another_job": is_job})
    });
    let value = json!({
        "same": differences.is_empty(),
        "another_job": differences.iter().any(|difference| difference.is_job),
        "differences": list.collect::<Vec<_>>(),
    });
    format!("{value}\n")
}
