//! Drives a prepared run: the provider, the runner, then everything that is derived from the journal.

use std::sync::Arc;
use std::time::Duration;

use serde_json::value::to_raw_value;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

use crate::commands::prepare::Sound;
use crate::commands::{Failure, Host, Watched, identity, rates, reuse, webhooks};
use crate::control::Watch;
use crate::emulator::{Definition, Emulator, Options};
use crate::fail_point::{self, Point};
use crate::journal::{Index, RunFolder, Writer};
use crate::manifest::{Limits, Manifest, Provider, Secret};
use crate::model::{ExitCode, Outcome, ProcessStarted, Reason, RunEvent, RunState};
use crate::runner::{self, Job, Plan, Recovery, Renderer};
use crate::workflow::{Asks, Gptbots, Settings, Webhooks};

/// How long a drain may last when nobody watches and the manifest does not say.
const DRAIN: Duration = Duration::from_secs(20);

/// A run that is ready to go: its journal is open, and the process's own first events are still to be written.
pub(crate) struct Session {
    pub(crate) sound: Sound,
    pub(crate) folder: RunFolder,
    pub(crate) run_id: String,
    pub(crate) writer: Writer,
    pub(crate) state: RunState,
    /// What this process changes before it goes on: settings, reopened rows, rows added.
    pub(crate) changes: Vec<RunEvent>,
}

/// What a run came to.
pub(crate) struct Ran {
    pub(crate) state: RunState,
    /// Where the journal tells of each row, when this process has written all of it.
    pub(crate) index: Option<Index>,
}

/// Runs what remains, and gives what the journal says in the end.
pub(crate) fn execute(session: Session, host: &mut dyn Host) -> Result<Ran, Failure> {
    let Session { sound, folder, run_id, mut writer, mut state, changes } = session;
    let manifest = Arc::clone(&sound.manifest);
    let added = changes.iter().any(|event| matches!(event, RunEvent::Selected(_)));
    begin_process(&mut writer, &mut state, &manifest, changes)?;
    writer.keep_reserve(manifest.limits.concurrency.max)?;
    fail_point::pass(Point::ReserveKept);
    let renderer = Renderer::new(Arc::clone(&manifest), run_id.clone(), sound.schema.clone());
    let mut into = reuse::Into { folder: &folder, writer: &mut writer, state: &mut state };
    reuse::take(&mut into, &sound, &renderer, added, host)?;
    let done = Outcome::ALL.iter().map(|outcome| state.ended(*outcome)).sum();
    let watched = Watched { rows: state.counts().total, done, cost_unit: cost_unit(&manifest) };
    let observer = host.observer(&watched);
    let runtime = runtime(&manifest)?;
    let (signal, signals) = mpsc::channel(4);
    runtime.block_on(async {
        host.watch_signals(signal);
        let (emulator, mut settings) = provider(&manifest, sound.definition.as_ref(), &folder).await?;
        let spec = manifest.workflow.webhook.as_ref();
        let hooked = webhooks::start(spec, &settings.api_key, &run_id, settings.body_limit).await?;
        (settings.webhooks, settings.secrets) = (hooked.webhooks, hooked.secrets);
        let deliveries = hooked.deliveries;
        let kept = rates::keep(&manifest.limits, &mut settings, emulator.is_some(), &state, host);
        let workflow = Arc::new(Gptbots::new(settings)?);
        let delivery = manifest.limits.delivery;
        let plan = Plan::of(&state, delivery);
        let (send, poll) = (plan.send.len(), plan.poll.len());
        tracing::info!(
            run_id,
            process = state.processes(),
            send,
            poll,
            doubt = plan.doubt.len(),
            "the run goes on"
        );
        let limits = limits_in_force(&manifest, host);
        let recovery = Recovery { journal: folder.journal(), renderer: renderer.clone(), run_id };
        let ahead = renderer.ahead();
        let source = runner::read(sound.dataset, renderer, plan.send.clone())
            .map_err(|error| Failure::environment(Reason::Disk, error.to_string()))?;
        let job = Job {
            workflow,
            plan,
            source,
            ahead,
            deliveries,
            limits,
            poll: manifest.workflow.poll,
            pin: manifest.workflow.pin.clone(),
            delivery,
            writer,
            control: Some(Watch::new(folder.path(), state.processes())),
            state,
            recovery: Some(Arc::new(recovery)),
            pace: kept.pace,
            allowance: kept.allowance,
            asks: kept.asks,
            signals,
        };
        let finished = runner::run(job, observer).await?;
        webhooks::stop(hooked.receiver, host).await;
        if let Some(emulator) = emulator {
            emulator.stop().await;
        }
        // The lock is let go with the writer, once the last event is durable.
        drop(finished.writer);
        Ok(Ran { state: finished.state, index: finished.index })
    })
}

/// Of more rows in flight than this, so many come back at once that one thread keeps the last of them waiting.
const ONE_THREAD: usize = 64;

/// Makes the runtime of a command that talks to the provider. Subtle: as a rule one thread does it all, which takes a fifth
/// less CPU for a row, since none is handed from one thread to another; journal and dataset have threads of their
/// own. An emulator in this process gets more.
pub(crate) fn runtime(manifest: &Manifest) -> Result<Runtime, Failure> {
    let is_embedded = matches!(manifest.workflow.provider, Provider::Emulator { .. });
    let mut builder = if is_embedded || manifest.limits.concurrency.max > ONE_THREAD {
        Builder::new_multi_thread()
    } else {
        Builder::new_current_thread()
    };
    builder
        .enable_all()
        .build()
        .map_err(|error| Failure::environment(Reason::Disk, format!("no threads could be started: {error}")))
}

fn limits_in_force(manifest: &Manifest, host: &dyn Host) -> Limits {
    let mut limits = manifest.limits.clone();
    if !host.is_interactive() {
        limits.drain.get_or_insert(DRAIN);
    }
    limits
}

/// Writes the process's first events.
pub(crate) fn begin_process(
    writer: &mut Writer,
    state: &mut RunState,
    manifest: &Manifest,
    changes: Vec<RunEvent>,
) -> Result<(), Failure> {
    let mut events = vec![RunEvent::ProcessStarted(ProcessStarted {
        process: state.processes() + 1,
        at: identity::now(),
        pid: std::process::id(),
        host: identity::host_hash(),
        settings: to_raw_value(&manifest.settings()).map_err(|e| bug(&e.to_string()))?,
    })];
    events.extend(changes);
    // What is impossible must be known before it is durable.
    let t_ms = writer.instant();
    for event in &events {
        state.apply(t_ms, event).map_err(|error| bug(&error.to_string()))?;
    }
    writer.append_at(t_ms, &events)?;
    fail_point::pass(Point::ProcessStarted);
    Ok(())
}

pub(crate) fn bug(message: &str) -> Failure {
    Failure::new(ExitCode::Bug, Reason::Bug, message)
}

pub(crate) fn cost_unit(manifest: &Manifest) -> String {
    manifest.workflow.price.as_ref().map_or_else(|| "credit".to_owned(), |price| price.unit.clone())
}

/// Starts or names the provider, and says how to reach it.
pub(crate) async fn provider(
    manifest: &Manifest,
    definition: Option<&Definition>,
    folder: &RunFolder,
) -> Result<(Option<Emulator>, Settings), Failure> {
    let (emulator, base_url, api_key) = match (&manifest.workflow.provider, definition) {
        (Provider::Gptbots { base_url, api_key }, _) => (None, base_url.clone(), secret(api_key)?),
        (Provider::Emulator { .. }, Some(definition)) => {
            // Drawn anew each time: a word of its own would be cut out of replies that happen to hold it.
            let api_key: String = std::iter::repeat_with(fastrand::alphanumeric).take(32).collect();
            let options = Options {
                port: 0,
                api_key: Some(api_key.clone()),
                ledger: Some(folder.file("emulator.jsonl")),
            };
            let emulator = Emulator::start(definition.clone(), options).await?;
            let base_url = emulator.base_url();
            (Some(emulator), base_url, Secret::new(api_key))
        }
        (Provider::Emulator { .. }, None) => return Err(bug("the emulator's definition was not read")),
    };
    let workflow = &manifest.workflow;
    let settings = Settings {
        base_url,
        api_key,
        mode: workflow.mode,
        connect_timeout: workflow.connect_timeout,
        keep_alive: workflow.keep_alive,
        body_limit: workflow.body_limit,
        ca: workflow.tls.ca.clone(),
        concurrency: manifest.limits.concurrency.max,
        secrets: Vec::new(),
        webhooks: Webhooks::default(),
        asks: Asks::default(),
    };
    Ok((emulator, settings))
}

fn secret(source: &crate::manifest::SecretSource) -> Result<Secret, Failure> {
    source.read().map_err(|error| Failure::environment(Reason::Authentication, error.to_string()))
}
