//! The manifests of a folder that have a `schedule`, read again when they change.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::commands::Host;
use crate::commands::slots::{Where, absolute};
use crate::manifest::{self, Manifest, Overrides, Reading, Secrets};
use crate::schedule::Plan;

/// What a file was when it was read.
type Version = (Option<SystemTime>, u64);

/// A file that may be a manifest with a schedule.
struct Known {
    version: Version,
    /// What it last said soundly, by the manifest's name.
    good: Option<(String, Plan)>,
    /// What is wrong with it as it is now.
    wrong: Option<String>,
    /// Whether the last look did not find it.
    missed: bool,
}

/// The schedules of a folder.
#[derive(Default)]
pub(super) struct Plans {
    files: BTreeMap<PathBuf, Known>,
    /// Each by its manifest's name.
    pub(super) plans: BTreeMap<String, Plan>,
    /// Whether these are all there are: no manifest is wrong that was never read soundly.
    pub(super) is_all: bool,
    /// What is wrong with manifests as they are now.
    pub(super) wrong: Vec<String>,
}

impl Plans {
    /// Reads what is new or has changed. Gives what is wrong with it.
    pub(super) fn refresh(&mut self, at: &Where, host: &dyn Host) -> Vec<String> {
        let mut news = Vec::new();
        let paths = match manifests_in(&at.dir) {
            Ok(paths) => paths,
            // A folder that can't be read says nothing of what was in it: all stands as it did.
            Err(error) => {
                let told = format!("{}: {error}", at.dir.display());
                let is_news = !self.wrong.contains(&told);
                self.gather(&mut news);
                self.is_all = false;
                news.extend(is_news.then(|| told.clone()));
                self.wrong.push(told);
                return news;
            }
        };
        // A file that is being put in another's place may be away for a moment: two looks have to miss it.
        self.files.retain(|path, known| {
            let missed = !paths.contains(path);
            let stays = !(missed && known.missed);
            known.missed = missed;
            stays
        });
        for path in paths {
            let Ok(meta) = fs::metadata(&path) else { continue };
            let version = (meta.modified().ok(), meta.len());
            let known = self.files.remove(&path);
            let fresh = match known {
                Some(known) if known.version == version => known,
                known => {
                    let (good, wrong) = read(&path, at, host);
                    news.extend(wrong.clone());
                    // What is wrong keeps what was right before it.
                    let before = || known.and_then(|known| known.good);
                    let good = if wrong.is_some() { good.or_else(before) } else { good };
                    Known { version, good, wrong, missed: false }
                }
            };
            self.files.insert(path, fresh);
        }
        self.gather(&mut news);
        news
    }

    fn gather(&mut self, news: &mut Vec<String>) {
        let before = std::mem::take(&mut self.plans);
        self.is_all = true;
        self.wrong.clear();
        for (path, known) in &self.files {
            self.wrong.extend(known.wrong.clone());
            let Some((name, plan)) = &known.good else {
                self.is_all &= known.wrong.is_none();
                continue;
            };
            if let Some(other) = self.plans.get(name) {
                let told = format!(
                    "{}: has the name `{name}`, as {} has, whose schedule it would share: its own is not followed",
                    path.display(),
                    other.manifest.display()
                );
                if before.is_empty() {
                    news.push(told.clone());
                }
                self.wrong.push(told);
            } else {
                self.plans.insert(name.clone(), plan.clone());
            }
        }
    }
}

fn manifests_in(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let is_yaml = |path: &PathBuf| path.extension().is_some_and(|e| e == "yaml" || e == "yml");
    let is_hidden =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let entries = fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.path()));
    let paths: Vec<_> = entries.collect::<io::Result<_>>()?;
    let mut paths: Vec<_> = paths
        .into_iter()
        .filter(|path| is_yaml(path) && !is_hidden(path))
        .map(|path| absolute(&path))
        .collect();
    paths.sort();
    Ok(paths)
}

/// Reads a manifest for those who are told of it, with its secrets; none when it is not sound just now.
pub(super) fn sound(path: &Path, host: &dyn Host) -> Option<Manifest> {
    let variable = |name: &str| host.variable(name);
    let reading = manifest::read_whole(path, &Overrides::default(), Secrets::Needed, &variable);
    reading.manifest.filter(|_| !reading.diagnostics.has_errors())
}

/// Reads a file: a manifest's name and schedule if it has one, or what is wrong. What names no schedule is no business
/// of ours, sound or not: definitions of emulated workflows are YAML as well.
fn read(path: &Path, at: &Where, host: &dyn Host) -> (Option<(String, Plan)>, Option<String>) {
    let text = match fs::read(path) {
        Ok(text) => String::from_utf8_lossy(&text).into_owned(),
        Err(error) => return (None, Some(format!("{}: {error}", path.display()))),
    };
    let names_one = |line: &str| {
        let line = line.trim_start_matches('\u{feff}').trim_start_matches(['"', '\'']);
        line.starts_with("schedule") && line.contains(':')
    };
    if !text.lines().any(names_one) {
        return (None, None);
    }
    let variable = |name: &str| host.variable(name);
    match manifest::read_whole(path, &Overrides::default(), Secrets::NotNeeded, &variable) {
        Reading { manifest: Some(manifest), diagnostics } if !diagnostics.has_errors() => {
            let dir = absolute(at.output.as_ref().unwrap_or(&manifest.output.dir));
            let plan = |schedule| Plan { manifest: path.to_owned(), dir, schedule };
            (manifest.schedule.map(plan).map(|plan| (manifest.name, plan)), None)
        }
        Reading { diagnostics, .. } => (None, Some(diagnostics.render(host.in_colour()))),
    }
}
