//! `workflow.pin` while a process runs: the first row goes alone, until it is known who answers.

use std::collections::HashMap;

use crate::model::{Pin, RowNumber};
use crate::runner::invocation::{Invocation, Stage};

/// The trial that a pin puts a workflow to.
#[derive(Debug, Default)]
pub(crate) struct Trial {
    pin: Option<Pin>,
    /// Whether rows may go side by side: nothing is pinned, or an answer has said who gives it.
    is_over: bool,
    /// The row that goes alone.
    row: Option<RowNumber>,
}

impl Trial {
    pub(crate) fn of(pin: Option<Pin>) -> Self {
        Self { is_over: pin.is_none(), pin, row: None }
    }

    /// Says whether another row may start.
    pub(crate) fn lets_start(&self, rows: &HashMap<RowNumber, Invocation>) -> bool {
        let is_out =
            |invocation: &Invocation| !matches!(invocation.stage, Stage::Queued | Stage::BackingOff(_));
        self.is_over || self.row.and_then(|row| rows.get(&row)).is_none_or(|row| !is_out(row))
    }

    /// Notes that a row starts.
    pub(crate) fn begin(&mut self, row: RowNumber) {
        if !self.is_over {
            self.row = Some(row);
        }
    }

    /// Takes note of who answered. Gives why the run stops, when it does. After an execution that does not say all
    /// that is pinned nothing better is to come, so the trial is over then too.
    pub(crate) fn note(
        &mut self,
        workflow_id: Option<&str>,
        version: Option<&str>,
        executed: bool,
    ) -> Option<String> {
        let pin = self.pin.as_ref()?;
        self.is_over |= executed || pin.is_told(workflow_id, version);
        pin.drift(workflow_id, version).filter(|_| !pin.only_warns)
    }
}
