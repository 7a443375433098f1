//! What is answered to each path.

use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{Html, IntoResponse, Response};
use futures::Stream;
use futures::stream::unfold;
use serde_json::json;

use crate::report::served_page;
use crate::serve::Shared;
use crate::serve::progress::{Progress, has_report};

const LIST: &str = include_str!("list.js");
const LIVE: &str = include_str!("live.js");

/// Between two events of a run that somebody looks at.
const INTERVAL: Duration = Duration::from_secs(1);

pub(super) type Here = State<Arc<Shared>>;

/// Reading folds journals, which is no work for the thread that answers.
pub(super) async fn read<T: Send + 'static>(
    shared: Arc<Shared>,
    work: impl FnOnce(&Shared) -> T + Send + 'static,
) -> Option<T> {
    tokio::task::spawn_blocking(move || work(&shared)).await.ok()
}

pub(super) fn broken() -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, "the runs could not be read\n").into_response()
}

pub(super) fn missing() -> Response {
    (StatusCode::NOT_FOUND, "there is no such run\n").into_response()
}

pub(super) async fn list() -> Html<String> {
    Html(served_page("flowbatch: runs", LIST))
}

pub(super) async fn list_json(State(shared): Here) -> Response {
    match read(shared, |shared| shared.watch.all()).await {
        Some(all) => axum::Json(json!({"runs": all})).into_response(),
        None => broken(),
    }
}

/// The report of a run that does not go on, else the page that follows it.
pub(super) async fn run(State(shared): Here, Path((manifest, run)): Path<(String, String)>) -> Response {
    let found = read(shared, move |shared| {
        let found = shared.watch.find(&manifest, &run)?;
        let is_over = !found.folder.is_locked() && has_report(&found.folder);
        let report = if is_over { std::fs::read(found.folder.file("report.html")).ok() } else { None };
        Some((found.run_id, report))
    });
    match found.await {
        None => broken(),
        Some(None) => missing(),
        Some(Some((_, Some(report)))) => {
            ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], report).into_response()
        }
        Some(Some((run_id, None))) => {
            Html(served_page(&format!("flowbatch: {run_id}"), LIVE)).into_response()
        }
    }
}

/// How a run stands, every second while it is looked at; after a run's end one last time.
pub(super) async fn events(
    State(shared): Here,
    Path((manifest, run)): Path<(String, String)>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Response> {
    let names = (manifest.clone(), run.clone());
    let known = read(Arc::clone(&shared), move |shared| shared.watch.find(&names.0, &names.1).is_some());
    if known.await != Some(true) {
        return Err(missing());
    }
    let first = Some((shared, manifest, run, Duration::ZERO));
    Ok(Sse::new(unfold(first, |state| async move {
        let (shared, manifest, run, wait) = state?;
        tokio::time::sleep(wait).await;
        let names = (manifest.clone(), run.clone());
        let progress = read(Arc::clone(&shared), move |shared| {
            let found = shared.watch.find(&names.0, &names.1)?;
            Some(shared.watch.progress(&found))
        });
        let progress = progress.await.flatten()?;
        let event = Event::default().json_data(&progress).ok()?;
        let goes_on = progress.status == "running" || !progress.report;
        Some((Ok(event), goes_on.then_some((shared, manifest, run, INTERVAL))))
    })))
}

pub(super) async fn ready(State(shared): Here) -> Response {
    match read(shared, |shared| shared.watch.is_ready()).await {
        Some(true) => "ready\n".into_response(),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "the folder of runs can't be read\n").into_response(),
    }
}

/// The newest run of each manifest.
pub(super) async fn metrics(State(shared): Here) -> Response {
    let Some(all) = read(shared, |shared| shared.watch.all()).await else { return broken() };
    let form = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, form)], written(&all)).into_response()
}

fn written(all: &[Progress]) -> String {
    let mut newest: Vec<&Progress> = Vec::new();
    for run in all {
        if !newest.iter().any(|there| there.manifest == run.manifest) {
            newest.push(run);
        }
    }
    let mut text = String::new();
    let mut family = |name: &str, help: &str, samples: &dyn Fn(&Progress) -> Vec<(String, String)>| {
        let _ = writeln!(text, "# TYPE flowbatch_{name} gauge\n# HELP flowbatch_{name} {help}");
        for run in &newest {
            for (labels, value) in samples(run) {
                let manifest = run.manifest.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
                let _ = writeln!(text, "flowbatch_{name}{{manifest=\"{manifest}\"{labels}}} {value}");
            }
        }
    };
    let single = |value: String| vec![(String::new(), value)];
    family("running", "Whether a process works on the newest run.", &|run| {
        single(u8::from(run.status == "running").to_string())
    });
    family("rows", "Rows of the newest run by outcome.", &|run| {
        let rows = &run.rows;
        let counts = [
            ("succeeded", rows.succeeded),
            ("failed", rows.failed),
            ("in_doubt", rows.in_doubt),
            ("rejected", rows.rejected),
            ("not_run", rows.not_run),
        ];
        counts.map(|(outcome, count)| (format!(",outcome=\"{outcome}\""), count.to_string())).to_vec()
    });
    family("cost", "What the service reported for the newest run.", &|run| single(run.cost.to_string()));
    family("tokens", "Tokens of the newest run.", &|run| single(run.tokens.to_string()));
    family("throttled", "Answers of the newest run that asked to slow down.", &|run| {
        single(run.throttled.to_string())
    });
    text.push_str("# EOF\n");
    text
}
