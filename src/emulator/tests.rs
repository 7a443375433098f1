//! The emulator over real HTTP.

mod client;
mod definitions;
mod draws;
mod faults;
mod ledger;
mod runs;
mod switches;
mod webhooks;
