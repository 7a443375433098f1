//! `schedule list`: what is due next, what runs and waits, and what became of earlier slots.

use std::collections::BTreeSet;
use std::fmt::Write;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::commands::slots::Where;
use crate::commands::slots::follow::holder;
use crate::commands::slots::plans::Plans;
use crate::commands::slots::tell::{came, stretch};
use crate::commands::{Done, Failure, Host};
use crate::schedule::{Final, Ledger, Live, PauseWhy, Plan, SlotId, Stage, Standing, What};

/// Slots to come that are shown.
const NEXT: usize = 3;

/// Earlier slots that are shown; `--json` has all that are in memory.
const LAST: usize = 10;

/// Slots that wait for a scheduler are counted up to this.
const WAITING: usize = 10_000;

/// `list`'s arguments.
#[derive(Clone, Debug, Default)]
pub struct SlotsArgs {
    /// Which schedules.
    pub at: Where,
    /// `--json`: one object.
    pub json: bool,
}

/// A schedule as it is shown.
struct Shown<'a> {
    name: &'a str,
    plan: Option<&'a Plan>,
    standing: Standing,
    now: Timestamp,
}

/// Lists the schedules of a folder. Writes nothing.
pub fn slots(args: &SlotsArgs, host: &mut dyn Host) -> Result<Done, Failure> {
    args.at.check()?;
    let mut plans = Plans::default();
    for wrong in plans.refresh(&args.at, host) {
        host.say(&wrong);
    }
    let folder = args.at.state();
    let mut state = Ledger::look(&folder)?;
    let names: BTreeSet<_> = plans.plans.keys().chain(state.schedules.keys()).cloned().collect();
    let now = args.at.now();
    let shown: Vec<_> = names
        .iter()
        .map(|name| Shown {
            name,
            plan: plans.plans.get(name),
            standing: state.schedules.remove(name).unwrap_or_default(),
            now,
        })
        .collect();
    let process = holder(&folder);
    if args.json {
        let schedules: Vec<_> = shown.iter().map(Shown::as_json).collect();
        let all =
            json!({"scheduler": process, "state": folder.display().to_string(), "schedules": schedules});
        return Ok(Done::with(format!("{all}\n")));
    }
    if shown.is_empty() {
        host.say(&format!("no manifest in {} has a schedule", args.at.dir.display()));
        return Ok(Done::with(String::new()));
    }
    let mut text = match process {
        Some(process) => format!("a scheduler works on the folder (process {process})\n"),
        None => "no scheduler works on the folder just now\n".to_owned(),
    };
    for shown in &shown {
        shown.write(&mut text);
    }
    Ok(Done::with(text))
}

impl Shown<'_> {
    fn is_new(&self) -> bool {
        self.standing == Standing::default()
    }

    fn next(&self) -> Vec<(Timestamp, Timestamp)> {
        let after = self.now.max(self.standing.cursor);
        let Some(plan) = self.plan else { return Vec::new() };
        let next = |at: &Timestamp| plan.next(*at);
        std::iter::successors(plan.next(after), next)
            .take(NEXT)
            .map(|slot| (slot, plan.start(slot)))
            .collect()
    }

    /// Counts the slots that are due and that no scheduler has looked at.
    fn waiting(&self) -> usize {
        let Some(plan) = self.plan.filter(|plan| !self.is_new() && plan.timing() == self.standing.timing)
        else {
            return 0;
        };
        let due = std::iter::successors(plan.next(self.standing.cursor), |at| plan.next(*at));
        due.take_while(|slot| *slot <= self.now).take(WAITING).count()
    }

    fn write(&self, text: &mut String) {
        let timing = self.plan.map_or_else(|| "its manifest or schedule is gone".to_owned(), Plan::timing);
        let _ = writeln!(text, "\n{}: {timing}", self.name);
        if let Some((since, why)) = self.standing.paused {
            let why = match why {
                PauseWhy::Asked => String::new(),
                PauseWhy::Failure(slot) => format!(", as {slot} was not accepted (pause_on_failure)"),
            };
            let _ = writeln!(text, "  paused since {}{why}", seconds(since));
        }
        if self.is_new() {
            let _ = writeln!(text, "  no scheduler has seen it yet: slots count from when one does");
        }
        if self.waiting() > 0 {
            let since = seconds(self.standing.cursor);
            let _ = writeln!(text, "  {} due since {since} wait for a scheduler", counted(self.waiting()));
        }
        for (slot, start) in self.next() {
            let start = if start > slot { format!(", starts {}", seconds(start)) } else { String::new() };
            let _ = writeln!(text, "  next      {}{start}", seconds(slot));
        }
        for live in &self.standing.live {
            let _ = writeln!(text, "  {:<9} {}{}", stage(live), live.slot, run_of(&live.run_id));
        }
        let recent = self.standing.recent.iter().rev().take(LAST).collect::<Vec<_>>();
        for last in recent.into_iter().rev() {
            let (word, slots, why) = became(last);
            let run = last.run_id.as_deref().map_or_else(String::new, run_of);
            let why = if why.is_empty() { why } else { format!(": {why}") };
            let _ = writeln!(text, "  {word:<9} {slots}{run}{why}");
        }
        let counts = self.standing.counts;
        let all = [
            (counts.succeeded, "succeeded"),
            (counts.failed, "failed"),
            (counts.cancelled, "cancelled"),
            (counts.skipped, "skipped"),
            (counts.dropped, "dropped"),
            (counts.missed, "missed"),
        ];
        let all: Vec<_> = all.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
        if !all.is_empty() {
            let _ = writeln!(text, "  in all: {}", all.join(", "));
        }
    }

    fn as_json(&self) -> Value {
        let Standing { paused, live, counts, recent, cursor, .. } = &self.standing;
        let paused = paused.map(|(since, why)| match why {
            PauseWhy::Asked => json!({"since": seconds(since), "why": "asked"}),
            PauseWhy::Failure(slot) => {
                json!({"since": seconds(since), "why": "failure", "slot": seconds(slot.at)})
            }
        });
        let next = self.next();
        let next = next.iter().map(|(slot, start)| json!({"slot": seconds(*slot), "start": seconds(*start)}));
        let live = live.iter().map(|live| {
            json!({
                "slot": seconds(live.slot.at), "manual": live.slot.manual, "state": stage(live), "how": live.how,
                "run_id": Some(&live.run_id).filter(|id| !id.is_empty()), "processes": live.processes,
            })
        });
        let plan = self.plan;
        json!({
            "name": self.name,
            "manifest": plan.map(|plan| plan.manifest.display().to_string()),
            "timing": plan.map(Plan::timing),
            "paused": paused,
            "accounted_until": (!self.is_new()).then(|| seconds(*cursor)),
            "waiting_for_a_scheduler": self.waiting(),
            "next": next.collect::<Vec<_>>(),
            "live": live.collect::<Vec<_>>(),
            "recent": recent.iter().map(final_json).collect::<Vec<_>>(),
            "counts": counts,
        })
    }
}

fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn counted(slots: usize) -> String {
    match slots {
        1 => "1 slot".to_owned(),
        WAITING => format!("{WAITING} slots or more"),
        more => format!("{more} slots"),
    }
}

fn run_of(run_id: &str) -> String {
    if run_id.is_empty() { String::new() } else { format!("  run {run_id}") }
}

fn stage(live: &Live) -> &'static str {
    match live.stage {
        _ if live.cancelled_by.is_some() => "stopping",
        Stage::Queued => "queued",
        Stage::Claimed => "claimed",
        Stage::Running => "running",
        Stage::Interrupted => "resumes",
    }
}

/// Gives a final entry's word, its slots and why.
fn became(last: &Final) -> (&'static str, String, String) {
    let why = last.why().map(|why| why.in_words().to_owned()).unwrap_or_default();
    let of = |slot: &SlotId| slot.to_string();
    match &last.what {
        What::Finished { slot, exit: Some(0), .. } => ("succeeded", of(slot), why),
        What::Finished { slot, exit, reason } => ("failed", of(slot), came(*exit, reason.as_deref())),
        What::Cancelled { slot, by, .. } => ("cancelled", of(slot), format!("stopped in favour of {by}")),
        What::Skipped { slot, .. } => ("skipped", of(slot), why),
        What::Dropped { slot, .. } => ("dropped", of(slot), why),
        What::Missed { from, to, count, .. } => ("missed", stretch(*from, *to, *count), why),
        _ => ("", String::new(), why),
    }
}

fn final_json(last: &Final) -> Value {
    let (word, _, why) = became(last);
    let mut found = json!({
        "state": word, "at": seconds(last.at), "run_id": last.run_id, "why": last.why(), "in_words": why,
    });
    match &last.what {
        What::Finished { slot, exit, reason } => {
            found["slot"] = json!(seconds(slot.at));
            found["manual"] = json!(slot.manual);
            found["exit_code"] = json!(exit);
            found["reason"] = json!(reason);
        }
        What::Cancelled { slot, by, exit } => {
            found["slot"] = json!(seconds(slot.at));
            found["manual"] = json!(slot.manual);
            found["exit_code"] = json!(exit);
            found["by"] = json!(seconds(by.at));
        }
        What::Skipped { slot, .. } | What::Dropped { slot, .. } => {
            found["slot"] = json!(seconds(slot.at));
            found["manual"] = json!(slot.manual);
        }
        What::Missed { from, to, count, .. } => {
            found["slot"] = json!(seconds(*from));
            found["to"] = json!(seconds(*to));
            found["count"] = json!(count);
        }
        _ => {}
    }
    found
}
