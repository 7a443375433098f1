//! The program as its users use it: through the binary, over real HTTP on loopback.

#![expect(clippy::unwrap_used, reason = "a test says what it expects")]

mod budget;
mod bundle;
mod commands;
mod compare;
mod crash;
mod dataset;
mod disk;
mod evaluate;
mod faults;
mod garbage;
mod hostile;
mod identity;
mod job;
mod journal;
mod judge;
mod layers;
mod limits;
mod notify;
mod pages;
mod rates;
mod reconcile;
mod repair;
mod repeat;
mod reproduce;
mod resume;
mod reuse;
mod schedule;
mod secrets;
mod signals;
mod slots;
mod spend;
#[path = "../support/mod.rs"]
mod support;
mod verify;
mod webhooks;

/// A service that echoes what it is given, at a cost that follows from its length.
const SERVICE: &str = "name: echo\nversion: \"1.2.3\"\nseed: 5\ninputs:\n  text: {type: string, required: true}\n\
output: {answer: \"{{input.text}}\"}\nlatency: 1ms..15ms\ntokens: {base: 11, per_character: 0.75, spread: 30%}\n\
cost: {base: 0.0007, per_1000_tokens: 0.0123, decimals: 9}\n";

/// Every fault that a run survives, each on a share of the requests and of the queries.
const FAULTS: &str = "faults: {failed: 4%, bad_request: 3%, server_error: 3%, error_in_200: 3%, unavailable: 4%, \
unavailable_bare: 3%, throttled: 2%, gateway_502: 3%, gateway_504: 3%, reset_before_accept: 3%, reset_after_accept: 3%, \
cut_body: 3%, not_json: 3%, slow_body: 2%, forbidden_html: 2%, unknown_status: 3%, no_run_id: 3%}\n\
poll_faults: {server_error: 5%, unavailable: 5%, gateway_502: 5%, cut_body: 5%, not_json: 5%}\n\
behaviour: {fault: {retry_after: 0s, drip: 20ms}}\n";
