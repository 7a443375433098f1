//! What webhooks bring, in any order: before the submit's reply, twice, after the end, after a crash. The first definite
//! answer that is durable counts; what comes later, or is not believed, is a receipt.

use std::collections::VecDeque;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::fail_point::{self, Point};
use crate::model::{Outcome, Receipt, RowNumber, RowState, RunEvent, Via};
use crate::reply::{Delivered, Reply};
use crate::runner::Observer;
use crate::runner::dispatcher::Dispatcher;
use crate::runner::invocation::{Hint, Invocation, Stage};
use crate::workflow::{Delivery, Workflow};

/// Deliveries that wait for the disk; more wait in the receiver's channel, and are turned away when that is full.
const PARKED: usize = 256;

/// Deliveries on their way through the dispatcher.
#[derive(Debug)]
pub(super) struct Deliveries {
    /// None when nothing is received.
    incoming: Option<mpsc::Receiver<Delivery>>,
    /// Of rows of which something is on the way to the disk.
    parked: VecDeque<Delivery>,
    /// Who is told when so many events are durable.
    owed: VecDeque<(u64, oneshot::Sender<()>)>,
    /// Events that are.
    durable: u64,
}

impl Deliveries {
    pub(super) fn new(incoming: Option<mpsc::Receiver<Delivery>>) -> Self {
        Self { incoming, parked: VecDeque::new(), owed: VecDeque::new(), durable: 0 }
    }

    /// Gives a delivery that is there already.
    pub(super) fn next(&mut self) -> Option<Delivery> {
        let incoming = self.incoming.as_mut().filter(|_| self.parked.len() < PARKED)?;
        incoming.try_recv().ok()
    }

    /// Waits for one; none when there will be no more. Safe to drop and call again.
    pub(super) async fn recv(&mut self) -> Option<Delivery> {
        match &mut self.incoming {
            Some(incoming) if self.parked.len() < PARKED => incoming.recv().await,
            _ => std::future::pending().await,
        }
    }
}

/// A run that is a row's own.
struct Known {
    run_id: String,
    version: Option<String>,
    workflow_id: Option<String>,
}

/// What a delivery leads to.
enum Next {
    /// It ends the row.
    Answer(Box<Reply>),
    /// It names the row's run, whose result is asked for.
    Attach(Known),
    /// It hints that the result is there to be asked for.
    Ask,
    /// It changes nothing.
    Note,
}

impl<W: Workflow, O: Observer> Dispatcher<W, O> {
    /// So many more events are durable: deliveries that were waiting for that go on.
    pub(super) fn after_durable(&mut self, events: usize) {
        let deliveries = &mut self.deliveries;
        deliveries.durable += events as u64;
        while deliveries.owed.front().is_some_and(|(at, _)| *at <= deliveries.durable) {
            if let Some((_, teller)) = deliveries.owed.pop_front() {
                fail_point::pass(Point::DeliveryDurable);
                // Who delivered may have lost patience.
                let _ = teller.send(());
            }
        }
        for delivery in std::mem::take(&mut self.deliveries.parked) {
            self.on_delivery(delivery);
        }
    }

    pub(super) fn on_delivery(&mut self, delivery: Delivery) {
        let row = delivery.row;
        // Subtle: the state is that of the disk. While something of the row is on the way there, it does not say
        // where the row stands, and a second answer would be appended behind the first.
        if self.committer.is_pending(row) {
            self.deliveries.parked.push_back(delivery);
            return;
        }
        let state = self.state.row(row);
        let is_known = self.state.selected().contains(row) && state != RowState::Unstarted;
        if !is_known || delivery.attempt == 0 || delivery.attempt > self.state.sends(row) {
            // The journal knows of no such send; it may be an older copy of itself. Nothing is believed.
            tracing::warn!(row, attempt = delivery.attempt, "a webhook of a send that is not known");
            return;
        }
        let Delivery { attempt, method, sha256, said, durable, .. } = delivery;
        let is_last = attempt == self.state.sends(row);
        let differs = is_last && self.differs(row, &state, &said);
        let next = if is_last { self.weigh(row, &state, said) } else { Next::Note };
        match next {
            Next::Answer(reply) => self.answer_by_webhook(row, *reply),
            Next::Attach(known) => self.attach_by_webhook(row, known),
            Next::Ask | Next::Note => {
                if matches!(next, Next::Ask) {
                    self.ask_now(row);
                }
                let (method, token_ok) = (method.to_owned(), true);
                self.committer.append(RunEvent::Receipt(Receipt { row, method, sha256, token_ok, differs }));
            }
        }
        fail_point::pass(Point::DeliveryAppended);
        self.deliveries.owed.push_back((self.committer.taken(), durable));
    }

    /// Decides what a delivery for the row's last send leads to.
    fn weigh(&self, row: RowNumber, state: &RowState, said: Delivered) -> Next {
        let is_sent = || self.rows.get(&row).is_some_and(|row| matches!(row.stage, Stage::Sent(..)));
        let (is_open, ours) = match state {
            RowState::Attached(run_id) | RowState::InDoubt(Some(run_id)) => (true, Some(run_id.as_str())),
            // Subtle: a held row that is to be sent again may be on its way from the reader; it is passed over there.
            RowState::Held | RowState::InDoubt(None) => (true, None),
            RowState::Intended => (is_sent(), None),
            RowState::Unstarted | RowState::Ready | RowState::Ended(_) => (false, None),
        };
        if !is_open {
            return Next::Note;
        }
        match (said, ours) {
            (Delivered::Ended(reply), Some(ours))
                if reply.cost.is_some() && reply.workflow_run_id.as_deref() == Some(ours) =>
            {
                Next::Answer(reply)
            }
            (_, Some(_)) => Next::Ask,
            (Delivered::Ended(reply), None) if reply.cost.is_some() => Next::Answer(reply),
            (Delivered::Ended(reply), None) => {
                let Reply { workflow_run_id, workflow_version: version, workflow_id, .. } = *reply;
                workflow_run_id
                    .map_or(Next::Note, |run_id| Next::Attach(Known { run_id, version, workflow_id }))
            }
            (Delivered::Known { workflow_run_id: run_id, workflow_version: version, workflow_id }, None) => {
                Next::Attach(Known { run_id, version, workflow_id })
            }
            (Delivered::Nothing, None) => Next::Note,
        }
    }

    /// Says whether a delivery contradicts what is known of the row.
    fn differs(&self, row: RowNumber, state: &RowState, said: &Delivered) -> bool {
        let Delivered::Ended(reply) = said else { return false };
        match state {
            RowState::Ended(_) => self.state.contradicts(row, reply.outcome, reply.cost),
            RowState::Attached(ours) | RowState::InDoubt(Some(ours)) => {
                reply.workflow_run_id.as_ref().is_some_and(|theirs| theirs != ours)
            }
            // What was refused has run. A failure may be an earlier answer, after which the row was asked again.
            RowState::Ready => reply.outcome == Outcome::Succeeded,
            _ => false,
        }
    }

    fn answer_by_webhook(&mut self, row: RowNumber, reply: Reply) {
        match self.rows.get(&row).map(|invocation| &invocation.stage) {
            Some(Stage::Sent(_, task)) => task.abort(),
            Some(Stage::Polling(_, task)) => {
                task.abort();
                self.learn(row, &reply, Via::Webhook);
            }
            Some(Stage::Attached) => self.learn(row, &reply, Via::Webhook),
            Some(_) => self.take_from_queue(row),
            None => {
                let run_id = reply.workflow_run_id.clone().unwrap_or_default();
                let mut late = Invocation::attached(run_id, self.state.sends(row), Instant::now());
                (late.holds_place, late.is_late) = (false, true);
                self.rows.insert(row, late);
            }
        }
        self.on_answered(row, Via::Webhook, reply);
    }

    fn attach_by_webhook(&mut self, row: RowNumber, known: Known) {
        let Known { run_id, version, workflow_id } = known;
        match self.rows.get_mut(&row) {
            Some(Invocation { stage: Stage::Sent(_, task), .. }) => task.abort(),
            Some(invocation) => {
                invocation.holds_place = true;
                self.admission.take_place_regardless();
                self.take_from_queue(row);
            }
            None => {
                let attached = Invocation::attached(run_id.clone(), self.state.sends(row), Instant::now());
                self.admission.take_place_regardless();
                self.rows.insert(row, attached);
            }
        }
        self.on_acknowledged(row, run_id, version.clone(), workflow_id.clone(), Via::Webhook);
        if let Some(invocation) = self.rows.get_mut(&row) {
            // What is delivered has most likely ended.
            invocation.hint = Hint::Due;
        }
        self.check_pin(workflow_id.as_deref(), version.as_deref(), false);
    }

    /// A row that was to be sent again is not any more; nor does a stop let go of it.
    fn take_from_queue(&mut self, row: RowNumber) {
        self.queue.retain(|queued| *queued != row);
        self.retries.retain(|queued| *queued != row);
        if let Some(invocation) = self.rows.get_mut(&row) {
            invocation.enter(Stage::Attached);
        }
    }

    /// Asks for a row's result ahead of time, once: what may be repeated must not drive polls.
    fn ask_now(&mut self, row: RowNumber) {
        let Some(invocation) = self.rows.get_mut(&row).filter(|row| row.hint == Hint::None) else { return };
        invocation.hint = Hint::Due;
        if matches!(invocation.stage, Stage::Attached) {
            self.schedule_poll(row, std::time::Duration::ZERO);
        }
    }
}
