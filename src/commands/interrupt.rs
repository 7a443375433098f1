//! Ctrl-C while results are derived: they are given up, whole, and what stood there before stays.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

use crate::commands::{Failure, Host};
use crate::machine;
use crate::model::{ExitCode, Reason};

/// Files that listening takes.
const FILES: usize = 8;

/// Listens for signals as long as it lives.
#[derive(Debug, Default)]
pub(crate) struct Interrupt {
    heard: Arc<AtomicBool>,
    runtime: Option<Runtime>,
}

impl Interrupt {
    /// Begins to listen. Where that can't be done a signal does what it does by default.
    pub(crate) fn watch(any: &Path, host: &dyn Host) -> Self {
        let heard = Arc::new(AtomicBool::new(false));
        if !machine::can_open(any, FILES) {
            return Self::default();
        }
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().ok();
        if let Some(runtime) = &runtime {
            let (signal, mut signals) = mpsc::channel(1);
            let _inside = runtime.enter();
            host.watch_signals(signal);
            let heard = Arc::clone(&heard);
            runtime.spawn(async move {
                if signals.recv().await.is_some() {
                    heard.store(true, Ordering::Relaxed);
                }
            });
        }
        Self { heard, runtime }
    }

    /// Fails once a signal was heard.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if !self.heard.load(Ordering::Relaxed) {
            return Ok(());
        }
        let message = "interrupted while results were derived: the files of before are still there";
        Err(Failure::new(ExitCode::Interrupted, Reason::Interrupted, message))
    }

    #[cfg(test)]
    pub(crate) fn heard() -> Self {
        Self { heard: Arc::new(AtomicBool::new(true)), runtime: None }
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
