//! The emulator over real HTTP.

#![expect(clippy::unwrap_used, reason = "a test says what it expects")]

mod client;
mod runs;
