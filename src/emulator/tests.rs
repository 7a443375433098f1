//! The emulator over real HTTP.

mod client;
mod faults;
mod runs;
mod switches;
