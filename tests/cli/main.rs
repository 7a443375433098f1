//! The program as its users use it: through the binary, over real HTTP on loopback.

#![expect(clippy::unwrap_used, reason = "a test says what it expects")]

mod commands;
mod crash;
mod dataset;
mod disk;
mod garbage;
mod hostile;
mod identity;
mod job;
mod journal;
mod repair;
mod resume;
mod secrets;
mod signals;
#[path = "../support/mod.rs"]
mod support;

/// A service that echoes what it is given, at a cost that follows from its length.
const SERVICE: &str = "name: echo\nversion: \"1.2.3\"\nseed: 5\ninputs:\n  text: {type: string, required: true}\n\
output: {answer: \"{{input.text}}\"}\nlatency: 1ms..15ms\ntokens: {base: 11, per_character: 0.75, spread: 30%}\n\
cost: {base: 0.0007, per_1000_tokens: 0.0123, decimals: 9}\n";
