//! The rate limit: how many requests a window takes.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::behaviour::Window;
use super::units::Rate;

/// Counts the requests of a window; a request over the rate is not counted.
#[derive(Debug)]
pub(super) struct RateLimit {
    rate: Rate,
    window: Window,
    taken: VecDeque<Instant>,
}

impl RateLimit {
    pub(super) fn new(rate: Rate, window: Window) -> Self {
        Self { rate, window, taken: VecDeque::new() }
    }

    /// Takes a request, or says how long until the next one is taken.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        match self.window {
            Window::Sliding => {
                while self.taken.front().is_some_and(|at| now.duration_since(*at) >= self.rate.window) {
                    self.taken.pop_front();
                }
            }
            // The window opens with the first request after the last one closed.
            Window::Fixed => {
                if self.taken.front().is_some_and(|at| now.duration_since(*at) >= self.rate.window) {
                    self.taken.clear();
                }
            }
        }
        match self.taken.front() {
            Some(first) if self.taken.len() >= usize::try_from(self.rate.requests).unwrap_or(usize::MAX) => {
                Err(self.rate.window.saturating_sub(now.duration_since(*first)))
            }
            _ => {
                self.taken.push_back(now);
                Ok(())
            }
        }
    }
}
