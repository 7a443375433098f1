//! The token of one send of a row: derived from the API key, so that nothing is stored, it is still known after a crash,
//! and nobody without the key can make one.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::manifest::Secret;
use crate::model::RowNumber;

/// What the tokens are for; another use of the key would have another name.
const PURPOSE: &[u8] = b"flowbatch/webhook/1";

/// Characters of a token: 132 bits.
const LENGTH: usize = 22;

/// The first part of every path of ours.
const ROOT: &str = "flowbatch";

/// Makes and knows the tokens of a run.
#[derive(Clone)]
pub struct Tokens {
    keyed: Hmac<Sha256>,
    run_id: Arc<str>,
}

impl Tokens {
    /// Makes the tokens of a run, whose id is safe in a path.
    pub fn new(api_key: &Secret, run_id: &str) -> Self {
        // A key of any length will do: HMAC hashes what is longer than a block.
        let keyed =
            Hmac::new_from_slice(api_key.expose().as_bytes()).unwrap_or_else(|_| Hmac::new(&[0; 64].into()));
        Self { keyed, run_id: run_id.into() }
    }

    pub(super) fn run_id(&self) -> &str {
        &self.run_id
    }

    /// Gives the path at which one send of a row is delivered.
    pub fn path(&self, row: RowNumber, attempt: u32) -> String {
        format!("/{ROOT}/{}/{row}/{attempt}/{}", self.run_id, self.token(row, attempt))
    }

    /// Reads such a path, behind whatever a proxy has put before it; none when it is no path of this run, or its token
    /// is wrong.
    pub(super) fn read(&self, path: &str) -> Option<(RowNumber, u32)> {
        let mut parts = path.rsplit('/');
        let (token, attempt, row, run_id, root) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if (root, run_id) != (ROOT, &*self.run_id) {
            return None;
        }
        let (row, attempt) = (number(row)?, number(attempt)?);
        let attempt = u32::try_from(attempt).ok()?;
        let right = self.token(row, attempt);
        bool::from(right.as_bytes().ct_eq(token.as_bytes())).then_some((row, attempt))
    }

    /// Subtle: each part has a fixed length or its length before it, so that no two sends have the same message.
    fn token(&self, row: RowNumber, attempt: u32) -> String {
        let mut mac = self.keyed.clone();
        mac.update(PURPOSE);
        mac.update(&(self.run_id.len() as u64).to_be_bytes());
        mac.update(self.run_id.as_bytes());
        mac.update(&row.to_be_bytes());
        mac.update(&attempt.to_be_bytes());
        let mut token = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        token.truncate(LENGTH);
        token
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({})", self.run_id)
    }
}

/// Reads a number in the one way that it is written.
fn number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// Gives what stands before a run's tokens in any text that quotes one of its paths, as it is and inside of JSON whose
/// writer escapes slashes.
pub(in crate::workflow) fn marks(run_id: &str) -> [String; 2] {
    [format!("{ROOT}/{run_id}/"), format!("{ROOT}\\/{run_id}\\/")]
}
