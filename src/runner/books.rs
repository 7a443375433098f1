//! Our books against the provider's: what each run was charged there, and what its answer said here.

use std::collections::{BTreeMap, HashMap};

use crate::model::{Cost, RowNumber, RowState, RunEvent, RunState, Settled};
use crate::reply::Charge;

/// A run that both sides know, at two costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The row.
    pub row: RowNumber,
    /// The provider's run id.
    pub workflow_run_id: String,
    /// What its answer said.
    pub answered: Cost,
    /// What the provider's ledger says.
    pub charged: Cost,
}

/// One run of the provider's that was charged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Book {
    /// The row; none when it is no row's of ours.
    pub row: Option<RowNumber>,
    /// The provider's run id.
    pub workflow_run_id: String,
    /// The cost, as far as it is known.
    pub cost: Option<Cost>,
}

/// What the comparison came to, each list by row and run id.
#[derive(Clone, Debug, Default)]
pub struct Books {
    /// Runs of which both sides say the same.
    pub agreed: u64,
    /// Runs of which they don't.
    pub differences: Vec<Difference>,
    /// Runs of ours with a cost that the provider's ledger lacks: it may lag, or reach no further back.
    pub missing: Vec<Book>,
    /// Runs of ours whose cost only the ledger tells.
    pub to_settle: Vec<Settled>,
    /// Charges on no row of ours.
    pub strangers: Vec<Book>,
}

/// By what costs are settled.
const BY: &str = "reconcile";

/// Both sides' books, side by side.
#[derive(Debug)]
pub struct Ledger {
    charged: HashMap<String, Option<Cost>>,
    told: BTreeMap<(RowNumber, String), Option<Cost>>,
}

impl Ledger {
    /// Opens the provider's side.
    pub fn open(charges: Vec<Charge>) -> Self {
        let mut by_run: HashMap<String, Option<Cost>> = HashMap::with_capacity(charges.len());
        for Charge { workflow_run_id, cost } in charges {
            // A run listed twice was charged in parts.
            let entry = by_run.entry(workflow_run_id).or_insert(Some(Cost::ZERO));
            *entry = entry.zip(cost).and_then(|(sum, cost)| sum.checked_add(cost));
        }
        Self { charged: by_run, told: BTreeMap::new() }
    }

    /// Takes an event of the journal, in order.
    pub fn note(&mut self, event: &RunEvent) {
        let (row, run_id, cost) = match event {
            RunEvent::Answered(e) if e.executed => (e.row, e.workflow_run_id.clone(), e.cost),
            RunEvent::Settled(e) => (e.row, Some(e.workflow_run_id.clone()), Some(e.cost)),
            _ => return,
        };
        if let Some(run_id) = run_id {
            let told = self.told.entry((row, run_id)).or_default();
            // Subtle: the answer that comes after a settlement counts, if it tells a cost.
            *told = cost.or(*told);
        }
    }

    /// Takes the rows in doubt whose runs are known, once all events are noted.
    pub fn note_doubts(&mut self, state: &RunState) {
        for row in state.unsettled_rows() {
            if let RowState::Attached(run_id) | RowState::InDoubt(Some(run_id)) = state.row(row) {
                self.told.entry((row, run_id)).or_default();
            }
        }
    }

    /// Takes what the run log says of rows with executions that no answer told of. They are the row's when the log has no
    /// more of them than there are; else it can't be said which ones are.
    pub fn note_untold(&mut self, state: &RunState, untold: Vec<(RowNumber, Vec<String>)>) {
        for (row, ids) in untold {
            if ids.len() <= usize::try_from(state.unknown_executions(row)).unwrap_or_default() {
                for id in ids {
                    self.told.entry((row, id)).or_default();
                }
            }
        }
    }

    /// Compares both sides.
    pub fn compare(mut self) -> Books {
        let mut books = Books::default();
        for ((row, workflow_run_id), told) in self.told {
            match (told, self.charged.remove(&workflow_run_id)) {
                (Some(answered), Some(Some(charged))) if answered == charged => books.agreed += 1,
                (Some(answered), Some(Some(charged))) => {
                    books.differences.push(Difference { row, workflow_run_id, answered, charged });
                }
                (None, Some(Some(cost))) => {
                    books.to_settle.push(Settled { row, workflow_run_id, cost, by: BY.to_owned() });
                }
                // What cost nothing need not be listed.
                (Some(cost), None) if cost > Cost::ZERO => {
                    books.missing.push(Book { row: Some(row), workflow_run_id, cost: Some(cost) });
                }
                _ => {}
            }
        }
        let stranger = |(workflow_run_id, cost)| Book { row: None, workflow_run_id, cost };
        books.strangers = self.charged.into_iter().map(stranger).collect();
        books.strangers.sort_by(|a, b| a.workflow_run_id.cmp(&b.workflow_run_id));
        books
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Answered, Outcome, Via};

    fn answered(row: RowNumber, id: &str, cost: Option<&str>) -> RunEvent {
        RunEvent::Answered(Answered {
            row,
            attempt: 1,
            via: Via::Poll,
            http_status: 200,
            outcome: Outcome::Succeeded,
            error: None,
            cost: cost.map(|cost| cost.parse().unwrap()),
            tokens: None,
            executed: true,
            workflow_run_id: Some(id.to_owned()),
            workflow_version: None,
            workflow_id: None,
            server_ms: None,
            latency_ms: None,
            backoff_ms: 0,
            polls: 0,
            redacted: false,
            raw: None,
            raw_text: None,
        })
    }

    fn settled(row: RowNumber, id: &str, cost: &str) -> RunEvent {
        let (workflow_run_id, by) = (id.to_owned(), BY.to_owned());
        RunEvent::Settled(Settled { row, workflow_run_id, cost: cost.parse().unwrap(), by })
    }

    fn joined(words: impl Iterator<Item = String>) -> String {
        words.collect::<Vec<_>>().join(",")
    }

    /// The books as words: agreed, differing, missing, to be settled, and charged to no row.
    fn check(charges: &[(&str, &str)], events: &[RunEvent], expected: &str) {
        let charge =
            |(id, cost): &(&str, &str)| Charge { workflow_run_id: (*id).to_owned(), cost: cost.parse().ok() };
        let mut ledger = Ledger::open(charges.iter().map(charge).collect());
        for event in events {
            ledger.note(event);
        }
        let books = ledger.compare();
        let book = |book: &Book| book.workflow_run_id.clone();
        let found = [
            books.agreed.to_string(),
            joined(books.differences.iter().map(|d| format!("{}:{}/{}", d.row, d.answered, d.charged))),
            joined(books.missing.iter().map(book)),
            joined(books.to_settle.iter().map(|s| format!("{}={}", s.workflow_run_id, s.cost))),
            joined(books.strangers.iter().map(book)),
        ];
        assert_eq!(found.join("|"), expected, "{charges:?} {events:?}");
    }

    #[test]
    fn both_sides_are_compared_run_by_run_to_the_last_digit() {
        check(&[("a", "0.10")], &[answered(1, "a", Some("0.1"))], "1||||");
        check(&[("a", "0.1000000001")], &[answered(1, "a", Some("0.1"))], "0|1:0.1/0.1000000001|||");
        check(&[], &[answered(1, "a", Some("0.1")), answered(2, "b", Some("0"))], "0||a||");
        check(&[("a", "0.1"), ("b", "1")], &[answered(1, "a", None)], "0|||a=0.1|b");
        check(&[("a", "?")], &[answered(1, "a", Some("1"))], "0||||");
        check(&[("a", "0.1"), ("a", "0.2")], &[answered(1, "a", Some("0.3"))], "1||||");
    }

    #[test]
    fn what_was_settled_before_is_not_settled_again() {
        let before = [answered(1, "a", None), settled(1, "a", "0.1")];
        check(&[("a", "0.1")], &before, "1||||");
        check(&[("a", "0.2")], &before, "0|1:0.1/0.2|||");
        let told = [settled(1, "a", "0.1"), answered(1, "a", Some("0.1"))];
        check(&[("a", "0.1")], &told, "1||||");
    }
}
