//! The manifest: YAML text, to a tree with spans, to [`Manifest`], which cannot be wrong. Every mistake becomes a
//! [`Diagnostic`], all at once.

mod diagnostic;
mod load;
mod meant;
mod secret;

pub use diagnostic::{Diagnostic, Diagnostics, Span};
pub use load::{Environment, Overrides, Secrets, load};
pub use meant::{
    Backoff, ColumnReference, Concurrency, DatasetSpec, Encoding, FirstPoll, Halt, Limits, Manifest, Mode,
    OnBadRow, OutputFormat, OutputSpec, PollSpec, Price, Provider, Retry, RetryAlso, Sample, SampleSize,
    Select, Tls, WorkflowSpec,
};
pub use secret::{Secret, SecretSource};
