//! What chance decides, drawn from a request and never from the clock or the order of arrival.

use std::fmt;

use sha2::{Digest, Sha256};

/// The sha256 of an input's text as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct InputDigest(pub(super) [u8; 32]);

impl InputDigest {
    pub(super) fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }
}

impl fmt::Display for InputDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// A run's id: UUID-shaped, drawn like everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct RunId(pub(super) u128);

impl RunId {
    /// Reads the hyphenated form; anything else is no id of ours.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let hyphens = [8, 13, 18, 23];
        let shaped = text.len() == 36
            && text.bytes().enumerate().all(|(at, byte)| {
                if hyphens.contains(&at) { byte == b'-' } else { byte.is_ascii_hexdigit() }
            });
        shaped.then(|| u128::from_str_radix(&text.replace('-', ""), 16).ok().map(Self))?
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = format!("{:032x}", self.0);
        write!(f, "{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

/// The source of all draws of one request. Each draw has a name, so that a new one moves none of the others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draws([u64; 2]);

impl Draws {
    /// The draws of the `nth` request (from 0) of a user with an input.
    pub(super) fn of_request(seed: u64, user_id: &str, input: &InputDigest, nth: u32) -> Self {
        let mut hash = Sha256::new();
        hash.update(seed.to_le_bytes());
        hash.update(input.0);
        hash.update(nth.to_le_bytes());
        hash.update(user_id.as_bytes());
        Self::from(hash)
    }

    /// The draws that an input has whoever sends it, however often.
    pub(super) fn of_input(seed: u64, input: &InputDigest) -> Self {
        let mut hash = Sha256::new();
        hash.update(seed.to_le_bytes());
        hash.update(input.0);
        Self::from(hash)
    }

    /// The draws of the `nth` query of a run.
    pub(super) fn of_query(seed: u64, run: RunId, nth: u32) -> Self {
        let [high, low] =
            [run.0 >> 64, run.0].map(|half| u64::try_from(half & u128::from(u64::MAX)).unwrap_or(0));
        Self([mix(seed ^ high), mix(low ^ u64::from(nth))])
    }

    fn from(hash: Sha256) -> Self {
        let bytes: [u8; 32] = hash.finalize().into();
        let half =
            |at: usize| bytes[at..at + 8].iter().fold(0, |sum: u64, byte| (sum << 8) | u64::from(*byte));
        Self([half(0), half(8)])
    }

    /// Draws 64 bits.
    pub(super) fn bits(self, name: &str) -> u64 {
        let named = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        mix(mix(self.0[0] ^ named).wrapping_add(self.0[1]))
    }

    /// Draws from 0 (included) to 1 (not included).
    pub(super) fn unit(self, name: &str) -> f64 {
        // 53 bits are what a double holds exactly.
        let bits = self.bits(name) >> 11;
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
        let unit = bits as f64 / (1_u64 << 53) as f64;
        unit
    }

    /// Draws one of `count` places.
    pub(super) fn place(self, name: &str, count: usize) -> usize {
        let count = u64::try_from(count).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.bits(name) % count).unwrap_or(0)
    }

    /// Draws a run id, in the shape of a version 4 UUID.
    pub(super) fn run_id(self) -> RunId {
        let bits = (u128::from(self.bits("run id, high")) << 64) | u128::from(self.bits("run id, low"));
        let version = (bits & !(0xf << 76)) | (0x4 << 76);
        RunId((version & !(0x3 << 62)) | (0x2 << 62))
    }
}

/// The finalizer of splitmix64 (Steele, Lea and Flood 2014).
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
