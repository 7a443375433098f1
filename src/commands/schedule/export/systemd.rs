//! A service and a timer of systemd (`systemd.service(5)`, `systemd.timer(5)`), of 247 or later.

use crate::commands::schedule::export::Exported;
use crate::commands::schedule::export::fields::on_calendar;
use crate::commands::schedule::export::job::{Clock, Job, Part, Said, comments};
use crate::manifest::{CatchUp, Overlap};

const SAID: Said = Said {
    overlaps: &[Overlap::Skip],
    overlap_instead: "a slot that is due while an earlier run goes on is left out",
    catch_ups: &[CatchUp::None, CatchUp::Last],
    catch_up_instead: "of several missed slots the last one is run",
    parts: &[Part::Jitter, Part::Ends],
};

/// Writes the service and the timer.
pub(super) fn export(job: &Job<'_>) -> Vec<Exported> {
    let name = &job.name;
    vec![
        Exported { name: format!("{name}.service"), text: service(job) },
        Exported { name: format!("{name}.timer"), text: timer(job) },
    ]
}

fn service(job: &Job<'_>) -> String {
    let name = &job.name;
    let manifest = job.shell_path();
    let folder = escaped(&job.folder.display().to_string());
    let mut text = job.head("what is run");
    if !job.secrets.is_empty() || !job.variables.is_empty() {
        text.push_str(&comments(&[format!(
            "Put NAME=value lines for {} into /etc/flowbatch/{name}.env, readable by the service's user only.",
            job.secrets.iter().chain(&job.variables).cloned().collect::<Vec<_>>().join(", ")
        )]));
    }
    let keep_slot = shell(&format!(
        "[ -s \"$RUNTIME_DIRECTORY/slot\" ] || flowbatch schedule slot {manifest} > \"$RUNTIME_DIRECTORY/slot\""
    ));
    let run = shell(&format!(
        "exec flowbatch run {manifest} --id \"$(cat \"$RUNTIME_DIRECTORY/slot\")\" --yes --no-progress"
    ));
    text.push_str(&format!(
        "\n[Unit]\nDescription=flowbatch: {description}\nWants=network-online.target\nAfter=network-online.target\n\n\
         [Service]\nType=oneshot\nWorkingDirectory={folder}\n",
        description = escaped(&job.manifest.name),
    ));
    if !job.secrets.is_empty() || !job.variables.is_empty() {
        text.push_str(&format!("EnvironmentFile=/etc/flowbatch/{name}.env\n"));
    }
    text.push_str(&format!(
        "# The slot is the run's id: a second start of the same slot sends nothing. It is kept while systemd restarts.\n\
         RuntimeDirectory={name}\nRuntimeDirectoryPreserve=restart\nExecStartPre={keep_slot}\nExecStart={run}\n\
         # 5 was interrupted and may be resumed; 1, 2, 3, 4 and 101 wait for a person.\n\
         Restart=on-failure\nRestartPreventExitStatus=1 2 3 4 101\nRestartSec=60\nTimeoutStartSec=infinity\n\
         # What is on the wire ends first.\nTimeoutStopSec={stop}\n",
        stop = job.stop_seconds(),
    ));
    text
}

fn timer(job: &Job<'_>) -> String {
    let calendar = job.calendar();
    let mut told = job.unsaid("systemd", &SAID);
    told.extend(job.clock_differs("systemd", Clock::FirstPass));
    let mut text = job.head("when it is run");
    text.push_str(&comments(&told));
    text.push_str(&format!(
        "\n[Unit]\nDescription=flowbatch: when {description} is run\n\n[Timer]\nOnCalendar={when}\nPersistent={persistent}\n\
         AccuracySec=1s\n",
        description = escaped(&job.manifest.name),
        when = on_calendar(calendar.cron(), calendar.zone().name()),
        persistent = job.schedule.catch_up != CatchUp::None,
    ));
    if let Some(jitter) = job.jitter() {
        let seconds = jitter.as_secs().max(1);
        text.push_str(&format!(
            "# One delay for all slots of this timer on this machine, where `flowbatch schedule serve` has one for each.\n\
             RandomizedDelaySec={seconds}\nFixedRandomDelay=true\n"
        ));
    }
    text.push_str("\n[Install]\nWantedBy=timers.target\n");
    text
}

/// Writes a command of a shell as `ExecStart` takes it.
fn shell(command: &str) -> String {
    let escaped = command.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    format!("/bin/sh -c \"{escaped}\"")
}

/// Writes a text without specifiers.
fn escaped(text: &str) -> String {
    text.replace('%', "%%")
}
