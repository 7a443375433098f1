//! One permit: from this process's own pace, and from what other processes leave of the same rate.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::allowance::Allowance;
use crate::pace::{Pace, Request};

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
    let (interval, tolerance) = rate.terms();
    let wait = allowance.wait(request, (interval, tolerance), ahead);
    if ahead == 0 && !wait.is_zero() {
        pace.postpone(request, now.saturating_add(wait));
    }
    wait
}

/// Waits for a permit and takes it. For requests outside of the dispatcher's loop; safe to drop while it waits.
pub(crate) async fn wait(
    pace: &mut Pace,
    allowance: &mut Option<Allowance>,
    request: Request,
    start: Instant,
) {
    while !take(pace, allowance.as_mut(), request, start.elapsed()) {
        sleep_until(start + pace.due(request, start.elapsed(), 0)).await;
    }
}
