//! The manifest: YAML text, to a tree with spans, to [`Manifest`], which cannot be wrong. Every mistake becomes a
//! [`Diagnostic`], all at once.

mod columns;
mod diagnostic;
mod environment;
mod exact;
mod files;
mod flow;
mod layers;
mod load;
mod mask;
mod meaning;
mod meant;
mod merge;
mod names;
mod notify;
mod overrides;
mod rates;
mod read;
mod reuse;
mod scalar;
mod schedule;
mod schema;
mod secret;
mod settings;
mod texts;
mod tree;
mod units;
mod written;

pub use columns::template_path;
pub use diagnostic::{Diagnostic, Diagnostics, Span};
pub use files::KeptFile;
pub use flow::{Backoff, ClassRetry, Concurrency, Retry, RetryAlso, RetryClass};
pub use layers::Layer;
pub use load::{Environment, Overrides, Reading, Secrets, load, read_whole};
pub use meaning::{Meaning, makes_another_job};
use meant::Condition;
pub use meant::{
    Budget, ColumnReference, DatasetSpec, Encoding, FirstPoll, Forward, Halt, Limits, Manifest, Mode,
    OnBadRow, OutputFormat, OutputSpec, PollSpec, Price, Provider, ReceiverSpec, Sample, SampleSize, Select,
    Tls, WebhookSpec, WorkflowSpec,
};
pub use notify::{Alarm, NotifySpec};
pub use rates::{PerTime, RateSpec, RatesSpec};
pub use read::KEPT;
pub use reuse::ReuseSpec;
pub use schedule::{CatchUp, KeepRuns, Overlap, Schedule};
pub use schema::{reference, schema};
pub use secret::{Secret, SecretError, SecretSource, SecretText};
pub use texts::Texts;
pub use units::{row_range, sample_size, write_duration};

#[cfg(test)]
mod tests;
