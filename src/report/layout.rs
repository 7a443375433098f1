//! Which columns a CSV file has: the dataset's own, those of the output, and what flowbatch knows of a row.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde_json::value::RawValue;

use crate::report::row::ResultRow;
use crate::report::{ReportContext, json};

/// Of what flowbatch knows of a row, the columns that are numbers: by their places in it, where `repeat` comes last.
pub(super) const OWN_NUMBERS: [usize; 6] = [2, 3, 4, 5, 7, 9];

/// What flowbatch knows of a row, after the columns of dataset and output.
const OWN: [&str; 9] = [
    "outcome",
    "error",
    "cost",
    "tokens",
    "attempts",
    "latency_ms",
    "workflow_run_id",
    "row_number",
    "row_key",
];

/// Columns of the dataset, which are those that a spreadsheet can hold.
const MAX_DATASET: usize = 16_384;

/// Columns made of output fields.
const MAX_OUTPUT: usize = 1_000;

/// Levels of an output that become columns; what lies deeper is JSON text.
const MAX_DEPTH: usize = 16;

/// The columns of results.csv and failures.csv.
#[derive(Debug)]
pub(super) struct Layout {
    dataset: Fields,
    dataset_known: bool,
    /// Fields of the output; none when the manifest names its own columns.
    output: Option<Fields>,
    columns: Vec<String>,
    /// Those of checks.
    checks: Vec<String>,
    /// The last, where records are invoked more than once.
    repeat: Option<&'static str>,
}

/// Names in the order in which they were first seen.
#[derive(Debug)]
struct Fields {
    names: Vec<String>,
    places: HashMap<String, usize>,
    limit: usize,
    left_out: bool,
}

/// The cells of a row, before they are made fit for a file.
#[derive(Debug)]
pub(super) struct Cells<'a> {
    /// Whether the row's record is known: else the dataset's cells are empty for want of it.
    pub(super) recorded: bool,
    /// Those of the dataset, as read.
    pub(super) dataset: Vec<Cow<'a, str>>,
    /// All others.
    pub(super) others: Vec<Cow<'a, str>>,
    /// From where on these are what flowbatch knows of a row.
    pub(super) own: usize,
    /// Whether the row has a field without a column.
    pub(super) missed: bool,
}

impl Layout {
    pub(super) fn new(context: &ReportContext) -> Self {
        let mut dataset = Fields::new(MAX_DATASET);
        for (index, name) in context.dataset_columns.iter().flatten().enumerate() {
            dataset.see(index, name);
        }
        Self {
            dataset,
            dataset_known: context.dataset_columns.is_some(),
            output: context.columns.is_empty().then(|| Fields::new(MAX_OUTPUT)),
            columns: context.columns.iter().map(|(name, _)| name.clone()).collect(),
            checks: context.checks.iter().map(|check| format!("check.{}", check.name)).collect(),
            repeat: (!context.repeats.is_once()).then_some("repeat"),
        }
    }

    /// Says whether the columns depend on the rows.
    pub(super) fn grows(&self) -> bool {
        !self.dataset_known || self.output.is_some()
    }

    /// Learns the columns of one row, and says whether there were new ones.
    pub(super) fn see(&mut self, record: Option<&RawValue>, output: Option<&RawValue>) -> bool {
        let mut grew = false;
        if !self.dataset_known {
            for (index, (name, _)) in record.and_then(json::members).into_iter().flatten().enumerate() {
                grew |= self.dataset.see(index, &name);
            }
        }
        if let (Some(fields), Some(output)) = (&mut self.output, output) {
            each_field(output, &mut |index, name, _| grew |= fields.see(index, name));
        }
        grew
    }

    /// Gives the header: the dataset's columns, and all others. A name that is taken gets `flowbatch.` before it.
    pub(super) fn header(&self) -> Cells<'_> {
        let dataset: Vec<Cow<'_, str>> = self.dataset.names.iter().map(Into::into).collect();
        let mut taken: HashSet<String> = self.dataset.names.iter().cloned().collect();
        let mut free = |name: &str| {
            let mut name = name.to_owned();
            while !taken.insert(name.clone()) {
                name.insert_str(0, "flowbatch.");
            }
            Cow::Owned(name)
        };
        let output = self.output.as_ref().map_or(&self.columns, |fields| &fields.names);
        let own = output.len() + self.checks.len();
        let output = output.iter().chain(&self.checks);
        let others = output.map(String::as_str).chain(OWN).chain(self.repeat).map(&mut free).collect();
        Cells { recorded: true, dataset, others, own, missed: false }
    }

    /// Gives the cells of a row; `columns` are those of the manifest, rendered.
    pub(super) fn cells<'a>(
        &self,
        row: &'a ResultRow<'_>,
        record: Option<&'a RawValue>,
        columns: Vec<Cow<'a, str>>,
    ) -> Cells<'a> {
        let members = record.and_then(json::members);
        let recorded = members.is_some();
        let mut dataset = self.dataset.empty();
        let mut missed = false;
        for (index, (name, value)) in members.iter().flatten().enumerate() {
            if let Some(place) = self.dataset.place(index, name) {
                dataset[place] = json::plain(value);
            } else {
                missed |= !self.dataset_known;
            }
        }
        let mut others = columns;
        if let Some(fields) = &self.output {
            others = fields.empty();
            if let Some(output) = row.output.as_deref() {
                each_field(output, &mut |index, name, value| {
                    if let Some(place) = fields.place(index, name) {
                        others[place] = json::plain(value);
                    } else {
                        missed = true;
                    }
                });
            }
        }
        let verdict = |at: usize| row.checks.0.get(at).map_or("", |(_, result)| result.verdict.as_str());
        others.extend((0..self.checks.len()).map(|at| Cow::Borrowed(verdict(at))));
        let own = others.len();
        others.extend(own_cells(row));
        others.extend(self.repeat.map(|_| number(row.repeat)));
        Cells { recorded, dataset, others, own, missed }
    }

    /// Says what found no place.
    pub(super) fn notes(&self) -> impl Iterator<Item = String> {
        let dataset = self.dataset.left_out.then(|| {
            format!(
                "the dataset has more than {MAX_DATASET} columns: the others are missing in results.csv and \
                 failures.csv"
            )
        });
        let output = self.output.as_ref().filter(|fields| fields.left_out).map(|_| {
            format!(
                "the output has more than {MAX_OUTPUT} fields: the others are in results.jsonl only; name \
                 those that you need in `output.columns`"
            )
        });
        dataset.into_iter().chain(output)
    }
}

impl Fields {
    fn new(limit: usize) -> Self {
        Self { names: Vec::new(), places: HashMap::new(), limit, left_out: false }
    }

    /// Takes a name in, and says whether it is a new column.
    fn see(&mut self, expected: usize, name: &str) -> bool {
        if self.place(expected, name).is_some() {
            return false;
        }
        if self.names.len() >= self.limit {
            self.left_out = true;
            return false;
        }
        self.places.insert(name.to_owned(), self.names.len());
        self.names.push(name.to_owned());
        true
    }

    /// Finds a name's column; rows mostly have them in the same order, so that is where to look first.
    fn place(&self, expected: usize, name: &str) -> Option<usize> {
        if self.names.get(expected).is_some_and(|there| there == name) {
            return Some(expected);
        }
        self.places.get(name).copied()
    }

    fn empty<'a>(&self) -> Vec<Cow<'a, str>> {
        vec![Cow::Borrowed(""); self.names.len()]
    }
}

/// Calls `each` with the place, the column and the value of every field of an output: `output.a.b`. A name that holds
/// a dot or a bracket is written as in templates, `output.[a.b]`, so that no two fields share a column.
fn each_field<'a>(output: &'a RawValue, each: &mut dyn FnMut(usize, &str, &'a RawValue)) {
    let mut index = 0;
    descend(output, &mut "output".to_owned(), 0, &mut |name, value| {
        each(index, name, value);
        index += 1;
    });
}

fn descend<'a>(
    value: &'a RawValue,
    path: &mut String,
    depth: usize,
    each: &mut dyn FnMut(&str, &'a RawValue),
) {
    let members = if depth < MAX_DEPTH { json::members(value) } else { None };
    let Some(members) = members.filter(|members| !members.is_empty()) else {
        each(path, value);
        return;
    };
    let length = path.len();
    for (name, value) in members {
        if name.contains(['.', '[', ']']) {
            path.push_str(".[");
            path.push_str(&name);
            path.push(']');
        } else {
            path.push('.');
            path.push_str(&name);
        }
        descend(value, path, depth + 1, each);
        path.truncate(length);
    }
}

fn number<'b>(value: Option<u64>) -> Cow<'b, str> {
    value.map_or(Cow::Borrowed(""), |value| Cow::Owned(value.to_string()))
}

/// The cells of `OWN`; what is unknown is empty, and never zero.
fn own_cells<'a>(row: &'a ResultRow<'_>) -> [Cow<'a, str>; 9] {
    let error = row.error.as_ref().map(|error| format!("{}: {}", error.kind, error.message));
    [
        Cow::Borrowed(row.outcome.as_str()),
        error.unwrap_or_default().into(),
        row.cost.map(|cost| cost.to_string()).unwrap_or_default().into(),
        number(row.tokens),
        number(Some(row.attempts.into())),
        number(row.latency_ms),
        Cow::Borrowed(row.workflow_run_id.unwrap_or_default()),
        number(Some(row.row_number)),
        Cow::Borrowed(row.row_key.map_or("", |key| &key.0)),
    ]
}
