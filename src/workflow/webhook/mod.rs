//! Webhooks: the entries that an invoke carries, and our own receiver of what they bring. It knows who may deliver; what
//! a delivery leads to is the runner's affair.

mod connection;
mod receiver;
#[cfg(test)]
mod tests;
mod token;

use std::fmt;

use serde_json::{Map, Value, json};

use crate::manifest::{Secret, WebhookSpec};
use crate::model::RowNumber;
use crate::workflow::Error;

pub use receiver::{Delivery, Receiver, ReceiverSettings};
pub use token::Tokens;
pub(super) use token::marks;

/// What an invoke asks the service to deliver, and where to.
#[derive(Clone, Default)]
pub struct Webhooks {
    ours: Option<Ours>,
    forward: Vec<Value>,
}

/// Our own receiver, as the service reaches it.
#[derive(Clone)]
struct Ours {
    public_url: String,
    tokens: Tokens,
}

impl Webhooks {
    /// Takes the user's receivers from the manifest. Fails when a secret in it can't be read, or makes no URL.
    pub fn forwarding(spec: &WebhookSpec) -> Result<Self, Error> {
        let mut forward = Vec::new();
        for one in &spec.forward {
            let url = one.url.read().map_err(Error::Webhook)?;
            check_url(url.expose(), "workflow.webhook.forward")?;
            let mut headers = Map::new();
            for (name, value) in &one.headers {
                let value = value.read().map_err(Error::Webhook)?;
                headers.insert(name.clone(), json!(value.expose()));
            }
            forward.push(json!({"method": one.method, "url": url.expose(), "headers": headers}));
        }
        Ok(Self { ours: None, forward })
    }

    /// Adds our own receiver, which the service reaches at this URL.
    pub fn with_receiver(self, public_url: &str, tokens: Tokens) -> Result<Self, Error> {
        check_url(public_url, "workflow.webhook.public_url")?;
        let public_url = public_url.trim_end_matches('/').to_owned();
        if public_url.contains(['?', '#']) {
            return Err(Error::WebhookUrl {
                key: "workflow.webhook.public_url",
                why: "it has a query or a fragment, and our path is put behind it",
            });
        }
        Ok(Self { ours: Some(Ours { public_url, tokens }), ..self })
    }

    /// Gives the run whose tokens stand in what is sent.
    pub(super) fn run_id(&self) -> Option<&str> {
        self.ours.as_ref().map(|ours| ours.tokens.run_id())
    }

    /// Writes the entries for one send of a row as a JSON list; none when there are none.
    pub(super) fn write(&self, row: RowNumber, attempt: u32) -> Option<String> {
        let ours = self.ours.iter().map(|ours| {
            let path = ours.tokens.path(row, attempt);
            json!({"method": "POST", "url": format!("{}{path}", ours.public_url)})
        });
        let entries: Vec<_> = ours.chain(self.forward.iter().cloned()).collect();
        (!entries.is_empty()).then(|| Value::Array(entries).to_string())
    }
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhooks(ours: {}, forward: {})", self.ours.is_some(), self.forward.len())
    }
}

/// Gives the secrets of webhooks, which replies must not bring back.
pub fn secrets(spec: &WebhookSpec) -> Result<Vec<Secret>, Error> {
    let public_url = spec.receiver.iter().filter_map(|receiver| receiver.public_url.as_ref());
    let forward = spec
        .forward
        .iter()
        .flat_map(|one| std::iter::once(&one.url).chain(one.headers.iter().map(|(_, v)| v)));
    let mut secrets = Vec::new();
    for text in public_url.chain(forward) {
        secrets.extend(text.secrets().map_err(Error::Webhook)?);
    }
    Ok(secrets)
}

fn check_url(text: &str, key: &'static str) -> Result<(), Error> {
    // What it is stays untold: it may hold a secret.
    match reqwest::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(()),
        _ => Err(Error::WebhookUrl { key, why: "it is no `http` or `https` URL" }),
    }
}
