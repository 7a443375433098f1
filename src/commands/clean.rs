//! `require_clean`: a run is refused unless all that it reads stands in a commit, so that it can be repeated from there.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::commands::Failure;
use crate::commands::prepare::Sound;
use crate::manifest::{Manifest, Provider};
use crate::model::Reason;

/// Files that are named one by one.
const SHOWN: usize = 10;

/// Refuses a run whose manifest asks for a clean tree, when it is not one.
pub(crate) fn require(sound: &Sound) -> Result<(), Failure> {
    if !sound.manifest.require_clean {
        return Ok(());
    }
    let refuse = |message: String| {
        let way_on = "commit them, or leave `require_clean` out: `--set require_clean=false`";
        Err(Failure::environment(Reason::NotClean, format!("`require_clean`: {message}\n{way_on}")))
    };
    let folder = &sound.manifest.folder;
    if let Err(why) = git(folder, &["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]) {
        return refuse(format!(
            "{} stands in no commit of a git repository{why}",
            sound.manifest.path.display()
        ));
    }
    let status = git(folder, &["status", "--porcelain=v1", "-z", "--untracked-files=no"]);
    let changed = match &status {
        Ok(status) => changed_in(status),
        Err(why) => return refuse(format!("git can't tell what was changed{why}")),
    };
    if !changed.is_empty() {
        return refuse(format!("files differ from the commit that is checked out: {}", listed(&changed)));
    }
    let read = files(sound);
    if reads_unpinned_stdin(sound) {
        return refuse(
            "the dataset comes on standard input, which stands in no commit: pin it with `dataset.sha256`"
                .to_owned(),
        );
    }
    let untracked: Vec<_> = read.iter().filter(|path| !is_tracked(folder, path)).collect();
    if !untracked.is_empty() {
        let names: Vec<_> = untracked.iter().map(|path| path.display().to_string()).collect();
        let hint = "a dataset may stand outside when `dataset.sha256` pins it";
        return refuse(format!("files that the run reads are in no commit: {} ({hint})", listed(&names)));
    }
    Ok(())
}

/// The files that decide what is sent and how it is judged. A dataset whose digest the manifest has need not be there.
fn files(sound: &Sound) -> Vec<PathBuf> {
    let manifest: &Manifest = &sound.manifest;
    let mut found = vec![manifest.path.clone()];
    found.extend(manifest.kept.iter().map(|file| file.path.clone()));
    found.extend(manifest.workflow.flow_file.clone());
    if let Provider::Emulator { definition } = &manifest.workflow.provider {
        found.push(definition.clone());
    }
    if manifest.dataset.sha256.is_none() && !sound.reads_stdin() {
        found.extend(sound.dataset.files().map(Path::to_path_buf));
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn reads_unpinned_stdin(sound: &Sound) -> bool {
    sound.reads_stdin() && sound.manifest.dataset.sha256.is_none()
}

fn is_tracked(folder: &Path, path: &Path) -> bool {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    git(folder, &["ls-files", "--error-unmatch", "-z", "--", &format!(":(literal){}", path.display())])
        .is_ok()
}

/// Asks git, and gives its answer; the error is what it said, behind a colon.
fn git(folder: &Path, args: &[&str]) -> Result<String, String> {
    let mut command = Command::new("git");
    command.args(args).current_dir(folder);
    // Reading must not take locks that a person's own git may need.
    command.env("GIT_OPTIONAL_LOCKS", "0");
    let output = command.output().map_err(|error| format!(": git can't be run: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let told = String::from_utf8_lossy(&output.stderr);
    Err(told.lines().next().map_or_else(String::new, |line| format!(": {}", line.trim())))
}

/// Gives the paths of `git status --porcelain=v1 -z`; of one that was renamed, the new one.
fn changed_in(status: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut entries = status.split('\0').filter(|entry| !entry.is_empty());
    while let Some(entry) = entries.next() {
        let (state, path) = entry.split_at_checked(3).unwrap_or((entry, ""));
        if state.contains(['R', 'C']) {
            entries.next();
        }
        found.push(path.to_owned());
    }
    found
}

fn listed(names: &[String]) -> String {
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_files_are_read_from_the_status() {
        assert_eq!(changed_in(" M a b.yaml\0R  new\0old\0D  gone\0"), ["a b.yaml", "new", "gone"]);
        assert!(changed_in("").is_empty());
    }
}
