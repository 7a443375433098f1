//! `flowbatch reconcile`: our books against the provider's. Sends no row; settles what is unknown or in doubt.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::commands::execute::{begin_process, bug, cost_unit, provider, runtime};
use crate::commands::rates::{self, Kept};
use crate::commands::resume::check_digests;
use crate::commands::run::quoted;
use crate::commands::{Done, Failure, Host, RunName, Watched, derive};
use crate::emulator::Definition;
use crate::journal::{Durability, RunFolder, RunLock, Writer, replay_brief};
use crate::manifest::{Manifest, Provider, Secrets};
use crate::model::{
    Cost, Counts, Delivery, Outcome, ProcessEnded, Reason, RowSet, RowState, RunEvent, RunState,
};
use crate::runner::{self, Books, Job, Ledger, Plan, Recovery, Renderer, untold};
use crate::workflow::Gptbots;

/// `reconcile`'s arguments.
#[derive(Clone, Debug, Default)]
pub struct ReconcileArgs {
    /// Which run.
    pub run: RunName,
    /// `--json`.
    pub json: bool,
}

/// How far the provider's clock may be from ours, in ms.
const CLOCKS_APART_MS: u64 = 600_000;

/// How many entries of each list are shown to a person.
const SHOWN: usize = 20;

/// A run whose books are open.
struct Open {
    folder: RunFolder,
    lock: RunLock,
    manifest: Arc<Manifest>,
    writer: Writer,
    state: RunState,
    before: Counts,
    unknown_before: u64,
}

/// Compares a run with the provider's ledger, and settles what can be.
pub fn reconcile(args: &ReconcileArgs, host: &mut dyn Host) -> Result<Done, Failure> {
    let folder = args.run.find()?;
    let (writer, history) = folder.go_on(Durability::Power)?;
    check_digests(&folder, &history)?;
    let lock = folder.lock()?.as_changed(history.state().changed());
    let manifest =
        Arc::new(derive::frozen(&folder, &lock, history.state().changed(), Secrets::Needed, host)?);
    let definition = match &manifest.workflow.provider {
        Provider::Emulator { definition } => Some(Definition::load(definition)?),
        Provider::Gptbots { .. } => None,
    };
    let state = history.into_state();
    let (before, unknown_before) = (state.counts(), state.cost_unknown_rows());
    let open = Open { folder, lock, manifest, writer, state, before, unknown_before };
    let runtime = runtime(&open.manifest)?;
    let (mut open, books) = runtime.block_on(async {
        let (emulator, mut settings) = provider(&open.manifest, definition.as_ref(), &open.folder).await?;
        let kept = rates::keep(&open.manifest.limits, &mut settings, emulator.is_some(), &open.state, host);
        let workflow = Arc::new(Gptbots::new(settings)?);
        let open = Box::pin(follow_up(open, Arc::clone(&workflow), kept, host)).await?;
        let books = compare(&open, &workflow, host).await;
        if let Some(emulator) = emulator {
            emulator.stop().await;
        }
        Ok::<_, Failure>((open, books))
    })?;
    let settled = books.as_ref().map_or(0, |books| books.to_settle.len());
    if let Ok(books) = &books {
        settle(&mut open, books)?;
    }
    let Open { folder, lock, manifest, writer, state, before, unknown_before } = open;
    drop(writer);
    derive::derive(&folder, None, host)?;
    let books = books?;
    let found = Found {
        run_id: lock.run_id,
        unit: cost_unit(&manifest),
        settled,
        answered: state.counts().answered().saturating_sub(before.answered()),
        in_doubt: state.counts().in_doubt,
        unknown_rows: state.cost_unknown_rows(),
        unknown_before,
        books,
    };
    let output = if args.json { found.as_json() } else { found.as_text(&folder) };
    Ok(Done { exit_code: u8::from(!found.is_sound()), output })
}

/// Asks for rows in doubt: those with a run id, and those that the run log knows. Nothing is sent again.
async fn follow_up(
    open: Open,
    workflow: Arc<Gptbots>,
    kept: Kept,
    host: &mut dyn Host,
) -> Result<Open, Failure> {
    let Open { folder, lock, manifest, mut writer, mut state, before, unknown_before } = open;
    let mut plan = Plan::of(&state, Delivery::AtMostOnce);
    plan.send = RowSet::new();
    if plan.is_empty() && state.lost().next().is_none() {
        return Ok(Open { folder, lock, manifest, writer, state, before, unknown_before });
    }
    begin_process(&mut writer, &mut state, &manifest, Vec::new())?;
    writer.keep_reserve(manifest.limits.concurrency.max)?;
    let done = Outcome::ALL.iter().map(|outcome| state.ended(*outcome)).sum();
    let watched = Watched { rows: state.counts().total, done, cost_unit: cost_unit(&manifest) };
    let (signal, signals) = mpsc::channel(4);
    host.watch_signals(signal);
    let job = Job {
        workflow,
        plan,
        source: mpsc::channel(1).1,
        ahead: 1,
        deliveries: None,
        limits: manifest.limits.clone(),
        poll: manifest.workflow.poll,
        pin: manifest.workflow.pin.clone(),
        delivery: Delivery::AtMostOnce,
        writer,
        state,
        recovery: Some(Arc::new(recovery(&folder, &manifest, &lock))),
        pace: kept.pace,
        allowance: kept.allowance,
        asks: kept.asks,
        control: None,
        signals,
    };
    let finished = runner::run(job, host.observer(&watched)).await?;
    let (writer, state) = (finished.writer, finished.state);
    if let Some(stopped) = state.stopped() {
        let failure = Failure::new(stopped.cause.exit(), Reason::Interrupted, &stopped.detail);
        return Err(failure);
    }
    Ok(Open { folder, lock, manifest, writer, state, before, unknown_before })
}

fn recovery(folder: &RunFolder, manifest: &Arc<Manifest>, lock: &RunLock) -> Recovery {
    let run_id = lock.run_id.clone();
    let renderer = Renderer::new(Arc::clone(manifest), run_id.clone(), None);
    Recovery { journal: folder.journal(), renderer, run_id }
}

/// Reads the provider's ledger over the time of the run, and holds it against the journal.
async fn compare(open: &Open, workflow: &Gptbots, host: &mut dyn Host) -> Result<Books, Failure> {
    let (mut first, mut last) = (u64::MAX, 0);
    let journal = open.folder.journal();
    replay_brief(&journal, |_, entry| {
        if let RunEvent::Intended(_) = entry.event {
            (first, last) = (first.min(entry.t_ms), last.max(entry.t_ms));
        }
        Ok(())
    })?;
    if last == 0 {
        return Ok(Books::default());
    }
    let timeout = u64::try_from(open.manifest.limits.timeout.as_millis()).unwrap_or(u64::MAX);
    let from = first.saturating_sub(CLOCKS_APART_MS);
    let to = last.saturating_add(timeout).saturating_add(CLOCKS_APART_MS);
    let charges = workflow.credits(from, to).await.map_err(|error| {
        let message = format!("the provider's list of charges could not be read: {}", error.message);
        Failure::environment(Reason::Network, message)
    })?;
    let mut ledger = Ledger::open(charges);
    replay_brief(&journal, |_, entry| {
        ledger.note(&entry.event);
        Ok(())
    })?;
    ledger.note_doubts(&open.state);
    let rows = open.state.selected().iter().filter(|row| open.state.unknown_executions(*row) > 0).collect();
    match untold(workflow, &recovery(&open.folder, &open.manifest, &open.lock), rows).await {
        Ok(untold) => ledger.note_untold(&open.state, untold),
        Err(why) => {
            host.say(&format!("the provider's run log could not be searched for lost replies: {why}"));
        }
    }
    Ok(ledger.compare())
}

/// Writes down what the provider's ledger settles.
fn settle(open: &mut Open, books: &Books) -> Result<(), Failure> {
    let mut events = Vec::new();
    let mut state = open.state.clone();
    for settled in books.to_settle.iter().cloned().map(RunEvent::Settled) {
        let row = settled.row().unwrap_or_default();
        // A row that is still at the provider will tell by itself.
        if matches!(state.row(row), RowState::Attached(_)) {
            continue;
        }
        // What the fold refuses has no unknown cost left to be settled.
        if state.apply(open.writer.t_ms(), &settled).is_ok() {
            events.push(settled);
        }
    }
    if events.is_empty() {
        return Ok(());
    }
    begin_process(&mut open.writer, &mut open.state, &open.manifest, Vec::new())?;
    events.push(RunEvent::ProcessEnded(ProcessEnded { wall_ms: 0, polls: 0, throttled: 0, places: None }));
    open.writer.append(&events)?;
    for event in &events {
        open.state.apply(open.writer.t_ms(), event).map_err(|error| bug(&error.to_string()))?;
    }
    Ok(runner::close_complete(&mut open.writer, &mut open.state)?)
}

/// What a reconciliation came to.
struct Found {
    run_id: String,
    unit: String,
    settled: usize,
    answered: u64,
    in_doubt: u64,
    unknown_rows: u64,
    unknown_before: u64,
    books: Books,
}

impl Found {
    /// Says whether the books agree and nothing is unknown.
    fn is_sound(&self) -> bool {
        let Books { differences, missing, strangers, .. } = &self.books;
        differences.is_empty()
            && missing.is_empty()
            && strangers.is_empty()
            && self.unknown_rows == 0
            && self.in_doubt == 0
    }

    fn as_json(&self) -> String {
        let Books { agreed, differences, missing, to_settle, strangers } = &self.books;
        let book = |book: &runner::Book| json!({"row_number": book.row, "workflow_run_id": book.workflow_run_id, "cost": book.cost});
        let value = json!({
            "run_id": self.run_id,
            "sound": self.is_sound(),
            "answered": self.answered,
            "agreed": agreed,
            "settled": to_settle.iter().map(|settled| json!({
                "row_number": settled.row, "workflow_run_id": settled.workflow_run_id, "cost": settled.cost,
            })).collect::<Vec<Value>>(),
            "differences": differences.iter().map(|difference| json!({
                "row_number": difference.row, "workflow_run_id": difference.workflow_run_id,
                "answered": difference.answered, "charged": difference.charged,
            })).collect::<Vec<Value>>(),
            "missing": missing.iter().map(book).collect::<Vec<Value>>(),
            "strangers": strangers.iter().map(book).collect::<Vec<Value>>(),
            "in_doubt_rows": self.in_doubt,
            "unknown_rows": self.unknown_rows,
        });
        format!("{value}\n")
    }

    fn as_text(&self, folder: &RunFolder) -> String {
        let Books { agreed, differences, missing, to_settle, strangers } = &self.books;
        let unit = &self.unit;
        let mut lines = vec![format!(
            "{agreed} workflow runs were charged what their answers said; {} rows in doubt were answered, {} costs settled",
            self.answered, self.settled,
        )];
        let row = |row: u64, id: &str| format!("  row {row}, workflow run {id}");
        let told = |cost: &Option<Cost>| cost.map_or("unknown".to_owned(), |cost| format!("{cost} {unit}"));
        let mut list = |title: String, entries: Vec<String>| {
            if entries.is_empty() {
                return;
            }
            let more = entries.len().saturating_sub(SHOWN);
            lines.push(format!("\n{title}"));
            lines.extend(entries.into_iter().take(SHOWN));
            if more > 0 {
                lines.push(format!("  and {more} more; --json lists them all"));
            }
        };
        list(
            "Settled by the provider's ledger:".to_owned(),
            to_settle
                .iter()
                .map(|s| format!("{}: {} {unit}", row(s.row, &s.workflow_run_id), s.cost))
                .collect(),
        );
        list(
            "Charged otherwise than answered:".to_owned(),
            differences
                .iter()
                .map(|d| {
                    format!(
                        "{}: answered {}, charged {} {unit}",
                        row(d.row, &d.workflow_run_id),
                        d.answered,
                        d.charged
                    )
                })
                .collect(),
        );
        list(
            "Answered with a cost, and not in the provider's ledger (it may lag, and reaches back 30 days):"
                .to_owned(),
            missing
                .iter()
                .map(|b| format!("{}: {}", row(b.row.unwrap_or_default(), &b.workflow_run_id), told(&b.cost)))
                .collect(),
        );
        list(
            "Charged in the time of this run, and no row of it (another user of the key, or a lost reply):"
                .to_owned(),
            strangers
                .iter()
                .map(|b| format!("  workflow run {}: {}", b.workflow_run_id, told(&b.cost)))
                .collect(),
        );
        let mut end = format!(
            "\n{} rows are in doubt, and of {} the cost is not known (before: {})",
            self.in_doubt, self.unknown_rows, self.unknown_before
        );
        if self.in_doubt > 0 {
            end.push_str(&format!(
                "\nthe run log may lag: reconcile again later, or pay again with\n  flowbatch resume {} --retry in_doubt",
                quoted(folder.path())
            ));
        }
        lines.push(end);
        format!("{}\n", lines.join("\n"))
    }
}
