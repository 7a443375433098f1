//! What a report needs to know of the manifest, as types of its own.

use std::collections::BTreeMap;

use encoding_rs::Encoding;
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use crate::checks::Check;
use crate::gates::{Baseline, Gate};
use crate::mapping::{ColumnTypes, Template};
use crate::model::{Accept, Pin, Repeats};
use crate::report::{BudgetLimits, JudgeReport, Redaction};

/// What the journal does not hold, and a report needs: taken from the run's frozen manifest.
#[derive(Clone, Debug)]
pub struct ReportContext {
    /// The run's id.
    pub run_id: String,
    /// The manifest's `name`.
    pub manifest_name: String,
    /// Its `description`.
    pub description: Option<String>,
    /// Its `labels`.
    pub labels: Vec<(String, String)>,
    /// Its `vars`, for templates.
    pub vars: Map<String, Value>,
    /// The slot of a schedule that the run is of.
    pub slot: Option<crate::model::ScheduledFor>,
    /// What `{{env "NAME"}}` may read.
    pub env: BTreeMap<String, String>,
    /// `dataset.types`, for templates.
    pub types: ColumnTypes,
    /// The unit of cost, for instance `credit`.
    pub cost_unit: String,
    /// What a unit of cost is worth, when the manifest says so.
    pub price: Option<Price>,
    /// `limits.budget`, when there is one.
    pub budget: Option<BudgetLimits>,
    /// The workflow that was to answer.
    pub pin: Option<Pin>,
    /// The rate that requests were held to, in words.
    pub rate: Option<String>,
    /// What still counts as accepted.
    pub accept: Accept,
    /// `limits.concurrency`: the ceiling, and whether the number moved below it.
    pub concurrency: (u64, bool),
    /// How often each record of the dataset was invoked, as rows of their own.
    pub repeats: Repeats,
    /// `checks`, in the order written.
    pub checks: Vec<Check>,
    /// `gates`, in the order written.
    pub gates: Vec<Gate>,
    /// What `baseline` in a gate means, when its file is there.
    pub baseline: Option<Baseline>,
    /// The judges that checks ask, and what their runs came to.
    pub judges: Vec<JudgeReport>,
    /// `report.group_by`, in the order written.
    pub group_by: Vec<(String, Template)>,
    /// `output.columns`, in the order written; when empty, each field of the output becomes a column.
    pub columns: Vec<(String, Template)>,
    /// `output.redact`.
    pub redact: Redaction,
    /// The dataset's header, when it is known; else it is gathered from the rows' records, in a pass of its own.
    pub dataset_columns: Option<Vec<String>>,
    /// `output.csv`.
    pub csv: CsvOptions,
}

/// What a unit of cost is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// In `currency`.
    pub per_unit: Decimal,
    /// For instance `USD`.
    pub currency: String,
}

/// How CSV files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CsvOptions {
    /// A byte order mark first, where the encoding has one.
    pub bom: bool,
    /// The dataset's columns first. failures.csv always has them, since it serves as a dataset.
    pub inputs: bool,
    /// Text that a spreadsheet would execute is defused.
    pub safe: bool,
    /// One byte.
    pub delimiter: u8,
    /// Any WHATWG encoding, UTF-16 included.
    pub encoding: &'static Encoding,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self { bom: true, inputs: true, safe: true, delimiter: b',', encoding: encoding_rs::UTF_8 }
    }
}
