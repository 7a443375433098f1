//! `workflow.webhook`: our own receiver, and where else the service delivers results. Addresses and headers may carry
//! tokens, so they are secrets.

use std::net::SocketAddr;

use crate::manifest::environment::{Piece, pieces};
use crate::manifest::mask::has_credentials;
use crate::manifest::read::reader::Reader;
use crate::manifest::read::section::Entry;
use crate::manifest::read::workflow::{read_secret_file, read_secret_variable};
use crate::manifest::secret::SecretPart;
use crate::manifest::tree::Kind;
use crate::manifest::{Forward, Mode, Provider, ReceiverSpec, SecretSource, SecretText, WebhookSpec};

/// How many entries the service takes, ours included (gptbots-workflow-api.md, section 3).
const MOST: usize = 5;

/// What may be written out in a text that may be secret.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Literal {
    /// Nothing.
    Refused,
    /// An address that carries no token: without a user, a query and a fragment.
    Address,
}

/// Reads `workflow.webhook`.
pub(super) fn read(
    reader: &mut Reader<'_>,
    entry: Entry,
    provider: Option<&Provider>,
    mode: Mode,
) -> Option<WebhookSpec> {
    let place = entry.key.clone();
    if mode == Mode::Sync {
        let message = "`workflow.webhook` can't stand beside `mode: sync`";
        let help = "the service delivers webhooks of asynchronous runs only: leave one of the two out";
        reader.diagnostics.push(place.error(message).with_help(help));
    }
    let mut section = reader.section(entry)?;
    let listen = section.take("listen").and_then(|entry| {
        let read = reader.parsed(&entry, "an address and a port", address);
        Some((entry, read?))
    });
    let public_url = section.take("public_url");
    if let (None, Some(entry)) = (&listen, &public_url) {
        let help = "add `listen: 127.0.0.1:9000`, where it is received, or leave it out";
        reader.refuse::<()>(entry, "needs `workflow.webhook.listen`", Some(help));
    }
    let is_given = public_url.is_some();
    let public_url = public_url.and_then(|entry| read_url(reader, &entry));
    if let Some((entry, listen)) = &listen
        && !is_given
        && !(listen.ip().is_loopback() && provider.is_none_or(is_on_this_machine))
    {
        let help = "add `public_url: https://…`, by which the service reaches it from outside";
        reader.refuse::<()>(entry, "needs `workflow.webhook.public_url` beside it", Some(help));
    }
    let forward = section.take("forward");
    if listen.is_none() && forward.is_none() {
        let message = "`workflow.webhook` names no receiver";
        let help = "give it `listen` and `public_url`, or `forward`, or leave it out";
        reader.diagnostics.push(place.error(message).with_help(help));
    }
    let forward = forward.map_or_else(Vec::new, |entry| read_forward(reader, entry, listen.is_some()));
    section.finish(&mut reader.diagnostics);
    let receiver = listen.map(|(_, listen)| ReceiverSpec { listen, public_url });
    Some(WebhookSpec { receiver, forward })
}

/// Gives where the secrets of webhooks come from.
pub(super) fn sources(webhook: &WebhookSpec) -> impl Iterator<Item = &SecretSource> {
    let public_url = webhook.receiver.iter().filter_map(|receiver| receiver.public_url.as_ref());
    let forward = webhook.forward.iter().flat_map(|forward| {
        std::iter::once(&forward.url).chain(forward.headers.iter().map(|(_, value)| value))
    });
    public_url.chain(forward).flat_map(SecretText::sources)
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let numeric = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let address = numeric.as_deref().unwrap_or(text).parse();
    address.map_err(|_| "write it like `127.0.0.1:9000`, or `0.0.0.0:9000` for every interface".to_owned())
}

/// Says whether the provider can reach an address that exists on this machine only.
fn is_on_this_machine(provider: &Provider) -> bool {
    let Provider::Gptbots { base_url, .. } = provider else { return true };
    is_loopback(base_url)
}

pub(in crate::manifest) fn is_loopback(url: &str) -> bool {
    let uri = url.parse::<http::Uri>();
    let host = uri.as_ref().ok().and_then(http::Uri::host).unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn read_forward(reader: &mut Reader<'_>, entry: Entry, ours: bool) -> Vec<Forward> {
    let most = MOST - usize::from(ours);
    let whole = entry.clone();
    let items = reader.list(entry).unwrap_or_default();
    if items.len() > most {
        let told = format!("has {} entries, and {most} is the most", items.len());
        let help = if ours {
            "the service takes five webhooks, and our own receiver is one of them"
        } else {
            "the service takes five webhooks"
        };
        reader.refuse::<()>(&whole, &told, Some(help));
    }
    items.into_iter().filter_map(|item| read_one(reader, item)).collect()
}

fn read_one(reader: &mut Reader<'_>, entry: Entry) -> Option<Forward> {
    let mut section = reader.section(entry)?;
    let methods = [("POST", "POST"), ("GET", "GET")];
    let method = match section.take("method") {
        Some(entry) => reader.word(&entry, &methods),
        None => Some("POST"),
    };
    let url = section.need("url", "url: https://example.com/done", &mut reader.diagnostics);
    let url = url.and_then(|entry| read_url(reader, &entry));
    let headers = section.take("headers").map_or_else(Vec::new, |entry| read_headers(reader, entry));
    section.finish(&mut reader.diagnostics);
    Some(Forward { method: method?, url: url?, headers })
}

/// Reads headers, whose values may be secrets.
pub(super) fn read_headers(reader: &mut Reader<'_>, entry: Entry) -> Vec<(String, SecretText)> {
    reader.named(Some(entry), |reader, entry| {
        let name = entry.name.rsplit('.').next().unwrap_or_default();
        if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            return reader.refuse(entry, "is no name that a header can have", None);
        }
        let text = read_text(reader, entry.clone(), Literal::Refused)?;
        let is_good = known(&text).is_none_or(|value| http::HeaderValue::try_from(value).is_ok());
        if is_good { Some(text) } else { reader.refuse(entry, "has a value that no header can have", None) }
    })
}

/// Reads an address that may carry a token; one that surely does may not be written out.
pub(super) fn read_url(reader: &mut Reader<'_>, entry: &Entry) -> Option<SecretText> {
    let text = read_text(reader, entry.clone(), Literal::Address)?;
    check_url(reader, entry, text)
}

/// Reads an address that is a secret as a whole, as those of chats are; one on this machine may be written out.
pub(super) fn read_secret_url(reader: &mut Reader<'_>, entry: &Entry) -> Option<SecretText> {
    let is_local = matches!(&entry.node.kind, Kind::Scalar(scalar) if is_loopback(&scalar.text));
    let literal = if is_local { Literal::Address } else { Literal::Refused };
    let text = read_text(reader, entry.clone(), literal)?;
    check_url(reader, entry, text)
}

fn check_url(reader: &mut Reader<'_>, entry: &Entry, text: SecretText) -> Option<SecretText> {
    let is_url = |value: String| {
        value.parse::<http::Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some_and(|host| !host.is_empty())
        })
    };
    if known(&text).is_none_or(is_url) {
        return Some(text);
    }
    // What it is stays untold: it may hold a secret.
    reader.refuse(entry, "must be an `http` or `https` URL", Some("write it like `https://example.com/done`"))
}

/// Gives the text when all of it is known by now; a file is read only when it is needed.
fn known(text: &SecretText) -> Option<String> {
    let unread = text.sources().any(|source| matches!(source, SecretSource::File(_)));
    if unread { None } else { Some(text.read().ok()?.expose().to_owned()) }
}

/// Reads a text whose secrets stand in it as `${NAME}`, or which is one as a whole: `{file: PATH}`.
fn read_text(reader: &mut Reader<'_>, entry: Entry, literal: Literal) -> Option<SecretText> {
    let help = "write `${NAME}` in its place and set that variable, or `{file: PATH}`";
    let text = match &entry.node.kind {
        Kind::Map(_) => {
            let source = read_secret_file(reader, entry, "file: /run/secrets/webhook")?;
            return Some(SecretText(vec![SecretPart::Secret(source)]));
        }
        Kind::Broken => return None,
        Kind::List(_) => return reader.refuse(&entry, "must be one text, not a list", Some(help)),
        Kind::Scalar(scalar) if scalar.is_null() || scalar.text.trim().is_empty() => {
            return reader.refuse(&entry, "has no value", Some(help));
        }
        Kind::Scalar(scalar) => scalar.text.clone(),
    };
    let mut parts = Vec::new();
    for piece in pieces(&text) {
        parts.push(match piece {
            Piece::Text(text) => SecretPart::Text(text.to_owned()),
            Piece::Malformed => {
                let help = "`${` starts a variable: `${NAME}`";
                return reader.refuse(&entry, "has a variable that can't be read", Some(help));
            }
            Piece::Variable(found) if found.default.is_some() => {
                return reader.refuse(&entry, "is a secret, and a secret has no default", Some(help));
            }
            Piece::Variable(found) => SecretPart::Secret(read_secret_variable(reader, &entry, found.name)),
        });
    }
    let is_literal = parts.iter().all(|part| matches!(part, SecretPart::Text(_)));
    if is_literal && (literal == Literal::Refused || has_credentials(&text) || text.contains(['?', '#'])) {
        return reader.refuse(&entry, "may hold a secret, and may not be written out", Some(help));
    }
    Some(SecretText(parts))
}
