//! `flowbatch import`: opens a bundle below an output folder, whole or not at all, and checks what came out.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::artifact::sync_name;
use crate::bundle;
use crate::commands::judges::JUDGES;
use crate::commands::run::quoted;
use crate::commands::{Done, Failure, Host, derive, verify};
use crate::journal::{RunFolder, Runs};
use crate::model::Reason;

/// `import`'s arguments.
#[derive(Clone, Debug, Default)]
pub struct ImportArgs {
    /// The bundle.
    pub bundle: PathBuf,
    /// `--into`: the folder that runs are kept in; `runs` by default.
    pub into: Option<PathBuf>,
}

/// What a folder is called until all of a bundle is in it.
const PREFIX: &str = ".flowbatch-import-";

/// Imports a bundle, derives its results, and verifies it.
pub fn import(args: &ImportArgs, host: &mut dyn Host) -> Result<Done, Failure> {
    let bundle = &args.bundle;
    let file = File::open(bundle).map_err(Failure::disk(bundle))?;
    let root = args.into.clone().unwrap_or_else(|| PathBuf::from("runs"));
    fs::create_dir_all(&root).map_err(Failure::disk(&root))?;
    let temp = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&root).map_err(Failure::disk(&root))?;
    // A folder for a moment is its owner's alone; a run's is as open as any other.
    let unpacked = temp.path().join("run");
    fs::create_dir(&unpacked).map_err(Failure::disk(&unpacked))?;
    let list = bundle::unpack(BufReader::new(file), &unpacked).map_err(|error| match error {
        bundle::Error::Io(source) => {
            let message = format!("{}: it can't be read: {source}", bundle.display());
            Failure::environment(Reason::Disk, message)
        }
        bundle::Error::Wrong(what) => {
            let message = format!("{}: {what}; nothing was imported", bundle.display());
            Failure::environment(Reason::Disk, message)
        }
    })?;
    let found = RunFolder::at(&unpacked);
    let begun = found.lock().ok().filter(|lock| lock.run_id == list.run_id && lock.manifest == list.manifest);
    let Some(lock) = begun.filter(|_| found.is_begun()) else {
        let message =
            format!("{}: what it holds is not the run that it names; nothing was imported", bundle.display());
        return Err(Failure::environment(Reason::Disk, message));
    };
    // Runs are listed by when they were begun.
    if let Ok(at) = lock.started_at.parse::<Timestamp>() {
        let path = found.file("run.lock.json");
        let _ = File::options().write(true).open(&path).and_then(|file| file.set_modified(at.into()));
    }
    let folder = Runs::below(&root).folder(&list.manifest, &list.run_id);
    if let Some(parent) = folder.path().parent() {
        fs::create_dir_all(parent).map_err(Failure::disk(parent))?;
    }
    if folder.path().exists() {
        let message =
            format!("{}: there is such a run already; nothing was imported", folder.path().display());
        return Err(Failure::environment(Reason::Disk, message));
    }
    fs::rename(&unpacked, folder.path()).map_err(Failure::disk(folder.path()))?;
    sync_name(folder.path()).map_err(Failure::disk(folder.path()))?;
    drop(temp);
    derive_all(&folder, host);
    let verified = verify::look_at(&folder, host)?;
    if !folder.is_closed() {
        host.say("the run is not complete: go on with it in one place only, or rows are paid twice");
    }
    let shown = folder.path().display();
    let output = match verified.findings.as_slice() {
        [] => format!("{shown}: imported and verified\n"),
        findings => {
            let list: Vec<_> = findings.iter().map(|finding| format!("  {finding}\n")).collect();
            let next = format!("flowbatch verify {}", quoted(folder.path()));
            format!("{shown}: imported as it was bundled; by `{next}` not all holds:\n{}", list.concat())
        }
    };
    Ok(Done { exit_code: u8::from(!verified.findings.is_empty()), output })
}

/// Derives the results of the run and of its judges' runs; what can't be derived is told by the verification.
fn derive_all(folder: &RunFolder, host: &dyn Host) {
    let judged = Runs::below(folder.file(JUDGES)).list();
    for run in judged.iter().map(|found| &found.folder).chain([folder]) {
        if let Err(failure) = derive::derive(run, None, host) {
            tracing::warn!("{}: not derived: {}", run.path().display(), failure.message);
        }
    }
}
