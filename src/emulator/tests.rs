//! The emulator over real HTTP.

mod client;
mod runs;
