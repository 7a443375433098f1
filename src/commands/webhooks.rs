//! Webhooks of a run: our receiver, started when the manifest asks for one, and what an invoke is to carry.

use tokio::sync::mpsc;

use crate::commands::{Failure, Host};
use crate::manifest::{Secret, WebhookSpec};
use crate::workflow::{Delivery, Receiver, ReceiverSettings, Tokens, Webhooks, webhook_secrets};

/// What a run's webhooks come to.
#[derive(Default)]
pub(crate) struct Hooked {
    pub(crate) webhooks: Webhooks,
    /// What replies must not bring back.
    pub(crate) secrets: Vec<Secret>,
    pub(crate) receiver: Option<Receiver>,
    pub(crate) deliveries: Option<mpsc::Receiver<Delivery>>,
}

/// Starts the receiver, if there is to be one.
pub(crate) async fn start(
    spec: Option<&WebhookSpec>,
    api_key: &Secret,
    run_id: &str,
    body_limit: u64,
) -> Result<Hooked, Failure> {
    let Some(spec) = spec else { return Ok(Hooked::default()) };
    let (webhooks, secrets) = (Webhooks::forwarding(spec)?, webhook_secrets(spec)?);
    let Some(ours) = &spec.receiver else { return Ok(Hooked { webhooks, secrets, ..Hooked::default() }) };
    let tokens = Tokens::new(api_key, run_id);
    let known = secrets.iter().chain([api_key]).cloned().collect();
    let settings =
        ReceiverSettings { listen: ours.listen, tokens: tokens.clone(), body_limit, secrets: known };
    let (receiver, deliveries) = Receiver::start(settings).await?;
    let public_url = match &ours.public_url {
        Some(text) => text.read().map_err(crate::workflow::Error::Webhook)?,
        None => Secret::new(format!("http://{}", receiver.address())),
    };
    let webhooks = webhooks.with_receiver(public_url.expose(), tokens)?;
    Ok(Hooked { webhooks, secrets, receiver: Some(receiver), deliveries: Some(deliveries) })
}

/// Stops the receiver, and tells of requests that it refused.
pub(crate) async fn stop(receiver: Option<Receiver>, host: &mut dyn Host) {
    let Some(receiver) = receiver else { return };
    let refused = receiver.stop().await;
    if refused > 0 {
        host.say(&format!(
            "{refused} requests to the webhook receiver had no right token and were refused; after a change of the \
             API key, deliveries for earlier rows do so, and those rows are polled"
        ));
    }
}
