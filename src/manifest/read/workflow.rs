//! `workflow`: who runs it, and how it is talked to.

use std::path::PathBuf;
use std::time::Duration;

use crate::manifest::environment::lone_variable;
use crate::manifest::load::Secrets;
use crate::manifest::mask::has_credentials;
use crate::manifest::read::notify;
use crate::manifest::read::pin;
use crate::manifest::read::reader::Reader;
use crate::manifest::read::section::{Entry, Section};
use crate::manifest::read::templates::When;
use crate::manifest::read::webhook;
use crate::manifest::tree::Kind;
use crate::manifest::{
    FirstPoll, Mode, NotifySpec, PollSpec, Price, Provider, Secret, SecretSource, Tls, WorkflowSpec, units,
};
use crate::mapping::{Reference, Template};

/// The keys whose values may be shown in an excerpt; `api_key` is known, and hidden when it is a literal.
pub(in crate::manifest) const WORKFLOW_KEYS: [&str; 16] = [
    "provider",
    "definition",
    "region",
    "base_url",
    "api_key",
    "mode",
    "poll",
    "user_id",
    "flow_file",
    "price",
    "tls",
    "connect_timeout",
    "keep_alive",
    "body_limit",
    "pin",
    "webhook",
];

const REGIONS: [(&str, &str); 3] = [
    ("sg", "https://api-sg.gptbots.ai"),
    ("th", "https://api-th.gptbots.ai"),
    ("jp", "https://api-jp.gptbots.ai"),
];

const DEFAULT_KEY: &str = "GPTBOTS_API_KEY";

/// Keys that only a provider reached over the network has.
const REMOTE: [&str; 4] = ["region", "base_url", "api_key", "tls"];

const SHORTEST_POLL: Duration = Duration::from_millis(100);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Gptbots,
    Emulator,
    Later,
}

/// Reads `workflow`.
pub(super) fn read(reader: &mut Reader<'_>, entry: Entry) -> Option<WorkflowSpec> {
    let mut section = reader.section(entry)?;
    let words = [("gptbots", Word::Gptbots), ("emulator", Word::Emulator), ("http", Word::Later)];
    let word = match section.take("provider") {
        None => Some(Word::Gptbots),
        Some(entry) => match reader.word(&entry, &words) {
            Some(Word::Later) => reader.refuse(
                &entry,
                "can't be `http` in this version of flowbatch yet",
                Some("`gptbots` or `emulator`"),
            ),
            word => word,
        },
    };
    let provider = match word {
        Some(Word::Emulator) => read_emulator(reader, &mut section),
        Some(Word::Gptbots) => read_gptbots(reader, &mut section),
        // What the other keys mean is not known.
        Some(Word::Later) | None => {
            for key in REMOTE.into_iter().chain(["definition"]) {
                section.take(key);
            }
            None
        }
    };
    let modes = [("async", Mode::Async), ("sync", Mode::Sync)];
    let mode = section.take("mode").and_then(|entry| reader.word(&entry, &modes)).unwrap_or(Mode::Async);
    let poll = section.take("poll");
    let poll = read_poll(reader, poll);
    let pin = section.take("pin").and_then(|entry| pin::read(reader, entry));
    let user_id = section
        .take("user_id")
        .map_or_else(|| Template::parse("{{row_tag}}").ok(), |entry| read_user_id(reader, &entry));
    let flow_file = section.take("flow_file").and_then(|entry| reader.file(&entry));
    let price = section.take("price").and_then(|entry| read_price(reader, entry));
    let tls = section.take("tls").and_then(|entry| read_tls(reader, entry)).unwrap_or_default();
    let mut duration = |key: &'static str, range, default| {
        section.take(key).and_then(|entry| reader.duration(&entry, range)).unwrap_or(default)
    };
    let connect_timeout = duration(
        "connect_timeout",
        Duration::from_millis(1)..=Duration::from_secs(3_600),
        Duration::from_secs(10),
    );
    let keep_alive =
        duration("keep_alive", Duration::ZERO..=Duration::from_secs(3_600), Duration::from_secs(4));
    let body_limit =
        section.take("body_limit").and_then(|entry| read_body_limit(reader, &entry)).unwrap_or(16 << 20);
    let webhook =
        section.take("webhook").and_then(|entry| webhook::read(reader, entry, provider.as_ref(), mode));
    section.finish(&mut reader.diagnostics);
    Some(WorkflowSpec {
        provider: provider?,
        mode,
        poll,
        pin,
        user_id: user_id?,
        flow_file,
        price,
        tls,
        connect_timeout,
        keep_alive,
        body_limit,
        webhook,
    })
}

/// Reads `user_id`; one that does not tell rows apart is allowed, and said.
fn read_user_id(reader: &mut Reader<'_>, entry: &Entry) -> Option<Template> {
    let mistakes = reader.diagnostics.len();
    let user_id = reader.template(entry, When::BeforeReply)?;
    let is_tag = |reference: &Reference| reference.path == ["row_tag"];
    if reader.diagnostics.len() == mistakes && !user_id.references().iter().any(is_tag) {
        let message = format!(
            "`{}` is without `{{{{row_tag}}}}`: a reply that is lost can't be found again in the provider's run log",
            entry.name
        );
        let help =
            "write `{{row_tag}}` somewhere in it, or leave `user_id` out; else such rows stay in doubt";
        reader.diagnostics.push(entry.node.place.warning(message).with_help(help));
    }
    Some(user_id)
}

fn read_emulator(reader: &mut Reader<'_>, section: &mut Section) -> Option<Provider> {
    let told = "has no meaning with `provider: emulator`, which runs on this machine";
    section.refuse(&REMOTE, told, "leave it out", &mut reader.diagnostics);
    let example = "definition: triage.workflow.yaml";
    let definition = section.need("definition", example, &mut reader.diagnostics)?;
    Some(Provider::Emulator { definition: reader.file(&definition)? })
}

fn read_gptbots(reader: &mut Reader<'_>, section: &mut Section) -> Option<Provider> {
    let help = "leave it out, or write `provider: emulator`";
    section.refuse(
        &["definition"],
        "has a meaning only with `provider: emulator`",
        help,
        &mut reader.diagnostics,
    );
    let region = section.take("region");
    let base_url = section.take("base_url");
    if let (Some(_), Some(base_url)) = (&region, &base_url) {
        let told = "can't stand beside `workflow.region`";
        reader.refuse::<()>(base_url, told, Some("keep one of the two: a region is short for its URL"));
    }
    let base_url = match (&region, &base_url) {
        (_, Some(entry)) => read_base_url(reader, entry),
        (Some(entry), None) => reader.word(entry, &REGIONS).map(str::to_owned),
        (None, None) => Some(REGIONS[0].1.to_owned()),
    };
    let api_key = match section.take("api_key") {
        Some(entry) => read_secret(reader, entry),
        None => Some(default_secret(reader, section)),
    };
    Some(Provider::Gptbots { base_url: base_url?, api_key: api_key? })
}

/// Reports the variables of secrets where anything else uses them; asked when all else is read.
pub(super) fn check_secrets_stay(
    reader: &mut Reader<'_>,
    workflow: &WorkflowSpec,
    notify: Option<&NotifySpec>,
) {
    let api_key = match &workflow.provider {
        Provider::Gptbots { api_key, .. } => Some((api_key, "the API key", "workflow.api_key")),
        Provider::Emulator { .. } => None,
    };
    let webhook = workflow.webhook.iter().flat_map(webhook::sources);
    let webhook = webhook.map(|source| (source, "a secret", "workflow.webhook"));
    let notify = notify.into_iter().flat_map(notify::sources);
    let notify = notify.map(|source| (source, "a secret", "notify"));
    for (source, what, where_to) in api_key.into_iter().chain(webhook).chain(notify) {
        if let SecretSource::Variable { name, .. } = source
            && let Some((_, place)) = reader.env.get(name)
        {
            let message = format!("`{name}` holds {what}, and may stand only in `{where_to}`");
            let help = "what else is sent or written must not hold a secret";
            reader.diagnostics.push(place.error(message).with_help(help));
        }
    }
}

fn default_secret(reader: &mut Reader<'_>, section: &Section) -> SecretSource {
    let value = variable(reader, DEFAULT_KEY);
    if value.is_none() && reader.secrets == Secrets::Needed {
        let message =
            format!("the environment variable `{DEFAULT_KEY}`, which holds the API key, is not set");
        let help = format!(
            "set {DEFAULT_KEY} to the key of the workflow's Integration → API page, or name another source: \
             `api_key: ${{NAME}}` or `api_key: {{file: PATH}}`; `provider: emulator` needs no key"
        );
        reader.diagnostics.push(section.place.error(message).with_help(help));
    }
    SecretSource::Variable { name: DEFAULT_KEY.to_owned(), value }
}

fn read_base_url(reader: &mut Reader<'_>, entry: &Entry) -> Option<String> {
    let help = "write a URL such as `https://api-sg.gptbots.ai`";
    let text = reader.full_text(entry)?;
    if has_credentials(&text) {
        return reader.refuse(
            entry,
            "has a user name or a password in it",
            Some("the key belongs into `api_key`"),
        );
    }
    let uri = text.parse::<http::Uri>().ok();
    let is_good = uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.query().is_none()
    });
    if is_good && !text.contains('#') {
        Some(text.trim_end_matches('/').to_owned())
    } else {
        reader.refuse(entry, "must be an `http` or `https` URL without a query", Some(help))
    }
}

/// Looks up a secret's variable; one that is set to nothing counts as not set.
fn variable(reader: &Reader<'_>, name: &str) -> Option<Secret> {
    (reader.environment)(name)
        .map(|value| value.trim().to_owned())
        .filter(|value| !value.is_empty())
        .map(Secret::new)
}

/// Reads a secret: `${NAME}` or `{file: PATH}`. What else was written is never shown.
fn read_secret(reader: &mut Reader<'_>, entry: Entry) -> Option<SecretSource> {
    let help = format!("write `${{{DEFAULT_KEY}}}` and set that variable, or `{{file: PATH}}`");
    match &entry.node.kind {
        Kind::Broken => None,
        Kind::Map(_) => read_secret_file(reader, entry, "file: /run/secrets/gptbots"),
        Kind::Scalar(scalar) if scalar.is_null() => reader.refuse(&entry, "has no value", Some(&help)),
        Kind::Scalar(scalar) => match lone_variable(&scalar.text) {
            Some(found) if found.default.is_none() => Some(read_secret_variable(reader, &entry, found.name)),
            Some(_) => reader.refuse(&entry, "is a secret, and a secret has no default", Some(&help)),
            None => reader.refuse(&entry, "is a secret, and may not be written out", Some(&help)),
        },
        Kind::List(_) => reader.refuse(&entry, "must be one secret, not a list", Some(&help)),
    }
}

/// Reads `{file: PATH}`.
pub(super) fn read_secret_file(reader: &mut Reader<'_>, entry: Entry, example: &str) -> Option<SecretSource> {
    let mut section = reader.section(entry)?;
    let file = section.need("file", example, &mut reader.diagnostics);
    section.finish(&mut reader.diagnostics);
    let file = file?;
    let path = reader.path(&file)?;
    let is_there = reader.secrets != Secrets::Needed || reader.exists(&file, &path);
    is_there.then_some(SecretSource::File(path))
}

/// Looks up a secret's variable, and reports it when it is needed and not set.
pub(super) fn read_secret_variable(reader: &mut Reader<'_>, entry: &Entry, name: &str) -> SecretSource {
    let value = variable(reader, name);
    if value.is_none() && reader.secrets == Secrets::Needed {
        let diagnostic = entry.node.place.error(format!("the environment variable `{name}` is not set"));
        reader.diagnostics.push(diagnostic.with_help(format!("set {name} before the run")));
    }
    SecretSource::Variable { name: name.to_owned(), value }
}

fn read_poll(reader: &mut Reader<'_>, entry: Option<Entry>) -> PollSpec {
    let default = (Duration::from_secs(2), Duration::from_secs(15));
    let mut poll = PollSpec { first: FirstPoll::Auto, interval: None };
    let Some(mut section) = entry.and_then(|entry| reader.section(entry)) else { return poll };
    if let Some(entry) = section.take("first")
        && let Some(first) = reader.parsed(&entry, "`auto` or a duration", |text| match text {
            "auto" => Ok(FirstPoll::Auto),
            _ => match units::duration(text)? {
                first if first <= DAY => Ok(FirstPoll::After(first)),
                _ => Err("at most 24h".to_owned()),
            },
        })
    {
        poll.first = first;
    }
    if let Some(entry) = section.take("interval")
        && !matches!(&entry.node.kind, Kind::Scalar(scalar) if scalar.text == "auto")
    {
        poll.interval = reader.durations(&entry, default, SHORTEST_POLL);
    }
    section.finish(&mut reader.diagnostics);
    poll
}

fn read_price(reader: &mut Reader<'_>, entry: Entry) -> Option<Price> {
    let mut section = reader.section(entry)?;
    let unit = section.need("unit", "unit: credit", &mut reader.diagnostics);
    let unit =
        unit.and_then(|entry| word(reader, &entry, "a word such as `credit`", |text| text.len() <= 32));
    let per_unit = section.need("per_unit", r#"per_unit: "0.01""#, &mut reader.diagnostics);
    let per_unit = per_unit.and_then(|entry| reader.amount(&entry));
    let currency = section.need("currency", "currency: USD", &mut reader.diagnostics);
    let is_currency = |text: &str| text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase());
    let currency =
        currency.and_then(|entry| word(reader, &entry, "three capitals such as `USD`", is_currency));
    section.finish(&mut reader.diagnostics);
    Some(Price { unit: unit?, per_unit: per_unit?, currency: currency? })
}

/// Reads a word of ASCII letters that can stand behind a number.
fn word(
    reader: &mut Reader<'_>,
    entry: &Entry,
    wanted: &str,
    is_good: impl Fn(&str) -> bool,
) -> Option<String> {
    let text = reader.text(entry)?;
    let is_word = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_');
    if is_word && is_good(&text) {
        Some(text)
    } else {
        reader.refuse(entry, &format!("must be {wanted}"), None)
    }
}

fn read_tls(reader: &mut Reader<'_>, entry: Entry) -> Option<Tls> {
    let mut section = reader.section(entry)?;
    let ca = section.take("ca").and_then(|entry| reader.file(&entry));
    section.finish(&mut reader.diagnostics);
    Some(Tls { ca })
}

fn read_body_limit(reader: &mut Reader<'_>, entry: &Entry) -> Option<u64> {
    let limit = reader.parsed(entry, "a size", units::bytes)?;
    if (1 << 10..=1 << 30).contains(&limit) {
        Some(limit)
    } else {
        reader.refuse(entry, "must lie between 1KiB and 1GiB", None)
    }
}

/// Stands in for a workflow that can't be read, while the rest of the manifest is looked through for mistakes.
pub(super) fn stand_in() -> Option<WorkflowSpec> {
    Some(WorkflowSpec {
        provider: Provider::Emulator { definition: PathBuf::new() },
        mode: Mode::Async,
        poll: PollSpec { first: FirstPoll::Auto, interval: None },
        pin: None,
        user_id: Template::parse("{{row_tag}}").ok()?,
        flow_file: None,
        price: None,
        tls: Tls::default(),
        connect_timeout: Duration::ZERO,
        keep_alive: Duration::ZERO,
        body_limit: 0,
        webhook: None,
    })
}
