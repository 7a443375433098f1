//! `run --dry-run`: shows the first requests as they would be sent, and sends nothing.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::commands::prepare::prepare;
use crate::commands::{Done, Failure, Host, estimate};
use crate::manifest::{Mode, Overrides, Provider, Secrets, WebhookSpec};
use crate::runner::Renderer;

/// Requests that are shown.
const SHOWN: usize = 3;

/// Shows the first requests.
pub(crate) fn rehearse(
    path: &Path,
    overrides: &Overrides,
    as_json: bool,
    host: &mut dyn Host,
) -> Result<Done, Failure> {
    let sound = prepare(path, overrides, Secrets::NotNeeded, None, host)?;
    sound.warnings.iter().for_each(|warning| host.say(warning));
    let manifest = Arc::clone(&sound.manifest);
    let base_url = match &manifest.workflow.provider {
        Provider::Gptbots { base_url, .. } => base_url.clone(),
        Provider::Emulator { .. } => "http://127.0.0.1:PORT".to_owned(),
    };
    let renderer = Renderer::new(Arc::clone(&manifest), "RUN".to_owned(), sound.schema);
    let mut shown = Vec::new();
    sound.dataset.read(&sound.survey.selection, &mut |item| {
        let prepared = renderer.prepare(item);
        shown.push(match prepared.content {
            Ok(content) => {
                let mut body = json!({
                    "userId": content.user_id,
                    "input": serde_json::from_str::<Value>(content.journal_input.get()).unwrap_or_default(),
                    "isAsync": manifest.workflow.mode == Mode::Async,
                });
                if let Some(webhook) = &manifest.workflow.webhook {
                    body["webhook"] = webhooks(webhook);
                }
                json!({
                    "row_number": prepared.number,
                    "row_key": prepared.key,
                    "request": {
                        "method": "POST",
                        "url": format!("{base_url}/v1/workflow/invoke"),
                        "headers": {"Authorization": "Bearer [secret]", "Content-Type": "application/json"},
                        "body": body,
                    },
                })
            }
            Err(error) => json!({"row_number": prepared.number, "row_key": prepared.key, "rejected": error}),
        });
        if shown.len() == SHOWN { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    host.say(&format!(
        "{}: {}, nothing is sent",
        manifest.name,
        estimate::rows(sound.survey.selection.len())
    ));
    if as_json {
        let rows = sound.survey.selection.len();
        let object =
            json!({"run_id": null, "run_dir": null, "exit_code": 0, "selected": rows, "requests": shown});
        return Ok(Done::with(format!("{object}\n")));
    }
    let mut output = String::new();
    for request in shown {
        output.push_str(&serde_json::to_string_pretty(&request).unwrap_or_default());
        output.push('\n');
    }
    Ok(Done::with(output))
}

/// Shows the webhooks of a request: what stands in their addresses and headers is secret, or may be.
fn webhooks(spec: &WebhookSpec) -> Value {
    let ours = spec.receiver.iter().map(|_| json!({"method": "POST", "url": "[secret]"}));
    let forward = spec.forward.iter().map(|one| {
        let headers: Map<_, _> =
            one.headers.iter().map(|(name, _)| (name.clone(), json!("[secret]"))).collect();
        json!({"method": one.method, "url": "[secret]", "headers": headers})
    });
    ours.chain(forward).collect()
}
