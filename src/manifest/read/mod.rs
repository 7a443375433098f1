//! From the tree to the manifest: each section takes its keys, collects mistakes, and reports what is left.

mod budget;
mod checks;
mod dataset;
mod flow;
mod gates;
mod input;
mod judge;
mod kept;
mod limits;
mod notify;
mod origin;
mod output;
mod pin;
mod rate;
mod reader;
mod reuse;
mod root;
mod rules;
mod schedule;
mod section;
mod templates;
mod webhook;
mod workflow;

pub use root::KEPT;
pub(super) use root::{Context, read};
pub(super) use webhook::is_loopback;
pub(super) use workflow::WORKFLOW_KEYS;
