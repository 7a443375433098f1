//! The emulator's clock: wall time at the start, and from there on the runtime's time, which a test can pause.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// A clock in epoch milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    origin: Instant,
    epoch_ms: u64,
}

impl Clock {
    /// Starts the clock; needs a runtime.
    pub(super) fn start() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { origin: Instant::now(), epoch_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX) }
    }

    pub(super) fn now_ms(&self) -> u64 {
        let passed = u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.epoch_ms.saturating_add(passed)
    }

    /// Writes the time that is `seconds` from now as HTTP dates are written (RFC 9110, 5.6.7).
    pub(super) fn http_date(&self, seconds: u64) -> String {
        let at =
            self.now_ms().saturating_add(Duration::from_secs(seconds).as_millis().try_into().unwrap_or(0));
        let stamp =
            i64::try_from(at.div_ceil(1000)).ok().and_then(|at| jiff::Timestamp::from_second(at).ok());
        stamp.unwrap_or_default().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }
}
