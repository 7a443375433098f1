//! Two of the runs compared, from the results that they have: nothing is derived here, since nothing is written.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;

use crate::compare::{Options, Source, compare, is_current, render_page};
use crate::journal::Found;
use crate::serve::Shared;
use crate::serve::pages::{Here, broken, missing, read};

/// Which runs: `MANIFEST/RUN`, the baseline first.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    a: String,
    b: String,
}

/// Why there is no page.
enum Refused {
    Missing,
    Not(String),
}

pub(super) async fn page(State(shared): Here, Query(asked): Query<Asked>) -> Response {
    let Ok(_turn) = shared.comparing.acquire().await else { return broken() };
    match read(Arc::clone(&shared), move |shared| compared(shared, &asked)).await {
        Some(Ok(page)) => Html(page).into_response(),
        Some(Err(Refused::Missing)) => missing(),
        Some(Err(Refused::Not(why))) => (StatusCode::CONFLICT, format!("{why}\n")).into_response(),
        None => broken(),
    }
}

fn compared(shared: &Shared, asked: &Asked) -> Result<String, Refused> {
    let [before, now] = [found(shared, &asked.a)?, found(shared, &asked.b)?];
    let paths = [&before, &now].map(|it| format!("/runs/{}/{}/", encoded(&it.manifest), encoded(&it.run_id)));
    let [before, now] = [source(&before)?, source(&now)?];
    let comparison = compare(before, now, Options::of_page()).map_err(|why| Refused::Not(why.to_string()))?;
    Ok(render_page(&comparison, Some(paths)))
}

fn found(shared: &Shared, asked: &str) -> Result<Found, Refused> {
    let (manifest, run_id) = asked.split_once('/').ok_or(Refused::Missing)?;
    shared.watch.find(manifest, run_id).ok_or(Refused::Missing)
}

fn source(found: &Found) -> Result<Source, Refused> {
    let name = format!("{}/{}", found.manifest, found.run_id);
    if found.folder.is_locked() {
        return Err(Refused::Not(format!("a process works on {name}: it can be compared when it has ended")));
    }
    if !is_current(&found.folder) {
        let told = "results.jsonl is missing or older than its journal";
        return Err(Refused::Not(format!("{name}: {told}; `flowbatch report` of the run writes it")));
    }
    Source::of_run(&found.folder).map_err(|why| Refused::Not(why.to_string()))
}

/// A name as a part of a path.
fn encoded(name: &str) -> String {
    let mut path = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    path
}
