//! Two runs over the same rows: which rows, checks and numbers differ, and whether the difference is more than chance.
//!
//! Rows are read as results.jsonl or a baseline file has them, record by record, and of them only what is listed is kept.
//! Changes nothing on the disk.

mod differences;
mod figures;
mod keys;
mod lines;
mod markdown;
mod page;
mod pairs;
mod record;
mod repeated;
mod row;
mod source;
mod summary;
mod text;
mod words;

pub use differences::{Difference, Side};
pub use keys::{Keys, Seen};
pub use lines::Error;
pub use markdown::render_markdown;
pub use page::render_page;
pub use pairs::{Options, Pairs};
pub use repeated::{Answer, Repeated, RowCounts as RepeatedRows, Varied, Volatile};
pub use row::Row;
pub use source::{Facts, Source, compare, is_current};
pub use summary::{
    CheckChange, Comparison, CostChange, Counts, Flip, Flips, NumberChange, OutcomeChange, RowCounts, Test,
    Unit, Verdict,
};
pub use text::render_text;

#[cfg(test)]
mod tests;
