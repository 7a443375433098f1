//! `workflow` as it is written.

use schemars::JsonSchema;

use super::values::{
    Amount, Currency, Duration, FilePath, FirstPoll, FullText, Mode, Named, OnDrift, PollInterval, Provider,
    Region, Secret, SecretText, SecretUrl, Size, SocketAddress, TemplateText, Url, WebhookMethod, Word,
};

/// The workflow that is run for each row.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
#[schemars(extend("allOf" = [
    {
        "if": {"properties": {"provider": {"const": "emulator"}}, "required": ["provider"]},
        "then": {
            "required": ["definition"],
            "properties": {"region": false, "base_url": false, "api_key": false, "tls": false},
        },
        "else": {
            "if": {"properties": {"provider": {"not": {"pattern": r"\$\{"}}}},
            "then": {"properties": {"definition": false}},
        },
    },
    {"not": {"required": ["region", "base_url"]}},
    {
        "if": {"properties": {"mode": {"const": "sync"}}, "required": ["mode"]},
        "then": {"properties": {"webhook": false}},
    },
]))]
pub(super) struct Workflow {
    /// Who runs the workflow.
    #[schemars(extend("default" = "gptbots"))]
    provider: Provider,
    /// The emulator's workflow: a small YAML file, or a `.flow` export. Only with `provider: emulator`.
    definition: FilePath,
    /// The provider's data centre.
    #[schemars(extend("default" = "sg"))]
    region: Region,
    /// The provider's address in place of a region, for private deployments.
    base_url: Url,
    /// The API key, which may not be written out.
    #[schemars(extend("default" = "${GPTBOTS_API_KEY}"))]
    api_key: Secret,
    /// `async` submits and then polls; `sync` waits for the reply.
    #[schemars(extend("default" = "async"))]
    mode: Mode,
    /// When results are asked for.
    poll: Poll,
    /// Which version of the workflow must answer. The first row then goes alone, until its version is known.
    pin: Pin,
    /// What the provider's run log knows the row by; by default our row tag, by which a lost reply can be found. One
    /// without `{{row_tag}}` is warned of.
    #[schemars(extend("default" = "{{row_tag}}"))]
    user_id: TemplateText,
    /// A `.flow` export whose Start node the input is checked against before anything is sent.
    flow_file: FilePath,
    /// What the unit of cost is worth.
    price: Price,
    /// How the provider's certificate is checked.
    tls: Tls,
    /// How long a connection may take to come about.
    #[schemars(extend("default" = "10s"))]
    connect_timeout: Duration,
    /// How long an idle connection may be used again.
    #[schemars(extend("default" = "4s"))]
    keep_alive: Duration,
    /// The largest reply that is taken, from 1KiB to 1GiB.
    #[schemars(extend("default" = "16MiB"))]
    body_limit: Size,
    /// Where the service delivers results as they come; they are asked for all the same. At most five
    /// receivers, ours included; not with `mode: sync`.
    webhook: Webhook,
}

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

/// When results are asked for.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
pub(super) struct Poll {
    /// When a row is polled first; `auto` learns it from the rows that have finished.
    #[schemars(extend("default" = "auto"))]
    first: FirstPoll,
    /// The shortest and the longest time between two polls of a row; `auto` learns them too, so that results are fetched
    /// within a tenth of what runs take.
    #[schemars(extend("default" = "auto"))]
    interval: PollInterval,
}

/// Which version of the workflow must answer.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
#[schemars(extend("anyOf" = [{"required": ["version"]}, {"required": ["workflow_id"]}]))]
pub(super) struct Pin {
    /// The version, as the service reports it, in quotes: `"1.0.1"`.
    version: FullText,
    /// The workflow's id, as the service reports it.
    workflow_id: FullText,
    /// What an answer from another one does: it stops the run with exit code 4, or is counted in a note of the report.
    #[schemars(extend("default" = "stop"))]
    on_drift: OnDrift,
}

/// What the unit of cost is worth.
#[derive(Default, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Price {
    /// The unit in which the provider counts, such as `credit`.
    unit: Word,
    /// What one unit costs, exactly.
    per_unit: Amount,
    /// The currency of that price, such as `USD`.
    currency: Currency,
}

/// How the provider's certificate is checked.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
pub(super) struct Tls {
    /// A PEM file with further certificate authorities.
    ca: FilePath,
}
