//! `workflow.webhook` as it is written.

use schemars::JsonSchema;

use super::values::{Named, SecretText, SecretUrl, SocketAddress, WebhookMethod};

/// Where the service delivers results as they come.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
#[schemars(extend("anyOf" = [{"required": ["listen"]}, {"required": ["forward"]}]))]
#[schemars(extend("dependentRequired" = {"public_url": ["listen"]}))]
#[schemars(extend("if" = {"required": ["listen"]}, "then" = {"properties": {"forward": {"maxItems": 4}}}))]
pub(super) struct Webhook {
    /// The address and port on which our own receiver listens while a run lives.
    listen: SocketAddress,
    /// How the service reaches our receiver from outside: the address of your proxy or tunnel. It may be left out when
    /// both are on this machine.
    public_url: SecretUrl,
    /// Further receivers, which are yours: flowbatch passes them on to the service and does not hear of them again.
    #[schemars(length(max = 5))]
    forward: Vec<Forward>,
}

/// A further receiver.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
#[schemars(extend("required" = ["url"]))]
pub(super) struct Forward {
    /// The HTTP method.
    #[schemars(extend("default" = "POST"))]
    method: WebhookMethod,
    /// The receiver's address; one with a user or a query may not be written out.
    url: SecretUrl,
    /// What the service sends along, such as `Authorization: Bearer ${NAME}`.
    headers: Named<SecretText>,
}
