//! Limits that are changed while the run lives: looked for once a second, and in force when the journal says so.

use std::time::Duration;

use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::control::Watch;
use crate::manifest::{Concurrency, RateSpec};
use crate::model::{Json, RunEvent, SettingsChanged};
use crate::pace::Request;
use crate::runner::Observer;
use crate::runner::dispatcher::Dispatcher;
use crate::runner::timers::Timer;
use crate::workflow::Workflow;

/// How often a request is looked for.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// The keys under which changes are written down.
const CONCURRENCY: &str = "limits.concurrency";
const RATE: &str = "limits.rate";

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Concurrency(Concurrency),
    Rate(RateSpec),
}

impl<W: Workflow, O: Observer> Dispatcher<W, O> {
    /// Looks for a request, and journals what it changes.
    pub(super) fn on_look(&mut self) {
        self.timers.set(Instant::now() + LOOK, Timer::Look);
        let Some(asked) = self.control.as_mut().and_then(Watch::look) else { return };
        let from = self.limits.concurrency;
        let to = Concurrency { max: asked.concurrency.unwrap_or(from.max).clamp(1, MOST), ..from };
        if to != from {
            self.change(CONCURRENCY, Change::Concurrency(to), in_force(from), as_written(to));
        }
        let from = self.limits.rate;
        let to = asked.rate.and_then(|rate| rate.parse().ok()).map(|rate| RateSpec::with(from, rate));
        if let Some(to) = to.filter(|to| from != Some(*to)) {
            let was = from.map_or(Value::Null, |from| from.to_json()).to_string();
            // As a manifest has it, and as text, since it is read so behind `--set`.
            let text = Value::String(to.to_json().to_string()).to_string();
            self.change(RATE, Change::Rate(to), raw(was), raw(text));
        }
        if self.asked.is_empty() {
            self.end_request();
        }
    }

    fn change(&mut self, key: &str, to: Change, was: Json, written: Json) {
        tracing::info!(?to, "a limit is changed");
        self.asked.push_back(to);
        let (by, key) = (SettingsChanged::BY_LIMITS.to_owned(), key.to_owned());
        let change = SettingsChanged { by, key, from: was, to: written };
        self.committer.append(RunEvent::SettingsChanged(change));
    }

    /// The change would survive now: it is in force.
    pub(super) fn after_settings_changed(&mut self) {
        match self.asked.pop_front() {
            Some(Change::Concurrency(concurrency)) => {
                self.limits.concurrency = concurrency;
                self.admission.places_mut().set(concurrency);
            }
            Some(Change::Rate(rate)) => {
                self.limits.rate = Some(rate);
                self.pace.set_rates(rate.rates(), self.start.elapsed());
                self.schedule.set_rated(self.pace.has_rate(Request::Poll));
            }
            None => return,
        }
        if self.asked.is_empty() {
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
