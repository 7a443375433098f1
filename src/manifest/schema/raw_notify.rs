//! `notify` as it is written.

use schemars::JsonSchema;

use super::values::{AlarmWord, Duration, Named, SecretText, SecretUrl, ShapeText};

/// Whom to tell of a run that needs someone.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
#[schemars(extend("anyOf" = [{"required": ["url"]}, {"required": ["heartbeat"]}]))]
pub(super) struct Notify {
    /// What is told; by default all of it. `missed` is for schedules.
    when: Vec<AlarmWord>,
    /// Where a POST with JSON goes.
    url: SecretUrl,
    /// What is sent along, such as `Authorization: Bearer ${NAME}`.
    headers: Named<SecretText>,
    /// The JSON that is sent, whose strings are templates over `notice`, `report`, `run`, `manifest` and `vars`.
    body: ShapeText,
    /// How long nothing more is said of what was told, while it lasts.
    #[schemars(extend("default" = "24h"))]
    repeat: Duration,
    /// What is called with GET after each run that was accepted: a dead man's switch.
    heartbeat: SecretUrl,
}
