//! Who watches a run: told of each event once it is durable, never before.

use std::time::Duration;

use crate::manifest::RateSpec;
use crate::model::{RunEvent, RunState};

/// What cannot be read off the journal: the present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Rows that hold a place: on their way, or run by the provider.
    pub in_flight: usize,
    /// How many may hold one now.
    pub places: usize,
    /// Whether that follows what the service bears.
    pub adaptive: bool,
    /// Rows that wait for another attempt.
    pub waiting: usize,
    /// How long nothing may be sent because the service asked so.
    pub paused: Option<Duration>,
    /// How long everything has been refused, when the run waits for the service to come back.
    pub unreached: Option<Duration>,
    /// How long until the rate lets another request go, when something waits for that.
    pub held: Option<Duration>,
    /// The rate in force.
    pub rate: Option<RateSpec>,
    /// How long this process has been running.
    pub elapsed: Duration,
    /// Whether no more rows are started.
    pub stopping: bool,
}

/// Watches a run. Called on the runner's own loop: must not block.
pub trait Observer: Send {
    /// An event is durable and applied.
    fn event(&mut self, event: &RunEvent, state: &RunState);
    /// A moment has passed.
    fn tick(&mut self, progress: &Progress, state: &RunState);
}

/// Watches nothing.
impl Observer for () {
    fn event(&mut self, _event: &RunEvent, _state: &RunState) {}
    fn tick(&mut self, _progress: &Progress, _state: &RunState) {}
}

/// One that is only known when the program runs.
impl Observer for Box<dyn Observer> {
    fn event(&mut self, event: &RunEvent, state: &RunState) {
        (**self).event(event, state);
    }

    fn tick(&mut self, progress: &Progress, state: &RunState) {
        (**self).tick(progress, state);
    }
}
