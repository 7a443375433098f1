//! The books of a run against those of the service: what holds after any number of crashes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::support::money::{amount, sum};
use crate::support::{Emulator, Ended, rows_of, until};

/// The rows of a run: how many there are, and whether what may have run is sent again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Books {
    pub(crate) rows: usize,
    pub(crate) at_least_once: bool,
}

/// The row that a line of a ledger is about, by its tag.
fn row_of(line: &Value) -> u64 {
    line["user_id"].as_str().unwrap().rsplit('-').next().unwrap().parse().unwrap()
}

impl Books {
    pub(crate) fn new(rows: usize) -> Self {
        Self { rows, at_least_once: false }
    }

    /// Compares once the service has done all that it accepted: what it accepted, it ends on its own.
    pub(crate) fn balance_with(self, dir: &Path, service: &Emulator, ended: &Ended) {
        until("the service is done", || service.charged().len() == service.accepted().len());
        self.balance(dir, &service.accepted(), &service.charged(), ended);
    }

    /// The books must agree whatever happened: each row once in the results, executed as often as the journal allows,
    /// and the totals those of the service, without the executions whose fate is unknown.
    pub(crate) fn balance(self, dir: &Path, accepted: &[Value], charged: &[Value], ended: &Ended) {
        let results = rows_of(&dir.join("results.jsonl"));
        let journal = rows_of(&dir.join("journal.jsonl"));
        let told: Value = serde_json::from_slice(&std::fs::read(dir.join("report.json")).unwrap()).unwrap();
        let numbers: Vec<_> = results.iter().map(|row| row["row_number"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (1..=self.rows as u64).collect::<Vec<_>>());
        self.executions(&results, &journal, accepted);
        let of = |outcome: &str| {
            let rows = results.iter().filter(|row| row["outcome"] == outcome);
            rows.map(|row| row["row_number"].as_u64().unwrap()).collect::<BTreeSet<_>>()
        };
        let (succeeded, doubtful) = (of("succeeded"), of("in_doubt"));
        let ends = succeeded.len() + of("failed").len() + doubtful.len() + of("rejected").len();
        assert_eq!(ends, self.rows, "{:?}", told["rows"]);
        let unknown: BTreeSet<_> = results
            .iter()
            .filter(|row| row["cost"].is_null())
            .map(|row| row["row_number"].as_u64().unwrap())
            .collect();
        // What the service charged for is in the total, or its row is listed as one of unknown cost. Rows that were
        // sent once are that only when they are in doubt.
        let untold = if self.at_least_once { &unknown } else { &doubtful };
        let settled: Vec<_> =
            charged.iter().filter(|line| !untold.contains(&row_of(line))).cloned().collect();
        let known: Vec<_> = results.iter().filter(|row| !row["cost"].is_null()).cloned().collect();
        let total = amount(told["cost"]["total"].as_str().unwrap());
        assert_eq!(sum(&known, "cost"), sum(&settled, "cost"), "rows of known cost cost what was charged");
        let answered: Vec<_> = journal.iter().filter(|line| line["e"] == "answered").cloned().collect();
        assert_eq!(total, sum(&answered, "cost"), "the total is that of all answers");
        assert_eq!(told["cost"]["unknown_rows"], unknown.len());
        assert!(doubtful.is_subset(&unknown), "what is in doubt has no cost");
        if !self.at_least_once {
            // A row that is asked again keeps what its first answer cost, whatever becomes of the second send.
            let mut earlier = answered;
            earlier.retain(|line| doubtful.contains(&line["row"].as_u64().unwrap()));
            let known = sum(&settled, "cost") + sum(&earlier, "cost");
            assert_eq!(total, known, "nothing else is in the total");
        }
        assert_eq!(told["complete"], true);
        assert_eq!(ended.code, Some(i32::from(succeeded.len() < self.rows)), "{ended:?}");
    }

    /// No row is executed without the journal knowing why.
    fn executions(self, results: &[Value], journal: &[Value], accepted: &[Value]) {
        let mut sent: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
        for line in accepted {
            sent.entry(row_of(line)).or_default().push(line["run"].as_str().unwrap());
        }
        for (row, runs) in sent {
            let events = |name: &str| {
                let of_row = journal.iter().filter(|line| line["row"] == row && line["e"] == name);
                of_row.collect::<Vec<_>>()
            };
            let doubts = if self.at_least_once { events("ambiguous").len() } else { 0 };
            let reopened = events("reopened").len();
            assert!(runs.len() <= 1 + doubts + reopened, "row {row} was executed too often: {runs:?}");
            if let Some(attached) = events("attached").last()
                && reopened == 0
            {
                let last = runs.last().copied();
                assert_eq!(
                    attached["workflow_run_id"].as_str(),
                    last,
                    "row {row} was sent again though acknowledged"
                );
            }
            let outcome = results[usize::try_from(row).unwrap() - 1]["outcome"].as_str().unwrap();
            assert!(
                ["succeeded", "failed", "in_doubt"].contains(&outcome),
                "row {row} may have run, and is {outcome}"
            );
        }
    }
}
