//! A workflow of GitHub Actions. Its clock is UTC: in a zone with summer time each time is scheduled at each of the
//! zone's offsets, and the run looks whether that offset is in force.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::commands::run::quoted;
use crate::commands::schedule::export::Exported;
use crate::commands::schedule::export::fields::in_utc;
use crate::commands::schedule::export::job::{Clock, Job, Part, Said, comments};
use crate::manifest::{CatchUp, Overlap};

const SAID: Said = Said {
    overlaps: &[Overlap::QueueOne, Overlap::CancelOther, Overlap::Allow],
    overlap_instead: "of the slots that come while an earlier run goes on the last is run after it",
    catch_ups: &[CatchUp::None],
    catch_up_instead: "what it drops at times of high load is lost",
    parts: &[Part::Window],
};

/// A time in UTC with the offset that it is right at, in seconds.
type Timed = (String, i32);

/// Writes the workflow. The error says why the schedule can't be said in UTC.
pub(super) fn export(job: &Job<'_>) -> Result<Exported, String> {
    let times = times(job)?;
    let several = times.iter().map(|(_, offset)| offset).collect::<BTreeSet<_>>().len() > 1;
    let mut told = vec![
        "GitHub starts late, often by many minutes, and drops starts at times of high load; five minutes is its shortest \
         interval. Runs that are paid for are better started by `flowbatch schedule serve` or by Kubernetes."
            .to_owned(),
        "The run folder is kept as an artifact only: a run that was interrupted (exit code 5) is not gone on with."
            .to_owned(),
    ];
    told.extend(job.unsaid("GitHub", &SAID));
    told.extend(job.clock_differs("GitHub", Clock::Literal));
    let mut text = format!("{}{}", job.head("when and how it is run"), comments(&told));
    text.push_str(&format!("name: {}\non:\n  workflow_dispatch:\n  schedule:\n", quote(&job.manifest.name)));
    for (cron, offset) in &times {
        let note = if several { format!("  # while {} is in force", signed(*offset)) } else { String::new() };
        text.push_str(&format!("    - cron: \"{cron}\"{note}\n"));
    }
    text.push_str("permissions:\n  contents: read\n");
    if job.schedule.overlap != Overlap::Allow {
        let cancels = job.schedule.overlap == Overlap::CancelOther;
        text.push_str(&format!("concurrency:\n  group: {}\n  cancel-in-progress: {cancels}\n", job.name));
    }
    text.push_str(&steps(job, &times, several));
    Ok(Exported { name: format!("{}.yml", job.name), text })
}

/// Gives the times in UTC, at each offset that the zone has in ten years.
fn times(job: &Job<'_>) -> Result<Vec<Timed>, String> {
    let calendar = job.calendar();
    let zone = calendar.zone();
    let bound = |text: &str| text.parse::<Timestamp>().unwrap_or_default();
    let (from, until) = (bound("2026-01-01T00:00:00Z"), bound("2036-01-01T00:00:00Z"));
    let mut offsets = BTreeSet::from([zone.offset(from).seconds()]);
    let mut at = from;
    while let Some(change) = zone.change_after(at).filter(|change| change.at < until) {
        offsets.insert(change.after.seconds());
        at = change.at;
    }
    let mut times: Vec<Timed> = Vec::new();
    for offset in offsets {
        let texts = in_utc(calendar.cron(), offset / 60).map_err(|why| {
            format!("{}: GitHub knows no time zone but UTC, and {why}", job.manifest.path.display())
        })?;
        times.extend(texts.into_iter().map(|text| (text, offset)));
    }
    // The same text at every offset is a time that does not depend on it.
    let first: Vec<_> = times.iter().filter(|(_, offset)| *offset == times[0].1).cloned().collect();
    let is_same = times.iter().all(|(text, _)| first.iter().any(|(other, _)| other == text));
    Ok(if is_same { first } else { times })
}

fn steps(job: &Job<'_>, times: &[Timed], several: bool) -> String {
    let manifest = job.path.strip_prefix(&job.folder).unwrap_or(&job.path);
    let manifest = quoted(manifest);
    let mut text = "jobs:\n  run:\n    runs-on: ubuntu-latest\n    steps:\n".to_owned();
    if several {
        text.push_str(&format!(
            "      - id: clock\n        env:\n          TIME: ${{{{ github.event.schedule }}}}\n          TZ: {}\n        run: |\n          case \"$TIME\" in\n",
            job.calendar().zone().name()
        ));
        let texts: BTreeSet<_> = times.iter().map(|(text, _)| text).collect();
        for text_of in texts {
            let offsets = times
                .iter()
                .filter(|(text, _)| text == text_of)
                .map(|(_, offset)| signed(*offset).replace(':', ""));
            text.push_str(&format!(
                "            '{text_of}') due=' {} ' ;;\n",
                offsets.collect::<Vec<_>>().join(" ")
            ));
        }
        text.push_str(
            "            *) due=\" $(date +%z) \" ;;  # started by hand\n          esac\n          case \"$due\" in *\" $(date +%z) \"*) echo due=yes >> \"$GITHUB_OUTPUT\" ;; esac\n",
        );
    }
    let only = if several { "        if: steps.clock.outputs.due == 'yes'\n" } else { "" };
    text.push_str(&format!("      - uses: actions/checkout@v4\n{only}"));
    text.push_str(&format!(
        "      # Put flowbatch onto the PATH here, in the version that you have tested.\n      - name: flowbatch\n{only}"
    ));
    if !job.secrets.is_empty() || !job.variables.is_empty() || !job.secret_files.is_empty() {
        text.push_str("        env:\n");
    }
    for name in &job.secrets {
        text.push_str(&format!("          {name}: ${{{{ secrets.{name} }}}}\n"));
    }
    for name in &job.variables {
        text.push_str(&format!("          {name}: ${{{{ vars.{name} }}}}\n"));
    }
    let files: Vec<_> =
        job.secret_files.iter().enumerate().map(|(at, path)| (format!("SECRET_{}", at + 1), path)).collect();
    for (name, path) in &files {
        text.push_str(&format!(
            "          {name}: ${{{{ secrets.{name} }}}}  # the content of {}\n",
            path.display()
        ));
    }
    text.push_str("        run: |\n");
    for (name, path) in &files {
        let path = quoted(path);
        text.push_str(&format!(
            "          install -D -m 600 /dev/null {path} && printf %s \"${name}\" > {path}\n"
        ));
    }
    text.push_str(&format!(
        "          flowbatch run {manifest} --id \"$(flowbatch schedule slot {manifest})\" --yes --no-progress -o runs\n      \
         - uses: actions/upload-artifact@v4\n        if: always(){}\n        with:\n          name: runs\n          path: runs\n",
        if several { " && steps.clock.outputs.due == 'yes'" } else { "" }
    ));
    text
}

fn signed(seconds: i32) -> String {
    let minutes = seconds.unsigned_abs() / 60;
    format!("{}{:02}:{:02}", if seconds < 0 { '-' } else { '+' }, minutes / 60, minutes % 60)
}

fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
