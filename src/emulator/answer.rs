//! The bodies of answers: results, acceptances and errors, in the forms that the switches choose.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use axum::response::Response;

use super::behaviour::{
    Behaviour, Envelope, ErrorForm, ExtraKeys, FailedCost, FailedOutput, FailedReason, Form, NumberForm,
    OutputForm, RetryAfter, TimeForm, Unfinished,
};
use super::clock::Clock;
use super::definition::Definition;
use super::fault::Fault;
use super::run::Run;

/// The media type of nearly every answer.
const JSON: &str = "application/json";

/// A JSON object that is written member by member. Keys are our own and need no escapes.
#[derive(Debug)]
pub(super) struct Object(String);

impl Object {
    pub(super) fn new() -> Self {
        Self(String::with_capacity(512))
    }

    /// Adds a member whose value is JSON already.
    pub(super) fn raw(&mut self, key: &str, value: &str) -> &mut Self {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.0.push('"');
        self.0.push_str(key);
        self.0.push_str("\":");
        self.0.push_str(value);
        self
    }

    pub(super) fn text(&mut self, key: &str, value: &str) -> &mut Self {
        self.raw(key, &quoted(value))
    }

    pub(super) fn number(&mut self, key: &str, value: impl std::fmt::Display) -> &mut Self {
        self.raw(key, &value.to_string())
    }

    pub(super) fn finish(mut self) -> String {
        if self.0.is_empty() {
            self.0.push('{');
        }
        self.0.push('}');
        self.0
    }
}

/// Writes a text as JSON.
pub(super) fn quoted(text: &str) -> String {
    // A text can always be written.
    serde_json::to_string(text).unwrap_or_default()
}

/// Which keys name the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ids {
    All,
    /// All but the run id: a fault.
    NoRunId,
}

impl Ids {
    pub(super) fn of(fault: Fault) -> Self {
        if fault == Fault::NoRunId { Self::NoRunId } else { Self::All }
    }
}

/// An answer before anything spoils it.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) status: u16,
    pub(super) media_type: &'static str,
    pub(super) body: String,
}

impl Ready {
    pub(super) fn json(status: u16, body: String) -> Self {
        Self { status, media_type: JSON, body }
    }

    pub(super) fn page(status: u16, title: &str) -> Self {
        let body = format!(
            "<html><head><title>{title}</title></head><body><center><h1>{title}</h1></center></body></html>"
        );
        Self { status, media_type: "text/html", body }
    }

    pub(super) fn into_response(self) -> Response {
        with_body(self.status, self.media_type, Body::from(self.body))
    }
}

fn ids(object: &mut Object, definition: &Definition, run: &Run, ids: Ids) {
    if definition.behaviour.invoke.form == Form::Current {
        object
            .text("workflowId", &definition.workflow_id)
            .text("workflowName", &definition.name)
            .text("workflowVersion", &definition.version);
    }
    if ids == Ids::All {
        object.text("workflowRunId", &run.id.to_string());
    }
}

fn figure(object: &mut Object, form: NumberForm, key: &str, digits: &str) {
    match form {
        NumberForm::Number => object.raw(key, digits),
        NumberForm::Text => object.text(key, digits),
        NumberForm::AsNull => object.raw(key, "null"),
        NumberForm::Absent => object,
    };
}

fn time(object: &mut Object, form: TimeForm, key: &str, ms: u64) {
    match form {
        TimeForm::Integer => object.number(key, ms),
        TimeForm::Decimal => object.raw(key, &format!("{ms}.0")),
        TimeForm::Text => object.text(key, &ms.to_string()),
    };
}

fn extras(object: &mut Object, behaviour: &Behaviour) {
    if behaviour.number.extra_keys == ExtraKeys::Some {
        object
            .text("traceId", "00000000")
            .raw("nodes", "[{\"id\":\"s\",\"type\":\"START\"}]")
            .raw("code", "0");
    }
}

/// Writes the result of a run that has ended.
pub(super) fn result(definition: &Definition, run: &Run, end_ms: u64, which: Ids) -> String {
    let behaviour = &definition.behaviour;
    let mut object = Object::new();
    ids(&mut object, definition, run, which);
    object.raw("input", run.input.get());
    output(&mut object, behaviour, run);
    let times = behaviour.number.times;
    time(&mut object, times, "workflowExecutionTime", run.result.execution_ms);
    object.text("status", run.final_status());
    let told = !(run.result.failed && behaviour.failed.cost == FailedCost::Untold);
    if told {
        figure(&mut object, behaviour.number.cost, "totalCost", &run.result.cost.to_string());
    }
    figure(&mut object, behaviour.number.tokens, "totalTokens", &run.result.tokens.to_string());
    time(&mut object, times, "startTime", run.start_ms());
    time(&mut object, times, "endTime", end_ms);
    if run.result.failed {
        reason(&mut object, behaviour);
    }
    extras(&mut object, behaviour);
    object.finish()
}

fn output(object: &mut Object, behaviour: &Behaviour, run: &Run) {
    let Some(output) = &run.result.output else {
        match behaviour.failed.output {
            FailedOutput::Absent => {}
            FailedOutput::AsNull => drop(object.raw("output", "null")),
            FailedOutput::Empty => drop(object.raw("output", "{}")),
        }
        return;
    };
    match behaviour.output.form {
        OutputForm::Object => object.raw("output", output.get()),
        OutputForm::JsonText => object.text("output", output.get()),
        OutputForm::Empty => object.raw("output", "{}"),
        OutputForm::AsNull => object.raw("output", "null"),
        OutputForm::Absent => object,
    };
}

fn reason(object: &mut Object, behaviour: &Behaviour) {
    const WHY: &str = "the node llm_1 failed: the model gave no answer";
    match behaviour.failed.reason {
        FailedReason::None => object,
        FailedReason::Message => object.text("message", WHY),
        FailedReason::Error => object.text("error", WHY),
        FailedReason::ErrorMessage => object.text("errorMessage", WHY),
        FailedReason::CodeAndMessage => object.raw("code", "50000").text("message", WHY),
    };
}

/// Writes a run that has not ended.
pub(super) fn unfinished(
    definition: &Definition,
    run: &Run,
    status: &str,
    form: Unfinished,
    which: Ids,
) -> String {
    let behaviour = &definition.behaviour;
    let mut object = Object::new();
    ids(&mut object, definition, run, which);
    match form {
        Unfinished::Ids => {}
        Unfinished::Nulls => {
            for key in [
                "input",
                "output",
                "workflowExecutionTime",
                "totalCost",
                "totalTokens",
                "startTime",
                "endTime",
            ] {
                object.raw(key, "null");
            }
        }
        Unfinished::Whole => {
            object.raw("input", run.input.get()).raw("output", "{}");
            time(&mut object, behaviour.number.times, "workflowExecutionTime", 0);
            figure(&mut object, behaviour.number.cost, "totalCost", "0");
            figure(&mut object, behaviour.number.tokens, "totalTokens", "0");
            time(&mut object, behaviour.number.times, "startTime", run.start_ms());
        }
    }
    object.text("status", status);
    extras(&mut object, behaviour);
    object.finish()
}

/// Makes an answer of JSON.
pub(super) fn json(status: u16, body: String) -> Response {
    Ready::json(status, body).into_response()
}

/// Makes an answer with a body of a media type.
pub(super) fn with_body(status: u16, media_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    // A definition's statuses were checked when it was read.
    *response.status_mut() = status.try_into().unwrap_or_default();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// Writes the body of an error.
pub(super) fn envelope(behaviour: &Behaviour, code: i64, message: &str) -> String {
    let mut object = Object::new();
    match behaviour.error.envelope {
        Envelope::CodeMessage => object.number("code", code).text("message", message),
        Envelope::CodeMsg => object.number("code", code).text("msg", message),
        Envelope::Nested => {
            let mut inner = Object::new();
            inner.number("code", code).text("message", message);
            object.raw("error", &inner.finish())
        }
    };
    object.finish()
}

/// Makes an answer of an error.
pub(super) fn error(behaviour: &Behaviour, form: ErrorForm, message: &str) -> Response {
    json(form.status, envelope(behaviour, form.code, message))
}

/// Adds `Retry-After`, in the form that a switch chooses.
pub(super) fn retry_after(
    mut response: Response,
    behaviour: &Behaviour,
    clock: &Clock,
    wait: Duration,
) -> Response {
    // Whole seconds are all that the header can say: rounded up, so that a client never comes too early.
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let value: Cow<'_, str> = match behaviour.error.retry_after {
        RetryAfter::Absent => return response,
        RetryAfter::Seconds => seconds.to_string().into(),
        RetryAfter::Date => clock.http_date(seconds).into(),
    };
    put(&mut response, RETRY_AFTER, &value);
    response
}

/// Makes a redirect.
pub(super) fn redirect(to: &str) -> Response {
    let mut response = Ready::page(307, "307 Temporary Redirect").into_response();
    put(&mut response, LOCATION, to);
    response
}

fn put(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
