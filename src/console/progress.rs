//! What is shown while a run lives: a bar on a terminal, plain lines at intervals elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::commands::Watched;
use crate::console::eprint;
use crate::model::{Outcome, RunEvent, RunState, StopCause};
use crate::report::unit;
use crate::runner::{Observer, Progress};

/// Rows that ended, by what a person cares for.
struct Figures {
    done: u64,
    failed: u64,
    in_doubt: u64,
    rejected: u64,
    cost: String,
}

impl Figures {
    fn of(state: &RunState) -> Self {
        let [failed, in_doubt, rejected] =
            [Outcome::Failed, Outcome::InDoubt, Outcome::Rejected].map(|outcome| state.ended(outcome));
        let done = state.ended(Outcome::Succeeded) + failed + in_doubt + rejected;
        Self { done, failed, in_doubt, rejected, cost: state.tally().cost.to_string() }
    }

    /// What went wrong so far, in a phrase that is empty when nothing did.
    fn troubles(&self) -> String {
        let counted = [(self.failed, "failed"), (self.in_doubt, "in doubt"), (self.rejected, "rejected")];
        let parts: Vec<_> = counted
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        parts.join(", ")
    }
}

/// How fast rows end: over the last while, so that it follows the present.
struct Speed {
    /// Moments and the rows that had ended by then, oldest first.
    moments: std::collections::VecDeque<(Duration, u64)>,
}

/// How far back the speed looks.
const LOOK_BACK: Duration = Duration::from_secs(30);

impl Speed {
    fn new(done: u64) -> Self {
        Self { moments: [(Duration::ZERO, done)].into() }
    }

    /// Takes a moment in, and gives rows a second; none before there is anything to tell.
    fn at(&mut self, elapsed: Duration, done: u64) -> Option<f64> {
        self.moments.push_back((elapsed, done));
        while self.moments.len() > 2 && self.moments.front().is_some_and(|(at, _)| *at + LOOK_BACK < elapsed)
        {
            self.moments.pop_front();
        }
        let (since, before) = self.moments.front()?;
        let seconds = elapsed.checked_sub(*since)?.as_secs_f64();
        let rows = done.saturating_sub(*before);
        #[expect(clippy::cast_precision_loss, reason = "a speed that is shown with two digits")]
        (seconds > 0.0 && rows > 0).then(|| rows as f64 / seconds)
    }
}

fn eta(left: u64, speed: f64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "an estimate that is shown in whole seconds")]
    let seconds = (left as f64 / speed).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bounded here, and never negative"
    )]
    let seconds = seconds.clamp(0.0, 3.6e8) as u64;
    match seconds {
        0..=59 => format!("{seconds} s"),
        60..=3_599 => format!("{}:{:02} min", seconds / 60, seconds % 60),
        _ => format!("{}:{:02} h", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// What holds requests back at present: an outage, a pause, or the rate.
fn holds(progress: &Progress) -> Option<String> {
    if let Some(since) = progress.unreached {
        let next = progress.paused.map_or(0, |left| left.as_secs() + 1);
        return Some(format!("everything refused for {} s, next try in {next} s", since.as_secs()));
    }
    if let Some(left) = progress.paused {
        return Some(format!("paused for {} s: the service asks to slow down", left.as_secs() + 1));
    }
    let (held, rate) = (progress.held?, progress.rate?);
    Some(if held >= Duration::from_secs(2) {
        format!("next request in {} s: held to {rate}", held.as_secs() + 1)
    } else {
        format!("held to {rate}")
    })
}

fn stop_note(cause: StopCause, detail: &str, interactive: bool) -> String {
    match cause {
        StopCause::Interrupted if interactive => {
            "stopping: rows on the wire are finished first; Ctrl-C again stops at once".to_owned()
        }
        StopCause::Interrupted => "stopping: rows on the wire are finished first".to_owned(),
        _ => format!("stopping: {detail}"),
    }
}

/// A bar that stays at the bottom of the terminal.
pub(crate) struct Bar {
    bar: ProgressBar,
    watched: Watched,
    speed: Speed,
}

impl Bar {
    pub(crate) fn new(watched: &Watched, colour: bool) -> Self {
        let bar = ProgressBar::with_draw_target(Some(watched.rows), ProgressDrawTarget::stderr_with_hz(8));
        let template = if colour {
            "{bar:30.green/dim} {human_pos} of {human_len} rows  {msg}"
        } else {
            "{bar:30} {human_pos} of {human_len} rows  {msg}"
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.progress_chars("━╸─"));
        bar.set_position(watched.done);
        Self { bar, watched: watched.clone(), speed: Speed::new(watched.done) }
    }
}

impl Observer for Bar {
    fn event(&mut self, event: &RunEvent, _state: &RunState) {
        match event {
            RunEvent::Stopped(stopped) => self.bar.println(stop_note(stopped.cause, &stopped.detail, true)),
            RunEvent::ProcessEnded(_) => self.bar.finish_and_clear(),
            _ => {}
        }
    }

    fn tick(&mut self, progress: &Progress, state: &RunState) {
        let figures = Figures::of(state);
        self.bar.set_length(state.counts().total);
        self.bar.set_position(figures.done);
        let mut parts = Vec::new();
        if let Some(speed) = self.speed.at(progress.elapsed, figures.done) {
            parts.push(if speed < 10.0 { format!("{speed:.1}/s") } else { format!("{speed:.0}/s") });
            if !progress.stopping {
                parts.push(format!("{} left", eta(state.counts().total.saturating_sub(figures.done), speed)));
            }
        }
        parts.push(format!("{} {}", figures.cost, unit(&figures.cost, &self.watched.cost_unit)));
        let troubles = figures.troubles();
        if !troubles.is_empty() {
            parts.push(troubles);
        }
        if progress.paused.is_none() && progress.unreached.is_none() {
            parts.push(if progress.adaptive {
                format!("{} of {} in flight", progress.in_flight, progress.places)
            } else {
                format!("{} in flight", progress.in_flight)
            });
        }
        parts.extend(holds(progress));
        self.bar.set_message(parts.join(" · "));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A line now and then, for logs and CI.
pub(crate) struct Lines {
    watched: Watched,
    speed: Speed,
    next: Duration,
}

/// The time between two lines; the first comes sooner.
const EVERY: Duration = Duration::from_secs(10);
const FIRST: Duration = Duration::from_secs(2);

impl Lines {
    pub(crate) fn new(watched: &Watched) -> Self {
        Self { watched: watched.clone(), speed: Speed::new(watched.done), next: FIRST }
    }

    fn line(&mut self, progress: &Progress, state: &RunState) -> String {
        let figures = Figures::of(state);
        let total = state.counts().total;
        let mut line = format!("{} of {total} rows", figures.done);
        if let Some(speed) = self.speed.at(progress.elapsed, figures.done) {
            line.push_str(&format!(
                ", {speed:.1}/s, {} left",
                eta(total.saturating_sub(figures.done), speed)
            ));
        }
        line.push_str(&format!(", {} {}", figures.cost, unit(&figures.cost, &self.watched.cost_unit)));
        let troubles = figures.troubles();
        if !troubles.is_empty() {
            line.push_str(&format!(", {troubles}"));
        }
        if progress.adaptive {
            line.push_str(&format!(", {} of {} in flight", progress.in_flight, progress.places));
        }
        if let Some(held) = holds(progress) {
            line.push_str(&format!(", {held}"));
        }
        line
    }
}

impl Observer for Lines {
    fn event(&mut self, event: &RunEvent, _state: &RunState) {
        if let RunEvent::Stopped(stopped) = event {
            eprint(&stop_note(stopped.cause, &stopped.detail, false));
        }
    }

    fn tick(&mut self, progress: &Progress, state: &RunState) {
        if progress.elapsed >= self.next {
            self.next = progress.elapsed + EVERY;
            eprint(&self.line(progress, state));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::RateSpec;

    #[test]
    fn speed_follows_the_present_and_time_left_is_readable() {
        let mut speed = Speed::new(100);
        assert_eq!(speed.at(Duration::ZERO, 100), None);
        assert_eq!(speed.at(Duration::from_secs(10), 200), Some(10.0));
        let later = speed.at(Duration::from_secs(100), 200);
        assert_eq!(later, None, "nothing ended for a long while");
        assert_eq!([eta(5, 10.0), eta(700, 10.0), eta(72_000, 10.0)], ["1 s", "1:10 min", "2:00 h"]);
    }

    #[test]
    fn what_holds_requests_back_is_said() {
        let s = Duration::from_secs;
        let check = |paused, held, rate: &str, expected: Option<&str>| {
            let rate = Some(RateSpec::with(None, rate.parse().unwrap()));
            let progress = Progress { paused, held, rate, ..Progress::default() };
            assert_eq!(holds(&progress).as_deref(), expected);
        };
        check(None, None, "3/min", None);
        check(None, Some(s(14)), "3/min", Some("next request in 15 s: held to 3/min"));
        check(None, Some(s(1)), "90/min", Some("held to 90/min"));
        let paused = "paused for 31 s: the service asks to slow down";
        check(Some(s(30)), Some(s(14)), "3/min", Some(paused));
    }

    #[test]
    fn troubles_are_named_only_when_there_are_any() {
        let figures =
            |failed, in_doubt| Figures { done: 9, failed, in_doubt, rejected: 0, cost: String::new() };
        assert_eq!(figures(0, 0).troubles(), "");
        assert_eq!(figures(2, 1).troubles(), "2 failed, 1 in doubt");
    }
}
