use std::convert::Infallible;
use std::io::Cursor;

use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::*;
use crate::mapping::{ColumnTypes, Template};
use crate::model::{
    Accept, Ambiguous, Answered, Attached, Cost, Delivery, Ended, ErrorKind, Intended, Json, Outcome,
    Repeats, RowError, RowFacts, RowKey, RowNumber, RunEvent, RunState, Selected, StopCause, Stopped, Via,
};

mod bill;
mod csv_files;
mod judges;
mod pages;
mod repeats;
mod results;
mod scores;
mod shown;

const START_MS: u64 = 1_795_500_000_000;

fn raw(text: &str) -> Json {
    RawValue::from_string(text.to_owned()).unwrap()
}

fn context() -> ReportContext {
    ReportContext {
        judges: Vec::new(),
        run_id: "20261124T060000Z-7f3a".to_owned(),
        manifest_name: "support-triage".to_owned(),
        description: None,
        labels: Vec::new(),
        vars: Map::new(),
        slot: None,
        env: std::collections::BTreeMap::new(),
        types: ColumnTypes::default(),
        cost_unit: "credit".to_owned(),
        price: None,
        budget: None,
        pin: None,
        rate: None,
        accept: Accept::default(),
        repeats: Repeats::default(),
        checks: Vec::new(),
        gates: Vec::new(),
        baseline: None,
        group_by: Vec::new(),
        columns: Vec::new(),
        redact: Redaction::default(),
        dataset_columns: None,
        concurrency: (8, false),
        csv: CsvOptions { bom: false, ..CsvOptions::default() },
    }
}

fn templates(named: &[(&str, &str)]) -> Vec<(String, Template)> {
    named.iter().map(|(name, text)| ((*name).to_owned(), Template::parse(text).unwrap())).collect()
}

/// A run as its events tell it, and the rows' facts gathered from the same events.
struct Run {
    state: RunState,
    rows: Vec<RowFacts>,
    events: u64,
}

impl Run {
    fn of(rows: u64) -> Self {
        let mut run = Self { state: RunState::new(), rows: Vec::new(), events: 0 };
        if rows > 0 {
            run.tell(RunEvent::Selected(Selected { count: rows, ranges: vec![(1, rows)] }));
        }
        for number in 1..=rows {
            let (state, cost, tokens) = (run.state.row(number), Some(Cost::ZERO), Some(0));
            run.rows.push(RowFacts {
                number,
                state,
                begun: None,
                last: None,
                attempts: 0,
                cost,
                tokens,
                kept: None,
            });
        }
        run.tell(RunEvent::Opened(
            serde_json::from_value(json!({
                "format": 1, "run_id": "r", "flowbatch": "0",
                "lock": {"sha256": "", "bytes": 0}, "manifest": {"sha256": "", "bytes": 0},
            }))
            .unwrap(),
        ));
        run
    }

    fn tell(&mut self, event: RunEvent) -> &mut Self {
        let t_ms = START_MS + self.events;
        self.events += 1;
        self.state.apply(t_ms, &event).unwrap();
        let Some(row) = event.row() else { return self };
        let facts = &mut self.rows[usize::try_from(row).unwrap() - 1];
        match &event {
            RunEvent::Intended(_) if facts.begun.is_none() => facts.begun = Some((t_ms, event)),
            RunEvent::Rejected(_) => {
                facts.begun = Some((t_ms, event.clone()));
                facts.last = Some((t_ms, event));
            }
            RunEvent::Answered(answer) => {
                facts.attempts += 1;
                facts.cost = if answer.executed { answer.cost } else { facts.cost };
                facts.tokens = if answer.executed { answer.tokens } else { facts.tokens };
                facts.last = Some((t_ms, event));
            }
            RunEvent::Ambiguous(_) => {
                (facts.attempts, facts.cost, facts.tokens) = (facts.attempts + 1, None, None);
            }
            RunEvent::Ended(_) => facts.last = Some((t_ms, event)),
            _ => {}
        }
        facts.state = self.state.row(row);
        if matches!(
            facts.state,
            crate::model::RowState::Intended
                | crate::model::RowState::Attached(_)
                | crate::model::RowState::InDoubt(_)
        ) {
            (facts.cost, facts.tokens) = (None, None);
        }
        self
    }

    fn intend(&mut self, row: RowNumber, record: &str) -> &mut Self {
        self.intend_as(row, &format!("k{row}"), record)
    }

    fn intend_as(&mut self, row: RowNumber, key: &str, record: &str) -> &mut Self {
        self.tell(RunEvent::Intended(Intended {
            row,
            attempt: 1,
            queue_ms: row * 2,
            reserved: crate::model::Reservation::default(),
            delivery: Delivery::AtMostOnce,
            key: Some(RowKey(key.to_owned())),
            row_sha: None,
            input_sha256: None,
            record: Some(raw(record)),
            input: Some(raw(r#"{"text":"in"}"#)),
        }))
    }

    fn answer(&mut self, row: RowNumber, output: &str, cost: Option<&str>) -> &mut Self {
        self.tell(RunEvent::Answered(answered(row, output, cost)))
    }

    /// A row that succeeded with this output.
    fn succeed(&mut self, row: RowNumber, record: &str, output: &str) -> &mut Self {
        self.intend(row, record).answer(row, output, Some("0.25"))
    }

    fn succeed_as(&mut self, row: RowNumber, key: &str, record: &str, output: &str) -> &mut Self {
        self.intend_as(row, key, record).answer(row, output, Some("0.25"))
    }

    fn fail(&mut self, row: RowNumber, record: &str, message: &str) -> &mut Self {
        let error = RowError::new(ErrorKind::WORKFLOW_FAILED, message);
        let answer =
            Answered { outcome: Outcome::Failed, error: Some(error), ..answered(row, "null", Some("0.1")) };
        self.intend(row, record).tell(RunEvent::Answered(answer))
    }

    fn reject(&mut self, row: RowNumber, record: &str) -> &mut Self {
        self.tell(RunEvent::Rejected(crate::model::Rejected {
            row,
            key: None,
            row_sha: String::new(),
            error: RowError::new(ErrorKind::MAPPING, "`row.subject` is missing"),
            record: raw(record),
        }))
    }

    fn lose(&mut self, row: RowNumber, record: &str) -> &mut Self {
        let kind = ErrorKind::CONNECTION_LOST;
        let message = "the connection was closed".to_owned();
        let error = RowError::new(kind.clone(), message.clone());
        let lost = Ambiguous { row, attempt: 1, kind, message, http_status: None, body: None };
        let ended = Ended { row, outcome: Outcome::InDoubt, error, workflow_run_id: None, backoff_ms: 4 };
        self.intend(row, record).tell(RunEvent::Ambiguous(lost)).tell(RunEvent::Ended(ended))
    }

    fn attach(&mut self, row: RowNumber, record: &str) -> &mut Self {
        self.intend(row, record).tell(RunEvent::Attached(Attached {
            row,
            attempt: 1,
            workflow_run_id: format!("wf-{row}"),
            workflow_version: None,
            workflow_id: None,
            via: Via::Submit,
        }))
    }

    fn stop(&mut self, cause: StopCause, detail: &str) -> &mut Self {
        self.tell(RunEvent::Stopped(Stopped { cause, detail: detail.to_owned() }))
    }

    fn derive(&self, context: &ReportContext) -> Derived {
        let mut derived = Derived::default();
        let (mut html, mut junit) = (Cursor::new(Vec::new()), Cursor::new(Vec::new()));
        let rows = || self.rows.iter().cloned().map(Ok::<_, Infallible>);
        let targets = Targets {
            results_jsonl: Some(&mut derived.results_jsonl),
            failures_jsonl: Some(&mut derived.failures_jsonl),
            results_csv: Some(&mut derived.results_csv),
            failures_csv: Some(&mut derived.failures_csv),
            results_xlsx: Some(&mut derived.results_xlsx),
            html: Some(PageTarget { page: &mut derived.html, spool: &mut html }),
            junit: Some(PageTarget { page: &mut derived.junit, spool: &mut junit }),
            each: None,
        };
        derived.summary = Some(derive(context, &self.state, rows, targets).unwrap());
        derived
    }

    fn summary(&self, context: &ReportContext) -> Summary {
        let rows = || self.rows.iter().cloned().map(Ok::<_, Infallible>);
        derive(context, &self.state, rows, Targets::default()).unwrap()
    }
}

fn answered(row: RowNumber, output: &str, cost: Option<&str>) -> Answered {
    Answered {
        row,
        attempt: 1,
        via: Via::Reply,
        http_status: 200,
        outcome: Outcome::Succeeded,
        error: None,
        cost: cost.map(|cost| cost.parse().unwrap()),
        tokens: cost.map(|_| 10),
        executed: true,
        workflow_run_id: Some(format!("wf-{row}")),
        workflow_version: Some("1.0.1".to_owned()),
        workflow_id: None,
        server_ms: Some(row * 10),
        latency_ms: Some(row * 100),
        backoff_ms: 0,
        polls: 0,
        redacted: false,
        raw: Some(raw(&format!(r#"{{"status":"SUCCEED","output":{output}}}"#))),
        raw_text: None,
    }
}

#[derive(Default)]
struct Derived {
    results_jsonl: Vec<u8>,
    failures_jsonl: Vec<u8>,
    results_csv: Vec<u8>,
    failures_csv: Vec<u8>,
    results_xlsx: Vec<u8>,
    html: Vec<u8>,
    junit: Vec<u8>,
    summary: Option<Summary>,
}

impl Derived {
    fn summary(&self) -> &Summary {
        self.summary.as_ref().unwrap()
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn json_lines(bytes: &[u8]) -> Vec<Value> {
    text(bytes).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A run with a row of every kind.
fn every_kind() -> Run {
    let mut run = Run::of(7);
    run.succeed(1, r#"{"id":"a","lang":"en"}"#, r#"{"label":"refund","score":0.90}"#)
        .fail(2, r#"{"id":"b","lang":"en"}"#, "The model\nrefused | <b>politely</b>")
        .lose(3, r#"{"id":"c","lang":"de"}"#)
        .reject(4, r#"{"id":"d"}"#)
        .intend(5, r#"{"id":"e","lang":"de"}"#)
        .answer(5, r#"{"label":"other"}"#, None)
        .attach(6, r#"{"id":"f","lang":"fr"}"#)
        .stop(StopCause::Halt, "3 of 6 rows did not succeed");
    run
}

/// The summary of a run with a row of every kind, for the tests of what is written of one.
pub(super) fn every_kind_summary() -> Summary {
    every_kind().summary(&context())
}
