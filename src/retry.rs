//! How long a row waits before another attempt, as a value.

use std::time::Duration;

/// Gives the wait before attempt `attempt + 1`, with full jitter: evenly spread between nothing and
/// `first * 2^(attempt - 1)`, at most `longest`. `random` is between 0 and 1.
///
/// Full jitter, because rows that were refused together must not come back together.
pub fn backoff(first: Duration, longest: Duration, attempt: u32, random: f64) -> Duration {
    let doubled = first.saturating_mul(1 << attempt.saturating_sub(1).min(30));
    doubled.min(longest).mul_f64(random.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn backoff_doubles_up_to_its_bound_and_is_spread_evenly() {
        let wait = |attempt, random| backoff(ms(1_000), ms(60_000), attempt, random).as_millis();
        assert_eq!([wait(1, 1.0), wait(2, 1.0), wait(3, 1.0), wait(7, 1.0)], [1_000, 2_000, 4_000, 60_000]);
        assert_eq!([wait(3, 0.0), wait(3, 0.5), wait(u32::MAX, 1.0)], [0, 2_000, 60_000]);
    }
}
