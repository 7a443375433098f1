//! A run's life after its acceptance: the queue, the execution, the end on record, the webhooks.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::behaviour::Order;
use super::ledger::{self, LedgerError, Position};
use super::run::Run;
use super::shared::Shared;
use super::store::{Place, Progress};
use super::webhook::{self, Hook};

/// Tells a caller when its run ended, in epoch ms; dropped when that can't be put on record.
pub(super) type Ended = oneshot::Receiver<u64>;

/// Puts a run on record and starts its life. The record is handed to the ledger, not yet durable.
pub(super) fn accept(
    shared: &Arc<Shared>,
    run: &Arc<Run>,
    hooks: Vec<Hook>,
) -> Result<(Option<Position>, Ended), LedgerError> {
    let position = match &shared.ledger {
        None => None,
        Some(ledger) => Some(ledger.append(&ledger::accepted(run))?),
    };
    let progress = if shared.places.is_some() {
        Progress::Queued
    } else {
        Progress::Running { since_ms: run.start_ms() }
    };
    shared.store().add(run, position, progress, shared.definition.behaviour.query.retention);
    let (ended, receiver) = oneshot::channel();
    let latency = Duration::from_millis(run.latency_ms);
    shared.spawn(live(Arc::clone(shared), Arc::clone(run), latency, hooks, ended));
    Ok((position, receiver))
}

/// Goes on with the runs of a ledger that have not ended: they end when they are due.
pub(super) fn resume(shared: &Arc<Shared>) {
    let unfinished: Vec<Arc<Run>> = {
        let store = shared.store();
        let entries = store.all().filter(|(_, entry)| !entry.finished());
        let run = |place: &Place| match place {
            Place::Memory(run) => Some(Arc::clone(run)),
            Place::Ledger(_) => None,
        };
        entries.filter_map(|(_, entry)| run(&entry.place)).collect()
    };
    for run in unfinished {
        let due_ms = run.accepted_ms.saturating_add(run.latency_ms);
        let left = Duration::from_millis(due_ms.saturating_sub(shared.clock.now_ms()));
        // Nobody waits for it any more.
        let (ended, _) = oneshot::channel();
        shared.spawn(live(Arc::clone(shared), run, left, Vec::new(), ended));
    }
}

async fn live(
    shared: Arc<Shared>,
    run: Arc<Run>,
    left: Duration,
    hooks: Vec<Hook>,
    ended: oneshot::Sender<u64>,
) {
    let place = match &shared.places {
        None => None,
        // Places are never closed.
        Some(places) => places.acquire().await.ok(),
    };
    if place.is_some() {
        shared.store().running(run.id, shared.clock.now_ms());
    }
    if !left.is_zero() {
        tokio::time::sleep(left).await;
    }
    let Ok(end_ms) = finish(&shared, &run).await else { return };
    drop(place);
    let early = shared.definition.behaviour.webhook.order == Order::Early;
    if early {
        webhook::deliver_all(&shared, &run, end_ms, &hooks).await;
    }
    // The caller may have gone.
    let _ = ended.send(end_ms);
    if !early {
        webhook::deliver_all(&shared, &run, end_ms, &hooks).await;
    }
}

/// Puts a run's end on record, durably.
async fn finish(shared: &Shared, run: &Run) -> Result<u64, LedgerError> {
    let end_ms = shared.clock.now_ms().max(run.accepted_ms.saturating_add(run.latency_ms));
    if let Some(ledger) = &shared.ledger {
        let position = ledger.append(&ledger::executed(run, end_ms))?;
        ledger.durable(position).await?;
    }
    shared.store().finish(run, end_ms);
    Ok(end_ms)
}
