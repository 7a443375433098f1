//! When requests may go by their rates: what waits for a permit, who is next, and when the loop must wake for it.
//!
//! A permit is taken as the request goes out. An intent is written only when its permit is due about then, so that
//! a row neither holds a place nor stands in the journal as "may have been sent" while it waits for the rate.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::allowance::Allowance;
use crate::model::{RowNumber, WithdrawnWhy};
use crate::pace::Request;
use crate::runner::Observer;
use crate::runner::dispatcher::Dispatcher;
use crate::runner::permit;
use crate::runner::timers::Timer;
use crate::workflow::{Ask, Workflow};

/// So long before its permit is due an intent is written: what the disk may take without a permit going to waste.
const LEAD: Duration = Duration::from_millis(50);

/// What waits for a permit, first come, first served. Entries carry the row's epoch: a row that moved on is passed over.
#[derive(Debug)]
pub(super) struct Permits {
    /// Rows whose intent is durable.
    sends: VecDeque<(RowNumber, u32)>,
    /// What is free: rows whose result is to be asked for, and other requests that count.
    polls: VecDeque<Free>,
    /// Intents, durable or not, whose request is not sent.
    intents: u32,
    /// Where one rate counts all requests, sends and polls that wait take turns.
    poll_is_next: bool,
    /// When the rate lets the next request go that waits.
    held_until: Option<Duration>,
    allowance: Option<Allowance>,
    /// Free requests that ask for a permit.
    asks: Option<mpsc::Receiver<Ask>>,
}

/// A free request that waits.
#[derive(Debug)]
enum Free {
    Poll(RowNumber, u32),
    Other(Ask),
}

impl Permits {
    pub(super) fn new(allowance: Option<Allowance>, asks: Option<mpsc::Receiver<Ask>>) -> Self {
        Self {
            sends: VecDeque::new(),
            polls: VecDeque::new(),
            intents: 0,
            poll_is_next: false,
            held_until: None,
            allowance,
            asks,
        }
    }

    /// Gives the next free request that asks for a permit. Safe to drop and call again.
    pub(super) async fn asked(&mut self) -> Option<Ask> {
        permit::asked(&mut self.asks).await
    }

    /// An intent is on its way to the disk.
    pub(super) fn note_intent(&mut self) {
        self.intents += 1;
    }

    /// An intent is followed, or taken back.
    pub(super) fn settle_intent(&mut self) {
        self.intents = self.intents.saturating_sub(1);
    }
}

impl<W: Workflow, O: Observer> Dispatcher<W, O> {
    /// Puts a row whose intent is durable in the line.
    pub(super) fn wait_to_send(&mut self, row: RowNumber) {
        let Some(invocation) = self.rows.get(&row) else { return };
        self.permits.sends.push_back((row, invocation.epoch));
        self.grant();
    }

    /// Puts a row whose result is to be asked for in the line.
    pub(super) fn wait_to_poll(&mut self, row: RowNumber) {
        let Some(invocation) = self.rows.get(&row) else { return };
        self.permits.polls.push_back(Free::Poll(row, invocation.epoch));
        self.grant();
    }

    /// A free request asks for a permit: it goes into the line of polls where all requests count together.
    pub(super) fn on_ask(&mut self, ask: Ask) {
        if self.pace.is_shared() {
            self.permits.polls.push_back(Free::Other(ask));
            self.grant();
        } else {
            // Who asked may have given up.
            let _ = ask.send(());
        }
    }

    /// Lets go what waits and has a permit.
    pub(super) fn grant(&mut self) {
        if self.permits.sends.is_empty() && self.permits.polls.is_empty() {
            return;
        }
        self.withdraw_held_back();
        while let Some(request) = self.next_to_go() {
            if !self.take_permit(request) {
                break;
            }
            self.let_go(request);
        }
        if !self.pace.is_shared() {
            while self.has_poll() && self.take_permit(Request::Poll) {
                self.let_go(Request::Poll);
            }
        }
        let now = self.now();
        if self.first_send().is_some() && self.pace.due(Request::Invoke, now, 0) > now + LEAD {
            // The key is paused, or another process has taken the permit.
            while let Some((row, epoch)) = self.permits.sends.pop_back() {
                if self.is_current(row, epoch) {
                    self.withdraw(row, WithdrawnWhy::Pause);
                }
            }
        }
    }

    /// Takes back what waits for its permit, when the breaker has opened meanwhile.
    fn withdraw_held_back(&mut self) {
        if self.breaker.open_since().is_none() {
            return;
        }
        let waiting: Vec<_> = self.permits.sends.iter().rev().copied().collect();
        for (row, epoch) in waiting {
            if self.is_current(row, epoch) && !self.breaker.lets_through(row) {
                self.withdraw(row, WithdrawnWhy::Pause);
            }
        }
    }

    /// Says which kind of request is next for the rate of invokes, which may be that of all.
    fn next_to_go(&mut self) -> Option<Request> {
        let send = self.first_send();
        let poll = self.pace.is_shared() && self.has_poll();
        // Where permits are few, who has written its intent goes first: it has let waiting polls pass before.
        let passes = self.permits.intents == 0
            || self.permits.poll_is_next && self.pace.interval(Request::Invoke) <= LEAD;
        match (send, poll) {
            (_, true) if passes => Some(Request::Poll),
            (Some(_), _) => Some(Request::Invoke),
            // Its intent will be durable in a moment, and it is its turn.
            (None, _) => None,
        }
    }

    fn first_send(&mut self) -> Option<RowNumber> {
        while let Some((row, epoch)) = self.permits.sends.front().copied() {
            if self.is_current(row, epoch) {
                return Some(row);
            }
            self.permits.sends.pop_front();
        }
        None
    }

    fn has_poll(&mut self) -> bool {
        while let Some(free) = self.permits.polls.front() {
            if self.is_wanted(free) {
                return true;
            }
            self.permits.polls.pop_front();
        }
        false
    }

    fn is_wanted(&self, free: &Free) -> bool {
        match free {
            Free::Poll(row, epoch) => self.is_current(*row, *epoch),
            Free::Other(ask) => !ask.is_closed(),
        }
    }

    fn take_permit(&mut self, request: Request) -> bool {
        for kind in [Request::Invoke, Request::Poll] {
            if let Some(connected) = self.workflow.connected(kind) {
                self.pace.went_out(kind, connected.saturating_duration_since(self.start));
            }
        }
        let now = self.now();
        permit::take(&mut self.pace, self.permits.allowance.as_mut(), request, now)
    }

    fn let_go(&mut self, request: Request) {
        self.permits.poll_is_next = request == Request::Invoke;
        match request {
            Request::Invoke => {
                if let Some((row, _)) = self.permits.sends.pop_front() {
                    self.send(row);
                }
            }
            Request::Poll => match self.permits.polls.pop_front() {
                Some(Free::Poll(row, _)) => self.poll(row),
                Some(Free::Other(ask)) => {
                    let _ = ask.send(());
                }
                None => {}
            },
        }
    }

    /// Says whether the intent of another row may be written: its permit is due by the time that it is durable.
    pub(super) fn may_intend(&mut self) -> bool {
        let now = self.now();
        if self.not_before() > now || self.is_probing() {
            return false;
        }
        if !self.pace.has_rate(Request::Invoke) {
            return true;
        }
        let ahead = self.ahead_of_an_intent();
        if self.pace.due(Request::Invoke, now, ahead) > now + LEAD {
            return false;
        }
        let allowance = self.permits.allowance.as_ref();
        permit::look(&mut self.pace, allowance, Request::Invoke, now, self.permits.intents) <= LEAD
    }

    /// How many permits are taken before that of an intent which would be written now.
    fn ahead_of_an_intent(&self) -> u32 {
        let intents = self.permits.intents;
        if !self.pace.is_shared() {
            return intents;
        }
        let turns = intents + u32::from(self.permits.poll_is_next);
        let waiting = self.permits.polls.iter().filter(|free| self.is_wanted(free));
        let polls = waiting.take(usize::try_from(turns).unwrap_or(usize::MAX)).count();
        intents + u32::try_from(polls).unwrap_or(u32::MAX)
    }

    /// Sees to it that the loop wakes when what waits for a pause or a permit may go on.
    pub(super) fn wake_for_permits(&mut self) {
        if self.pace.is_free() && self.breaker.open_since().is_none() {
            return;
        }
        let now = self.now();
        let mut due = Vec::new();
        if self.first_send().is_some() {
            due.push(self.pace.due(Request::Invoke, now, 0));
        }
        if self.has_poll() {
            due.push(self.pace.due(Request::Poll, now, 0));
        }
        let wants_to_start = !self.queue.is_empty() || !self.retries.is_empty() || !self.fresh.is_empty();
        if self.stop.is_none() && wants_to_start && self.admission.has_place() {
            let lead = if self.pace.has_rate(Request::Invoke) { LEAD } else { Duration::ZERO };
            let intent = self.pace.due(Request::Invoke, now, self.ahead_of_an_intent()).saturating_sub(lead);
            due.push(intent.max(self.not_before()));
        }
        // What is due already waits for something else, which wakes the loop by itself.
        let next = due.into_iter().filter(|at| *at > now).min();
        self.permits.held_until = next;
        let Some(at) = next.map(|at| self.start + at) else { return };
        if self.wake_at.is_none_or(|set| set > at) {
            self.wake_at = Some(at);
            self.timers.set(at, Timer::Wake);
        }
    }

    /// Says for how long the rate holds what waits.
    pub(super) fn held(&self) -> Option<Duration> {
        let now = self.now();
        let is_rated = self.pace.has_rate(Request::Invoke) || self.pace.has_rate(Request::Poll);
        let held = self.permits.held_until.and_then(|until| until.checked_sub(now))?;
        (is_rated && self.not_before() <= now && !held.is_zero()).then_some(held)
    }
}
