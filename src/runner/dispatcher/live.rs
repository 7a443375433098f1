//! Limits that are changed while the run lives: looked for once a second, and in force when the journal says so.

use std::time::Duration;

use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::control::Watch;
use crate::manifest::Concurrency;
use crate::model::{Json, RunEvent, SettingsChanged};
use crate::runner::Observer;
use crate::runner::dispatcher::Dispatcher;
use crate::runner::timers::Timer;
use crate::workflow::Workflow;

/// How often a request is looked for.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// The key under which a change of concurrency is written down.
const CONCURRENCY: &str = "limits.concurrency";

impl<W: Workflow, O: Observer> Dispatcher<W, O> {
    /// Looks for a request, and journals what it changes.
    pub(super) fn on_look(&mut self) {
        self.timers.set(Instant::now() + LOOK, Timer::Look);
        let Some(asked) = self.control.as_mut().and_then(Watch::look) else { return };
        let from = self.limits.concurrency;
        let to = Concurrency { max: asked.concurrency.unwrap_or(from.max).clamp(1, MOST), ..from };
        if to == from {
            self.end_request();
            return;
        }
        tracing::info!(from = from.max, to = to.max, "concurrency is changed");
        self.asked = Some(to);
        let (by, key) = (SettingsChanged::BY_LIMITS.to_owned(), CONCURRENCY.to_owned());
        let (from, to) = (in_force(from), as_written(to));
        self.committer.append(RunEvent::SettingsChanged(SettingsChanged { by, key, from, to }));
    }

    /// The change would survive now: it is in force.
    pub(super) fn after_settings_changed(&mut self) {
        if let Some(concurrency) = self.asked.take() {
            self.limits.concurrency = concurrency;
            self.admission.places_mut().set(concurrency);
            self.end_request();
        }
    }

    fn end_request(&mut self) {
        if let Some(control) = &mut self.control {
            control.done();
        }
    }
}

/// `limits.concurrency` takes no more.
const MOST: usize = 10_000;

/// Writes a value as the manifest's settings have it.
fn in_force(concurrency: Concurrency) -> Json {
    let Concurrency { max, adaptive } = concurrency;
    raw(if adaptive { format!("{{\"max\":{max},\"adaptive\":true}}") } else { max.to_string() })
}

/// Writes a value as it would stand behind `--set`: a resume reads it so.
fn as_written(concurrency: Concurrency) -> Json {
    let Concurrency { max, adaptive } = concurrency;
    raw(if adaptive { format!("\"{{max: {max}, adaptive: true}}\"") } else { format!("\"{max}\"") })
}

fn raw(text: String) -> Json {
    RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
