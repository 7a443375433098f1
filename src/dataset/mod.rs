//! The dataset: rows streamed from files, with their places and the digest of the whole; and the files that rows name.
//! Knows neither journal nor provider. Memory does not follow the size of the files, but for a few bytes a row.

mod array;
mod attachment;
mod csv;
mod error;
mod files;
mod format;
mod guess;
mod header;
mod json;
mod keys;
mod lines;
mod number;
mod raw;
mod reading;
mod sample;
mod scan;
mod select;
mod set;
mod spool;
mod survey;
mod text;

#[cfg(test)]
mod tests;

pub use attachment::{Attached, attach};
pub use error::Error;
pub use reading::{Malformed, row_sha};
pub use set::{Columns, Dataset, Item};
pub use survey::{Survey, SurveyContext};
