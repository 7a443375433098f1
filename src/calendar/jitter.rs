//! Jitter: a delay that is the same for the same slot, on every machine and after every restart.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

/// How far slots are spread, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Jitter {
    /// What tells this schedule from others with the same cron text.
    pub(super) identity: String,
    /// The longest delay.
    pub(super) longest: SignedDuration,
}

impl Jitter {
    /// Gives the delay of a slot, in whole milliseconds: below the longest, and below the gap to the next slot.
    pub(super) fn delay(&self, nominal: Timestamp, next: Option<Timestamp>) -> SignedDuration {
        let gap = next.map_or(self.longest, |next| next.duration_since(nominal));
        let Ok(bound @ 1..) = u64::try_from(self.longest.min(gap).as_millis()) else {
            return SignedDuration::ZERO;
        };
        let mut hash = Sha256::new();
        hash.update(b"flowbatch/jitter/1\0");
        hash.update(self.identity.as_bytes());
        hash.update([0]);
        hash.update(nominal.as_second().to_be_bytes());
        let drawn = hash.finalize().iter().take(8).fold(0, |drawn: u64, byte| drawn << 8 | u64::from(*byte));
        // A fraction of the bound, not a remainder: it stays in proportion when the bound changes.
        let millis = (u128::from(drawn) * u128::from(bound)) >> 64;
        SignedDuration::from_millis(i64::try_from(millis).unwrap_or_default())
    }
}
