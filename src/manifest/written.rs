//! Secrets that are written out in one file of a manifest, whatever a higher layer puts in their places: a run keeps each
//! file as it is.

use crate::manifest::Diagnostic;
use crate::manifest::mask::has_credentials;
use crate::manifest::read::is_loopback;
use crate::manifest::tree::{Kind, Node};

/// Finds them, by the rules of the fields that they stand in.
pub(super) fn written(root: &Node) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if let Some(workflow) = member(root, "workflow") {
        let is_emulated = member(workflow, "provider").and_then(literal) == Some("emulator");
        if let Some(key) = member(workflow, "api_key").filter(|_| !is_emulated) {
            tell(key, "workflow.api_key", |_| true, &mut found);
        }
        if let Some(webhook) = member(workflow, "webhook") {
            of_webhook(webhook, &mut found);
        }
    }
    if let Some(notify) = member(root, "notify") {
        for name in ["url", "heartbeat"] {
            if let Some(url) = member(notify, name) {
                tell(url, &format!("notify.{name}"), |text| !is_loopback(text), &mut found);
            }
        }
        of_headers(notify, &mut found);
    }
    found
}

fn of_webhook(node: &Node, found: &mut Vec<Diagnostic>) {
    match &node.kind {
        Kind::List(items) => items.iter().for_each(|item| of_webhook(item, found)),
        Kind::Map(entries) => {
            of_headers(node, found);
            for (key, value) in entries {
                match key.text.as_str() {
                    "url" | "public_url" => {
                        let is_secret = |text: &str| has_credentials(text) || text.contains(['?', '#']);
                        tell(value, &format!("workflow.webhook.{}", key.text), is_secret, found);
                    }
                    "forward" => of_webhook(value, found),
                    _ => {}
                }
            }
        }
        Kind::Scalar(_) | Kind::Broken => {}
    }
}

fn of_headers(node: &Node, found: &mut Vec<Diagnostic>) {
    let Some(Kind::Map(headers)) = member(node, "headers").map(|headers| &headers.kind) else { return };
    for (name, value) in headers {
        tell(value, &format!("headers.{}", name.text), |_| true, found);
    }
}

fn tell(node: &Node, name: &str, is_secret: impl Fn(&str) -> bool, found: &mut Vec<Diagnostic>) {
    if literal(node).is_some_and(is_secret) {
        let told = format!(
            "`{name}` may hold a secret, and may not be written out, not even below a layer that replaces it"
        );
        let help = "write `${NAME}` in its place and set that variable, or `{file: PATH}`";
        found.push(node.place.error(told).with_help(help));
    }
}

/// A text without a variable.
fn literal(node: &Node) -> Option<&str> {
    match &node.kind {
        Kind::Scalar(scalar) if !scalar.is_null() && !scalar.text.contains("${") => Some(&scalar.text),
        _ => None,
    }
}

fn member<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    let Kind::Map(entries) = &node.kind else { return None };
    entries.iter().find(|(found, _)| found.text == key).map(|(_, node)| node)
}
