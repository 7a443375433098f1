//! flowbatch: a declarative batch runner for AI workflows.
//!
//! One YAML manifest names a workflow behind an HTTP API, a CSV or JSONL dataset and a templated input mapping; a run
//! fans the rows out with bounded concurrency and leaves per-row outputs and an exact bill.
//!
//! The way through the modules is the way of one row:
//! `manifest` → `dataset` → `mapping` → `runner` → `workflow` → `journal` → `report`.

pub mod allowance;
pub mod artifact;
pub mod audit;
pub mod bundle;
pub mod calendar;
pub mod checks;
pub mod cli;
pub mod commands;
pub mod compare;
pub mod console;
pub mod control;
pub mod dataset;
pub mod digest;
pub mod emulator;
pub mod fail_point;
pub mod flow_file;
pub mod gates;
pub mod journal;
pub mod machine;
pub mod manifest;
pub mod mapping;
pub mod model;
pub mod notify;
pub mod pace;
pub mod polling;
pub mod reply;
pub mod report;
pub mod retry;
pub mod runner;
pub mod schedule;
pub mod serve;
pub mod similarity;
pub mod stats;
pub mod workflow;
