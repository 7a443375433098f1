//! The top level of a manifest.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::manifest::environment::Used;
use crate::manifest::load::{Environment, Overrides, Secrets};
use crate::manifest::names::{did_you_mean, is_plain_name, wrong_name};
use crate::manifest::read::kept::Kept;
use crate::manifest::read::reader::Reader;
use crate::manifest::read::section::{Entry, Section};
use crate::manifest::read::{
    checks, dataset, gates, input, limits, notify, output, reuse, schedule, workflow,
};
use crate::manifest::scalar::to_json;
use crate::manifest::tree::{self, Kind, Node, Place};
use crate::manifest::{Diagnostic, Layer, Manifest, Schedule, Texts, layers};
use crate::mapping::InputTemplate;
use crate::model::{Repeats, ScheduledFor};

/// What a manifest is read with, beside its tree.
pub(in crate::manifest) struct Context<'a> {
    /// The path, as the user gave it.
    pub(in crate::manifest) path: &'a Path,
    /// The folder that paths start from.
    pub(in crate::manifest) folder: &'a Path,
    /// The file's bytes.
    pub(in crate::manifest) bytes: &'a [u8],
    /// Its text, and those of its layers.
    pub(in crate::manifest) texts: &'a Texts,
    /// The layers, lowest first.
    pub(in crate::manifest) layers: &'a [Layer],
    /// What the command line changes.
    pub(in crate::manifest) overrides: &'a Overrides,
    /// Whether secrets must be set.
    pub(in crate::manifest) secrets: Secrets,
    /// Where they are looked up.
    pub(in crate::manifest) environment: Environment<'a>,
}

/// The folder of a run in which copies of files lie that its reports need.
pub const KEPT: &str = "kept";

/// Reads a manifest from its tree. The list has every mistake; what is wrong or missing has a stand-in, and only a
/// missing dataset leaves nothing to go on with.
pub(in crate::manifest) fn read(
    root: Node,
    env: Used,
    context: &Context<'_>,
) -> (Option<Manifest>, Vec<Diagnostic>) {
    let mut reader = Reader {
        texts: context.texts,
        folder: context.folder,
        environment: context.environment,
        secrets: context.secrets,
        slot: None,
        vars: Map::new(),
        declared_vars: Vec::new(),
        used_vars: Vec::new(),
        env,
        references: Vec::new(),
        conditions: Vec::new(),
        kept: Kept { folder: run_folder(context), ..Kept::default() },
        diagnostics: Vec::new(),
    };
    let Kind::Map(entries) = root.kind else {
        let told = format!("a manifest is a map of keys and values, not {}", root.noun());
        return (None, vec![root.place.error(told)]);
    };
    // What is missing is missing in the manifest itself, whose text comes before those of its layers.
    let keys = entries.iter().filter_map(|(key, _)| key.place.span());
    let first_key = keys.min_by_key(|span| span.start).map(Place::File);
    let section = Section::new("", first_key.unwrap_or(root.place), entries);
    let manifest = read_sections(&mut reader, section, context);
    (manifest, reader.diagnostics)
}

fn read_sections(reader: &mut Reader<'_>, mut root: Section, context: &Context<'_>) -> Option<Manifest> {
    let name = read_head(reader, &mut root);
    let description = root.take("description").and_then(|entry| reader.text(&entry));
    let labels = reader.named(root.take("labels"), Reader::text);
    let schedule = read_schedule(reader, root.take("schedule"), name.as_deref(), context);
    reader.vars = read_vars(reader, root.take("vars"), &context.overrides.vars);

    let workflow = root.need("workflow", "workflow: {provider: gptbots}", &mut reader.diagnostics);
    let workflow = workflow.and_then(|entry| workflow::read(reader, entry));
    let dataset = dataset::read(reader, &mut root, context.overrides.dataset.as_deref());
    let input = root.need("input", r#"input: {question: "{{row.question}}"}"#, &mut reader.diagnostics);
    let input = input.and_then(|entry| input::read(reader, &entry));
    let price = workflow.as_ref().and_then(|workflow| workflow.price.as_ref());
    let limits = limits::read(reader, root.take("limits"), price);
    let accept = limits::read_accept(reader, root.take("accept"));
    let entry = root.take("checks");
    let checks = checks::read(reader, entry.clone(), price);
    let known = checks::known(entry.as_ref(), &checks);
    let checks_text = entry.as_ref().and_then(|entry| to_json(&entry.node).ok()).unwrap_or_default();
    let reuse = reuse::read(reader, root.take("reuse"));
    let entry = root.take("baseline");
    let baseline = gates::read_baseline(reader, entry.as_ref());
    let repeats = dataset.as_ref().map_or_else(Repeats::default, |(dataset, _)| dataset.repeats);
    let group_by = output::read_report(reader, root.take("report"));
    let groups: Vec<_> = group_by.iter().map(|(name, _)| name.clone()).collect();
    let gates = gates::read(reader, root.take("gates"), (&known, &groups), entry.is_some(), repeats, price);
    let key = dataset.as_ref().and_then(|(dataset, _)| dataset.key.clone());
    let output = output::read(reader, root.take("output"), key.as_deref());
    let require_clean = root.take("require_clean").and_then(|entry| reader.boolean(&entry));
    let notify = notify::read(reader, root.take("notify"));
    if let Some(workflow) = &workflow {
        workflow::check_secrets_stay(reader, workflow, notify.as_ref());
    }
    check_vars_given(reader, &context.overrides.vars);
    root.drop_own();
    root.finish(&mut reader.diagnostics);
    let (dataset, mut places) = dataset?;
    places.conditions = std::mem::take(&mut reader.conditions);
    Some(Manifest {
        path: context.path.to_path_buf(),
        folder: PathBuf::from(context.folder),
        source: context.bytes.to_vec(),
        name: name.unwrap_or_default(),
        description,
        labels,
        vars: std::mem::take(&mut reader.vars),
        env: std::mem::take(&mut reader.env).into_iter().map(|(name, (value, _))| (name, value)).collect(),
        workflow: workflow.map_or_else(workflow::stand_in, Some)?,
        dataset,
        input: input.unwrap_or(InputTemplate::Object(Vec::new())),
        limits,
        accept,
        checks,
        checks_text: checks_text.to_string(),
        reuse,
        baseline: baseline.and_then(|(_, found)| found),
        gates,
        kept: layers::kept(context.layers, std::mem::take(&mut reader.kept.files)),
        notify,
        require_clean: require_clean.unwrap_or(false),
        output,
        group_by,
        schedule,
        slot: reader.slot.take(),
        references: std::mem::take(&mut reader.references),
        layers: context.layers.to_vec(),
        texts: context.texts.clone(),
        places,
    })
}

/// Reads `schedule`, and which of its slots the manifest is read for, which templates are checked by.
fn read_schedule(
    reader: &mut Reader<'_>,
    entry: Option<Entry>,
    name: Option<&str>,
    context: &Context<'_>,
) -> Option<Schedule> {
    let schedule = schedule::read(reader, entry, name);
    reader.slot = context.overrides.schedule.clone().map(|slot| with_previous(slot, schedule.as_ref()));
    schedule
}

/// Looks up the slot before the one that a run is of, unless it is given.
fn with_previous(mut slot: ScheduledFor, schedule: Option<&Schedule>) -> ScheduledFor {
    let before = || schedule?.calendar.previous(slot.slot.parse().ok()?);
    if slot.previous_slot.is_none() {
        slot.previous_slot = before().map(|before| before.nominal.to_string());
    }
    slot
}

/// The folder of the run whose manifest is read: what it was begun with lies beside it.
fn run_folder(context: &Context<'_>) -> Option<PathBuf> {
    let is_frozen = context.overrides.folder.is_some();
    context.path.parent().filter(|_| is_frozen).map(|folder| folder.join(KEPT))
}

/// Reads what says which manifest it is, and gives its name. What `extends` names was read before all else.
fn read_head(reader: &mut Reader<'_>, root: &mut Section) -> Option<String> {
    root.take("extends");
    if let Some(version) = root.need("version", "version: 1", &mut reader.diagnostics) {
        read_version(reader, &version);
    }
    let name = root.need("name", "name: support-triage", &mut reader.diagnostics);
    name.and_then(|name| read_name(reader, &name))
}

fn read_version(reader: &mut Reader<'_>, entry: &Entry) {
    let Some(version) = reader.whole(entry, 0..=u64::MAX) else { return };
    if version != 1 {
        let told = format!("is {version}, and this flowbatch knows version 1");
        reader.refuse::<()>(entry, &told, Some("write `version: 1`, or use a newer flowbatch"));
    }
}

fn read_name(reader: &mut Reader<'_>, entry: &Entry) -> Option<String> {
    let name = reader.text(entry)?;
    match wrong_name(&name) {
        None => Some(name),
        Some(told) => reader.refuse(entry, told, Some("the name becomes a folder, such as `support-triage`")),
    }
}

/// Reads `vars`, and puts the command line's in their places.
fn read_vars(
    reader: &mut Reader<'_>,
    entry: Option<Entry>,
    given: &[(String, String)],
) -> Map<String, Value> {
    let read = |reader: &mut Reader<'_>, entry: &Entry| {
        let name = entry.name.strip_prefix("vars.").unwrap_or_default();
        if !(name.is_ascii() && is_plain_name(name)) {
            let told = format!("`{name}` can't name a variable");
            let help = "the letters a to z and A to Z, digits and `_`, and not a digit first";
            reader.diagnostics.push(entry.key.error(told).with_help(help));
        }
        Some(json(reader, &entry.node))
    };
    let mut vars: Map<String, Value> = reader.named(entry, read).into_iter().collect();
    reader.declared_vars = vars.keys().cloned().collect();
    for (name, text) in given {
        let Some(value) = given_value(vars.get(name), text) else {
            let message = format!("--var {name}: the value can't be read as the manifest's `vars.{name}` is");
            let help = "give a value of the same type";
            reader.diagnostics.push(Diagnostic::error(None, message).with_help(help));
            continue;
        };
        vars.insert(name.clone(), value);
    }
    vars
}

/// Reads the value of `--var`: text, unless the manifest gives the variable another type.
fn given_value(declared: Option<&Value>, text: &str) -> Option<Value> {
    match declared {
        None | Some(Value::String(_) | Value::Null) => Some(Value::from(text)),
        Some(declared) => {
            let (node, diagnostics) = tree::parse(text).ok()?;
            let value = to_json(&node).ok().filter(|_| diagnostics.is_empty())?;
            (std::mem::discriminant(&value) == std::mem::discriminant(declared)).then_some(value)
        }
    }
}

/// Reports variables of the command line that the manifest neither declares nor uses: a slip of the pen would
/// otherwise go unseen.
fn check_vars_given(reader: &mut Reader<'_>, given: &[(String, String)]) {
    for (name, _) in given {
        if reader.used_vars.contains(name) || reader.declared_vars.contains(name) {
            continue;
        }
        let names: Vec<&str> = reader.declared_vars.iter().map(String::as_str).collect();
        let message = format!("--var {name}: the manifest has no `vars.{name}`");
        let help =
            if names.is_empty() { "it declares no `vars`".to_owned() } else { did_you_mean(name, &names) };
        reader.diagnostics.push(Diagnostic::error(None, message).with_help(help));
    }
}

/// Reads any JSON, without templates; what is wrong stays a variable, so that its users are not wrong too.
fn json(reader: &mut Reader<'_>, node: &Node) -> Value {
    to_json(node).unwrap_or_else(|(node, message)| {
        reader.diagnostics.push(node.place.error(message).with_help("write it in quotes, as text"));
        Value::Null
    })
}
