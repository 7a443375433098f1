//! `flowbatch schedule export`: a schedule in the language of another scheduler, with what that one can't say. Pure but
//! for the files that are written. Secrets stand in no file: they are named, and the reader brings them.

mod crontab;
mod fields;
mod github;
mod job;
mod kubernetes;
mod systemd;

use std::path::PathBuf;

use crate::artifact::Artifact;
use crate::commands::schedule::export::job::Job;
use crate::commands::schedule::scheduled::{self, done};
use crate::commands::{Done, Failure, Host, judges};
use crate::manifest::Secrets;

/// `schedule export`'s arguments.
#[derive(Clone, Debug)]
pub struct ScheduleExportArgs {
    /// The manifests.
    pub manifests: Vec<PathBuf>,
    /// `--to`.
    pub to: ExportTarget,
    /// `--into`: the folder that the files are written into.
    pub into: Option<PathBuf>,
    /// `--image`.
    pub image: String,
}

/// The scheduler that a schedule is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportTarget {
    /// A service and a timer.
    Systemd,
    /// A line of a crontab.
    Crontab,
    /// A `CronJob`.
    Kubernetes,
    /// A workflow of GitHub Actions.
    Github,
}

/// A file of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Exported {
    name: String,
    text: String,
}

/// Writes each manifest's schedule for another scheduler.
pub fn schedule_export(args: &ScheduleExportArgs, host: &mut dyn Host) -> Result<Done, Failure> {
    let all = scheduled::read(&args.manifests, host)?;
    let here = std::env::current_dir().map_err(Failure::disk(std::path::Path::new(".")))?;
    let mut files: Vec<Exported> = Vec::new();
    for of in &all {
        let judges = judges::load(&of.manifest.checks, Secrets::NotNeeded, host)?;
        let judges: Vec<_> = judges.into_iter().map(|judge| judge.manifest).collect();
        let job = Job::new(of, &judges, &here);
        let made = match args.to {
            ExportTarget::Systemd => systemd::export(&job),
            ExportTarget::Crontab => vec![crontab::export(&job)],
            ExportTarget::Kubernetes => vec![kubernetes::export(&job, &args.image)],
            ExportTarget::Github => vec![github::export(&job).map_err(Failure::mistake)?],
        };
        for file in made {
            if files.iter().any(|other| other.name == file.name) {
                let message =
                    format!("two of the manifests would be written as `{}`: export them apart", file.name);
                return Err(Failure::mistake(message));
            }
            files.push(file);
        }
    }
    let Some(into) = &args.into else {
        return Ok(done(in_one(&files)));
    };
    std::fs::create_dir_all(into).map_err(Failure::disk(into))?;
    let mut output = String::new();
    for file in &files {
        let path = into.join(&file.name);
        Artifact::write(&path, file.text.as_bytes()).map_err(Failure::disk(&path))?;
        output.push_str(&format!("{}\n", path.display()));
    }
    Ok(done(output))
}

/// Puts files into one text; each but a single one begins with its name.
fn in_one(files: &[Exported]) -> String {
    match files {
        [only] => only.text.clone(),
        files => {
            let texts = files.iter().map(|file| format!("# --- {}\n{}", file.name, file.text));
            texts.collect::<Vec<_>>().join("\n")
        }
    }
}

#[cfg(test)]
mod tests;
