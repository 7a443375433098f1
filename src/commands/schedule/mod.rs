//! `flowbatch schedule`: one file a subcommand.

mod effects;
mod export;
mod preview;
mod scheduled;
mod slot;

pub use export::{ExportTarget, ScheduleExportArgs, schedule_export};
pub use preview::{SchedulePreviewArgs, schedule_preview};
pub use slot::schedule_slot;
