//! A line of a crontab (`crontab(5)`).

use crate::commands::run::quoted;
use crate::commands::schedule::export::Exported;
use crate::commands::schedule::export::job::{Clock, Job, Part, Said, comments, plain_cron};
use crate::manifest::{CatchUp, Overlap};

const SAID: Said = Said {
    overlaps: &[Overlap::Skip, Overlap::QueueAll, Overlap::Allow],
    overlap_instead: "a slot that is due while an earlier run goes on is left out",
    catch_ups: &[CatchUp::None],
    catch_up_instead: "what is due while the machine is down is lost",
    parts: &[Part::Window, Part::Ends],
};

/// Writes the line with its comments.
pub(super) fn export(job: &Job<'_>) -> Exported {
    let zone = job.calendar().zone().name();
    let mut told = vec![
        "`flowbatch schedule tick` every minute says all that the manifest says; a line of its own for each manifest \
         says less:"
            .to_owned(),
        format!(
            "A crontab has no time zone of its own. cronie and fcron take CRON_TZ for the lines below it; Debian's cron \
             ignores it, and is right only on a machine whose zone is {zone}."
        ),
    ];
    told.extend(job.unsaid("cron", &SAID));
    told.extend(job.clock_differs("cron (Debian's)", Clock::Once));
    told.push("Nothing restarts a run that was interrupted (exit code 5): `flowbatch resume`.".to_owned());
    let variables: Vec<_> = job.secrets.iter().chain(&job.variables).cloned().collect();
    let (manifest, folder) = (job.shell_path(), quoted(&job.folder));
    let mut command = format!("cd {folder} && ");
    if !variables.is_empty() {
        let file = format!("/etc/flowbatch/{}.env", job.name);
        told.push(format!(
            "Put NAME=value lines, quoted for a shell, for {} into {file}, readable by this user only.",
            variables.join(", ")
        ));
        command.push_str(&format!("set -a && . {file} && set +a && "));
    }
    let lock = format!(".{}.lock", job.name);
    command.push_str(&match job.schedule.overlap {
        Overlap::Allow => String::new(),
        Overlap::QueueAll | Overlap::QueueOne => format!("flock {lock} "),
        Overlap::Skip | Overlap::CancelOther => format!("flock -n {lock} "),
    });
    command.push_str(&format!(
        "flowbatch run {manifest} --id \"$(flowbatch schedule slot {manifest})\" --yes --no-progress"
    ));
    // In a crontab a `%` is a line break.
    let command = command.replace('%', "\\%");
    let text = format!(
        "{}{}CRON_TZ={zone}\n{} {command}\n",
        job.head("when it is run"),
        comments(&told),
        plain_cron(job.calendar().cron()),
    );
    Exported { name: format!("{}.crontab", job.name), text }
}
