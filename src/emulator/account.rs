//! The endpoints beside the runs: the key's verification, the run log, the list of credits, and wrong paths.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, Request as HttpRequest, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::answer::{self, Object, quoted};
use super::behaviour::{Access, KeyKind, Verify, WrongMethod};
use super::draw::RunId;
use super::shared::Shared;
use super::store::Entry;
use super::witness::Request;

/// The longest span of time that credits are listed for (§9): 30 days.
const CREDITS_SPAN_MS: u64 = 30 * 24 * 60 * 60 * 1000;

type Parameters = BTreeMap<String, String>;

/// Handles `GET /v1/api-key/verify`.
pub(super) async fn verify(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    if let Some(refusal) = shared.refuse(Request::Verify, &headers) {
        return refusal;
    }
    let definition = &shared.definition;
    let kind = match definition.behaviour.key.kind {
        KeyKind::Workflow => "workflow",
        KeyKind::Agent => "agent",
    };
    let mut object = Object::new();
    match definition.behaviour.verify {
        Verify::Camel => object.text("entityType", kind).text("entityId", &definition.workflow_id),
        Verify::Snake => object.text("entity_type", kind).text("entity_id", &definition.workflow_id),
        Verify::Enveloped => {
            let mut data = Object::new();
            data.text("type", kind).text("id", &definition.workflow_id);
            object.raw("code", "0").text("message", "OK").raw("data", &data.finish())
        }
        Verify::Missing => return no_such_path_answer(&shared),
    };
    answer::json(200, object.finish())
}

fn parameters(uri: &Uri) -> Result<Parameters, String> {
    Query::try_from_uri(uri).map(|Query(given)| given).map_err(|error| error.to_string())
}

/// One page of a list.
struct Page {
    number: usize,
    size: usize,
}

/// What lists are asked by.
struct Listing {
    from_ms: u64,
    to_ms: u64,
    page: Page,
}

impl Listing {
    fn of(parameters: &Parameters, sizes: std::ops::RangeInclusive<usize>) -> Result<Self, String> {
        let number = |name: &str| match parameters.get(name) {
            None => Ok(None),
            Some(text) => text.parse::<u64>().map(Some).map_err(|_| format!("`{name}` is no number")),
        };
        let needed = |name: &str| number(name)?.ok_or_else(|| format!("`{name}` is required"));
        let size = usize::try_from(number("page_size")?.unwrap_or(20)).unwrap_or(usize::MAX);
        if !sizes.contains(&size) {
            return Err(format!("`page_size` must lie between {} and {}", sizes.start(), sizes.end()));
        }
        let page = usize::try_from(number("page")?.unwrap_or(1)).unwrap_or(usize::MAX);
        if page == 0 {
            return Err("`page` starts at 1".to_owned());
        }
        Ok(Self {
            from_ms: needed("start_time")?,
            to_ms: needed("end_time")?,
            page: Page { number: page, size },
        })
    }

    fn answer(&self, rows: &[String], total: usize) -> String {
        let mut object = Object::new();
        object
            .raw("list", &format!("[{}]", rows.join(",")))
            .number("total", total)
            .number("page", self.page.number)
            .number("page_size", self.page.size);
        object.finish()
    }

    fn page<T>(&self, all: &[T]) -> Vec<T>
    where
        T: Clone,
    {
        let skip = (self.page.number - 1).saturating_mul(self.page.size);
        all.iter().skip(skip).take(self.page.size).cloned().collect()
    }
}

/// Handles `GET /v1/workflow/run/logs` (§10).
pub(super) async fn logs(State(shared): State<Arc<Shared>>, headers: HeaderMap, uri: Uri) -> Response {
    if let Some(refusal) = shared.refuse(Request::Logs, &headers) {
        return refusal;
    }
    let behaviour = &shared.definition.behaviour;
    match behaviour.log.access {
        Access::Allowed => {}
        Access::Forbidden => {
            return shared.error(behaviour.error.forbidden, "the key may not read the run log");
        }
        Access::Missing => return no_such_path_answer(&shared),
    }
    let given = match parameters(&uri) {
        Ok(given) => given,
        Err(message) => return shared.invalid(&message),
    };
    let kind = given.get("conversation_type").map(String::as_str);
    if !matches!(kind, Some("ALL" | "API" | "AGENT" | "SHARE" | "C_WORKFLOW")) {
        return shared.invalid("`conversation_type` must be ALL, API, AGENT, SHARE or C_WORKFLOW");
    }
    let listing = match Listing::of(&given, 10..=100) {
        Ok(listing) => listing,
        Err(message) => return shared.invalid(&message),
    };
    let listed_ms = shared.clock.now_ms().saturating_sub(behaviour.log.lag.ms());
    // All runs here came by the API.
    let found: Vec<(RunId, Entry)> = if matches!(kind, Some("ALL" | "API")) {
        let user_id = given.get("user_id").map(String::as_str);
        let to_ms = listing.to_ms.min(listed_ms);
        let store = shared.store();
        store.between(listing.from_ms, to_ms, user_id).map(|(id, entry)| (id, entry.clone())).collect()
    } else {
        Vec::new()
    };
    let mut rows = Vec::new();
    for (id, entry) in listing.page(&found) {
        let Some(run) = shared.particulars(&entry) else { return shared.broken() };
        let mut row = Object::new();
        row.text("log_id", &format!("{:024x}", id.0 >> 32)).text("workflow_run_id", &id.to_string());
        row.text("user_id", run.user_id.as_deref().unwrap_or_default()).text("input", run.input.get());
        let output = run.result.output.as_deref().filter(|_| entry.finished());
        row.raw("output", &output.map_or_else(|| "null".to_owned(), |output| quoted(output.get())));
        row.number("create_time", entry.accepted_ms);
        rows.push(row.finish());
    }
    answer::json(200, listing.answer(&rows, found.len()))
}

/// Handles `GET /v1/account/workflow/run/credits` (§9).
pub(super) async fn credits(State(shared): State<Arc<Shared>>, headers: HeaderMap, uri: Uri) -> Response {
    if let Some(refusal) = shared.refuse(Request::Credits, &headers) {
        return refusal;
    }
    let asked = parameters(&uri).and_then(|given| Ok((Listing::of(&given, 1..=100)?, given)));
    let (listing, given) = match asked {
        Ok(asked) => asked,
        Err(message) => return shared.invalid(&message),
    };
    if listing.to_ms.saturating_sub(listing.from_ms) > CREDITS_SPAN_MS {
        return shared.invalid("the span of time is longer than 30 days");
    }
    let wanted = given.get("run_id").map(|id| RunId::parse(id));
    let found: Vec<(RunId, Entry)> = {
        let store = shared.store();
        let listed = store.between(listing.from_ms, listing.to_ms, None);
        listed
            .filter(|(id, entry)| entry.finished() && wanted.is_none_or(|wanted| wanted == Some(*id)))
            .map(|(id, entry)| (id, entry.clone()))
            .collect()
    };
    let row = |(id, entry): (RunId, Entry)| {
        let cost = entry.cost.to_string();
        let mut row = Object::new();
        row.text("run_id", &id.to_string()).number("run_start_time", entry.accepted_ms).raw("chat", &cost);
        for service in [
            "anonymization",
            "asr",
            "tts",
            "rerank",
            "database_processing",
            "tool_call",
            "knowledge_doc_indexing",
            "question_tag",
        ] {
            row.raw(service, "0");
        }
        row.raw("total", &cost);
        row.finish()
    };
    let rows: Vec<String> = listing.page(&found).into_iter().map(row).collect();
    answer::json(200, listing.answer(&rows, found.len()))
}

/// Handles every path that the API does not have.
pub(super) async fn no_such_path(State(shared): State<Arc<Shared>>, request: HttpRequest) -> Response {
    shared.refuse(Request::Other, request.headers()).unwrap_or_else(|| no_such_path_answer(&shared))
}

fn no_such_path_answer(shared: &Shared) -> Response {
    let invalid = shared.definition.behaviour.error.invalid;
    answer::json(404, answer::envelope(&shared.definition.behaviour, invalid.code, "no such path"))
}

/// Handles a wrong HTTP method on a path that the API has (§8).
pub(super) async fn wrong_method(State(shared): State<Arc<Shared>>, request: HttpRequest) -> Response {
    if let Some(refusal) = shared.refuse(Request::Other, request.headers()) {
        return refusal;
    }
    let behaviour = &shared.definition.behaviour;
    let status = match behaviour.invoke.wrong_method {
        WrongMethod::NotAllowed => 405,
        WrongMethod::NotFound => 404,
        WrongMethod::ErrorIn200 => 200,
    };
    answer::json(
        status,
        answer::envelope(behaviour, behaviour.error.invalid.code, "the method is not supported"),
    )
}
