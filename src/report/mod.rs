//! What is derived from a journal: results, failures and the summary of a run, as text, JSON, Markdown and CSV.
//!
//! Sees neither network nor dataset nor manifest: what it needs of a manifest stands in `ReportContext`. The same
//! journal gives the same bytes; nothing here knows a clock, a time zone or a path.

mod builder;
mod cell;
mod context;
mod derive;
mod encoding;
mod groups;
mod html;
mod json;
mod judged;
mod junit;
mod layout;
mod markdown;
mod money;
mod open_bill;
mod openmetrics;
mod pages;
mod paired;
mod phrases;
mod redact;
mod repeats;
mod room;
mod row;
mod scores;
mod sentences;
mod sheets;
mod spread;
mod summary;
mod table;
mod taken;
mod templates;
mod terminal;
mod words;
mod xlsx;
mod zip;

pub use context::{CsvOptions, Price, ReportContext};
pub use derive::{Each, Error, Targets, derive};
pub use html::{HtmlWriter, PAGE_CELL_BYTES, served_page};
pub(crate) use html::{data_page, readable};
pub use judged::{
    JUDGED_COLUMNS, JudgeCost, JudgeReport, JudgeSummary, JudgedRow, Question, QuestionId, Questions,
    judgement,
};
pub use junit::JunitWriter;
pub use markdown::render_markdown;
pub(crate) use markdown::{code, escape};
pub use open_bill::{
    Basis, Bill, BudgetLimits, BudgetLine, BudgetSummary, CostEstimate, DoubtfulCost, JudgesBill,
};
pub use openmetrics::render_openmetrics;
pub use pages::PageTarget;
pub use paired::{PairedSummary, SucceededSummary};
pub use redact::Redaction;
pub use repeats::{CheckRepeats, RunRepeats, Within};
pub use room::{PAGE_FURTHER_ROWS, PAGE_ROWS, Spool};
pub use row::{ResultError, ResultRow};
pub use scores::{CheckExample, CheckSummary, ClassSummary, ConfusionSummary, GroupCheck, LabelSummary};
pub use summary::{
    ConcurrencySummary, CostPerRow, CostSummary, ErrorSummary, GroupSummary, KnownCost, KnownTokens, Money,
    Percentiles, Rate, ReusedSummary, Summary, TokenSummary, write_json,
};
pub use terminal::{Style, render_text};
pub use words::unit;
pub(crate) use words::{fit, grouped, harmless, time, width, wrap};

#[cfg(test)]
mod tests;
