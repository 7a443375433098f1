//! The GPTBots Workflow API on loopback, over real HTTP, from a small YAML file.
//!
//! It models the vendor's documents and not observed behaviour: what they leave open is a named switch
//! (`docs/emulator.md`). It shares no wire types with the client's side, on purpose: a shared mistake would be
//! invisible. Everything that is drawn derives from the seed and the request.

mod account;
mod answer;
mod behaviour;
mod clock;
mod connection;
mod definition;
mod draw;
mod error;
mod fault;
mod input;
mod invoke;
mod ledger;
mod life;
mod query;
mod rate;
mod run;
mod server;
mod shared;
mod spoil;
mod store;
mod template;
mod units;
mod webhook;
mod witness;

#[cfg(test)]
mod tests;

pub use definition::Definition;
pub use error::Error;
pub use ledger::{LedgerError, first_damage};
pub use server::{Emulator, Options};
pub use witness::{Request, Witness};
