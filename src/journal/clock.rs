//! The journal's clock: wall-clock instants that never run backwards, whatever the machine's clock does.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Follows the wall clock forward. Where that was set back - while a process works, or between two of them - it goes on
/// from the journal's last instant by a clock that never steps, so that durations stay right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: Instant,
    /// An instant of the journal, in ms since 1970, and the ms since `start` at which it was.
    anchor: (u64, u64),
}

impl Clock {
    /// Goes on behind the journal's last instant; 0 for a new journal.
    pub(super) fn behind(last_ms: u64) -> Self {
        Self { start: Instant::now(), anchor: (last_ms, 0) }
    }

    /// Gives the present instant, in ms since 1970.
    pub(super) fn now(&mut self) -> u64 {
        let elapsed = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.at(wall_ms(), elapsed)
    }

    /// Gives the instant at which the wall clock shows `wall_ms`, `elapsed_ms` after the start.
    fn at(&mut self, wall_ms: u64, elapsed_ms: u64) -> u64 {
        let (instant, since) = self.anchor;
        let steady = instant.saturating_add(elapsed_ms.saturating_sub(since));
        if wall_ms > steady {
            self.anchor = (wall_ms, elapsed_ms);
        }
        steady.max(wall_ms)
    }
}

fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the wall clock shows at each ms since the start, and what the journal says then.
    fn check(last: u64, moments: &[(u64, u64, u64)]) {
        let mut clock = Clock::behind(last);
        for (elapsed, wall, expected) in moments {
            assert_eq!(clock.at(*wall, *elapsed), *expected, "{elapsed} ms after the start");
        }
    }

    #[test]
    fn a_clock_that_runs_as_it_should_is_followed() {
        check(0, &[(0, 1_000, 1_000), (5, 1_005, 1_005), (900, 1_900, 1_900)]);
        check(400, &[(0, 1_000, 1_000)]);
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_take_the_journal_with_it() {
        check(0, &[(0, 9_000, 9_000), (10, 5, 9_010), (200, 195, 9_200), (300, 9_400, 9_400)]);
    }

    #[test]
    fn a_clock_that_is_set_forward_is_followed_and_then_kept_to() {
        const YEAR: u64 = 31_536_000_000;
        check(0, &[(0, 1_000, 1_000), (10, YEAR, YEAR), (30, 1_030, YEAR + 20)]);
    }

    #[test]
    fn a_journal_from_the_future_goes_on_from_its_end() {
        check(50_000, &[(0, 1_000, 50_000), (70, 1_070, 50_070), (60_000, 61_000, 110_000)]);
    }

    #[test]
    fn no_instant_overflows() {
        check(u64::MAX, &[(0, 1, u64::MAX), (u64::MAX, 2, u64::MAX)]);
        check(7, &[(u64::MAX, u64::MAX, u64::MAX)]);
    }
}
