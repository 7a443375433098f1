//! Permits: from this process's own pace, and from what other processes leave of the same rates.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::allowance::Allowance;
use crate::pace::{Pace, Request};
use crate::workflow::Ask;

/// Takes a permit, if one holds now. When other processes have taken it, the pace knows from then on.
pub(crate) fn take(
    pace: &mut Pace,
    allowance: Option<&mut Allowance>,
    request: Request,
    now: Duration,
) -> bool {
    if pace.due(request, now, 0) > now {
        return false;
    }
    if let (Some(allowance), Some(rate)) = (allowance, pace.rate(request))
        && let Err(wait) = allowance.take(request, rate.terms())
    {
        pace.postpone(request, now.saturating_add(wait));
        return false;
    }
    pace.take(request, now)
}

/// Looks how long it will be until another permit holds, if `ahead` more are taken before it, as far as other
/// processes are concerned.
pub(crate) fn look(
    pace: &mut Pace,
    allowance: Option<&Allowance>,
    request: Request,
    now: Duration,
    ahead: u32,
) -> Duration {
    let (Some(allowance), Some(rate)) = (allowance, pace.rate(request)) else { return Duration::ZERO };
    let wait = allowance.wait(request, rate.terms(), ahead);
    if ahead == 0 && !wait.is_zero() {
        pace.postpone(request, now.saturating_add(wait));
    }
    wait
}

/// Gives the next free request that asks for a permit; pending for ever when none will. Safe to drop and call again.
pub(crate) async fn asked(asks: &mut Option<mpsc::Receiver<Ask>>) -> Option<Ask> {
    match asks {
        Some(asks) => asks.recv().await,
        None => std::future::pending().await,
    }
}

/// Gives permits outside of the dispatcher's loop.
#[derive(Debug)]
pub(crate) struct Permits {
    pub(crate) pace: Pace,
    /// None when it is not known what other processes take.
    pub(crate) allowance: Option<Allowance>,
    /// Free requests that ask for one.
    pub(crate) asks: Option<mpsc::Receiver<Ask>>,
    /// What the pace's times count from.
    pub(crate) start: Instant,
}

impl Permits {
    /// Drives work outside of the dispatcher's loop, and gives its free requests their permits.
    pub(crate) async fn given_to<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                Some(ask) = asked(&mut self.asks) => {
                    tokio::select! {
                        done = &mut work => return done,
                        () = self.wait() => {}
                    }
                    // Who asked may have given up.
                    let _ = ask.send(());
                }
            }
        }
    }

    /// Waits for a permit for a free request and takes it, where it counts.
    async fn wait(&mut self) {
        let Some(request) = self.pace.counts_as() else { return };
        while !take(&mut self.pace, self.allowance.as_mut(), request, self.start.elapsed()) {
            sleep_until(self.start + self.pace.due(request, self.start.elapsed(), 0)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pace::{Rate, Rates};
    use crate::workflow::Asks;

    /// When three free requests, one after the other, are given their permits.
    async fn given(rates: Rates) -> Vec<u64> {
        let start = Instant::now();
        let (asks, asked) = Asks::channel();
        let pace = Pace::new(rates, Duration::from_secs(600));
        let mut permits = Permits { pace, allowance: None, asks: Some(asked), start };
        let work = async {
            let mut at = Vec::new();
            for _ in 0..3 {
                asks.permit().await;
                at.push(start.elapsed().as_secs());
            }
            at
        };
        permits.given_to(work).await
    }

    #[tokio::test(start_paused = true)]
    async fn free_requests_wait_where_they_count() {
        let rate = |count, seconds| Rate::new(count, Duration::from_secs(seconds), None);
        assert_eq!(given(Rates::default()).await, [0, 0, 0]);
        assert_eq!(given(Rates::Shared(rate(6, 60))).await, [0, 9, 19]);
        let apart = |invoke| Rates::Apart { invoke: Some(invoke), poll: None };
        assert_eq!(given(apart(rate(6, 60))).await, [0, 9, 19], "where invokes are few");
        assert_eq!(given(apart(rate(90, 60))).await, [0, 0, 0]);
    }
}
