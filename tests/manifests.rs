//! Every manifest that is shipped is sound: it loads, its dataset opens, its columns are there, each of its rows renders
//! to an input that its workflow takes; and together they show every key of the language.

#![expect(clippy::unwrap_used, reason = "a test says what it expects")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::ControlFlow;
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use flowbatch::dataset::{Dataset, Item, SurveyContext, attach};
use flowbatch::emulator::Definition;
use flowbatch::flow_file::InputSchema;
use flowbatch::manifest::{Manifest, Overrides, Provider, Secrets, load, schema};
use flowbatch::mapping::{Scope, ScopeParts};
use flowbatch::model::{Row, row_tag};

/// Every key of the manifest language, as a path; `input`, `vars` and their like hold the user's own names.
const KEYS: &[&str] = &[
    "version",
    "name",
    "description",
    "labels",
    "vars",
    "workflow.provider",
    "workflow.definition",
    "workflow.region",
    "workflow.base_url",
    "workflow.api_key",
    "workflow.api_key.file",
    "workflow.mode",
    "workflow.poll.first",
    "workflow.poll.interval",
    "workflow.pin.version",
    "workflow.pin.workflow_id",
    "workflow.pin.on_drift",
    "workflow.user_id",
    "workflow.flow_file",
    "workflow.price.unit",
    "workflow.price.per_unit",
    "workflow.price.currency",
    "workflow.tls.ca",
    "workflow.connect_timeout",
    "workflow.keep_alive",
    "workflow.body_limit",
    "workflow.webhook.listen",
    "workflow.webhook.public_url",
    "workflow.webhook.forward.method",
    "workflow.webhook.forward.url",
    "workflow.webhook.forward.headers",
    "dataset",
    "dataset.path",
    "dataset.format",
    "dataset.encoding",
    "dataset.delimiter",
    "dataset.key",
    "dataset.types",
    "dataset.sha256",
    "dataset.on_bad_row",
    "dataset.select.range",
    "dataset.select.where",
    "dataset.select.limit",
    "dataset.select.sample.n",
    "dataset.select.sample.seed",
    "repeat",
    "reuse.from",
    "reuse.when",
    "reuse.max_age",
    "input",
    "limits.concurrency",
    "limits.concurrency.max",
    "limits.concurrency.adaptive",
    "limits.timeout",
    "limits.deadline",
    "limits.drain",
    "limits.retry.attempts",
    "limits.retry.backoff",
    "limits.retry.also",
    "limits.retry.connect",
    "limits.retry.unavailable",
    "limits.retry.server_error",
    "limits.retry.failed",
    "limits.retry.in_doubt",
    "limits.retry.budget",
    "limits.retry.outage",
    "limits.delivery",
    "limits.budget.cost",
    "limits.budget.tokens",
    "limits.budget.cost_per_row",
    "limits.halt",
    "limits.halt.failures",
    "limits.halt.after",
    "limits.rate",
    "limits.rate.invoke",
    "limits.rate.poll",
    "limits.rate.shared",
    "limits.rate.burst",
    "limits.throttle.longest",
    "accept.failed",
    "accept.rejected",
    "accept.in_doubt",
    "checks.label.value",
    "checks.label.equals",
    "checks.label.ignore_case",
    "checks.label.ignore_space",
    "checks.label.weight",
    "checks.allowed.one_of",
    "checks.shape.json_schema",
    "checks.confident.number.min",
    "checks.confident.number.max",
    "checks.certain.number.equals",
    "checks.certain.number.tolerance",
    "checks.reply.present",
    "checks.reply.length.min",
    "checks.reply.length.max",
    "checks.reply.starts_with",
    "checks.reply.regex",
    "checks.reply.not.contains_any",
    "checks.quotes.similarity.to",
    "checks.quotes.similarity.measure",
    "checks.quotes.similarity.at_least",
    "checks.quotes.when",
    "checks.german.any.contains",
    "checks.german.any.contains_all",
    "checks.german.any.weight",
    "checks.german.all.is_json",
    "checks.quick.latency.max",
    "checks.quick.cost.max",
    "checks.quick.tokens.max",
    "checks.helpful.judge.manifest",
    "checks.helpful.judge.score",
    "checks.helpful.judge.at_least",
    "checks.helpful.judge.reason",
    "baseline",
    "gates",
    "output.dir",
    "output.durability",
    "output.formats",
    "output.redact",
    "output.columns",
    "output.csv.bom",
    "output.csv.inputs",
    "output.csv.safe",
    "output.csv.encoding",
    "output.csv.delimiter",
    "report.group_by",
    "schedule.cron",
    "schedule.time_zone",
    "schedule.dst",
    "schedule.overlap",
    "schedule.catch_up",
    "schedule.catch_up.missed",
    "schedule.catch_up.window",
    "schedule.start_deadline",
    "schedule.jitter",
    "schedule.starts",
    "schedule.ends",
    "schedule.pause_on_failure",
    "schedule.keep.succeeded",
    "schedule.keep.failed",
    "x-owner",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file under `manifests/` and `examples/`, in order.
fn shipped() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root().join("manifests"), root().join("examples")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

fn is_definition(path: &Path) -> bool {
    path.to_string_lossy().ends_with(".workflow.yaml")
}

fn manifests() -> Vec<PathBuf> {
    let is_manifest = |path: &PathBuf| path.extension().is_some_and(|e| e == "yaml") && !is_definition(path);
    let manifests: Vec<_> = shipped().into_iter().filter(is_manifest).collect();
    assert!(manifests.len() >= 14, "the manifests are where this test looks for them: {manifests:?}");
    manifests
}

/// Loads a manifest as `flowbatch check` does, in an environment without any variable.
fn loaded(path: &Path) -> Manifest {
    let (manifest, warnings) = load(path, &Overrides::default(), Secrets::NotNeeded, &|_| None)
        .unwrap_or_else(|mistakes| panic!("{}", mistakes.render(false)));
    let warnings = warnings.render(false);
    assert!(warnings.is_empty(), "{warnings}");
    manifest
}

/// Resolves `..` and `.` without looking at the disk.
fn resolved(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut found, part| {
        match part {
            Component::ParentDir => assert!(found.pop(), "{} goes above the root", path.display()),
            Component::CurDir => {}
            part => found.push(part),
        }
        found
    })
}

/// What is known of a manifest's dataset once it was read through.
struct Read {
    columns: Vec<String>,
    rows: Vec<Row>,
    malformed: u64,
}

/// Reads the manifest's dataset as a run does: columns, survey, then every selected row.
fn read(manifest: &Manifest) -> Read {
    let shown = manifest.path.display();
    let dataset = Dataset::open(&manifest.dataset, None).unwrap_or_else(|error| panic!("{shown}: {error}"));
    let columns = dataset.columns().unwrap_or_else(|error| panic!("{shown}: {error}"));
    assert_eq!(columns.note, None, "{shown}");
    let context =
        SurveyContext { vars: &manifest.vars, manifest_name: &manifest.name, slot: None, env: &manifest.env };
    let survey =
        dataset.survey(&manifest.dataset.select, &context).unwrap_or_else(|error| panic!("{shown}: {error}"));
    let mistakes = manifest.check_columns(Some(&survey.columns), !columns.typed);
    assert!(mistakes.is_empty(), "{}", manifest.diagnostics(mistakes).render(false));
    assert!(!survey.selection.is_empty(), "{shown} selects no row");
    let mut rows = Vec::new();
    dataset
        .read(&survey.selection, &mut |item| {
            if let Item::Row(row) = item {
                rows.push(row);
            }
            ControlFlow::Continue(())
        })
        .unwrap_or_else(|error| panic!("{shown}: {error}"));
    Read { columns: survey.columns, rows, malformed: survey.malformed }
}

/// Renders a row's input as it goes over the wire.
fn input_of(manifest: &Manifest, row: &Row) -> Value {
    let place = format!("{}: row {}", manifest.path.display(), row.number);
    let typed = manifest.dataset.types.apply(&row.record).unwrap_or_else(|error| panic!("{place}: {error}"));
    let scope = Scope::new(&ScopeParts {
        row: &typed,
        row_number: row.number,
        row_key: &row.key.0,
        row_tag: &row_tag("test", row.number),
        repeat: manifest.dataset.repeats.repeat(row.number),
        vars: &manifest.vars,
        run_id: "test",
        manifest_name: &manifest.name,
        schedule: None,
        env: &manifest.env,
        reply: None,
    });
    let rendered = manifest.input.render(&scope).unwrap_or_else(|error| panic!("{place}: {error}"));
    attach(&manifest.folder, rendered).unwrap_or_else(|error| panic!("{place}: {}", error.message)).input
}

#[test]
fn every_manifest_begins_with_the_line_that_editors_read() {
    for path in manifests() {
        let text = fs::read_to_string(&path).unwrap();
        let first = text.lines().next().unwrap();
        let schema = first.strip_prefix("# yaml-language-server: $schema=");
        let schema = schema.unwrap_or_else(|| panic!("{}: begins with {first:?}", path.display()));
        let found = resolved(&path.parent().unwrap().join(schema));
        assert_eq!(found, root().join("schema/manifest.v1.schema.json"), "{}", path.display());
    }
}

#[test]
fn every_manifest_loads_and_fits_its_dataset() {
    for path in manifests() {
        let manifest = loaded(&path);
        let read = read(&manifest);
        assert!(!read.columns.is_empty(), "{}", path.display());
    }
}

#[test]
fn every_row_renders_to_an_input_that_its_workflow_takes() {
    for path in manifests() {
        let manifest = loaded(&path);
        let mut schemas = Vec::new();
        if let Some(flow) = &manifest.workflow.flow_file {
            schemas.push(InputSchema::from_flow(&fs::read_to_string(flow).unwrap()).unwrap());
        }
        if let Provider::Emulator { definition } = &manifest.workflow.provider {
            schemas.push(Definition::load(definition).unwrap().inputs().clone());
        }
        for row in read(&manifest).rows {
            let place = format!("{}: row {}", path.display(), row.number);
            let input = input_of(&manifest, &row);
            for schema in &schemas {
                let misfits = schema.check(&input);
                assert!(misfits.is_empty(), "{place}: {misfits:?}");
            }
        }
    }
}

#[test]
fn every_definition_parses_and_every_file_is_used() {
    let mut used = BTreeSet::new();
    for path in manifests() {
        let manifest = loaded(&path);
        used.extend(manifest.dataset.paths.iter().map(|path| resolved(path)));
        used.extend(manifest.kept.into_iter().map(|file| resolved(&file.path)));
        used.extend(manifest.workflow.flow_file);
        used.extend(manifest.workflow.tls.ca);
        if let Provider::Emulator { definition } = manifest.workflow.provider {
            used.insert(resolved(&definition));
        }
    }
    for path in shipped() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if is_definition(&path) {
            Definition::load(&path).unwrap_or_else(|error| panic!("{error}"));
        }
        let is_text = name == "README.md" || name == ".gitattributes";
        let is_attachment = path.parent().unwrap().ends_with("docs");
        let is_manifest = path.extension().is_some_and(|e| e == "yaml") && !is_definition(&path);
        assert!(is_text || is_attachment || is_manifest || used.contains(&path), "{name} is used by nothing");
    }
}

#[test]
fn every_story_is_told_in_a_readme() {
    for folder in fs::read_dir(root().join("examples")).unwrap() {
        let folder = folder.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let readme = fs::read_to_string(folder.join("README.md")).unwrap();
        let command = format!("flowbatch run examples/{name}/");
        assert!(readme.contains(&command), "{name}: the README shows its command");
        for path in manifests().iter().filter(|path| path.starts_with(&folder)) {
            let manifest = path.file_name().unwrap().to_string_lossy().into_owned();
            assert!(readme.contains(&manifest), "{name}: the README names {manifest}");
        }
    }
}

/// Gathers the paths of all keys of a YAML document.
fn gather(value: &Value, path: &str, found: &mut BTreeMap<String, u32>) {
    if let Value::Object(members) = value {
        for (key, member) in members {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            *found.entry(path.clone()).or_default() += 1;
            gather(member, &path, found);
        }
    } else if let Value::Array(items) = value {
        for item in items {
            gather(item, path, found);
        }
    }
}

#[test]
fn every_key_of_the_language_is_shown_somewhere() {
    let mut found = BTreeMap::new();
    for path in manifests() {
        let manifest: Value = serde_yaml::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        gather(&manifest, "", &mut found);
    }
    let missing: Vec<_> = KEYS.iter().filter(|key| !found.contains_key(**key)).collect();
    assert!(missing.is_empty(), "no manifest shows {missing:?}");
}

#[test]
fn every_manifest_and_every_definition_is_valid_by_its_schema() {
    let manifest_schema = jsonschema::validator_for(&schema()).unwrap();
    let definition_schema = jsonschema::validator_for(Definition::schema().as_value()).unwrap();
    let definitions = shipped().into_iter().filter(|path| is_definition(path));
    let documents = manifests().into_iter().map(|path| (path, &manifest_schema));
    for (path, schema) in documents.chain(definitions.map(|path| (path, &definition_schema))) {
        let document: Value = serde_yaml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let wrong: Vec<_> = schema.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{}: {wrong:#?}", path.display());
    }
}

#[test]
fn the_support_inbox_is_as_untidy_as_a_real_one() {
    let rows = read(&loaded(&root().join("examples/support-triage/triage.yaml"))).rows;
    let texts =
        |column: &str| -> Vec<&str> { rows.iter().map(|row| row.record[column].as_str().unwrap()).collect() };
    let count = |column: &str, holds: &dyn Fn(&str) -> bool| {
        texts(column).into_iter().filter(|text| holds(text)).count()
    };
    assert!(rows.len() >= 1_000);
    assert!(texts("lang").into_iter().collect::<BTreeSet<_>>().len() >= 8);
    assert!(count("body", &|text| text.contains('\n')) > 100, "line ends within cells");
    assert!(count("body", &|text| text.contains('"')) > 20, "quotes within cells");
    assert!(count("body", &|text| text.contains(',')) > 500, "commas within cells");
    assert!(count("body", &|text| text.chars().count() > 4_000) >= 10, "long texts");
    assert!(count("body", &|text| text.contains(['😟', '🙏', '😡', '👍'])) > 20, "emoji");
    assert!(count("订单号", &str::is_empty) > 50, "empty cells");
    assert!(count("Customer Name", &|name| name.contains(' ')) > 500, "names");
    assert!(texts("body").into_iter().collect::<BTreeSet<_>>().len() > 990, "no two tickets are alike");
}

#[test]
fn the_messy_export_has_rows_that_are_rejected_and_named() {
    let manifest = loaded(&root().join("examples/messy-export/export.yaml"));
    let read = read(&manifest);
    assert!(read.malformed >= 4, "{}", read.malformed);
    assert!(read.rows.len() > 100);
    assert!(read.rows.iter().any(|row| row.record["Firma"] == "Café Müßiggang"));
}
